package embedded_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/domain"

	"iotcenter/influx/embedded"
)

func TestMalformedLineWritesNothing(t *testing.T) {
	s := fresh(t)
	for name, tc := range map[string]struct {
		lines string
		line  int
	}{
		"no fields":              {"m f=1\nm,tag=x\nm f=2", 2},
		"bad number":             {"m f=1\n\n# comment \"\nm f=1.2.3\n", 4},
		"bad time":               {"m f=1 12x", 1},
		"after a value of lines": {"m s=\"a\nb\nc\"\nm f=1\nm f=", 5},
		"quotes in a tag":        {"m,tag=\"x f=1\nm f=1\nbad", 3},
		"quotes in a field name": {"m a\"b=1\nm f=1\nbad", 3},
		"open string":            {"m f=1\nm s=\"open", 2},
		"time out of range":      {"m f=1 9223372036854775807", 1},
		"escaped newline":        {"m,t=a\\ b f=1\nm f=1 1 1", 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := write(t, s, rootToken, "first", tc.lines)
			r.wantError(t, 400, "invalid", fmt.Sprintf("line %d: ", tc.line))
			var e struct{ Line int }
			if r.decode(t, &e); e.Line != tc.line {
				t.Errorf("line %d, want %d: %s", e.Line, tc.line, r.body)
			}
		})
	}
	if got := values(t, s, rootToken, `from(bucket: "first") |> range(start: 0)`); len(got) != 0 {
		t.Errorf("a refused batch left %v", got)
	}
	for _, empty := range []string{"", "\n\n", "# only a comment\n"} {
		write(t, s, rootToken, "first", empty).wantError(t, 400, "invalid", "points")
	}
}

func TestTypeConflicts(t *testing.T) {
	s := fresh(t)
	now := time.Now().UnixNano()
	write(t, s, rootToken, "first", fmt.Sprintf("m f=1 %d", now)).want(t, 204)
	// With what is stored: the good point of the batch is kept.
	write(t, s, rootToken, "first", fmt.Sprintf("m f=\"text\" %d\nm f=2 %d", now+1, now+2)).
		wantError(t, 422, "unprocessable entity", "dropped=1")
	// Inside one batch, for a field that is new: the first type wins.
	write(t, s, rootToken, "first", fmt.Sprintf("n f=1i %d\nn f=2.5 %d\nn f=true %d\nn f=4i %d", now, now+1, now+2, now+3)).
		wantError(t, 422, "unprocessable entity", "dropped=2")
	// A batch over two shards, where the types differ from shard to shard, is no conflict.
	old := time.Now().Add(-60 * 24 * time.Hour).UnixNano()
	write(t, s, rootToken, "first", fmt.Sprintf("o f=1i %d\no f=2.5 %d", old, now)).want(t, 204)

	for measurement, want := range map[string]string{"m": "[1 2]", "n": "[1 4]", "o": "[1 2.5]"} {
		got := []any{}
		r := call(t, s, rootToken, "GET", "/query?db=first&q=SELECT+f+FROM+"+measurement, nil).want(t, 200)
		var out struct {
			Results []struct {
				Series []struct{ Values [][]any }
			}
		}
		r.decode(t, &out)
		if measurement == "o" { // InfluxQL shows one type only
			got = append(got, values(t, s, rootToken, `from(bucket: "first") |> range(start: -100d, stop: -50d) |> filter(fn: (r) => r._measurement == "o")`)...)
			got = append(got, values(t, s, rootToken, `from(bucket: "first") |> range(start: -1h) |> filter(fn: (r) => r._measurement == "o")`)...)
		} else {
			for _, row := range out.Results[0].Series[0].Values {
				got = append(got, row[1])
			}
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", measurement, got, want)
		}
	}
}

func TestPointsBeyondRetention(t *testing.T) {
	s := fresh(t)
	newBucket(t, s, "short", domain.RetentionRule{EverySeconds: 3600})
	now := time.Now()
	lines := fmt.Sprintf("m f=1 %d\nm f=2 %d", now.Add(-30*time.Hour).UnixNano(), now.UnixNano())
	write(t, s, rootToken, "short", lines).wantError(t, 422, "unprocessable entity", "retention")
	if got := values(t, s, rootToken, `from(bucket: "short") |> range(start: -48h)`); fmt.Sprint(got) != "[2]" {
		t.Errorf("kept %v", got)
	}
}

func TestWriteBodies(t *testing.T) {
	s := fresh(t)
	pack := func(text string) []byte {
		var b bytes.Buffer
		zw := gzip.NewWriter(&b)
		_, _ = zw.Write([]byte(text))
		_ = zw.Close()
		return b.Bytes()
	}
	path := "/api/v2/write?org=org&bucket=first"
	call(t, s, rootToken, "POST", path, pack("m f=1"), "Content-Encoding", "gzip").want(t, 204)
	call(t, s, rootToken, "POST", path, "m f=1", "Content-Encoding", "gzip").wantError(t, 400, "invalid", "gzip")
	call(t, s, rootToken, "POST", path, pack("m f=1")[:20], "Content-Encoding", "gzip").wantError(t, 400, "invalid", "body")
	call(t, s, rootToken, "POST", path, "m f=1", "Content-Encoding", "br").want(t, 415)
	// 65 MB of zeros pack to a few kilobytes.
	bomb := pack("m s=\"" + strings.Repeat("0", 65<<20) + "\"")
	call(t, s, rootToken, "POST", path, bomb, "Content-Encoding", "gzip").wantError(t, 413, "request too large", "")
	call(t, s, rootToken, "POST", path, strings.Repeat("m f=1\n", 12<<20)).wantError(t, 413, "request too large", "")
	if got := values(t, s, rootToken, `from(bucket: "first") |> range(start: -1h)`); fmt.Sprint(got) != "[1]" {
		t.Errorf("stored %v", got)
	}
}

func TestNoRoomOnDisk(t *testing.T) {
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir(), MinFree: 1 << 62})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	setup(t, s)
	write(t, s, rootToken, "first", "m f=1").wantError(t, 507, "insufficient storage", "disk")
	if got := values(t, s, rootToken, `from(bucket: "first") |> range(start: -1h)`); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
}

func TestDelete(t *testing.T) {
	s := fresh(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	seed := func() {
		t.Helper()
		var b strings.Builder
		for _, device := range []string{"1", "two", "a b"} {
			for _, m := range []string{"env", "gps"} {
				for i := range 3 {
					fmt.Fprintf(&b, "%s,device=%s,site=x v=%d,site2=1i %d\n", m, strings.ReplaceAll(device, " ", `\ `), i, at.Add(time.Duration(i)*time.Minute).UnixNano())
				}
			}
		}
		write(t, s, rootToken, "first", b.String()).want(t, 204)
	}
	c := client(s, rootToken)
	defer c.Close()
	left := func() int {
		return len(values(t, s, rootToken, `from(bucket: "first") |> range(start: -1d) |> filter(fn: (r) => r._field == "v")`))
	}
	for _, tc := range []struct {
		predicate   string
		start, stop time.Time
		left        int
	}{
		{`device=1`, at.Add(-time.Hour), at.Add(time.Hour), 12},
		{`device="two" AND _measurement="env"`, at.Add(-time.Hour), at.Add(time.Hour), 15},
		{`_measurement=gps and (device='a b')`, at.Add(-time.Hour), at.Add(time.Hour), 15},
		{`_measurement="env" AND _measurement="gps"`, at.Add(-time.Hour), at.Add(time.Hour), 18},
		{`device="nobody"`, at.Add(-time.Hour), at.Add(time.Hour), 18},
		{`v="1"`, at.Add(-time.Hour), at.Add(time.Hour), 18},     // a field of that name must not match everything
		{`site2="1"`, at.Add(-time.Hour), at.Add(time.Hour), 18}, // likewise
		{``, at, at, 12}, // both ends are part of the range
		{``, at.Add(time.Second), at.Add(time.Minute), 12},
		{`site=x`, time.Unix(0, 0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), 0},
		{``, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 0},
	} {
		t.Run(tc.predicate, func(t *testing.T) {
			seed()
			if err := c.DeleteAPI().DeleteWithName(t.Context(), orgName, "first", tc.start, tc.stop, tc.predicate); err != nil {
				t.Fatal(err)
			}
			if got := left(); got != tc.left {
				t.Errorf("%d points left, want %d", got, tc.left)
			}
		})
	}
	for _, predicate := range []string{`device`, `device=`, `device!="x"`, `device="x" OR site="x"`, `device=~/x/`, `device=="x"`, `device="x`, `(device="x"`,
		`device="x")`, `_field="v"`, `time="x"`, `_time>1`, `device="x" AND`, `device="x" ANDsite="x"`, `AND`, `device=""`, strings.Repeat("(", 1000)} {
		t.Run("refused "+predicate, func(t *testing.T) {
			r := call(t, s, rootToken, "POST", "/api/v2/delete?org=org&bucket=first",
				map[string]any{"start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z", "predicate": predicate})
			r.wantError(t, 400, "invalid", "predicate")
		})
	}
	for _, body := range []map[string]any{{"start": "yesterday", "stop": "2100-01-01T00:00:00Z"}, {"start": "2100-01-01T00:00:00Z"},
		{"start": "2100-01-01T00:00:00Z", "stop": "2000-01-01T00:00:00Z"}} {
		call(t, s, rootToken, "POST", "/api/v2/delete?org=org&bucket=first", body).wantError(t, 400, "invalid", "")
	}
}

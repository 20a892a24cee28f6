package influx_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"iotcenter/influx"
	"iotcenter/influx/influxtest"
)

// exported are the lines of a bucket, sorted.
func exported(t interface{ Fatal(...any) }, db *influx.DB, bucket string, o influx.ExportOptions) string {
	var b bytes.Buffer
	o.Bucket = bucket
	sum, err := db.Export(context.Background(), &b, o)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Bytes != int64(b.Len()) {
		t.Fatal("the sum tells", sum.Bytes, "bytes of", b.Len())
	}
	return sorted(b.String())
}

// sorted orders lines, each with the line breaks within its values.
func sorted(text string) string {
	var lines []string
	fields, quoted, values, begin := false, false, 0, 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == '\n' && !quoted:
			lines = append(lines, text[begin:i+1])
			begin, fields, values = i+1, false, 0
		case text[i] == ' ':
			fields = true
		case fields && !quoted && text[i] == '=':
			values++
		case fields && !quoted && text[i] == ',':
			values--
		case values > 0 && text[i] == '"': // a name, too, may hold one
			quoted = !quoted
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

var escapeName = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `)

// anyPoints draws line protocol of everything that can be stored; a field has one type in a measurement.
func anyPoints(t *rapid.T) string {
	name := rapid.StringMatching(`[a-zäß€_."'0-9 ,=|-]{0,6}[a-zäß€_."'0-9|-]`)
	text := rapid.StringOf(rapid.RuneFrom([]rune("ab \\\"\n,=#é€😀\t'")))
	times := rapid.OneOf(rapid.Int64Range(-5, 5), rapid.Int64Range(1.7e18, 1.7e18+1e6), rapid.Int64Range(-8e18, -8e18+1e6),
		rapid.SampledFrom([]int64{math.MinInt64 + 2, math.MaxInt64 - 1}))
	value := func(kind int) string {
		switch kind {
		case 0:
			return strconv.FormatFloat(rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).Draw(t, "float"), 'g', -1, 64)
		case 1:
			return strconv.FormatInt(rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, 1<<53 + 1})).Draw(t, "int"), 10) + "i"
		case 2:
			return strconv.FormatUint(rapid.OneOf(rapid.Uint64(), rapid.Just(uint64(math.MaxUint64))).Draw(t, "uint"), 10) + "u"
		case 3:
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text.Draw(t, "text")) + `"`
		default:
			return strconv.FormatBool(rapid.Bool().Draw(t, "bool"))
		}
	}
	var b strings.Builder
	kinds := map[string]int{}
	for range rapid.IntRange(1, 12).Draw(t, "points") {
		measurement := rapid.SampledFrom([]string{"m", "n o,p", `back\slash`, `q"uote`}).Draw(t, "measurement")
		b.WriteString(strings.NewReplacer(",", `\,`, " ", `\ `).Replace(measurement))
		tags := rapid.MapOfN(name, name, 0, 3).Draw(t, "tags")
		for k, v := range tags {
			if k != "time" && !strings.HasPrefix(k, "_") {
				b.WriteString("," + escapeName.Replace(k) + "=" + escapeName.Replace(v))
			}
		}
		fields := rapid.MapOfN(name, rapid.IntRange(0, 4), 1, 3).Draw(t, "fields")
		separator := " "
		for k, kind := range fields {
			if before, ok := kinds[measurement+"\x00"+k]; ok {
				kind = before
			}
			kinds[measurement+"\x00"+k] = kind
			b.WriteString(separator + escapeName.Replace("f"+k) + "=" + value(kind))
			separator = ","
		}
		fmt.Fprintf(&b, " %d\n", times.Draw(t, "time"))
	}
	return b.String()
}

// TestExportAndImportAgree: what is written, exported, imported elsewhere and exported again is the same.
func TestExportAndImportAgree(t *testing.T) {
	from, to := influxtest.Start(t), influxtest.Start(t)
	const enough = 15 // each takes a second, for its shards in three centuries
	round, passed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		if passed == enough {
			return
		}
		lines := anyPoints(t)
		one := fmt.Sprintf("round_%d_%s", round, from.Config.Bucket)
		other := one + "_other"
		round++
		defer emptyBucket(t, from, one)()
		defer emptyBucket(t, to, other)()
		if _, err := from.DB.Import(context.Background(), strings.NewReader(lines), influx.ImportOptions{Bucket: one}); err != nil {
			t.Fatalf("%v in %q", err, lines)
		}
		text := exported(t, from.DB, one, influx.ExportOptions{})
		if _, err := to.DB.Import(context.Background(), strings.NewReader(text), influx.ImportOptions{Bucket: other}); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if again := exported(t, to.DB, other, influx.ExportOptions{}); again != text {
			t.Fatalf("exported %q\nagain    %q", text, again)
		}
		if n := strings.Count(lines, "f"); n > 0 && text == "" {
			t.Fatalf("nothing of %q was exported", lines)
		}
		passed++
	})
}

// emptyBucket makes a bucket, and gives a function that removes it.
func emptyBucket(t interface{ Fatal(...any) }, i *influxtest.Instance, name string) (remove func()) {
	client := i.Client()
	org, err := client.OrganizationsAPI().FindOrganizationByName(context.Background(), i.Config.Org)
	if err != nil {
		t.Fatal(err)
	}
	b, err := client.BucketsAPI().CreateBucketWithName(context.Background(), org, name)
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = client.BucketsAPI().DeleteBucket(context.Background(), b) }
}

// TestExportTellsTypesApart: a field that is a float in one week and an integer in the next keeps both.
func TestExportTellsTypesApart(t *testing.T) {
	i := influxtest.Start(t)
	const week = 7 * 24 * 3600 * 1_000_000_000
	var b strings.Builder
	for n := range 6 {
		kind := []string{"", "i", "u"}[n%3]
		for k := range 3 {
			fmt.Fprintf(&b, "m,a=b f=%d%s,g=1 %d\n", k, kind, int64(n)*week+int64(k))
		}
	}
	want := b.String()
	i.Write(strings.Split(strings.TrimSpace(want), "\n")...)
	got := exported(t, i.DB, i.Config.Bucket, influx.ExportOptions{})
	var split []string // f comes by a way of its own
	for _, line := range strings.SplitAfter(want, "\n") {
		if head, rest, ok := strings.Cut(line, ",g=1"); ok {
			split = append(split, head+rest, "m,a=b g=1"+rest)
		}
	}
	if got != sorted(strings.Join(split, "")) {
		t.Errorf("got\n%s\nwant\n%s", got, sorted(strings.Join(split, "")))
	}
}

func TestExportKeepsToItsTimes(t *testing.T) {
	i := influxtest.Start(t)
	i.Write("m f=1 1000000000", "m f=2 2000000000", "m f=3 3000000000")
	got := exported(t, i.DB, i.Config.Bucket, influx.ExportOptions{Start: time.Unix(2, 0), Stop: time.Unix(3, 0)})
	if got != "m f=2 2000000000\n" {
		t.Errorf("%q", got)
	}
}

// TestImportOfManyLines: more than a batch, packed, with line breaks in values at every place of a batch's end.
func TestImportOfManyLines(t *testing.T) {
	i := influxtest.Start(t)
	var text strings.Builder
	text.WriteString("# a comment \"with a quote\n\n")
	const points = 12_345
	for n := range points {
		fmt.Fprintf(&text, "m,k=%d s=\"one\ntwo \\\" %d\" %d\n", n%7, n, 1_700_000_000_000_000_000+n)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, text.String()); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	var told influx.Transferred
	sum, err := i.DB.Import(t.Context(), &packed, influx.ImportOptions{Bucket: i.Config.Bucket, Progress: func(s influx.Transferred) { told = s }})
	if err != nil || sum.Points != points || told != sum {
		t.Fatalf("%+v, %v, told %+v", sum, err, told)
	}
	_, lines, _ := strings.Cut(text.String(), "\n\n")
	if got := exported(t, i.DB, i.Config.Bucket, influx.ExportOptions{}); got != sorted(lines) {
		t.Errorf("%d bytes came back of %d", len(got), len(lines))
	}
}

func TestImportNamesTheLine(t *testing.T) {
	for name, bad := range map[string]string{"malformed": "m f=", "of another type": `m f="text" 1700000000000000000`} {
		i := influxtest.Start(t)
		i.Write("m f=1 1700000000000000000")
		var text strings.Builder
		for n := range 7_000 {
			if n == 6_000 {
				text.WriteString(bad + "\n")
			}
			fmt.Fprintf(&text, "m f=%d,s=\"a\nb\" %d\n", n, 1_700_000_000_000_000_000+n)
		}
		sum, err := i.DB.Import(t.Context(), strings.NewReader(text.String()), influx.ImportOptions{Bucket: i.Config.Bucket})
		if err == nil || !strings.Contains(err.Error(), "line 12001:") || sum.Points != 6_000 {
			t.Errorf("%s: %+v, %v", name, sum, err)
		}
	}
}

func TestImportWaitsForABusyDatabase(t *testing.T) {
	i := influxtest.Start(t)
	tries := 0
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries++; tries < 3 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader([]int{429, 503}[tries-1])
			return
		}
		w.WriteHeader(204)
	}))
	t.Cleanup(busy.Close)
	cfg := i.Config
	cfg.Embedded, cfg.HTTPClient, cfg.URL = false, nil, busy.URL
	db, err := influx.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := db.Import(t.Context(), strings.NewReader("m f=1 1"), influx.ImportOptions{Bucket: "b"})
	if err != nil || sum.Points != 1 || tries != 3 {
		t.Errorf("%+v, %v, %d tries", sum, err, tries)
	}
}

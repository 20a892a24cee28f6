package fluxquery

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestTimesBeforeTheEndOfAWindow(t *testing.T) {
	for n := 1; n <= 40; n++ {
		times := make([]int64, n)
		for i := range times {
			times[i] = int64(10 * i)
		}
		for stop := int64(1); stop < int64(10*n+20); stop++ {
			want := 0
			for _, at := range times {
				if at < stop {
					want++
				}
			}
			if got := before(times, stop); got != want {
				t.Fatalf("%d of %d times are before %d, want %d", got, n, stop, want)
			}
		}
	}
}

// Rows of several blocks in several shards, of fields that came late or ended early.
func TestPushdownAcrossShards(t *testing.T) {
	s := openStore(t)
	var b strings.Builder
	for i := range 5000 {
		d := time.Duration(i) * 11 * time.Minute // 38 days
		line(&b, "env,host=a f=%v,n=%di %d", float64(i%977)/7, i*i%1009, at(d))
		switch {
		case i < 500:
			line(&b, "env,host=a early=%d,label=\"x%d\" %d", i, i, at(d))
		case i > 4500:
			line(&b, "env,host=b late=%di,on=true %d", i, at(d))
		}
	}
	s.write("db", b.String())
	e := s.engine()
	for _, every := range []string{"9h", "200d"} {
		for _, fn := range []string{"mean", "min", "max", "count", "sum", "first", "last"} {
			same(t, e, fmt.Sprintf(`from(bucket: "db") |> range(start: 2024-02-01T00:00:00Z, stop: 2024-05-01T00:00:00Z)
				|> filter(fn: (r) => r._field != "label" and r._field != "on")
				|> aggregateWindow(every: %s, fn: %s, createEmpty: false)`, every, fn), 1)
		}
	}
	for _, fn := range []string{"count", "first", "last"} {
		same(t, e, fmt.Sprintf(`from(bucket: "db") |> range(start: 2024-02-01T00:00:00Z, stop: 2024-05-01T00:00:00Z)
			|> aggregateWindow(every: 9h, fn: %s, createEmpty: false)`, fn), 1)
	}
}

// A range ends before its stop, whoever reads it.
func TestWindowsEndBeforeTheStop(t *testing.T) {
	s := openStore(t)
	s.write("db", fmt.Sprintf("m,t=a v=1 %d\nm,t=a v=2 %d\nm,t=a v=99 %d\n", at(-7*time.Second), at(time.Minute), at(time.Hour-7*time.Second)))
	e := s.engine()
	const from = `from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-01T01:00:00Z)`
	for name, tail := range map[string]string{
		"rows": "", "last": " |> last()", "group": ` |> group(columns: ["t"]) |> max()`, "filter": ` |> filter(fn: (r) => r._value > 0)`,
		"count": " |> count()", "windows": " |> window(every: 10m) |> max()",
	} {
		if out, stats := ask(t, e, request(from+tail)); strings.Contains(out, "99") || stats.Rows == 0 || name == "count" && !strings.Contains(out, ",a,2\r\n") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
	for _, every := range []string{"10m", "7m", "2h"} {
		for _, fn := range []string{"mean", "count", "last"} {
			same(t, e, from+" |> aggregateWindow(every: "+every+", fn: "+fn+")", 1)
		}
	}
}

// A mean keeps the values of its window; the query answers for them.
func TestValuesOfAWindowAreAccounted(t *testing.T) {
	s := openStore(t)
	var b strings.Builder
	for i := range 50_000 {
		line(&b, "m f=%d %d", i, at(time.Duration(i)*time.Second))
	}
	s.write("db", b.String())
	script := `from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-02T00:00:00Z) |> aggregateWindow(every: 1d, fn: %s, createEmpty: false)`
	e := s.engine(func(o *Options) { o.MemoryLimit = 200_000 })
	if _, err := e.Query(t.Context(), request(fmt.Sprintf(script, "mean")), io.Discard); !errors.Is(err, ErrMemory) {
		t.Errorf("400 kB of values within 200 kB of memory: %v", err)
	}
	if _, err := e.Query(t.Context(), request(fmt.Sprintf(script, "max")), io.Discard); err != nil {
		t.Errorf("a maximum keeps no values: %v", err)
	}
}

// A field whose type changes from one shard to the next cannot be read in one go. That is an error, whichever way it is
// read; the library shows the values before the change and says nothing.
func TestTypeChangeIsAnError(t *testing.T) {
	s := openStore(t)
	s.write("db", fmt.Sprintf("env,host=a mixed=1.5 %d\n", at(0)))
	s.write("db", fmt.Sprintf("env,host=a mixed=2i %d\n", at(30*24*time.Hour)))
	e := s.engine()
	const from = `from(bucket: "db") |> range(start: 2024-02-01T00:00:00Z, stop: 2024-05-01T00:00:00Z)`
	for name, tail := range map[string]string{
		"rows": "", "windows": " |> aggregateWindow(every: 1d, fn: mean)", "group": ` |> group(columns: ["host"]) |> max()`, "last": " |> last()",
	} {
		var out bytes.Buffer
		if _, err := e.Query(t.Context(), request(from+tail), &out); !errors.Is(err, errTypeChange.Err) {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
	for _, part := range []string{"start: 2024-02-01T00:00:00Z, stop: 2024-03-10T00:00:00Z", "start: 2024-03-20T00:00:00Z, stop: 2024-05-01T00:00:00Z"} {
		if out, stats := ask(t, e, request(`from(bucket: "db") |> range(`+part+`) |> aggregateWindow(every: 1d, fn: mean, createEmpty: false)`)); stats.Rows != 1 {
			t.Errorf("%s: %s", part, out)
		}
	}
}

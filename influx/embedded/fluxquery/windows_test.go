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

// A field whose type changes from one shard to the next is read whole, part by part. The library shows the values before
// the change and says nothing. In groups, which have one type, that is an error.
func TestTypeChangeLosesNothing(t *testing.T) {
	s := openStore(t)
	const week = 7 * 24 * time.Hour
	for i, v := range []string{"1.5", "2.5", "3i", "4i", "5.5", "\"six\"", "7i"} {
		s.write("db", fmt.Sprintf("env,host=a mixed=%s,other=%di %d\nenv,host=a,more=b mixed=%s %d\n", v, i, at(time.Duration(i)*week), v, at(time.Duration(i)*week+time.Hour)))
	}
	e := s.engine()
	from := func(start, stop string) string {
		return `from(bucket: "db") |> range(start: ` + start + `, stop: ` + stop + `) |> filter(fn: (r) => r._field == "mixed" and r._measurement == "env")`
	}
	all := from("2024-02-01T00:00:00Z", "2024-06-01T00:00:00Z")
	for name, tc := range map[string]struct {
		script string
		rows   int
		holds  []string
	}{
		"rows":                   {all, 14, []string{",1.5,", ",2.5,", ",3,", ",4,", ",5.5,", ",six,", ",7,"}},
		"from the middle":        {from("2024-03-03T00:00:00Z", "2024-06-01T00:00:00Z"), 12, []string{",2.5,", ",3,", ",7,"}},
		"a range of one type":    {from("2024-03-14T00:00:00Z", "2024-03-24T00:00:00Z"), 4, []string{",3,", ",4,"}},
		"a chart of the app":     {from("2024-02-01T00:00:00Z", "2024-04-01T00:00:00Z") + ` |> aggregateWindow(every: 1d, fn: mean, timeSrc: "_start", createEmpty: false) |> keep(columns: ["_time", "_value", "_field"])`, 10, []string{",1.5", ",3", ",5.5"}},
		"windows":                {all + " |> aggregateWindow(every: 1d, fn: last, createEmpty: false)", 14, []string{",1.5", ",4,", ",six", ",7"}},
		"windows of the numbers": {from("2024-02-01T00:00:00Z", "2024-04-01T00:00:00Z") + " |> aggregateWindow(every: 1d, fn: mean, createEmpty: false)", 10, []string{",1.5,", ",3,", ",5.5,"}},
		"a condition on values":  {from("2024-02-01T00:00:00Z", "2024-04-01T00:00:00Z") + " |> filter(fn: (r) => r._value > 2.0)", 8, []string{",2.5,", ",5.5,", ",3,"}},
	} {
		var out bytes.Buffer
		stats, err := e.Query(t.Context(), request(tc.script), &out)
		if err != nil || int(stats.Rows) != tc.rows {
			t.Errorf("%s: %v, %d rows, want %d\n%s", name, err, stats.Rows, tc.rows, out.String())
			continue
		}
		for _, v := range tc.holds {
			if !strings.Contains(out.String()+",", v) {
				t.Errorf("%s: %s is missing\n%s", name, v, out.String())
			}
		}
	}
	if _, err := e.Query(t.Context(), request(all+` |> group(columns: ["host"]) |> max()`), io.Discard); !errors.Is(err, errTypeChange.Err) {
		t.Errorf("group: %v", err)
	}
	if _, err := e.Query(t.Context(), request(all+` |> last()`), io.Discard); err == nil {
		t.Error("Flux has no table for values of two types")
	}
}

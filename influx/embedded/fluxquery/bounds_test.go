package fluxquery

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestRangeEndsBeforeItsStop: as in InfluxDB 2.x, whichever way the store is read.
func TestRangeEndsBeforeItsStop(t *testing.T) {
	s := openStore(t)
	for _, d := range []time.Duration{0, time.Minute - 1, time.Minute, time.Minute + 1} {
		s.write("db", fmt.Sprintf("m,host=a f=1 %d", at(d)))
	}
	s.write("db", "m,host=old f=1 0")
	e := s.engine()
	from := fmt.Sprintf(`from(bucket: "db") |> range(start: %s, stop: %s)`, stamp(0), stamp(time.Minute))
	for script, want := range map[string]int{
		from: 2,
		from + ` |> filter(fn: (r) => r.host == "a") |> keep(columns: ["_time", "_value"])`:                                                               2,
		from + ` |> group(columns: ["host"])`:                                                                                                             2,
		fmt.Sprintf(`from(bucket: "db") |> range(start: %s, stop: %s)`, stamp(time.Minute), stamp(time.Minute+1)):                                         1,
		`from(bucket: "db") |> range(start: 1960-01-01T00:00:00Z, stop: 1970-01-01T00:00:00.000000001Z)`:                                                  0,
		`from(bucket: "db") |> range(start: 1960-01-01T00:00:00Z, stop: 1970-01-01T00:00:01Z)`:                                                            1,
		`from(bucket: "db") |> range(start: 1960-01-01T00:00:00Z, stop: 1970-01-01T00:00:01Z) |> aggregateWindow(every: 1s, fn: sum, createEmpty: false)`: 1,
	} {
		if got, stats := ask(t, e, request(script)); int(stats.Rows) != want {
			t.Errorf("%s: %d rows, want %d\n%s", script, stats.Rows, want, got)
		}
	}
	got, _ := ask(t, e, request(from+` |> count()`))
	if !strings.Contains(got, stamp(time.Minute)) || !strings.Contains(got, ",f,m,a,2") {
		t.Errorf("the column _stop is the range's own, and it has two points:\n%s", got)
	}
}

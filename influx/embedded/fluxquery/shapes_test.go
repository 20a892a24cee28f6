package fluxquery

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// rows returns the lines of data of an answer without annotations, header and the first two columns, sorted.
func rows(t *testing.T, e *Engine, script string) []string {
	t.Helper()
	r := request(script)
	r.Annotations, r.Header = nil, false
	out, _ := ask(t, e, r)
	var lines []string
	for l := range strings.SplitSeq(out, "\r\n") {
		if l != "" {
			lines = append(lines, l[len(","):])
		}
	}
	slices.Sort(lines)
	return lines
}

// The forms that dashboards and pages use, with the answers they rely on.
func TestShapesOfTheApp(t *testing.T) {
	s := openStore(t)
	s.database("other")
	var b strings.Builder
	for i := range 4 {
		line(&b, "env,clientId=a temp=%d,hum=%di %d", 10+i, 50-i, at(time.Duration(i)*time.Minute))
	}
	line(&b, "env,clientId=b temp=99 %d", at(30*time.Second))
	s.write("db", b.String())
	s.write("other", fmt.Sprintf("env,clientId=c temp=7 %d", at(0)))
	e := s.engine()
	const head = `from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-01T01:00:00Z)`
	const a = head + ` |> filter(fn: (r) => r._measurement == "env" and r.clientId == "a")`
	cases := map[string]struct {
		script string
		want   []string
	}{
		"last": {a + ` |> last() |> keep(columns: ["_time", "_value", "_field"])`,
			[]string{"_result,0,2024-03-01T00:03:07Z,47,hum", "_result,1,2024-03-01T00:03:07Z,13,temp"}},
		"pivot": {a + ` |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") |> keep(columns: ["_time", "hum", "temp"]) |> limit(n: 2)`,
			[]string{"_result,0,2024-03-01T00:00:07Z,50,10", "_result,0,2024-03-01T00:01:07Z,49,11"}},
		"count": {head + ` |> filter(fn: (r) => r._field == "temp") |> count() |> group() |> sum()`, []string{"_result,0,5"}},
		"group": {head + ` |> filter(fn: (r) => r._field == "temp") |> group(columns: ["clientId"]) |> max() |> keep(columns: ["clientId", "_value"])`,
			[]string{"_result,0,13,a", "_result,1,99,b"}},
		"three results of three reads": {`data = () => ` + a + ` |> filter(fn: (r) => r._field == "temp")
			data() |> aggregateWindow(every: 30m, fn: min, timeSrc: "_start", createEmpty: false) |> keep(columns: ["_time", "_value", "_field"]) |> yield(name: "min")
			data() |> aggregateWindow(every: 30m, fn: max, timeSrc: "_start", createEmpty: false) |> keep(columns: ["_time", "_value", "_field"]) |> yield(name: "max")
			data() |> aggregateWindow(every: 30m, fn: mean, timeSrc: "_start", createEmpty: false) |> keep(columns: ["_time", "_value", "_field"]) |> yield(name: "mean")`,
			[]string{"max,0,2024-03-01T00:00:00Z,13,temp", "mean,0,temp,11.5,2024-03-01T00:00:00Z", "min,0,2024-03-01T00:00:00Z,10,temp"}},
		// Both reads must be waited for: the library gives all reads one name.
		"union of reads": {`union(tables: [` + head + ` |> filter(fn: (r) => r.clientId == "b"),
			from(bucket: "other") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-01T01:00:00Z)]) |> keep(columns: ["_value"]) |> group()`,
			[]string{"_result,0,7", "_result,0,99"}},
		"union of groups": {`union(tables: [` + head + ` |> filter(fn: (r) => r._field == "temp") |> group(columns: ["clientId"]),
			from(bucket: "other") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-01T01:00:00Z) |> group(columns: ["clientId"])])
			|> filter(fn: (r) => r.clientId != "a") |> keep(columns: ["_value"]) |> group()`,
			[]string{"_result,0,7", "_result,0,99"}},
		"tag values": {`import "influxdata/influxdb/v1"` + "\n" + `v1.tagValues(bucket: "db", tag: "clientId", start: -2d)`,
			[]string{"_result,0,a", "_result,0,b"}},
		"fields": {head + ` |> keep(columns: ["_field"]) |> group() |> distinct(column: "_field") |> keep(columns: ["_value"])`,
			[]string{"_result,0,hum", "_result,0,temp"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for range 5 { // the order in which branches run differs
				if got := rows(t, e, c.script); !slices.Equal(got, c.want) {
					t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
				}
			}
		})
	}
}

// A result of many tables must not stand in the way of another that is fed by the same read.
func TestResultsWithManyTables(t *testing.T) {
	s := openStore(t)
	var b strings.Builder
	for i := range 3000 {
		line(&b, "m,t=%d f=1 %d", i, at(0))
	}
	s.write("db", b.String())
	_, stats := ask(t, s.engine(), request(`from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z)
		|> yield(name: "z") |> map(fn: (r) => ({r with _value: 2.0})) |> yield(name: "a")`))
	if stats.Tables != 6000 {
		t.Errorf("%d tables", stats.Tables)
	}
}

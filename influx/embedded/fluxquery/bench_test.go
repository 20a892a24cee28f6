package fluxquery

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

var yearFields = []string{"temperature", "humidity", "pressure", "co2", "tvoc"}

// year fills a store with one-minute data of one device over a year.
func year(b *testing.B) *Engine {
	b.Helper()
	s := openStore(b)
	var lines strings.Builder
	const minutes = 365 * 24 * 60
	for i := range minutes {
		lines.WriteString("environment,clientId=dev")
		for j, f := range yearFields {
			sep := ","
			if j == 0 {
				sep = " "
			}
			fmt.Fprintf(&lines, "%s%s=%v", sep, f, float64((i*(j+7))%1000)/10)
		}
		line(&lines, " %d", epoch.Add(-time.Duration(minutes-i)*time.Minute).UnixNano())
		if i%5000 == 4999 || i == minutes-1 {
			s.write("db", lines.String())
			lines.Reset()
		}
	}
	e := s.engine(func(o *Options) { o.Timeout, o.MemoryLimit = 10*time.Minute, 4<<30 })
	<-e.Ready()
	return e
}

// BenchmarkYear is the dashboard's data for 7, 30 and 365 days of one-minute values, five fields.
func BenchmarkYear(b *testing.B) {
	e := year(b)
	const data = `data = from(bucket: "db") |> range(start: -%s) |> filter(fn: (r) => r._measurement == "environment" and r.clientId == "dev")` + "\n"
	pivot := ` |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`
	for _, span := range []struct{ name, every string }{{"7d", "20m"}, {"30d", "1h"}, {"365d", "12h"}} {
		mean := fmt.Sprintf(data+`data |> aggregateWindow(every: %s, fn: mean, createEmpty: false)`, span.name, span.every) + pivot
		three := fmt.Sprintf(data, span.name)
		for _, fn := range []string{"min", "max", "mean"} {
			three += fmt.Sprintf("%s = data |> aggregateWindow(every: %s, fn: %s, createEmpty: false) |> set(key: \"fn\", value: %q)\n", fn+"1", span.every, fn, fn)
		}
		three += `union(tables: [min1, max1, mean1]) |> group(columns: ["_field", "fn"]) |> sort(columns: ["_time"]) |> keep(columns: ["_time", "_value", "_field", "fn"])`
		for name, script := range map[string]string{
			"mean":  mean,
			"three": three,
			"raw":   fmt.Sprintf(data+`data`, span.name) + pivot,
			"last":  fmt.Sprintf(data+`data |> last()`, span.name),
		} {
			for _, plan := range []string{"rule", "stock"} {
				if plan == "stock" && (name == "raw" || name == "last") {
					continue
				}
				b.Run(span.name+"/"+name+"/"+plan, func(b *testing.B) {
					r := request(script)
					r.Now, r.NoPushdown = epoch, plan == "stock"
					var stats Stats
					for b.Loop() {
						var err error
						if stats, err = e.Query(b.Context(), r, io.Discard); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(stats.Rows), "rows")
					b.ReportMetric(float64(stats.MaxMemory)/1e6, "MB")
				})
			}
		}
	}
}

// BenchmarkFleet is the last entry of every device, in the shapes a script can ask for it.
func BenchmarkFleet(b *testing.B) {
	const devices = 10000
	s := openStore(b)
	var lines strings.Builder
	for p := range 20 {
		for d := range devices {
			line(&lines, "environment,clientId=device-%05d temperature=%d,humidity=50,pressure=1000 %d", d, p, at(time.Duration(p)*10*time.Minute))
		}
		s.write("db", lines.String())
		lines.Reset()
	}
	e := s.engine(func(o *Options) { o.Timeout, o.MemoryLimit = 10*time.Minute, 4<<30 })
	<-e.Ready()
	const from = `from(bucket: "db") |> range(start: -30d) |> filter(fn: (r) => r._measurement == "environment" and r._field == "temperature")`
	for name, tail := range map[string]string{
		"last":            ` |> last() |> keep(columns: ["clientId", "_time"])`,
		"keep then last":  ` |> keep(columns: ["clientId", "_time", "_value"]) |> last()`,
		"group then last": ` |> group(columns: ["clientId"]) |> last()`,
		"last then group": ` |> last() |> group() |> keep(columns: ["clientId", "_time"])`,
		"count by hour":   ` |> aggregateWindow(every: 1h, fn: count, createEmpty: false) |> group(columns: ["_time"]) |> sum()`,
		"count":           ` |> count() |> group() |> sum()`,
	} {
		b.Run(name, func(b *testing.B) {
			var stats Stats
			for b.Loop() {
				var err error
				if stats, err = e.Query(b.Context(), request(from+tail), io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(stats.Rows), "rows")
			b.ReportMetric(float64(stats.MaxMemory)/1e6, "MB")
		})
	}
}

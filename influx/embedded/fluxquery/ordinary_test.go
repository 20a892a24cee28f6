package fluxquery

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The limits are for scripts that nobody writes: what dashboards and people ask for passes them.
func TestOrdinaryScriptsPassTheLimits(t *testing.T) {
	<-prepareOnce()
	const from = `from(bucket: "b") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-08T00:00:00Z)`
	fields := func(n int) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(`r._field == "field%d"`, i))
		}
		return strings.Join(parts, " or ")
	}
	columns := func(n int) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf(`c%d: r.c%d + r.d%d`, i, i, i))
		}
		return strings.Join(parts, ", ")
	}
	for name, script := range map[string]string{
		"Grafana": from + `
  |> filter(fn: (r) => r["_measurement"] == "environment")
  |> filter(fn: (r) => r["_field"] == "temperature" or r["_field"] == "humidity")
  |> filter(fn: (r) => r["clientId"] =~ /^(a|b|[0-9a-f]{12})$/)
  |> aggregateWindow(every: 5m, fn: mean, createEmpty: false)
  |> yield(name: "mean")`,
		"many fields":    from + ` |> filter(fn: (r) => ` + fields(150) + `)`,
		"many columns":   from + ` |> map(fn: (r) => ({` + columns(60) + `}))`,
		"many results":   strings.Repeat(from+"\n  |> aggregateWindow(every: 1h, fn: mean)\n  |> yield()\n", 60),
		"a long pipe":    from + strings.Repeat(` |> map(fn: (r) => ({r with _value: r._value * 2.0}))`, 25),
		"data of fields": "data = () => " + from + " |> filter(fn: (r) => " + fields(100) + ")\ndata() |> min() |> yield(name: \"min\")\ndata() |> max() |> yield(name: \"max\")\na = data()\njoin(tables: {a: a, b: data()}, on: [\"_time\"])",
		"own functions":  "toF = (c) => c * 1.8 + 32.0\nscale = (tables=<-, by=2.0) => tables |> map(fn: (r) => ({r with _value: toF(c: r._value) * by}))\n" + from + ` |> scale() |> scale(by: 3.0)`,
		"options":        "import \"experimental\"\noption v = {start: -1h, bucket: \"b\"}\nfrom(bucket: v.bucket) |> range(start: experimental.addDuration(d: -1h, to: now()))",
		"a counter":      from + ` |> reduce(fn: (r, accumulator) => ({sum: accumulator.sum + r._value, n: accumulator.n + 1.0, names: accumulator.names + r.t + ","}), identity: {sum: 0.0, n: 0.0, names: ""})`,
		"join":           "a = " + from + " |> filter(fn: (r) => r._field == \"a\")\nb = " + from + " |> filter(fn: (r) => r._field == \"b\")\njoin(tables: {a: a, b: b}, on: [\"_time\", \"clientId\"]) |> map(fn: (r) => ({r with _value: r._value_a / r._value_b}))",
		"packages":       "import \"strings\"\nimport \"regexp\"\nimport \"math\"\nimport \"date\"\n" + from + ` |> map(fn: (r) => ({r with t: strings.toUpper(v: strings.replaceAll(v: r.t, t: "-", u: "_")), h: date.hour(t: r._time), q: math.floor(x: r._value), m: regexp.matchRegexpString(r: /^a{1,20}/, v: r.t)}))`,
		"histogram":      from + ` |> histogram(bins: linearBins(start: 0.0, width: 10.0, count: 100))`,
		"averages":       from + ` |> movingAverage(n: 1000) |> exponentialMovingAverage(n: 20) |> tripleEMA(n: 10)`,
		"an array":       "ids = [" + strings.Repeat(`"device-000000", `, 500) + "\"x\"]\n" + from + ` |> filter(fn: (r) => contains(value: r.clientId, set: ids))`,
		"nested record":  "conf = {a: {b: {c: [1, 2, 3]}, name: \"x\"}}\n" + from + ` |> limit(n: conf.a.b.c[1])`,
		"text":           "name = \"dev\"\nfull = \"${name}-${name}-1\"\n" + from + ` |> filter(fn: (r) => r.clientId == full)`,
	} {
		if err := checkScript(script); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		parsed, err := parse(script)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		start := time.Now()
		if _, _, err := evaluate(t.Context(), parsed, epoch); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %v", name, time.Since(start))
	}
}

// The check of types reads the library's constraints by reflection; this is what breaks when they change.
func TestTypesFindRecordsInThemselves(t *testing.T) {
	<-prepareOnce()
	for script, refused := range map[string]bool{
		`f = (o) => [o, o.f]`:                                   true,
		`f = (o) => [o, {o with f: o}]`:                         true,
		`f = (o) => o.f + o`:                                    true,
		`f = (a, b) => [[a, a.f], [b, b.f], [a, b]]`:            true,
		`g = (h) => h(o: {f: h})`:                               true,
		`g = (a) => contains(value: a, set: [a.f])`:             true,
		"p = {a: 1}\nq = {p with b: p}\nr = [q, {q with b: p}]": false,
		`f = (o) => [o.a, o.b, o.c.d]`:                          false,
		`f = (o) => ({o with f: o})`:                            false,
		"g = (x) => ({v: x})\ny = g(x: g(x: g(x: 1)))":          false,
		"id = (x) => x\ny = id(x: id)(x: {a: id(x: 1)})":        false,
	} {
		parsed, err := parse(script)
		must(t, err)
		_, _, err = evaluate(t.Context(), parsed, epoch)
		if got := err != nil && strings.Contains(err.Error(), "hold itself"); got != refused {
			t.Errorf("%s: %v", script, err)
		}
	}
}

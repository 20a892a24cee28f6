package fluxquery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// mixed fills a store with what is awkward: gaps, several series, points on the edges of windows, all types, whole numbers that
// overflow when summed, floats whose sum depends on the order.
func mixed(s *store) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range 2600 {
		t := time.Duration(i) * 30 * time.Second
		switch {
		case i > 330 && i < 600, i%97 < 5:
			continue // gaps, longer and shorter than windows
		}
		for _, host := range []string{"a", "b,rack=2"} {
			if host == "a" || i%3 == 0 {
				line(&b, `env,host=%s temp=%v,tiny=%v,n=%di,big=%di,u=%du,label="s%d",on=%v %d`, host,
					rnd.NormFloat64()*1e6, rnd.Float64()*1e-9, rnd.Int64N(1000)-500, rnd.Int64(), rnd.Uint64N(1<<40),
					i%7, i%2 == 0, at(t))
			}
		}
	}
	// Exactly on edges of hours, and one nanosecond beside them.
	for _, d := range []int64{-1, 0, 1} {
		edge := epoch.Truncate(time.Hour).Add(2 * time.Hour).UnixNano()
		line(&b, `edge,host=c temp=%d,n=%di %d`, 10+d, 10+d, edge+d)
	}
	line(&b, `once temp=1.5,n=7i,u=7u %d`, at(90*time.Minute))
	s.write("db", b.String())
}

// rangeCases are ranges before a script's aggregateWindow.
var rangeCases = map[string]string{
	"whole":       fmt.Sprintf("start: %s, stop: %s", stamp(0), stamp(23*time.Hour)),
	"not aligned": fmt.Sprintf("start: %s, stop: %s", stamp(17*time.Minute+11), stamp(5*time.Hour+13*time.Second)),
	"aligned":     "start: 2024-03-01T02:00:00Z, stop: 2024-03-01T04:00:00Z",
	"in a gap":    fmt.Sprintf("start: %s, stop: %s", stamp(3*time.Hour), stamp(4*time.Hour)),
	"no data":     "start: 2023-01-01T00:00:00Z, stop: 2023-01-02T00:00:00Z",
	"relative":    "start: -24h",
	"shorter":     fmt.Sprintf("start: %s, stop: %s", stamp(time.Hour), stamp(time.Hour+61*time.Second)),
}

func TestPushdownEqualsStockPlan(t *testing.T) {
	s := openStore(t)
	mixed(s)
	e := s.engine()
	fns := []string{"mean", "min", "max", "count", "sum", "first", "last"}
	for name, bounds := range rangeCases {
		for _, every := range []string{"1m", "7m", "1h", "25h"} {
			if every == "1m" && name != "shorter" && name != "in a gap" || every == "7m" && name == "relative" {
				continue // the stock plan takes a minute for these
			}
			t.Run(name+"/"+every, func(t *testing.T) {
				for _, fn := range fns {
					for _, empty := range []string{"true", "false"} {
						script := fmt.Sprintf(`from(bucket: "db") |> range(%s)
							|> filter(fn: (r) => r._field != "label" and r._field != "on")
							|> aggregateWindow(every: %s, fn: %s, createEmpty: %s)`, bounds, every, fn, empty)
						same(t, e, script, 1)
					}
				}
			})
		}
	}
}

// same runs a script with and without the rule and wants the same bytes. It returns them.
func same(t *testing.T, e *Engine, script string, pushdowns int) string {
	t.Helper()
	quick, stats := ask(t, e, request(script))
	if stats.Pushdowns != pushdowns {
		t.Errorf("%d pushdowns, want %d:\n%s", stats.Pushdowns, pushdowns, script)
	}
	r := request(script)
	r.NoPushdown = true
	stock, stats := ask(t, e, r)
	if stats.Pushdowns != 0 {
		t.Errorf("%d pushdowns although they are off", stats.Pushdowns)
	}
	if strings.Contains(script, "union(") {
		// The branches of a union run at the same time; the first decides the order of columns and tables.
		quick, stock = records(quick), records(stock)
	}
	if quick != stock {
		t.Errorf("results differ:\n%s\n%s", script, firstDifference(quick, stock))
	}
	return quick
}

// records writes the rows of an answer as name=value pairs, both in the order of the alphabet.
func records(out string) string {
	var all, names []string
	for l := range strings.SplitSeq(out, "\r\n") {
		cells := strings.Split(l, ",")
		switch {
		case l == "", strings.HasPrefix(l, "#"):
		case len(cells) > 1 && cells[1] == "result":
			names = cells
		default:
			var pairs []string
			for i, c := range cells {
				if names[i] != "table" {
					pairs = append(pairs, names[i]+"="+c)
				}
			}
			slices.Sort(pairs)
			all = append(all, strings.Join(pairs, ","))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\r\n")
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\r\n"), strings.Split(want, "\r\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("line %d of %d and %d\nrule:  %s\nstock: %s", i+1, len(g), len(w), a, b)
		}
	}
	return "none"
}

func TestPushdownShapes(t *testing.T) {
	s := openStore(t)
	mixed(s)
	e := s.engine()
	const head = `from(bucket: "db") |> range(start: 2024-03-01T00:10:00Z, stop: 2024-03-01T20:00:00Z)`
	cases := map[string]struct {
		script string
		want   int
	}{
		"start of the window": {head + ` |> filter(fn: (r) => r._field == "n") |> aggregateWindow(every: 1h, fn: mean, timeSrc: "_start")`, 1},
		"start, selector":     {head + ` |> filter(fn: (r) => r._field == "n") |> aggregateWindow(every: 1h, fn: max, timeSrc: "_start")`, 1},
		"own function":        {head + ` |> filter(fn: (r) => r._field == "n") |> aggregateWindow(every: 1h, fn: (column, tables=<-) => tables |> max(column: column))`, 1},
		"spelled out":         {head + ` |> filter(fn: (r) => r._field == "n") |> window(every: 1h) |> mean() |> duplicate(column: "_stop", as: "_time") |> window(every: inf)`, 1},
		"strings":             {head + ` |> filter(fn: (r) => r._field == "label") |> aggregateWindow(every: 1h, fn: last)`, 1},
		"strings counted":     {head + ` |> filter(fn: (r) => r._field == "label") |> aggregateWindow(every: 1h, fn: count)`, 1},
		"booleans":            {head + ` |> filter(fn: (r) => r._field == "on") |> aggregateWindow(every: 1h, fn: first, createEmpty: false)`, 1},
		"all types":           {head + ` |> aggregateWindow(every: 1h, fn: last)`, 1},
		"values filtered":     {head + ` |> filter(fn: (r) => r._field == "n" and r._value > 100) |> aggregateWindow(every: 1h, fn: mean)`, 1},
		"from the epoch":      {`from(bucket: "db") |> range(start: 0) |> filter(fn: (r) => r._field == "n") |> aggregateWindow(every: 1h, fn: mean, createEmpty: false)`, 1},
		"then pivot":          {head + ` |> filter(fn: (r) => r._field == "n" or r._field == "big") |> aggregateWindow(every: 1h, fn: mean, createEmpty: false) |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`, 1},
		"then group and keep": {head + ` |> filter(fn: (r) => r._field == "n") |> aggregateWindow(every: 1h, fn: sum) |> group() |> keep(columns: ["_time", "_value", "host"]) |> sort(columns: ["_time"])`, 1},
		// The stock plan's business.
		"calendar":         {head + ` |> filter(fn: (r) => r._field == "n") |> aggregateWindow(every: 1mo, fn: mean)`, 0},
		"other function":   {head + ` |> filter(fn: (r) => r._field == "temp") |> aggregateWindow(every: 1h, fn: median)`, 0},
		"other column":     {head + ` |> filter(fn: (r) => r._field == "n") |> duplicate(column: "_value", as: "v") |> aggregateWindow(every: 1h, fn: mean, column: "v")`, 0},
		"time of the row":  {head + ` |> filter(fn: (r) => r._field == "n") |> aggregateWindow(every: 1h, fn: max, timeSrc: "_time")`, 0},
		"after map":        {head + ` |> filter(fn: (r) => r._field == "n") |> map(fn: (r) => ({r with _value: r._value * 2})) |> aggregateWindow(every: 1h, fn: mean)`, 0},
		"only a window":    {head + ` |> filter(fn: (r) => r._field == "n") |> window(every: 1h) |> mean()`, 0},
		"overlapping":      {head + ` |> filter(fn: (r) => r._field == "n") |> window(every: 1h, period: 2h) |> mean() |> duplicate(column: "_stop", as: "_time") |> window(every: inf)`, 0},
		"with an offset":   {head + ` |> filter(fn: (r) => r._field == "n") |> window(every: 1h, offset: 5m) |> mean() |> duplicate(column: "_stop", as: "_time") |> window(every: inf)`, 0},
		"before the epoch": {`from(bucket: "db") |> range(start: 1969-12-31T23:00:00Z, stop: 1970-01-01T02:00:00Z) |> aggregateWindow(every: 1h, fn: count)`, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out := same(t, e, c.script, c.want)
			if name != "before the epoch" && !strings.Contains(out, "#default,_result") {
				t.Errorf("no result:\n%s", out)
			}
		})
	}
}

// Functions that do not exist for a type fail alike, and before anything is written.
func TestPushdownFailsLikeStockPlan(t *testing.T) {
	s := openStore(t)
	mixed(s)
	e := s.engine()
	for _, field := range []string{"label", "on"} {
		for _, fn := range []string{"mean", "sum", "min", "max"} {
			t.Run(fn+" of "+field, func(t *testing.T) {
				r := request(fmt.Sprintf(`from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z) |> filter(fn: (r) => r._field == %q)
					|> aggregateWindow(every: 1h, fn: %s)`, field, fn))
				var out strings.Builder
				_, quick := e.Query(context.Background(), r, &out)
				r.NoPushdown = true
				_, stock := e.Query(context.Background(), r, &out)
				if quick == nil || stock == nil || quick.Error() != stock.Error() || out.Len() > 0 {
					t.Errorf("rule: %v\nstock: %v\noutput: %q", quick, stock, out.String())
				}
				if _, ok := quick.(*RuntimeError); !ok {
					t.Errorf("%T is not a RuntimeError", quick)
				}
			})
		}
	}
}

// The dashboard's shape: one range read by three branches.
func TestUnionOfThreeAggregates(t *testing.T) {
	s := openStore(t)
	mixed(s)
	e := s.engine()
	out := same(t, e, `
		data = from(bucket: "db") |> range(start: 2024-03-01T00:10:00Z, stop: 2024-03-01T20:00:00Z)
			|> filter(fn: (r) => r._measurement == "env" and r.host == "a" and (r._field == "temp" or r._field == "tiny"))
		lo = data |> aggregateWindow(every: 1h, fn: min, createEmpty: false) |> set(key: "fn", value: "min")
		hi = data |> aggregateWindow(every: 1h, fn: max, createEmpty: false) |> set(key: "fn", value: "max")
		av = data |> aggregateWindow(every: 1h, fn: mean, createEmpty: false) |> set(key: "fn", value: "mean")
		union(tables: [lo, hi, av])
			|> group(columns: ["_field", "fn"])
			|> sort(columns: ["_time"])
			|> keep(columns: ["_time", "_value", "_field", "fn"])`, 3)
	for _, fn := range []string{"min", "max", "mean"} {
		if !strings.Contains(out, fn) {
			t.Errorf("no %s in\n%s", fn, out)
		}
	}
	// A branch that stays with the stock plan does not disturb its siblings.
	same(t, e, `
		data = from(bucket: "db") |> range(start: 2024-03-01T00:10:00Z, stop: 2024-03-01T20:00:00Z) |> filter(fn: (r) => r._field == "temp")
		data |> aggregateWindow(every: 1h, fn: min) |> yield(name: "a")
		data |> aggregateWindow(every: 1h, fn: median) |> yield(name: "b")
		data |> count() |> yield(name: "c")`, 1)
}

func TestRandomPointsEqualStockPlan(t *testing.T) {
	s := openStore(t)
	e := s.engine()
	rnd := rand.New(rand.NewPCG(7, 7))
	fns := []string{"mean", "min", "max", "count", "sum", "first", "last"}
	for round := range 12 {
		var b strings.Builder
		m := fmt.Sprintf("m%d", round)
		at := epoch.UnixNano()
		for range 300 {
			at += 1 + rnd.Int64N(int64(time.Minute)<<rnd.IntN(6))
			line(&b, `%s f=%v,i=%di,u=%du %d`, m, rnd.NormFloat64(), rnd.Int64()-rnd.Int64(), rnd.Uint64N(1<<62), at)
		}
		s.write("db", b.String())
		start := epoch.UnixNano() + rnd.Int64N(int64(time.Hour))
		stop := start + 1 + rnd.Int64N(int64(10*time.Hour))
		every := time.Duration(1+rnd.Int64N(int64(40*time.Minute))) + time.Minute
		script := fmt.Sprintf(`from(bucket: "db") |> range(start: %s, stop: %s) |> filter(fn: (r) => r._measurement == %q)
			|> aggregateWindow(every: %dns, fn: %s, createEmpty: %v)`,
			time.Unix(0, start).UTC().Format(time.RFC3339Nano), time.Unix(0, stop).UTC().Format(time.RFC3339Nano), m,
			every.Nanoseconds(), fns[round%len(fns)], round%2 == 0)
		same(t, e, script, 1)
	}
}

// Windows over the same range share one read, whatever they compute; others do not.
func TestWindowsShareReads(t *testing.T) {
	s := openStore(t)
	s.write("db", fmt.Sprintf("m,t=a v=1 %d\nm,t=b v=2 %d\n", at(0), at(time.Minute)))
	e := s.engine()
	const from = `from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-01T01:00:00Z)`
	window := func(data, every, fn string) string {
		return data + " |> aggregateWindow(every: " + every + ", fn: " + fn + ") |> yield(name: \"" + fn + "\")\n"
	}
	a, b := from+` |> filter(fn: (r) => r.t == "a")`, from+` |> filter(fn: (r) => r.t == "b")`
	for name, c := range map[string]struct {
		script           string
		pushdowns, reads int
	}{
		"one":              {window(from, "1m", "mean"), 1, 1},
		"a function":       {"data = () => " + a + "\n" + window("data()", "1m", "mean") + window("data()", "1m", "min") + window("data()", "1m", "max"), 3, 1},
		"a variable":       {"data = " + a + "\n" + window("data", "1m", "mean") + window("data", "1m", "max"), 2, 1},
		"different widths": {"data = () => " + a + "\n" + window("data()", "1m", "mean") + window("data()", "5m", "max"), 2, 1},
		"different series": {"a = " + a + "\nb = " + b + "\n" + window("a", "1m", "mean") + window("b", "1m", "max"), 2, 2},
		"no windows":       {from, 0, 1},
	} {
		if _, stats := ask(t, e, request(c.script)); stats.Pushdowns != c.pushdowns || stats.Reads != c.reads {
			t.Errorf("%s: %d windows while reading %d times, want %d and %d", name, stats.Pushdowns, stats.Reads, c.pushdowns, c.reads)
		}
	}
}

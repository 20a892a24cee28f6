package fluxquery

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

const someRows = `from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-02T00:00:00Z)`

// chain writes n statements, each made of the number before it and its own.
func chain(n int, first, next string) string {
	var b strings.Builder
	b.WriteString(first + "\n")
	for i := 1; i <= n; i++ {
		b.WriteString(strings.NewReplacer("#", fmt.Sprint(i-1), "@", fmt.Sprint(i)).Replace(next) + "\n")
	}
	return b.String()
}

// attacks are scripts that would take the memory or the CPU of the process if they were carried out.
func attacks() map[string]string {
	const imports = "import \"strings\"\nimport \"regexp\"\n"
	return map[string]string{
		"doubling":                chain(40, `s0 = "xxxxxxxxxx"`, `s@ = s# + s#`),
		"doubling, text":          chain(40, `s0 = "xxxxxxxxxx"`, `s@ = "${s#}${s#}"`),
		"doubling, unused call":   chain(40, `f0 = (x) => x + x`, `f@ = (x) => f#(x: f#(x: x))`),
		"doubling, call":          chain(40, `f0 = (x) => x + x`, `f@ = (x) => f#(x: f#(x: x))`) + `f40(x: "x")`,
		"tower":                   `t = (f) => (x) => f(x: f(x: x))` + "\n" + chain(30, `f0 = (x) => x`, `f@ = t(f: f#)`) + `f30(x: 1)`,
		"church":                  `t = (f) => (x) => f(x: f(x: x))` + "\n" + `t(f: t(f: t(f: t(f: t(f: (x) => x + x)))))(x: "x")`,
		"church, applied":         `two = (f) => (x) => f(x: f(x: x))` + "\n" + `four = two(f: two)` + "\nsixteen = four(f: two)\nf = sixteen(f: two)\ng = f(f: (x) => x + x)\ng(x: \"x\")",
		"objects":                 chain(30, `o0 = {a: 1, b: 2}`, `o@ = {a: o#, b: o#}`),
		"arrays":                  chain(30, `a0 = [1]`, `a@ = [a#, a#]`),
		"types":                   chain(25, `f0 = (x) => ({a: x, b: x})`, `f@ = (x) => f#(x: f#(x: x))`),
		"types, tuple":            chain(25, `f0 = (x) => ({a: x, b: x})`, `f@ = (x) => f#(x: {a: x, b: x})`),
		"types, never called":     chain(25, `f0 = (x) => ({a: x, b: x})`, `f@ = (x) => ({a: f#(x: x), b: f#(x: x)})`),
		"types, pairs of lambdas": chain(25, `p0 = (x) => (y) => ({a: x, b: y})`, `p@ = (x) => p#(x: p#(x: x))`),
		"record in itself":        `f = (o) => [o, o.f]`,
		"record plus member":      `f = (o) => o.f + o`,
		"record, two ways":        "g = (a, b) => {\n x = [a, b.f]\n y = [b, a.f]\n return x\n}",
		"record in a default":     `w = (o) => o.f(o: o)` + "\n" + `x = (z=w) => z`,
		"record by a library":     `g = (a) => contains(value: a, set: [a.f])`,
		"record, function":        `g = (h) => h(o: {f: h})`,
		"record, equal twice":     `f = (a, b) => [[a, a.f], [b, b.f], [a, b]]`,
		"lets":                    "x = (q) => {\n" + chain(100, `f0 = (x) => x.a`, `f@ = (x) => f#(x: x)`) + "return 1\n}",
		"many uses":               "x = (q) => {\n f = (x, y) => ({a: x.a, b: x.b, c: y.c, d: y.d, e: x.e, f: y.f, g: x.g, h: x.h})\n return [" + strings.Repeat("f,", 200) + "f]\n}",
		"rich lets":               "option a = 1\n" + chain(30, `f0 = (x, y) => ({a: x.a, b: x.b, c: y.c, d: y.d})`, `f@ = (x, y) => ({a: x.e@, z: f0(x: x, y: y), y: f0(x: y, y: x)})`),
		"rich lets, fewer":        "option a = 1\n" + chain(15, `f0 = (x, y) => ({a: x.a, b: x.b, c: y.c, d: y.d})`, `f@ = (x, y) => ({a: x.e@, z: f0(x: x, y: y), y: f0(x: y, y: x)})`),
		"maps":                    someRows + strings.Repeat(" |> map(fn: (r) => ({r with _value: r._value * 2.0, a: r.b, c: r.d}))", 31) + strings.Repeat(" |> limit(n: 1)", 66),
		"self application":        `w = (f) => f(f: f)` + "\n" + `w(f: w)`,
		"self in object":          `w = (o) => o.f(o: o)` + "\n" + `w(o: {f: w})`,
		"recursion":               `f = (x) => f(x: x)` + "\n" + `f(x: 1)`,
		"shadowed recursion":      `f = (x) => x` + "\n" + `f = (x) => f(x: x)` + "\n" + `f(x: 1)`,
		"defaults":                chain(40, `f0 = (x="x") => x + x`, `f@ = (x=f#() + f#()) => x`) + `f40()`,
		"thunks":                  chain(40, `f0 = () => "x"`, `f@ = () => f#() + f#()`) + `f40()`,
		"thunks of numbers":       chain(40, `f0 = () => 1`, `f@ = () => f#() + f#()`) + `f40()`,
		"pipes":                   chain(40, `f0 = (x=<-) => x`, `f@ = (x=<-) => x |> f#() |> f#()`) + `1 |> f40()`,
		"members":                 `o0 = {f: (x) => x}` + "\n" + chain(40, "", `o@ = {f: (x) => o#.f(x: o#.f(x: x))}`) + `o40.f(x: 1)`,
		"blocks":                  chain(40, `f0 = (x) => x`, "f@ = (x) => {\n a = f#(x: x)\n b = f#(x: a)\n return b\n}") + `f40(x: 1)`,
		"conditions":              chain(40, `f0 = (x) => x`, `f@ = (x) => if true then f#(x: f#(x: x)) else f#(x: x)`) + `f40(x: 1)`,
		"options":                 "option s0 = \"xxxxxxxxxx\"\n" + chain(40, "", `option s@ = s# + s#`),
		"now":                     chain(40, `f0 = () => 2024-03-01T00:00:00Z`, `f@ = () => if f#() == f#() then f#() else f#()`) + "option now = f40",
		"replaceAll":              imports + chain(12, `s0 = "xxxxxxxxxx"`, `s@ = strings.replaceAll(v: s#, t: "x", u: s#)`),
		"replace":                 imports + chain(12, `s0 = "xxxxxxxxxx"`, `s@ = strings.replace(v: s#, t: "x", u: s#, i: 1000000000)`),
		"replaceAll, empty":       imports + chain(12, `s0 = "xxxxxxxxxx"`, `s@ = strings.replaceAll(v: s#, t: "", u: s#)`),
		"joinStr":                 imports + chain(12, `s0 = "xxxxxxxxxx"`, `s@ = strings.joinStr(arr: [s#, s#, s#, s#, s#, s#, s#, s#], v: s#)`),
		"repeat":                  imports + chain(12, `s0 = "xxxxxxxxxx"`, `s@ = strings.repeat(v: s#, i: 1000)`),
		"split":                   imports + `s = strings.repeat(v: "x", i: 1000000)` + "\n" + chain(100, `a0 = strings.split(v: s, t: "")`, `a@ = strings.split(v: s, t: "")`),
		"regexp replace":          imports + chain(12, `s0 = "xxxxxxxxxx"`, `s@ = regexp.replaceAllString(r: /x/, v: s#, t: s#)`),
		"regexp size":             imports + `r = regexp.compile(v: strings.repeat(v: "(a{1000})", i: 100000))`,
		"regexp nested":           imports + `r = regexp.compile(v: strings.repeat(v: "(", i: 1000) + "a" + strings.repeat(v: "){1000}", i: 1000))`,
		"regexp literal":          `r = /` + strings.Repeat(`(a{1000})`, 1000) + `/`,
		"quote":                   imports + chain(30, `s0 = "..........."`, `s@ = regexp.quoteMeta(v: s#)`),
		"linearBins":              `x = linearBins(start: 0.0, width: 1.0, count: 1000000000)`,
		"logarithmicBins":         `x = logarithmicBins(start: 1.0, factor: 1.0, count: 1000000000)`,
		"negative bins":           `x = linearBins(start: 0.0, width: 1.0, count: -1000)`,
		"sleep":                   `x = sleep(v: 1, duration: 1h)`,
		"holtWinters":             someRows + ` |> holtWinters(n: 1000000000, interval: 1s)`,
		"holtWinters season":      someRows + ` |> holtWinters(n: 1, seasonality: 1000000000, interval: 1s)`,
		"holtWinters fine":        someRows + ` |> holtWinters(n: 1, interval: 1ns)`,
		"reduce":                  someRows + ` |> reduce(fn: (r, accumulator) => ({s: accumulator.s + accumulator.s}), identity: {s: "x"})`,
		"reduce, text":            someRows + ` |> reduce(fn: (r, accumulator) => ({s: "${accumulator.s}${accumulator.s}"}), identity: {s: "x"})`,
		"reduce, function":        "d = (x) => x + x\n" + someRows + ` |> reduce(fn: (r, accumulator) => ({s: d(x: accumulator.s)}), identity: {s: "x"})`,
		"reduce, replaceAll":      imports + someRows + ` |> reduce(fn: (r, accumulator) => ({s: strings.replaceAll(v: accumulator.s, t: "x", u: "xxxxxxxxxx")}), identity: {s: "x"})`,
		"map, doubling":           someRows + ` |> map(fn: (r) => ({r with s: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}))` + strings.Repeat(` |> map(fn: (r) => ({r with s: r.s + r.s}))`, 40),
		"map, calls":              chain(30, `f0 = (x) => x + 1.0`, `f@ = (x) => f#(x: f#(x: x))`) + someRows + ` |> map(fn: (r) => ({v: f30(x: r._value)}))`,
		"filter, calls":           chain(30, `f0 = (x) => x`, `f@ = (x) => f#(x: f#(x: x))`) + someRows + ` |> filter(fn: (r) => f30(x: r._value) > 1.0)`,
		"map, block":              someRows + ` |> map(fn: (r) => {` + "\n" + chain(40, `s0 = "xxxxxxxxxx"`, `s@ = s# + s#`) + `return {s: s40}` + "\n" + `})`,
		"map, repeat":             imports + someRows + ` |> map(fn: (r) => ({r with s: strings.repeat(v: "x", i: 1000000)}))`,
		"union":                   chain(22, `t0 = `+someRows, `t@ = union(tables: [t#, t#])`) + `t22`,
		"union, wide":             "t = " + someRows + "\nunion(tables: [" + strings.Repeat("t,", 5000) + "t])",
		"union, reads":            "t = () => " + someRows + "\nunion(tables: [" + strings.Repeat("t(),", 1500) + "t()])",
		"join, chain":             chain(12, `t0 = `+someRows, `t@ = join(tables: {a: t#, b: t#}, on: ["_measurement"])`) + `t12`,
		"join, product":           "a = " + someRows + ` |> group()` + "\nb = " + someRows + " |> group()\njoin(tables: {a: a, b: b}, on: [\"_measurement\"])",
		"yields":                  "t = " + someRows + "\n" + chain(1500, "", `t |> yield(name: "n@")`),
		"statements":              strings.Repeat(someRows+"\n", 300),
		"pipe of 3,000":           someRows + strings.Repeat(" |> limit(n: 1)", 3000),
		"pipe of 400":             someRows + strings.Repeat(" |> sort()", 400),
		"pivot wide":              someRows + ` |> map(fn: (r) => ({r with k: string(v: r._time)})) |> pivot(rowKey: ["_measurement"], columnKey: ["k"], valueColumn: "_value")`,
		"pivot square":            someRows + ` |> map(fn: (r) => ({r with k: string(v: r._time)})) |> pivot(rowKey: ["_time"], columnKey: ["k"], valueColumn: "_value")`,
		"group by time":           someRows + ` |> group(columns: ["_time"])`,
		"timeShift":               someRows + strings.Repeat(` |> timeShift(duration: 290y)`, 10),
		"limit":                   someRows + ` |> limit(n: 9223372036854775807, offset: 9223372036854775807)`,
		"tail":                    someRows + ` |> tail(n: 9223372036854775807)`,
		"tail offset":             someRows + ` |> tail(n: 9223372036854775807, offset: 9223372036854775807)`,
		"top":                     someRows + ` |> top(n: 9223372036854775807)`,
		"movingAverage":           someRows + ` |> movingAverage(n: 9223372036854775807)`,
		"timedMovingAverage":      someRows + ` |> timedMovingAverage(every: 1ns, period: 1h)`,
		"ema":                     someRows + ` |> exponentialMovingAverage(n: 9223372036854775807)`,
		"kama":                    someRows + ` |> kaufmansAMA(n: 9223372036854775807)`,
		"cmo":                     someRows + ` |> chandeMomentumOscillator(n: 9223372036854775807)`,
		"rsi":                     someRows + ` |> relativeStrengthIndex(n: 9223372036854775807)`,
		"ted":                     someRows + ` |> tripleExponentialDerivative(n: 9223372036854775807)`,
		"movingAverage, 1e9":      someRows + ` |> movingAverage(n: 2000000000)`,
		"ema, 1e9":                someRows + ` |> exponentialMovingAverage(n: 2000000000)`,
		"kama, 1e9":               someRows + ` |> kaufmansAMA(n: 2000000000)`,
		"cmo, 1e9":                someRows + ` |> chandeMomentumOscillator(n: 2000000000)`,
		"rsi, 1e9":                someRows + ` |> relativeStrengthIndex(n: 2000000000)`,
		"ted, 1e9":                someRows + ` |> tripleExponentialDerivative(n: 2000000000)`,
		"sample":                  someRows + ` |> sample(n: 9223372036854775807)`,
		"quantile compression":    someRows + ` |> quantile(q: 0.5, method: "estimate_tdigest", compression: 1000000000000.0)`,
		"hourSelection":           someRows + ` |> hourSelection(start: -9223372036854775807, stop: 9223372036854775807)`,
		"histogram":               someRows + ` |> histogram(bins: linearBins(start: 0.0, width: 1.0, count: 100000))`,
		"histogramQuantile":       someRows + ` |> histogramQuantile(quantile: 0.5)`,
		"range, huge":             `from(bucket: "db") |> range(start: 1677-09-22T00:00:00Z, stop: 2262-04-11T00:00:00Z) |> aggregateWindow(every: 1s, fn: mean)`,
		"window, period":          someRows + ` |> window(every: 1s, period: 300y)`,
		"window, month":           someRows + ` |> window(every: 1mo, period: 1000000mo)`,
		"window, offset":          someRows + ` |> window(every: 1m, offset: 290y)`,
		"integral":                someRows + ` |> integral(unit: 1ns)`,
		"elapsed":                 someRows + ` |> elapsed(unit: 0s)`,
		"derivative":              someRows + ` |> derivative(unit: 0s)`,
		"truncate":                "import \"date\"\n" + `x = date.truncate(t: now(), unit: 0s)`,
		"truncate, per row":       someRows + ` |> truncateTimeColumn(unit: 0s)`,
		"stateDuration":           someRows + ` |> stateDuration(fn: (r) => true, unit: 0ns)`,
		"stateDuration, small":    someRows + ` |> stateDuration(fn: (r) => true, unit: 1ns)`,
		"tableFind":               chain(60, `t = `+someRows, `x@ = t |> tableFind(fn: (key) => true)`),
		"index":                   `a = [1]` + "\n" + `x = a[100000000000]`,
		"index, negative":         `a = [1]` + "\n" + `x = a[-1]`,
		"division":                `x = 1 / 0`,
		"substring":               imports + `x = strings.substring(v: "abc", start: -5, end: 100000)`,
		"json":                    "import \"json\"\n" + chain(30, `o0 = [1]`, `o@ = [o#, o#]`) + `x = json.encode(v: o30)`,
		"v1.json":                 "import \"influxdata/influxdb/v1\"\n" + `v1.json(file: "/etc/hostname")`,
		"experimental.to":         "import \"experimental\"\n" + someRows + ` |> experimental.to(bucket: "db")`,
		"set":                     "import \"experimental\"\n" + someRows + strings.Repeat(` |> experimental.set(o: {a: "1", b: "2"})`, 200),
		"duplicate":               someRows + chain(400, "", ` |> duplicate(column: "_value", as: "v@")`),
		"long string literal":     `x = "` + strings.Repeat("x", 60000) + "\"\n" + strings.Repeat("y = x + x + x + x\n", 10) + someRows,
		"many operators":          "a = \"" + strings.Repeat("x", 20000) + "\"\nb = a" + strings.Repeat("+a", 400) + "\nc = b" + strings.Repeat("+b", 400) + "\nd = c" + strings.Repeat("+c", 400),
		"array of text":           "import \"strings\"\na = \"" + strings.Repeat("x", 10000) + "\"\nb = [" + strings.Repeat("a,", 4000) + "a]\nc = strings.joinStr(arr: b, v: a)\nd = c" + strings.Repeat("+c", 400),
		"contains":                "x = [" + strings.Repeat("1,", 20000) + "1]\n" + someRows + ` |> filter(fn: (r) => contains(value: 2, set: x))`,
		"5,000 parentheses":       "x = " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		"5,000 brackets":          "x = " + strings.Repeat("[", 5000) + "1" + strings.Repeat("]", 5000),
		"4,000 open":              strings.Repeat("(", 4000),
		"4,000 braces":            strings.Repeat("{", 4000),
		"4,000 brackets open":     "x = " + strings.Repeat("[", 4000),
		"2,000 lambdas open":      strings.Repeat("(x)=>", 2000),
		"1,000 mixed":             strings.Repeat("({a:[", 1000),
		"many names":              chain(3000, "x0 = 1", "x@ = x#"),
		"many functions":          chain(1000, "f0 = (x) => x", "f@ = (x) => f#(x: x)"),
		"16 functions":            "x = " + strings.Repeat("() => ", 16) + "1",
		"16 functions, wide":      chain(100, "", "f@ = "+strings.Repeat("(a) => ", 16)+"1"),
		"32 objects":              "x = " + strings.Repeat("{a: ", 32) + "1" + strings.Repeat("}", 32),
		"wide object": "x = {" + func() string {
			var b strings.Builder
			for i := range 4000 {
				fmt.Fprintf(&b, "a%d: 1,", i)
			}
			return b.String()
		}() + "z: 1}",
		"with": chain(300, `o0 = {a0: 1}`, `o@ = {o# with a@: 1}`),
		"many parameters": "f = (" + func() string {
			var b strings.Builder
			for i := range 3000 {
				fmt.Fprintf(&b, "a%d=1,", i)
			}
			return b.String()
		}() + "z=1) => z\nf()",
		"or":                     someRows + ` |> filter(fn: (r) => ` + strings.Repeat(`r._field == "a" or `, 250) + `r._field == "b")`,
		"or, longer":             someRows + ` |> filter(fn: (r) => ` + strings.Repeat(`r._field == "a" or `, 2000) + `r._field == "b")`,
		"functions of functions": chain(12, `f0 = (g) => g`, `f@ = (g) => (h) => f#(g: (x) => h(x: g(x: x)))`),
	}
}

// attacked is a store with some rows and an engine that has little time and memory.
func attacked(t testing.TB) *Engine {
	s := openStore(t)
	var b strings.Builder
	for i := range 2000 {
		line(&b, "m,t=%d f=%d %d", i%2, i, at(time.Duration(i)*30*time.Second))
	}
	s.write("db", b.String())
	e := s.engine(func(o *Options) { o.Timeout, o.MemoryLimit = 2*time.Second, 64<<20 })
	<-e.Ready()
	return e
}

// What would multiply text, calls or types is refused before it is evaluated, and at once.
func TestMultiplyingScriptsAreRefused(t *testing.T) {
	e, all := attacked(t), attacks()
	for _, name := range []string{
		"doubling", "doubling, text", "doubling, unused call", "doubling, call", "tower", "church", "objects", "arrays", "types",
		"types, tuple", "types, never called", "types, pairs of lambdas", "self application", "self in object", "defaults", "thunks",
		"thunks of numbers", "pipes", "members", "blocks", "conditions", "now", "map, calls", "filter, calls", "map, block",
		"many operators", "array of text", "5,000 parentheses", "5,000 brackets", "union", "lets", "many uses", "rich lets", "record in itself",
		"record plus member", "record, two ways", "record in a default", "record by a library", "record, function",
		"record, equal twice", "linearBins", "logarithmicBins", "negative bins", "replaceAll", "replace", "replaceAll, empty",
		"joinStr", "repeat", "split", "quote", "regexp size", "regexp literal", "sleep", "holtWinters", "v1.json", "json",
		"kama, 1e9", "movingAverage, 1e9", "quantile compression", "tail offset",
	} {
		script, ok := all[name]
		if !ok {
			t.Fatalf("there is no attack %q", name)
		}
		start := time.Now()
		_, err := e.Query(t.Context(), request(script), io.Discard)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || strings.Contains(err.Error(), "asks for nothing") {
			t.Errorf("%s: %T %v", name, err, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: refused after %v", name, took)
		}
	}
}

// FuzzScript gives the engine any script: it ends soon after its time, and it takes not much more than its memory. What ends
// the process ends this test.
func FuzzScript(f *testing.F) {
	e := attacked(f)
	for _, script := range attacks() {
		f.Add(script)
	}
	for _, script := range []string{
		someRows + ` |> aggregateWindow(every: 1h, fn: mean)`,
		`from(bucket: "db") |> range(start: 0) |> window(every: 1mo) |> last()`,
		"import \"math\"\nx = [1, 2]\nf = (a=<-, b) => a |> limit(n: b)\n" + someRows + " |> f(b: x[0])",
		`"${"${1}"}" /* */ // x`, "((((", "{a: {a: 1}}", "option now = () => 2020-01-01T00:00:00Z", "\x00\xff",
	} {
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script string) {
		var out strings.Builder
		peak, stop := watchHeap()
		start := time.Now()
		_, err := e.Query(t.Context(), request(script), &out)
		took := time.Since(start)
		stop()
		if err == nil && strings.Contains(out.String(), ",error,reference") {
			t.Errorf("an error table without an error")
		}
		const grace = 8 * time.Second // for what cannot be interrupted, on a busy machine
		if took > e.o.Timeout+grace {
			t.Errorf("took %v", took)
		}
		if used := peak(); used > 1<<30 {
			t.Errorf("took %d MB", used>>20)
		}
	})
}

// watchHeap measures the largest heap until it is stopped.
func watchHeap() (peak func() uint64, stop func()) {
	var most uint64
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	return func() uint64 { return most }, func() { close(quit); <-done }
}

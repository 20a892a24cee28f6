package fluxquery

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/lang"
	"golang.org/x/sync/errgroup"
)

// Statement by statement, with few of the library's functions in sight, a script asks for what the library says it does.
func TestProgramAgreesWithTheLibrary(t *testing.T) {
	<-prepareOnce()
	const from = `from(bucket: "b") |> range(start: -1h)`
	for name, script := range map[string]string{
		"one stream":        from,
		"a chart":           "data = () => " + from + "\ndata() |> aggregateWindow(every: 1m, fn: mean) |> yield(name: \"mean\")\ndata() |> aggregateWindow(every: 1m, fn: max) |> yield(name: \"max\")",
		"one variable":      "data = " + from + "\ndata |> min() |> yield(name: \"a\")\ndata |> max() |> yield(name: \"b\")",
		"two parents":       "a = " + from + "\nb = " + from + "\nunion(tables: [a, b]) |> sort()",
		"a join":            "a = " + from + "\nb = " + from + "\njoin(tables: {a: a, b: b}, on: [\"_time\"])",
		"functions":         "f = (tables=<-, n=3) => tables |> limit(n: n)\ng = (x) => x + 1\n" + from + " |> f(n: g(x: 2))",
		"a package":         "import \"math\"\n" + from + " |> map(fn: (r) => ({r with _value: math.abs(x: r._value)}))",
		"another name":      "import m \"math\"\nx = m.pi\n" + from + " |> filter(fn: (r) => r._value > x)",
		"an option":         "option now = () => 2026-05-01T00:00:00Z\n" + from,
		"an option of ours": "option limitTo = 5\n" + from + " |> limit(n: limitTo)",
		"a name twice":      "x = " + from + "\ny = x |> limit(n: 1)\ny\ny",
		"a library's name":  "limit = 7\n" + from + " |> tail(n: limit)",
	} {
		now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		var want, got []string
		note := func(list *[]string) func(*flux.Operation) error {
			return func(o *flux.Operation) error {
				text, err := json.Marshal(o)
				*list = append(*list, string(text))
				return err
			}
		}
		parsed, err := parse(script)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := lang.WalkIR(t.Context(), parsed, note(&want)); err != nil {
			t.Fatalf("%s: the library: %v", name, err)
		}
		parsed, _ = parse(script)
		streams, at, err := evaluate(t.Context(), parsed, now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		spec, err := specOf(streams, at)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := spec.Walk(note(&got)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(want) == 0 || len(got) != len(want) {
			t.Errorf("%s: %d operations, want %d\n%v\n%v", name, len(got), len(want), got, want)
			continue
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: operation %d is\n%s\nwant\n%s", name, i, got[i], want[i])
			}
		}
	}
}

// Scripts that are wrong stay wrong, also when it is a later statement that is.
func TestProgramRefuses(t *testing.T) {
	<-prepareOnce()
	for name, script := range map[string]string{
		"unknown name":         `x = 1` + "\n" + `from(bucket: nobody) |> range(start: -1h)`,
		"wrong type":           `x = 1` + "\n" + `from(bucket: x) |> range(start: -1h)`,
		"wrong type in a call": `f = (n) => n + 1` + "\n" + `f(n: "a")`,
		"no tables":            `x = 1`,
		"nothing":              ``,
		"unknown package":      `import "http"` + "\n" + `from(bucket: "b") |> range(start: -1h)`,
	} {
		parsed, err := parse(script)
		if err == nil {
			var streams []*flux.TableObject
			if streams, _, err = evaluate(t.Context(), parsed, time.Now()); err == nil {
				_, err = specOf(streams, time.Now())
			}
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Scripts are evaluated side by side, each with a now() of its own, over one library.
func TestScriptsSideBySide(t *testing.T) {
	<-prepareOnce()
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var group errgroup.Group
	for i := range 24 {
		group.Go(func() error {
			now := start.Add(time.Duration(i) * time.Hour)
			script := "data = () => from(bucket: \"b\") |> range(start: -1h) |> filter(fn: (r) => r._field == \"a\")\n" +
				"data() |> aggregateWindow(every: 1m, fn: mean)\nlater = now()\n"
			if i%3 == 0 {
				script = "option now = () => " + now.Format(time.RFC3339) + "\n" + script
			}
			parsed, err := parse(script)
			if err != nil {
				return err
			}
			streams, at, err := evaluate(t.Context(), parsed, now)
			if err != nil || len(streams) != 1 || !at.Equal(now) {
				return fmt.Errorf("%d streams at %v, want 1 at %v: %w", len(streams), at, now, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

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

func TestRefusedScripts(t *testing.T) {
	e := openStore(t).engine()
	const from = `from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-02T00:00:00Z)`
	nest := func(a, b string, n int) string {
		return "x = " + strings.Repeat(a, n) + "1" + strings.Repeat(b, n) + "\n" + from
	}
	cases := map[string]string{
		"empty":             ``,
		"not flux":          `from(bucket: `,
		"unknown name":      `foo()`,
		"nothing to stream": `x = 1`,
		"without range":     `from(bucket: "db")`,
		"no bucket":         `from() |> range(start: -1h)`,
		"two buckets":       `from(bucket: "a", bucketID: "b") |> range(start: -1h)`,
		"buckets":           `buckets()`,
		"databases":         "import \"influxdata/influxdb/v1\"\nv1.databases()",
		"to":                from + ` |> to(bucket: "db")`,
		"http":              "import \"http\"\nhttp.post(url: \"http://127.0.0.1\")\n" + from,
		"experimental http": "import \"experimental/http\"\n" + from,
		"csv":               "import \"csv\"\ncsv.from(file: \"/etc/passwd\")",
		"sql":               "import \"sql\"\n" + from,
		"secrets":           "import \"influxdata/influxdb/secrets\"\n" + from,
		"socket":            "import \"socket\"\n" + from,
		"too long":          "// " + strings.Repeat("x", MaxScript) + "\n" + from,
		"brackets":          strings.Repeat("(", MaxBrackets+1),
		"parentheses":       nest("(", ")", 1000),
		"arrays":            nest("[", "]", 100),
		"objects":           nest("{a: ", "}", 100),
		"functions":         nest("() => ", "", 30),
		"operators":         nest("- ", "", 5000),
		"repeat":            "import \"strings\"\nx = strings.repeat(v: \"x\", i: 1000000000000)\n" + from,
		"tiny windows":      from + ` |> aggregateWindow(every: 1ms, fn: mean)`,
		"tiny, stock plan":  from + ` |> window(every: 1ms, createEmpty: true)`,
		"overlapping":       from + ` |> window(every: 1ns, period: 1h)`,
		"backwards":         from + ` |> window(every: -1h, createEmpty: true)`,
		"no window":         from + ` |> window(every: 0s)`,
	}
	for name, script := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			_, err := e.Query(t.Context(), request(script), &out)
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || out.Len() > 0 || syntax.Error() == "" {
				t.Errorf("got %T %v, %q", err, err, out.String())
			}
		})
	}
	for name, change := range map[string]func(*Request){
		"annotation": func(r *Request) { r.Annotations = []string{"colour"} },
		"delimiter":  func(r *Request) { r.Delimiter = '\n' },
		"format":     func(r *Request) { r.DateTimeFormat = "kitchen" },
	} {
		r := request(from)
		change(&r)
		var syntax *SyntaxError
		if _, err := e.Query(t.Context(), r, io.Discard); !errors.As(err, &syntax) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTooManyWindowsWithRowsAreRefused(t *testing.T) {
	s := openStore(t)
	var b strings.Builder
	for i := range MaxWindows + 2000 {
		line(&b, "m f=1 %d", at(time.Duration(i)*time.Millisecond))
	}
	s.write("db", b.String())
	e := s.engine()
	r := request(`from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z) |> aggregateWindow(every: 1ms, fn: mean, createEmpty: false) |> count()`)
	if got, _ := ask(t, e, r); !strings.Contains(got, fmt.Sprint(",", MaxWindows+2000)) {
		t.Errorf("the rule has no need to refuse: %s", got)
	}
	r.NoPushdown = true
	var syntax *SyntaxError
	if _, err := e.Query(t.Context(), r, io.Discard); !errors.As(err, &syntax) {
		t.Errorf("got %v", err)
	}
}

func TestMemoryLimit(t *testing.T) {
	s := openStore(t)
	var b strings.Builder
	for i := range 20000 {
		line(&b, "m,t=%d f=1 %d", i%10, at(time.Duration(i)*time.Second))
	}
	s.write("db", b.String())
	e := s.engine(func(o *Options) { o.MemoryLimit = 200 << 10 })
	for _, tail := range []string{"", " |> sort()", " |> group() |> sort()", " |> aggregateWindow(every: 1s, fn: mean, createEmpty: false)", " |> yield(name: \"a\") |> sort() |> yield(name: \"b\")"} {
		_, err := e.Query(t.Context(), request(`from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z)`+tail), io.Discard)
		if tail == "" {
			must(t, err) // streams through
		} else if !errors.Is(err, ErrMemory) {
			t.Errorf("%q: %v", tail, err)
		}
	}
}

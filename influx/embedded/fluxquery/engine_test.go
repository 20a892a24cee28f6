package fluxquery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestAnnotatedCSV(t *testing.T) {
	s := openStore(t)
	s.write("db", fmt.Sprintf("m,host=a f=1.5,n=2i,u=3u,b=true,s=\"x,\\\"y\" %d", at(0)))
	e := s.engine()
	script := `from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-02T00:00:00Z) |> drop(columns: ["_start", "_stop"])`
	got, stats := ask(t, e, request(script+` |> filter(fn: (r) => r._field == "f")`))
	want := "#datatype,string,long,dateTime:RFC3339,double,string,string,string\r\n" +
		"#group,false,false,false,false,true,true,true\r\n" +
		"#default,_result,,,,,,\r\n" +
		",result,table,_time,_value,_field,_measurement,host\r\n" +
		",,0,2024-03-01T00:00:07Z,1.5,f,m,a\r\n\r\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if stats.Rows != 1 || stats.Tables != 1 || stats.Elapsed <= 0 || stats.MaxMemory <= 0 {
		t.Errorf("stats %+v", stats)
	}
	bare := request(script)
	bare.Annotations, bare.Header, bare.Delimiter, bare.DateTimeFormat = nil, false, ';', "RFC3339Nano"
	got, stats = ask(t, e, bare)
	for _, row := range []string{";1.5;f;m;a\r\n", ";2;n;m;a\r\n", ";3;u;m;a\r\n", ";true;b;m;a\r\n", ";\"x,\"\"y\";s;m;a\r\n"} {
		if !strings.Contains(got, row) {
			t.Errorf("no %q in\n%s", row, got)
		}
	}
	if strings.Contains(got, "#") || strings.Contains(got, "_time") || stats.Rows != 5 {
		t.Errorf("annotations or header although not asked for, or %d rows:\n%s", stats.Rows, got)
	}
	if got, stats := ask(t, e, request(`from(bucket: "db") |> range(start: 2020-01-01T00:00:00Z, stop: 2020-01-02T00:00:00Z)`)); got != "" || stats.Rows != 0 {
		t.Errorf("no data gave %q", got)
	}
}

func TestNowIsTheRequests(t *testing.T) {
	s := openStore(t)
	s.write("db", fmt.Sprintf("m f=1 %d", at(0)))
	e := s.engine()
	r := request(`from(bucket: "db") |> range(start: -1h)`)
	r.Now = epoch.Add(30 * time.Minute)
	if _, stats := ask(t, e, r); stats.Rows != 1 {
		t.Errorf("%d rows with the request's now", stats.Rows)
	}
	r.Now = time.Time{}
	if _, stats := ask(t, e, r); stats.Rows != 0 {
		t.Errorf("%d rows with the real now", stats.Rows)
	}
	r.Script = `option now = () => 2024-03-01T00:10:00Z` + "\n" + r.Script
	if _, stats := ask(t, e, r); stats.Rows != 1 {
		t.Errorf("%d rows with the script's own now", stats.Rows)
	}
}

func TestBucketsAreResolvedAndGuarded(t *testing.T) {
	s := openStore(t)
	s.database("other")
	s.write("db", fmt.Sprintf("m f=1 %d", at(0)))
	s.write("other", fmt.Sprintf("m f=2 %d", at(0)))
	e := s.engine()
	denied := errors.New("denied")
	var asked []string
	resolve := func(_ context.Context, name, id string) (string, string, error) {
		asked = append(asked, name+"|"+id)
		switch {
		case name == "mine", name == "with/slash", id == "0a0b0c0d0e0f0001":
			return "db", "autogen", nil
		}
		return "", "", denied
	}
	const tail = ` |> range(start: 2024-03-01T00:00:00Z, stop: 2024-03-02T00:00:00Z)`
	for _, from := range []string{`from(bucket: "mine")`, `from(bucket: "with/slash")`, `from(bucketID: "0a0b0c0d0e0f0001")`} {
		r := request(from + tail)
		r.Resolve = resolve
		if got, _ := ask(t, e, r); !strings.Contains(got, ",1,f,m") {
			t.Errorf("%s: %s", from, got)
		}
	}
	for _, script := range []string{
		`from(bucket: "other")` + tail,
		`from(bucket: "other/autogen")` + tail,
		`from(bucketID: "other")` + tail,
		`from(bucket: "mine")` + tail + ` |> yield(name: "a")` + "\n" + `from(bucket: "other")` + tail + ` |> yield(name: "b")`,
		`union(tables: [from(bucket: "mine")` + tail + `, from(bucket: "other")` + tail + `])`,
		`from(bucket: "other")` + tail + ` |> aggregateWindow(every: 1h, fn: mean)`,
		`from(bucket: "other")` + tail + ` |> group(columns: ["f"])`,
		`from(bucket: "other")` + tail + ` |> keys()`,
		`import "influxdata/influxdb/v1"` + "\n" + `v1.tagValues(bucket: "other", tag: "x")`,
		`t = from(bucket: "other")` + tail + ` |> tableFind(fn: (key) => true)` + "\n" + `from(bucket: "mine")` + tail,
	} {
		r := request(script)
		r.Resolve = resolve
		var out bytes.Buffer
		_, err := e.Query(t.Context(), r, &out)
		if !errors.Is(err, denied) || out.Len() > 0 {
			t.Errorf("%s\ngave %v and %q", script, err, out.String())
		}
	}
	if asked[0] != "mine|" || asked[1] != "with/slash|" || asked[2] != "|0a0b0c0d0e0f0001" {
		t.Errorf("asked for %q", asked)
	}
}

// waiting is a request that stays at the bucket's door until told to go on.
func waiting(script string) (r Request, arrived, leave chan struct{}) {
	r, arrived, leave = request(script), make(chan struct{}), make(chan struct{})
	r.Resolve = func(ctx context.Context, name, id string) (string, string, error) {
		close(arrived)
		<-leave
		return open(ctx, name, id)
	}
	return r, arrived, leave
}

func TestConcurrencyLimitAndClose(t *testing.T) {
	e := openStore(t).engine(func(o *Options) { o.Concurrency, o.QueueWait = 1, time.Millisecond })
	const script = `from(bucket: "db") |> range(start: -1h)`
	r, arrived, leave := waiting(script)
	done := make(chan error, 1)
	go func() {
		_, err := e.Query(context.Background(), r, io.Discard)
		done <- err
	}()
	<-arrived
	if _, err := e.Query(t.Context(), request(script), io.Discard); !errors.Is(err, ErrTooManyQueries) {
		t.Errorf("got %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := e.Close(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("closed although a query runs: %v", err)
	}
	close(leave)
	must(t, <-done)
	if _, err := e.Query(t.Context(), request(script), io.Discard); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	must(t, e.Close(t.Context()))
}

func TestTimeoutAndCancellation(t *testing.T) {
	s := openStore(t)
	e := s.engine(func(o *Options) { o.Timeout = 20 * time.Millisecond })
	r, _, leave := waiting(`from(bucket: "db") |> range(start: -1h)`)
	if _, err := e.Query(t.Context(), r, io.Discard); !errors.Is(err, ErrTimeout) {
		t.Errorf("got %v", err)
	}
	close(leave)
	r, arrived, leave := waiting(`from(bucket: "db") |> range(start: -1h)`)
	defer close(leave)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if _, err := s.engine().Query(ctx, r, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := e.Query(ctx, request(`from(bucket: "db") |> range(start: -1h)`), io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before it began: %v", err)
	}
}

// stopAfter cancels the query once n bytes were written.
type stopAfter struct {
	bytes.Buffer
	n    int
	stop func()
}

func (w *stopAfter) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if w.Len() >= w.n {
		w.stop()
	}
	return n, err
}

// A result that was cut short is an error, in the return value and in the output.
func TestCutShortIsAnError(t *testing.T) {
	s := openStore(t)
	var b strings.Builder
	for i := range 50000 {
		line(&b, "m,t=%d f=1 %d", i%50, at(time.Duration(i)*time.Second))
	}
	s.write("db", b.String())
	e := s.engine()
	for _, tail := range []string{"", " |> aggregateWindow(every: 1m, fn: mean)", " |> yield(name: \"a\") |> count() |> yield(name: \"b\")"} {
		ctx, cancel := context.WithCancel(t.Context())
		w := &stopAfter{n: 2000, stop: cancel}
		_, err := e.Query(ctx, request(`from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z)`+tail), w)
		if !errors.Is(err, context.Canceled) || !strings.Contains(w.String(), ",error,reference\r\n,"+context.Canceled.Error()) {
			t.Errorf("%q: %v\n...%s", tail, err, w.String()[max(0, w.Len()-200):])
		}
	}
	// Nor does a reader that goes away leave anything behind.
	gone := errors.New("gone")
	_, err := e.Query(t.Context(), request(`from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z)`), failing{gone})
	if !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	must(t, e.Close(t.Context()))
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestRuntimeErrors(t *testing.T) {
	s := openStore(t)
	s.write("db", fmt.Sprintf("m f=\"text\" %d", at(0)))
	e := s.engine()
	const from = `from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z)`
	for _, tail := range []string{` |> mean()`, ` |> sum(column: "nope")`, ` |> map(fn: (r) => ({v: int(v: r._value)}))`} {
		var out bytes.Buffer
		_, err := e.Query(t.Context(), request(from+tail), &out)
		var late *RuntimeError
		if !errors.As(err, &late) || out.Len() > 0 {
			t.Errorf("%s: %T %v %q", tail, err, err, out.String())
		}
	}
	// After the first result is out, the error comes as a table.
	var out bytes.Buffer
	_, err := e.Query(t.Context(), request(from+` |> yield(name: "a") |> mean() |> yield(name: "b")`), &out)
	if err == nil || !strings.Contains(out.String(), ",error,reference\r\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

package fluxquery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/memory"
	"github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb"
	"github.com/influxdata/influxdb/storage/reads"
	"github.com/influxdata/influxdb/storage/reads/datatypes"
	"github.com/influxdata/influxdb/tsdb/cursors"
)

// A query whose context ends stops wherever it is, and keeps its place until it has.
func TestCancellationStopsTheWork(t *testing.T) {
	s := openStore(t)
	for block := range 20 {
		var b strings.Builder
		for i := range 10_000 {
			line(&b, "m,t=%d f=%d %d", i%2, (i*7919)%10_007, at(time.Duration(block*10_000+i)*100*time.Millisecond))
		}
		s.write("db", b.String())
	}
	const all = `from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z)`
	doubling := chain(10, `f0 = (x) => x`, `f@ = (x) => f#(x: f#(x: x))`)
	for name, tc := range map[string]struct {
		script string
		time   time.Duration
	}{
		"evaluation": {doubling + "a = f10(x: 1)\n" + all, 50 * time.Millisecond},
		"sort":       {all + ` |> group() |> sort(columns: ["_value"]) |> sort(columns: ["_time"]) |> sort(columns: ["_value"])`, 250 * time.Millisecond},
		"pivot":      {all + ` |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`, 100 * time.Millisecond},
		"join":       {"a = " + all + " |> group()\nb = " + all + " |> group()\njoin(tables: {a: a, b: b}, on: [\"_measurement\"])", 300 * time.Millisecond},
		"map":        {all + ` |> map(fn: (r) => ({r with _value: r._value * 2.0}))`, 100 * time.Millisecond},
		"windows":    {all + ` |> window(every: 1s) |> median()`, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			e := s.engine(func(o *Options) { o.Timeout, o.Concurrency = tc.time, 1 })
			<-e.Ready()
			var out bytes.Buffer
			if _, err := e.Query(t.Context(), request(tc.script), &out); !errors.Is(err, ErrTimeout) {
				t.Fatalf("got %v; the test wants a query that takes longer", err)
			}
			ends(t, e)
		})
	}
	t.Run("reading", func(t *testing.T) {
		e := s.engine(func(o *Options) { o.Concurrency = 1 })
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := e.Query(ctx, request(all), &stopAfter{n: 1000, stop: cancel}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		ends(t, e)
	})
}

// ends waits until the engine's only place is free, and finds that none of the query's goroutines is left by then.
func ends(t *testing.T, e *Engine) {
	t.Helper()
	select {
	case e.slots <- struct{}{}:
	case <-time.After(20 * time.Second):
		var all bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&all, 1)
		t.Fatalf("the query does not end: %s", &all)
	}
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil || strings.Contains(all.String(), workLabel) {
		t.Errorf("the place is free, but the work goes on (%v):\n%s", err, all.String())
	}
}

// brokenReader reads some series and then fails.
type brokenReader struct {
	influxdb.Reader
	series, pieces int
	err            error
}

func (r brokenReader) ReadFilter(ctx context.Context, spec influxdb.ReadFilterSpec, alloc *memory.Allocator) (influxdb.TableIterator, error) {
	tables, err := r.Reader.ReadFilter(ctx, spec, alloc)
	return brokenTables{tables, &r}, err
}

func (r brokenReader) ReadGroup(ctx context.Context, spec influxdb.ReadGroupSpec, alloc *memory.Allocator) (influxdb.TableIterator, error) {
	tables, err := r.Reader.ReadGroup(ctx, spec, alloc)
	return brokenTables{tables, &r}, err
}

type brokenTables struct {
	influxdb.TableIterator
	r *brokenReader
}

func (b brokenTables) Do(f func(flux.Table) error) error {
	err := b.TableIterator.Do(func(t flux.Table) error {
		if b.r.series == 0 {
			t.Done()
			return b.r.err
		}
		b.r.series--
		return f(brokenTable{t, b.r})
	})
	return err
}

type brokenTable struct {
	flux.Table
	r *brokenReader
}

func (b brokenTable) Do(f func(flux.ColReader) error) error {
	return b.Table.Do(func(cr flux.ColReader) error {
		if b.r.pieces == 0 {
			return b.r.err
		}
		b.r.pieces--
		return f(cr)
	})
}

// brokenStore breaks as brokenReader does, for what reads past the tables.
type brokenStore struct {
	reads.Store
	r *brokenReader
}

func (b brokenStore) ReadFilter(ctx context.Context, req *datatypes.ReadFilterRequest) (reads.ResultSet, error) {
	rs, err := b.Store.ReadFilter(ctx, req)
	return &brokenResults{ResultSet: rs, r: b.r}, err
}

type brokenResults struct {
	reads.ResultSet
	r *brokenReader
}

func (b *brokenResults) Next() bool {
	if b.r.series == 0 {
		return false
	}
	b.r.series--
	return b.ResultSet.Next()
}

func (b *brokenResults) Err() error {
	if b.r.series == 0 {
		return b.r.err
	}
	return b.ResultSet.Err()
}

func (b *brokenResults) Cursor() cursors.Cursor {
	return brokenCursor{b.ResultSet.Cursor().(cursors.FloatArrayCursor), b.r}
}

type brokenCursor struct {
	cursors.FloatArrayCursor
	r *brokenReader
}

func (b brokenCursor) Next() *cursors.FloatArray {
	if b.r.pieces == 0 {
		return &cursors.FloatArray{}
	}
	b.r.pieces--
	return b.FloatArrayCursor.Next()
}

func (b brokenCursor) Err() error {
	if b.r.pieces == 0 {
		return b.r.err
	}
	return b.FloatArrayCursor.Err()
}

// A store that fails in the middle is an error, never a shorter answer.
func TestBrokenStoreIsAnError(t *testing.T) {
	s := openStore(t)
	var b strings.Builder
	for i := range 20_000 {
		line(&b, "m,t=%d f=%d %d", i%10, i, at(time.Duration(i)*time.Second))
	}
	s.write("db", b.String())
	broken := errors.New("input/output error")
	for name, r := range map[string]brokenReader{
		"at once":             {err: broken, pieces: 1000},
		"after two series":    {err: broken, series: 2, pieces: 1000},
		"in a series":         {err: broken, series: 1000, pieces: 1},
		"in a series, at end": {err: broken, series: 1000, pieces: 11},
	} {
		for _, tail := range []string{"", " |> count()", " |> aggregateWindow(every: 1h, fn: mean)", " |> group(columns: [\"t\"]) |> sum()", " |> filter(fn: (r) => r._value > 1.0) |> yield(name: \"a\") |> max() |> yield(name: \"b\")"} {
			e, r := s.engine(), r
			r.Reader = e.reader.Reader
			e.reader = &storeReader{r, wholeStore{brokenStore{e.reader.store, &r}, s.meta}}
			var out bytes.Buffer
			_, err := e.Query(t.Context(), request(`from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z)`+tail), &out)
			if !errors.Is(err, ErrStore) || !errors.Is(err, broken) {
				t.Errorf("%s, %q: %v", name, tail, err)
			}
			if out.Len() > 0 && !strings.Contains(out.String(), ",error,reference\r\n") {
				t.Errorf("%s, %q: %d bytes without an error", name, tail, out.Len())
			}
		}
	}
}

// The text that a script makes of rows, and the text that it reads, is memory of the query.
func TestTextIsMemory(t *testing.T) {
	s := openStore(t)
	var b strings.Builder
	long := strings.Repeat("x", 30_000)
	for i := range 200 {
		line(&b, "m f=%d,s=%q %d", i, long, at(time.Duration(i)*time.Second))
	}
	s.write("db", b.String())
	e := s.engine(func(o *Options) { o.MemoryLimit = 4 << 20 })
	const from = `from(bucket: "db") |> range(start: 2024-03-01T00:00:00Z)`
	for name, script := range map[string]string{
		"made":  "import \"strings\"\n" + from + ` |> filter(fn: (r) => r._field == "f") |> map(fn: (r) => ({v: strings.repeat(v: "x", i: 100000)}))`,
		"added": from + ` |> filter(fn: (r) => r._field == "s") |> limit(n: 100) |> map(fn: (r) => ({v: r._value + r._value}))`,
		"read":  from + ` |> filter(fn: (r) => r._field == "s") |> group() |> sort()`,
	} {
		var out bytes.Buffer
		if _, err := e.Query(t.Context(), request(script), &out); !errors.Is(err, ErrMemory) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, script := range map[string]string{
		"reduce":           from + ` |> filter(fn: (r) => r._field == "f") |> reduce(fn: (r, accumulator) => ({s: accumulator.s + accumulator.s}), identity: {s: "x"})`,
		"reduce, function": "d = (x) => x + x\n" + from + ` |> filter(fn: (r) => r._field == "f") |> reduce(fn: (r, accumulator) => ({s: d(x: accumulator.s)}), identity: {s: "x"})`,
	} {
		var syntax *SyntaxError
		if _, err := e.Query(t.Context(), request(script), &bytes.Buffer{}); !errors.As(err, &syntax) || !strings.Contains(err.Error(), fmt.Sprint(MaxText)) {
			t.Errorf("%s: %T %v", name, err, err)
		}
	}
	got, _ := ask(t, e, request(from+` |> filter(fn: (r) => r._field == "f") |> reduce(fn: (r, accumulator) => ({s: accumulator.s + "x"}), identity: {s: ""})`))
	if !strings.Contains(got, strings.Repeat("x", 200)) {
		t.Errorf("a short string over all rows: %s", got)
	}
}

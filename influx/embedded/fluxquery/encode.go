package fluxquery

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/csv"
	"github.com/influxdata/flux/execute"
)

// encoding writes the results of one query as annotated CSV.
type encoding struct {
	config csv.ResultEncoderConfig
	csv    *csv.ResultEncoder
	out    *output
	stats  Stats
}

func newEncoding(r Request) (*encoding, error) {
	for _, a := range r.Annotations {
		if !slices.Contains([]string{"datatype", "group", "default"}, a) {
			return nil, refuse("unknown annotation %q", a)
		}
	}
	switch r.Delimiter {
	case '"', '\r', '\n', utf8.RuneError:
		return nil, refuse("%q cannot be the delimiter", r.Delimiter)
	}
	if !utf8.ValidRune(r.Delimiter) {
		return nil, refuse("the delimiter is not a character")
	}
	switch r.DateTimeFormat {
	case "", "RFC3339", "RFC3339Nano":
	default:
		return nil, refuse("unknown dateTimeFormat %q", r.DateTimeFormat)
	}
	config := csv.ResultEncoderConfig{Annotations: r.Annotations, NoHeader: !r.Header, Delimiter: r.Delimiter}
	return &encoding{config: config, csv: csv.NewResultEncoder(config)}, nil
}

// output remembers whether anything reached the reader, and whether the reader went away.
type output struct {
	w   io.Writer
	n   int64
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.n += int64(n)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

func (e *encoding) wrote() bool  { return e.out != nil && e.out.n > 0 }
func (e *encoding) broken() bool { return e.out != nil && e.out.err != nil }

func (e *encoding) writeError(err error) error {
	if werr := e.csv.EncodeError(e.out, err); werr != nil {
		return fmt.Errorf("writing the error table: %w", werr)
	}
	return nil
}

// encode writes all results, in the order of their names. While one is written the others are collected, since what feeds
// them all may be one stream of tables, which would stand still if one of them were not read.
func (e *encoding) encode(ctx context.Context, q flux.Query, w io.Writer) error {
	e.out = &output{w: w}
	var results []*result
	for r := range q.Results() {
		results = append(results, &result{inner: r, ctx: ctx, stats: &e.stats})
	}
	slices.SortFunc(results, func(a, b *result) int { return strings.Compare(a.Name(), b.Name()) })
	defer func() {
		for _, r := range results {
			r.drain()
		}
	}()
	for i, r := range results {
		if i > 0 {
			r.collect()
		}
	}
	for _, r := range results {
		if _, err := e.csv.Encode(e.out, r); err != nil {
			return err
		}
		if r.tables == 0 {
			continue // a result without tables leaves no trace, not even a line
		}
		if _, err := e.out.Write([]byte("\r\n")); err != nil {
			return err
		}
		if f, ok := w.(interface{ Flush() }); ok {
			f.Flush()
		}
	}
	return nil
}

// result counts what passes through, and can be collected in the background.
type result struct {
	inner    flux.Result
	ctx      context.Context
	stats    *Stats
	tables   int
	read     bool // the stream ended by itself; nothing more will come
	buffered chan struct{}
	buffer   []flux.Table
	err      error
}

func (r *result) Name() string               { return r.inner.Name() }
func (r *result) Tables() flux.TableIterator { return r }

// Do implements flux.TableIterator.
func (r *result) Do(f func(flux.Table) error) error {
	count := func(t flux.Table) error {
		if err := r.ctx.Err(); err != nil {
			return err // what is collected already is cut short all the same
		}
		r.tables++
		r.stats.Tables++
		return f(&countedTable{t, r.stats})
	}
	if r.buffered == nil {
		return r.stream(count)
	}
	<-r.buffered
	for len(r.buffer) > 0 {
		t := r.buffer[0]
		r.buffer = r.buffer[1:]
		if err := count(t); err != nil {
			return err
		}
	}
	return r.err
}

func (r *result) stream(f func(flux.Table) error) error {
	stopped := false
	err := r.inner.Tables().Do(func(t flux.Table) error {
		err := f(t)
		stopped = err != nil
		return err
	})
	r.read = !stopped
	return err
}

func (r *result) collect() {
	r.buffered = make(chan struct{})
	go func() {
		defer close(r.buffered)
		defer func() {
			if p := recover(); p != nil {
				r.err = fromPanic(p)
			}
		}()
		r.err = r.stream(func(t flux.Table) error {
			c, err := execute.CopyTable(t)
			if err == nil {
				r.buffer = append(r.buffer, c)
			}
			return err
		})
	}()
}

// drain lets whoever still feeds this result come to an end: a source that cannot hand over a table would wait for ever.
// It ends soon after the query's context, which the caller cancels next.
func (r *result) drain() {
	go func() {
		if r.buffered != nil {
			<-r.buffered
		}
		if r.read {
			return
		}
		defer func() { _ = recover() }() // the fault that stopped the query may strike again
		_ = r.inner.Tables().Do(func(t flux.Table) error {
			t.Done()
			return nil
		})
	}()
}

type countedTable struct {
	flux.Table
	stats *Stats
}

func (t *countedTable) Do(f func(flux.ColReader) error) error {
	return t.Table.Do(func(cr flux.ColReader) error {
		t.stats.Rows += cr.Len()
		return f(cr)
	})
}

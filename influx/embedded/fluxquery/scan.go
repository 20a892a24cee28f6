package fluxquery

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/execute"
	"github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb"
)

// windowScan is one read of a range on behalf of all windowSources of a script that read the same: mean, minimum and
// maximum of a chart are computed side by side.
type windowScan struct {
	reader  influxdb.Reader
	read    influxdb.ReadFilterSpec
	sources []*windowSource

	once    sync.Once
	started bool // guarded by the session's mutex
	err     error
}

// errScanBroke is what the other sources of a scan get when the one that ran it panicked.
var errScanBroke = errors.New("the read that this window shares broke off")

// scanFor gives the scan that a new source takes part in: one that reads the same and has not begun, or a new one.
func (s *session) scanFor(src *windowSource, r influxdb.Reader, read influxdb.ReadFilterSpec) *windowScan {
	if s == nil {
		return &windowScan{reader: r, read: read, sources: []*windowSource{src}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.scans {
		// A predicate knows its place in the script: two that were written twice are two.
		if !c.started && reflect.DeepEqual(c.read, read) {
			c.sources = append(c.sources, src)
			return c
		}
	}
	c := &windowScan{reader: r, read: read, sources: []*windowSource{src}}
	s.scans = append(s.scans, c)
	return c
}

// run reads, for the first source that asks; the others wait for it.
func (c *windowScan) run(ctx context.Context) error {
	c.once.Do(func() {
		if s := c.sources[0].session; s != nil {
			s.mu.Lock()
			c.started = true
			s.mu.Unlock()
		}
		c.err = errScanBroke
		c.err = c.all(ctx)
	})
	return c.err
}

func (c *windowScan) all(ctx context.Context) error {
	tables, err := c.reader.ReadFilter(ctx, c.read, c.sources[0].alloc)
	if err != nil {
		return err
	}
	if err := tables.Do(func(tbl flux.Table) error { return c.aggregate(ctx, tbl) }); err != nil {
		return err
	}
	return ctx.Err() // the iterator just stops when its context ends
}

// aggregate reads one series. A series that leaves no row leaves no table.
func (c *windowScan) aggregate(ctx context.Context, tbl flux.Table) error {
	cols := tbl.Cols()
	timeCol, valueCol := execute.ColIdx(execute.DefaultTimeColLabel, cols), execute.ColIdx(execute.DefaultValueColLabel, cols)
	if timeCol < 0 || valueCol < 0 {
		tbl.Done()
		return fmt.Errorf("series without time or value: %v", tbl.Key())
	}
	all := make([]*windows, len(c.sources))
	for i, s := range c.sources {
		red, err := newReducer(s.spec.fn, cols[valueCol].Type, s.alloc)
		if err != nil {
			tbl.Done()
			return err
		}
		all[i] = newWindows(c.read.Bounds, s.spec, red, s.alloc)
	}
	err := tbl.Do(func(cr flux.ColReader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		times := cr.Times(timeCol).Int64Values()
		for _, w := range all {
			w.add(times, cr, valueCol)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, s := range c.sources {
		w := all[i]
		w.finish()
		times, values := w.stamps.NewArray(), w.red.array()
		if times.Len() > 0 {
			s.tables = append(s.tables, newWindowTable(tbl.Key(), cols, timeCol, valueCol, w.red, times, values, s.alloc))
		}
	}
	return nil
}

package fluxquery

import (
	"context"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/execute"
	"github.com/influxdata/flux/plan"
	"github.com/influxdata/flux/stdlib/universe"
)

// createWindow replaces the library's window(): it refuses windows that would fill the memory and ends with its context.
func createWindow(id execute.DatasetID, mode execute.AccumulationMode, spec plan.ProcedureSpec, a execute.Administration) (execute.Transformation, execute.Dataset, error) {
	s, ok := spec.(*universe.WindowProcedureSpec)
	if !ok {
		return nil, nil, refuse("window: unexpected specification %T", spec)
	}
	bounds := a.StreamContext().Bounds()
	if bounds == nil {
		return nil, nil, refuse("window: there is no range before it")
	}
	if s.Window.Every != forever {
		if err := checkWindows(*bounds, s.Window, s.CreateEmpty); err != nil {
			return nil, nil, err
		}
	}
	w, err := execute.NewWindow(s.Window.Every, s.Window.Period, s.Window.Offset)
	if err != nil {
		return nil, nil, err
	}
	tables := execute.NewTableBuilderCache(a.Allocator())
	cache := &countingCache{TableBuilderCache: tables}
	d := execute.NewDataset(id, mode, tables)
	t := universe.NewFixedWindowTransformation(d, cache, *bounds, w, s.TimeColumn, s.StartColumn, s.StopColumn, s.CreateEmpty)
	return &boundedWindow{Transformation: t, ctx: a.Context(), cache: cache}, d, nil
}

// checkWindows refuses windows that do not advance or are too many by the range alone.
func checkWindows(bounds execute.Bounds, w plan.WindowSpec, createEmpty bool) error {
	if !w.Every.IsPositive() || !w.Period.IsPositive() {
		return refuse("window: every and period must be positive")
	}
	every := float64(w.Every.Duration())
	windows := float64(w.Period.Duration())/every - 1 // that overlap at one point in time
	if createEmpty && !bounds.IsEmpty() {
		windows += (float64(bounds.Stop) - float64(bounds.Start)) / every
	}
	return checkWindowCount(windows)
}

func checkWindowCount(windows float64) error {
	if windows > MaxWindows {
		return refuse("window: %.0f windows are more than the %d allowed; take a longer window or a shorter range", windows, MaxWindows)
	}
	return nil
}

// countingCache counts the tables that a window() builds, one for each series and window.
type countingCache struct {
	execute.TableBuilderCache
	created int
}

func (c *countingCache) TableBuilder(key flux.GroupKey) (execute.TableBuilder, bool) {
	b, created := c.TableBuilderCache.TableBuilder(key)
	if created {
		c.created++
	}
	return b, created
}

// boundedWindow stops between two pieces of a table when the query ends or the windows become too many.
type boundedWindow struct {
	execute.Transformation
	ctx   context.Context
	cache *countingCache
}

func (t *boundedWindow) check() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	return checkWindowCount(float64(t.cache.created))
}

func (t *boundedWindow) Process(id execute.DatasetID, tbl flux.Table) error {
	if err := t.check(); err != nil {
		return err
	}
	return t.Transformation.Process(id, &boundedTable{tbl, t.check})
}

// boundedTable asks before each piece whether to go on.
type boundedTable struct {
	flux.Table
	check func() error
}

func (t *boundedTable) Do(f func(flux.ColReader) error) error {
	return t.Table.Do(func(cr flux.ColReader) error {
		if err := t.check(); err != nil {
			return err
		}
		return f(cr)
	})
}

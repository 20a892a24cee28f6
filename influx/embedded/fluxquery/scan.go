package fluxquery

import (
	"context"
	"errors"
	"reflect"
	"sync"

	"github.com/influxdata/flux"
	"github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb"
	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/storage/reads"
	"github.com/influxdata/influxdb/storage/reads/datatypes"
	"github.com/influxdata/influxdb/tsdb/cursors"
)

// windowScan is one read of a range on behalf of all windowSources of a script that read the same: mean, minimum and
// maximum of a chart are computed side by side.
type windowScan struct {
	reader  *reader
	read    influxdb.ReadFilterSpec
	sources []*windowSource

	once    sync.Once
	started bool // guarded by the session's mutex
	err     error
}

// errScanBroke is what the other sources of a scan get when the one that ran it panicked.
var errScanBroke = errors.New("the read that this window shares broke off")

// scanFor gives the scan that a new source takes part in: one that reads the same and has not begun, or a new one.
func (r *reader) scanFor(src *windowSource, read influxdb.ReadFilterSpec) *windowScan {
	s := r.session
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
		s := c.reader.session
		s.mu.Lock()
		c.started = true
		s.mu.Unlock()
		c.err = errScanBroke
		c.err = c.reader.readSeries(ctx, c.read, func(rs reads.ResultSet) error { return c.all(ctx, rs) })
		if c.err == nil {
			c.err = ctx.Err() // the store just stops when its context ends
		}
	})
	return c.err
}

func (c *windowScan) all(ctx context.Context, rs reads.ResultSet) error {
	for rs.Next() {
		cur := rs.Cursor()
		if cur == nil {
			continue // the field has no data
		}
		err := c.series(ctx, rs.Tags(), cur)
		cur.Close()
		if err != nil {
			return err
		}
	}
	return c.reader.session.storeError(rs.Err(), nil)
}

// series reads one series. A series that leaves no row leaves no table.
func (c *windowScan) series(ctx context.Context, tags models.Tags, cur cursors.Cursor) error {
	switch cur := cur.(type) {
	case cursors.FloatArrayCursor:
		return reduceSeries(ctx, c, tags, floatReducer, func() ([]int64, []float64) {
			a := cur.Next()
			return a.Timestamps, a.Values
		})
	case cursors.IntegerArrayCursor:
		return reduceSeries(ctx, c, tags, intReducer, func() ([]int64, []int64) {
			a := cur.Next()
			return a.Timestamps, a.Values
		})
	case cursors.UnsignedArrayCursor:
		return reduceSeries(ctx, c, tags, uintReducer, func() ([]int64, []uint64) {
			a := cur.Next()
			return a.Timestamps, a.Values
		})
	case cursors.StringArrayCursor:
		return reduceSeries(ctx, c, tags, stringReducer, func() ([]int64, []string) {
			a := cur.Next()
			return a.Timestamps, a.Values
		})
	case cursors.BooleanArrayCursor:
		return reduceSeries(ctx, c, tags, boolReducer, func() ([]int64, []bool) {
			a := cur.Next()
			return a.Timestamps, a.Values
		})
	}
	return errors.New("series of an unknown type")
}

// reduceSeries reads one series block by block: next gives some thousand rows at most, which are valid until it is called
// again, and none at the end. Its blocks go to all sources without a table in between, which would copy each of them
// and add a column for each tag.
func reduceSeries[T any](ctx context.Context, c *windowScan, tags models.Tags, reduce newReducer[T], next func() ([]int64, []T)) error {
	times, values := next()
	if len(times) == 0 {
		return nil
	}
	all := make([]*windows[T], len(c.sources))
	for i, s := range c.sources {
		red, err := reduce(s.spec.fn, s.alloc)
		if err != nil {
			return err
		}
		all[i] = newWindows(c.read.Bounds, s.spec, red, s.alloc)
	}
	for ; len(times) > 0; times, values = next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, w := range all {
			w.add(times, values)
		}
	}
	key := seriesKey(tags, c.read.Bounds)
	for i, s := range c.sources {
		w := all[i]
		w.finish()
		stamps, results := w.stamps.NewArray(), w.red.array()
		if stamps.Len() > 0 {
			s.tables = append(s.tables, newWindowTable(key, w.red.colType(), w.red.selects(), stamps, results, s.alloc))
		} else {
			stamps.Release()
			results.Release()
		}
	}
	return nil
}

// storeReader is the library's reader, and the store that it reads.
type storeReader struct {
	influxdb.Reader
	store reads.Store
}

func newStoreReader(s reads.Store, meta MetaClient) *storeReader {
	s = wholeStore{halfOpen{s}, meta}
	return &storeReader{reads.NewReader(s), s}
}

// halfOpen is a store whose ranges end before their stop. The library's own takes the stop for a part of the range.
type halfOpen struct{ reads.Store }

// ReadFilter implements reads.Store.
func (s halfOpen) ReadFilter(ctx context.Context, req *datatypes.ReadFilterRequest) (reads.ResultSet, error) {
	excludeStop(&req.Range)
	return s.Store.ReadFilter(ctx, req)
}

// ReadGroup implements reads.Store.
func (s halfOpen) ReadGroup(ctx context.Context, req *datatypes.ReadGroupRequest) (reads.GroupResultSet, error) {
	excludeStop(&req.Range)
	return s.Store.ReadGroup(ctx, req)
}

// excludeStop leaves the first nanosecond alone: for the store an end of 0 is none.
func excludeStop(r *datatypes.TimestampRange) {
	if r.End > 1 {
		r.End--
	}
}

// readSeries calls f with the series of a range as the store has them. They are valid during the call only.
func (r *reader) readSeries(ctx context.Context, spec influxdb.ReadFilterSpec, f func(reads.ResultSet) error) error {
	if err := r.session.locate(&spec); err != nil {
		return err
	}
	if beforeEpoch(spec) {
		return nil
	}
	r.session.reads.Add(1)
	// Only the library's reader can make the store's predicate of a script's.
	var theirs error
	take := func(rs reads.ResultSet) error {
		theirs = f(rs)
		return theirs
	}
	tables, err := reads.NewReader(&handedOver{r.inner.store, take}).ReadFilter(ctx, spec, nil)
	if err != nil {
		return err
	}
	err = tables.Do(func(flux.Table) error { return errors.New("the read gave a table") })
	return r.session.storeError(err, theirs)
}

// handedOver is a store that hands what is read to a function, and leaves nothing to the reader.
type handedOver struct {
	reads.Store
	take func(reads.ResultSet) error
}

// ReadFilter implements reads.Store.
func (h *handedOver) ReadFilter(ctx context.Context, req *datatypes.ReadFilterRequest) (reads.ResultSet, error) {
	rs, err := h.Store.ReadFilter(ctx, req)
	if err != nil || rs == nil {
		return nil, err
	}
	defer rs.Close()
	return nil, h.take(rs)
}

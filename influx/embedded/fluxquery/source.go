package fluxquery

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/arrow/array"
	"github.com/influxdata/flux"
	"github.com/influxdata/flux/arrow"
	"github.com/influxdata/flux/execute"
	"github.com/influxdata/flux/memory"
	"github.com/influxdata/flux/plan"
	"github.com/influxdata/flux/values"
	"github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb"
	"github.com/influxdata/influxdb/models"
)

const windowSourceKind = "readWindows"

// windowSpec is a range read and aggregated window by window.
type windowSpec struct {
	influxdb.ReadRangePhysSpec
	fn          string
	every       int64 // nanoseconds
	createEmpty bool
	stamp       string // the edge of the window that becomes _time: _start or _stop
}

// Kind implements plan.ProcedureSpec.
func (s *windowSpec) Kind() plan.ProcedureKind { return windowSourceKind }

// Copy implements plan.ProcedureSpec.
func (s *windowSpec) Copy() plan.ProcedureSpec {
	c := *s
	c.ReadRangePhysSpec = *s.ReadRangePhysSpec.Copy().(*influxdb.ReadRangePhysSpec)
	return &c
}

// windowSource runs a windowSpec.
type windowSource struct {
	id      execute.DatasetID
	next    execute.TransformationSet
	alloc   *memory.Allocator
	spec    *windowSpec
	session *session
	scan    *windowScan
	tables  []*windowTable // what the scan made
}

func createWindowSource(ps plan.ProcedureSpec, id execute.DatasetID, a execute.Administration) (execute.Source, error) {
	spec, ok := ps.(*windowSpec)
	if !ok {
		return nil, fmt.Errorf("unexpected specification %T", ps)
	}
	bounds := a.StreamContext().Bounds()
	if bounds == nil {
		return nil, refuse("from: there is no range")
	}
	if spec.createEmpty && !bounds.IsEmpty() {
		if err := checkWindowCount(float64(bounds.Stop-bounds.Start) / float64(spec.every)); err != nil {
			return nil, err
		}
	}
	deps := influxdb.GetStorageDependencies(a.Context())
	db, rp, err := spec.LookupDatabase(a.Context(), deps, a)
	if err != nil {
		return nil, err
	}
	read := influxdb.ReadFilterSpec{Database: db, RetentionPolicy: rp, Bounds: *bounds}
	if spec.FilterSet {
		read.Predicate = spec.Filter
	}
	r, ok := deps.Reader.(*reader)
	if !ok {
		return nil, fmt.Errorf("unexpected reader %T", deps.Reader)
	}
	src := &windowSource{id: id, alloc: a.Allocator(), spec: spec, session: r.session}
	src.scan = r.scanFor(src, read)
	return src, nil
}

// AddTransformation implements execute.Source.
func (s *windowSource) AddTransformation(t execute.Transformation) { s.next = append(s.next, t) }

// Run implements execute.Source.
func (s *windowSource) Run(ctx context.Context) {
	s.session.pushdowns.Add(1)
	s.next.Finish(s.id, apart(ctx, func() error { return s.run(ctx) }))
}

func (s *windowSource) run(ctx context.Context) error {
	stop := s.scan.read.Bounds.Stop
	if s.scan.read.Bounds.IsEmpty() {
		return s.next.UpdateWatermark(s.id, stop)
	}
	if err := s.scan.run(ctx); err != nil {
		return err
	}
	// The stock plan hands tables on in the order of their keys.
	slices.SortStableFunc(s.tables, func(a, b *windowTable) int {
		switch {
		case a.Key().Less(b.Key()):
			return -1
		case b.Key().Less(a.Key()):
			return 1
		default:
			return 0
		}
	})
	for _, t := range s.tables {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.next.Process(s.id, t); err != nil {
			return err
		}
	}
	return s.next.UpdateWatermark(s.id, stop)
}

// windowTable is the aggregated form of one series.
type windowTable struct {
	arrow.TableBuffer
	used bool
}

// seriesKey is the key of a series' table, as the library's reader makes it.
func seriesKey(tags models.Tags, bounds execute.Bounds) flux.GroupKey {
	cols := make([]flux.ColMeta, 0, len(tags)+2)
	vs := make([]values.Value, 0, len(tags)+2)
	cols = append(cols, flux.ColMeta{Label: execute.DefaultStartColLabel, Type: flux.TTime}, flux.ColMeta{Label: execute.DefaultStopColLabel, Type: flux.TTime})
	vs = append(vs, values.NewTime(bounds.Start), values.NewTime(bounds.Stop))
	for _, t := range tags {
		cols = append(cols, flux.ColMeta{Label: string(t.Key), Type: flux.TString})
		vs = append(vs, values.NewString(string(t.Value)))
	}
	return execute.NewGroupKey(cols, vs)
}

// newWindowTable makes the table of a series from its windows' times and values. Its columns are those of the stock plan:
// selectors keep the ones that a series has in the store, bounds and time and value and tags; aggregates keep the key, and
// the value follows, and then the time that was put back.
func newWindowTable(key flux.GroupKey, typ flux.ColType, selector bool, times, results array.Interface, alloc *memory.Allocator) *windowTable {
	const bounds = 2 // columns of the key before the tags
	timeMeta, valueMeta := flux.ColMeta{Label: execute.DefaultTimeColLabel, Type: flux.TTime}, flux.ColMeta{Label: execute.DefaultValueColLabel, Type: typ}
	cols := slices.Clone(key.Cols())
	if selector {
		cols = slices.Insert(cols, bounds, timeMeta, valueMeta)
	} else {
		cols = append(cols, valueMeta, timeMeta)
	}
	t := &windowTable{TableBuffer: arrow.TableBuffer{GroupKey: key, Columns: cols, Values: make([]array.Interface, len(cols))}}
	for j, c := range cols {
		switch k := execute.ColIdx(c.Label, key.Cols()); {
		case c.Label == execute.DefaultTimeColLabel:
			t.Values[j] = times
		case c.Label == execute.DefaultValueColLabel:
			t.Values[j] = results
		case k >= 0:
			t.Values[j] = arrow.Repeat(key.Value(k), times.Len(), alloc)
		}
	}
	return t
}

// Do implements flux.Table.
func (t *windowTable) Do(f func(flux.ColReader) error) error {
	if t.used {
		return fmt.Errorf("table already read: %v", t.Key())
	}
	t.used = true
	defer t.Release()
	return f(&t.TableBuffer)
}

// Done implements flux.Table.
func (t *windowTable) Done() {
	if !t.used {
		t.used = true
		t.Release()
	}
}

// Empty implements flux.Table.
func (t *windowTable) Empty() bool { return false }

package fluxquery

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/influxdata/flux/execute"
	"github.com/influxdata/flux/plan"
	"github.com/influxdata/flux/stdlib/universe"
	"github.com/influxdata/flux/values"
	"github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb"
)

// windowRule replaces what aggregateWindow expands to,
//
//	ReadRange |> window(every) |> fn(column: "_value") |> duplicate(column: "_stop", as: "_time") |> window(every: inf)
//
// by one source that aggregates while it reads. Unlike the library's own rules it also works when the range is
// read by several branches of a script, and those then share one read (see windowScan).
type windowRule struct{}

// Name implements plan.Rule.
func (windowRule) Name() string { return "aggregateWindowWhileReading" }

// Pattern implements plan.Rule.
func (windowRule) Pattern() plan.Pattern { return windowPattern{} }

// Rewrite implements plan.Rule.
func (windowRule) Rewrite(top plan.Node) (plan.Node, bool, error) {
	spec, bottom := matchWindow(top)
	if spec == nil {
		return top, false, nil
	}
	// The range may have other readers, which must not find the abandoned branch among their siblings.
	source := bottom.Predecessors()[0]
	var others []plan.Node
	for _, n := range source.Successors() {
		if n != bottom {
			others = append(others, n)
		}
	}
	source.ClearSuccessors()
	source.AddSuccessors(others...)
	return plan.CreatePhysicalNode(plan.NodeID("readWindows_"+string(top.ID())), spec), true, nil
}

type windowPattern struct{}

func (windowPattern) Root() plan.ProcedureKind { return universe.WindowKind }

func (windowPattern) Match(n plan.Node) bool {
	spec, _ := matchWindow(n)
	return spec != nil
}

// matchWindow returns the source for a chain of nodes that ends in top, and the chain's first node, or nil where the
// stock plan has to stay.
func matchWindow(top plan.Node) (*windowSpec, plan.Node) {
	regroup, ok := top.ProcedureSpec().(*universe.WindowProcedureSpec)
	if !ok || regroup.Window.Every != forever || regroup.Window.Period != forever || !regroup.Window.Offset.IsZero() ||
		regroup.CreateEmpty || !usualColumns(regroup) {
		return nil, nil
	}
	dup := onlyPredecessor(top)
	if dup == nil {
		return nil, nil
	}
	source, ok := stampSource(dup)
	if !ok {
		return nil, nil
	}
	agg := onlyPredecessor(dup)
	if agg == nil {
		return nil, nil
	}
	fn, ok := aggregate(agg.ProcedureSpec())
	if !ok {
		return nil, nil
	}
	bottom := onlyPredecessor(agg)
	if bottom == nil {
		return nil, nil
	}
	window, ok := bottom.ProcedureSpec().(*universe.WindowProcedureSpec)
	if !ok || !usualColumns(window) || window.Window.Every != window.Window.Period || !window.Window.Offset.IsZero() {
		return nil, nil
	}
	if len(bottom.Predecessors()) != 1 {
		return nil, nil
	}
	read, ok := bottom.Predecessors()[0].ProcedureSpec().(*influxdb.ReadRangePhysSpec)
	if !ok {
		return nil, nil
	}
	every := window.Window.Every
	bounds := read.TimeBounds(nil)
	if every.Months() != 0 || every.IsNegative() || every.Nanoseconds() <= 0 ||
		bounds.Start < 0 || bounds.Stop > math.MaxInt64-execute.Time(every.Nanoseconds()) {
		return nil, nil
	}
	return &windowSpec{
		ReadRangePhysSpec: *read.Copy().(*influxdb.ReadRangePhysSpec),
		fn:                fn,
		every:             every.Nanoseconds(),
		createEmpty:       window.CreateEmpty,
		stamp:             source,
	}, bottom
}

// forever is the duration that scripts know as inf.
var forever = values.ConvertDuration(math.MaxInt64)

func usualColumns(w *universe.WindowProcedureSpec) bool {
	return w.TimeColumn == execute.DefaultTimeColLabel && w.StartColumn == execute.DefaultStartColLabel &&
		w.StopColumn == execute.DefaultStopColLabel
}

// onlyPredecessor returns the node before n if nobody else reads from it.
func onlyPredecessor(n plan.Node) plan.Node {
	if len(n.Predecessors()) != 1 {
		return nil
	}
	p := n.Predecessors()[0]
	if len(p.Successors()) != 1 {
		return nil
	}
	return p
}

// stampSource returns which edge of the window becomes _time.
func stampSource(n plan.Node) (string, bool) {
	spec, ok := n.ProcedureSpec().(*universe.SchemaMutationProcedureSpec)
	if !ok || len(spec.Mutations) != 1 {
		return "", false
	}
	dup, ok := spec.Mutations[0].(*universe.DuplicateOpSpec)
	if !ok || dup.As != execute.DefaultTimeColLabel {
		return "", false
	}
	return dup.Column, dup.Column == execute.DefaultStartColLabel || dup.Column == execute.DefaultStopColLabel
}

// aggregate returns the function of a node that works on the column _value alone.
func aggregate(spec plan.ProcedureSpec) (string, bool) {
	onValue := func(columns []string) bool {
		return len(columns) == 1 && columns[0] == execute.DefaultValueColLabel
	}
	switch s := spec.(type) {
	case *universe.MeanProcedureSpec:
		return universe.MeanKind, onValue(s.Columns)
	case *universe.SumProcedureSpec:
		return universe.SumKind, onValue(s.Columns)
	case *universe.CountProcedureSpec:
		return universe.CountKind, onValue(s.Columns)
	case *universe.MinProcedureSpec:
		return universe.MinKind, s.Column == execute.DefaultValueColLabel
	case *universe.MaxProcedureSpec:
		return universe.MaxKind, s.Column == execute.DefaultValueColLabel
	case *universe.FirstProcedureSpec:
		return universe.FirstKind, s.Column == execute.DefaultValueColLabel
	case *universe.LastProcedureSpec:
		return universe.LastKind, s.Column == execute.DefaultValueColLabel
	default:
		return "", false
	}
}

// sourceNameRule gives every read of a script a name of its own. The library calls them all alike, and a union of two
// reads takes the end of the first for the end of both.
type sourceNameRule struct{ n atomic.Uint64 }

// Name implements plan.Rule.
func (*sourceNameRule) Name() string { return "nameSources" }

// Pattern implements plan.Rule.
func (*sourceNameRule) Pattern() plan.Pattern { return unnamedSource{} }

// Rewrite implements plan.Rule.
func (r *sourceNameRule) Rewrite(n plan.Node) (plan.Node, bool, error) {
	spec, ok := n.ProcedureSpec().(plan.PhysicalProcedureSpec)
	if !ok {
		return n, false, nil
	}
	return plan.CreatePhysicalNode(plan.NodeID(fmt.Sprintf("%s_%d", n.ID(), r.n.Add(1))), spec), true, nil
}

type unnamedSource struct{}

func (unnamedSource) Root() plan.ProcedureKind { return plan.AnyKind }

func (unnamedSource) Match(n plan.Node) bool {
	if len(n.Predecessors()) != 0 {
		return false
	}
	switch n.ID() {
	case "ReadRange", "ReadGroup", "ReadTagKeys", "ReadTagValues":
		return true
	default:
		return false
	}
}

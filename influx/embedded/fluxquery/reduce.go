package fluxquery

import (
	"cmp"
	"fmt"

	"github.com/apache/arrow/go/arrow/array"
	arrowmath "github.com/apache/arrow/go/arrow/math"
	"github.com/influxdata/flux"
	"github.com/influxdata/flux/arrow"
	"github.com/influxdata/flux/memory"
	"github.com/influxdata/flux/stdlib/universe"
)

// reducer turns the values of a window into one.
type reducer interface {
	add(cr flux.ColReader, col, i, j int) // rows i to j of a piece belong to the current window
	emit(rows bool)                       // write the current window's result and begin the next window
	selects() bool                        // it picks a row rather than computing a value
	colType() flux.ColType                // of the result
	array() array.Interface
}

// newReducer returns the reducer for a function on a type of values. For a type the function cannot work on, the error is
// the stock plan's.
func newReducer(fn string, typ flux.ColType, alloc *memory.Allocator) (reducer, error) {
	if fn == universe.CountKind {
		return &counter{out: array.NewInt64Builder(alloc)}, nil
	}
	switch fn {
	case universe.FirstKind, universe.LastKind, universe.MinKind, universe.MaxKind:
		return newPicker(fn, typ, alloc)
	}
	out := arrow.NewBuilder(flux.TFloat, alloc).(*array.Float64Builder)
	switch mean := fn == universe.MeanKind; {
	case typ == flux.TFloat:
		return &floatSum{mean: mean, out: out}, nil
	case typ == flux.TInt && mean:
		return &wholeSum[int64]{read: ints, typ: flux.TFloat, put: out.Append, b: out, asFloat: true}, nil
	case typ == flux.TUInt && mean:
		return &wholeSum[uint64]{read: uints, typ: flux.TFloat, put: out.Append, b: out, asFloat: true}, nil
	case typ == flux.TInt:
		b := array.NewInt64Builder(alloc)
		return &wholeSum[int64]{read: ints, typ: typ, whole: b.Append, b: b}, nil
	case typ == flux.TUInt:
		b := array.NewUint64Builder(alloc)
		return &wholeSum[uint64]{read: uints, typ: typ, whole: b.Append, b: b}, nil
	}
	return nil, &RuntimeError{Err: fmt.Errorf("unsupported aggregate column type %v", typ)}
}

func ints(cr flux.ColReader, col int) []int64     { return cr.Ints(col).Int64Values() }
func uints(cr flux.ColReader, col int) []uint64   { return cr.UInts(col).Uint64Values() }
func floats(cr flux.ColReader, col int) []float64 { return cr.Floats(col).Float64Values() }

// counter is count().
type counter struct {
	n   int64
	out *array.Int64Builder
}

func (c *counter) add(_ flux.ColReader, _, i, j int) { c.n += int64(j - i) }
func (c *counter) emit(bool)                         { c.out.Append(c.n); c.n = 0 }
func (c *counter) selects() bool                     { return false }
func (c *counter) colType() flux.ColType             { return flux.TInt }
func (c *counter) array() array.Interface            { return c.out.NewArray() }

// floatSum is sum() and mean() of floats. The values of a window are kept until its end, because the sum of floats depends
// on the order of additions and must be the one the library arrives at, which adds several lanes in parallel.
type floatSum struct {
	values []float64
	mean   bool
	out    *array.Float64Builder
}

func (s *floatSum) add(cr flux.ColReader, col, i, j int) {
	s.values = append(s.values, floats(cr, col)[i:j]...)
}

func (s *floatSum) emit(rows bool) {
	if !rows {
		s.out.AppendNull()
		return
	}
	vs := arrow.NewFloat(s.values, nil)
	sum := arrowmath.Float64.Sum(vs)
	vs.Release()
	if s.mean {
		sum /= float64(len(s.values))
	}
	s.out.Append(sum)
	s.values = s.values[:0]
}

func (s *floatSum) selects() bool          { return false }
func (s *floatSum) colType() flux.ColType  { return flux.TFloat }
func (s *floatSum) array() array.Interface { return s.out.NewArray() }

// wholeSum is sum() and mean() of whole numbers; the sum wraps around as the library's does.
type wholeSum[T int64 | uint64] struct {
	read    func(flux.ColReader, int) []T
	sum     T
	n       int64
	typ     flux.ColType
	asFloat bool
	put     func(float64)
	whole   func(T)
	b       array.Builder
}

func (s *wholeSum[T]) add(cr flux.ColReader, col, i, j int) {
	for _, v := range s.read(cr, col)[i:j] {
		s.sum += v
	}
	s.n += int64(j - i)
}

func (s *wholeSum[T]) emit(rows bool) {
	switch {
	case !rows:
		s.b.AppendNull()
	case s.asFloat:
		s.put(float64(s.sum) / float64(s.n))
	default:
		s.whole(s.sum)
	}
	s.sum, s.n = 0, 0
}

func (s *wholeSum[T]) selects() bool          { return false }
func (s *wholeSum[T]) colType() flux.ColType  { return s.typ }
func (s *wholeSum[T]) array() array.Interface { return s.b.NewArray() }

// picker is first(), last(), min() and max() of numbers. Among equal values the earliest row wins.
type picker[T cmp.Ordered] struct {
	read func(flux.ColReader, int) []T
	fn   string
	best T
	have bool
	typ  flux.ColType
	put  func(T)
	b    array.Builder
}

func (p *picker[T]) add(cr flux.ColReader, col, i, j int) {
	vs := p.read(cr, col)[i:j]
	if !p.have {
		p.best, p.have = vs[0], true
	}
	switch p.fn {
	case universe.LastKind:
		p.best = vs[len(vs)-1]
	case universe.MinKind:
		for _, v := range vs {
			if v < p.best {
				p.best = v
			}
		}
	case universe.MaxKind:
		for _, v := range vs {
			if v > p.best {
				p.best = v
			}
		}
	}
}

func (p *picker[T]) emit(bool)              { p.put(p.best); p.have = false }
func (p *picker[T]) selects() bool          { return true }
func (p *picker[T]) colType() flux.ColType  { return p.typ }
func (p *picker[T]) array() array.Interface { return p.b.NewArray() }

// edge is first() and last() of values without an order.
type edge[T any] struct {
	value func(cr flux.ColReader, col, i int) T
	last  bool
	kept  T
	have  bool
	typ   flux.ColType
	put   func(T)
	b     array.Builder
}

func (e *edge[T]) add(cr flux.ColReader, col, i, j int) {
	switch {
	case e.last:
		e.kept = e.value(cr, col, j-1)
	case !e.have:
		e.kept, e.have = e.value(cr, col, i), true
	}
}

func (e *edge[T]) emit(bool)              { e.put(e.kept); e.have = false }
func (e *edge[T]) selects() bool          { return true }
func (e *edge[T]) colType() flux.ColType  { return e.typ }
func (e *edge[T]) array() array.Interface { return e.b.NewArray() }

func newPicker(fn string, typ flux.ColType, alloc *memory.Allocator) (reducer, error) {
	switch typ {
	case flux.TFloat:
		b := array.NewFloat64Builder(alloc)
		return &picker[float64]{read: floats, fn: fn, typ: typ, put: b.Append, b: b}, nil
	case flux.TInt:
		b := array.NewInt64Builder(alloc)
		return &picker[int64]{read: ints, fn: fn, typ: typ, put: b.Append, b: b}, nil
	case flux.TUInt:
		b := array.NewUint64Builder(alloc)
		return &picker[uint64]{read: uints, fn: fn, typ: typ, put: b.Append, b: b}, nil
	}
	switch fn {
	case universe.MinKind:
		return nil, noImplementation(new(universe.MinSelector), typ)
	case universe.MaxKind:
		return nil, noImplementation(new(universe.MaxSelector), typ)
	}
	switch last := fn == universe.LastKind; typ {
	case flux.TString:
		b := arrow.NewStringBuilder(alloc)
		return &edge[string]{typ: typ, b: b, put: b.AppendString, last: last,
			value: func(cr flux.ColReader, col, i int) string { return cr.Strings(col).ValueString(i) }}, nil
	case flux.TBool:
		b := array.NewBooleanBuilder(alloc)
		return &edge[bool]{typ: typ, b: b, put: b.Append, last: last,
			value: func(cr flux.ColReader, col, i int) bool { return cr.Bools(col).Value(i) }}, nil
	}
	return nil, &RuntimeError{Err: fmt.Errorf("unsupported selector type %v", typ)}
}

func noImplementation(selector any, typ flux.ColType) error {
	return &RuntimeError{Err: fmt.Errorf("invalid use of function: %T has no implementation for type %v", selector, typ)}
}

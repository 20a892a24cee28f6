package fluxquery

import (
	"cmp"
	"fmt"

	apache "github.com/apache/arrow/go/arrow"
	"github.com/apache/arrow/go/arrow/array"
	arrowmath "github.com/apache/arrow/go/arrow/math"
	arrowmemory "github.com/apache/arrow/go/arrow/memory"
	"github.com/influxdata/flux"
	"github.com/influxdata/flux/arrow"
	"github.com/influxdata/flux/memory"
	"github.com/influxdata/flux/stdlib/universe"
)

// reducer turns the values of a window into one.
type reducer[T any] interface {
	add(values []T)        // the next rows of the current window, one at least; they are valid during the call
	emit(rows bool)        // write the current window's result and begin the next window
	selects() bool         // it picks a row rather than computing a value
	colType() flux.ColType // of the result
	array() array.Interface
}

// newReducer makes the reducer for a function. For a type the function cannot work on, the error is the stock plan's.
type newReducer[T any] func(fn string, alloc *memory.Allocator) (reducer[T], error)

func floatReducer(fn string, alloc *memory.Allocator) (reducer[float64], error) {
	b := array.NewFloat64Builder(alloc)
	switch fn {
	case universe.CountKind:
		return newCounter[float64](alloc), nil
	case universe.MeanKind, universe.SumKind:
		return &floatSum{mean: fn == universe.MeanKind, out: b, alloc: alloc}, nil
	}
	return &picker[float64]{fn: fn, typ: flux.TFloat, put: b.Append, b: b}, nil
}

func intReducer(fn string, alloc *memory.Allocator) (reducer[int64], error) {
	b := array.NewInt64Builder(alloc)
	return wholeReducer(fn, flux.TInt, b.Append, b, alloc), nil
}

func uintReducer(fn string, alloc *memory.Allocator) (reducer[uint64], error) {
	b := array.NewUint64Builder(alloc)
	return wholeReducer(fn, flux.TUInt, b.Append, b, alloc), nil
}

// wholeReducer is for whole numbers; put and b are where results of their own type go.
func wholeReducer[T int64 | uint64](fn string, typ flux.ColType, put func(T), b array.Builder, alloc *memory.Allocator) reducer[T] {
	switch fn {
	case universe.CountKind:
		return newCounter[T](alloc)
	case universe.MeanKind:
		means := array.NewFloat64Builder(alloc)
		return &wholeSum[T]{typ: flux.TFloat, mean: means.Append, b: means}
	case universe.SumKind:
		return &wholeSum[T]{typ: typ, sum: put, b: b}
	}
	return &picker[T]{fn: fn, typ: typ, put: put, b: b}
}

func stringReducer(fn string, alloc *memory.Allocator) (reducer[string], error) {
	b := arrow.NewStringBuilder(alloc)
	return plainReducer(fn, flux.TString, b.AppendString, b, alloc)
}

func boolReducer(fn string, alloc *memory.Allocator) (reducer[bool], error) {
	b := array.NewBooleanBuilder(alloc)
	return plainReducer(fn, flux.TBool, b.Append, b, alloc)
}

// plainReducer is for values that are no numbers.
func plainReducer[T any](fn string, typ flux.ColType, put func(T), b array.Builder, alloc *memory.Allocator) (reducer[T], error) {
	switch fn {
	case universe.CountKind:
		return newCounter[T](alloc), nil
	case universe.FirstKind, universe.LastKind:
		return &edge[T]{last: fn == universe.LastKind, typ: typ, put: put, b: b}, nil
	case universe.MinKind:
		return nil, noImplementation(new(universe.MinSelector), typ)
	case universe.MaxKind:
		return nil, noImplementation(new(universe.MaxSelector), typ)
	}
	return nil, &RuntimeError{Err: fmt.Errorf("unsupported aggregate column type %v", typ)}
}

func noImplementation(selector any, typ flux.ColType) error {
	return &RuntimeError{Err: fmt.Errorf("invalid use of function: %T has no implementation for type %v", selector, typ)}
}

// counter is count().
type counter[T any] struct {
	n   int64
	out *array.Int64Builder
}

func newCounter[T any](alloc *memory.Allocator) *counter[T] {
	return &counter[T]{out: array.NewInt64Builder(alloc)}
}

func (c *counter[T]) add(values []T)         { c.n += int64(len(values)) }
func (c *counter[T]) emit(bool)              { c.out.Append(c.n); c.n = 0 }
func (c *counter[T]) selects() bool          { return false }
func (c *counter[T]) colType() flux.ColType  { return flux.TInt }
func (c *counter[T]) array() array.Interface { return c.out.NewArray() }

// floatSum is sum() and mean() of floats. The values of a window are kept until its end, because the sum of floats depends
// on the order of additions and must be the one the library arrives at, which adds several lanes in parallel.
type floatSum struct {
	values []float64
	mean   bool
	out    *array.Float64Builder
	alloc  *memory.Allocator
	held   int // bytes that the query answers for
}

func (s *floatSum) add(values []float64) {
	s.values = append(s.values, values...)
	if size := 8 * cap(s.values); size > s.held {
		if err := s.alloc.Account(size - s.held); err != nil {
			panic(err) // as the allocator does
		}
		s.held = size
	}
}

func (s *floatSum) emit(rows bool) {
	if !rows {
		s.out.AppendNull()
		return
	}
	sum := sumOf(s.values)
	if s.mean {
		sum /= float64(len(s.values))
	}
	s.out.Append(sum)
	s.values = s.values[:0]
}

// sumOf has the library add, without a copy of the values.
func sumOf(values []float64) float64 {
	buffer := arrowmemory.NewBufferBytes(apache.Float64Traits.CastToBytes(values))
	data := array.NewData(apache.PrimitiveTypes.Float64, len(values), []*arrowmemory.Buffer{nil, buffer}, nil, 0, 0)
	return arrowmath.Float64.Sum(array.NewFloat64Data(data))
}

func (s *floatSum) selects() bool         { return false }
func (s *floatSum) colType() flux.ColType { return flux.TFloat }

func (s *floatSum) array() array.Interface {
	s.values = nil
	_ = s.alloc.Account(-s.held)
	s.held = 0
	return s.out.NewArray()
}

// wholeSum is sum() and mean() of whole numbers; the sum wraps around as the library's does.
type wholeSum[T int64 | uint64] struct {
	total T
	n     int64
	typ   flux.ColType
	sum   func(T)       // takes the sums, or
	mean  func(float64) // the means
	b     array.Builder
}

func (s *wholeSum[T]) add(values []T) {
	for _, v := range values {
		s.total += v
	}
	s.n += int64(len(values))
}

func (s *wholeSum[T]) emit(rows bool) {
	switch {
	case !rows:
		s.b.AppendNull()
	case s.mean != nil:
		s.mean(float64(s.total) / float64(s.n))
	default:
		s.sum(s.total)
	}
	s.total, s.n = 0, 0
}

func (s *wholeSum[T]) selects() bool          { return false }
func (s *wholeSum[T]) colType() flux.ColType  { return s.typ }
func (s *wholeSum[T]) array() array.Interface { return s.b.NewArray() }

// picker is first(), last(), min() and max() of numbers. Among equal values the earliest row wins.
type picker[T cmp.Ordered] struct {
	fn   string
	best T
	have bool
	typ  flux.ColType
	put  func(T)
	b    array.Builder
}

func (p *picker[T]) add(values []T) {
	if !p.have {
		p.best, p.have = values[0], true
	}
	best := p.best
	switch p.fn {
	case universe.LastKind:
		best = values[len(values)-1]
	case universe.MinKind:
		for _, v := range values {
			if v < best {
				best = v
			}
		}
	case universe.MaxKind:
		for _, v := range values {
			if v > best {
				best = v
			}
		}
	}
	p.best = best
}

func (p *picker[T]) emit(bool)              { p.put(p.best); p.have = false }
func (p *picker[T]) selects() bool          { return true }
func (p *picker[T]) colType() flux.ColType  { return p.typ }
func (p *picker[T]) array() array.Interface { return p.b.NewArray() }

// edge is first() and last() of values without an order.
type edge[T any] struct {
	last bool
	kept T
	have bool
	typ  flux.ColType
	put  func(T)
	b    array.Builder
}

func (e *edge[T]) add(values []T) {
	switch {
	case e.last:
		e.kept = values[len(values)-1]
	case !e.have:
		e.kept, e.have = values[0], true
	}
}

func (e *edge[T]) emit(bool)              { e.put(e.kept); e.have = false }
func (e *edge[T]) selects() bool          { return true }
func (e *edge[T]) colType() flux.ColType  { return e.typ }
func (e *edge[T]) array() array.Interface { return e.b.NewArray() }

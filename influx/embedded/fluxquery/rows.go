package fluxquery

import (
	"github.com/influxdata/flux"
	"github.com/influxdata/flux/execute"
	"github.com/influxdata/flux/memory"
	"github.com/influxdata/flux/plan"
	"github.com/influxdata/flux/semantic"
	"github.com/influxdata/flux/stdlib/universe"
	"github.com/influxdata/flux/values"
)

// createMap replaces the library's map(): that counts 16 bytes of memory for a string, whatever its length, and keeps what a
// function of the script made of each row.
func createMap(id execute.DatasetID, mode execute.AccumulationMode, spec plan.ProcedureSpec, a execute.Administration) (execute.Transformation, execute.Dataset, error) {
	s, ok := spec.(*universe.MapProcedureSpec)
	if !ok {
		return nil, nil, refuse("map: unexpected specification %T", spec)
	}
	tables := execute.NewTableBuilderCache(a.Allocator())
	cache := &textCache{TableBuilderCache: tables, alloc: a.Allocator()}
	d := execute.NewDataset(id, mode, tables)
	t, err := universe.NewMapTransformation(a.Context(), s, d, cache)
	if err != nil {
		return nil, nil, err
	}
	return &countedMap{t, cache}, d, nil
}

// countedMap gives the text's memory back once the rows were handed on.
type countedMap struct {
	execute.Transformation
	cache *textCache
}

// Finish implements execute.Transformation.
func (t *countedMap) Finish(id execute.DatasetID, err error) {
	t.Transformation.Finish(id, err)
	_ = t.cache.alloc.Account(-t.cache.bytes) // less memory is never refused
}

// textCache counts the text that its builders keep.
type textCache struct {
	execute.TableBuilderCache
	alloc *memory.Allocator
	bytes int
}

// TableBuilder implements execute.TableBuilderCache.
func (c *textCache) TableBuilder(key flux.GroupKey) (execute.TableBuilder, bool) {
	b, created := c.TableBuilderCache.TableBuilder(key)
	return &textBuilder{b, c}, created
}

type textBuilder struct {
	execute.TableBuilder
	cache *textCache
}

// AppendValue implements execute.TableBuilder.
func (b *textBuilder) AppendValue(j int, v values.Value) error {
	if !v.IsNull() && v.Type() == semantic.String {
		n := len(v.Str())
		if err := b.cache.alloc.Account(n); err != nil {
			return err
		}
		b.cache.bytes += n
	}
	return b.TableBuilder.AppendValue(j, v)
}

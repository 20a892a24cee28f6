package fluxquery

import (
	"context"
	"sync"

	"github.com/influxdata/flux"
	"github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb"
)

// guardedTables are tables that a query may abandon. When its context ends, the library's iterator closes a table's
// cursor while somebody else may still be reading from it; these tables are let go by their reader first.
type guardedTables struct {
	influxdb.TableIterator
	ctx context.Context
}

// guarded takes what the library's reader returns.
func guarded(ctx context.Context) func(influxdb.TableIterator, error) (influxdb.TableIterator, error) {
	return func(tables influxdb.TableIterator, err error) (influxdb.TableIterator, error) {
		if err != nil {
			return nil, err
		}
		return guardedTables{tables, ctx}, nil
	}
}

// Do calls f with each table and waits for whoever reads it.
func (g guardedTables) Do(f func(flux.Table) error) error {
	return g.TableIterator.Do(func(inner flux.Table) error {
		t := &guardedTable{Table: inner, ctx: g.ctx, read: make(chan struct{})}
		if err := f(t); err != nil {
			t.Done()
			return err
		}
		select {
		case <-t.read:
			return nil
		case <-g.ctx.Done():
			t.Done() // waits for the reader, and lets nobody read after it
			return g.ctx.Err()
		}
	})
}

// guardedTable is a table with one reader at a time: the one who reads it, or the one who closes it.
type guardedTable struct {
	flux.Table
	ctx  context.Context
	read chan struct{} // closed when nobody will read it any more

	mu   sync.Mutex
	over bool
}

// Do implements flux.Table. It ends with the context.
func (t *guardedTable) Do(f func(flux.ColReader) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.ctx.Err(); err != nil {
		t.end()
		return err
	}
	defer t.end()
	return t.Table.Do(func(cr flux.ColReader) error {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		return f(cr)
	})
}

// Done implements flux.Table.
func (t *guardedTable) Done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.Table.Done()
		t.end()
	}
}

// end says that the table was read. The caller holds t.mu.
func (t *guardedTable) end() {
	if !t.over {
		t.over = true
		close(t.read)
	}
}

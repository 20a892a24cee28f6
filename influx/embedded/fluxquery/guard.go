package fluxquery

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/execute"
	"github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb"
)

// guardedTables are tables that a query may abandon. When its context ends, the library's iterator closes a table's
// cursor while somebody else may still be reading from it; these tables are let go by their reader first.
type guardedTables struct {
	influxdb.TableIterator
	ctx     context.Context
	session *session
}

// guarded takes what the library's reader returns.
func guarded(ctx context.Context, s *session) func(influxdb.TableIterator, error) (influxdb.TableIterator, error) {
	return func(tables influxdb.TableIterator, err error) (influxdb.TableIterator, error) {
		if err != nil {
			return nil, err
		}
		return guardedTables{tables, ctx, s}, nil
	}
}

// Do calls f with each table and waits for whoever reads it.
func (g guardedTables) Do(f func(flux.Table) error) error {
	var theirs error // what the reader's end of the pipe reports is not the store's fault
	each := func(inner flux.Table) (err error) {
		defer func() { theirs = err }()
		t := &guardedTable{Table: inner, ctx: g.ctx, session: g.session, read: make(chan struct{})}
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
	}
	err := apart(g.ctx, func() error { return g.TableIterator.Do(each) })
	return g.session.storeError(err, theirs)
}

// apart runs what a source does in a goroutine of its own. Where that ends with the query (see work), the source has to go
// on and tell those that wait for it.
func apart(ctx context.Context, f func() error) error {
	var err error
	var fault any
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { fault = recover() }()
		err = errBroken
		err = f()
	}()
	<-done
	switch {
	case fault != nil:
		panic(fault)
	case ctx.Err() != nil:
		return ctx.Err() // an iterator just stops when its context ends
	}
	return err
}

var errBroken = errors.New("the read broke off")

// storeError remembers an error of the store: the library's own may not tell that it is one.
func (s *session) storeError(err, theirs error) error {
	var late *RuntimeError
	switch {
	case err == nil || theirs != nil || s.ctx.Err() != nil:
	case errors.As(err, &late):
		s.fail(late)
	default:
		s.fail(fmt.Errorf("%w: %w", ErrStore, err))
	}
	return err
}

// guardedTable is a table with one reader at a time: the one who reads it, or the one who closes it.
type guardedTable struct {
	flux.Table
	ctx     context.Context
	session *session
	read    chan struct{} // closed when nobody will read it any more

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
	var theirs error
	err := t.Table.Do(func(cr flux.ColReader) (err error) {
		defer func() { theirs = err }()
		if err := t.ctx.Err(); err != nil {
			return err
		}
		if err := t.session.countText(cr); err != nil {
			return err
		}
		return f(cr)
	})
	return t.session.storeError(err, theirs)
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

// countText counts the strings that fields hold. The library counts 16 bytes of memory for each of them, and most of what it
// does with rows keeps them all.
func (s *session) countText(cr flux.ColReader) error {
	j := execute.ColIdx(execute.DefaultValueColLabel, cr.Cols())
	if j < 0 || cr.Cols()[j].Type != flux.TString {
		return nil
	}
	if s.text.Add(int64(len(cr.Strings(j).ValueBytes()))) > s.maxText {
		err := fmt.Errorf("%w: it reads more than %d MB of text", ErrMemory, s.maxText>>20)
		s.fail(err)
		return err
	}
	return nil
}

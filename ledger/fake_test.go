package ledger

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

var errAway = errors.New("the database is away")

// start is when tests begin.
var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// log is what two replicas share: entries by the time at which they were written.
type log struct {
	mu   sync.Mutex
	rows []logRow
}

type logRow struct {
	at time.Time
	e  Entry
}

// replica is a process: a clock of its own and a way to the log that can fail.
type replica struct {
	*Ledger
	log *log

	mu    sync.Mutex
	now   time.Time
	fails bool          // requests err; a write is not stored
	lost  bool          // a write is stored, and errs all the same
	hold  chan struct{} // if set, reads wait until it gives something
	reads []time.Time   // since when, of all reads
	puts  int
}

func newReplica(l *log) *replica {
	r := &replica{log: l, now: start}
	r.Ledger = New(Options{Store: r, Clock: r.clock, Poll: time.Second})
	return r
}

func (r *replica) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *replica) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *replica) PutEntries(_ context.Context, entries []Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.puts++
	if r.fails {
		return errAway
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	for _, e := range entries {
		r.log.rows = append(r.log.rows, logRow{r.now, e})
	}
	if r.lost {
		return errAway
	}
	return nil
}

func (r *replica) EntriesSince(ctx context.Context, since time.Time, fn func(Entry) error) error {
	r.mu.Lock()
	r.reads = append(r.reads, since)
	fails, now, hold := r.fails, r.now, r.hold
	r.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if fails {
		return errAway
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	for i := len(r.log.rows) - 1; i >= 0; i-- { // in any order
		row := r.log.rows[i]
		if row.at.Before(since) || !row.e.Until.IsZero() && now.Sub(row.at) > Brief+24*time.Hour {
			continue
		}
		if err := fn(row.e); err != nil {
			return err
		}
	}
	return nil
}

func (r *replica) count() (reads, puts int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.reads), r.puts
}

func (r *replica) refresh(t testing.TB) {
	t.Helper()
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatalf("Refresh: %v", err)
	}
}

func (r *replica) put(t testing.TB, entries ...Entry) {
	t.Helper()
	if err := r.Put(t.Context(), entries...); err != nil {
		t.Fatalf("Put: %v", err)
	}
}

// holds checks the body of a document; "" means that there is none.
func (r *replica) holds(t testing.TB, what, kind, id, want string) {
	t.Helper()
	e, ok := r.Get(kind, id)
	if ok != (want != "") || string(e.Body) != want && ok {
		t.Errorf("%s: %s %s is %q, %v; want %q", what, kind, id, e.Body, ok, want)
	}
	listed := false
	for _, e := range r.All(kind) {
		listed = listed || e.ID == id
	}
	if listed != ok {
		t.Errorf("%s: %s %s is listed: %v, found: %v", what, kind, id, listed, ok)
	}
}

// size is the number of entries in memory.
func (r *replica) size() (n int) {
	r.Ledger.mu.RLock()
	defer r.Ledger.mu.RUnlock()
	for _, kind := range r.kinds {
		n += len(kind)
	}
	return n
}

// two replicas that are loaded.
func two(t testing.TB) (a, b *replica) {
	t.Helper()
	l := new(log)
	a, b = newReplica(l), newReplica(l)
	a.refresh(t)
	b.refresh(t)
	return a, b
}

func doc(id, body string) Entry { return Entry{Kind: "k", ID: id, Body: []byte(body)} }

func brief(id, body string, until time.Time) Entry {
	return Entry{Kind: "s", ID: id, Body: []byte(body), Until: until}
}

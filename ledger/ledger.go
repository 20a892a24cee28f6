// Package ledger is what all replicas of the app remember together: small documents, each under a kind and an id,
// kept in InfluxDB as a log in which the newest entry of an id holds. Every process has the whole of it in memory and
// reads what the others wrote every second or two, so that asking costs nothing and a revocation is known everywhere
// within seconds. It knows neither what the documents mean nor which database keeps them.
package ledger

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// ErrNotLoaded: the database has not answered since the process started, so nothing is known yet. Trying again later
// can succeed.
var ErrNotLoaded = errors.New("the ledger is not loaded yet")

// Entry is one statement about a document at a time. The newest one of a kind and id holds.
type Entry struct {
	Kind    string    // one of a small fixed set of words
	ID      string    // any text; unique within the kind
	Stamp   time.Time // nanoseconds; set by Put
	Until   time.Time // the document means nothing from then on; the zero time: it lasts. At most Brief ahead
	Deleted bool      // the document is gone
	Body    []byte    // JSON; nil when deleted
}

// Brief is the longest life of an entry that has an Until: such entries are looked for only so far back.
const Brief = 32 * 24 * time.Hour

// Store keeps entries. Its errors say by devices.ErrUnavailable where trying again can help.
type Store interface {
	// PutEntries writes all of entries in one request; after it returns, reads on every replica see them.
	PutEntries(ctx context.Context, entries []Entry) error
	// EntriesSince calls fn with every entry written at or after since, in any order. Zero means from the beginning,
	// where entries whose Until has passed by more than Brief may be left out. It streams; fn's error stops it.
	EntriesSince(ctx context.Context, since time.Time, fn func(Entry) error) error
}

// Options is what a Ledger works with. Store is needed.
type Options struct {
	Store Store
	Clock func() time.Time // optional: time.Now
	Log   *slog.Logger     // optional: none
	// Poll is the time between two reads of what others wrote; 0 where nobody else writes.
	Poll time.Duration
}

// overlap is how much further back a refresh looks than the start of the one before: as much as the clocks of
// replicas may differ from this one's.
const overlap = 30 * time.Second

// retry is the time until a first load is tried again.
const retry = 500 * time.Millisecond

// strangerPause is the least time between two refreshes on behalf of unknown ids.
const strangerPause = 250 * time.Millisecond

// Ledger is the documents in memory. Make one with New, and run Run beside it. It is safe for concurrent use.
type Ledger struct {
	Options
	putting sync.Mutex // entries of this process follow each other

	refreshing sync.Mutex // one refresh at a time; guards read and strangers
	read       time.Time  // when the last successful refresh started
	strangers  time.Time  // when the last refresh for a stranger started

	mu      sync.RWMutex
	loaded  chan struct{} // closed after the first load
	kinds   map[string]map[string]Entry
	version uint64
}

// New makes a ledger; it reads nothing before Run or Refresh.
func New(o Options) *Ledger {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Ledger{Options: o, loaded: make(chan struct{}), kinds: make(map[string]map[string]Entry)}
}

// Run loads the ledger, trying until it succeeds, and then reads what others write, until ctx ends.
func (l *Ledger) Run(ctx context.Context) error {
	for failing := false; ; {
		err := l.Refresh(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !failing {
			l.Log.Warn("the ledger could not be read; it will be tried again", "error", err)
		}
		if err == nil && failing {
			l.Log.Info("the ledger can be read again")
		}
		failing = err != nil
		wait := l.Poll
		switch {
		case err != nil:
			wait = max(retry, l.Poll)
		case l.Poll <= 0:
			<-ctx.Done()
			return ctx.Err()
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// Loaded is closed once the ledger has been read.
func (l *Ledger) Loaded() <-chan struct{} { return l.loaded }

// Ready is nil once the ledger has been read, else ErrNotLoaded.
func (l *Ledger) Ready() error {
	select {
	case <-l.loaded:
		return nil
	default:
		return ErrNotLoaded
	}
}

// Refresh reads what was written before the call.
func (l *Ledger) Refresh(ctx context.Context) error {
	l.refreshing.Lock()
	defer l.refreshing.Unlock()
	return l.refresh(ctx)
}

// RefreshForStranger is Refresh for one who shows an id that nobody knows, such as a session made on another replica
// a moment ago. Whoever comes too soon after the last one gets no refresh: guessing must cost the database little.
// With no Poll there are no others, and nothing is read.
func (l *Ledger) RefreshForStranger(ctx context.Context) error {
	if l.Poll <= 0 {
		return l.Ready()
	}
	l.refreshing.Lock()
	defer l.refreshing.Unlock()
	now := l.Clock()
	if since := now.Sub(l.strangers); since >= 0 && since < strangerPause {
		return l.Ready()
	}
	l.strangers = now
	return l.refresh(ctx)
}

// refresh is called with refreshing held.
func (l *Ledger) refresh(ctx context.Context) error {
	now := l.Clock()
	var since time.Time
	if l.Ready() == nil {
		since = now.Round(0).Add(-max(now.Sub(l.read), 0) - overlap)
	}
	var entries []Entry
	err := l.Store.EntriesSince(ctx, since, func(e Entry) error {
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the ledger: %w", err)
	}
	l.apply(entries)
	l.read = now
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Ready() != nil {
		close(l.loaded)
	}
	l.forget(now)
	return nil
}

// apply takes in entries in any order.
func (l *Ledger) apply(entries []Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		kind := l.kinds[e.Kind]
		if kind == nil {
			kind = make(map[string]Entry)
			l.kinds[e.Kind] = kind
		}
		old, known := kind[e.ID]
		if known && !newer(e, old) {
			continue
		}
		kind[e.ID] = e
		l.version++
	}
}

// newer decides between entries of one id the same way on every replica, also for equal stamps.
func newer(e, old Entry) bool {
	switch c := e.Stamp.Compare(old.Stamp); {
	case c != 0:
		return c > 0
	case e.Deleted != old.Deleted:
		return e.Deleted
	default:
		return bytes.Compare(e.Body, old.Body) > 0
	}
}

// forget drops what has run out. Called with mu held.
func (l *Ledger) forget(now time.Time) {
	for _, kind := range l.kinds {
		for id, e := range kind {
			// A while later, so that an older entry that arrives late does not come to life again.
			if !e.Until.IsZero() && now.Sub(e.Until) > 2*overlap {
				delete(kind, id)
			}
		}
	}
}

// Get gives the document of an id, unless it is deleted or has run out.
func (l *Ledger) Get(kind, id string) (Entry, bool) {
	now := l.Clock()
	l.mu.RLock()
	defer l.mu.RUnlock()
	e, ok := l.kinds[kind][id]
	return e, ok && e.live(now)
}

func (e Entry) live(now time.Time) bool {
	return !e.Deleted && (e.Until.IsZero() || now.Before(e.Until))
}

// All gives the documents of a kind, by id.
func (l *Ledger) All(kind string) []Entry {
	now := l.Clock()
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]Entry, 0, len(l.kinds[kind]))
	for _, e := range l.kinds[kind] {
		if e.live(now) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Version grows with every change.
func (l *Ledger) Version() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.version
}

// Put writes entries and makes them hold here at once, and on the other replicas within their Poll. It sets their
// stamps, which are later than those of the documents that they replace. An error means that they may hold or not:
// what is in the database decides at the next refresh.
func (l *Ledger) Put(ctx context.Context, entries ...Entry) error {
	if err := l.Ready(); err != nil {
		return err
	}
	l.putting.Lock()
	defer l.putting.Unlock()
	now := l.Clock().UTC().Round(0)
	stamped := slices.Clone(entries)
	l.mu.RLock()
	for i := range stamped {
		stamped[i].Stamp = now
		if old, ok := l.kinds[stamped[i].Kind][stamped[i].ID]; ok && !now.After(old.Stamp) {
			stamped[i].Stamp = old.Stamp.UTC().Add(time.Nanosecond)
		}
	}
	l.mu.RUnlock()
	if err := l.Store.PutEntries(ctx, stamped); err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	l.apply(stamped)
	return nil
}

// Delete deletes documents of a kind; ids that have none are passed over.
func (l *Ledger) Delete(ctx context.Context, kind string, ids ...string) error {
	var gone []Entry
	for _, id := range ids {
		if e, ok := l.Get(kind, id); ok {
			gone = append(gone, Entry{Kind: kind, ID: id, Until: e.Until, Deleted: true})
		}
	}
	if len(gone) == 0 {
		return l.Ready()
	}
	return l.Put(ctx, gone...)
}

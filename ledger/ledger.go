// Package ledger is what all replicas of the app remember together: small documents, each under a kind and an id,
// kept in InfluxDB as a log in which the newest entry of an id holds. Every process has the whole of it in memory and
// reads what the others wrote every second or two, so that asking costs nothing and a revocation is known everywhere
// within seconds. It knows neither what the documents mean nor which database keeps them.
//
// What bounds the memory: an entry with an Until is dropped soon after it, so that there are as many of those as can be
// made in their life, which is for the room that makes them to bound. A deleted document that lasted stays as a few words,
// for good: without them an older entry that comes late would bring it back. Documents that last are therefore for what
// people make (accounts, keys), not for what strangers or machines can cause.
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
	"sync/atomic"
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
	Until   time.Time // the document means nothing from then on; the zero time: it lasts. At most Brief after Stamp
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
	// Pause is the least time between two reads on behalf of unknown ids, of the machine's own clock; optional: 250 ms.
	Pause time.Duration
}

// overlap is how much further back a refresh looks than the start of the one before: as much as the clocks of
// replicas may differ from this one's.
const overlap = 30 * time.Second

// traces is how long it is remembered that a document which would have run out was deleted: long after no older entry of
// it can arrive any more, and no longer, so that whoever signs in and out all day fills no memory.
const traces = time.Hour

// retry is the time until a first load is tried again.
const retry = 500 * time.Millisecond

// sweep is the time between two looks for entries that have run out.
const sweep = time.Minute

// strangerPause is the Pause that is not set.
const strangerPause = 250 * time.Millisecond

// Ledger is the documents in memory. Make one with New, and run Run beside it. It is safe for concurrent use.
type Ledger struct {
	Options
	putting sync.Mutex // entries of this process follow each other

	turn  chan struct{} // held by the one refresh at a time; guards read and last
	read  time.Time     // when the last successful refresh started
	last  error         // what the last refresh ended with
	begun atomic.Uint64 // refreshes that have started

	mu        sync.RWMutex
	strangers time.Time     // when the last refresh for a stranger started
	loaded    chan struct{} // closed after the first load
	kinds     map[string]map[string]Entry
	version   uint64
	versions  map[string]uint64 // by kind: the version with its last change
	swept     time.Time         // when what has run out was last dropped
}

// New makes a ledger; it reads nothing before Run or Refresh.
func New(o Options) *Ledger {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Pause <= 0 {
		o.Pause = strangerPause
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Ledger{
		Options: o, turn: make(chan struct{}, 1), loaded: make(chan struct{}), kinds: make(map[string]map[string]Entry),
		versions: make(map[string]uint64),
	}
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

// Refresh reads what was written before the call. Calls that wait for the same database share one reading.
func (l *Ledger) Refresh(ctx context.Context) error {
	return l.await(ctx, l.begun.Load(), nil)
}

// RefreshForStranger is Refresh for one who shows an id that nobody knows, such as a session made on another replica
// a moment ago. Whoever comes too soon after the last one waits for a moment, and shares a reading with all who do:
// guessing must cost the database little, and those who do not guess must not be taken for guessers. With no Poll there
// are no others, and nothing is read.
func (l *Ledger) RefreshForStranger(ctx context.Context) error {
	if l.Poll <= 0 {
		return l.Ready()
	}
	before := l.begun.Load()
	if wait := l.Pause - l.sinceStranger(); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return l.await(ctx, before, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.strangers = time.Now()
	})
}

// sinceStranger is how long ago the last reading for a stranger started.
func (l *Ledger) sinceStranger() time.Duration {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return time.Since(l.strangers)
}

// await waits for its turn and refreshes, unless a refresh that started later than when before had begun has been done
// by somebody else meanwhile: then its result is this one's. However many wait for a slow database, the last one waits
// for two readings. starting, if set, is called before the reading.
func (l *Ledger) await(ctx context.Context, before uint64, starting func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.turn }()
	if l.begun.Load() > before && !errors.Is(l.last, context.Canceled) {
		return l.last
	}
	if starting != nil {
		starting()
	}
	l.begun.Add(1)
	l.last = l.refresh(ctx)
	return l.last
}

// refresh is called with the turn held.
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
	l.apply(entries, now)
	l.read = now
	if l.Ready() != nil {
		close(l.loaded)
	}
	return nil
}

// apply takes in entries in any order, and drops what has run out.
func (l *Ledger) apply(entries []Entry, now time.Time) {
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
		l.versions[e.Kind] = l.version
	}
	if since := now.Sub(l.swept); since < 0 || since >= sweep {
		l.swept = now
		l.forget(now)
	}
}

// newer decides between entries of one id the same way on every replica, also for equal stamps.
func newer(e, old Entry) bool {
	switch c := e.Stamp.Compare(old.Stamp); {
	case c != 0:
		return c > 0
	case e.Deleted != old.Deleted:
		return e.Deleted
	}
	if c := bytes.Compare(e.Body, old.Body); c != 0 {
		return c > 0
	}
	return e.Until.After(old.Until)
}

// forget drops what has run out. Called with mu held.
func (l *Ledger) forget(now time.Time) {
	for _, kind := range l.kinds {
		for id, e := range kind {
			// A while later, so that an older entry that arrives late does not come to life again. An entry may have
			// run out before it was written.
			if !e.Until.IsZero() && now.Sub(e.Until) > 2*overlap && now.Sub(e.Stamp) > 2*overlap {
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

// Version grows with every change. That a document runs out is none.
func (l *Ledger) Version() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.version
}

// VersionOf is Version for the documents of one kind.
func (l *Ledger) VersionOf(kind string) uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.versions[kind]
}

// Put writes entries and makes them hold here at once, and on the other replicas within their Poll. It sets their
// stamps, which are later than those of the documents that they replace; of two for one id the later one in the list
// holds. An error means that they may hold or not: what is in the database decides at the next refresh.
func (l *Ledger) Put(ctx context.Context, entries ...Entry) error {
	return l.put(ctx, false, entries)
}

// Amend is Put for a document that is known here and is changed on the strength of what it says. Whatever another replica
// has put in its place meanwhile, or deletes at this moment, holds against it.
func (l *Ledger) Amend(ctx context.Context, e Entry) error { return l.put(ctx, true, []Entry{e}) }

func (l *Ledger) put(ctx context.Context, amend bool, entries []Entry) error {
	if err := l.Ready(); err != nil {
		return err
	}
	l.putting.Lock()
	defer l.putting.Unlock()
	now := l.Clock().UTC().Round(0)
	stamped := make([]Entry, 0, len(entries))
	for i, e := range entries {
		if !e.Deleted && e.Until.Sub(now) > Brief {
			return fmt.Errorf("writing the ledger: a %s that runs out in more than %v would be lost before that", e.Kind, Brief)
		}
		if gone := now.Add(traces); e.Deleted && e.Until.After(gone) {
			e.Until = gone
		}
		e.Stamp = now.Add(time.Duration(i) * 2) // in the order of the list, with room for a mark between
		old, known := l.entry(e.Kind, e.ID)
		if known && (amend || !e.Stamp.After(old.Stamp)) {
			e.Stamp = old.Stamp.UTC().Add(time.Duration(i)*2 + 2)
		}
		if known && old.Until.IsZero() && !old.Deleted && !e.Until.IsZero() {
			// It lasted, and now it gets an end: after that end, and after all trace of it, the old one must not be back.
			stamped = append(stamped, Entry{Kind: e.Kind, ID: e.ID, Stamp: e.Stamp.Add(-1), Deleted: true})
		}
		stamped = append(stamped, e)
	}
	if err := l.Store.PutEntries(ctx, stamped); err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	l.apply(stamped, now)
	return nil
}

// entry is what is known of an id, also if it is deleted or has run out.
func (l *Ledger) entry(kind, id string) (Entry, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	e, ok := l.kinds[kind][id]
	return e, ok
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

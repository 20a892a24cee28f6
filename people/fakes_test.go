package people

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iotcenter/ledger"
)

// cheap is a cost that tests can pay.
var cheap = cost{memory: 16, passes: 1, threads: 1}

// errDown is what a fake answers while it is out of order.
var errDown = errors.New("the fake database does not answer")

// fakeLedger keeps entries in memory; several ledgers can share one, as replicas share a database.
type fakeLedger struct {
	mu      sync.Mutex
	entries []ledger.Entry
	reads   int
	err     error
	delay   func() // before and after each request; optional
}

func (s *fakeLedger) wait() {
	if s.delay != nil {
		s.delay()
	}
}

func (s *fakeLedger) PutEntries(_ context.Context, entries []ledger.Entry) error {
	s.wait()
	defer s.wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.entries = append(s.entries, entries...)
	return nil
}

func (s *fakeLedger) EntriesSince(_ context.Context, since time.Time, fn func(ledger.Entry) error) error {
	s.wait()
	s.mu.Lock()
	s.reads++
	some, err := slices.Clone(s.entries), s.err
	s.mu.Unlock()
	s.wait()
	if err != nil {
		return err
	}
	for _, e := range some {
		if since.IsZero() || !e.Stamp.Before(since) {
			if err := fn(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *fakeLedger) readCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func (s *fakeLedger) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// all is everything that was ever written, as text.
func (s *fakeLedger) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, e := range s.entries {
		b.WriteString(e.Kind + " " + e.ID + " " + string(e.Body) + "\n")
	}
	return b.String()
}

// fakeUses keeps last uses in memory.
type fakeUses struct {
	mu   sync.Mutex
	of   map[string]map[string]time.Time
	puts int
	err  error
}

func (s *fakeUses) PutUses(_ context.Context, kind string, uses map[string]time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.puts++
	if s.of == nil {
		s.of = make(map[string]map[string]time.Time)
	}
	if s.of[kind] == nil {
		s.of[kind] = make(map[string]time.Time)
	}
	maps.Copy(s.of[kind], uses)
	return nil
}

func (s *fakeUses) Uses(_ context.Context, kind string) (map[string]time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.of[kind]), s.err
}

func (s *fakeUses) get(kind, id string) (at time.Time, puts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[kind][id], s.puts
}

// clock is a time that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is a database and a clock that replicas share.
type world struct {
	*testing.T
	store *fakeLedger
	uses  *fakeUses
	clock *clock
}

func newWorld(t *testing.T) *world {
	return &world{T: t, store: &fakeLedger{}, uses: &fakeUses{}, clock: newClock()}
}

// replica makes a directory that has read what is there so far, and reads on only when it is told to or asked for
// what it does not know.
func (w *world) replica(change ...func(*Options)) *Directory {
	w.Helper()
	l := ledger.New(ledger.Options{Store: w.store, Clock: w.clock.now, Poll: time.Second, Pause: time.Millisecond})
	o := Options{Ledger: l, Uses: w.uses, Secret: []byte("a secret of the tests"), Clock: w.clock.now}
	for _, c := range change {
		c(&o)
	}
	d, err := newDirectory(o, cheap)
	if err != nil {
		w.Fatal(err)
	}
	w.refresh(d)
	return d
}

func (w *world) refresh(d *Directory) {
	w.Helper()
	if err := d.Ledger.Refresh(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// logTo has everything that is logged written to b.
func logTo(b *strings.Builder) func(*Options) {
	return func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

// add makes an account whose password is "password of " and its name, chosen by the person.
func (w *world) add(d *Directory, name string, role Role) {
	w.Helper()
	if _, err := d.AddAccount(w.Context(), "test", name, role, passwordOf(name), false); err != nil {
		w.Fatal(err)
	}
}

func passwordOf(name string) string { return "password of " + name }

var here = Origin{Address: "192.0.2.7", Agent: "a browser"}

func (w *world) signIn(d *Directory, name string) string {
	w.Helper()
	token, _, err := d.SignIn(w.Context(), name, passwordOf(name), here)
	if err != nil {
		w.Fatalf("signing in as %s: %v", name, err)
	}
	return token
}

// guess tries a wrong password.
func (w *world) guess(d *Directory, name, address string) error {
	w.Helper()
	token, _, err := d.SignIn(w.Context(), name, "wrong", Origin{Address: address})
	if token != "" || err == nil {
		w.Fatalf("a wrong password of %s was accepted", name)
	}
	return err
}

// holds and ended tell whether a token is accepted.
func (w *world) holds(d *Directory, token, name string) {
	w.Helper()
	_, a, err := d.Session(w.Context(), token)
	if err != nil || a.Name != name {
		w.Fatalf("the session gives %q, %v; want %s", a.Name, err, name)
	}
}

func (w *world) ended(d *Directory, token string) {
	w.Helper()
	if _, _, err := d.Session(w.Context(), token); !errors.Is(err, ErrNotFound) {
		w.Fatalf("the session gives %v; want ErrNotFound", err)
	}
}

// locked asserts a TooManyError and gives its wait.
func (w *world) locked(err error) time.Duration {
	w.Helper()
	many, ok := errors.AsType[*TooManyError](err)
	if !ok {
		w.Fatalf("got %v; want a TooManyError", err)
	}
	return many.RetryAfter
}

func (w *world) refused(err error) {
	w.Helper()
	if !errors.Is(err, ErrRefused) {
		w.Fatalf("got %v; want ErrRefused", err)
	}
}

// invalid asserts an InvalidError of a field.
func invalid(t *testing.T, err error, field string) {
	t.Helper()
	bad, ok := errors.AsType[*InvalidError](err)
	if !ok || bad.Field != field || bad.Problem == "" {
		t.Fatalf("got %v; want an InvalidError of %s", err, field)
	}
}

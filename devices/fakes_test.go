package devices

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fakeStore keeps records in memory; several registries can share one, as replicas share a database.
type fakeStore struct {
	mu        sync.Mutex
	records   []Record
	queries   int // RecordsSince
	sent      int // records that RecordsSince gave
	lookups   int // Record
	err       error
	putErr    func(Record) error
	beforePut func(Record)
	onRead    func(ctx context.Context) error
}

func (s *fakeStore) PutRecord(_ context.Context, r Record) error {
	if s.beforePut != nil {
		s.beforePut(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if s.putErr != nil {
		if err := s.putErr(r); err != nil {
			return err
		}
	}
	s.records = append(s.records, r)
	return nil
}

func (s *fakeStore) RecordsSince(ctx context.Context, since time.Time, fn func(Record) error) error {
	s.mu.Lock()
	s.queries++
	onRead := s.onRead
	s.mu.Unlock()
	if onRead != nil {
		if err := onRead(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	err := s.err
	var some []Record
	for _, r := range s.records {
		if since.IsZero() || !r.Stamp.Before(since) {
			r.Sealed = ""
			some = append(some, r)
		}
	}
	s.sent += len(some)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	slices.SortStableFunc(some, func(a, b Record) int { return a.Stamp.Compare(b.Stamp) })
	for _, r := range some {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeStore) Record(_ context.Context, id ID) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookups++
	if s.err != nil {
		return Record{}, s.err
	}
	var newest Record
	for _, r := range s.records {
		if r.ID == id && !r.Stamp.Before(newest.Stamp) {
			newest = r
		}
	}
	if newest.ID == "" {
		return Record{}, ErrNotFound
	}
	return newest, nil
}

func (s *fakeStore) set(change func(*fakeStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// fakeAuth mints tokens in memory.
type fakeAuth struct {
	mu        sync.Mutex
	minted    int
	live      map[string]string // key to token
	off       map[string]bool   // switched off
	mintErr   error
	revokeErr error
	switchErr error
	onMint    func(ID)
}

func (a *fakeAuth) Mint(_ context.Context, id ID) (Authorization, error) {
	a.mu.Lock()
	if a.mintErr != nil {
		defer a.mu.Unlock()
		return Authorization{}, a.mintErr
	}
	a.minted++
	key := fmt.Sprintf("key-%s-%d", id, a.minted)
	if a.live == nil {
		a.live = make(map[string]string)
	}
	a.live[key] = "token-of-" + key
	onMint := a.onMint
	a.mu.Unlock()
	if onMint != nil {
		onMint(id)
	}
	return Authorization{Key: key, Token: "token-of-" + key}, nil
}

// onFirst gives a function that does something when it is called first, and nothing later; what it does may call it again.
func onFirst(do func()) func(ID) {
	var called atomic.Bool
	return func(ID) {
		if !called.Swap(true) {
			do()
		}
	}
}

func (a *fakeAuth) Revoke(_ context.Context, key string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.revokeErr != nil {
		return a.revokeErr
	}
	delete(a.live, key)
	return nil
}

func (a *fakeAuth) Exists(_ context.Context, key string) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, ok := a.live[key]
	return ok && !a.off[key], nil
}

func (a *fakeAuth) SetActive(_ context.Context, key string, active bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.switchErr != nil {
		return a.switchErr
	}
	if _, ok := a.live[key]; !ok {
		return nil
	}
	if a.off == nil {
		a.off = make(map[string]bool)
	}
	a.off[key] = !active
	return nil
}

func (a *fakeAuth) set(change func(*fakeAuth)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

func (a *fakeAuth) keys() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var keys []string
	for k := range a.live {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}

// fakeClock is a clock that a test moves.
type fakeClock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *fakeClock { return &fakeClock{at: time.Date(2026, 11, 20, 12, 0, 30, 0, time.UTC)} }

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *fakeClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is a database with as many replicas as a test wants.
type world struct {
	store *fakeStore
	auth  *fakeAuth
	clock *fakeClock
}

func newWorld() *world { return &world{&fakeStore{}, &fakeAuth{}, newClock()} }

func (w *world) registry(t testing.TB) *Registry {
	t.Helper()
	return w.registryAt(t, w.clock.now)
}

func (w *world) registryAt(t testing.TB, clock func() time.Time) *Registry {
	t.Helper()
	sealer, err := NewSealer([]byte("a secret that is long enough 123"))
	if err != nil {
		t.Fatal(err)
	}
	return NewRegistry(RegistryOptions{Store: w.store, Auth: w.auth, Sealer: sealer, Clock: clock})
}

// fill puts n registered devices into the store, without a registry.
func (w *world) fill(t testing.TB, n int) {
	t.Helper()
	sealer, _ := NewSealer([]byte("a secret that is long enough 123"))
	at := w.clock.now().Add(-24 * time.Hour)
	for i := range n {
		id := ID(fmt.Sprintf("dev%06d", i))
		w.store.records = append(w.store.records, Record{ID: id, Stamp: at.Add(time.Duration(i) * time.Millisecond),
			CreatedAt: at.Add(time.Duration(i) * time.Millisecond), Key: "key-" + string(id), TokenHash: sealer.Hash("token-" + string(id))})
	}
}

func mustRegister(t testing.TB, r *Registry, id ID) Device {
	t.Helper()
	d, _, err := r.Register(t.Context(), id)
	if err != nil {
		t.Fatalf("registering %s: %v", id, err)
	}
	return d
}

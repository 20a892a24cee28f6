package devices

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = fmt.Errorf("no answer: %w", ErrUnavailable)

func TestRegisterWritesWhatTheSpecSays(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	d, created, err := r.Register(t.Context(), "dev1")
	if err != nil || !created || d.ID != "dev1" || d.Key == "" || !d.CreatedAt.Equal(w.clock.now()) {
		t.Fatalf("%+v, %v, %v", d, created, err)
	}
	if len(w.store.records) != 2 {
		t.Fatalf("%d records", len(w.store.records))
	}
	first, second := w.store.records[0], w.store.records[1]
	if first.Registered() || first.Sealed != "" || first.CreatedAt.IsZero() {
		t.Errorf("the first record has a token: %+v", first)
	}
	if second.Key != d.Key || second.Stamp.Sub(first.Stamp) != time.Nanosecond || second.Sealed == "" || !second.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("the second record: %+v after %+v", second, first)
	}
	again, created, err := r.Register(t.Context(), "dev1")
	if err != nil || created || again != d || len(w.store.records) != 2 || w.auth.minted != 1 {
		t.Errorf("again: %+v, %v, %v, %d minted", again, created, err, w.auth.minted)
	}
	if _, _, err := r.Register(t.Context(), "no id!"); !errors.Is(err, ErrInvalidID) {
		t.Errorf("a bad id: %v", err)
	}
}

func TestRegisterAtOnceMintsOne(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	news := 0
	for range 32 {
		group.Go(func() {
			d, created, err := r.Register(t.Context(), "dev1")
			mu.Lock()
			defer mu.Unlock()
			if err != nil || d.Key != "key-dev1-1" {
				t.Errorf("%+v, %v", d, err)
			}
			if created {
				news++
			}
		})
	}
	group.Wait()
	if w.auth.minted != 1 || news != 1 {
		t.Errorf("%d minted, %d told that it is new", w.auth.minted, news)
	}
}

func TestRegisterUndoesItself(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	w.auth.mintErr = errDown
	if _, _, err := r.Register(t.Context(), "dev1"); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("minting failed: %v", err)
	}
	if _, err := r.Get(t.Context(), "dev1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("half a registration counts: %v", err)
	}
	w.auth.mintErr = nil
	w.store.putErr = func(r Record) error {
		if r.Registered() {
			return errDown
		}
		return nil
	}
	if _, _, err := r.Register(t.Context(), "dev1"); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("writing failed: %v", err)
	}
	if keys := w.auth.keys(); len(keys) != 0 {
		t.Errorf("left behind: %v", keys)
	}
	// The revoking fails as well: it is made up for later.
	w.auth.revokeErr = errDown
	if _, _, err := r.Register(t.Context(), "dev1"); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("writing failed: %v", err)
	}
	w.auth.revokeErr, w.store.putErr = nil, nil
	d, created, err := r.Register(t.Context(), "dev1")
	if err != nil || !created {
		t.Fatalf("%v, %v", created, err)
	}
	if keys := w.auth.keys(); len(keys) != 1 || keys[0] != d.Key {
		t.Errorf("live: %v, want %s alone", keys, d.Key)
	}
	if ev, _ := r.Recent(t.Context(), 9); len(ev) != 1 {
		t.Errorf("failed tries are events: %v", ev)
	}
}

func TestTwoReplicasRegisterAtOnce(t *testing.T) {
	for _, name := range []string{"the other one wins", "the other one loses"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			a := w.registry(t)
			shift := time.Second
			if name == "the other one loses" {
				shift = -time.Second
			}
			b := w.registryAt(t, func() time.Time { return w.clock.now().Add(shift) })
			// While a mints, b registers the device from its beginning to its end.
			w.auth.onMint = onFirst(func() { mustRegister(t, b, "dev1") })
			da := mustRegister(t, a, "dev1")
			db, err := b.Get(t.Context(), "dev1")
			if err != nil {
				t.Fatal(err)
			}
			if da.Key != db.Key {
				t.Errorf("a says %s, b says %s", da.Key, db.Key)
			}
			if keys := w.auth.keys(); len(keys) != 1 || keys[0] != da.Key {
				t.Errorf("live: %v, want %s alone", keys, da.Key)
			}
			for _, r := range []*Registry{a, b} {
				if _, token, err := r.Credentials(t.Context(), "dev1"); err != nil || token != "token-of-"+da.Key {
					t.Errorf("credentials %q, %v", token, err)
				}
			}
		})
	}
}

// A replica may read its record back before the later record of another one is there: then it believes that it won,
// until it reads the next changes.
func TestLoserFindsOutLater(t *testing.T) {
	w := newWorld()
	a, b := w.registry(t), w.registryAt(t, func() time.Time { return w.clock.now().Add(time.Second) })
	if _, err := b.Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	da := Device{}
	first := onFirst(func() { da = mustRegister(t, a, "dev1") })
	w.store.beforePut = func(r Record) { first(r.ID) } // b has looked, and goes on when a is done
	db := mustRegister(t, b, "dev1")
	if da.Key == db.Key {
		t.Fatal("they did not race")
	}
	if got, err := a.Get(t.Context(), "dev1"); err != nil || got.Key != db.Key {
		t.Errorf("a still says %s, %v", got.Key, err)
	}
	if keys := w.auth.keys(); len(keys) != 1 || keys[0] != db.Key {
		t.Errorf("live: %v, want %s alone", keys, db.Key)
	}
}

func TestUnregister(t *testing.T) {
	w := newWorld()
	r, other := w.registry(t), w.registry(t)
	d := mustRegister(t, r, "dev1")
	mustRegister(t, r, "dev10")
	if _, err := other.ByToken(t.Context(), "token-of-"+d.Key); err != nil {
		t.Fatal(err)
	}
	if err := r.Unregister(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	last := w.store.records[len(w.store.records)-1]
	if last.ID != "dev1" || last.Key != "" || last.Sealed != "" || last.TokenHash != "" {
		t.Errorf("the record is not blank: %+v", last)
	}
	if keys := w.auth.keys(); len(keys) != 1 || keys[0] != "key-dev10-2" {
		t.Errorf("live: %v", keys)
	}
	for _, r := range []*Registry{r, other} {
		if _, err := r.Get(t.Context(), "dev1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("it is still there: %v", err)
		}
		if _, err := r.ByToken(t.Context(), "token-of-"+d.Key); !errors.Is(err, ErrNotFound) {
			t.Errorf("its token is still accepted: %v", err)
		}
		if _, _, err := r.Credentials(t.Context(), "dev1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("its token is handed out: %v", err)
		}
		if err := r.Unregister(t.Context(), "dev1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
		if n, err := r.Count(t.Context()); n != 1 || err != nil {
			t.Errorf("%d devices, %v", n, err)
		}
	}
	w.clock.move(time.Second)
	back, created, err := other.Register(t.Context(), "dev1")
	if err != nil || !created || back.Key == d.Key || !back.CreatedAt.Equal(w.clock.now()) {
		t.Errorf("registered again: %+v, %v, %v", back, created, err)
	}
	kinds := ""
	events, _ := r.Recent(t.Context(), 9)
	for _, e := range events {
		kinds += string(e.Kind) + " " + string(e.Device) + ";"
	}
	if want := "registered dev1;removed dev1;registered dev10;registered dev1;"; kinds != want {
		t.Errorf("events %s\nwant   %s", kinds, want)
	}
}

func TestUnregisterThatFailsRefusesAtOnce(t *testing.T) {
	for _, part := range []string{"revoke", "blank"} {
		w := newWorld()
		r := w.registry(t)
		d := mustRegister(t, r, "dev1")
		token := "token-of-" + d.Key
		if part == "revoke" {
			w.auth.revokeErr = errDown
		} else {
			w.store.putErr = func(Record) error { return errDown }
		}
		if err := r.Unregister(t.Context(), "dev1"); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("%s: %v", part, err)
		}
		if _, err := r.ByToken(t.Context(), token); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s failed, and the token is accepted: %v", part, err)
		}
		w.auth.revokeErr, w.store.putErr = nil, nil
		if part == "revoke" {
			// Nobody tries again, and the device asks for its settings: what it gets has to work.
			_, got, err := r.Credentials(t.Context(), "dev1")
			if err != nil || got != token {
				t.Errorf("%q, %v", got, err)
			}
			if id, err := r.ByToken(t.Context(), got); err != nil || id != "dev1" {
				t.Errorf("the token that was handed out is refused: %v", err)
			}
		}
		if err := r.Unregister(t.Context(), "dev1"); err != nil {
			t.Errorf("%s: again: %v", part, err)
		}
		if keys := w.auth.keys(); len(keys) != 0 {
			t.Errorf("%s: live: %v", part, keys)
		}
	}
}

func TestCredentialsMintAgain(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	d := mustRegister(t, r, "dev1")
	if _, token, err := r.Credentials(t.Context(), "dev1"); err != nil || token != "token-of-"+d.Key {
		t.Fatalf("%q, %v", token, err)
	}
	if err := w.auth.Revoke(t.Context(), d.Key); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			got, token, err := r.Credentials(t.Context(), "dev1")
			if err != nil || token != "token-of-key-dev1-2" || got.Key != "key-dev1-2" || !got.CreatedAt.Equal(d.CreatedAt) {
				t.Errorf("%+v, %q, %v", got, token, err)
			}
		})
	}
	group.Wait()
	if w.auth.minted != 2 {
		t.Errorf("%d minted", w.auth.minted)
	}
	if id, err := r.ByToken(t.Context(), "token-of-key-dev1-2"); id != "dev1" || err != nil {
		t.Errorf("the new token: %s, %v", id, err)
	}
	if _, err := r.ByToken(t.Context(), "token-of-"+d.Key); !errors.Is(err, ErrNotFound) {
		t.Errorf("the former token: %v", err)
	}
	stranger, _ := NewSealer([]byte("another secret"))
	other := NewRegistry(RegistryOptions{Store: w.store, Auth: w.auth, Sealer: stranger, Clock: w.clock.now})
	if _, _, err := other.Credentials(t.Context(), "dev1"); !errors.Is(err, ErrWrongKey) {
		t.Errorf("with another key: %v", err)
	}
}

func TestByTokenAsksRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r, other := w.registryAt(t, time.Now), w.registryAt(t, time.Now)
		d := mustRegister(t, r, "dev1")
		w.store.queries = 0
		for range 1000 {
			if id, err := r.ByToken(t.Context(), "token-of-"+d.Key); err != nil || id != "dev1" {
				t.Fatalf("%s, %v", id, err)
			}
		}
		if w.store.queries != 0 {
			t.Errorf("%d queries for a known token", w.store.queries)
		}
		start := time.Now()
		var group sync.WaitGroup
		for i := range 500 {
			group.Go(func() {
				if _, err := r.ByToken(t.Context(), fmt.Sprint("guess", i)); !errors.Is(err, ErrNotFound) {
					t.Errorf("a guess: %v", err)
				}
			})
		}
		group.Wait()
		if took := time.Since(start); took > time.Second || w.store.queries > 4 {
			t.Errorf("500 guesses at once: %d queries, %v", w.store.queries, took)
		}
		// A device that was registered on another replica a moment ago is let in.
		d2 := mustRegister(t, other, "dev2")
		if id, err := r.ByToken(t.Context(), "token-of-"+d2.Key); err != nil || id != "dev2" {
			t.Errorf("registered elsewhere: %s, %v", id, err)
		}
		if _, err := r.ByToken(t.Context(), ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("no token: %v", err)
		}
	})
}

func TestRegistryOfADatabaseThatIsAway(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	w.store.err = errDown
	ctx := t.Context()
	_, errGet := r.Get(ctx, "a")
	_, errList := r.List(ctx, ListOptions{})
	_, errToken := r.ByToken(ctx, "t")
	_, _, errRegister := r.Register(ctx, "a")
	_, _, errCredentials := r.Credentials(ctx, "a")
	errRemove := r.Unregister(ctx, "a")
	errEach := r.Each(ctx, func(Device) error { return nil })
	for i, err := range []error{errGet, errList, errToken, errRegister, errCredentials, errRemove, errEach} {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%d: %v", i, err)
		}
	}
	w.store.err = nil
	if d := mustRegister(t, r, "a"); d.Key == "" {
		t.Error("it does not recover")
	}
	w.store.err = errDown
	if id, err := r.ByToken(ctx, "token-of-key-a-1"); err != nil || id != "a" {
		t.Errorf("a known token needs the database: %v", err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.registryAt(t, time.Now)
		w.store.onRead = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Get(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		w.store.set(func(s *fakeStore) { s.onRead = nil })
		if _, err := r.Get(t.Context(), "a"); !errors.Is(err, ErrNotFound) {
			t.Errorf("after a cancelled read: %v", err)
		}
	})
}

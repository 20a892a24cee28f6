package devices

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

// lookups is how often the store was asked for one record.
func (w *world) lookups() int {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	return w.store.lookups
}

func mustWrite(t *testing.T, r *Registry, id ID, fresh bool) string {
	t.Helper()
	token, err := r.WriteToken(t.Context(), id, fresh)
	if err != nil {
		t.Fatalf("the token of %s: %v", id, err)
	}
	return token
}

func TestAWriteTokenIsRemembered(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	want := "token-of-" + mustRegister(t, r, "dev1").Key
	before := w.lookups()
	for range 10 {
		if got := mustWrite(t, r, "dev1", false); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	}
	if n := w.lookups() - before; n != 1 {
		t.Errorf("the store was asked %d times", n)
	}
	w.auth.set(func(a *fakeAuth) { clear(a.live) }) // behind the app's back: only fresh can know
	if got := mustWrite(t, r, "dev1", false); got != want {
		t.Errorf("%q", got)
	}
	if got := mustWrite(t, r, "dev1", true); got != "token-of-key-dev1-2" {
		t.Errorf("fresh: %q", got)
	}
	if got := mustWrite(t, r, "dev1", false); got != "token-of-key-dev1-2" {
		t.Errorf("after fresh: %q", got)
	}
}

// A device that this process has not heard of may have been registered elsewhere a moment ago.
func TestAWriteTokenOfADeviceOfElsewhere(t *testing.T) {
	w := newWorld()
	one, two := w.registry(t), w.registry(t)
	if _, err := two.WriteToken(t.Context(), "dev1", false); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	want := "token-of-" + mustRegister(t, one, "dev1").Key
	if got := mustWrite(t, two, "dev1", false); got != want {
		t.Errorf("%q", got)
	}
	before := w.lookups()
	mustWrite(t, two, "dev1", false)
	if n := w.lookups() - before; n != 0 {
		t.Errorf("the store was asked %d times more", n)
	}
}

func TestAWriteTokenIsForgotten(t *testing.T) {
	do := func(err error) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(t *testing.T, r *Registry, w *world)
		want   string // the token; "" with err
		err    error
	}{
		{"when it is rotated", func(t *testing.T, r *Registry, _ *world) { mustRotate(t, r, "dev1") }, "token-of-key-dev1-2", nil},
		{"when the device is suspended", func(t *testing.T, r *Registry, _ *world) {
			_, err := r.Suspend(t.Context(), "dev1")
			do(err)(t)
		}, "", ErrSuspended},
		{"when suspending fails half-way", func(t *testing.T, r *Registry, w *world) {
			w.auth.set(func(a *fakeAuth) { a.switchErr = errDown })
			if _, err := r.Suspend(t.Context(), "dev1"); !errors.Is(err, ErrUnavailable) {
				t.Fatal(err)
			}
		}, "", ErrSuspended},
		{"when suspending has only begun", func(_ *testing.T, r *Registry, _ *world) { r.model.halt("dev1") }, "", ErrSuspended},
		{"when the device is removed", func(t *testing.T, r *Registry, _ *world) { do(r.Unregister(t.Context(), "dev1"))(t) }, "", ErrNotFound},
		{"when it is registered again", func(t *testing.T, r *Registry, _ *world) {
			do(r.Unregister(t.Context(), "dev1"))(t)
			mustRegister(t, r, "dev1")
		}, "token-of-key-dev1-2", nil},
		{"when it is resumed it is the same", func(t *testing.T, r *Registry, _ *world) {
			_, err := r.Suspend(t.Context(), "dev1")
			do(err)(t)
			_, err = r.Resume(t.Context(), "dev1")
			do(err)(t)
		}, "token-of-key-dev1-1", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			one, two := w.registry(t), w.registry(t)
			mustRegister(t, one, "dev1")
			if err := two.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, r := range []*Registry{one, two} {
				mustWrite(t, r, "dev1", false)
			}
			c.change(t, one, w)
			if got, err := one.WriteToken(t.Context(), "dev1", false); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%q, %v; want %q, %v", got, err, c.want, c.err)
			}
			if one.model.isHalted("dev1") {
				return // only this process knows
			}
			// The other replica learns it when it reads what changed.
			if err := two.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, err := two.WriteToken(t.Context(), "dev1", false); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("the other replica: %q, %v; want %q, %v", got, err, c.want, c.err)
			}
		})
	}
}

// A token of a removal that failed half-way is not taken from memory, whatever became of its authorization.
func TestAWriteTokenDuringARemoval(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	mustRegister(t, r, "dev1")
	mustWrite(t, r, "dev1", false)
	w.store.set(func(s *fakeStore) { s.putErr = func(Record) error { return errDown } })
	if err := r.Unregister(t.Context(), "dev1"); !errors.Is(err, ErrUnavailable) {
		t.Fatal(err)
	}
	w.auth.set(func(a *fakeAuth) { a.mintErr = errDown })
	if got, err := r.WriteToken(t.Context(), "dev1", false); err == nil {
		t.Errorf("%q", got)
	}
}

func TestManyWritersOfADeviceReadItsTokenOnce(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			r := w.registry(t)
			mustRegister(t, r, "dev1")
			if fresh {
				mustWrite(t, r, "dev1", false)
			}
			// A fetch is under way: it began before those who now come.
			f, mine := r.writing.join("dev1")
			if !mine {
				t.Fatal("there is a fetch already")
			}
			before := w.lookups()
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					if token, err := r.WriteToken(t.Context(), "dev1", fresh); err != nil || token != "token-of-key-dev1-1" {
						t.Errorf("%q, %v", token, err)
					}
				})
			}
			synctest.Wait()
			r.fetchToken(t.Context(), "dev1", f)
			all.Wait()
			want := 1 // shared by all
			if fresh {
				want = 2 // it began too early for them: they share another one
			}
			if n := w.lookups() - before; n != want {
				t.Errorf("fresh %v: the store was asked %d times", fresh, n)
			}
		})
	}
}

// Whoever reads for all may leave; the others are not to suffer for it. One whose time is over does not wait.
func TestAWriterThatLeavesTakesNobodyWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.registry(t)
		mustRegister(t, r, "dev1")
		f, _ := r.writing.join("dev1")
		hasty, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := r.WriteToken(hasty, "dev1", false); !errors.Is(err, context.Canceled) {
				t.Errorf("the hasty one: %v", err)
			}
		})
		all.Go(func() {
			if token, err := r.WriteToken(t.Context(), "dev1", false); err != nil || token == "" {
				t.Errorf("the patient one: %q, %v", token, err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		w.store.set(func(s *fakeStore) { s.err = context.Canceled })
		r.fetchToken(hasty, "dev1", f) // its reader has left
		w.store.set(func(s *fakeStore) { s.err = nil })
		all.Wait()
	})
}

func TestFailuresAreSharedAndNotRemembered(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	mustRegister(t, r, "dev1")
	w.store.set(func(s *fakeStore) { s.err = errDown })
	if _, err := r.WriteToken(t.Context(), "dev1", false); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	w.store.set(func(s *fakeStore) { s.err = nil })
	mustWrite(t, r, "dev1", false)
	w.store.set(func(s *fakeStore) { s.err = errDown })
	mustWrite(t, r, "dev1", false) // from memory
	if _, err := r.WriteToken(t.Context(), "dev1", true); !errors.Is(err, ErrUnavailable) {
		t.Errorf("fresh: %v", err)
	}
}

func TestRememberedTokensAreBounded(t *testing.T) {
	var w writeTokens
	for i := range maxWriteTokens + 100 {
		id := ID(fmt.Sprint("dev", i))
		f, _ := w.join(id)
		w.finish(id, f, &writeToken{key: "k"})
		if _, ok := w.get(id); !ok {
			t.Fatalf("%s is not remembered", id)
		}
	}
	if n := len(w.known); n != maxWriteTokens {
		t.Errorf("%d are remembered", n)
	}
	if len(w.running) != 0 {
		t.Errorf("%d fetches are left", len(w.running))
	}
}

func TestKnownAsksTheStoreOnlyForStrangers(t *testing.T) {
	w := newWorld()
	one, two := w.registry(t), w.registry(t)
	d := mustRegister(t, one, "dev1")
	if got, err := two.Known(t.Context(), "dev1"); err != nil || got != d { // nothing is loaded yet
		t.Fatalf("%+v, %v", got, err)
	}
	w.store.set(func(s *fakeStore) { s.err = errDown })
	if got, err := two.Known(t.Context(), "dev1"); err != nil || got != d {
		t.Errorf("known: %+v, %v", got, err)
	}
	if _, err := two.Known(t.Context(), "dev2"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a stranger, while the database is away: %v", err)
	}
	w.store.set(func(s *fakeStore) { s.err = nil })
	mustRegister(t, one, "dev2")
	if got, err := two.Known(t.Context(), "dev2"); err != nil || got.ID != "dev2" {
		t.Errorf("registered elsewhere: %+v, %v", got, err)
	}
	if _, err := two.Known(t.Context(), "dev3"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a stranger: %v", err)
	}
	if err := two.Unregister(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Known(t.Context(), "dev1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
}

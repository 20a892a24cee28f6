package devices

import (
	"errors"
	"testing"
	"time"
)

// A device that asks for its settings again and again must not come back when it is removed on another replica in that
// moment: its authorization is gone then and its record not yet, which looks as if the authorization had to be healed.
func TestARemovalElsewhereHoldsAgainstAHealing(t *testing.T) {
	w := newWorld()
	here, there := w.registry(t), w.registry(t)
	mustRegister(t, here, "dev1")
	if _, err := there.Get(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	revoked, blank, removed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	w.store.beforePut = func(r Record) {
		if !r.Registered() {
			revoked <- struct{}{}
			<-blank
		}
	}
	go func() { removed <- here.Unregister(t.Context(), "dev1") }()
	<-revoked
	w.store.beforePut = nil
	w.auth.onMint = onFirst(func() {
		close(blank)
		if err := <-removed; err != nil {
			t.Error(err)
		}
		w.clock.move(time.Millisecond)
	})
	_, token, err := there.Credentials(t.Context(), "dev1")
	if !errors.Is(err, ErrNotFound) || token != "" {
		t.Errorf("the removed device got %q, %v", token, err)
	}
	if live := w.auth.keys(); len(live) > 0 {
		t.Errorf("authorizations of a removed device: %v", live)
	}
	for _, r := range []*Registry{here, there} {
		if _, err := r.Get(t.Context(), "dev1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("the removed device is back: %v", err)
		}
	}
}

// The same with a device that is suspended elsewhere: its authorization is off, which looks as if it were gone.
func TestASuspensionElsewhereHoldsAgainstAHealing(t *testing.T) {
	w := newWorld()
	here, there := w.registry(t), w.registry(t)
	d := mustRegister(t, here, "dev1")
	if _, err := there.Get(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	w.auth.set(func(a *fakeAuth) { a.off = map[string]bool{d.Key: true} })
	w.auth.onMint = onFirst(func() {
		if _, err := here.Suspend(t.Context(), "dev1"); err != nil {
			t.Error(err)
		}
		w.clock.move(time.Millisecond)
	})
	if _, token, err := there.Credentials(t.Context(), "dev1"); !errors.Is(err, ErrSuspended) || token != "" {
		t.Errorf("the suspended device got %q, %v", token, err)
	}
	for _, r := range []*Registry{here, there} {
		d, err := r.Get(t.Context(), "dev1")
		if err != nil || !d.Suspended {
			t.Errorf("the device works again: %+v, %v", d, err)
		}
	}
	for _, key := range w.auth.keys() {
		if !w.auth.off[key] {
			t.Errorf("%s of a suspended device is on", key)
		}
	}
}

package devices

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestSuspendAndResumeWithoutLosingTheDevice(t *testing.T) {
	w := newWorld()
	r, other := w.registry(t), w.registry(t)
	d := mustRegister(t, r, "dev1")
	old := "token-of-" + d.Key
	fresh := mustRotate(t, r, "dev1")
	for range 2 { // twice is no error
		got, err := r.Suspend(t.Context(), "dev1")
		if err != nil || !got.Suspended {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if !w.auth.off["key-dev1-1"] || !w.auth.off["key-dev1-2"] {
		t.Errorf("off: %v", w.auth.off)
	}
	for _, replica := range []*Registry{r, other} {
		for _, token := range []string{old, fresh} {
			if id, err := replica.ByToken(t.Context(), token); id != "dev1" || !errors.Is(err, ErrSuspended) {
				t.Errorf("ByToken: %s, %v", id, err)
			}
		}
		if _, token, err := replica.Credentials(t.Context(), "dev1"); token != "" || !errors.Is(err, ErrSuspended) {
			t.Errorf("Credentials: %q, %v", token, err)
		}
		if _, token, err := replica.Rotate(t.Context(), "dev1"); token != "" || !errors.Is(err, ErrSuspended) {
			t.Errorf("Rotate: %q, %v", token, err)
		}
		if d, err := replica.Get(t.Context(), "dev1"); err != nil || !d.Suspended || d.StateAt(w.clock.now(), w.clock.now()) != Suspended {
			t.Errorf("%+v, %v", d, err)
		}
	}
	if w.auth.minted != 2 {
		t.Errorf("%d minted", w.auth.minted)
	}
	// The time of the old token does not run meanwhile.
	w.clock.move(2 * RotationDeadline)
	mustTend(t, r)
	live(t, w, "key-dev1-1", "key-dev1-2")
	for range 2 {
		got, err := other.Resume(t.Context(), "dev1")
		if err != nil || got.Suspended || !got.CreatedAt.Equal(d.CreatedAt) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if err := r.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, replica := range []*Registry{r, other} {
		if good := works(t, replica, "dev1", old); len(good) != 1 {
			t.Error("the old token does not work again")
		}
	}
	if _, token, err := r.Credentials(t.Context(), "dev1"); err != nil || token != fresh {
		t.Errorf("%q, %v", token, err)
	}
	var kinds []EventKind
	events, _ := r.Recent(t.Context(), 2)
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, []EventKind{EventResumed, EventSuspended}) {
		t.Errorf("events: %v", kinds)
	}
	for _, call := range []error{third(r.Suspend(t.Context(), "none")), third(r.Resume(t.Context(), "none"))} {
		if !errors.Is(call, ErrNotFound) {
			t.Errorf("an unknown device: %v", call)
		}
	}
}

func third(_ Device, err error) error { return err }

func TestSuspendThatFailsRefusesAtOnce(t *testing.T) {
	for _, part := range []string{"record", "switch"} {
		w := newWorld()
		r := w.registry(t)
		token := "token-of-" + mustRegister(t, r, "dev1").Key
		fail := func(err error) {
			if part == "switch" {
				w.auth.set(func(a *fakeAuth) { a.switchErr = err })
			} else {
				w.store.set(func(s *fakeStore) { s.putErr = func(Record) error { return err } })
			}
		}
		fail(errDown)
		if _, err := r.Suspend(t.Context(), "dev1"); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("%s: %v", part, err)
		}
		if _, err := r.ByToken(t.Context(), token); !errors.Is(err, ErrSuspended) {
			t.Errorf("%s: ByToken: %v", part, err)
		}
		if _, _, err := r.Credentials(t.Context(), "dev1"); !errors.Is(err, ErrSuspended) {
			t.Errorf("%s: Credentials: %v", part, err)
		}
		fail(nil)
		if _, err := r.Suspend(t.Context(), "dev1"); err != nil {
			t.Fatal(err)
		}
		if !w.auth.off["key-dev1-1"] || !newestOf(t, w, "dev1").Suspended {
			t.Errorf("%s: calling again does not complete it", part)
		}
		fail(errDown)
		if _, err := r.Resume(t.Context(), "dev1"); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("%s: %v", part, err)
		}
		if _, err := r.ByToken(t.Context(), token); !errors.Is(err, ErrSuspended) {
			t.Errorf("%s: half resumed, and accepted: %v", part, err)
		}
		fail(nil)
		if _, err := r.Resume(t.Context(), "dev1"); err != nil {
			t.Fatal(err)
		}
		if good := works(t, r, "dev1", token); len(good) != 1 || w.auth.off["key-dev1-1"] {
			t.Errorf("%s: it is not resumed", part)
		}
	}
}

func TestASuspendedDeviceCanBeRemoved(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	mustRegister(t, r, "dev1")
	if _, err := r.Suspend(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	if err := r.Unregister(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	live(t, w)
	if d, created, err := r.Register(t.Context(), "dev1"); err != nil || !created || d.Suspended {
		t.Errorf("registered again: %+v, %v, %v", d, created, err)
	}
}

// Another replica writes the record that it read before the suspension: the device is suspended all the same.
func TestSuspendingIsNotOverwritten(t *testing.T) {
	w := newWorld()
	a, b := w.registry(t), w.registryAt(t, func() time.Time { return w.clock.now().Add(time.Second) })
	mustRegister(t, a, "dev1")
	w.clock.move(time.Minute)
	w.auth.onMint = onFirst(func() {
		if _, err := a.Suspend(t.Context(), "dev1"); err != nil {
			t.Error(err)
		}
	})
	fresh := mustRotate(t, b, "dev1")
	if rec := newestOf(t, w, "dev1"); !rec.Suspended || rec.Key != "key-dev1-2" {
		t.Errorf("%+v", rec)
	}
	for _, r := range []*Registry{a, b} {
		if err := r.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.ByToken(t.Context(), fresh); !errors.Is(err, ErrSuspended) {
			t.Errorf("the new token: %v", err)
		}
	}
	if !w.auth.off["key-dev1-1"] || !w.auth.off["key-dev1-2"] {
		t.Errorf("off: %v", w.auth.off)
	}
}

func TestRemovalIsNotOverwritten(t *testing.T) {
	w := newWorld()
	a, b := w.registry(t), w.registryAt(t, func() time.Time { return w.clock.now().Add(time.Second) })
	mustRegister(t, a, "dev1")
	w.clock.move(time.Minute)
	w.auth.onMint = onFirst(func() {
		if err := a.Unregister(t.Context(), "dev1"); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := b.Rotate(t.Context(), "dev1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Rotate: %v", err)
	}
	live(t, w)
	if rec := newestOf(t, w, "dev1"); rec.Registered() {
		t.Errorf("%+v", rec)
	}
}

func TestSnapshotCountsSuspendedDevices(t *testing.T) {
	w, activity := newWorld(), &fakeActivity{}
	r := w.registry(t)
	for _, id := range []ID{"online", "late", "suspended-late", "suspended-online"} {
		mustRegister(t, r, id)
	}
	now := w.clock.now()
	activity.add("online", now)
	activity.add("suspended-online", now)
	activity.add("late", now.Add(-LateAfter))
	activity.add("suspended-late", now.Add(-LateAfter))
	for _, id := range []ID{"suspended-late", "suspended-online"} {
		if _, err := r.Suspend(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	f := NewFleet(FleetOptions{Registry: r, Activity: activity, Clock: w.clock.now})
	defer f.Close()
	s, err := f.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Total != 4 || s.Counts[Suspended] != 2 || s.Counts[Online] != 1 || s.Counts[Late] != 1 {
		t.Errorf("%v", s.Counts)
	}
	if s.NeedsCount != 1 || len(s.NeedsLook) != 1 || s.NeedsLook[0].ID != "late" {
		t.Errorf("needs a look: %v", s.NeedsLook)
	}
	if s.StateOf("suspended-online", now) != Suspended || s.StateOf("online", now) != Online || Suspended.String() != "suspended" {
		t.Error("StateOf")
	}
	if _, err := r.Resume(t.Context(), "suspended-online"); err != nil {
		t.Fatal(err)
	}
	if s, err = f.Snapshot(t.Context()); err != nil || s.Counts[Suspended] != 1 || s.StateOf("suspended-online", now) != Online {
		t.Errorf("after resuming: %v, %v", s.Counts, err)
	}
}

func TestWhatIsRevokedOnOneReplicaIsRefusedOnTheOtherWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a, b := w.registryAt(t, time.Now), w.registryAt(t, time.Now)
		b.Poll = 2 * time.Second
		suspended := "token-of-" + mustRegister(t, a, "suspended").Key
		removed := "token-of-" + mustRegister(t, a, "removed").Key
		replaced := "token-of-" + mustRegister(t, a, "rotated").Key
		fresh := mustRotate(t, a, "rotated")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		synctest.Wait()
		for id, token := range map[ID]string{"suspended": suspended, "removed": removed, "rotated": replaced} {
			if good := works(t, b, id, token); len(good) != 1 {
				t.Errorf("%s is not known", id)
			}
		}
		if _, err := a.Suspend(t.Context(), "suspended"); err != nil {
			t.Fatal(err)
		}
		if err := a.Unregister(t.Context(), "removed"); err != nil {
			t.Fatal(err)
		}
		works(t, a, "rotated", fresh)
		mustTend(t, a)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		// Judged from memory, so that it holds for every write.
		if _, err := b.judge(b.Sealer.sum(suspended)); !errors.Is(err, ErrSuspended) {
			t.Errorf("suspended: %v", err)
		}
		for _, token := range []string{removed, replaced} {
			if id, err := b.judge(b.Sealer.sum(token)); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", id, err)
			}
		}
		cancel()
		<-done
	})
}

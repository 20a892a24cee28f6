package devices

import (
	"errors"
	"testing"
	"time"
	"unsafe"
)

// There may be 100,000 rows and more.
func TestARowIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(row{}); size > 96 {
		t.Errorf("%d bytes", size)
	}
}

// A model that is read anew knows the same as the one that followed each change, and loses nothing that only this process knew.
func TestReadingAnewKeepsWhatIsKnown(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	for _, id := range []ID{"plain", "rotated", "picked", "suspended", "removed"} {
		if _, _, err := r.RegisterEnrolled(t.Context(), id, "key1"); err != nil {
			t.Fatal(err)
		}
	}
	mustRotate(t, r, "rotated")
	fresh := mustRotate(t, r, "picked")
	works(t, r, "picked", fresh)
	_, errSuspend := r.Suspend(t.Context(), "suspended")
	if err := errors.Join(errSuspend, r.Unregister(t.Context(), "removed")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.RegisterEnrolled(t.Context(), "other", "key2"); err != nil {
		t.Fatal(err)
	}
	used := r.LastUse("picked")
	look := func() (list []Device, counts [2]int) {
		page, err := r.List(t.Context(), ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return page.Devices, [2]int{r.Enrolled("key1"), r.Enrolled("key2")}
	}
	before, counts := look()
	if counts != [2]int{5, 1} { // the removed one counts on
		t.Errorf("enrolled: %v", counts)
	}
	w.clock.move(time.Hour) // its own records are no longer so new that they are kept whatever was read
	r.reload.Store(true)
	after, again := look()
	if len(before) != len(after) || counts != again {
		t.Fatalf("%v, then %v", before, after)
	}
	for i := range before {
		if before[i] != after[i] {
			t.Errorf("%+v\nthen %+v", before[i], after[i])
		}
	}
	if used.IsZero() || !r.LastUse("picked").Equal(used) {
		t.Errorf("last use: %v, then %v", used, r.LastUse("picked"))
	}
	if _, ok := r.model.picked("picked"); !ok {
		t.Error("it is forgotten that the new token was used")
	}
	mustTend(t, r)
	if rec := newestOf(t, w, "picked"); rec.PrevKey != "" {
		t.Errorf("%+v", rec)
	}
	if rec := newestOf(t, w, "rotated"); rec.PrevKey == "" {
		t.Errorf("%+v", rec)
	}
}

// Half a registration by an enrolment key counts for nothing: the device can try again.
func TestHalfAnEnrolmentCanBeTriedAgain(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	k, secret := g.key(t, e, func(k *EnrolmentKey) { k.Most = 1 })
	g.auth.set(func(a *fakeAuth) { a.mintErr = errDown })
	if _, err := e.Grant(t.Context(), ask("dev1", secret, here)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if n := e.Registry.Enrolled(k.ID); n != 0 {
		t.Errorf("%d are counted", n)
	}
	g.auth.set(func(a *fakeAuth) { a.mintErr = nil })
	granted(t, g.enrolment(t), ask("dev1", secret, here), "key "+k.ID, true)
}

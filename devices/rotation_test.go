package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// works tells which of tokens a registry accepts as the device's.
func works(t *testing.T, r *Registry, id ID, tokens ...string) (good []string) {
	t.Helper()
	for _, token := range tokens {
		switch got, err := r.ByToken(t.Context(), token); {
		case err == nil && got == id:
			good = append(good, token)
		case !errors.Is(err, ErrNotFound):
			t.Errorf("ByToken(%s): %s, %v", token, got, err)
		}
	}
	return good
}

func mustRotate(t *testing.T, r *Registry, id ID) string {
	t.Helper()
	_, token, err := r.Rotate(t.Context(), id)
	if err != nil {
		t.Fatalf("rotating %s: %v", id, err)
	}
	return token
}

func mustTend(t *testing.T, r *Registry) {
	t.Helper()
	if _, err := r.tend(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func live(t *testing.T, w *world, want ...string) {
	t.Helper()
	if keys := w.auth.keys(); !slices.Equal(keys, want) {
		t.Errorf("live: %v, want %v", keys, want)
	}
}

func newestOf(t *testing.T, w *world, id ID) Record {
	t.Helper()
	rec, err := w.store.Record(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestTheOldTokenWorksUntilTheDeviceHasUsedTheNewOne(t *testing.T) {
	w := newWorld()
	r, other := w.registry(t), w.registry(t)
	d := mustRegister(t, r, "dev1")
	old := "token-of-" + d.Key
	w.clock.move(time.Hour)
	got, fresh, err := r.Rotate(t.Context(), "dev1")
	if err != nil || fresh == old {
		t.Fatalf("%q, %v", fresh, err)
	}
	if !got.TokenAt.Equal(w.clock.now()) || !got.PrevUntil.Equal(w.clock.now().Add(RotationDeadline)) || !got.CreatedAt.Equal(d.CreatedAt) {
		t.Errorf("%+v", got)
	}
	for range 3 {
		if good := works(t, r, "dev1", old); len(good) != 1 {
			t.Fatal("the old token does not work before the new one is used")
		}
	}
	if _, token, err := r.Credentials(t.Context(), "dev1"); err != nil || token != fresh {
		t.Errorf("credentials: %q, %v", token, err)
	}
	mustTend(t, r) // nothing is due
	live(t, w, "key-dev1-1", "key-dev1-2")

	if good := works(t, r, "dev1", fresh, old); !slices.Equal(good, []string{fresh}) {
		t.Errorf("after the first use of the new one: %v", good)
	}
	mustTend(t, r)
	live(t, w, "key-dev1-2")
	if rec := newestOf(t, w, "dev1"); rec.PrevKey != "" || rec.PrevHash != "" || !rec.PrevUntil.IsZero() || rec.Sealed == "" || rec.Key != "key-dev1-2" {
		t.Errorf("the record: %+v", rec)
	}
	if d, err := other.Get(t.Context(), "dev1"); err != nil || !d.PrevUntil.IsZero() || !d.TokenAt.Equal(got.TokenAt) {
		t.Errorf("another replica: %+v, %v", d, err)
	}
	if good := works(t, other, "dev1", fresh, old); !slices.Equal(good, []string{fresh}) {
		t.Errorf("another replica accepts %v", good)
	}
	events, _ := r.Recent(t.Context(), 1)
	if len(events) != 1 || events[0].Kind != EventRotated {
		t.Errorf("events: %v", events)
	}
}

func TestTheOldTokenIsRefusedAfterTheDeadline(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	d := mustRegister(t, r, "dev1")
	old := "token-of-" + d.Key
	fresh := mustRotate(t, r, "dev1")
	w.clock.move(RotationDeadline - time.Second)
	if good := works(t, r, "dev1", old); len(good) != 1 {
		t.Error("it ended before the deadline")
	}
	w.clock.move(time.Second)
	w.auth.set(func(a *fakeAuth) { a.revokeErr = errDown })
	if good := works(t, r, "dev1", old); len(good) != 0 {
		t.Error("it works after the deadline")
	}
	if _, err := r.tend(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the janitor: %v", err)
	}
	w.auth.set(func(a *fakeAuth) { a.revokeErr = nil })
	mustTend(t, r) // it tries again
	live(t, w, "key-dev1-2")
	if good := works(t, r, "dev1", fresh, old); !slices.Equal(good, []string{fresh}) {
		t.Errorf("%v", good)
	}
}

func TestRotatingAgainReplacesTheTokenThatWasNeverUsed(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	old := "token-of-" + mustRegister(t, r, "dev1").Key
	first := mustRotate(t, r, "dev1")
	w.clock.move(time.Hour)
	second := mustRotate(t, r, "dev1")
	live(t, w, "key-dev1-1", "key-dev1-3")
	rec := newestOf(t, w, "dev1")
	if rec.PrevKey != "key-dev1-1" || !rec.PrevUntil.Equal(w.clock.now().Add(RotationDeadline)) || rec.Leftover != "" {
		t.Errorf("%+v", rec)
	}
	if good := works(t, r, "dev1", old, first); !slices.Equal(good, []string{old}) {
		t.Errorf("%v", good)
	}
	// The device picks it up and is rotated before the janitor has come: then the one in use is what stays.
	if good := works(t, r, "dev1", second); len(good) != 1 {
		t.Fatal("the second token does not work")
	}
	third := mustRotate(t, r, "dev1")
	mustTend(t, r)
	live(t, w, "key-dev1-3", "key-dev1-4")
	if good := works(t, r, "dev1", second, old, first); !slices.Equal(good, []string{second}) {
		t.Errorf("%v", good)
	}
	if good := works(t, r, "dev1", third); len(good) != 1 {
		t.Error("the third token does not work")
	}
}

// At every step of a rotation the database or the authorizer fails, once or from then on; and then all is well again.
// The device never loses its access, and in the end each live authorization stands in the record.
func TestRotationThatFailsAtAnyStep(t *testing.T) {
	errStep := fmt.Errorf("step: %w", ErrUnavailable)
	for _, pending := range []bool{false, true} {
		for step := 1; step <= 8; step++ {
			for _, mode := range []string{"once", "from then on", "written all the same"} {
				t.Run(fmt.Sprintf("pending %v, step %d, %s", pending, step, mode), func(t *testing.T) {
					w := newWorld()
					r := w.registry(t)
					old := "token-of-" + mustRegister(t, r, "dev1").Key
					if pending {
						mustRotate(t, r, "dev1")
					}
					n, broken := 0, true
					fails := func() bool {
						n++
						return broken && (n == step || mode == "from then on" && n > step)
					}
					fragile := &fragile{Authorizer: w.auth, RecordStore: w.store, fails: fails, err: errStep, late: mode == "written all the same"}
					r.Auth, r.Store = fragile, fragile
					_, token, err := r.Rotate(t.Context(), "dev1")
					if err == nil && token == "" {
						t.Error("no error, and no token")
					}
					if good := works(t, r, "dev1", old); len(good) != 1 {
						t.Error("the device lost its access")
					}
					broken = false
					again := w.registry(t) // another process, which knows only what the database says
					if good := works(t, again, "dev1", old); len(good) != 1 {
						t.Error("the device lost its access elsewhere")
					}
					if err := r.refresh(t.Context()); err != nil {
						t.Fatal(err)
					}
					mustTend(t, r)
					mustTend(t, r)
					rec := newestOf(t, w, "dev1")
					for _, key := range w.auth.keys() {
						if !rec.names(key) {
							t.Errorf("%s lives, and the record does not name it: %+v", key, rec)
						}
					}
					if !slices.Contains(w.auth.keys(), rec.Key) {
						t.Errorf("the authorization of the record is gone: %+v", rec)
					}
					if err == nil {
						if good := works(t, again, "dev1", token); len(good) != 1 {
							t.Error("the token that was given does not work")
						}
						return
					}
					if good := works(t, r, "dev1", old); len(good) != 1 {
						t.Error("the device lost its access after a rotation that failed")
					}
				})
			}
		}
	}
}

// fragile is a database and an authorizer that fail when they are told to.
type fragile struct {
	Authorizer
	RecordStore
	fails func() bool
	err   error
	late  bool // what fails is done all the same
}

func (f *fragile) try(do func() error) error {
	if !f.fails() {
		return do()
	}
	if f.late {
		_ = do()
	}
	return f.err
}

func (f *fragile) Mint(ctx context.Context, id ID) (a Authorization, err error) {
	if f.fails() {
		return a, f.err
	}
	return f.Authorizer.Mint(ctx, id)
}

func (f *fragile) Revoke(ctx context.Context, key string) error {
	return f.try(func() error { return f.Authorizer.Revoke(ctx, key) })
}

func (f *fragile) PutRecord(ctx context.Context, r Record) error {
	return f.try(func() error { return f.RecordStore.PutRecord(ctx, r) })
}

func (f *fragile) Record(ctx context.Context, id ID) (r Record, err error) {
	if f.fails() {
		return r, f.err
	}
	return f.RecordStore.Record(ctx, id)
}

func (f *fragile) RecordsSince(ctx context.Context, since time.Time, fn func(Record) error) error {
	if f.fails() {
		return f.err
	}
	return f.RecordStore.RecordsSince(ctx, since, fn)
}

func TestPickUpThatFailsIsTriedAgain(t *testing.T) {
	for step := 1; step <= 4; step++ {
		w := newWorld()
		r := w.registry(t)
		mustRegister(t, r, "dev1")
		fresh := mustRotate(t, r, "dev1")
		works(t, r, "dev1", fresh)
		n, broken := 0, true
		f := &fragile{Authorizer: w.auth, RecordStore: w.store, fails: func() bool { n++; return broken && n == step }, err: errDown}
		r.Auth, r.Store = f, f
		_, _ = r.tend(t.Context())
		broken = false
		mustTend(t, r)
		live(t, w, "key-dev1-2")
		if rec := newestOf(t, w, "dev1"); rec.PrevKey != "" {
			t.Errorf("step %d: %+v", step, rec)
		}
	}
}

func TestTwoReplicasRotateAtOnce(t *testing.T) {
	for _, shift := range []time.Duration{time.Second, -time.Second} {
		w := newWorld()
		a, b := w.registry(t), w.registryAt(t, func() time.Time { return w.clock.now().Add(shift) })
		old := "token-of-" + mustRegister(t, a, "dev1").Key
		w.clock.move(time.Minute)
		theirs := ""
		w.auth.onMint = onFirst(func() { theirs = mustRotate(t, b, "dev1") })
		ours := mustRotate(t, a, "dev1")
		mustTend(t, a)
		for _, r := range []*Registry{a, b} {
			if err := r.refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		rec := newestOf(t, w, "dev1")
		live(t, w, "key-dev1-1", rec.Key)
		for _, r := range []*Registry{a, b} {
			if good := works(t, r, "dev1", old); len(good) != 1 {
				t.Errorf("shift %v: the device lost its access", shift)
			}
		}
		if shift > 0 && ours != theirs {
			t.Errorf("the loser gives %s, the winner %s", ours, theirs)
		}
		if good := works(t, a, "dev1", ours); len(good) != 1 {
			t.Errorf("shift %v: the token that was given last does not work", shift)
		}
	}
}

// A rotation on another replica makes the first one's authorization the replaced one; it is not a lost one.
func TestRotationElsewhereKeepsWhatThisProcessMinted(t *testing.T) {
	w := newWorld()
	a, b := w.registry(t), w.registry(t)
	old := "token-of-" + mustRegister(t, a, "dev1").Key
	w.clock.move(time.Second)
	mustRotate(t, b, "dev1")
	if _, err := a.Get(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	live(t, w, "key-dev1-1", "key-dev1-2")
	if good := works(t, a, "dev1", old); len(good) != 1 {
		t.Error("the token in use was revoked")
	}
}

func TestUnregisterRevokesBothTokens(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	old := "token-of-" + mustRegister(t, r, "dev1").Key
	fresh := mustRotate(t, r, "dev1")
	if err := r.Unregister(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	live(t, w)
	if good := works(t, r, "dev1", old, fresh); len(good) != 0 {
		t.Errorf("%v", good)
	}
	if _, _, err := r.Rotate(t.Context(), "dev1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("rotating a removed device: %v", err)
	}
	if rec := newestOf(t, w, "dev1"); rec.PrevKey != "" || rec.PrevHash != "" {
		t.Errorf("%+v", rec)
	}
}

func TestRunEndsOldTokensByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.registryAt(t, time.Now)
		mustRegister(t, r, "used")
		mustRegister(t, r, "silent")
		fresh := mustRotate(t, r, "used")
		mustRotate(t, r, "silent")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		live(t, w, "key-silent-2", "key-silent-4", "key-used-1", "key-used-3")
		works(t, r, "used", fresh)
		synctest.Wait() // at once, without any time passing
		live(t, w, "key-silent-2", "key-silent-4", "key-used-3")
		time.Sleep(RotationDeadline)
		synctest.Wait()
		live(t, w, "key-silent-4", "key-used-3")
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
}

// A token that is in wrong hands is ended at once, and cannot fetch the new one on any replica.
func TestEndFormerEndsTheReplacedTokenAtOnce(t *testing.T) {
	w := newWorld()
	here, there := w.registry(t), w.registry(t)
	if _, _, err := here.Register(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	_, stolen, err := here.Credentials(t.Context(), "dev1")
	if err != nil {
		t.Fatal(err)
	}
	if got := works(t, there, "dev1", stolen); len(got) != 1 {
		t.Fatal("the other replica does not know the token")
	}
	fresh := mustRotate(t, here, "dev1")
	if _, token, err := there.OwnCredentials(t.Context(), "dev1", stolen); err != nil || token != fresh {
		t.Errorf("before it is ended, the former token fetches the new one: %v", err)
	}
	d, err := here.EndFormer(t.Context(), "dev1")
	if err != nil || !d.PrevUntil.IsZero() {
		t.Fatalf("%+v, %v", d, err)
	}
	if got := works(t, here, "dev1", stolen, fresh); !slices.Equal(got, []string{fresh}) {
		t.Errorf("good: %v", got)
	}
	live(t, w, newestOf(t, w, "dev1").Key)
	if _, _, err := there.OwnCredentials(t.Context(), "dev1", stolen); !errors.Is(err, ErrNotFound) {
		t.Errorf("the other replica gave the new token for the ended one: %v", err)
	}
	if _, token, err := there.OwnCredentials(t.Context(), "dev1", fresh); err != nil || token != fresh {
		t.Errorf("with its own token: %v", err)
	}
	if _, err := here.EndFormer(t.Context(), "dev1"); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if _, err := here.EndFormer(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
}

// The token of a removed device fetches nothing, even where the removal is not known yet.
func TestOwnCredentialsAskTheNewestRecord(t *testing.T) {
	w := newWorld()
	here, there := w.registry(t), w.registry(t)
	if _, _, err := here.Register(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	_, token, err := there.Credentials(t.Context(), "dev1")
	if err != nil {
		t.Fatal(err)
	}
	if err := here.Unregister(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := here.Register(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := there.OwnCredentials(t.Context(), "dev1", token); !errors.Is(err, ErrNotFound) {
		t.Errorf("the token of the removed device: %v", err)
	}
}

package devices

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeUses keeps last uses in memory.
type fakeUses struct {
	mu      sync.Mutex
	uses    map[string]time.Time
	batches []int
	err     error
}

func (u *fakeUses) PutUses(_ context.Context, kind string, uses map[string]time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err != nil {
		return u.err
	}
	if kind != UsesKind {
		return fmt.Errorf("kind %q", kind)
	}
	if u.uses == nil {
		u.uses = make(map[string]time.Time)
	}
	u.batches = append(u.batches, len(uses))
	maps.Copy(u.uses, uses)
	return nil
}

func (u *fakeUses) Uses(context.Context, string) (map[string]time.Time, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.uses), u.err
}

func TestLastUseIsKnownOnEveryReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, uses := newWorld(), &fakeUses{}
		a, b := w.registryAt(t, time.Now), w.registryAt(t, time.Now)
		a.Uses, b.Uses = uses, uses
		token := "token-of-" + mustRegister(t, a, "dev1").Key
		mustRegister(t, a, "dev2")
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for _, r := range []*Registry{a, b} {
			group.Go(func() { _ = r.Run(ctx) })
		}
		time.Sleep(time.Second)
		if !a.LastUse("dev1").IsZero() {
			t.Error("used before it was")
		}
		works(t, a, "dev1", token)
		used := time.Now()
		if got := a.LastUse("dev1"); !got.Equal(used) {
			t.Errorf("here: %v, want %v", got, used)
		}
		time.Sleep(2*usesEvery + 2*tendEvery)
		if got := b.LastUse("dev1"); !got.Equal(used) {
			t.Errorf("on the other replica: %v, want %v", got, used)
		}
		if got := b.LastUse("dev2"); !got.IsZero() {
			t.Errorf("never used: %v", got)
		}
		if len(uses.batches) != 1 {
			t.Errorf("%d writes for one use", len(uses.batches))
		}
		a.Use("dev2")
		a.Use("nobody")
		last := time.Now()
		cancel()
		group.Wait()
		if got := uses.uses["dev2"]; !got.Equal(last) {
			t.Errorf("at the end: %v, want %v", got, last)
		}
		if _, ok := uses.uses["nobody"]; ok || !a.LastUse("nobody").IsZero() {
			t.Error("a device that is not registered has a use")
		}
	})
}

func TestUsesAreWrittenInBatchesAndTriedAgain(t *testing.T) {
	w, uses := newWorld(), &fakeUses{err: errDown}
	w.fill(t, 2*UsesBatch+5)
	r := w.registry(t)
	r.Uses = uses
	if n, err := r.Count(t.Context()); n != 2*UsesBatch+5 || err != nil {
		t.Fatal(n, err)
	}
	for i := range 2*UsesBatch + 5 {
		r.Use(ID(fmt.Sprintf("dev%06d", i)))
	}
	if err := r.saveUses(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	uses.err = nil
	if err := r.saveUses(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(uses.uses) != 2*UsesBatch+5 || len(uses.batches) != 3 {
		t.Errorf("%d uses in %v", len(uses.uses), uses.batches)
	}
	for _, n := range uses.batches {
		if n > UsesBatch {
			t.Errorf("a batch of %d", n)
		}
	}
}

// What a former registration of an id used says nothing about the present one.
func TestUsesBeforeTheRegistrationAreNobodys(t *testing.T) {
	w := newWorld()
	uses := &fakeUses{uses: map[string]time.Time{"dev1": w.clock.now().Add(-time.Hour), "gone": w.clock.now()}}
	r := w.registry(t)
	r.Uses = uses
	mustRegister(t, r, "dev1")
	if err := r.loadUses(t.Context()); err != nil || !r.LastUse("dev1").IsZero() || !r.LastUse("gone").IsZero() {
		t.Errorf("%v, %v, %v", r.LastUse("dev1"), r.LastUse("gone"), err)
	}
}

func BenchmarkByToken(b *testing.B) {
	w := newWorld()
	w.fill(b, 100_000)
	r := w.registry(b)
	r.Clock = time.Now
	if _, err := r.Count(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := r.ByToken(b.Context(), fmt.Sprintf("token-dev%06d", i%100_000)); err != nil {
				b.Error(err)
			}
		}
	})
}

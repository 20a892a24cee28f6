package devices

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// twoGates are replicas of which the second one knows that a device is approved.
func twoGates(t *testing.T) (g *gate, first, second *Enrolment) {
	t.Helper()
	g = newGate()
	first, second = g.enrolment(t), g.enrolment(t)
	if _, err := first.Grant(t.Context(), ask("dev1", "", here)); !errors.Is(err, ErrNotEnrolled) {
		t.Fatal(err)
	}
	if err := first.Approve(t.Context(), "ann", "dev1", here); err != nil {
		t.Fatal(err)
	}
	g.clock.move(time.Millisecond)
	if err := second.Ledger.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return g, first, second
}

// Somebody else behind the device's address asks another replica, which has not read yet that the approval was used.
func TestAnApprovalThatWasUsedOnAnotherReplicaGivesNothing(t *testing.T) {
	g, first, second := twoGates(t)
	if _, err := first.Grant(t.Context(), ask("dev1", "", here)); err != nil {
		t.Fatal(err)
	}
	g.clock.move(time.Millisecond)
	if got, err := second.Grant(t.Context(), ask("dev1", "", here)); !errors.Is(err, ErrNotEnrolled) {
		t.Errorf("a second token by one approval: %+v, %v", got, err)
	}
	if g.auth.minted != 1 {
		t.Errorf("%d tokens", g.auth.minted)
	}
}

// Both ask at once: at most one of them gets a token, and if none does, the approval is there for the next request.
func TestAnApprovalIsUsedOnceWhenTwoReplicasAreAskedAtOnce(t *testing.T) {
	g, first, second := twoGates(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	granted := 0
	try := func(e *Enrolment) error {
		_, err := e.Grant(t.Context(), ask("dev1", "", here))
		if err == nil {
			mu.Lock()
			granted++
			mu.Unlock()
		}
		return err
	}
	for _, e := range []*Enrolment{first, second} {
		group.Go(func() {
			if err := try(e); err != nil && !errors.Is(err, ErrNotEnrolled) && !errors.Is(err, ErrUnavailable) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if granted == 0 {
		g.clock.move(time.Second)
		if err := try(first); err != nil {
			t.Errorf("the approval is lost: %v", err)
		}
	}
	if granted != 1 || g.auth.minted != 1 {
		t.Errorf("%d granted, %d tokens", granted, g.auth.minted)
	}
}

package devices

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"iotcenter/ledger"
)

// fakeLedger keeps entries in memory.
type fakeLedger struct {
	mu      sync.Mutex
	entries []ledger.Entry
	reads   int
	err     error
}

func (l *fakeLedger) PutEntries(_ context.Context, entries []ledger.Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.entries = append(l.entries, entries...)
	return nil
}

func (l *fakeLedger) EntriesSince(_ context.Context, since time.Time, fn func(ledger.Entry) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	if l.err != nil {
		return l.err
	}
	for _, e := range l.entries {
		if !e.Stamp.Before(since) {
			if err := fn(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// fakeInbox keeps places in memory.
type fakeInbox struct {
	mu            sync.Mutex
	places        map[int]Applicant
	reads, writes int
	err           error
}

func (i *fakeInbox) PutApplicants(_ context.Context, places map[int]Applicant) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err != nil {
		return i.err
	}
	i.writes++
	if i.places == nil {
		i.places = make(map[int]Applicant)
	}
	for n, a := range places {
		if a.ID == "" {
			delete(i.places, n)
		} else {
			i.places[n] = a
		}
	}
	return nil
}

func (i *fakeInbox) Applicants(context.Context) (map[int]Applicant, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reads++
	return maps.Clone(i.places), i.err
}

func (i *fakeInbox) asked() (reads, writes int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.reads, i.writes
}

// gate is a world with enrolment; its replicas share everything that is stored.
type gate struct {
	*world
	ledger *fakeLedger
	inbox  *fakeInbox
}

func newGate() *gate { return &gate{newWorld(), &fakeLedger{}, &fakeInbox{}} }

func (g *gate) enrolment(t testing.TB) *Enrolment { return g.enrolmentAt(t, g.clock.now) }

func (g *gate) enrolmentAt(t testing.TB, clock func() time.Time) *Enrolment {
	t.Helper()
	r := g.registryAt(t, clock)
	l := ledger.New(ledger.Options{Store: g.ledger, Clock: clock, Poll: time.Second})
	if err := l.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return NewEnrolment(EnrolmentOptions{Registry: r, Ledger: l, Inbox: g.inbox, Sealer: r.Sealer, Clock: clock})
}

func (g *gate) key(t testing.TB, e *Enrolment, change func(*EnrolmentKey)) (EnrolmentKey, string) {
	t.Helper()
	want := EnrolmentKey{Name: "Greenhouse", Most: 10, CreatedBy: "ann", ExpiresAt: g.clock.now().Add(24 * time.Hour)}
	if change != nil {
		change(&want)
	}
	k, secret, err := e.MakeKey(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	return k, secret
}

const (
	here  = "192.0.2.7"
	there = "198.51.100.9"
)

func ask(id ID, key, address string) Ask {
	return Ask{ID: id, Key: key, Address: address, Register: true}
}

package devices

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func names(list []Applicant) (out []string) {
	for _, a := range list {
		out = append(out, fmt.Sprintf("%s@%s:%d", a.ID, a.Address, a.Count))
	}
	return out
}

// bounded checks that an inbox and what is stored of it are within their bounds.
func bounded(t *testing.T, e *Enrolment, store *fakeInbox) {
	t.Helper()
	list, err := e.Waiting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	groups := make(map[string]int)
	for _, a := range list {
		groups[groupOf(a.Address)]++
	}
	for group, n := range groups {
		if n > InboxPerAddress {
			t.Fatalf("%d entries of %s", n, group)
		}
	}
	if len(list) > InboxSize || len(store.places) > InboxSize {
		t.Fatalf("%d entries, %d places", len(list), len(store.places))
	}
	for place := range store.places {
		if place < 0 || place >= InboxSize {
			t.Fatalf("place %d", place)
		}
	}
	if n := len(e.waiting.groups); n > InboxSize {
		t.Fatalf("%d groups are remembered", n)
	}
}

func TestTheInboxIsBoundedWhateverStrangersSend(t *testing.T) {
	g := newGate()
	e, other := g.enrolment(t), g.enrolment(t)
	random := rand.New(rand.NewPCG(1, 2))
	address := func(i int) string {
		switch i % 3 {
		case 0:
			return netip.AddrFrom4([4]byte{10, byte(random.Uint32()), byte(random.Uint32()), byte(random.Uint32())}).String()
		case 1: // few networks, very many addresses
			return fmt.Sprintf("2001:db8:0:%x::%x", random.IntN(50), random.Uint32()&0xffff)
		default:
			return "no address " + fmt.Sprint(random.Uint32())
		}
	}
	for i := range 100_000 {
		if i%100 == 0 {
			g.clock.move(time.Millisecond)
		}
		on := e
		if i%7 == 0 {
			on = other
		}
		if _, err := on.Grant(t.Context(), ask(ID(fmt.Sprintf("d%d", random.Uint64())), "guess", address(i))); !errors.Is(err, ErrNotEnrolled) {
			t.Fatal(err)
		}
		if i%20_000 == 0 {
			for _, on := range []*Enrolment{e, other} {
				if err := on.sync(t.Context(), true); err != nil {
					t.Fatal(err)
				}
				bounded(t, on, g.inbox)
			}
		}
	}
	bounded(t, e, g.inbox)
	bounded(t, other, g.inbox)
	if n := e.WaitingCount(); n != InboxSize {
		t.Errorf("%d wait", n)
	}
	if g.store.lookups != 0 || len(g.store.records) != 0 || len(g.ledger.entries) != 0 {
		t.Error("strangers were written down elsewhere")
	}
}

func TestFewEntriesOfOneAddress(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	sentAway(t, e, ask("neighbour", "", there), 1)
	for i := range 3 * InboxPerAddress {
		g.clock.move(time.Second)
		_, _ = e.Grant(t.Context(), ask(ID(fmt.Sprint("a", i)), "", here))
		_, _ = e.Grant(t.Context(), ask(ID(fmt.Sprint("b", i)), "", fmt.Sprintf("2001:db8::%x", i)))
	}
	list, err := e.Waiting(t.Context())
	if err != nil || len(list) != 2*InboxPerAddress+1 {
		t.Fatalf("%v, %v", names(list), err)
	}
	// The newest stay, and those of others are not touched.
	if list[0].ID != "b29" || list[len(list)-1].ID != "neighbour" || list[len(list)-2].ID != "a20" {
		t.Errorf("%v", names(list))
	}
}

func TestStrangersCauseOneWriteInTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		e := g.enrolmentAt(t, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		for i := range 10_000 {
			_, _ = e.Grant(t.Context(), ask(ID(fmt.Sprint("d", i)), "", fmt.Sprintf("10.0.%d.%d", i/250, i%250)))
			time.Sleep(time.Millisecond)
		}
		if _, writes := g.inbox.asked(); writes < 4 || writes > 5 {
			t.Errorf("%d writes in 10 seconds", writes)
		}
		time.Sleep(10 * syncEvery) // all is written, and made sure of
		reads, writes := g.inbox.asked()
		time.Sleep(time.Hour)
		if r, w := g.inbox.asked(); w != writes || r != reads {
			t.Errorf("%d writes and %d reads while nothing happens", w-writes, r-reads)
		}
		_, _ = e.Grant(t.Context(), ask("last", "", here))
		cancel()
		<-done
		found := false
		for _, a := range g.inbox.places {
			found = found || a.ID == "last"
		}
		if !found {
			t.Error("the end is not written")
		}
	})
}

func TestAStrangerDoesNotWaitForTheDatabase(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	g.inbox.err, g.ledger.err, g.store.err = errDown, errDown, errDown
	sentAway(t, e, ask("dev1", "", here), 1)
	if err := e.sync(t.Context(), true); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	sentAway(t, e, ask("dev1", "", here), 1)
	g.inbox.err = nil
	if err := e.sync(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for _, a := range g.inbox.places {
		if a.Count != 2 {
			t.Errorf("%+v", a)
		}
	}
}

func TestReplicasShareOneInbox(t *testing.T) {
	g := newGate()
	a, b := g.enrolment(t), g.enrolment(t)
	sentAway(t, a, ask("dev1", "", here), 1)
	sentAway(t, b, ask("dev1", "", here), 1)
	sentAway(t, b, ask("dev2", "", there), 2)
	for range 2 {
		for _, e := range []*Enrolment{a, b} {
			if err := e.sync(t.Context(), true); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, e := range []*Enrolment{a, b} {
		list, err := e.Waiting(t.Context())
		if err != nil || len(list) != 2 {
			t.Fatalf("%v, %v", names(list), err)
		}
		for _, applicant := range list {
			if want := map[ID]int{"dev1": 2, "dev2": 1}[applicant.ID]; applicant.Count != want {
				t.Errorf("%v", names(list))
			}
		}
	}
	// What one takes out is gone everywhere, and comes back only by asking again.
	if err := a.Dismiss(t.Context(), "dev2", there); err != nil {
		t.Fatal(err)
	}
	list, err := b.Waiting(t.Context())
	if err != nil || len(list) != 1 || len(g.inbox.places) != 1 {
		t.Errorf("%v, %v; stored %v", names(list), err, g.inbox.places)
	}
	if err := b.Dismiss(t.Context(), "dev2", there); !errors.Is(err, ErrNotFound) {
		t.Errorf("dismissed twice: %v", err)
	}
	g.clock.move(time.Second)
	sentAway(t, b, ask("dev2", "", there), 2)
	if list, err := b.Waiting(t.Context()); err != nil || len(list) != 2 || list[0].Count != 1 {
		t.Errorf("%v, %v", names(list), err)
	}
}

// An applicant that only another replica has seen can be approved here.
func TestApprovingWhatAnotherReplicaSaw(t *testing.T) {
	g := newGate()
	a, b := g.enrolment(t), g.enrolment(t)
	sentAway(t, a, ask("dev1", "", here), 1)
	if err := a.sync(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := b.Approve(t.Context(), "ann", "dev1", here); err != nil {
		t.Fatal(err)
	}
	if err := a.Ledger.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	granted(t, a, ask("dev1", "", here), "approval", true)
	if list, err := a.Waiting(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", names(list), err)
	}
}

// Two replicas write to one place at the same moment: the one that was overwritten finds another place.
func TestAPlaceThatAnotherReplicaTook(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	sentAway(t, e, ask("dev1", "", here), 1)
	if err := e.sync(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for place := range g.inbox.places {
		g.inbox.places[place] = Applicant{ID: "dev2", Address: there, First: g.clock.now(), Last: g.clock.now(), Count: 3}
	}
	if !e.waiting.needsSync() {
		t.Fatal("it does not make sure of what it wrote")
	}
	for range 2 {
		if err := e.sync(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.inbox.places) != 2 || e.waiting.needsSync() {
		t.Errorf("%v", g.inbox.places)
	}
}

func TestEntriesGoADayAfterTheirLastRequest(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	sentAway(t, e, ask("dev1", "", here), 1)
	if err := e.sync(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	g.clock.move(InboxAge)
	if n := e.WaitingCount(); n != 0 {
		t.Errorf("%d wait", n)
	}
	if err := e.sync(t.Context(), true); err != nil || len(g.inbox.places) != 0 {
		t.Errorf("%v, %v", g.inbox.places, err)
	}
}

// What cannot have been written by this program does no harm.
func TestStoredNonsenseIsPassedOver(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	now := g.clock.now()
	g.inbox.places = map[int]Applicant{-1: {ID: "a", Last: now}, InboxSize: {ID: "b", Last: now}, 3: {},
		4: {ID: "twice", Address: here, Last: now, Count: 1}, 5: {ID: "twice", Address: here, Last: now.Add(time.Second), Count: 7}}
	list, err := e.Waiting(t.Context())
	if err != nil || len(list) != 1 || list[0].Count != 7 {
		t.Errorf("%v, %v", names(list), err)
	}
	if err := e.sync(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, ok := g.inbox.places[4]; ok {
		t.Error("the same applicant has two places")
	}
}

func TestManyAskWhileTheInboxIsWritten(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 50 {
				_, _ = e.Grant(t.Context(), ask(ID(fmt.Sprint("dev", i)), "", here))
				switch {
				case n%10 == 0:
					if err := e.sync(t.Context(), true); err != nil {
						t.Error(err)
					}
				case n%25 == 3:
					_, _ = e.Waiting(t.Context())
				}
			}
		})
	}
	group.Wait()
	list, err := e.Waiting(t.Context())
	if err != nil || len(list) != 8 {
		t.Fatalf("%v, %v", names(list), err)
	}
	for _, a := range list {
		if a.Count != 50 {
			t.Errorf("%v", names(list))
			break
		}
	}
}

// Whoever floods the inbox from a network of their own pushes out their own entries, and not the device that waits.
func TestAFloodFromOneNetworkPushesOutNobodyElse(t *testing.T) {
	for network, address := range map[string]func(i int) string{
		"IPv4": func(i int) string { return fmt.Sprintf("198.51.%d.%d", i/250, i%250+1) },
		"IPv6": func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i) },
	} {
		var b inbox
		now := newClock().now()
		b.note("patient", "203.0.113.9", false, now)
		for i := range 5000 {
			now = now.Add(time.Millisecond)
			b.note(ID(fmt.Sprintf("flood-%d", i)), address(i), false, now)
		}
		if !b.has("patient", "203.0.113.9") || len(b.entries) != InboxSize {
			t.Errorf("%s: the device that waited is gone, or there are %d entries", network, len(b.entries))
		}
		sum := 0
		for _, n := range b.wide {
			sum += n
		}
		if sum != len(b.entries) || len(b.wide) != 2 {
			t.Errorf("%s: %d entries are counted in %d neighbourhoods", network, sum, len(b.wide))
		}
		b.merge(nil, now)
		if !b.has("patient", "203.0.113.9") {
			t.Errorf("%s: a merge drops the device that waited", network)
		}
	}
}

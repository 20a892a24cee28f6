package devices

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iotcenter/ledger"
)

// granted asks and wants a token that works.
func granted(t *testing.T, e *Enrolment, a Ask, by string, created bool) Grant {
	t.Helper()
	g, err := e.Grant(t.Context(), a)
	if err != nil {
		t.Fatalf("Grant(%+v): %v", a, err)
	}
	if g.By != by || g.Created != created || g.Device.ID != a.ID {
		t.Errorf("Grant(%+v): by %q, created %v; want %q, %v", a, g.By, g.Created, by, created)
	}
	if id, err := e.Registry.ByToken(t.Context(), g.Token); err != nil || id != a.ID {
		t.Errorf("the token of %s: %s, %v", a.ID, id, err)
	}
	return g
}

// sentAway asks and wants what every stranger gets; inbox is the number that waits then.
func sentAway(t *testing.T, e *Enrolment, a Ask, inbox int) {
	t.Helper()
	g, err := e.Grant(t.Context(), a)
	if err != ErrNotEnrolled || g != (Grant{}) { // the very same for all, so that it tells nothing
		t.Errorf("Grant(%+v): %+v, %v; want ErrNotEnrolled", a, g, err)
	}
	if n := e.WaitingCount(); n != inbox {
		t.Errorf("after Grant(%+v) %d wait, want %d", a, n, inbox)
	}
}

func TestAnUnknownDeviceGetsNothingAndAppearsInTheInbox(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	queries := g.store.queries
	sentAway(t, e, ask("dev1", "", here), 1)
	g.clock.move(time.Minute)
	sentAway(t, e, ask("dev1", "wrong key", here), 1)
	if g.store.queries != queries || g.store.lookups != 0 || len(g.store.records) != 0 || g.inbox.writes != 0 {
		t.Error("a stranger made the database work")
	}
	list, err := e.Waiting(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	now := g.clock.now()
	if a := list[0]; a.ID != "dev1" || a.Address != here || a.Count != 2 || a.Known || !a.First.Equal(now.Add(-time.Minute)) || !a.Last.Equal(now) {
		t.Errorf("%+v", a)
	}
	if _, err := e.Grant(t.Context(), ask("no id!", "", here)); !errors.Is(err, ErrInvalidID) {
		t.Errorf("%v", err)
	}
	// A pure question leaves no trace.
	sentAway(t, e, Ask{ID: "dev2", Address: here}, 1)
}

func TestAKnownDeviceWithoutACredentialGetsNothing(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	mustRegister(t, e.Registry, "dev1")
	sentAway(t, e, ask("dev1", "", here), 0)
	sentAway(t, e, ask("dev1", EnrolmentPrefix+"wrong", here), 0)
}

func TestApprovalGivesTheConfigurationOnce(t *testing.T) {
	g := newGate()
	e, other := g.enrolment(t), g.enrolment(t)
	sentAway(t, e, ask("dev1", "", here), 1)
	if err := e.Approve(t.Context(), "ann", "dev1", here); err != nil {
		t.Fatal(err)
	}
	if n := e.WaitingCount(); n != 0 {
		t.Errorf("%d wait after the approval", n)
	}
	if err := other.Ledger.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	sentAway(t, other, ask("dev1", "", there), 1)              // the address was another one
	sentAway(t, other, Ask{ID: "dev1", Address: here}, 1)      // only asking uses nothing up
	sentAway(t, other, ask("dev10", "", "2001:db8::1"), 2)     // another device
	granted(t, other, ask("dev1", "", here), "approval", true) // on another replica than the approval
	sentAway(t, other, ask("dev1", "", here), 2)
	if err := e.Approve(t.Context(), "ann", "dev1", here); !errors.Is(err, ErrNotFound) {
		t.Errorf("approving nobody: %v", err)
	}
}

func TestAnApprovalIsUsedOnceHoweverManyAsk(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	for round, known := range []bool{false, true} {
		if known {
			if err := e.Open(t.Context(), "ann", time.Minute); err != nil {
				t.Fatal(err)
			}
			sentAway(t, e, ask("dev1", "", here), 1)
			if err := e.Shut(t.Context()); err != nil {
				t.Fatal(err)
			}
		} else {
			sentAway(t, e, ask("dev1", "", here), 1)
		}
		if err := e.Approve(t.Context(), "ann", "dev1", here); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		var given atomic.Int32
		for range 16 {
			group.Go(func() {
				got, err := e.Grant(t.Context(), ask("dev1", "", here))
				switch {
				case err == nil && got.Token != "":
					given.Add(1)
				case !errors.Is(err, ErrNotEnrolled):
					t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
		if given.Load() != 1 || g.auth.minted != round+1 {
			t.Errorf("round %d: given %d times, %d minted", round, given.Load(), g.auth.minted)
		}
	}
}

func TestAnApprovalLastsFifteenMinutes(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	for _, c := range []struct {
		id   ID
		wait time.Duration
		ok   bool
	}{{"dev1", ApprovalLife - time.Second, true}, {"dev2", ApprovalLife, false}} {
		_, _ = e.Grant(t.Context(), ask(c.id, "", here))
		if err := e.Approve(t.Context(), "ann", c.id, here); err != nil {
			t.Fatal(err)
		}
		g.clock.move(c.wait)
		if _, err := e.Grant(t.Context(), ask(c.id, "", here)); (err == nil) != c.ok {
			t.Errorf("after %v: %v", c.wait, err)
		}
	}
}

func TestApprovalBindsToTheExactAddress(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	sentAway(t, e, ask("dev1", "", "2001:db8::1"), 1)
	if err := e.Approve(t.Context(), "ann", "dev1", "2001:DB8:0::1"); err != nil {
		t.Fatal(err)
	}
	sentAway(t, e, ask("dev1", "", "2001:db8::2"), 1)
	granted(t, e, ask("dev1", "", "2001:db8::1"), "approval", true)
	sentAway(t, e, ask("dev2", "", "::ffff:192.0.2.7"), 2)
	if err := e.Approve(t.Context(), "ann", "dev2", here); err != nil {
		t.Fatal(err)
	}
	granted(t, e, ask("dev2", "", here), "approval", true)
}

func TestApprovingAKnownDeviceRotatesItsToken(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	old := "token-of-" + mustRegister(t, e.Registry, "dev1").Key
	if err := e.Open(t.Context(), "ann", time.Minute); err != nil {
		t.Fatal(err)
	}
	sentAway(t, e, ask("dev1", "", here), 1)
	list, err := e.Waiting(t.Context())
	if err != nil || len(list) != 1 || !list[0].Known {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := e.Approve(t.Context(), "ann", "dev1", here); err != nil {
		t.Fatal(err)
	}
	got, err := e.Grant(t.Context(), ask("dev1", "", here))
	if err != nil || got.By != "approval" || got.Created || got.Token == old {
		t.Fatalf("%+v, %v", got, err)
	}
	if good := works(t, e.Registry, "dev1", old); len(good) != 1 {
		t.Error("the old token ended before the new one was used")
	}
	if good := works(t, e.Registry, "dev1", got.Token, old); len(good) != 1 || good[0] != got.Token {
		t.Errorf("%v", good)
	}
}

func TestApprovalThatCannotBeUsedUpGivesNothing(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	sentAway(t, e, ask("dev1", "", here), 1)
	if err := e.Approve(t.Context(), "ann", "dev1", here); err != nil {
		t.Fatal(err)
	}
	g.ledger.err = errDown
	if _, err := e.Grant(t.Context(), ask("dev1", "", here)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if g.auth.minted != 0 {
		t.Error("it was registered all the same")
	}
	g.ledger.err = nil
	granted(t, e, ask("dev1", "", here), "approval", true)
}

func TestAKeyEnrolsAndReturnsTheTokenOfItsDevices(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	k, secret := g.key(t, e, func(k *EnrolmentKey) { k.Pattern, k.Most = "greenhouse-*", 2 })
	first := granted(t, e, ask("greenhouse-1", secret, here), "key "+k.ID, true)
	again := granted(t, e, ask("greenhouse-1", secret, there), "key "+k.ID, false) // every hour, from anywhere
	if again.Token != first.Token || first.Device.EnrolledBy != k.ID {
		t.Errorf("%+v, then %+v", first, again)
	}
	sentAway(t, e, ask("office-1", secret, here), 1) // the pattern
	granted(t, e, ask("greenhouse-2", secret, here), "key "+k.ID, true)
	sentAway(t, e, ask("greenhouse-3", secret, here), 2) // the number
	list, err := e.Keys(t.Context())
	if err != nil || len(list) != 1 || list[0].Used != 2 || list[0].Hint != secret[len(secret)-4:] {
		t.Errorf("%+v, %v", list, err)
	}
	// A pure question of an unknown device; then a device that came another way, and another key.
	sentAway(t, e, Ask{ID: "greenhouse-4", Key: secret, Address: here}, 2)
	mustRegister(t, e.Registry, "by-hand")
	sentAway(t, e, ask("by-hand", secret, here), 2)
	_, other := g.key(t, e, nil)
	sentAway(t, e, ask("greenhouse-1", other, here), 2)
	// After its end it enrols nobody, and still serves its devices.
	g.clock.move(25 * time.Hour)
	sentAway(t, e, ask("dev9", other, here), 1) // those of yesterday are too old
	granted(t, e, ask("greenhouse-1", secret, here), "key "+k.ID, false)
	if err := e.RevokeKey(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	sentAway(t, e, ask("greenhouse-1", secret, here), 1)
	if good := works(t, e.Registry, "greenhouse-1", first.Token); len(good) != 1 {
		t.Error("revoking the key ended the device's token")
	}
	if err := e.RevokeKey(t.Context(), k.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
}

func TestAKeyDoesNotBringBackADeviceThatWasRemoved(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	k, secret := g.key(t, e, nil)
	granted(t, e, ask("dev1", secret, here), "key "+k.ID, true)
	if err := e.Registry.Unregister(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	sentAway(t, e, ask("dev1", secret, here), 1)
	later := g.enrolment(t) // a process that was started since
	sentAway(t, later, ask("dev1", secret, here), 1)
	if err := later.Approve(t.Context(), "ann", "dev1", here); err != nil {
		t.Fatal(err)
	}
	if got := granted(t, later, ask("dev1", secret, here), "approval", true); got.Device.EnrolledBy != "" {
		t.Errorf("%+v", got)
	}
}

func TestRequestsAtOnceDoNotExceedTheNumberOfAKey(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	k, secret := g.key(t, e, func(k *EnrolmentKey) { k.Most = 5 })
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			if _, err := e.Grant(t.Context(), ask(ID(fmt.Sprint("dev", i%20)), secret, here)); err != nil && !errors.Is(err, ErrNotEnrolled) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n, err := e.Registry.Count(t.Context()); n != 5 || err != nil || e.Registry.Enrolled(k.ID) != 5 || g.auth.minted != 5 {
		t.Errorf("%d devices, %v", n, err)
	}
}

func TestSuspendedDevicesGetNothing(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	k, secret := g.key(t, e, nil)
	_, other := g.key(t, e, nil)
	sentAway(t, e, ask("dev1", "", here), 1)
	if err := e.Approve(t.Context(), "ann", "dev1", here); err != nil {
		t.Fatal(err)
	}
	granted(t, e, ask("dev1", secret, there), "key "+k.ID, true)
	if _, err := e.Registry.Suspend(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	if err := e.Open(t.Context(), "ann", time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Grant(t.Context(), ask("dev1", secret, there)); !errors.Is(err, ErrSuspended) {
		t.Errorf("with its key: %v", err)
	}
	sentAway(t, e, ask("dev1", other, there), 0)
	sentAway(t, e, ask("dev1", "", there), 0)
	sentAway(t, e, ask("dev1", "", here), 0) // with its approval
	if _, err := e.Registry.Resume(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	granted(t, e, ask("dev1", "", here), "approval", false)
}

func TestTheWindowEnrolsUnknownDevices(t *testing.T) {
	g := newGate()
	e, other := g.enrolment(t), g.enrolment(t)
	if w := e.Window(); w != (Window{}) {
		t.Errorf("%+v", w)
	}
	if err := e.Open(t.Context(), "ann", 10*time.Hour); err != nil {
		t.Fatal(err)
	}
	if w := e.Window(); w.By != "ann" || !w.Until.Equal(g.clock.now().Add(LongestWindow)) {
		t.Errorf("%+v", w)
	}
	granted(t, e, ask("dev1", "", here), "window", true)
	sentAway(t, e, ask("dev1", "", here), 1)           // it is known now: a person decides
	sentAway(t, e, Ask{ID: "dev2", Address: here}, 1)  // it only asks
	sentAway(t, e, Ask{ID: "dev1", Address: "::1"}, 1) // so does this one
	if err := other.Ledger.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	granted(t, other, ask("dev3", "", here), "window", true)
	if err := other.Shut(t.Context()); err != nil {
		t.Fatal(err)
	}
	sentAway(t, other, ask("dev4", "", here), 1)
	if err := e.Open(t.Context(), "ann", 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	g.clock.move(5 * time.Minute)
	if w := e.Window(); w != (Window{}) {
		t.Errorf("after its end: %+v", w)
	}
	sentAway(t, e, ask("dev5", "", here), 2)
}

func TestEnrolmentsAreLimitedInTime(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	_, secret := g.key(t, e, func(k *EnrolmentKey) { k.Most = 1000 })
	if err := e.Open(t.Context(), "ann", time.Hour); err != nil {
		t.Fatal(err)
	}
	ok := 0
	for i := range 2 * enrolmentsPerSecond {
		key := ""
		if i%2 == 0 {
			key = secret
		}
		_, err := e.Grant(t.Context(), ask(ID(fmt.Sprint("dev", i)), key, here))
		switch {
		case err == nil:
			ok++
		case !errors.Is(err, ErrUnavailable):
			t.Fatal(err)
		}
	}
	if ok != enrolmentsPerSecond {
		t.Errorf("%d devices in no time", ok)
	}
	g.clock.move(time.Second)
	if _, err := e.Grant(t.Context(), ask("later", "", here)); err != nil {
		t.Error(err)
	}
}

func TestNobodyIsJudgedBeforeTheLedgerIsRead(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	e.Ledger = ledger.New(ledger.Options{Store: g.ledger})
	_, err := e.Grant(t.Context(), ask("dev1", "", here))
	_, errKeys := e.Keys(t.Context())
	for _, err := range []error{err, errKeys, e.RevokeKey(t.Context(), "x")} {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v", err)
		}
	}
}

func TestMakeKey(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	now := g.clock.now()
	good := EnrolmentKey{Name: " Greenhouse ", Pattern: "gh-?*", Most: 3, CreatedBy: "ann", ExpiresAt: now.Add(time.Hour)}
	for _, c := range []struct {
		field  string
		change func(*EnrolmentKey)
	}{
		{"", func(*EnrolmentKey) {}},
		{"", func(k *EnrolmentKey) { k.Pattern = "" }},
		{"", func(k *EnrolmentKey) { k.Most, k.ExpiresAt = MaxEnrolmentMost, now.Add(365*24*time.Hour) }},
		{"name", func(k *EnrolmentKey) { k.Name = "  " }},
		{"name", func(k *EnrolmentKey) { k.Name = strings.Repeat("ä", maxKeyName+1) }},
		{"name", func(k *EnrolmentKey) { k.Name = "a\nb" }},
		{"name", func(k *EnrolmentKey) { k.Name = "a\xff" }},
		{"most", func(k *EnrolmentKey) { k.Most = 0 }},
		{"most", func(k *EnrolmentKey) { k.Most = MaxEnrolmentMost + 1 }},
		{"expires", func(k *EnrolmentKey) { k.ExpiresAt = time.Time{} }},
		{"expires", func(k *EnrolmentKey) { k.ExpiresAt = now }},
		{"expires", func(k *EnrolmentKey) { k.ExpiresAt = now.Add(MaxEnrolmentLife + 1) }},
		{"pattern", func(k *EnrolmentKey) { k.Pattern = "[a-z]*" }},
		{"pattern", func(k *EnrolmentKey) { k.Pattern = `a\*` }},
		{"pattern", func(k *EnrolmentKey) { k.Pattern = "a/b" }},
		{"pattern", func(k *EnrolmentKey) { k.Pattern = "ä*" }},
		{"pattern", func(k *EnrolmentKey) { k.Pattern = "-*" }},
		{"pattern", func(k *EnrolmentKey) { k.Pattern = strings.Repeat("a", MaxIDLength+1) }},
	} {
		k := good
		c.change(&k)
		made, secret, err := e.MakeKey(t.Context(), k)
		var invalid *InvalidKeyError
		if errors.As(err, &invalid) != (c.field != "") || invalid != nil && (invalid.Field != c.field || invalid.Problem == "") {
			t.Errorf("%+v: %v", k, err)
			continue
		}
		if c.field != "" {
			continue
		}
		if len(secret) != len(EnrolmentPrefix)+43 || !strings.HasPrefix(secret, EnrolmentPrefix) || made.Name != "Greenhouse" || made.ID == "" {
			t.Errorf("%+v, %q", made, secret)
		}
		for _, entry := range g.ledger.entries {
			if strings.Contains(string(entry.Body), secret[len(EnrolmentPrefix):]) {
				t.Error("the secret is in the ledger")
			}
		}
	}
}

func TestKeysAreBounded(t *testing.T) {
	g := newGate()
	e := g.enrolment(t)
	var group sync.WaitGroup
	var refused atomic.Int32
	for range MaxEnrolmentKeys + 10 {
		group.Go(func() {
			_, _, err := e.MakeKey(t.Context(), EnrolmentKey{Name: "n", Most: 1, ExpiresAt: g.clock.now().Add(time.Hour)})
			var invalid *InvalidKeyError
			if errors.As(err, &invalid) {
				refused.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if list, err := e.Keys(t.Context()); err != nil || len(list) != MaxEnrolmentKeys || refused.Load() != 10 {
		t.Errorf("%d keys, %d refused, %v", len(list), refused.Load(), err)
	}
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"", "*", "greenhouse-*", "a?c", "[a-z]", `\`, "*****a*****b", "a/b", "-", "\xff"} {
		f.Add(s, "greenhouse-1")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if patternProblem(pattern) != "" {
			return
		}
		k := EnrolmentKey{Pattern: pattern}
		id, err := ParseID(text)
		if err == nil && k.fits(id) && pattern != "" && !strings.ContainsAny(pattern, "*?") && pattern != text {
			t.Errorf("%q fits %q", pattern, text)
		}
		if plain := ID(strings.NewReplacer("*", "x", "?", "x").Replace(pattern)); !k.fits(plain) {
			t.Errorf("%q does not fit %q", pattern, plain)
		}
	})
}

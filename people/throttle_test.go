package people

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestFiveFailuresLockAnAccount(t *testing.T) {
	for _, name := range []string{"ada", "nobody-of-that-name", "not a name!"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			d := w.replica()
			w.add(d, "ada", Viewer)
			for i := range accountLimit {
				w.refused(w.guess(d, name, fmt.Sprintf("192.0.2.%d", i)))
			}
			if wait := w.locked(w.guess(d, name, "192.0.2.99")); wait != time.Minute {
				t.Errorf("the first lock lasts %v; want a minute", wait)
			}
			// Neither does the right password help, in any case of letters, nor do attempts prolong the lock.
			w.clock.pass(30 * time.Second)
			_, _, err := d.SignIn(t.Context(), " ADA", passwordOf("ada"), here)
			if name == "ada" {
				if wait := w.locked(err); wait != 30*time.Second {
					t.Errorf("the lock lasts %v longer; want 30s", wait)
				}
			} else if err != nil {
				t.Errorf("another account is locked, too: %v", err)
			}
			w.clock.pass(30 * time.Second)
			w.signIn(d, "ada")
		})
	}
}

func TestLocksDoubleUpToAQuarterOfAnHour(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	for range accountLimit {
		w.refused(w.guess(d, "ada", "192.0.2.1"))
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 15, 15, 15} {
		if wait := w.locked(w.guess(d, "ada", "192.0.2.2")); wait != want*time.Minute {
			t.Errorf("lock %d lasts %v; want %v", i+1, wait, want*time.Minute)
		}
		w.clock.pass(want * time.Minute)
		w.refused(w.guess(d, "ada", fmt.Sprintf("192.0.2.%d", 10+i)))
	}
	// Fifteen quiet minutes after the lock everything is forgotten.
	w.clock.pass(longestLock + failureWindow)
	for range accountLimit {
		w.refused(w.guess(d, "ada", "192.0.2.3"))
	}
	if wait := w.locked(w.guess(d, "ada", "192.0.2.2")); wait != time.Minute {
		t.Errorf("after a quiet time the lock lasts %v; want a minute", wait)
	}
}

func TestFailuresAreForgottenAfterAQuarterOfAnHour(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	for range 3 * accountLimit { // one every four minutes: never five within fifteen
		w.refused(w.guess(d, "ada", "192.0.2.1"))
		w.clock.pass(4 * time.Minute)
	}
}

func TestASuccessForgetsTheAccountsFailures(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	for range 3 {
		for range accountLimit - 1 {
			w.refused(w.guess(d, "ada", "192.0.2.1"))
		}
		w.signIn(d, "ada")
	}
}

func TestTwentyFailuresLockAnAddress(t *testing.T) {
	for _, c := range []struct{ name, first, same, other string }{
		{"IPv4", "192.0.2.1", "192.0.2.1", "192.0.2.2"},
		{"IPv4 in IPv6", "192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"},
		{"IPv6 by network", "2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8:0:1::1"},
		{"no address", "", "", "192.0.2.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			d := w.replica()
			w.add(d, "ada", Viewer)
			for i := range addressLimit {
				w.refused(w.guess(d, fmt.Sprintf("name-%d", i), c.first))
			}
			if wait := w.locked(w.guess(d, "ada", c.same)); wait != failureWindow {
				t.Errorf("the wait is %v; want %v", wait, failureWindow)
			}
			w.refused(w.guess(d, "ada", c.other))
			w.clock.pass(failureWindow)
			w.refused(w.guess(d, "ada", c.same))
		})
	}
}

func TestASuccessDoesNotClearTheAddress(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "mallory", Viewer)
	for i := range addressLimit {
		w.refused(w.guess(d, fmt.Sprintf("name-%d", i), here.Address))
		if i == addressLimit-1 {
			break
		}
		w.signIn(d, "mallory")
	}
	w.locked(w.guess(d, "another", here.Address))
}

func TestAThousandGuessesAtOnceAreFive(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	var mu sync.Mutex
	var refused, locked int
	var group sync.WaitGroup
	for i := range 1000 {
		group.Go(func() {
			_, _, err := d.SignIn(t.Context(), "ada", "wrong", Origin{Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250)})
			mu.Lock()
			defer mu.Unlock()
			if _, ok := errors.AsType[*TooManyError](err); ok {
				locked++
			} else if errors.Is(err, ErrRefused) {
				refused++
			}
		})
	}
	group.Wait()
	if refused != accountLimit || locked != 1000-accountLimit {
		t.Errorf("%d guesses were looked at and %d refused; want %d and %d", refused, locked, accountLimit, 1000-accountLimit)
	}
}

func TestWhileAttemptsAreLookedAtTheWaitIsShort(t *testing.T) {
	c := newClock()
	th := newThrottle(c.now)
	var tries []*attempt
	for range accountLimit {
		a, err := th.begin("ada", "", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		tries = append(tries, a)
	}
	_, err := th.begin("ada", "", "192.0.2.1")
	if many, ok := errors.AsType[*TooManyError](err); !ok || many.RetryAfter != time.Second {
		t.Errorf("the sixth at once gets %v; want to wait a second", err)
	}
	tries[1].undo()
	if a, err := th.begin("ada", "", "192.0.2.1"); err != nil {
		t.Errorf("after one was undone: %v", err)
	} else {
		a.undo()
	}
	for _, i := range []int{0, 2, 3, 4} {
		tries[i].fail()
	}
	a, err := th.begin("ada", "", "192.0.2.1")
	if err != nil {
		t.Fatalf("after four failures: %v", err)
	}
	a.fail()
	if _, err := th.begin("ada", "", "192.0.2.1"); err == nil {
		t.Error("after five failures a sixth attempt begins")
	}
}

func TestUndoingGivesBackEachLock(t *testing.T) {
	c := newClock()
	th := newThrottle(c.now)
	try := func() *attempt {
		t.Helper()
		a, err := th.begin("ada", "", "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for range accountLimit {
		try().fail()
	}
	c.pass(firstLock)
	for range 5 {
		try().undo() // as often as one likes: nobody looked
	}
	try().fail()
	_, err := th.begin("ada", "", "192.0.2.1")
	if many, ok := errors.AsType[*TooManyError](err); !ok || many.RetryAfter != 2*time.Minute {
		t.Errorf("got %v; want the second lock", err)
	}
}

func TestThrottleMemoryIsBounded(t *testing.T) {
	c := newClock()
	th := newThrottle(c.now)
	fail := func(name, address string) error {
		a, err := th.begin(name, "", address)
		if err == nil {
			a.fail()
		}
		return err
	}
	for range accountLimit {
		if err := fail("victim", "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := fail("watched", "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	pending, err := th.begin("slow", "", "192.0.2.5")
	if err != nil {
		t.Fatal(err)
	}
	c.pass(time.Second)
	for i := range 3 * throttleMemory {
		if err := fail(fmt.Sprintf("name-%d", i), fmt.Sprintf("2001:db8:%x::1", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(th.accounts.of); n > throttleMemory {
		t.Errorf("%d accounts are remembered; want at most %d", n, throttleMemory)
	}
	if n := len(th.addresses.of); n > throttleMemory {
		t.Errorf("%d addresses are remembered; want at most %d", n, throttleMemory)
	}
	if th.accounts.of[pending.accountKey] != pending.account.of {
		t.Error("a flood of names made an attempt forgotten that is being looked at")
	}
	pending.undo()
	if _, err := th.begin("victim", "", "192.0.2.2"); err == nil {
		t.Error("a flood of names cleared the victim's lock")
	}
	for range 2 {
		if err := fail("watched", "192.0.2.3"); err != nil {
			t.Fatal(err)
		}
	}
	if err := fail("watched", "192.0.2.3"); err == nil {
		t.Error("a flood of names made three failures of an account forgotten")
	}
	c.pass(failureWindow + time.Minute)
	if err := fail("name-0", "192.0.2.1"); err != nil {
		t.Error(err)
	}
}

func TestOldPasswordsAndCodesCountAsWell(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	for range accountLimit {
		_, err := d.ChangePassword(t.Context(), "ada", "wrong", "a new long password", here)
		w.refused(err)
	}
	_, err := d.ChangePassword(t.Context(), "ada", passwordOf("ada"), "a new long password", here)
	w.locked(err)
	w.locked(w.guess(d, "ada", "192.0.2.200"))
	for range addressLimit {
		_, _, err := d.SignInOnce(t.Context(), newSecret(), Origin{Address: "192.0.2.8"})
		w.refused(err)
	}
	_, _, err = d.SignInOnce(t.Context(), newSecret(), Origin{Address: "192.0.2.8"})
	w.locked(err)
}

func TestANewPasswordForgetsFailuresOnEveryReplica(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(), w.replica()
	w.add(one, "ada", Viewer)
	w.refresh(two)
	for _, d := range []*Directory{one, two} {
		for range accountLimit {
			w.refused(w.guess(d, "ada", here.Address))
		}
		w.locked(w.guess(d, "ada", here.Address))
	}
	password, err := one.ResetPassword(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	w.refresh(two)
	for _, d := range []*Directory{one, two} {
		if _, _, err := d.SignIn(t.Context(), "ada", password, here); err != nil {
			t.Errorf("signing in after the reset: %v", err)
		}
	}
}

// Strangers who guess lock an account for other strangers, and not for the browsers that belong there; a known browser
// has no more guesses than anybody.
func TestAKnownBrowserIsNotLockedOutByStrangers(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	stranger, home := Origin{Address: "192.0.2.1"}, Origin{Address: "192.0.2.2", Browser: "hers"}
	var tooMany *TooManyError
	for range accountLimit {
		_, _, err := d.SignIn(t.Context(), "ada", "wrong", stranger)
		w.refused(err)
	}
	if _, _, err := d.SignIn(t.Context(), "ada", passwordOf("ada"), stranger); !errors.As(err, &tooMany) {
		t.Errorf("a stranger after %d failures: %v", accountLimit, err)
	}
	if _, _, err := d.SignIn(t.Context(), "ada", passwordOf("ada"), home); err != nil {
		t.Errorf("her own browser: %v", err)
	}
	if _, _, err := d.SignIn(t.Context(), "ada", passwordOf("ada"), stranger); !errors.As(err, &tooMany) {
		t.Errorf("her sign-in forgives the stranger's failures: %v", err)
	}
	for range accountLimit {
		_, _, err := d.SignIn(t.Context(), "ada", "wrong", home)
		w.refused(err)
	}
	if _, _, err := d.SignIn(t.Context(), "ada", passwordOf("ada"), home); !errors.As(err, &tooMany) {
		t.Errorf("a known browser after %d failures: %v", accountLimit, err)
	}
}

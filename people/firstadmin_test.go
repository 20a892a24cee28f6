package people

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iotcenter/ledger"
)

func TestTheFirstAdminIsMadeOnce(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	made, err := d.EnsureAdmin(t.Context(), "")
	if err != nil || !made.Made || made.Name != "admin" || made.Password == "" || made.Code == "" {
		t.Fatalf("got %+v, %v", made, err)
	}
	token, a, err := d.SignIn(t.Context(), "admin", made.Password, here)
	if err != nil {
		t.Fatal(err)
	}
	if a.Role != Admin || !a.Password || !a.Generated || a.MustChange || !a.PasswordAt.Equal(w.clock.now()) {
		t.Errorf("the account is %+v", a)
	}
	w.holds(d, token, "admin")
	for _, given := range []string{"", "another password"} {
		again, err := d.EnsureAdmin(t.Context(), given)
		if err != nil || again != (FirstAdmin{}) {
			t.Errorf("the second time gives %+v, %v", again, err)
		}
	}
	if other, err := w.replica().EnsureAdmin(t.Context(), ""); err != nil || other.Made {
		t.Errorf("on another replica it gives %+v, %v", other, err)
	}
	if _, _, err := d.SignIn(t.Context(), "admin", made.Password, here); err != nil {
		t.Errorf("the password does not work any more: %v", err)
	}
}

func TestAGivenPasswordNeedsNoChange(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	made, err := d.EnsureAdmin(t.Context(), "given ok")
	if err != nil || made != (FirstAdmin{Made: true, Name: "admin"}) {
		t.Fatalf("got %+v, %v", made, err)
	}
	_, a, err := d.SignIn(t.Context(), "admin", "given ok", here)
	if err != nil || a.MustChange || a.Generated {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestAGivenPasswordMayBeTooWeak(t *testing.T) {
	for _, given := range []string{"1234567", "with\nbreak", "\xff\xff\xff\xff\xff\xff\xff\xff", strings.Repeat("x", 257)} {
		w := newWorld(t)
		d := w.replica()
		_, err := d.EnsureAdmin(t.Context(), given)
		invalid(t, err, "password")
		if len(d.Accounts()) != 0 {
			t.Errorf("%q made an account", given)
		}
	}
}

func TestNoAdminIsMadeBeforeTheLedgerIsLoaded(t *testing.T) {
	l := ledger.New(ledger.Options{Store: &fakeLedger{}, Poll: time.Second})
	d, err := newDirectory(Options{Ledger: l, Secret: []byte("secret")}, cheap)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.EnsureAdmin(t.Context(), ""); !errors.Is(err, ledger.ErrNotLoaded) {
		t.Errorf("got %v; want ErrNotLoaded", err)
	}
	if err := d.Ready(); !errors.Is(err, ledger.ErrNotLoaded) {
		t.Errorf("Ready gives %v; want ErrNotLoaded", err)
	}
}

func TestAnErrorOfTheStoreMakesNoAdmin(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.store.fail(errDown)
	if made, err := d.EnsureAdmin(t.Context(), ""); !errors.Is(err, errDown) || made != (FirstAdmin{}) {
		t.Errorf("got %+v, %v", made, err)
	}
}

// Requests take a random time before and after they have their effect, in the fake time of synctest, so that every
// order of the steps of the replicas comes about.
func TestOneOfManyReplicasMakesTheFirstAdmin(t *testing.T) {
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			var mu sync.Mutex // guards random
			upTo := func(d time.Duration) time.Duration {
				mu.Lock()
				defer mu.Unlock()
				if d < time.Second && random.IntN(20) == 0 {
					d = 2 * time.Second // a slow one
				}
				return time.Duration(random.Int64N(int64(d)))
			}
			store := &fakeLedger{delay: func() { time.Sleep(upTo(20 * time.Millisecond)) }}
			type result struct {
				FirstAdmin
				err error
			}
			replicas := make([]*Directory, 2+seed%3)
			results := make(chan result)
			for i := range replicas {
				skew := upTo(20 * time.Second)
				now := func() time.Time { return time.Now().Add(skew) }
				l := ledger.New(ledger.Options{Store: store, Clock: now, Poll: time.Second})
				d, err := newDirectory(Options{Ledger: l, Secret: []byte("secret"), Clock: now}, cheap)
				if err != nil {
					t.Fatal(err)
				}
				replicas[i] = d
				go func() {
					if err := l.Refresh(t.Context()); err != nil {
						results <- result{err: err}
						return
					}
					made, err := d.EnsureAdmin(t.Context(), "")
					results <- result{made, err}
				}()
			}
			var winner FirstAdmin
			for range replicas {
				r := <-results
				switch {
				case r.err != nil:
					t.Fatalf("seed %d: %v", seed, r.err)
				case r.Made && winner.Made:
					t.Fatalf("seed %d: two replicas report that they made it", seed)
				case r.Made:
					winner = r.FirstAdmin
				case r.FirstAdmin != (FirstAdmin{}):
					t.Fatalf("seed %d: a replica that made nothing gives %+v", seed, r.FirstAdmin)
				}
			}
			if !winner.Made {
				t.Fatalf("seed %d: nobody made it", seed)
			}
			for _, d := range replicas {
				if err := d.Ledger.Refresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, _, err := d.SignIn(t.Context(), "admin", winner.Password, here); err != nil {
					t.Errorf("seed %d: the winner's password gives %v", seed, err)
				}
			}
		})
	}
}

func TestAReplicaThatStoppedHalfwayDelaysOthersByAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fakeLedger{}
		l := ledger.New(ledger.Options{Store: store, Poll: time.Second})
		d, err := newDirectory(Options{Ledger: l, Secret: []byte("secret")}, cheap)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		store.entries = []ledger.Entry{{Kind: kindClaim, ID: "of one that stopped", Stamp: start, Until: start.Add(claimLife), Body: []byte("{}")}}
		if err := l.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		made, err := d.EnsureAdmin(t.Context(), "")
		if err != nil || !made.Made {
			t.Fatalf("got %+v, %v", made, err)
		}
		if took := time.Since(start); took < claimLife || took > claimLife+time.Second {
			t.Errorf("it took %v; want a minute", took)
		}
	})
}

func TestAOneTimeLinkWorksOnce(t *testing.T) {
	w := newWorld(t)
	one := w.replica()
	made, err := one.EnsureAdmin(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	two := w.replica()
	token, a, err := two.SignInOnce(t.Context(), made.Code, here)
	if err != nil || a.Name != "admin" || a.Role != Admin {
		t.Fatalf("got %+v, %v", a, err)
	}
	w.holds(two, token, "admin")
	w.holds(one, token, "admin")
	for _, d := range []*Directory{one, two} {
		_, _, err := d.SignInOnce(t.Context(), made.Code, here)
		w.refused(err)
	}
	if _, _, err := one.SignIn(t.Context(), "admin", made.Password, here); err != nil {
		t.Errorf("the password does not work after the link: %v", err)
	}
}

func TestAOneTimeLinkWorksForAnHour(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		works bool
	}{{time.Hour - time.Second, true}, {time.Hour, false}} {
		w := newWorld(t)
		d := w.replica()
		made, err := d.EnsureAdmin(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		w.clock.pass(c.after)
		_, _, err = d.SignInOnce(t.Context(), made.Code, here)
		if (err == nil) != c.works || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("after %v it gives %v", c.after, err)
		}
	}
}

func TestOfManyAtOnceOneUsesTheLink(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	made, err := d.EnsureAdmin(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	const many = 10
	errs := make(chan error, many)
	for range many {
		go func() {
			_, _, err := d.SignInOnce(t.Context(), made.Code, here)
			errs <- err
		}()
	}
	worked := 0
	for range many {
		if err := <-errs; err == nil {
			worked++
		} else {
			w.refused(err)
		}
	}
	if worked != 1 || len(d.Sessions("admin")) != 1 {
		t.Errorf("the link worked %d times; there are %d sessions", worked, len(d.Sessions("admin")))
	}
}

func TestANewPasswordEndsTheOneTimeLink(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	made, err := d.EnsureAdmin(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ResetPassword(t.Context(), "admin"); err != nil {
		t.Fatal(err)
	}
	_, _, err = d.SignInOnce(t.Context(), made.Code, here)
	w.refused(err)
}

package people

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"iotcenter/ledger"
)

func TestASessionIsNewAtEverySignIn(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Operator)
	first, second := w.signIn(d, "ada"), w.signIn(d, "ada")
	if first == second {
		t.Fatal("two sign-ins give one token")
	}
	w.holds(d, first, "ada")
	w.holds(d, second, "ada")
	s, a, err := d.Session(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	want := Session{
		Ref: s.Ref, Account: "ada", CreatedAt: w.clock.now(), ExpiresAt: w.clock.now().Add(SessionLife),
		Address: here.Address, Agent: here.Agent,
	}
	if s != want || s.Ref == "" || s.Ref == first {
		t.Errorf("the session is %+v; want %+v", s, want)
	}
	if a.Role != Operator || !a.LastSession.Equal(w.clock.now()) {
		t.Errorf("the account is %+v", a)
	}
}

func TestASessionEndsAfterAWeek(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	token := w.signIn(d, "ada")
	w.clock.pass(SessionLife - time.Second)
	w.holds(d, token, "ada")
	w.clock.pass(time.Second)
	w.ended(d, token)
	if n := len(d.Sessions("ada")); n != 0 {
		t.Errorf("%d sessions are listed", n)
	}
}

func TestASignInIsKnownOnTheOtherReplica(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(), w.replica()
	w.add(one, "ada", Viewer)
	w.holds(two, w.signIn(one, "ada"), "ada")
}

func TestAnAccountMadeElsewhereCanSignInAtOnce(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(), w.replica()
	w.add(one, "ada", Viewer)
	w.signIn(two, "ada")
}

func TestSignOutIsSeenOnTheOtherReplica(t *testing.T) {
	w := newWorld(t)
	one := w.replica()
	w.add(one, "ada", Viewer)
	token, other := w.signIn(one, "ada"), w.signIn(one, "ada")
	two := w.replica()
	w.holds(two, token, "ada")
	if err := one.SignOut(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	w.ended(one, token)
	w.refresh(two) // as every replica does each second or two
	w.ended(two, token)
	w.holds(two, other, "ada")
	if err := two.SignOut(t.Context(), token); err != nil {
		t.Errorf("signing out twice gives %v", err)
	}
	for _, junk := range []string{"", "junk", newSecret()} {
		if err := two.SignOut(t.Context(), junk); err != nil {
			t.Errorf("signing out %q gives %v", junk, err)
		}
	}
}

func TestASessionOfElsewhereCanBeSignedOutHere(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(), w.replica()
	w.add(one, "ada", Viewer)
	w.ended(two, newSecret()) // for the next moments it asks no more on behalf of strangers
	token := w.signIn(one, "ada")
	if err := two.SignOut(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	w.refresh(one)
	w.ended(one, token)
}

func TestPasswordChangeEndsAllSessions(t *testing.T) {
	const next = "the next long password"
	for _, c := range []struct {
		name   string
		change func(*testing.T, *Directory) (kept, password string)
	}{
		{"ChangePassword", func(t *testing.T, d *Directory) (string, string) {
			token, err := d.ChangePassword(t.Context(), "Ada", passwordOf("ada"), next, here)
			if err != nil {
				t.Fatal(err)
			}
			return token, next
		}},
		{"SetPassword", func(t *testing.T, d *Directory) (string, string) {
			password, err := d.SetPassword(t.Context(), "Ada")
			if err != nil {
				t.Fatal(err)
			}
			return "", password
		}},
		{"ResetPassword", func(t *testing.T, d *Directory) (string, string) {
			password, err := d.ResetPassword(t.Context(), "Ada")
			if err != nil {
				t.Fatal(err)
			}
			return "", password
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			one := w.replica()
			w.add(one, "ada", Viewer)
			w.add(one, "bob", Viewer)
			tokens := []string{w.signIn(one, "ada"), w.signIn(one, "ada")}
			bobs := w.signIn(one, "bob")
			two := w.replica()
			// The clock of the replica that changes the password may be behind: nothing depends on it.
			w.clock.pass(-10 * time.Second)
			kept, password := c.change(t, one)
			w.refresh(two)
			for _, d := range []*Directory{one, two} {
				for _, token := range tokens {
					w.ended(d, token)
				}
				w.holds(d, bobs, "bob")
				if kept != "" {
					w.holds(d, kept, "ada")
				}
				_, _, err := d.SignIn(t.Context(), "ada", passwordOf("ada"), here)
				w.refused(err)
				token, a, err := d.SignIn(t.Context(), "ada", password, here)
				if err != nil {
					t.Fatal(err)
				}
				w.holds(d, token, "ada")
				if a.MustChange != (c.name == "SetPassword") {
					t.Errorf("MustChange is %v", a.MustChange)
				}
			}
			for _, s := range one.Sessions("ada") {
				if s.CreatedAt.After(w.clock.now()) {
					t.Errorf("an ended session is listed: %+v", s)
				}
			}
		})
	}
}

func TestSignInTidiesUpEndedSessions(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	for range 3 {
		w.signIn(d, "ada")
	}
	const next = "the next long password"
	if _, err := d.ChangePassword(t.Context(), "ada", passwordOf("ada"), next, here); err != nil {
		t.Fatal(err)
	}
	if n := len(d.Ledger.All(kindSession)); n != 1 {
		t.Errorf("%d sessions are kept; want the one that holds", n)
	}
}

// What one replica does with what it read too long ago gives no power that another one took away.
func TestAnOldPasswordOnAReplicaThatIsBehind(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(w *world, behind *Directory)
	}{
		{"SignIn", func(w *world, behind *Directory) {
			_, _, err := behind.SignIn(w.Context(), "ada", passwordOf("ada"), here)
			w.refused(err)
		}},
		{"ChangePassword", func(w *world, behind *Directory) {
			_, err := behind.ChangePassword(w.Context(), "ada", passwordOf("ada"), "the next long password", here)
			w.refused(err)
		}},
		{"rehash", func(w *world, behind *Directory) {
			behind.hasher = newHasher(cost{memory: 32, passes: 2, threads: 1})
			_, _, err := behind.SignIn(w.Context(), "ada", passwordOf("ada"), here)
			w.refused(err)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			one := w.replica()
			w.add(one, "ada", Viewer)
			behind := w.replica()
			password, err := one.SetPassword(t.Context(), "ada")
			if err != nil {
				t.Fatal(err)
			}
			c.do(w, behind)
			w.refresh(one)
			w.refresh(behind)
			for _, d := range []*Directory{one, behind} {
				if _, a, err := d.SignIn(t.Context(), "ada", password, here); err != nil || !a.MustChange {
					t.Errorf("the new password gives %+v, %v", a, err)
				}
			}
		})
	}
}

func TestAnEndedSessionIsSeenOnTheOtherReplica(t *testing.T) {
	w := newWorld(t)
	one := w.replica()
	w.add(one, "ada", Viewer)
	w.add(one, "bob", Viewer)
	first := w.signIn(one, "ada")
	w.clock.pass(time.Minute)
	second := w.signIn(one, "ada")
	two := w.replica()
	list := two.Sessions("ADA")
	if len(list) != 2 || !list[0].CreatedAt.After(list[1].CreatedAt) {
		t.Fatalf("the sessions are %+v; want two, newest first", list)
	}
	if err := two.EndSession(t.Context(), "bob", list[1].Ref); !errors.Is(err, ErrNotFound) {
		t.Errorf("ending somebody else's session gives %v; want ErrNotFound", err)
	}
	w.holds(two, first, "ada")
	if err := two.EndSession(t.Context(), "ada", list[1].Ref); err != nil {
		t.Fatal(err)
	}
	w.refresh(one)
	for _, d := range []*Directory{one, two} {
		w.ended(d, first)
		w.holds(d, second, "ada")
	}
	if err := two.EndSession(t.Context(), "ada", list[1].Ref); !errors.Is(err, ErrNotFound) {
		t.Errorf("ending it twice gives %v; want ErrNotFound", err)
	}
	_, _, err := two.Session(t.Context(), list[0].Ref)
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("what lists show signs in: %v", err)
	}
}

func TestTheFiftyFirstSessionEndsTheOldest(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	var tokens []string
	for range maxSessions + 2 {
		w.clock.pass(time.Second)
		tokens = append(tokens, w.signIn(d, "ada"))
	}
	w.ended(d, tokens[0])
	w.ended(d, tokens[1])
	w.holds(d, tokens[2], "ada")
	if n := len(d.Sessions("ada")); n != maxSessions {
		t.Errorf("there are %d sessions; want %d", n, maxSessions)
	}
}

func TestSessionsOfARemovedAccountEnd(t *testing.T) {
	w := newWorld(t)
	one := w.replica()
	w.add(one, "ada", Viewer)
	token := w.signIn(one, "ada")
	two := w.replica()
	if err := one.RemoveAccount(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	w.refresh(two)
	w.ended(one, token)
	w.ended(two, token)
	// Neither do they come to life with a new account of that name.
	w.clock.pass(time.Second)
	w.add(one, "ada", Admin)
	w.ended(one, token)
	if a, err := one.Account("ada"); err != nil || !a.LastSession.IsZero() || len(one.Sessions("ada")) != 0 {
		t.Errorf("the new account has the old one's past: %+v, %v", a, err)
	}
}

func TestGuessedTokensCostTheDatabaseLittle(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.clock.pass(time.Hour)
	before := w.store.readCount()
	for _, malformed := range []string{"", "x", strings.Repeat("x", 1<<16), newSecret() + "x", "iotc_" + newSecret()} {
		w.ended(d, malformed)
	}
	if n := w.store.readCount() - before; n != 0 {
		t.Errorf("malformed tokens cost %d reads", n)
	}
	synctest.Test(t, func(t *testing.T) {
		d.Ledger.Pause = 250 * time.Millisecond
		var guesses sync.WaitGroup
		for range 100 {
			guesses.Go(func() {
				if _, _, err := d.Session(t.Context(), newSecret()); !errors.Is(err, ErrNotFound) {
					t.Errorf("a guessed session gives %v", err)
				}
			})
			guesses.Go(func() {
				if _, err := d.Key(t.Context(), "iotc_"+newSecret()); !errors.Is(err, ErrNotFound) {
					t.Errorf("a guessed key gives %v", err)
				}
			})
		}
		guesses.Wait()
	})
	if n := w.store.readCount() - before; n > 2 {
		t.Errorf("two hundred guesses at one instant cost %d reads; want two at most", n)
	}
}

func TestAStrangerLearnsOfAFailingStore(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	token := w.signIn(d, "ada")
	w.clock.pass(time.Minute)
	w.store.fail(errDown)
	w.holds(d, token, "ada") // what is known stays known
	if _, _, err := d.Session(t.Context(), newSecret()); !errors.Is(err, errDown) {
		t.Errorf("got %v; want the store's error", err)
	}
	w.clock.pass(time.Minute)
	for range 2 * accountLimit { // neither counts it as a failure
		_, _, err := d.SignIn(t.Context(), "ada", passwordOf("ada"), here)
		if !errors.Is(err, errDown) {
			t.Fatalf("got %v; want the store's error", err)
		}
	}
	w.store.fail(nil)
	w.signIn(d, "ada")
}

func TestWhatABrowserCallsItselfIsCut(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	from := Origin{Address: strings.Repeat("9", 500), Agent: strings.Repeat("ä\xff", 10_000)}
	if _, _, err := d.SignIn(t.Context(), "ada", passwordOf("ada"), from); err != nil {
		t.Fatal(err)
	}
	s := d.Sessions("ada")[0]
	if len(s.Address) > maxAddress || len(s.Agent) > maxAgent || !utf8.ValidString(s.Agent) {
		t.Errorf("kept are %d and %d bytes", len(s.Address), len(s.Agent))
	}
}

func TestADamagedSessionDoesNotHold(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	token := newSecret()
	for i, body := range []string{"", "{", `[]`, `{"account":"ada"}`, `{"account":"","term":""}`} {
		w.clock.pass(time.Second)
		err := d.Ledger.Put(t.Context(), ledger.Entry{
			Kind: kindSession, ID: d.hashes.session.of(token), Until: w.clock.now().Add(time.Hour), Body: []byte(body),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprint(i), func(*testing.T) { w.ended(d, token) })
	}
}

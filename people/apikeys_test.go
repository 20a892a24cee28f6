package people

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iotcenter/ledger"
)

func (w *world) makeKey(d *Directory, level Level, expires time.Time) (APIKey, string) {
	w.Helper()
	k, secret, err := d.MakeKey(w.Context(), "ada", "a key", level, expires)
	if err != nil {
		w.Fatal(err)
	}
	return k, secret
}

// noKey asserts that a secret is refused.
func (w *world) noKey(d *Directory, secret string) {
	w.Helper()
	if k, err := d.Key(w.Context(), secret); !errors.Is(err, ErrNotFound) {
		w.Fatalf("the key gives %+v, %v; want ErrNotFound", k, err)
	}
}

func TestKeyLevelsAreKept(t *testing.T) {
	for level := Overview; level <= Administer; level++ {
		t.Run(level.String(), func(t *testing.T) {
			w := newWorld(t)
			one := w.replica()
			made, secret := w.makeKey(one, level, time.Time{})
			want := APIKey{ID: made.ID, Name: "a key", Level: level, Hint: secret[len(secret)-4:], CreatedAt: w.clock.now(), CreatedBy: "ada"}
			if made != want || made.ID == "" || !strings.HasPrefix(secret, "iotc_") || len(secret) != 48 {
				t.Errorf("made is %+v with %d characters; want %+v", made, len(secret), want)
			}
			for _, d := range []*Directory{one, w.replica()} {
				k, err := d.Key(t.Context(), secret)
				want.LastUse = w.clock.now()
				if k != want || err != nil {
					t.Errorf("the key is %+v, %v; want %+v", k, err, want)
				}
			}
		})
	}
}

func TestAKeyOfElsewhereIsKnownAtOnce(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(), w.replica()
	_, secret := w.makeKey(one, Overview, time.Time{})
	if _, err := two.Key(t.Context(), secret); err != nil {
		t.Error(err)
	}
}

func TestWhatAKeyNeeds(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	now := w.clock.now()
	for what, c := range map[string]struct {
		name    string
		level   Level
		expires time.Time
		field   string
	}{
		"no name":               {" ", Overview, time.Time{}, "name"},
		"a long name":           {strings.Repeat("ä", 65), Overview, time.Time{}, "name"},
		"a control character":   {"a\x1bb", Overview, time.Time{}, "name"},
		"a line break":          {"a\nb", Overview, time.Time{}, "name"},
		"a hidden character":    {"a\u202eb", Overview, time.Time{}, "name"},
		"not text":              {"a\xff", Overview, time.Time{}, "name"},
		"no level":              {"a", NoLevel, time.Time{}, "level"},
		"an unknown level":      {"a", Administer + 1, time.Time{}, "level"},
		"an end that is now":    {"a", Overview, now, "expires"},
		"an end that was":       {"a", Overview, now.Add(-time.Hour), "expires"},
		"an end far in the sky": {"a", Overview, now.AddDate(10, 0, 1), "expires"},
	} {
		t.Run(what, func(t *testing.T) {
			k, secret, err := d.MakeKey(t.Context(), "ada", c.name, c.level, c.expires)
			invalid(t, err, c.field)
			if secret != "" || k != (APIKey{}) {
				t.Errorf("got %+v", k)
			}
		})
	}
	if n := len(d.Keys()); n != 0 {
		t.Errorf("there are %d keys", n)
	}
	k, _, err := d.MakeKey(t.Context(), "ada", strings.Repeat("ä", 64), Overview, now.AddDate(10, 0, 0))
	if err != nil || !k.ExpiresAt.Equal(now.AddDate(10, 0, 0)) {
		t.Errorf("got %+v, %v", k, err)
	}
}

func TestAKeyAtItsEndIsListedAndRefused(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	k, secret := w.makeKey(d, Technical, w.clock.now().AddDate(1, 0, 0))
	w.clock.pass(k.ExpiresAt.Sub(w.clock.now()) - time.Second)
	if _, err := d.Key(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(time.Second)
	w.noKey(d, secret)
	w.refresh(d)
	if list := d.Keys(); len(list) != 1 || list[0].ID != k.ID || !list[0].ExpiresAt.Equal(k.ExpiresAt) {
		t.Errorf("the keys are %+v", list)
	}
	if err := d.RevokeKey(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	if list := d.Keys(); len(list) != 0 {
		t.Errorf("the keys are %+v", list)
	}
}

func TestARevokedKeyIsRefusedOnBothReplicas(t *testing.T) {
	w := newWorld(t)
	one := w.replica()
	first, secret := w.makeKey(one, Administer, time.Time{})
	w.clock.pass(time.Second)
	second, other := w.makeKey(one, Administer, time.Time{})
	two := w.replica()
	if list := two.Keys(); len(list) != 2 || list[0].ID != second.ID {
		t.Fatalf("the keys are %+v; want two, newest first", list)
	}
	if err := one.RevokeKey(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	w.noKey(one, secret)
	w.refresh(two)
	w.noKey(two, secret)
	for _, d := range []*Directory{one, two} {
		if _, err := d.Key(t.Context(), other); err != nil {
			t.Error(err)
		}
		for _, id := range []string{first.ID, "", "junk", EnvironmentKey} {
			if err := d.RevokeKey(t.Context(), id); !errors.Is(err, ErrNotFound) {
				t.Errorf("revoking %q gives %v; want ErrNotFound", id, err)
			}
		}
	}
}

func TestThereAreAtMostFiveHundredKeys(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	for range maxKeys {
		w.makeKey(d, Overview, time.Time{})
	}
	_, _, err := d.MakeKey(t.Context(), "ada", "one more", Overview, time.Time{})
	invalid(t, err, "name")
	if err := d.RevokeKey(t.Context(), d.Keys()[0].ID); err != nil {
		t.Fatal(err)
	}
	w.makeKey(d, Overview, time.Time{})
}

func TestTheKeyOfTheEnvironment(t *testing.T) {
	const value = "some automation key of 32 or more"
	w := newWorld(t)
	with := w.replica(func(o *Options) { o.EnvKey = value })
	without := w.replica()
	k, err := with.Key(t.Context(), value)
	if err != nil || k.ID != EnvironmentKey || k.Name != EnvironmentKey || k.Level != Administer || k.Hint != "more" {
		t.Errorf("got %+v, %v", k, err)
	}
	w.noKey(without, value)
	w.noKey(without, "")
	w.noKey(with, "")
	w.noKey(with, value+"x")
	w.clock.pass(time.Second)
	w.makeKey(with, Overview, time.Time{})
	list := with.Keys()
	if len(list) != 2 || list[0].ID != EnvironmentKey || !list[0].LastUse.Equal(w.clock.now().Add(-time.Second)) {
		t.Errorf("the keys are %+v; want that of the environment first", list)
	}
	w.refresh(without)
	for _, k := range without.Keys() {
		if k.ID == EnvironmentKey {
			t.Error("it is listed where it is not set")
		}
	}
	if strings.Contains(w.store.all(), value) || strings.Contains(w.store.all(), with.envHash) {
		t.Error("it is stored")
	}
}

func TestKeyHoldsAsLongAsTheKey(t *testing.T) {
	w := newWorld(t)
	one := w.replica(func(o *Options) { o.EnvKey = "some automation key of 32 or more" })
	lasting, _ := w.makeKey(one, Overview, time.Time{})
	ending, _ := w.makeKey(one, Overview, w.clock.now().Add(time.Hour))
	two := w.replica()
	holds := func(what string, d *Directory, id string, want bool) {
		t.Helper()
		if got := d.KeyHolds(id); got != want {
			t.Errorf("%s: %v", what, got)
		}
	}
	for _, d := range []*Directory{one, two} {
		holds("a key", d, lasting.ID, true)
		holds("a key with an end", d, ending.ID, true)
		holds("none", d, "", false)
		holds("an unknown one", d, "junk", false)
	}
	holds("that of the environment", one, EnvironmentKey, true)
	holds("that of the environment, where it is not set", two, EnvironmentKey, false)
	if k := one.Keys(); !k[1].LastUse.IsZero() || !k[2].LastUse.IsZero() {
		t.Error("it counts as a use")
	}
	w.clock.pass(time.Hour)
	holds("at its end", one, ending.ID, false)
	holds("without an end", one, lasting.ID, true)
	if err := one.RevokeKey(t.Context(), lasting.ID); err != nil {
		t.Fatal(err)
	}
	holds("revoked", one, lasting.ID, false)
	w.refresh(two)
	holds("revoked elsewhere", two, lasting.ID, false)
	if err := one.Ledger.Put(t.Context(), ledger.Entry{Kind: kindKey, ID: ending.ID, Body: []byte("{")}); err != nil {
		t.Fatal(err)
	}
	holds("damaged", one, ending.ID, false)
}

func TestADamagedKeyIsRefused(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	for _, body := range []string{"{", `{"name":"x","level":"ROOT"}`, `{"name":"x"}`} {
		_, secret := w.makeKey(d, Overview, time.Time{})
		w.clock.pass(time.Second)
		err := d.Ledger.Put(t.Context(), ledger.Entry{Kind: kindKey, ID: d.hashes.key.of(secret), Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		w.noKey(d, secret)
	}
}

// living is a replica in the fake time of synctest, with its Run beside it; stop ends that and waits.
func living(t *testing.T, store *fakeLedger, uses *fakeUses) (d *Directory, stop func()) {
	t.Helper()
	l := ledger.New(ledger.Options{Store: store, Poll: time.Second})
	d, err := NewDirectory(Options{Ledger: l, Uses: uses, Secret: []byte("secret"), EnvKey: "the key of the environment"})
	if err != nil {
		t.Fatal(err)
	}
	d.hasher = newHasher(cheap)
	ended := make(chan error, 2)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- l.Run(ctx) }()
	go func() { ended <- d.Run(ctx) }()
	synctest.Wait()
	return d, func() {
		cancel()
		<-ended
		<-ended
	}
}

func TestLastUseIsWrittenOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, uses := &fakeLedger{}, &fakeUses{}
		one, stopOne := living(t, store, uses)
		two, stopTwo := living(t, store, uses)
		k, secret, err := one.MakeKey(t.Context(), "ada", "a key", Overview, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		use := func(secret string) {
			if _, err := one.Key(t.Context(), secret); err != nil {
				t.Error(err)
			}
		}
		for range 100 {
			use(secret)
			use(one.EnvKey)
		}
		used := time.Now()
		if at, puts := uses.get(useKey, k.ID); puts != 0 || !at.IsZero() {
			t.Errorf("there were %d writes at once; want none", puts)
		}
		if last := one.Keys()[1].LastUse; !last.Equal(used) {
			t.Errorf("where it was used, the last use is %v; want %v", last, used)
		}
		time.Sleep(useInterval)
		synctest.Wait()
		for _, id := range []string{k.ID, EnvironmentKey} {
			if at, puts := uses.get(useKey, id); puts != 1 || !at.Equal(used) {
				t.Errorf("%s: after a minute %d writes say %v; want 1 that says %v", id, puts, at, used)
			}
		}
		for range 5 { // without a use nothing is written
			time.Sleep(useInterval)
			synctest.Wait()
		}
		if _, puts := uses.get(useKey, k.ID); puts != 1 {
			t.Errorf("there were %d writes; want 1", puts)
		}
		for i, k := range two.Keys() {
			if !k.LastUse.Equal(used) {
				t.Errorf("on the other replica, key %d was last used at %v; want %v", i, k.LastUse, used)
			}
		}
		use(secret)
		last := time.Now()
		stopOne() // in the middle of a minute: what is left is written
		if at, puts := uses.get(useKey, k.ID); puts != 2 || !at.Equal(last) {
			t.Errorf("at the end %d writes say %v; want 2 that say %v", puts, at, last)
		}
		stopTwo()
		three, stopThree := living(t, store, uses)
		if got := three.Keys()[1].LastUse; !got.Equal(last) {
			t.Errorf("after a restart the last use is %v; want %v", got, last)
		}
		stopThree()
	})
}

func TestLastUsesAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, uses := &fakeLedger{}, &fakeUses{err: errDown}
		d, stop := living(t, store, uses)
		if _, err := d.Key(t.Context(), d.EnvKey); err != nil {
			t.Fatal(err)
		}
		used := time.Now()
		time.Sleep(useInterval)
		synctest.Wait()
		uses.mu.Lock()
		uses.err = nil
		uses.mu.Unlock()
		time.Sleep(useInterval)
		synctest.Wait()
		if at, _ := uses.get(useKey, EnvironmentKey); !at.Equal(used) {
			t.Errorf("the last use is %v; want %v", at, used)
		}
		stop()
	})
}

func TestTheNewestSignInIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, uses := &fakeLedger{}, &fakeUses{}
		d, stop := living(t, store, uses)
		made, err := d.EnsureAdmin(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if a, _ := d.Account("admin"); !a.LastSession.IsZero() {
			t.Errorf("before the first sign-in it is %v", a.LastSession)
		}
		token, _, err := d.SignIn(t.Context(), "admin", made.Password, here)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		if err := d.SignOut(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		stop()
		d, stop = living(t, store, uses)
		if a, _ := d.Account("admin"); !a.LastSession.Equal(at) {
			t.Errorf("after a restart the newest sign-in is %v; want %v", a.LastSession, at)
		}
		stop()
	})
}

package people

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"iotcenter/ledger"
)

func TestAccountsAreListedByName(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(), w.replica()
	w.add(one, "Grace", Viewer)
	w.add(one, "ada", Admin)
	w.refresh(two)
	for _, d := range []*Directory{one, two} {
		list := d.Accounts()
		if len(list) != 2 || list[0].Name != "ada" || list[1].Name != "grace" {
			t.Fatalf("the accounts are %+v", list)
		}
		want := Account{
			Name: "ada", Role: Admin, Password: true, MustChange: true, PasswordAt: w.clock.now(),
			CreatedAt: w.clock.now(), CreatedBy: "test",
		}
		if list[0] != want {
			t.Errorf("the account is %+v; want %+v", list[0], want)
		}
		if a, err := d.Account(" ADA "); a != want || err != nil {
			t.Errorf("asked for by name it is %+v, %v", a, err)
		}
	}
	for _, name := range []string{"", "nobody", "a b"} {
		if _, err := one.Account(name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q gives %v; want ErrNotFound", name, err)
		}
	}
}

func TestAGeneratedPasswordHasToBeChanged(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	generated, err := d.AddAccount(t.Context(), "test", "ada", Viewer, "", false)
	if err != nil || generated == "" {
		t.Fatalf("got %q, %v", generated, err)
	}
	_, a, err := d.SignIn(t.Context(), "ada", generated, here)
	if err != nil || !a.MustChange {
		t.Fatalf("got %+v, %v", a, err)
	}
	w.clock.pass(time.Minute)
	const next = "the next long password"
	if _, err := d.ChangePassword(t.Context(), "ada", generated, next, here); err != nil {
		t.Fatal(err)
	}
	_, a, err = d.SignIn(t.Context(), "ada", next, here)
	if err != nil || a.MustChange || !a.PasswordAt.Equal(w.clock.now()) {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestAnAccountWithoutPasswordCannotSignIn(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	if generated, err := d.AddAccount(t.Context(), "test", "ada", Viewer, "", true); generated != "" || err != nil {
		t.Fatalf("got %q, %v", generated, err)
	}
	a, err := d.Account("ada")
	if err != nil || a.Password || a.MustChange {
		t.Errorf("the account is %+v, %v", a, err)
	}
	for _, password := range []string{"", "anything at all"} {
		_, _, err := d.SignIn(t.Context(), "ada", password, here)
		w.refused(err)
	}
	_, err = d.ChangePassword(t.Context(), "ada", "", "the next long password", here)
	w.refused(err)
	if _, err := d.SetPassword(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if a, _ := d.Account("ada"); !a.Password || !a.MustChange {
		t.Errorf("the account is %+v", a)
	}
}

func TestWhatAnAccountNeeds(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(), w.replica()
	add := func(name string, role Role, password string, none bool) error {
		_, err := one.AddAccount(t.Context(), "test", name, role, password, none)
		return err
	}
	invalid(t, add("a b", Viewer, "", false), "username")
	invalid(t, add("ada", NoRole, "", false), "role")
	invalid(t, add("ada", Admin+1, "", false), "role")
	invalid(t, add("ada", Viewer, "short", false), "password")
	invalid(t, add("ada", Viewer, "given although none is wanted", true), "password")
	if n := len(one.Accounts()); n != 0 {
		t.Fatalf("there are %d accounts", n)
	}
	w.add(two, "ada", Viewer)
	if err := add("ADA", Viewer, "", false); !errors.Is(err, ErrExists) {
		t.Errorf("a name that another replica gave a moment ago gives %v; want ErrExists", err)
	}
	w.signIn(one, "ada")
}

func TestSignInRefusesAlike(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	for i, c := range []struct{ name, password string }{
		{"ada", "wrong"}, {"ada", ""}, {"ada", passwordOf("bob")}, {"ada", strings.ToUpper(passwordOf("ada"))},
		{"bob", passwordOf("bob")}, {"", ""}, {"a b", "x"}, {strings.Repeat("x", 1<<16), strings.Repeat("x", 1<<16)}, {"ada\x00", passwordOf("ada")},
	} {
		token, a, err := d.SignIn(t.Context(), c.name, c.password, Origin{Address: fmt.Sprint(i)})
		if !errors.Is(err, ErrRefused) || token != "" || a != (Account{}) {
			t.Errorf("case %d gives %q, %+v, %v", i, token, a, err)
		}
	}
	if _, a, err := d.SignIn(t.Context(), "ADA ", passwordOf("ada"), here); err != nil || a.Name != "ada" {
		t.Errorf("the name as people type it gives %+v, %v", a, err)
	}
}

func TestChangingAPassword(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada.lovelace", Viewer)
	change := func(name, old, new string) error {
		_, err := d.ChangePassword(t.Context(), name, old, new, here)
		return err
	}
	old := passwordOf("ada.lovelace")
	invalid(t, change("ada.lovelace", old, "short"), "password")
	invalid(t, change("ada.lovelace", old, "Ada.Lovelace"), "password")
	invalid(t, change("ada.lovelace", old, old), "password")
	w.refused(change("ada.lovelace", "wrong", "the next long password"))
	w.refused(change("nobody", old, "the next long password"))
	w.refused(change("a b", old, "the next long password"))
	w.signIn(d, "ada.lovelace")
}

func TestRolesHoldFromTheNextRequestOn(t *testing.T) {
	w := newWorld(t)
	one := w.replica()
	w.add(one, "ada", Admin)
	w.add(one, "bob", Operator)
	token := w.signIn(one, "bob")
	two := w.replica()
	if err := two.SetRole(t.Context(), "BOB", Viewer); err != nil {
		t.Fatal(err)
	}
	w.refresh(one)
	for _, d := range []*Directory{one, two} {
		if _, a, err := d.Session(t.Context(), token); err != nil || a.Role != Viewer {
			t.Errorf("the session gives %v, %v", a.Role, err)
		}
	}
	if err := one.SetRole(t.Context(), "nobody", Viewer); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v; want ErrNotFound", err)
	}
	invalid(t, one.SetRole(t.Context(), "bob", NoRole), "role")
}

func TestTheLastAdminStays(t *testing.T) {
	w := newWorld(t)
	one, two := w.replica(), w.replica()
	w.add(one, "ada", Admin)
	w.add(one, "bob", Operator)
	if _, err := one.AddAccount(t.Context(), "test", "proxied", Admin, "", true); err != nil {
		t.Fatal(err)
	}
	for _, role := range []Role{Viewer, Operator} {
		if err := one.SetRole(t.Context(), "ada", role); !errors.Is(err, ErrLastAdmin) {
			t.Errorf("making the last admin a %v gives %v; want ErrLastAdmin", role, err)
		}
	}
	if err := one.RemoveAccount(t.Context(), "ada"); !errors.Is(err, ErrLastAdmin) {
		t.Errorf("removing the last admin gives %v; want ErrLastAdmin", err)
	}
	if err := one.SetRole(t.Context(), "ada", Admin); err != nil {
		t.Errorf("leaving the last admin as is gives %v", err)
	}
	if err := two.SetRole(t.Context(), "bob", Admin); err != nil {
		t.Fatal(err)
	}
	if err := one.RemoveAccount(t.Context(), "ADA"); err != nil { // one reads what two did
		t.Errorf("with another admin, removing gives %v", err)
	}
	if err := two.SetRole(t.Context(), "bob", Viewer); !errors.Is(err, ErrLastAdmin) {
		t.Errorf("got %v; want ErrLastAdmin", err)
	}
	if err := one.RemoveAccount(t.Context(), "proxied"); err != nil {
		t.Errorf("removing an admin that signs in elsewhere gives %v", err)
	}
	for _, name := range []string{"ada", "a b"} {
		if err := one.RemoveAccount(t.Context(), name); !errors.Is(err, ErrNotFound) {
			t.Errorf("removing %q gives %v; want ErrNotFound", name, err)
		}
	}
}

func TestResetPasswordMakesAMissingAdmin(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	for name, role := range map[string]Role{"Root": Admin, "ada": Viewer} {
		password, err := d.ResetPassword(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		_, a, err := d.SignIn(t.Context(), name, password, here)
		if err != nil || a.Role != role || a.MustChange {
			t.Errorf("%s is %+v, %v", name, a, err)
		}
	}
	_, err := d.ResetPassword(t.Context(), "a b")
	invalid(t, err, "username")
}

func TestAPasswordIsHashedAnewAtSignIn(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	before, _ := d.account("ada")
	w.clock.pass(time.Minute)
	dearer := w.replica()
	dearer.hasher = newHasher(cost{memory: 32, passes: 2, threads: 1})
	session := w.signIn(dearer, "ada")
	after, _ := dearer.account("ada")
	if !strings.Contains(after.Password, "$m=32,t=2,p=1$") {
		t.Errorf("the hash is %s", after.Password)
	}
	before.Password = after.Password
	if before != after {
		t.Errorf("more has changed than the hash: %+v; before %+v", after, before)
	}
	w.holds(dearer, session, "ada")
	w.signIn(dearer, "ada")
	if again, _ := dearer.account("ada"); again != after {
		t.Error("it is hashed anew at every sign-in")
	}
}

func TestWhoWaitsTooLongIsNotCounted(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	w.add(d, "ada", Viewer)
	for len(d.hasher.slots) < cap(d.hasher.slots) {
		d.hasher.slots <- struct{}{}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * accountLimit {
		if _, _, err := d.SignIn(gone, "ada", "wrong", here); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v; want context.Canceled", err)
		}
	}
	d.hasher.waiting = maxWaiting
	for range 2 * accountLimit {
		if _, _, err := d.SignIn(t.Context(), "ada", "wrong", here); !errors.Is(err, ErrBusy) {
			t.Fatalf("got %v; want ErrBusy", err)
		}
	}
	d.hasher = newHasher(cheap)
	w.signIn(d, "ada")
}

func TestADamagedAccountKeepsItsName(t *testing.T) {
	w := newWorld(t)
	d := w.replica()
	for name, body := range map[string]string{"broken": "{", "hashless": `{"role":"admin","password":"secret123","term":"x"}`} {
		err := d.Ledger.Put(t.Context(), ledger.Entry{Kind: kindAccount, ID: name, Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = d.SignIn(t.Context(), name, "secret123", here)
		w.refused(err)
	}
	if made, err := d.EnsureAdmin(t.Context(), ""); made.Made || err != nil {
		t.Errorf("an admin is made although there are accounts: %+v, %v", made, err)
	}
	if _, err := d.AddAccount(t.Context(), "test", "broken", Viewer, "", false); !errors.Is(err, ErrExists) {
		t.Errorf("got %v; want ErrExists", err)
	}
	if _, err := d.ResetPassword(t.Context(), "broken"); err != nil {
		t.Errorf("resetting it gives %v", err)
	}
	if a, err := d.Account("broken"); err != nil || a.Role != Admin {
		t.Errorf("after a reset it is %+v, %v", a, err)
	}
}

// What lies in the database signs nobody in.
func TestNoSecretIsStored(t *testing.T) {
	w := newWorld(t)
	var log strings.Builder
	d := w.replica(logTo(&log))
	first, err := d.EnsureAdmin(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	w.add(d, "ada", Viewer)
	generated, err := d.AddAccount(t.Context(), "admin", "bob", Viewer, "", false)
	if err != nil {
		t.Fatal(err)
	}
	set, err := d.SetPassword(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	reset, err := d.ResetPassword(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	session := w.signIn(d, "ada")
	const next = "the next long password"
	changed, err := d.ChangePassword(t.Context(), "ada", passwordOf("ada"), next, here)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = d.SignIn(t.Context(), "ada", "a wrong but telling password", here)
	w.refused(err)
	once, _, err := d.SignInOnce(t.Context(), first.Code, here)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := d.MakeKey(t.Context(), "ada", "a key", Overview, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Key(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	stored := w.store.all() + log.String()
	for what, secret := range map[string]string{
		"the first password": first.Password, "the code": first.Code, "a chosen password": passwordOf("ada"),
		"a generated password": generated, "a set password": set, "a reset password": reset, "a session": session,
		"a changed password": next, "the session after a change": changed, "the session of a link": once, "a key": key,
		"a key without its prefix": strings.TrimPrefix(key, keyPrefix), "a wrong password": "a wrong but telling password",
	} {
		if secret == "" || strings.Contains(stored, secret) {
			t.Errorf("%s is stored or logged", what)
		}
	}
}

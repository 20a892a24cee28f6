package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"iotcenter/ledger"
)

// account is what the ledger keeps of an account, under its name.
type account struct {
	Role       string    `json:"role"`
	Password   string    `json:"password,omitempty"` // its hash, in the PHC string format
	PasswordAt time.Time `json:"passwordAt,omitzero"`
	MustChange bool      `json:"mustChange,omitempty"`
	Generated  bool      `json:"generated,omitempty"`
	// Term is a random text that sessions are bound to. Whatever is to end them all sets another, so that one write
	// does it, and no clock of any replica has a say.
	Term      string    `json:"term"`
	Code      string    `json:"code,omitempty"` // the keyed hash of a one-time code
	CodeUntil time.Time `json:"codeUntil,omitzero"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy,omitempty"`
}

// setPassword sets a password's hash, and ends all sessions and the one-time code.
func (a *account) setPassword(hash string, now time.Time) {
	a.Password, a.PasswordAt = hash, now
	a.MustChange, a.Generated = false, false
	a.Term = newSecret()
	a.Code, a.CodeUntil = "", time.Time{}
}

// manages tells whether the account can sign in with a password and manage people.
func (a account) manages() bool { return a.Role == Admin.String() && a.Password != "" }

func (a account) entry(name string) (ledger.Entry, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return ledger.Entry{}, fmt.Errorf("writing an account: %w", err)
	}
	return ledger.Entry{Kind: kindAccount, ID: name, Body: body}, nil
}

// account gives what is kept of a name in its stored form; false for nobody.
func (d *Directory) account(name string) (account, bool) {
	e, ok := d.Ledger.Get(kindAccount, name)
	if !ok {
		return account{}, false
	}
	return d.readAccount(e)
}

func (d *Directory) readAccount(e ledger.Entry) (a account, ok bool) {
	if err := json.Unmarshal(e.Body, &a); err != nil {
		d.Log.Error("an account's document cannot be read; nobody can sign in to it", "account", e.ID, "error", err)
		return account{}, false
	}
	return a, true
}

// shown is an account as pages see it.
func (d *Directory) shown(name string, a account) Account {
	role, _ := ParseRole(a.Role)
	out := Account{
		Name: name, Role: role, Password: a.Password != "", MustChange: a.MustChange, Generated: a.Generated,
		PasswordAt: a.PasswordAt, CreatedAt: a.CreatedAt, CreatedBy: a.CreatedBy,
	}
	// An account of the same name may have been there before.
	if last := d.used.last(useAccount, name); !last.Before(a.CreatedAt) {
		out.LastSession = last
	}
	return out
}

// Accounts lists all accounts by name.
func (d *Directory) Accounts() []Account {
	var out []Account
	for _, e := range d.Ledger.All(kindAccount) {
		if a, ok := d.readAccount(e); ok {
			out = append(out, d.shown(e.ID, a))
		}
	}
	return out
}

// Account gives one by name, in any case of letters. ErrNotFound.
func (d *Directory) Account(name string) (Account, error) {
	if err := d.Ready(); err != nil {
		return Account{}, err
	}
	name, err := parseName(name)
	if err != nil {
		return Account{}, ErrNotFound
	}
	a, ok := d.account(name)
	if !ok {
		return Account{}, ErrNotFound
	}
	return d.shown(name, a), nil
}

// AddAccount makes an account. password "" has one generated, which is returned and has to be changed at the first
// sign-in; a given one, too. noPassword makes an account that only a reverse proxy signs in. *InvalidError, ErrExists.
func (d *Directory) AddAccount(ctx context.Context, by, name string, role Role, password string, noPassword bool) (generated string, err error) {
	name, err = parseName(name)
	if err != nil {
		return "", err
	}
	if err := checkRole(role); err != nil {
		return "", err
	}
	if noPassword && password != "" {
		return "", &InvalidError{Field: "password", Problem: "An account without a password takes none."}
	}
	if password != "" {
		if err := checkPassword(name, password); err != nil {
			return "", err
		}
	}
	if _, ok := d.Ledger.Get(kindAccount, name); ok {
		return "", ErrExists
	}
	now := d.now()
	a := account{Role: role.String(), Term: newSecret(), CreatedAt: now, CreatedBy: by}
	if !noPassword {
		if password == "" {
			generated = newPassword()
			password = generated
		}
		hash, err := d.hasher.hash(ctx, password)
		if err != nil {
			return "", err
		}
		a.setPassword(hash, now)
		a.MustChange = true
	}
	if err := d.lock(ctx); err != nil {
		return "", err
	}
	defer d.unlock()
	if err := d.fresh(ctx); err != nil {
		return "", err
	}
	if _, ok := d.Ledger.Get(kindAccount, name); ok {
		return "", ErrExists
	}
	if err := d.putAccount(ctx, name, a); err != nil {
		return "", err
	}
	return generated, nil
}

// SetRole changes an account's role; it holds from the next request on. ErrNotFound, ErrLastAdmin.
//
// Two replicas that take the role of the last two admins at the same instant do not see each other, and no admin is
// left. ResetPassword with a new name then makes one.
func (d *Directory) SetRole(ctx context.Context, name string, role Role) error {
	if err := checkRole(role); err != nil {
		return err
	}
	return d.change(ctx, name, func(name string, a *account) error {
		if role != Admin && d.lastAdmin(name, *a) {
			return ErrLastAdmin
		}
		a.Role = role.String()
		return nil
	})
}

func checkRole(role Role) error {
	if role < Viewer || role > Admin {
		return &InvalidError{Field: "role", Problem: "The role is viewer, operator or admin."}
	}
	return nil
}

// lastAdmin tells whether nobody else could sign in with a password and manage people.
func (d *Directory) lastAdmin(name string, a account) bool {
	if !a.manages() {
		return false
	}
	for _, e := range d.Ledger.All(kindAccount) {
		if other, ok := d.readAccount(e); ok && e.ID != name && other.manages() {
			return false
		}
	}
	return true
}

// SetPassword gives an account a new generated password that has to be changed at the next sign-in, and ends its
// sessions. ErrNotFound.
func (d *Directory) SetPassword(ctx context.Context, name string) (generated string, err error) {
	if _, err := d.Account(name); err != nil {
		return "", err
	}
	generated = newPassword()
	hash, err := d.hasher.hash(ctx, generated)
	if err != nil {
		return "", err
	}
	err = d.change(ctx, name, func(_ string, a *account) error {
		a.setPassword(hash, d.now())
		a.MustChange = true
		return nil
	})
	if err != nil {
		return "", err
	}
	return generated, nil
}

// ResetPassword gives the account a new generated password, makes it if it is missing (as an admin), ends its sessions
// and forgets its failures. *InvalidError.
func (d *Directory) ResetPassword(ctx context.Context, name string) (password string, err error) {
	name, err = parseName(name)
	if err != nil {
		return "", err
	}
	password = newPassword()
	hash, err := d.hasher.hash(ctx, password)
	if err != nil {
		return "", err
	}
	err = d.change(ctx, name, func(_ string, a *account) error {
		a.setPassword(hash, d.now())
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		err = d.makeAdmin(ctx, name, hash)
	}
	if err != nil {
		return "", err
	}
	d.throttle.forget(name)
	return password, nil
}

// makeAdmin makes an admin's account, whatever may be there.
func (d *Directory) makeAdmin(ctx context.Context, name, hash string) error {
	if err := d.lock(ctx); err != nil {
		return err
	}
	defer d.unlock()
	now := d.now()
	a := account{Role: Admin.String(), CreatedAt: now}
	a.setPassword(hash, now)
	return d.putAccount(ctx, name, a)
}

// RemoveAccount removes an account and ends its sessions. ErrNotFound, ErrLastAdmin.
//
// As with SetRole, two replicas that remove the last two admins at the same instant do not see each other.
func (d *Directory) RemoveAccount(ctx context.Context, name string) error {
	name, err := parseName(name)
	if err != nil {
		return ErrNotFound
	}
	if err := d.lock(ctx); err != nil {
		return err
	}
	defer d.unlock()
	if err := d.fresh(ctx); err != nil {
		return err
	}
	if _, ok := d.Ledger.Get(kindAccount, name); !ok {
		return ErrNotFound
	}
	// One whose document cannot be read can be removed, too: nobody can sign in to it.
	if a, ok := d.account(name); ok && d.lastAdmin(name, a) {
		return ErrLastAdmin
	}
	return d.Ledger.Delete(ctx, kindAccount, name)
}

// change changes what is kept of an account: it reads what the other replicas wrote, lets fn change it, and writes
// it. fn's error stops it and is returned. ErrNotFound.
func (d *Directory) change(ctx context.Context, name string, fn func(name string, a *account) error) error {
	return d.changeBy(ctx, name, d.Ledger.Put, fn)
}

// changeOwn is change for what a person does with their own account. What an admin does to it at the same moment on
// another replica holds against it: nobody stays who is being removed, by changing a password again and again.
func (d *Directory) changeOwn(ctx context.Context, name string, fn func(name string, a *account) error) error {
	amend := func(ctx context.Context, e ...ledger.Entry) error { return d.Ledger.Amend(ctx, e[0]) }
	return d.changeBy(ctx, name, amend, fn)
}

func (d *Directory) changeBy(ctx context.Context, name string, put func(context.Context, ...ledger.Entry) error, fn func(name string, a *account) error) error {
	name, err := parseName(name)
	if err != nil {
		return ErrNotFound
	}
	if err := d.lock(ctx); err != nil {
		return err
	}
	defer d.unlock()
	if err := d.fresh(ctx); err != nil {
		return err
	}
	a, ok := d.account(name)
	if !ok {
		return ErrNotFound
	}
	if err := fn(name, &a); err != nil {
		return err
	}
	e, err := a.entry(name)
	if err != nil {
		return err
	}
	return put(ctx, e)
}

func (d *Directory) putAccount(ctx context.Context, name string, a account) error {
	e, err := a.entry(name)
	if err != nil {
		return err
	}
	return d.Ledger.Put(ctx, e)
}

// now is the time as documents keep it.
func (d *Directory) now() time.Time { return d.Clock().UTC().Round(0) }

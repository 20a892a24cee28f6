package people

import (
	"context"
	"crypto/hmac"
	"errors"
	"strings"
	"time"
)

// SignIn checks name and password and makes a session; token is the session's secret, for the cookie.
// ErrRefused, *TooManyError, ErrBusy.
func (d *Directory) SignIn(ctx context.Context, name, password string, from Origin) (token string, a Account, err error) {
	if err := d.Ready(); err != nil {
		return "", Account{}, err
	}
	kept, name, err := d.authenticate(ctx, name, password, from)
	if err != nil {
		return "", Account{}, err
	}
	token, err = d.newSession(ctx, name, kept.Term, from)
	if err != nil {
		return "", Account{}, err
	}
	return token, d.shown(name, kept), nil
}

// authenticate gives the account whose name and password these are, as it was when the password was looked at, and
// its name in the stored form. ErrRefused, *TooManyError, ErrBusy.
func (d *Directory) authenticate(ctx context.Context, typed, password string, from Origin) (account, string, error) {
	name, err := parseName(typed)
	if err != nil {
		// Nobody has such a name. It is counted and takes as long all the same.
		name = strings.ToLower(strings.TrimSpace(typed)) + " "
	}
	a, _ := d.account(name)
	guessed := name
	if from.Browser != "" {
		guessed += "\n" + from.Browser // no name has a line break
	}
	try, err := d.throttle.begin(guessed, a.Term, from.Address)
	if err != nil {
		return account{}, "", err
	}
	// The account may have been made or changed on another replica a moment ago. This is done for names that are
	// known, too: otherwise the time it takes would tell which are.
	if err := d.Ledger.RefreshForStranger(ctx); err != nil {
		try.undo()
		return account{}, "", err
	}
	a, _ = d.account(name)
	if len(password) > maxPassword {
		password = "" // it is nobody's
	}
	ok, outdated, err := d.hasher.check(ctx, a.Password, password)
	switch {
	case errors.Is(err, errHash):
		d.Log.Error("an account's password hash cannot be read; nobody can sign in to it", "account", name)
		try.fail()
		return account{}, "", ErrRefused
	case err != nil:
		try.undo()
		return account{}, "", err
	case !ok:
		try.fail()
		return account{}, "", ErrRefused
	}
	try.succeed()
	if outdated {
		d.rehash(ctx, name, a.Password, password)
	}
	return a, name, nil
}

// rehash stores the password at today's cost. That it fails is no reason not to let the person in.
func (d *Directory) rehash(ctx context.Context, name, old, password string) {
	hash, err := d.hasher.hash(ctx, password)
	if err == nil {
		err = d.changeOwn(ctx, name, func(_ string, a *account) error {
			if a.Password != old {
				return ErrRefused // it was changed meanwhile
			}
			a.Password = hash
			return nil
		})
	}
	if err != nil {
		d.Log.Warn("a password could not be hashed anew; it is tried again at the next sign-in", "account", name, "error", err)
	}
}

// SignInOnce makes a session for the code of a one-time link. ErrRefused, *TooManyError.
//
// The code is of no use afterwards. Only if two replicas are given it within the same few milliseconds, both take it.
func (d *Directory) SignInOnce(ctx context.Context, code string, from Origin) (token string, a Account, err error) {
	if err := d.Ready(); err != nil {
		return "", Account{}, err
	}
	try, err := d.throttle.begin("", "", from.Address)
	if err != nil {
		return "", Account{}, err
	}
	name, kept, err := d.consume(ctx, code)
	switch {
	case errors.Is(err, ErrRefused):
		try.fail()
		return "", Account{}, err
	case err != nil:
		try.undo()
		return "", Account{}, err
	}
	try.succeed()
	token, err = d.newSession(ctx, name, kept.Term, from)
	if err != nil {
		return "", Account{}, err
	}
	return token, d.shown(name, kept), nil
}

// consume takes a one-time code away from the account that has it. ErrRefused.
func (d *Directory) consume(ctx context.Context, code string) (string, account, error) {
	if !isSecret(code) {
		return "", account{}, ErrRefused
	}
	hash := d.hashes.code.of(code)
	name, ok := d.ownerOf(hash)
	if !ok {
		if err := d.Ledger.RefreshForStranger(ctx); err != nil {
			return "", account{}, err
		}
		if name, ok = d.ownerOf(hash); !ok {
			return "", account{}, ErrRefused
		}
	}
	var kept account
	err := d.changeOwn(ctx, name, func(_ string, a *account) error {
		if !a.hasCode(hash, d.Clock()) {
			return ErrRefused
		}
		a.Code, a.CodeUntil = "", time.Time{}
		kept = *a
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		err = ErrRefused // the account was removed meanwhile
	}
	return name, kept, err
}

// ownerOf finds the account that has a one-time code.
func (d *Directory) ownerOf(hash string) (name string, ok bool) {
	for _, e := range d.Ledger.All(kindAccount) {
		if a, ok := d.readAccount(e); ok && a.hasCode(hash, d.Clock()) {
			return e.ID, true
		}
	}
	return "", false
}

// hasCode tells whether the code with this keyed hash can be used.
func (a account) hasCode(hash string, now time.Time) bool {
	return a.Code != "" && hmac.Equal([]byte(a.Code), []byte(hash)) && now.Before(a.CodeUntil)
}

// ChangePassword sets the account's password after checking the old one, ends all of its sessions, and makes a new one
// for the browser at hand. ErrRefused (old is wrong), *TooManyError, ErrBusy, *InvalidError.
func (d *Directory) ChangePassword(ctx context.Context, name, old, new string, from Origin) (token string, err error) {
	if err := d.Ready(); err != nil {
		return "", err
	}
	clean, err := parseName(name)
	if err != nil {
		return "", ErrRefused
	}
	if err := checkPassword(clean, new); err != nil {
		return "", err
	}
	kept, name, err := d.authenticate(ctx, clean, old, from)
	if err != nil {
		return "", err
	}
	if old == new {
		return "", &InvalidError{Field: "password", Problem: "This is the password that the account has already."}
	}
	hash, err := d.hasher.hash(ctx, new)
	if err != nil {
		return "", err
	}
	var term string
	err = d.changeOwn(ctx, name, func(_ string, a *account) error {
		if a.Term != kept.Term {
			return ErrRefused // somebody set another password meanwhile
		}
		a.setPassword(hash, d.now())
		term = a.Term
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		err = ErrRefused // the account was removed meanwhile
	}
	if err != nil {
		return "", err
	}
	return d.newSession(ctx, name, term, from)
}

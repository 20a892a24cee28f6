package people

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"iotcenter/ledger"
)

// firstAdmin is the name of the account that is made where there is none.
const firstAdmin = "admin"

// codeLife is how long a one-time code can be used.
const codeLife = time.Hour

// A replica that wants to make the first admin claims that for a minute, and has to be done in a small part of it:
// the clocks of replicas may differ by half a minute.
const (
	claimLife  = time.Minute
	claimWrite = 10 * time.Second
)

// claimPause is the longest pause, of random length, before a replica that met another one tries again.
const claimPause = 500 * time.Millisecond

// FirstAdmin is what EnsureAdmin did.
type FirstAdmin struct {
	Made     bool
	Name     string // "admin"
	Password string // the generated one; "" if it was given, or nothing was made
	Code     string // of the one-time sign-in link; "" if the password was given, or nothing was made
}

// EnsureAdmin makes the account "admin" where there is no account at all. given is its password; "" has one generated.
// Of replicas that start at the same moment one makes it. The ledger has to be loaded. *InvalidError.
//
// A store in which the newest entry holds cannot decide between two writers by itself: both would read their own
// account back, and one of two printed passwords would not work. So a replica first writes a claim, and then makes
// the account only if it sees no claim of another. Two that see each other both step back, and try again after
// pauses of different length. One that stops between claim and account delays the others by a minute.
func (d *Directory) EnsureAdmin(ctx context.Context, given string) (FirstAdmin, error) {
	if err := d.Ready(); err != nil {
		return FirstAdmin{}, err
	}
	if given != "" {
		if err := checkLength(given, minGiven); err != nil {
			return FirstAdmin{}, err
		}
	}
	if err := d.fresh(ctx); err != nil {
		return FirstAdmin{}, err
	}
	if d.anybody() {
		return FirstAdmin{}, nil
	}
	now := d.now()
	made := FirstAdmin{Made: true, Name: firstAdmin}
	a := account{Role: Admin.String(), CreatedAt: now}
	password := given
	if given == "" {
		made.Password, made.Code = newPassword(), newSecret()
		password = made.Password
	}
	hash, err := d.hasher.hash(ctx, password)
	if err != nil {
		return FirstAdmin{}, err
	}
	a.setPassword(hash, now)
	if given == "" {
		a.Generated = true
		a.Code, a.CodeUntil = d.hashes.code.of(made.Code), now.Add(codeLife)
	}
	for waited := false; ; waited = true {
		done, won, err := d.tryFirst(ctx, a)
		switch {
		case err != nil:
			return FirstAdmin{}, fmt.Errorf("making the first admin: %w", err)
		case won:
			return made, nil
		case done:
			return FirstAdmin{}, nil
		}
		if !waited {
			d.Log.Info("another replica may be making the first admin at this moment; waiting for it")
		}
		if err := pause(ctx, rand.N(claimPause)); err != nil {
			return FirstAdmin{}, err
		}
	}
}

// anybody tells whether there is any account, be it one whose document cannot be read.
func (d *Directory) anybody() bool { return len(d.Ledger.All(kindAccount)) > 0 }

// tryFirst makes the first account, unless there is one (done), or another replica claims the same.
func (d *Directory) tryFirst(ctx context.Context, a account) (done, won bool, err error) {
	if err := d.lock(ctx); err != nil {
		return false, false, err
	}
	defer d.unlock()
	if d.Ledger.Poll <= 0 { // there are no others
		if d.anybody() {
			return true, false, nil
		}
		err := d.putAccount(ctx, firstAdmin, a)
		return true, err == nil, err
	}
	claim := ledger.Entry{Kind: kindClaim, ID: newSecret(), Until: d.now().Add(claimLife), Body: []byte("{}")}
	within, cancel := context.WithTimeout(ctx, claimWrite)
	defer cancel()
	if err := d.Ledger.Put(within, claim); err != nil {
		return false, false, err
	}
	if err := d.Ledger.Refresh(within); err != nil {
		return false, false, err
	}
	switch {
	case d.anybody():
		done = true
	case d.claimedBeside(claim.ID):
	default:
		// If this fails, the account may be there or not. The claim then stays until it runs out.
		if err := d.putAccount(within, firstAdmin, a); err != nil {
			return false, false, err
		}
		done, won = true, true
	}
	if err := d.Ledger.Delete(ctx, kindClaim, claim.ID); err != nil {
		if !won {
			return false, false, err
		}
		d.Log.Warn("the claim to make the first admin could not be withdrawn; it runs out in a minute", "error", err)
	}
	return done, won, nil
}

// claimedBeside tells whether there is a claim besides this one.
func (d *Directory) claimedBeside(id string) bool {
	return slices.ContainsFunc(d.Ledger.All(kindClaim), func(e ledger.Entry) bool { return e.ID != id })
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

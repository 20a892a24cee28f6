package devices

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"iotcenter/ledger"
)

// Ask is a device that wants its configuration and brings no token of its own.
type Ask struct {
	ID       ID
	Key      string // enrolment key; "" for none
	Address  string // of the client, without port
	Register bool   // false: it only asks, and is not to be registered (?register=false)
}

// Grant is a device with its token.
type Grant struct {
	Device  Device
	Token   string
	Created bool   // it was registered just now
	By      string // "key <id>", "window" or "approval", for the audit log
}

// errTooMany is given when more devices enrol at once than this process registers.
var errTooMany = fmt.Errorf("too many devices enrol at this moment: %w", ErrUnavailable)

// approvalUseLife is how long a replica's wish to use an approval stands if it stops before it ends it.
const approvalUseLife = time.Minute

// door is one way in. open tells whether it decided about the device; if not, the next one is tried.
type door func(ctx context.Context, a Ask) (g Grant, open bool, err error)

// Grant answers a device, or errs with ErrNotEnrolled, after noting an unknown device in the inbox (and a known one
// while the window is open). ErrSuspended, ErrInvalidID.
//
// Whether a device is known makes no difference to what a stranger gets to see. Strangers are judged by what is in
// memory: they wait for no database.
func (e *Enrolment) Grant(ctx context.Context, a Ask) (Grant, error) {
	if _, err := ParseID(string(a.ID)); err != nil {
		return Grant{}, err
	}
	if err := e.ready(ctx); err != nil {
		return Grant{}, err
	}
	a.Address = addressOf(a.Address)
	for _, through := range []door{e.byApproval, e.byKey, e.byWindow} {
		if g, open, err := through(ctx, a); open {
			if err == nil {
				e.waiting.remove(a.ID, a.Address, e.Clock())
			}
			return g, err
		}
	}
	if _, _, known := e.Registry.model.device(a.ID); !known && a.Register {
		e.waiting.note(a.ID, a.Address, false, e.Clock())
	}
	return Grant{}, ErrNotEnrolled
}

// byApproval is the door of a device that an operator approved. The approval is used up before the token is given: what
// fails after that needs another one.
func (e *Enrolment) byApproval(ctx context.Context, a Ask) (g Grant, open bool, err error) {
	name := approvalName(a.ID, a.Address)
	if _, ok := e.Ledger.Get(kindApproval, name); !ok {
		return Grant{}, false, nil
	}
	unlock, err := e.asking.lock(ctx, a.ID)
	if err != nil {
		return Grant{}, true, err
	}
	defer unlock()
	if _, ok := e.Ledger.Get(kindApproval, name); !ok {
		return Grant{}, false, nil // another request has just used it
	}
	d, err := e.Registry.Get(ctx, a.ID)
	unknown := errors.Is(err, ErrNotFound)
	switch {
	case err != nil && !unknown:
		return Grant{}, true, err
	case unknown && !a.Register, d.Suspended:
		return Grant{}, true, ErrNotEnrolled
	}
	if used, err := e.useUp(ctx, name); err != nil || !used {
		return Grant{}, err != nil, err
	}
	g = Grant{By: "approval"}
	if unknown {
		if _, g.Created, err = e.Registry.Register(ctx, a.ID); err != nil {
			return Grant{}, true, err
		}
	}
	if g.Created {
		g.Device, g.Token, err = e.Registry.Credentials(ctx, a.ID)
	} else {
		g.Device, g.Token, err = e.Registry.Rotate(ctx, a.ID)
	}
	return g.orNot(err)
}

// useUp takes an approval away; false if somebody else was quicker. Other replicas may be asked for it at the same
// moment, by the device and by somebody else at its address, and a ledger cannot decide between two writers. So a
// replica first writes that it wants it, and takes it only if it then sees nobody else who does: of two that see each
// other none takes it, and the device asks again.
func (e *Enrolment) useUp(ctx context.Context, name string) (bool, error) {
	if e.Ledger.Poll <= 0 { // there are no others
		return true, e.deleteApproval(ctx, name)
	}
	mine := name + " " + rand.Text()
	until := e.Clock().UTC().Round(0).Add(approvalUseLife)
	if err := e.Ledger.Put(ctx, ledger.Entry{Kind: kindApprovalUse, ID: mine, Until: until, Body: []byte("{}")}); err != nil {
		return false, fmt.Errorf("using up the approval: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
		defer cancel()
		if err := e.Ledger.Delete(ctx, kindApprovalUse, mine); err != nil {
			e.Log.Warn("the use of an approval could not be ended; it ends by itself in a minute", "error", err)
		}
	}()
	if err := e.Ledger.Refresh(ctx); err != nil {
		return false, fmt.Errorf("using up the approval: %w", err)
	}
	if _, ok := e.Ledger.Get(kindApproval, name); !ok {
		return false, nil
	}
	for _, other := range e.Ledger.All(kindApprovalUse) {
		if other.ID != mine && strings.HasPrefix(other.ID, name+" ") {
			return false, errBusy
		}
	}
	return true, e.deleteApproval(ctx, name)
}

func (e *Enrolment) deleteApproval(ctx context.Context, name string) error {
	if err := e.Ledger.Delete(ctx, kindApproval, name); err != nil {
		return fmt.Errorf("using up the approval: %w", err)
	}
	return nil
}

// orNot is the end of a door: a device that was removed or suspended meanwhile gets what any stranger gets.
func (g Grant) orNot(err error) (Grant, bool, error) {
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrSuspended):
		return Grant{}, true, ErrNotEnrolled
	case err != nil:
		return Grant{}, true, err
	}
	return g, true, nil
}

// byKey is the door of a device that shows an enrolment key. Its own devices get their token as long as it is not
// revoked. A wrong key counts as none.
func (e *Enrolment) byKey(ctx context.Context, a Ask) (g Grant, open bool, err error) {
	k, ok := e.keyOf(a.Key)
	if !ok {
		return Grant{}, false, nil
	}
	d, err := e.Registry.Get(ctx, a.ID)
	created := false
	if errors.Is(err, ErrNotFound) {
		if !a.Register {
			return Grant{}, true, ErrNotEnrolled
		}
		d, created, err = e.enrol(ctx, k, a.ID)
		if errors.Is(err, ErrNotEnrolled) {
			return Grant{}, false, nil
		}
	}
	switch {
	case err != nil:
		return Grant{}, true, err
	case d.EnrolledBy != k.ID:
		return Grant{}, true, ErrNotEnrolled
	}
	g = Grant{Created: created, By: "key " + k.ID}
	g.Device, g.Token, err = e.Registry.Credentials(ctx, a.ID)
	if errors.Is(err, ErrSuspended) {
		return Grant{}, true, ErrSuspended
	}
	return g.orNot(err)
}

// enrol registers a device by a key that may do that, or gives ErrNotEnrolled. One at a time for each key: its number
// holds in this process, and each further replica can exceed it by one.
func (e *Enrolment) enrol(ctx context.Context, k EnrolmentKey, id ID) (Device, bool, error) {
	if !e.Clock().Before(k.ExpiresAt) || !k.fits(id) {
		return Device{}, false, ErrNotEnrolled
	}
	unlock, err := e.filling.lock(ctx, ID(k.ID))
	if err != nil {
		return Device{}, false, err
	}
	defer unlock()
	d, err := e.Registry.Get(ctx, id) // whoever held the lock may have registered it; and others have written
	if !errors.Is(err, ErrNotFound) {
		return d, false, err
	}
	// A device of this key that was removed does not come back by it: it would be back within the hour.
	if e.Registry.Enrolled(k.ID) >= k.Most || e.Registry.model.newest(id).EnrolledBy == k.ID {
		return Device{}, false, ErrNotEnrolled
	}
	if !e.rate.allow(e.Clock()) {
		return Device{}, false, errTooMany
	}
	return e.Registry.RegisterEnrolled(ctx, id, k.ID)
}

// byWindow is the door that an operator opened for all. A known device that comes this way has lost its token, or is
// somebody else: a person decides.
func (e *Enrolment) byWindow(ctx context.Context, a Ask) (g Grant, open bool, err error) {
	if e.Window().Until.IsZero() {
		return Grant{}, false, nil
	}
	d, _, known := e.Registry.model.device(a.ID)
	created := false
	if !known && a.Register {
		if !e.rate.allow(e.Clock()) {
			return Grant{}, true, errTooMany
		}
		if d, created, err = e.Registry.Register(ctx, a.ID); err != nil {
			return Grant{}, true, err
		}
	}
	if !created {
		if a.Register && !d.Suspended {
			e.waiting.note(a.ID, a.Address, true, e.Clock())
		}
		return Grant{}, true, ErrNotEnrolled
	}
	g = Grant{Created: true, By: "window"}
	g.Device, g.Token, err = e.Registry.Credentials(ctx, a.ID)
	return g.orNot(err)
}

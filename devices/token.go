package devices

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrSuspended: the device is registered, and its authorization is switched off.
var ErrSuspended = errors.New("device suspended")

// RotationDeadline is how long a replaced token goes on working for a device that does not pick up the new one.
const RotationDeadline = 24 * time.Hour

// Rotate mints a new token for a device. The one that it uses now goes on working until the device has used the new
// one, or until the deadline has passed; then it is revoked. Rotating again before that replaces the token that was
// never used. ErrNotFound, ErrSuspended.
//
// Nothing that works is ended before the record says so, and what is to be ended stands in the record until it is: a
// process that dies here leaves either the record as it was, and an authorization whose token nobody has, or a rotation
// that any replica completes. Of two replicas that rotate at once both give the token of the one that won.
func (r *Registry) Rotate(ctx context.Context, id ID) (Device, string, error) {
	unlock, err := r.locks.lock(ctx, id)
	if err != nil {
		return Device{}, "", err
	}
	defer unlock()
	for range attempts {
		base, err := r.rotatable(ctx, id)
		if err != nil {
			return Device{}, "", err
		}
		next, token, err := r.successor(ctx, base)
		if err != nil {
			return Device{}, "", err
		}
		rec, won, err := r.writeRotation(ctx, base, next)
		switch {
		case err != nil:
			return Device{}, "", err
		case won:
			return r.finishRotation(ctx, rec), token, nil
		}
		_ = r.revoke(ctx, id, next.Key) // logged there, and tried again
		if rec.Registered() && rec.Key != base.Key && !rec.Suspended {
			return r.rotatedElsewhere(ctx, id)
		}
	}
	return Device{}, "", errBusy
}

// EndFormer ends the token that a rotation replaced at once, whether the device has the new one or not: for one that is
// in wrong hands, which could fetch the new one with it. From the call on this process refuses it. A device without such
// a token stays as it is. ErrNotFound.
func (r *Registry) EndFormer(ctx context.Context, id ID) (Device, error) {
	unlock, err := r.locks.lock(ctx, id)
	if err != nil {
		return Device{}, err
	}
	defer unlock()
	if _, err := r.registered(ctx, id); err != nil {
		return Device{}, err
	}
	r.model.pick(id)
	rec, err := r.amend(ctx, id, r.withoutEnded(ctx))
	if err != nil {
		return Device{}, fmt.Errorf("ending the former token: %w", err)
	}
	return deviceOf(rec), nil
}

// rotatable reads a record and clears it of what an earlier rotation left behind.
func (r *Registry) rotatable(ctx context.Context, id ID) (Record, error) {
	rec, err := r.registered(ctx, id)
	switch {
	case err != nil:
		return Record{}, err
	case rec.Suspended || r.model.isHalted(id):
		return Record{}, ErrSuspended
	case rec.Leftover != "":
		if err := r.Auth.Revoke(ctx, rec.Leftover); err != nil {
			return Record{}, fmt.Errorf("revoking a former authorization: %w", err)
		}
		rec.Leftover = ""
	}
	return rec, nil
}

// successor mints a token and makes the record in which it takes the place of the present one.
func (r *Registry) successor(ctx context.Context, base Record) (next Record, token string, err error) {
	auth, err := r.Auth.Mint(ctx, base.ID)
	if err != nil {
		return Record{}, "", fmt.Errorf("minting an authorization: %w", err)
	}
	sealed, err := r.Sealer.Seal(base.ID, auth.Token)
	if err != nil {
		_ = r.revoke(ctx, base.ID, auth.Key) // logged there, and tried again
		return Record{}, "", fmt.Errorf("sealing the token: %w", err)
	}
	next = base
	next.Stamp = r.stamp(base.Stamp)
	next.Key, next.Sealed, next.TokenHash, next.TokenAt = auth.Key, sealed, r.Sealer.Hash(auth.Token), next.Stamp
	next.PrevUntil = r.deadline()
	if r.unused(base) {
		next.Leftover = base.Key
	} else {
		next.Leftover, next.PrevKey, next.PrevHash = base.PrevKey, base.Key, base.TokenHash
	}
	return next, auth.Token, nil
}

// unused tells that the present token of a device has not been used as far as this process knows, and that the one
// before still works. (A first use on another replica within the same second is not seen.)
func (r *Registry) unused(rec Record) bool {
	used, ok := r.model.picked(rec.ID)
	return rec.PrevKey != "" && r.Clock().Before(rec.PrevUntil) && !(ok && used == rec.TokenHash)
}

// writeRotation writes the record of a new token, or takes it back.
func (r *Registry) writeRotation(ctx context.Context, base, next Record) (rec Record, won bool, err error) {
	if err := r.Store.PutRecord(ctx, next); err != nil {
		done, undoErr := r.takeBack(ctx, undo{next})
		if undoErr != nil {
			r.Log.Error("a rotation failed half-way; it will be taken back", "device", base.ID, "error", undoErr)
			r.current.Lock()
			r.undone = append(r.undone, undo{next})
			r.current.Unlock()
		}
		if !done {
			return Record{}, false, fmt.Errorf("writing the new token: %w", err)
		}
	}
	return r.settle(ctx, base, next)
}

// undo is a rotation whose record may have been written or not.
type undo struct{ next Record }

// takeBack makes sure that a rotation did not happen and revokes its authorization. If its record is there all the same,
// it did happen, and holds: the device may have its token by now.
func (r *Registry) takeBack(ctx context.Context, u undo) (happened bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	newest, err := r.newest(ctx, u.next.ID)
	if err != nil {
		return false, fmt.Errorf("reading the registration: %w", err)
	}
	if newest.names(u.next.Key) {
		return newest.Key == u.next.Key, nil
	}
	if !newest.Stamp.After(u.next.Stamp) && !newest.Stamp.IsZero() {
		// The write may be under way still. The record as it is, with a later stamp, holds against it.
		newest.Stamp = r.stamp(u.next.Stamp)
		if err := r.Store.PutRecord(ctx, newest); err != nil {
			return false, fmt.Errorf("writing the registration: %w", err)
		}
		r.model.apply([]Record{newest}, true)
	}
	_ = r.revoke(ctx, u.next.ID, u.next.Key) // logged there, and tried again
	return false, nil
}

// finishRotation revokes a token that was replaced before it was used. What fails is for the janitor.
func (r *Registry) finishRotation(ctx context.Context, rec Record) Device {
	if rec.Leftover == "" {
		return deviceOf(rec)
	}
	done, err := r.amend(ctx, rec.ID, r.withoutEnded(ctx))
	if err != nil {
		r.Log.Warn("an authorization that nobody uses could not be revoked yet", "device", rec.ID, "error", err)
		return deviceOf(rec)
	}
	return deviceOf(done)
}

// withoutEnded revokes what a record names and nobody needs any more, and gives the record without it: a leftover, and a
// replaced token that was picked up or whose time is over. Revoking comes first, so that no authorization is forgotten.
func (r *Registry) withoutEnded(ctx context.Context) func(Record) (Record, error) {
	return func(rec Record) (Record, error) {
		if rec.Leftover != "" {
			if err := r.Auth.Revoke(ctx, rec.Leftover); err != nil {
				return rec, fmt.Errorf("revoking a former authorization: %w", err)
			}
			rec.Leftover = ""
		}
		used, picked := r.model.picked(rec.ID)
		picked = picked && used == rec.TokenHash
		over := !rec.Suspended && !r.Clock().Before(rec.PrevUntil)
		if rec.PrevKey != "" && (picked || over) {
			if err := r.Auth.Revoke(ctx, rec.PrevKey); err != nil {
				return rec, fmt.Errorf("revoking a replaced authorization: %w", err)
			}
			rec.PrevKey, rec.PrevHash, rec.PrevUntil = "", "", time.Time{}
		}
		return rec, nil
	}
}

// rotatedElsewhere gives the token that another replica minted at the same moment.
func (r *Registry) rotatedElsewhere(ctx context.Context, id ID) (Device, string, error) {
	rec, err := r.registered(ctx, id)
	if err != nil {
		return Device{}, "", err
	}
	token, err := r.Sealer.Open(id, rec.Sealed)
	return deviceOf(rec), token, err
}

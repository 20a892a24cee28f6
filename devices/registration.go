package devices

import (
	"context"
	"fmt"
	"time"
)

// Register makes a device known and mints its authorization; created tells whether it was not registered before.
// However many ask at once, one authorization remains.
func (r *Registry) Register(ctx context.Context, id ID) (d Device, created bool, err error) {
	return r.RegisterEnrolled(ctx, id, "")
}

// RegisterEnrolled is Register on behalf of an enrolment key, which the record names from then on.
func (r *Registry) RegisterEnrolled(ctx context.Context, id ID, key string) (d Device, created bool, err error) {
	if _, err := ParseID(string(id)); err != nil {
		return Device{}, false, err
	}
	unlock, err := r.locks.lock(ctx, id)
	if err != nil {
		return Device{}, false, err
	}
	defer unlock()
	for range attempts {
		if err := r.refresh(ctx); err != nil {
			return Device{}, false, err
		}
		d, last, registered := r.model.device(id)
		if registered {
			return d, false, nil
		}
		// The enrolment key of a device that was removed stays until there is a new authorization: half a
		// registration changes nothing.
		started := Record{ID: id, Stamp: r.stamp(last), EnrolledBy: r.model.newest(id).EnrolledBy}
		started.CreatedAt = started.Stamp
		if err := r.Store.PutRecord(ctx, started); err != nil {
			return Device{}, false, fmt.Errorf("writing the registration: %w", err)
		}
		started.EnrolledBy = key
		rec, won, err := r.mint(ctx, started)
		if err != nil {
			return Device{}, false, err
		}
		if rec.Registered() {
			return deviceOf(rec), won, nil
		}
	}
	return Device{}, false, errBusy
}

// mint makes an authorization for the device of a record and writes the record that holds it. If another replica's
// record is newer, that one is returned, and the authorization is gone; it may say that the device is not registered.
func (r *Registry) mint(ctx context.Context, last Record) (rec Record, won bool, err error) {
	auth, err := r.Auth.Mint(ctx, last.ID)
	if err != nil {
		return Record{}, false, fmt.Errorf("minting an authorization: %w", err)
	}
	sealed, err := r.Sealer.Seal(last.ID, auth.Token)
	if err != nil {
		_ = r.revoke(ctx, last.ID, auth.Key) // logged there, and tried again
		return Record{}, false, fmt.Errorf("sealing the token: %w", err)
	}
	rec = last // what else it says goes on to hold
	rec.Stamp = r.stamp(last.Stamp)
	rec.Key, rec.Sealed, rec.TokenHash, rec.TokenAt = auth.Key, sealed, r.Sealer.Hash(auth.Token), rec.Stamp
	if err := r.Store.PutRecord(ctx, rec); err != nil {
		// Should the record have been written all the same, it names an authorization that is gone, and
		// Credentials mints another one.
		_ = r.revoke(ctx, rec.ID, rec.Key)
		return Record{}, false, fmt.Errorf("writing the registration: %w", err)
	}
	newest, err := r.newest(ctx, rec.ID)
	if err != nil {
		// The record is written. If another one won, the next refresh finds that out.
		r.Log.Warn("a registration was written and could not be read again", "device", rec.ID, "error", err)
		newest = rec
	}
	if newest.names(rec.Key) || newest.Stamp.Before(rec.Stamp) {
		r.model.apply([]Record{rec}, true)
		return rec, true, nil
	}
	_ = r.revoke(ctx, rec.ID, rec.Key)
	r.model.apply([]Record{newest}, false)
	return newest, false, nil
}

// Unregister removes a device: revokes its authorizations, suspended or not, and blanks its record. From the moment it is called this
// process refuses the device's token, and goes on to do so should the rest fail; calling it again completes it.
func (r *Registry) Unregister(ctx context.Context, id ID) error {
	unlock, err := r.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	for range attempts {
		if err := r.refresh(ctx); err != nil {
			return err
		}
		d, last, registered := r.model.device(id)
		if !registered {
			return ErrNotFound
		}
		r.model.refuse(id)
		// Revoking comes first: a record that still names a revoked authorization can be removed again or healed, but
		// an authorization that no record names would be forgotten, and live.
		if err := r.revokeAll(ctx, r.model.newest(id)); err != nil {
			return err
		}
		blank := Record{ID: id, Stamp: r.stamp(last), CreatedAt: d.CreatedAt, EnrolledBy: d.EnrolledBy}
		if err := r.Store.PutRecord(ctx, blank); err != nil {
			return fmt.Errorf("blanking the registration: %w", err)
		}
		r.model.apply([]Record{blank}, true)
		newest, err := r.newest(ctx, id)
		if err != nil {
			r.Log.Warn("a removal was written and could not be read again", "device", id, "error", err)
			return nil
		}
		if !newest.Registered() {
			return nil
		}
		// A replica gave it a new authorization at the same moment, with a later stamp: that one goes as well.
		r.model.apply([]Record{newest}, false)
	}
	return errBusy
}

// revokeAll revokes every authorization that a record names.
func (r *Registry) revokeAll(ctx context.Context, rec Record) error {
	for _, key := range []string{rec.Leftover, rec.PrevKey, rec.Key} {
		if key == "" {
			continue
		}
		if err := r.Auth.Revoke(ctx, key); err != nil {
			return fmt.Errorf("revoking the authorization: %w", err)
		}
	}
	return nil
}

// Credentials gives a registered device and its token, or ErrNotFound or ErrSuspended. An authorization that vanished behind the app's
// back is minted again. It reads this device's newest record, and needs no other.
func (r *Registry) Credentials(ctx context.Context, id ID) (Device, string, error) {
	rec, token, alive, err := r.credentials(ctx, id)
	if err != nil || alive {
		return deviceOf(rec), token, err
	}
	unlock, err := r.locks.lock(ctx, id)
	if err != nil {
		return Device{}, "", err
	}
	defer unlock()
	for range attempts {
		// Whoever held the lock may have done it.
		if rec, token, alive, err = r.credentials(ctx, id); err != nil || alive {
			return deviceOf(rec), token, err
		}
		r.Log.Warn("the authorization of a device is gone from the database; a new one is minted", "device", id)
		if err := r.heal(ctx, rec); err != nil {
			return Device{}, "", err
		}
	}
	return Device{}, "", errBusy
}

// OwnCredentials is Credentials for a device that shows a token of its own. What this process remembers of the token may
// be seconds old, and it is about to be given another one: so the newest record decides whether it still works.
// ErrNotFound: it does not.
func (r *Registry) OwnCredentials(ctx context.Context, id ID, shown string) (Device, string, error) {
	rec, err := r.newest(ctx, id)
	if err != nil {
		return Device{}, "", fmt.Errorf("reading the registration: %w", err)
	}
	sum := r.Sealer.sum(shown)
	present, ok := parseHash(rec.TokenHash)
	former, replaced := parseHash(rec.PrevHash)
	switch {
	case rec.Registered() && ok && sum == present:
	case rec.Registered() && replaced && sum == former && r.Clock().Before(rec.PrevUntil):
	default:
		r.noteLost(r.model.apply([]Record{rec}, false))
		return Device{}, "", ErrNotFound
	}
	return r.Credentials(ctx, id)
}

// heal mints an authorization in the place of one that is gone, unless that is so because another replica is removing or
// suspending the device at this moment: that holds. ErrNotFound: it was removed.
func (r *Registry) heal(ctx context.Context, base Record) error {
	healed, won, err := r.mint(ctx, base)
	if err != nil || !won {
		return err
	}
	newest, won, err := r.settle(ctx, base, healed)
	if err == nil && !won && !newest.names(healed.Key) {
		_ = r.revoke(ctx, base.ID, healed.Key) // logged there, and tried again
	}
	return err
}

// credentials reads a device's record and opens its token; alive tells whether its authorization is still there.
func (r *Registry) credentials(ctx context.Context, id ID) (rec Record, token string, alive bool, err error) {
	rec, err = r.newest(ctx, id)
	if err != nil {
		return Record{}, "", false, fmt.Errorf("reading the registration: %w", err)
	}
	if !rec.Registered() {
		if _, _, registered := r.model.device(id); registered && rec.Stamp.IsZero() {
			r.reload.Store(true) // the store has lost a device that was there: it is another store
		}
		return Record{}, "", false, ErrNotFound
	}
	if rec.Suspended || r.model.isHalted(id) {
		// Its authorization is switched off, which must not look as if it were gone.
		r.noteLost(r.model.apply([]Record{rec}, false))
		return Record{}, "", false, ErrSuspended
	}
	if token, err = r.Sealer.Open(id, rec.Sealed); err != nil {
		return Record{}, "", false, err
	}
	if alive, err = r.Auth.Exists(ctx, rec.Key); err != nil {
		return Record{}, "", false, fmt.Errorf("looking for the authorization: %w", err)
	}
	r.noteLost(r.model.apply([]Record{rec}, false))
	if alive {
		r.model.accept(r.Sealer.sum(token)) // a token that is handed out has to work
	}
	return rec, token, alive, nil
}

func deviceOf(r Record) Device {
	created := r.CreatedAt
	if created.IsZero() {
		created = r.Stamp
	}
	if r.Stamp.IsZero() {
		return Device{}
	}
	return Device{
		ID: r.ID, CreatedAt: created.UTC(), UpdatedAt: r.Stamp.UTC().Truncate(time.Nanosecond), Key: r.Key,
		TokenAt: r.TokenAt.UTC(), PrevUntil: r.PrevUntil.UTC(), Suspended: r.Suspended, EnrolledBy: r.EnrolledBy,
	}
}

package devices

import (
	"context"
	"fmt"
	"time"
)

// amend changes the record of a registered device: change gets the newest one and gives the one to write, or the same
// one where there is nothing to do. It gives the record that holds then. The caller holds the id's lock. ErrNotFound.
func (r *Registry) amend(ctx context.Context, id ID, change func(Record) (Record, error)) (Record, error) {
	for range attempts {
		base, err := r.registered(ctx, id)
		if err != nil {
			return Record{}, err
		}
		next, err := change(base)
		if err != nil || next == base {
			return base, err
		}
		next.Stamp = r.stamp(base.Stamp)
		if err := r.Store.PutRecord(ctx, next); err != nil {
			return Record{}, fmt.Errorf("writing the registration: %w", err)
		}
		if next, won, err := r.settle(ctx, base, next); err != nil || won {
			return next, err
		}
	}
	return Record{}, errBusy
}

// registered reads the newest record of a device, or gives ErrNotFound.
func (r *Registry) registered(ctx context.Context, id ID) (Record, error) {
	rec, err := r.newest(ctx, id)
	if err != nil {
		return Record{}, fmt.Errorf("reading the registration: %w", err)
	}
	if rec.Stamp.IsZero() {
		if _, _, known := r.model.device(id); known {
			r.reload.Store(true) // the store has lost a device that was there: it is another store
		}
		return Record{}, ErrNotFound
	}
	r.noteLost(r.model.apply([]Record{rec}, false))
	if !rec.Registered() {
		return Record{}, ErrNotFound
	}
	return rec, nil
}

// settle looks whether another replica changed the record of ours at the same moment, after base was read. If its record
// is newer, won is false, and that one is given. If it lies between base and ours, it was overwritten unseen: a removal,
// suspending and resuming hold all the same, and are written again. ErrNotFound: the device was removed.
func (r *Registry) settle(ctx context.Context, base, ours Record) (newest Record, won bool, err error) {
	since := r.Clock().UTC().Round(0).Add(-overlap)
	if base.Stamp.After(since) {
		since = base.Stamp
	}
	var between, after Record
	err = r.Store.RecordsSince(ctx, since, func(rec Record) error {
		switch {
		case rec.ID != ours.ID:
		case rec.Stamp.After(ours.Stamp):
			after = rec
		case rec.Stamp.After(base.Stamp) && rec.Stamp.Before(ours.Stamp):
			between = rec
		}
		return nil
	})
	switch {
	case err != nil:
		// Ours is written. If another one won, the next refresh finds that out.
		r.Log.Warn("a record was written and could not be read again", "device", ours.ID, "error", err)
	case after.ID != "":
		r.model.apply([]Record{after}, false)
		return after, false, nil
	case between.ID == "":
	case !between.Registered():
		return Record{}, false, r.removeAgain(ctx, ours)
	case between.Suspended != base.Suspended && ours.Suspended == base.Suspended:
		ours.Suspended, ours.Stamp = between.Suspended, r.stamp(ours.Stamp)
		if err := r.Store.PutRecord(ctx, ours); err != nil {
			return Record{}, false, fmt.Errorf("writing the registration: %w", err)
		}
		if err := r.switchAll(ctx, ours, !ours.Suspended); err != nil {
			return Record{}, false, err
		}
	}
	r.model.apply([]Record{ours}, true)
	return ours, true, nil
}

// removeAgain blanks a record that overwrote a removal. It gives ErrNotFound when that is done.
func (r *Registry) removeAgain(ctx context.Context, ours Record) error {
	if err := r.revokeAll(ctx, ours); err != nil {
		return err
	}
	blank := Record{ID: ours.ID, Stamp: r.stamp(ours.Stamp), CreatedAt: ours.CreatedAt, EnrolledBy: ours.EnrolledBy}
	if err := r.Store.PutRecord(ctx, blank); err != nil {
		return fmt.Errorf("blanking the registration: %w", err)
	}
	r.model.apply([]Record{blank}, true)
	return ErrNotFound
}

// switchAll switches the authorizations that a device may use on or off.
func (r *Registry) switchAll(ctx context.Context, rec Record, active bool) error {
	for _, key := range []string{rec.Key, rec.PrevKey} {
		if key == "" {
			continue
		}
		if err := r.Auth.SetActive(ctx, key, active); err != nil {
			return fmt.Errorf("switching the authorization: %w", err)
		}
	}
	return nil
}

// deadline is when a token that is replaced now ends.
func (r *Registry) deadline() time.Time { return r.Clock().UTC().Round(0).Add(RotationDeadline) }

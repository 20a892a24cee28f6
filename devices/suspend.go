package devices

import (
	"context"
	"errors"
)

// Suspend switches the authorizations of a device off without losing them; Resume switches them on again. From the
// call on this process refuses its tokens. Doing it twice is no error. ErrNotFound.
//
// The record is written before the authorizations are switched: one that is off while the record calls the device active
// would look as if it were broken. Should a step fail, this process goes on to refuse the tokens, and calling it again
// does what is missing.
func (r *Registry) Suspend(ctx context.Context, id ID) (Device, error) {
	r.model.halt(id)
	unlock, err := r.locks.lock(ctx, id)
	if err != nil {
		return Device{}, err
	}
	defer unlock()
	rec, err := r.amend(ctx, id, func(rec Record) (Record, error) {
		r.model.halt(id) // it may have become known only now
		rec.Suspended = true
		return rec, nil
	})
	if err == nil || errors.Is(err, ErrNotFound) {
		r.model.release(id) // the record says it from now on, or there is nothing to say
	}
	if err != nil {
		return Device{}, err
	}
	if err := r.switchAll(ctx, rec, false); err != nil {
		return Device{}, err
	}
	return deviceOf(rec), nil
}

// Resume is the way back from Suspend. Doing it twice is no error. ErrNotFound.
//
// It goes the other way round: the authorizations are switched on, then the record says so, and then this process
// accepts the tokens. Should a step fail, the device stays suspended for the app, and calling Resume again, or Suspend,
// completes it. A replaced token gets its whole time again, since the device could not pick up the new one meanwhile.
func (r *Registry) Resume(ctx context.Context, id ID) (Device, error) {
	unlock, err := r.locks.lock(ctx, id)
	if err != nil {
		return Device{}, err
	}
	defer unlock()
	rec, err := r.amend(ctx, id, func(rec Record) (Record, error) {
		if err := r.switchAll(ctx, rec, true); err != nil {
			return rec, err
		}
		if rec.Suspended && rec.PrevKey != "" {
			rec.PrevUntil = r.deadline()
		}
		rec.Suspended = false
		return rec, nil
	})
	if err != nil {
		return Device{}, err
	}
	r.model.release(id)
	return deviceOf(rec), nil
}

package devices

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	tendEvery = time.Minute     // how often the janitor looks without a cause
	tendRetry = 5 * time.Second // pause after a failure
	tendBatch = 64              // devices that are looked after before other work has its turn
	usesEvery = 5 * time.Minute // how often last uses are written and read
)

// Run does what no request waits for, until ctx ends: it ends replaced tokens that were picked up or whose time is over,
// tries again what failed, keeps the last uses of tokens, and reads what other replicas wrote.
func (r *Registry) Run(ctx context.Context) error {
	defer r.lastUses(ctx)
	var j janitor
	for {
		timer := time.NewTimer(j.round(ctx, r))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-r.wake:
			timer.Stop()
			j.tendAt = time.Time{}
		case <-timer.C:
		}
	}
}

// janitor is when each kind of work is due; the zero time: now.
type janitor struct {
	pollAt, tendAt, usesAt time.Time
	failing                bool
}

// round does what is due and gives the time until something else is.
func (j *janitor) round(ctx context.Context, r *Registry) time.Duration {
	var failed error
	do := func(at *time.Time, every time.Duration, work func(context.Context) (time.Duration, error)) {
		if now := r.Clock(); now.Before(*at) && at.Sub(now) <= every { // unless the clock was set back
			return
		}
		next, err := work(ctx)
		if err != nil {
			failed, next = err, tendRetry
		}
		*at = r.Clock().Add(min(next, every))
	}
	poll := tendEvery
	if r.Poll > 0 {
		poll = r.Poll
	}
	do(&j.pollAt, max(poll, tendRetry), func(ctx context.Context) (time.Duration, error) { return poll, r.refresh(ctx) })
	do(&j.tendAt, tendEvery, r.tend)
	if r.Uses != nil && r.loaded.Load() {
		do(&j.usesAt, usesEvery, func(ctx context.Context) (time.Duration, error) {
			return usesEvery, errors.Join(r.saveUses(ctx), r.loadUses(ctx))
		})
	}
	j.tell(ctx, r, failed)
	next := j.pollAt
	if j.tendAt.Before(next) {
		next = j.tendAt
	}
	return max(next.Sub(r.Clock()), 0)
}

// tell logs the first failure of several.
func (j *janitor) tell(ctx context.Context, r *Registry, err error) {
	if ctx.Err() == nil && err != nil && !j.failing {
		r.Log.Warn("looking after device tokens failed; it will be tried again", "error", err)
	}
	j.failing = err != nil
}

// tend ends what is due and gives the time until something else is.
func (r *Registry) tend(ctx context.Context) (time.Duration, error) {
	r.current.Lock()
	undone := r.undone
	r.undone = nil
	r.current.Unlock()
	for i, u := range undone {
		if err := r.undoLocked(ctx, u); err != nil {
			r.current.Lock()
			r.undone = append(r.undone, undone[i:]...)
			r.current.Unlock()
			return 0, fmt.Errorf("taking back a rotation: %w", err)
		}
	}
	c := r.model.chores(r.Clock(), tendBatch)
	for _, id := range c.due {
		if err := r.tidy(ctx, id); err != nil {
			return 0, fmt.Errorf("ending the former token of %s: %w", id, err)
		}
	}
	switch {
	case len(c.due) == tendBatch:
		return 0, nil
	case c.next.IsZero():
		return tendEvery, nil
	default:
		return max(c.next.Sub(r.Clock()), 0), nil
	}
}

func (r *Registry) undoLocked(ctx context.Context, u undo) error {
	unlock, err := r.locks.lock(ctx, u.next.ID)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = r.takeBack(ctx, u)
	return err
}

// tidy ends what is over of a device.
func (r *Registry) tidy(ctx context.Context, id ID) error {
	unlock, err := r.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err = r.amend(ctx, id, r.withoutEnded(ctx)); errors.Is(err, ErrNotFound) {
		return nil // it was removed, and its authorizations with it
	}
	return err
}

// lastUses writes down what was noted until the end.
func (r *Registry) lastUses(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	if err := r.saveUses(ctx); err != nil {
		r.Log.Warn("the last uses of device tokens are lost", "error", err)
	}
}

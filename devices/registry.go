package devices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Registry is who is registered. InfluxDB holds the truth; a read model in this process answers, brought up to date
// before each answer by one query for what changed. It is safe for concurrent use.
type Registry struct {
	RegistryOptions
	model *readModel
	locks keyedMutex
	fresh flight

	loaded  atomic.Bool
	reload  atomic.Bool  // the next refresh starts from the beginning
	current sync.Mutex   // guards the fields below; held by one refresh only for moments
	read    time.Time    // when the last successful refresh started; with the monotonic clock
	lost    []superseded // authorizations of this process that are to be revoked
	undone  []undo       // rotations that are to be taken back

	wake chan struct{} // has a value when a device has picked up its new token

	strangers strangerGate
	writing   writeTokens
}

// overlap is how much further back a refresh looks than the start of the one before: as much as the clocks of
// replicas may differ from this one's.
const overlap = 30 * time.Second

// cleanup is how long undoing may take after the caller's context has ended.
const cleanup = 10 * time.Second

// attempts is how often a change starts again because another replica changed the same device at the same moment.
const attempts = 3

// NewRegistry makes a registry. It reads nothing before it is asked.
func NewRegistry(o RegistryOptions) *Registry {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Registry{RegistryOptions: o, model: newReadModel(), wake: make(chan struct{}, 1)}
}

// Get gives a registered device, or ErrNotFound.
func (r *Registry) Get(ctx context.Context, id ID) (Device, error) {
	if err := r.refresh(ctx); err != nil {
		return Device{}, err
	}
	d, _, registered := r.model.device(id)
	if !registered {
		return Device{}, ErrNotFound
	}
	return d, nil
}

// List gives a page of the registered devices.
func (r *Registry) List(ctx context.Context, o ListOptions) (ListPage, error) {
	if err := r.refresh(ctx); err != nil {
		return ListPage{}, err
	}
	return r.model.page(o), nil
}

// Each calls fn with every registered device, by id. fn may take its time: nothing is locked meanwhile. Its error ends
// the walk and is returned.
func (r *Registry) Each(ctx context.Context, fn func(Device) error) error {
	if err := r.refresh(ctx); err != nil {
		return err
	}
	const chunk = 512
	for last := ID(""); ; {
		devices := r.model.after(last, chunk)
		if len(devices) == 0 {
			return nil
		}
		for _, d := range devices {
			if err := fn(d); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		last = devices[len(devices)-1].ID
	}
}

// Count gives the number of registered devices.
func (r *Registry) Count(ctx context.Context) (int, error) {
	if err := r.refresh(ctx); err != nil {
		return 0, err
	}
	return r.model.count(), nil
}

// Recent gives the newest n registrations and removals, newest first. Only a bounded number is kept.
func (r *Registry) Recent(ctx context.Context, n int) ([]Event, error) {
	if err := r.refresh(ctx); err != nil {
		return nil, err
	}
	return r.model.recent(n), nil
}

// Enrolled gives the number of ids whose newest record names an enrolment key, as it is known here.
func (r *Registry) Enrolled(key string) int { return r.model.enrolled(key) }

// ByToken finds the device that a token belongs to, or ErrNotFound; with ErrSuspended it gives the id as well. It is
// asked for every write, so a token that is known is judged from memory; one that was revoked elsewhere is then refused
// by the database. For an unknown one the read model is brought up to date first, but only so often, whoever asks.
//
// It counts as a use of the token. The first use of a new token ends the one that it replaced, in this process at once.
func (r *Registry) ByToken(ctx context.Context, token string) (ID, error) {
	if token == "" {
		return "", ErrNotFound
	}
	hash := r.Sealer.sum(token)
	if id, err := r.judge(hash); !errors.Is(err, ErrNotFound) {
		return id, err
	}
	if err := r.strangers.do(ctx, r.refresh); err != nil {
		return "", err
	}
	return r.judge(hash)
}

// judge is ByToken with what is known here.
func (r *Registry) judge(hash tokenHash) (ID, error) {
	id, worth, picked := r.model.byToken(hash, r.Clock())
	if picked {
		select {
		case r.wake <- struct{}{}:
		default: // Run has been told already
		}
	}
	switch worth {
	case goodToken:
		return id, nil
	case suspendedToken:
		return id, ErrSuspended
	default:
		return "", ErrNotFound
	}
}

// refresh brings the read model up to date with what was in the store when it was called.
func (r *Registry) refresh(ctx context.Context) error {
	err := r.fresh.do(ctx, r.readChanges)
	if err == nil {
		r.revokeLost(ctx)
	}
	return err
}

// readChanges reads what changed since the last time, or everything.
func (r *Registry) readChanges(ctx context.Context) error {
	now := r.Clock()
	r.current.Lock()
	last := r.read
	r.current.Unlock()

	all := !r.loaded.Load() || r.reload.Swap(false) || stepped(last, now)
	if all {
		loaded := newReadModel()
		err := r.Store.RecordsSince(ctx, time.Time{}, func(rec Record) error {
			loaded.set(rec, false)
			return nil
		})
		if err != nil {
			r.reload.Store(true)
			return fmt.Errorf("loading the registry: %w", err)
		}
		r.noteLost(r.model.replace(loaded, now.Add(-overlap)))
	} else {
		// By the clock of today: what was stamped since the last refresh began, by whichever replica's clock.
		since := now.Round(0).Add(-max(now.Sub(last), 0) - overlap)
		var records []Record
		err := r.Store.RecordsSince(ctx, since, func(rec Record) error {
			records = append(records, rec)
			return nil
		})
		if err != nil {
			return fmt.Errorf("reading changes of the registry: %w", err)
		}
		r.noteLost(r.model.apply(records, false))
	}
	r.current.Lock()
	r.read = now
	r.current.Unlock()
	r.loaded.Store(true)
	return nil
}

// stepped tells that the wall clock was set between two times, so that stamps from before and after do not compare.
func stepped(last, now time.Time) bool {
	step := now.Round(0).Sub(last.Round(0)) - now.Sub(last)
	return step.Abs() > overlap/2
}

// noteLost remembers authorizations that are to be revoked because another replica's record won.
func (r *Registry) noteLost(lost []superseded) {
	if len(lost) == 0 {
		return
	}
	r.current.Lock()
	defer r.current.Unlock()
	r.lost = append(r.lost, lost...)
}

// revokeLost revokes what noteLost remembered. What fails is tried again next time.
func (r *Registry) revokeLost(ctx context.Context) {
	r.current.Lock()
	lost := r.lost
	r.lost = nil
	r.current.Unlock()
	for i, l := range lost {
		if err := r.Auth.Revoke(ctx, l.Key); err != nil {
			r.Log.Warn("an authorization that another replica replaced could not be revoked yet", "device", l.ID, "error", err)
			r.noteLost(lost[i:])
			return
		}
		r.Log.Info("another replica registered the device at the same moment; its authorization holds", "device", l.ID)
	}
}

// stamp is the time of the next record of an id whose newest record so far is stamped last.
func (r *Registry) stamp(last time.Time) time.Time {
	now := r.Clock().UTC().Round(0)
	if !now.After(last) {
		return last.UTC().Add(time.Nanosecond)
	}
	return now
}

// revoke undoes a mint, even if the caller has left.
func (r *Registry) revoke(ctx context.Context, id ID, key string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	defer cancel()
	if err := r.Auth.Revoke(ctx, key); err != nil {
		r.Log.Error("an authorization that is of no use could not be revoked; it will be tried again", "device", id, "authorization", key, "error", err)
		r.noteLost([]superseded{{id, key}})
		return err
	}
	return nil
}

// errBusy is given when replicas keep changing one device.
var errBusy = fmt.Errorf("the device is being changed elsewhere: %w", ErrUnavailable)

// newest reads an id's newest record; an id without any has the zero Record.
func (r *Registry) newest(ctx context.Context, id ID) (Record, error) {
	rec, err := r.Store.Record(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return Record{ID: id}, nil
	}
	return rec, err
}

package people

import (
	"context"
	"sync"
	"time"
)

// What last uses are kept of, as the UseStore calls it.
const (
	useKey     = "apikey"  // by the key's ID
	useAccount = "account" // by name: sign-ins
)

// useInterval is the time between two writes of last uses, and lastWrite how long the one at the end may take.
const (
	useInterval = time.Minute
	lastWrite   = 5 * time.Second
)

// uses is when keys and accounts were last used, as far as this process knows. It is safe for concurrent use.
type uses struct {
	mu sync.Mutex
	of map[string]map[string]use // by kind and id
}

type use struct {
	at      time.Time
	written bool
}

func newUses() *uses {
	return &uses{of: map[string]map[string]use{useKey: {}, useAccount: {}}}
}

// note notes a use.
func (u *uses) note(kind, id string, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if at.After(u.of[kind][id].at) {
		u.of[kind][id] = use{at: at}
	}
}

// last is the newest use; zero for none.
func (u *uses) last(kind, id string) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.of[kind][id].at
}

// merge takes in what the store knows of things that still exist, and forgets those that do not.
func (u *uses) merge(kind string, stored map[string]time.Time, exists func(id string) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, at := range stored {
		if at.After(u.of[kind][id].at) {
			u.of[kind][id] = use{at: at, written: true}
		}
	}
	for id := range u.of[kind] {
		if !exists(id) {
			delete(u.of[kind], id)
		}
	}
}

// unwritten is what the store has not been told yet.
func (u *uses) unwritten(kind string) map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := make(map[string]time.Time)
	for id, one := range u.of[kind] {
		if !one.written {
			out[id] = one.at
		}
	}
	return out
}

// wrote notes that the store was told.
func (u *uses) wrote(kind string, told map[string]time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, at := range told {
		if one, ok := u.of[kind][id]; ok && one.at.Equal(at) {
			u.of[kind][id] = use{at: at, written: true}
		}
	}
}

// Run reads and writes the last uses of keys, until ctx ends; then it writes what is left.
func (d *Directory) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-d.Ledger.Loaded():
	}
	if d.Uses == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	ticker := time.NewTicker(useInterval)
	defer ticker.Stop()
	failing := false
	for write := false; ; write = true {
		err := d.syncUses(ctx, write)
		if err != nil && !failing && ctx.Err() == nil {
			d.Log.Warn("the last uses of keys could not be written or read; it will be tried again", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
			defer cancel()
			if err := d.writeUses(end); err != nil {
				d.Log.Warn("the last uses of keys could not be written at the end", "error", err)
			}
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// syncUses writes what is new here and reads what is new elsewhere.
func (d *Directory) syncUses(ctx context.Context, write bool) error {
	if write {
		if err := d.writeUses(ctx); err != nil {
			return err
		}
	}
	for kind, exists := range map[string]func(string) bool{
		useKey: func(id string) bool {
			_, ok := d.Ledger.Get(kindKey, id)
			return ok || id == EnvironmentKey && d.envHash != ""
		},
		useAccount: func(id string) bool { _, ok := d.Ledger.Get(kindAccount, id); return ok },
	} {
		stored, err := d.Uses.Uses(ctx, kind)
		if err != nil {
			return err
		}
		d.used.merge(kind, stored, exists)
	}
	return nil
}

func (d *Directory) writeUses(ctx context.Context) error {
	for _, kind := range []string{useKey, useAccount} {
		told := d.used.unwritten(kind)
		if len(told) == 0 {
			continue
		}
		if err := d.Uses.PutUses(ctx, kind, told); err != nil {
			return err
		}
		d.used.wrote(kind, told)
	}
	return nil
}

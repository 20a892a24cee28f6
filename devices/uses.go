package devices

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// useGrain is how exact the last use of a token is: it is noted for every write of a device, and written down rarely.
const useGrain = time.Second

// Use notes that a device has just used its token. ByToken does so itself. It is cheap enough for every write.
func (r *Registry) Use(id ID) {
	now := r.Clock()
	r.model.mu.RLock()
	defer r.model.mu.RUnlock()
	if row := r.model.rows[id]; row != nil && row.key != "" {
		row.use(now)
	}
}

// LastUse tells when a device used its token last, on any replica as far as it is known here, to a second or so. The
// zero time: never, or not since long before last uses were kept.
func (r *Registry) LastUse(id ID) time.Time {
	r.model.mu.RLock()
	defer r.model.mu.RUnlock()
	row := r.model.rows[id]
	if row == nil {
		return time.Time{}
	}
	if at := atomic.LoadInt64(&row.used); at != 0 {
		return time.Unix(0, at).UTC()
	}
	return time.Time{}
}

// use is called with the model's read lock held, by many at once.
func (r *row) use(now time.Time) {
	at := now.UnixNano()
	if old := atomic.LoadInt64(&r.used); at-old >= int64(useGrain) {
		atomic.StoreInt64(&r.used, at)
		atomic.StoreUint32(&r.unsaved, 1)
	}
}

// unsaved gives up to n uses that are not stored yet, and counts them as stored.
func (m *readModel) unsaved(n int) map[string]time.Time {
	m.mu.RLock()
	defer m.mu.RUnlock()
	uses := make(map[string]time.Time)
	for id, r := range m.rows {
		if atomic.LoadUint32(&r.unsaved) == 0 {
			continue
		}
		if len(uses) == n {
			break
		}
		atomic.StoreUint32(&r.unsaved, 0)
		uses[string(id)] = time.Unix(0, atomic.LoadInt64(&r.used)).UTC()
	}
	return uses
}

// unsave takes it back that uses are stored.
func (m *readModel) unsave(uses map[string]time.Time) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for id := range uses {
		if r := m.rows[ID(id)]; r != nil && r.key != "" {
			atomic.StoreUint32(&r.unsaved, 1)
		}
	}
}

// learn takes in uses that other replicas saw. Those of ids that are not registered, or
// were not yet, are nobody's.
func (m *readModel) learn(uses map[string]time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, at := range uses {
		if r := m.rows[ID(id)]; r != nil && r.key != "" && at.UnixNano() >= max(r.used, r.created) {
			r.used = at.UnixNano()
		}
	}
}

// saveUses writes down the uses that are not stored yet.
func (r *Registry) saveUses(ctx context.Context) error {
	if r.Uses == nil {
		return nil
	}
	for {
		uses := r.model.unsaved(UsesBatch)
		if len(uses) == 0 {
			return nil
		}
		if err := r.Uses.PutUses(ctx, UsesKind, uses); err != nil {
			r.model.unsave(uses)
			return fmt.Errorf("writing the last uses of tokens: %w", err)
		}
	}
}

// loadUses reads the uses that other replicas, or this one before it was started, wrote down.
func (r *Registry) loadUses(ctx context.Context) error {
	if r.Uses == nil {
		return nil
	}
	uses, err := r.Uses.Uses(ctx, UsesKind)
	if err != nil {
		return fmt.Errorf("reading the last uses of tokens: %w", err)
	}
	r.model.learn(uses)
	return nil
}

package embedded

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/influxdata/influxdb/tsdb"
)

// pause is held for reading over each change of what is stored, and alone while
// a backup takes its picture. It is taken before any bucket's gate, by writes
// and backups after they have entered the engine, and never twice by one request: a backup that waits in between would stop both.
type pause struct{ sync.RWMutex }

// readsOnly are the requests that change nothing although they are no GET.
// Writes stand here too: they take the pause for themselves, in writePoints,
// once their body has arrived.
var readsOnly = map[string]bool{"/api/v2/query": true, "/query": true, "/api/v2/write": true, "/write": true}

// paused lets the changes of a route wait while a backup takes its picture.
// The body is read before: a slow client would otherwise hold up a backup, and
// the backup that waits all others.
func (s *Server) paused(path string, m methods) methods {
	for method, e := range m {
		if method == http.MethodGet || method == "" || readsOnly[path] {
			continue
		}
		m[method] = func(w http.ResponseWriter, r *http.Request) error {
			if r.Body != nil {
				body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJSONBody))
				if err != nil {
					return bodyError(err, "body cannot be read: %v")
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
			s.pause.RLock()
			defer s.pause.RUnlock()
			return e(w, r)
		}
	}
	return m
}

// pausedMeta and pausedStore are what the retention service works on: it, too,
// waits while a backup takes its picture.
type pausedMeta struct {
	*metaStore
	pause *pause
}

// DeleteShardGroup marks a shard group deleted.
func (m pausedMeta) DeleteShardGroup(database, policy string, id uint64) error {
	m.pause.RLock()
	defer m.pause.RUnlock()
	return m.metaStore.DeleteShardGroup(database, policy, id)
}

// PruneShardGroups forgets shard groups that were deleted long ago.
func (m pausedMeta) PruneShardGroups() error {
	m.pause.RLock()
	defer m.pause.RUnlock()
	return m.metaStore.PruneShardGroups()
}

type pausedStore struct {
	*tsdb.Store
	pause *pause
}

// DeleteShard removes the files of a shard.
func (t pausedStore) DeleteShard(id uint64) error {
	t.pause.RLock()
	defer t.pause.RUnlock()
	return t.Store.DeleteShard(id)
}

// picture runs fn while nothing changes, and tells how long that took.
func (p *pause) picture(clock func() time.Time, fn func() error) (time.Duration, error) {
	p.Lock()
	defer p.Unlock()
	began := clock()
	err := fn()
	return clock().Sub(began), err
}

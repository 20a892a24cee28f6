package embedded

import "sync"

// bucketGates holds a lock for each bucket. Writes share it; it is taken alone
// to create fields, to delete points, and to remove the bucket's data: a write
// in flight would make a shard of a database that is gone.
type bucketGates struct {
	mu    sync.Mutex
	gates map[string]*sync.RWMutex
}

// of answers the bucket's lock. It stays when the bucket goes, for whoever
// still waits at it.
func (g *bucketGates) of(bucketID string) *sync.RWMutex {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gates == nil {
		g.gates = map[string]*sync.RWMutex{}
	}
	gate := g.gates[bucketID]
	if gate == nil {
		gate = new(sync.RWMutex)
		g.gates[bucketID] = gate
	}
	return gate
}

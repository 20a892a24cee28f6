package embedded

import "sync"

// bucketGates holds a gate for each bucket.
type bucketGates struct {
	mu    sync.Mutex
	gates map[string]*bucketGate
}

// bucketGate is a lock that writes share. It is taken alone to create fields,
// to delete points, and to remove the bucket's data: a write in flight would
// make a shard of a database that is gone. Small writes wait at it for one
// another, to be committed together.
type bucketGate struct {
	sync.RWMutex
	group commitGroup
}

// of answers the bucket's gate. It stays when the bucket goes, for whoever
// still waits at it.
func (g *bucketGates) of(bucketID string) *bucketGate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gates == nil {
		g.gates = map[string]*bucketGate{}
	}
	gate := g.gates[bucketID]
	if gate == nil {
		gate = new(bucketGate)
		g.gates[bucketID] = gate
	}
	return gate
}

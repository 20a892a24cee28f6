package embedded

import (
	"time"

	"github.com/influxdata/influxdb/tsdb"
)

// idleEvery is how often shards that rest are looked for.
const idleEvery = 10 * time.Second

// restIdleShards gives back what shards hold that are neither written to nor
// have anything to compact, and wakes those that have. The engine has a loop of
// its own for this, which cannot be stopped and so would race with opening the
// engine again.
func (s *Server) restIdleShards() {
	tick := time.NewTicker(idleEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.base.Done():
			return
		case <-tick.C:
		}
		s.restOnce()
	}
}

// restOnce looks at each shard once. A shard that seems to rest may be written to in the next moment, and what is in its
// cache then would be freed with the rest: the point would be gone for readers, although it was acknowledged. So writes
// to the bucket wait while its shards are looked at again and freed.
func (s *Server) restOnce() {
	_, use, err := s.engine.enter(s.base)
	if err != nil {
		return
	}
	defer use.leave()
	resting := map[string][]*tsdb.Shard{} // by bucket
	for _, id := range s.store.ShardIDs() {
		shard := s.store.Shard(id)
		if shard == nil { // deleted in the meantime
			continue
		}
		if idle, _ := shard.IsIdle(); idle {
			resting[shard.Database()] = append(resting[shard.Database()], shard)
		} else {
			shard.SetCompactionsEnabled(true)
		}
	}
	for bucketID, shards := range resting {
		s.freeShards(s.gates.of(bucketID), shards)
	}
}

func (s *Server) freeShards(gate *bucketGate, shards []*tsdb.Shard) {
	gate.Lock()
	defer gate.Unlock()
	for _, shard := range shards {
		if idle, _ := shard.IsIdle(); !idle {
			continue
		}
		if err := shard.Free(); err != nil {
			s.log.Warn("free an idle shard", "shard", shard.ID(), "error", err)
		}
	}
}

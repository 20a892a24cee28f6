package embedded

import "time"

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

func (s *Server) restOnce() {
	_, use, err := s.engine.enter(s.base)
	if err != nil {
		return
	}
	defer use.leave()
	for _, id := range s.store.ShardIDs() {
		shard := s.store.Shard(id)
		if shard == nil { // deleted in the meantime
			continue
		}
		if idle, _ := shard.IsIdle(); !idle {
			shard.SetCompactionsEnabled(true)
		} else if err := shard.Free(); err != nil {
			s.log.Warn("free an idle shard", "shard", id, "error", err)
		}
	}
}

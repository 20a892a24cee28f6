package embedded

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// After a write that failed on the disk the engine stays stuck, even when there
// is room again, and its cache holds points that were refused. Only closing and
// opening it heals both: what is read again from the WAL is what was acknowledged.

const (
	takePatience = 3 * time.Second
	reopenEvery  = time.Second
)

// recovery opens the engine again after a fault, one at a time.
type recovery struct {
	mu      sync.Mutex
	pending atomic.Bool // a fault is not yet made good: writes are refused
	taken   bool        // the engine is kept from everyone until it opens
}

// engineFault is a write that the engine could not do, for no reason that lies in the points.
type engineFault struct {
	shard uint64
	err   error
}

func (e *engineFault) Error() string { return fmt.Sprintf("shard %d: %v", e.shard, e.err) }
func (e *engineFault) Unwrap() error { return e.err }

// heal opens the engine again, unless that was done since the given opening.
// Where it cannot be done at once, it goes on in the background.
func (s *Server) heal(opening uint64) {
	s.recovery.mu.Lock()
	defer s.recovery.mu.Unlock()
	if s.recovery.pending.Load() || s.engine.openings() != opening {
		return
	}
	if s.reopen() {
		return
	}
	s.recovery.pending.Store(true)
	s.background.Go(func() {
		tick := time.NewTicker(reopenEvery)
		defer tick.Stop()
		for {
			select {
			case <-s.base.Done():
				return
			case <-tick.C:
			}
			if s.reopen() {
				s.recovery.pending.Store(false)
				return
			}
		}
	})
}

// reopen takes the engine from everyone, closes it, mends its WAL and opens it.
// If it does not open, it stays taken for the next try: nobody may see an
// engine with parts missing.
func (s *Server) reopen() bool {
	begin := s.clock()
	if !s.recovery.taken && !s.engine.take(takePatience) {
		s.log.Warn("the storage engine must be opened again and waits for requests that go on")
		return false
	}
	s.recovery.taken = true
	if err := s.reopenStore(); err != nil {
		s.log.Error("the storage engine cannot be opened again; trying on", "error", err)
		return false
	}
	s.space.forget()
	s.recovery.taken = false
	s.engine.give()
	s.log.Warn("the storage engine was opened again after a fault of the disk", "elapsed", s.clock().Sub(begin).Round(time.Millisecond))
	return true
}

func (s *Server) reopenStore() error {
	// The retention service deletes shards by itself; a store without shards would let it forget them.
	err := s.retention.Close()
	if cerr := s.closeStore(); cerr != nil {
		return errors.Join(err, fmt.Errorf("close storage engine: %w", cerr))
	}
	if err := s.checkWAL(); err != nil {
		return err
	}
	if err := s.store.Open(); err != nil {
		return fmt.Errorf("open storage engine: %w", err)
	}
	closed, cerr := s.closedShards()
	if err = errors.Join(err, cerr); len(closed) > s.closed {
		err = errors.Join(err, fmt.Errorf("%d shards could not be opened, such as %s", len(closed)-s.closed, closed[0]))
	}
	return errors.Join(err, s.retention.Open())
}

// closeStore closes the engine. After an attempt that failed the library panics at the next.
func (s *Server) closeStore() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return s.store.Close()
}

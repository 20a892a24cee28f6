package handlers

import (
	"context"
	"slices"
	"sync"
	"time"
)

// How much of the dialects' heavy work may be under way at once on this replica.
const (
	readsOfAll   = 8 // answers that are read into their spool or sent from it
	readsOfKey   = 2
	batchesOfAll = 4 // large batches that are parsed and written
	batchesOfOne = 2 // of one product, or of one key
	pagesOfAll   = 8 // lists of sensors, pages of data points that are read, and large ones until they are sent
	pagesOfKey   = 4

	turnWait  = 3 * time.Second // how long somebody waits for a turn
	turnQueue = 200             // how many wait; whoever comes then is refused at once
)

// gate lets so many in at once, and fewer of one sender; others wait for their turn, first come, first served. One sender's
// waiting ones stand in nobody else's way. It is safe for concurrent use.
type gate struct {
	all, one int
	patience time.Duration
	what     string // what is done behind the gate, for those who are refused

	mu     sync.Mutex
	inside int
	by     map[string]int // only senders that have any inside
	queue  []*turn        // oldest first
}

// turn is somebody who waits; its channel is closed once it is let in.
type turn struct {
	sender string
	come   chan struct{}
}

func newGate(all, one int, what string) *gate {
	return &gate{all: all, one: one, patience: turnWait, what: what, by: map[string]int{}}
}

// enter waits for a turn; call leave once the work is done. Errors: a 429, and ctx's own.
func (g *gate) enter(ctx context.Context, sender string) (leave func(), err error) {
	leave = sync.OnceFunc(func() { g.leave(sender) })
	g.mu.Lock()
	if g.room(sender) {
		g.take(sender)
		g.mu.Unlock()
		return leave, nil
	}
	if len(g.queue) >= turnQueue {
		g.mu.Unlock()
		return nil, g.refusal()
	}
	mine := &turn{sender, make(chan struct{})}
	g.queue = append(g.queue, mine)
	g.mu.Unlock()

	timer := time.NewTimer(g.patience)
	defer timer.Stop()
	select {
	case <-mine.come:
		return leave, nil
	case <-timer.C:
		err = g.refusal()
	case <-ctx.Done():
		err = ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.queue, mine); i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
		return nil, err
	}
	// The turn came in the same moment.
	if ctx.Err() == nil {
		return leave, nil
	}
	g.release(sender)
	return nil, err
}

func (g *gate) refusal() error {
	return tooMany("Too many "+g.what+" are under way. Please try again in a moment.", time.Second)
}

// room tells whether a sender may enter now. The caller holds mu, here and below.
func (g *gate) room(sender string) bool { return g.inside < g.all && g.by[sender] < g.one }

func (g *gate) take(sender string) {
	g.inside++
	g.by[sender]++
}

func (g *gate) leave(sender string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.release(sender)
}

// release makes room, and lets those in for whom there is some.
func (g *gate) release(sender string) {
	g.inside--
	if g.by[sender]--; g.by[sender] == 0 {
		delete(g.by, sender)
	}
	g.queue = slices.DeleteFunc(g.queue, func(t *turn) bool {
		if !g.room(t.sender) {
			return false
		}
		g.take(t.sender)
		close(t.come)
		return true
	})
}

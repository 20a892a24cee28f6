package embedded

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"github.com/influxdata/influxdb/models"
)

// Group commit: an fsync takes as long for one point as for a thousand, so
// small writes that come while another is being committed are committed
// together, with one fsync for all of them. The first of them leads: it writes
// for the others, and each is answered once its points are on disk. A write
// that meets no other goes straight through.

const (
	// groupWrite is the most points of a write that joins others. A larger one
	// has an fsync of its own: it would make the small ones wait for its size.
	groupWrite = 500
	// groupPoints is the most points of one commit.
	groupPoints = 10_000
)

// commitGroup are the small writes of a bucket that wait for the next commit.
type commitGroup struct {
	mu      sync.Mutex
	busy    bool // a leader is at work
	waiting []*groupedWrite
}

// groupedWrite is one write of a group.
type groupedWrite struct {
	points []models.Point
	err    error
	done   chan struct{} // closed when err is final
	lead   chan struct{} // closed to make this write the next leader
}

// commitTogether writes points of a bucket together with other small writes.
func (s *Server) commitTogether(ctx context.Context, bucketID string, points []models.Point) error {
	g := &s.gates.of(bucketID).group
	w := &groupedWrite{points: points, done: make(chan struct{}), lead: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	leads := !g.busy
	g.busy = true
	g.mu.Unlock()
	if !leads {
		select {
		case <-w.done:
			return w.err
		case <-w.lead:
		}
	}
	// The leader's own request may be cancelled; the others' are not.
	ctx = context.WithoutCancel(ctx)
	group := g.take()
	defer func() { // also when the engine panics: nobody may wait for ever
		g.handOver()
		for _, member := range group {
			close(member.done)
		}
	}()
	s.commit(ctx, bucketID, group)
	return w.err
}

// take gives the writes of the next commit, oldest first. The leader's own is the first.
func (g *commitGroup) take() []*groupedWrite {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, points := 0, 0
	for n < len(g.waiting) && points < groupPoints {
		points += len(g.waiting[n].points)
		n++
	}
	group := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return group
}

// handOver makes the oldest write that waits the leader of the next commit.
func (g *commitGroup) handOver() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.busy, g.waiting = false, nil
		return
	}
	close(g.waiting[0].lead)
}

// commit writes a group and sets the error of each member. Where part of a
// group is refused, each is written by itself, in the same order, to find out
// whose part that was: the same points written twice are the same points.
func (s *Server) commit(ctx context.Context, bucketID string, group []*groupedWrite) {
	if len(group) == 1 {
		group[0].err = s.commitAlone(ctx, bucketID, group[0].points)
		return
	}
	var all []models.Point
	for _, w := range group {
		all, w.err = append(all, w.points...), errPanic
	}
	err := s.commitAlone(ctx, bucketID, all)
	if isPartial(err) {
		for _, w := range group {
			w.err = s.commitAlone(ctx, bucketID, w.points)
		}
		return
	}
	for _, w := range group {
		w.err = err
	}
}

// isPartial: some of the points were refused for what they are.
func isPartial(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.status == http.StatusUnprocessableEntity
}

package helium

import (
	"slices"
	"sync"

	"iotcenter/devices"
)

// Bounds of live streams.
const (
	liveBuffer   = 256  // points that a subscriber may lag behind
	maxLive      = 1000 // streams of this process
	maxLiveOwner = 100  // of one owner
)

// Live is a stream of the points that this process writes from now on.
type Live struct {
	// C carries the points; it is closed when the subscriber is too slow or Close was called.
	C <-chan Point

	out   chan Point
	owner devices.ID
	ports []string // nil: all
	of    *streams
}

// streams are the live streams that are open. A stream costs a channel and no goroutine.
type streams struct {
	mu    sync.Mutex
	open  map[devices.ID]map[*Live]struct{}
	count int
}

// Subscribe opens a stream of an owner's points, of all ports or of some. ok is false when there are too many streams.
// Close it.
func (t *Timeseries) Subscribe(owner devices.ID, ports []string) (l *Live, ok bool) {
	s := &t.live
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count >= maxLive || len(s.open[owner]) >= maxLiveOwner {
		return nil, false
	}
	l = &Live{out: make(chan Point, liveBuffer), owner: owner, ports: slices.Clone(ports), of: s}
	l.C = l.out
	if s.open[owner] == nil {
		s.open[owner] = map[*Live]struct{}{}
	}
	s.open[owner][l] = struct{}{}
	s.count++
	return l, true
}

// Close ends the stream. It may be called more than once.
func (l *Live) Close() {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.of.end(l)
}

// publish hands a point to the streams that want it. It waits for nobody: a stream that is full is ended.
func (s *streams) publish(p Point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.open[p.Owner] {
		if len(l.ports) > 0 && !slices.Contains(l.ports, p.Port) {
			continue
		}
		select {
		case l.out <- p:
		default:
			s.end(l)
		}
	}
}

// end closes a stream that is open; the lock is held.
func (s *streams) end(l *Live) {
	if _, open := s.open[l.owner][l]; !open {
		return
	}
	delete(s.open[l.owner], l)
	if len(s.open[l.owner]) == 0 {
		delete(s.open, l.owner)
	}
	s.count--
	close(l.out)
}

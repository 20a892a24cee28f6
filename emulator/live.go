package emulator

import (
	"context"
	"errors"
	"sync"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// Live is the live switches: while a device's switch is on, a point is written for it Every so often. Points that
// could not be written are kept, up to a bound, and written with the next ones. It is safe for concurrent use.
type Live struct {
	Options
	base context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup

	mu       sync.Mutex
	switches map[devices.ID]*liveSwitch
	closed   bool
}

// liveSwitch is a device's switch since it was last turned on.
type liveSwitch struct {
	running context.Context // ends when it is turned off
	stop    context.CancelFunc
	done    chan struct{} // closed after its last write

	mu     sync.Mutex
	status LiveStatus
}

const (
	keptLines  = 360             // points that wait for the database: an hour
	flushLimit = 5 * time.Second // for the last try after the switch was turned off
)

// NewLive makes the live switches of a process, all of them off.
func NewLive(o Options) *Live {
	l := &Live{Options: o.withDefaults(), switches: make(map[devices.ID]*liveSwitch)}
	l.base, l.stop = context.WithCancel(context.Background())
	return l
}

// Set turns a device's switch on or off. Turning it on fails when the device has no token (devices.ErrNotFound: it is
// not registered); turning it off waits until the last point is written or given up.
func (l *Live) Set(ctx context.Context, id devices.ID, on bool) error {
	if !on {
		return l.off(ctx, id)
	}
	if err := ready(ctx, l.Registry, id); err != nil {
		return err
	}
	for {
		ending, err := l.turnOn(id)
		if ending == nil {
			return err
		}
		select {
		case <-ending:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// turnOn turns a switch on unless it is on. One that was turned off and still writes its last points cannot be: ending
// is closed when it is done.
func (l *Live) turnOn(id devices.ID) (ending <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	if s := l.switches[id]; s != nil && s.read().On {
		if s.running.Err() != nil {
			return s.done, nil
		}
		return nil, nil
	}
	running, stop := context.WithCancel(l.base)
	s := &liveSwitch{running: running, stop: stop, done: make(chan struct{}), status: LiveStatus{On: true, Since: l.Clock()}}
	l.switches[id] = s
	l.work.Go(func() {
		defer close(s.done)
		defer stop()
		l.run(running, s, id)
	})
	return nil, nil
}

func (l *Live) off(ctx context.Context, id devices.ID) error {
	l.mu.Lock()
	s := l.switches[id]
	l.mu.Unlock()
	if s == nil {
		return nil
	}
	s.stop()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Status gives the state of a device's switch. After it was turned off it still tells what was written.
func (l *Live) Status(id devices.ID) LiveStatus {
	l.mu.Lock()
	s := l.switches[id]
	l.mu.Unlock()
	if s == nil {
		return LiveStatus{}
	}
	return s.read()
}

// Close turns all switches off and waits for their last points, until ctx ends.
func (l *Live) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.stop()
	return waitFor(ctx, &l.work)
}

// run writes points until ctx ends or the device is no more.
func (l *Live) run(ctx context.Context, s *liveSwitch, id devices.ID) {
	line := newLiner(l.Seed, id)
	var waiting [][]byte
	defer func() {
		// What could not be written yet has one more chance, and the switch goes off only then.
		final, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLimit)
		defer cancel()
		if len(waiting) > 0 {
			l.flush(final, s, id, &waiting)
		}
		s.change(func(st *LiveStatus) { st.On = false })
	}()
	ticker := time.NewTicker(Every)
	defer ticker.Stop()
	for {
		waiting = append(waiting, line.append(nil, l.Clock()))
		waiting = waiting[max(0, len(waiting)-keptLines):]
		// A write that takes longer than the next tick is given up, and done again then.
		attempt, cancel := context.WithTimeout(ctx, Every)
		err := l.flush(attempt, s, id, &waiting)
		cancel()
		if errors.Is(err, devices.ErrNotFound) {
			waiting = nil // nobody is there to write as
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// flush writes the waiting lines in one go.
func (l *Live) flush(ctx context.Context, s *liveSwitch, id devices.ID, waiting *[][]byte) error {
	var lines []byte
	for _, one := range *waiting {
		lines = append(lines, one...)
	}
	_, err := l.Intake.ForDevice(ctx, id, lines, precision)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return err // turned off in the middle of it; the last try follows
	}
	if err != nil {
		l.Log.Warn("a live point could not be written", "device", id, "waiting", len(*waiting), "error", err)
		s.change(func(st *LiveStatus) { st.Err = reason(err) })
		if errors.Is(err, telemetry.ErrRejected) || errors.Is(err, telemetry.ErrMalformed) {
			*waiting = nil // it will not get better, and the next points are not to suffer for it
		}
		return err
	}
	written := len(*waiting)
	*waiting = nil
	s.change(func(st *LiveStatus) {
		st.LastWrite, st.Err = l.Clock(), ""
		st.Points += written
	})
	return nil
}

func (s *liveSwitch) read() LiveStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *liveSwitch) change(change func(*LiveStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}

package devices

import (
	"context"
	"sync"
)

// flight lets many callers share one run of some work, in such a way that each caller sees the result of a run that
// STARTED after the caller came: whoever comes during a run waits for the next one.
type flight struct {
	mu            sync.Mutex
	running, next *run
}

// run is one run of the work. It is cancelled when nobody waits for it any more.
type run struct {
	ctx     context.Context
	cancel  context.CancelFunc
	work    func(context.Context) error
	done    chan struct{}
	err     error
	waiters int
}

// do runs work, or shares a run that has not started yet. It returns early, with the context's error, when ctx ends.
func (f *flight) do(ctx context.Context, work func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	var r *run
	switch {
	case f.running == nil:
		r = newRun(ctx, work)
		f.running = r
		go f.finish(r)
	case f.next == nil:
		r = newRun(ctx, work)
		f.next = r
	default:
		r = f.next
	}
	r.waiters++
	f.mu.Unlock()

	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.waiters--; r.waiters == 0 {
		r.cancel()
		if f.next == r {
			f.next = nil
		}
	}
	return ctx.Err()
}

func newRun(ctx context.Context, work func(context.Context) error) *run {
	r := &run{work: work, done: make(chan struct{})}
	// The first caller may leave while others still wait.
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return r
}

func (f *flight) finish(r *run) {
	r.err = r.work(r.ctx)
	r.cancel()
	f.mu.Lock()
	defer f.mu.Unlock()
	close(r.done)
	f.running, f.next = f.next, nil
	if f.running != nil {
		go f.finish(f.running)
	}
}

// keyedMutex is a mutex for each id. Waiting for it ends with the context.
type keyedMutex struct {
	mu    sync.Mutex
	locks map[ID]*keyedLock
}

type keyedLock struct {
	held chan struct{} // has one value while it is locked
	refs int           // holder and waiters
}

// lock waits for the id's mutex and returns the function that unlocks it.
func (k *keyedMutex) lock(ctx context.Context, id ID) (unlock func(), err error) {
	k.mu.Lock()
	if k.locks == nil {
		k.locks = make(map[ID]*keyedLock)
	}
	l := k.locks[id]
	if l == nil {
		l = &keyedLock{held: make(chan struct{}, 1)}
		k.locks[id] = l
	}
	l.refs++
	k.mu.Unlock()

	leave := func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.refs--; l.refs == 0 {
			delete(k.locks, id)
		}
	}
	select {
	case l.held <- struct{}{}:
		return func() { <-l.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

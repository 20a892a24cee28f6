package emulator

import (
	"context"
	"sync"
)

// job is one backfill: its progress, and who watches it.
type job struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed at the end
	err    error         // valid when done is closed

	mu       sync.Mutex
	progress Progress
	changed  chan struct{} // closed, and replaced, with each change
}

func newJob(p Progress, cancel context.CancelCauseFunc) *job {
	return &job{cancel: cancel, done: make(chan struct{}), progress: p, changed: make(chan struct{})}
}

func (j *job) read() Progress {
	p, _ := j.readAndWatch()
	return p
}

// readAndWatch gives the progress and a channel that is closed when it changes.
func (j *job) readAndWatch() (Progress, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.progress, j.changed
}

func (j *job) update(change func(*Progress)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.progress)
	close(j.changed)
	j.changed = make(chan struct{})
}

// finish ends the job. No watcher sees the end before Start would accept the next one.
func (j *job) finish(p Progress, err error) {
	j.err = err
	j.update(func(now *Progress) { *now = p })
	close(j.done)
}

// feed sends the progress to a watcher until the end.
func (j *job) feed(ctx context.Context, out chan<- Progress) {
	defer close(out)
	for {
		p, changed := j.readAndWatch()
		select {
		case out <- p:
		case <-changed:
			continue // there is something newer to send
		case <-ctx.Done():
			return
		}
		if p.State != Running {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// ErrCancelled: somebody cancelled the backfill before its end. It matches context.Canceled.
var ErrCancelled = fmt.Errorf("the backfill was cancelled: %w", context.Canceled)

// nothingNew is the closing message when nothing was missing.
const nothingNew = "No new data were written to InfluxDB, the current measurement is already written."

// Backfills writes what is missing of virtual devices: one point a minute from the last stored one until now, at most
// MaxBack. One runs for a device at a time. What was written stays: a backfill that was cancelled, or failed, or
// died with the program goes on at the last stored point when it is started again. It is safe for concurrent use.
type Backfills struct {
	Options
	base context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex
	jobs   map[devices.ID]*job // the newest of each device
	closed bool
}

const (
	keptJobs  = 256             // ended backfills whose progress is remembered
	saveLimit = 5 * time.Second // for the record of a run
)

// NewBackfills makes the backfills of a process.
func NewBackfills(o Options) *Backfills {
	b := &Backfills{Options: o.withDefaults(), jobs: make(map[devices.ID]*job)}
	b.base, b.stop = context.WithCancel(context.Background())
	return b
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Start begins a backfill and does not wait for it; by says who asked. ErrRunning if one is running.
func (b *Backfills) Start(id devices.ID, by string) error {
	_, err := b.start(b.base, id, by)
	return err
}

// Run does a backfill and gives the number of points written. It ends early when ctx does. ErrRunning if one is running.
func (b *Backfills) Run(ctx context.Context, id devices.ID, by string) (written int, err error) {
	j, err := b.start(ctx, id, by)
	if err != nil {
		return 0, err
	}
	<-j.done
	return j.read().Written, j.err
}

func (b *Backfills) start(ctx context.Context, id devices.ID, by string) (*job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	if old := b.jobs[id]; old != nil && old.read().State == Running {
		return nil, ErrRunning
	}
	b.forgetOld()
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(b.base, func() { cancel(ErrClosed) })
	j := newJob(Progress{Device: id, State: Running, Started: b.Clock()}, cancel)
	b.jobs[id] = j
	b.work.Go(func() {
		defer cancel(nil)
		defer unhook()
		b.run(ctx, j, id, by)
	})
	return j, nil
}

// forgetOld forgets the oldest of the ended backfills when there are many.
func (b *Backfills) forgetOld() {
	if len(b.jobs) < keptJobs {
		return
	}
	var oldest devices.ID
	var ended time.Time
	for id, j := range b.jobs {
		if p := j.read(); p.State != Running && (oldest == "" || p.Ended.Before(ended)) {
			oldest, ended = id, p.Ended
		}
	}
	delete(b.jobs, oldest)
}

// Cancel ends a running backfill; false if none is running. The batch that is being written is given up: the database
// may have it or not, and the next backfill finds out.
func (b *Backfills) Cancel(id devices.ID) bool {
	j := b.job(id)
	if j == nil || j.read().State != Running {
		return false
	}
	j.cancel(ErrCancelled)
	return true
}

// Progress gives where the newest backfill of a device stands; false if there was none that is remembered.
func (b *Backfills) Progress(id devices.ID) (Progress, bool) {
	j := b.job(id)
	if j == nil {
		return Progress{}, false
	}
	return j.read(), true
}

// Watch gives the progress of a device's newest backfill as it changes, the last state for sure; then the channel is
// closed. A slow watcher misses what came in between and holds nobody up. The channel also closes when ctx ends, and
// at once if there is no backfill.
func (b *Backfills) Watch(ctx context.Context, id devices.ID) <-chan Progress {
	out := make(chan Progress)
	j := b.job(id)
	if j == nil {
		close(out)
		return out
	}
	go j.feed(ctx, out)
	return out
}

// Runs gives the newest n ended backfills of a device, newest first.
func (b *Backfills) Runs(ctx context.Context, id devices.ID, n int) ([]Run, error) {
	return b.Options.Runs.Runs(ctx, id, n)
}

// Close ends all backfills and waits for them, until ctx ends.
func (b *Backfills) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.stop()
	return waitFor(ctx, &b.work)
}

// waitFor waits for a group until ctx ends.
func waitFor(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *Backfills) job(id devices.ID) *job {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.jobs[id]
}

// run does the work of a job, and closes it.
func (b *Backfills) run(ctx context.Context, j *job, id devices.ID, by string) {
	err := b.fill(ctx, j, id)
	p := j.read()
	p.Ended = b.Clock()
	switch {
	case err == nil:
		p.State, p.Message = Done, nothingNew
		if p.Written > 0 {
			p.Message = pointsWritten(p.Written)
		}
	case ctx.Err() != nil: // somebody ended it; what a write made of that does not matter
		err = context.Cause(ctx)
		p.State, p.Message = Cancelled, "Cancelled. "+pointsWritten(p.Written)
	default:
		p.State, p.Err = Failed, reason(err)
		p.Message = p.Err + " " + pointsWritten(p.Written)
		b.Log.Warn("a backfill failed", "device", id, "written", p.Written, "error", err)
	}
	b.save(ctx, p, by, err)
	j.finish(p, err)
}

func pointsWritten(n int) string {
	if n == 1 {
		return "1 point was written to InfluxDB."
	}
	return telemetry.FormatCount(n) + " points were written to InfluxDB."
}

// save keeps a record of the run. That it fails is no reason to call the run failed.
func (b *Backfills) save(ctx context.Context, p Progress, by string, failed error) {
	if b.Options.Runs == nil || errors.Is(failed, devices.ErrNotFound) { // nobody's run
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLimit)
	defer cancel()
	run := Run{Device: p.Device, Started: p.Started, Took: p.Ended.Sub(p.Started), Written: p.Written, Result: string(p.State), Message: p.Message, By: by}
	if err := b.Options.Runs.SaveRun(ctx, run); err != nil {
		b.Log.Warn("the record of a backfill could not be kept", "device", p.Device, "error", err)
	}
}

// write tries once.
func (b *Backfills) write(ctx context.Context, id devices.ID, lines []byte) error {
	_, err := b.Intake.ForDevice(ctx, id, lines, precision)
	return err
}

// fill writes what is missing.
func (b *Backfills) fill(ctx context.Context, j *job, id devices.ID) error {
	err := persist(ctx, func() error { return ready(ctx, b.Registry, id) })
	if err != nil {
		return err
	}
	now := b.Clock()
	var last time.Time
	err = persist(ctx, func() (err error) {
		last, err = b.Last.LastEntry(ctx, id, telemetry.Environment, now.Add(-MaxBack))
		return err
	})
	if err != nil {
		return err
	}
	from, to, total := missing(last, now)
	if total == 0 {
		return nil
	}
	j.update(func(p *Progress) { p.From, p.To, p.Total = from, to, total })

	line := newLiner(b.Seed, id)
	var lines []byte
	for written := 0; written < total; {
		lines = lines[:0]
		size := min(Batch, total-written)
		for i := range size {
			lines = line.append(lines, from.Add(time.Duration(written+i)*Step))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := persist(ctx, func() error { return b.write(ctx, id, lines) }); err != nil {
			return err
		}
		written += size
		j.update(func(p *Progress) { p.Written = written })
	}
	return nil
}

// missing gives the first and the last whole minute after the last stored point, and how many they are.
func missing(last, now time.Time) (from, to time.Time, total int) {
	to = now.UTC().Truncate(Step)
	from = to.Add(Step - MaxBack)
	if next := last.UTC().Truncate(Step).Add(Step); next.After(from) {
		from = next
	}
	if from.After(to) {
		return from, to, 0
	}
	return from, to, int(to.Sub(from)/Step) + 1
}

package fluxquery

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
	"time"
)

// work is one query from the inside: what its goroutines have in common, and how they end.
//
// They end by runtime.Goexit, wherever they come by: the library has no way out of the middle of a table but a panic, and one
// that comes while its workers are being stopped leaves them all waiting for each other for ever. For the same reason a query
// that has reached a limit ends its context first, so that nothing else of it goes on.
type work struct {
	id     string
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// workLabel marks the goroutines of queries, which hand it down to those that they start; a profile shows it as well. The
// library does not tell when its workers have ended.
const workLabel = "flux query"

var works atomic.Int64

type workKey struct{}

// newWork begins a query. Its context ends with the query or with the one that is given.
func newWork(ctx context.Context, timeout time.Duration) (job *work, cancel func()) {
	job = &work{id: fmt.Sprint(works.Add(1))}
	ctx, free := context.WithTimeoutCause(ctx, timeout, ErrTimeout)
	ctx, job.cancel = context.WithCancelCause(ctx)
	job.ctx = context.WithValue(ctx, workKey{}, job)
	return job, func() { job.cancel(nil); free() }
}

// workOf gives the query that a context belongs to.
func workOf(ctx context.Context) *work {
	if job, ok := ctx.Value(workKey{}).(*work); ok {
		return job
	}
	return &work{ctx: ctx, cancel: func(error) {}}
}

// do runs f, and all that it starts, as part of the work, and waits for it.
func (w *work) do(f func(context.Context)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		pprof.Do(w.ctx, pprof.Labels(workLabel, w.id), f)
	}()
	<-done
}

// goOn returns while the query goes on, and otherwise ends the goroutine.
func (w *work) goOn() {
	if w.ctx.Err() != nil {
		runtime.Goexit()
	}
}

// stop ends the query with an error, and the goroutine.
func (w *work) stop(err error) {
	w.cancel(err)
	w.goOn()
}

// left tells whether a goroutine of the work is still there.
func (w *work) left() bool {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return false // it does not fail on a buffer
	}
	return bytes.Contains(all.Bytes(), fmt.Appendf(nil, "%q:%q", workLabel, w.id))
}

// wait returns when the work has ended, and whether it did in time. Looking stops all goroutines for a moment, so that it is
// done rarely, and only for queries that were cut short.
func (w *work) wait(patience time.Duration) bool {
	const often, seldom = 5 * time.Millisecond, time.Second
	pause := often
	for end := time.Now().Add(patience); w.left(); pause = min(2*pause, seldom) {
		if time.Now().After(end) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}

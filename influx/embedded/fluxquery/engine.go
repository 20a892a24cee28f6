package fluxquery

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/memory"
	"github.com/influxdata/flux/plan"
	"github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb"
	"github.com/influxdata/influxdb/services/storage"
	"github.com/influxdata/influxdb/tsdb"
)

// Defaults of Options.
const (
	DefaultMemoryLimit = 256 << 20
	DefaultConcurrency = 8
	DefaultTimeout     = time.Minute
	DefaultQueueWait   = 10 * time.Second
)

// MetaClient is what the storage layer needs to know about databases and shards.
type MetaClient = storage.MetaClient

// Options configures an Engine. Zero limits take the defaults.
type Options struct {
	Store       *tsdb.Store
	Meta        MetaClient
	Log         *slog.Logger
	MemoryLimit int64         // bytes one query may hold
	Concurrency int           // queries that run at the same time
	Timeout     time.Duration // of one query, from the moment it runs
	QueueWait   time.Duration // how long a query waits for its turn
	NoPushdown  bool          // compute aggregateWindow by the stock plan; for comparisons
}

// Request is one query.
type Request struct {
	Script string
	Now    time.Time // the script's now(); zero means the time of the call
	// Resolve says where the data of a bucket are, named either by name or by id, and refuses buckets the caller may not
	// read. Its error comes back from Query. It is called before anything is read.
	Resolve        func(ctx context.Context, bucketName, bucketID string) (database, rp string, err error)
	Annotations    []string // of "datatype", "group", "default"; nil for none
	Header         bool     // the row of column names
	Delimiter      rune     // zero means a comma
	DateTimeFormat string   // RFC3339 (the default) or RFC3339Nano; both write as many digits as are needed
	NoPushdown     bool     // as Options.NoPushdown, for this query
}

// Stats tells what a query did.
type Stats struct {
	Rows      int           // rows of data written
	Tables    int           // tables written
	Pushdowns int           // aggregateWindow calls computed while reading
	Reads     int           // reads of a range of the store
	MaxMemory int64         // the most memory held at one time
	Elapsed   time.Duration // without the wait for a turn
}

// Engine runs Flux queries over one store.
type Engine struct {
	o       Options
	reader  *storeReader
	ready   <-chan struct{}
	slots   chan struct{}
	closing chan struct{}
	closed  atomic.Bool
}

// New returns an engine at once; setting up the Flux runtime goes on in the background and the first queries wait for it.
func New(o Options) *Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MemoryLimit <= 0 {
		o.MemoryLimit = DefaultMemoryLimit
	}
	if o.Concurrency <= 0 {
		o.Concurrency = DefaultConcurrency
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.QueueWait <= 0 {
		o.QueueWait = DefaultQueueWait
	}
	return &Engine{
		o:       o,
		reader:  newStoreReader(storage.NewStore(o.Store, o.Meta), o.Meta),
		ready:   prepareOnce(),
		slots:   make(chan struct{}, o.Concurrency),
		closing: make(chan struct{}),
	}
}

// Ready is closed once the Flux runtime is set up.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// Close refuses new queries and waits for those that run, so that the store can be closed after it.
func (e *Engine) Close(ctx context.Context) error {
	if e.closed.Swap(true) {
		return nil
	}
	close(e.closing)
	for range cap(e.slots) {
		select {
		case e.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Query runs a script and writes its results to w as CSV. If it returns an error and nothing was written, the
// caller can still answer with the error alone; if rows were written already, the error is in the output as well, as
// InfluxDB 2.x does it: a table with the columns error and reference. An output without an error is whole.
func (e *Engine) Query(ctx context.Context, r Request, w io.Writer) (Stats, error) {
	enc, err := newEncoding(r)
	if err != nil {
		return Stats{}, err
	}
	if err := checkScript(r.Script); err != nil {
		return Stats{}, err
	}
	if err := e.enter(ctx); err != nil {
		return Stats{}, err
	}
	start := time.Now()
	job, cancel := newWork(ctx, e.o.Timeout)
	defer cancel()
	ctx = job.ctx
	s := &session{ctx: ctx, resolve: r.Resolve, targets: map[string]target{}, maxText: e.o.MemoryLimit}
	alloc := newAllocator(job, e.o.MemoryLimit)

	q, err := e.start(job, s, r, alloc)
	if err == nil {
		err = e.run(job, s, q, enc, w)
	}
	stats := enc.stats
	stats.Pushdowns, stats.Reads = int(s.pushdowns.Load()), int(s.reads.Load())
	stats.MaxMemory = alloc.MaxAllocated()
	stats.Elapsed = time.Since(start)
	return stats, err
}

// enter waits for the runtime and for a place among the running queries.
func (e *Engine) enter(ctx context.Context) error {
	select {
	case <-e.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	if e.closed.Load() {
		return ErrClosed
	}
	select {
	case e.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(e.o.QueueWait)
	defer timer.Stop()
	select {
	case e.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrTooManyQueries
	case <-e.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *Engine) leave() { <-e.slots }

// lingering is how long a query that was cut short may keep its place. Longer than that is not work but a fault.
const lingering = 10 * time.Minute

// leaveAfter gives the place of a query back when nothing of it goes on any more.
func (e *Engine) leaveAfter(job *work) {
	if !job.wait(lingering) {
		e.o.Log.Error("flux: a query that was cut short does not end", "after", lingering)
	}
	e.leave()
}

// start compiles and starts the script. Parts of that cannot be interrupted, so it runs beside the caller: when the context
// ends first, the caller gets its answer and the place is kept until the rest has ended.
func (e *Engine) start(job *work, s *session, r Request, alloc *memory.Allocator) (flux.Query, error) {
	type outcome struct {
		query flux.Query
		err   error
	}
	ctx, done := job.ctx, make(chan outcome, 1)
	go func() {
		var o outcome
		job.do(func(ctx context.Context) { o.query, o.err = e.evaluate(ctx, s, r, alloc) })
		if o.query == nil && o.err == nil {
			o.err = ctx.Err() // it ended on the way
		}
		done <- o
	}()
	select {
	case o := <-done:
		if o.err != nil {
			go e.leaveAfter(job)
			return nil, explain(ctx, s, o.err, compiling)
		}
		return o.query, nil
	case <-ctx.Done():
		go func() {
			if o := <-done; o.query != nil {
				o.query.Done()
			}
			e.leaveAfter(job)
		}()
		return nil, explain(ctx, s, ctx.Err(), compiling)
	}
}

func (e *Engine) evaluate(ctx context.Context, s *session, r Request, alloc *memory.Allocator) (q flux.Query, err error) {
	defer func() {
		if p := recover(); p != nil {
			q, err = nil, fromPanic(p)
			e.report(err)
		}
	}()
	now := r.Now
	if now.IsZero() {
		now = time.Now()
	}
	parsed, err := parse(r.Script)
	if err != nil {
		return nil, err
	}
	var opts []plan.PhysicalOption
	if r.NoPushdown || e.o.NoPushdown {
		opts = append(opts, plan.RemovePhysicalRules(windowRule{}.Name()))
	}
	deps := influxdb.Dependencies{
		FluxDeps:    flux.Deps{},
		StorageDeps: influxdb.StorageDependencies{Reader: &reader{e.reader, s}, MetaClient: s},
	}
	ctx = deps.Inject(ctx)
	program, err := compile(ctx, parsed, now, alloc, opts...)
	if err != nil {
		return nil, err
	}
	return program.Start(ctx, alloc)
}

// run encodes the results of a started query and releases it.
func (e *Engine) run(job *work, s *session, q flux.Query, enc *encoding, w io.Writer) error {
	ctx := job.ctx
	var err error
	job.do(func(ctx context.Context) { err = e.encode(ctx, enc, q, w) })
	if err == nil {
		err = q.Err()
	}
	whole := err == nil && ctx.Err() == nil
	defer func() {
		q.Done()
		if whole {
			e.leave()
		} else {
			go e.leaveAfter(job)
		}
	}()
	if enc.broken() {
		return err // nobody is reading any more
	}
	// A query whose context ran out may look complete: the readers just stop.
	if err = explain(ctx, s, err, running); err == nil || !enc.wrote() {
		return err
	}
	return errors.Join(err, enc.writeError(err))
}

func (e *Engine) encode(ctx context.Context, enc *encoding, q flux.Query, w io.Writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fromPanic(p)
			e.report(err)
		}
	}()
	return enc.encode(ctx, q, w)
}

// report logs a panic that was a fault, and not the way out of a query that reached a limit.
func (e *Engine) report(err error) {
	var fault *RuntimeError
	if errors.As(err, &fault) {
		e.o.Log.Error("flux: panic in a query", "error", err, "stack", string(debug.Stack()))
	}
}

package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/influxdata/influxdb/coordinator"
	"github.com/influxdata/influxdb/query"
	"github.com/influxdata/influxdb/services/retention"
	"github.com/influxdata/influxdb/tsdb"
)

// Folders below the data folder.
const (
	metaFolder = "meta"
	dataFolder = "data"
	walFolder  = "wal"
)

// Version is what the embedded InfluxDB calls itself in headers and health answers.
const Version = "v2.7-embedded"

// Options say where the database lives.
type Options struct {
	Dir     string           // data folder; made if missing
	Log     *slog.Logger     // nil: silent
	Clock   func() time.Time // nil: time.Now
	MinFree uint64           // writes are refused while less is free on the disk; 0: 64 MB, or a sixteenth of a small disk

	RetentionEvery time.Duration // how often shards beyond their retention are looked for; 0: 10 minutes

	// For comparisons.
	NoGrouping bool // each write has a commit and an fsync of its own, one after the other
	NoPushdown bool // aggregateWindow is computed by the stock plan instead of while reading
}

// Server is an InfluxDB in this process. Make one with Open.
type Server struct {
	dir     string
	log     *slog.Logger
	clock   func() time.Time
	started time.Time

	lock      *folderLock
	cat       *catalogue
	meta      *metaStore
	store     *tsdb.Store
	mapper    *coordinator.PointsWriter
	executor  *query.Executor
	retention *retention.Service
	flux      fluxRunner
	space     *spaceGuard
	usage     *diskUsage
	influxql  *influxqlLimits

	handler http.Handler
	client  *http.Client

	gates    bucketGates
	engine   engineGate
	recovery recovery
	pause    pause
	backup   sync.Mutex // one backup at a time

	bodies     byteBudget     // of writes
	background sync.WaitGroup // goroutines that end with base
	tidy       *time.Timer    // gives memory back once the start is over
	alone      bool           // Options.NoGrouping
	lone       sync.Mutex     // held by the write that commits, if alone
	damages    damageList     // found in the WAL
	closed     int            // shards that could not be opened

	// requests keeps Close from pulling the engine from under a request.
	requests requestGate
	cancel   context.CancelFunc
	base     context.Context

	closeOnce sync.Once
	closeErr  error
}

// Open opens the database in a folder, or makes a new one there. Its errors
// wrap ErrLocked (another process has it), ErrNewerFormat and ErrForeignFolder.
func Open(ctx context.Context, o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("embedded InfluxDB: no data folder given")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, log: o.Log, clock: o.Clock, alone: o.NoGrouping}
	s.bodies.most = maxWriteBodies
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.started = s.clock()
	if o.RetentionEvery == 0 {
		o.RetentionEvery = retentionEvery
	}
	s.space = newSpaceGuard(dir, o.MinFree, s.clock)
	// Requests live as long as the server, not as long as the context that opened it.
	s.base, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.open(o); err != nil {
		return nil, errors.Join(fmt.Errorf("embedded InfluxDB: %w", err), s.Close())
	}
	s.log.Info("embedded InfluxDB is open", "folder", dir, "elapsed", s.clock().Sub(s.started).Round(time.Millisecond))
	return s, nil
}

func (s *Server) open(o Options) (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lockFolder(s.dir); err != nil {
		return err
	}
	if err := prepareFormat(s.dir, formatVersion, upgradeSteps()); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(s.dir, backupFolder)); err != nil { // of a backup that was cut off
		return err
	}
	_, statErr := os.Stat(filepath.Join(s.dir, dataFolder))
	if s.cat, err = openCatalogue(s.dir, statErr == nil, s.clock); err != nil {
		return err
	}
	// A new catalogue must outlive a power cut that the data folder made after it outlives.
	if err := syncFolder(s.dir); err != nil {
		return err
	}
	if s.meta, err = openMeta(filepath.Join(s.dir, metaFolder), s.log); err != nil {
		return err
	}
	if err := s.openStore(); err != nil {
		return err
	}
	if err := s.reconcile(); err != nil {
		return err
	}
	s.openServices(o.RetentionEvery)
	s.flux = newFluxRunner(s, o.NoPushdown)
	s.handler = s.routes()
	s.client = &http.Client{
		Transport:     &transport{handler: s.handler, log: s.log},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.background.Go(s.restIdleShards)
	s.tidy = time.AfterFunc(afterStart, debug.FreeOSMemory)
	return s.retention.Open()
}

// afterStart is when what Open read from the log has become cold and was put into files. What it took in memory would
// otherwise stay the process's for minutes: 290 MB after a backfill of ten million points, 80 MB without.
const afterStart = coldAfter + 15*time.Second

// Handler is the InfluxDB v2 HTTP API.
func (s *Server) Handler() http.Handler { return s.handler }

// HTTPClient reaches the API inside the process, without a socket: bodies
// stream both ways, and cancelling a request's context cancels its work. The
// host of the URL does not matter.
func (s *Server) HTTPClient() *http.Client { return s.client }

// Close ends running queries, waits for requests, and closes the engine. What
// was acknowledged is on disk already.
func (s *Server) Close() error {
	s.closeOnce.Do(func() {
		s.cancel()
		s.requests.shut()
		s.background.Wait()
		if s.tidy != nil {
			s.tidy.Stop()
		}
		if s.retention != nil {
			s.closeErr = errors.Join(s.closeErr, s.retention.Close())
		}
		if s.flux != nil {
			s.closeErr = errors.Join(s.closeErr, s.flux.close())
		}
		if s.executor != nil {
			s.closeErr = errors.Join(s.closeErr, s.executor.Close())
		}
		if s.store != nil {
			s.closeErr = errors.Join(s.closeErr, s.closeStore())
		}
		if s.meta != nil {
			s.closeErr = errors.Join(s.closeErr, s.meta.Close())
		}
		if s.cat != nil {
			s.closeErr = errors.Join(s.closeErr, s.cat.close())
		}
		if s.lock != nil {
			s.closeErr = errors.Join(s.closeErr, s.lock.release())
		}
	})
	return s.closeErr
}

// requestGate counts requests; once shut, no new one enters.
type requestGate struct {
	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup
}

func (g *requestGate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.wg.Add(1)
	return true
}

func (g *requestGate) leave() { g.wg.Done() }

func (g *requestGate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.wg.Wait()
}

package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/influxdata/influxdb"
	"github.com/influxdata/influxdb/coordinator"
	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/query"
	"github.com/influxdata/influxdb/services/meta"
	"github.com/influxdata/influxdb/services/retention"
	"github.com/influxdata/influxdb/toml"
	"github.com/influxdata/influxdb/tsdb"
	_ "github.com/influxdata/influxdb/tsdb/engine" // registers the tsm1 engine
	_ "github.com/influxdata/influxdb/tsdb/index"  // registers the tsi1 index
)

// policyName is the only retention policy of each database.
const policyName = "autogen"

// enableUint turns unsigned fields on in the engine's parser: a switch of that
// package, thrown once.
var enableUint = sync.OnceFunc(models.EnableUintSupport)

// coldAfter is how long a shard is left alone before what it holds in memory is put into a file.
const coldAfter = 30 * time.Second

func (s *Server) openStore() error {
	enableUint()
	cfg := tsdb.NewConfig()
	cfg.Dir = filepath.Join(s.dir, dataFolder)
	cfg.WALDir = filepath.Join(s.dir, walFolder)
	cfg.Index = "tsi1"
	cfg.QueryLogEnabled = false
	// Small snapshots and an early cold state keep memory low and the next
	// start short: with the defaults a backfill of a year took 4.8 GB and 10 s.
	cfg.CacheSnapshotMemorySize = toml.Size(8 << 20)
	cfg.CacheSnapshotWriteColdDuration = toml.Duration(coldAfter)
	cfg.MaxConcurrentCompactions = 1
	// WALFsyncDelay stays 0: each write is answered after its fsync.

	s.store = tsdb.NewStore(cfg.Dir)
	s.store.EngineOptions.Config = cfg
	s.store.EngineOptions.EngineVersion = cfg.Engine
	s.store.EngineOptions.IndexVersion = cfg.Index
	s.store.EngineOptions.MonitorDisabled = true // see restIdleShards
	s.store.WithLogger(engineLogger(s.log))
	if err := s.checkWAL(); err != nil {
		return err
	}
	if err := s.store.Open(); err != nil {
		return fmt.Errorf("open storage engine: %w", err)
	}
	closed, err := s.closedShards()
	if err != nil {
		return err
	}
	for _, folder := range closed {
		s.log.Error("the storage engine cannot open a shard: its points are missing from all answers", "folder", folder)
	}
	s.closed = len(closed)
	s.usage = newDiskUsage(s)
	s.mapper = coordinator.NewPointsWriter()
	s.mapper.MetaClient = s.meta
	s.mapper.TSDBStore = s.store
	return nil
}

// reconcile makes good what a crash left between the catalogue and the engine:
// each bucket has its database with its retention, and dropped ones are gone.
// Databases that the catalogue does not know are left alone.
func (s *Server) reconcile() error {
	dropped, err := s.cat.droppedBuckets()
	if err != nil {
		return err
	}
	for _, id := range dropped {
		if err := s.removeDatabase(id); err != nil {
			return fmt.Errorf("remove data of deleted bucket %s: %w", id, err)
		}
	}
	for _, b := range s.cat.findBuckets(func(*bucket) bool { return true }) {
		if err := s.ensureDatabase(b); err != nil {
			return fmt.Errorf("database of bucket %s: %w", b.ID, err)
		}
	}
	return nil
}

// ensureDatabase brings the engine's database of a bucket into being and its
// retention in line. The database is named by the bucket's id, so a bucket can
// be renamed without touching data.
func (s *Server) ensureDatabase(b bucket) error {
	group := shardGroupDuration(b.Retention)
	if s.meta.Database(b.ID) == nil {
		replicas := 1
		_, err := s.meta.CreateDatabaseWithRetentionPolicy(b.ID, &meta.RetentionPolicySpec{
			Name: policyName, ReplicaN: &replicas, Duration: &b.Retention, ShardGroupDuration: group,
		})
		return err
	}
	rp, err := s.meta.RetentionPolicy(b.ID, policyName)
	if err != nil {
		return err
	}
	if rp == nil {
		return influxdb.ErrRetentionPolicyNotFound(policyName)
	}
	if rp.Duration == b.Retention {
		return nil
	}
	return s.meta.UpdateRetentionPolicy(b.ID, policyName, &meta.RetentionPolicyUpdate{Duration: &b.Retention, ShardGroupDuration: &group}, true)
}

// removeDatabase deletes all data of a bucket that the catalogue has dropped.
func (s *Server) removeDatabase(id string) error {
	_, use, err := s.engine.enter(context.Background())
	if err != nil {
		return err
	}
	defer use.leave()
	gate := s.gates.of(id)
	gate.Lock()
	defer gate.Unlock()
	if s.meta.Database(id) != nil {
		if err := s.meta.DropDatabase(id); err != nil {
			return err
		}
	}
	if err := s.store.DeleteDatabase(id); err != nil {
		return err
	}
	return s.cat.removed(id)
}

// shardGroupDuration is the length of a shard for a retention, as InfluxDB chooses it.
func shardGroupDuration(keep time.Duration) time.Duration {
	const day = 24 * time.Hour
	switch {
	case keep == 0 || keep >= 180*day:
		return 7 * day
	case keep >= 2*day:
		return day
	default:
		return time.Hour
	}
}

const (
	influxqlBuckets = 1_000_000 // GROUP BY time() windows of one statement
	retentionEvery  = 10 * time.Minute
)

func (s *Server) openServices(retentionEvery time.Duration) {
	s.influxql = newInfluxqlLimits()
	s.executor = query.NewExecutor()
	s.executor.TaskManager.QueryTimeout = influxqlTimeout
	s.executor.StatementExecutor = limitWindows(&coordinator.StatementExecutor{
		MetaClient:        s.meta,
		TaskManager:       s.executor.TaskManager,
		TSDBStore:         coordinator.LocalTSDBStore{Store: s.store},
		ShardMapper:       fencedMapper{&coordinator.LocalShardMapper{MetaClient: s.meta, TSDBStore: coordinator.LocalTSDBStore{Store: s.store}}},
		PointsWriter:      noInto{},
		MaxSelectBucketsN: influxqlBuckets,
		// MaxSelectSeriesN stays 0: a fleet's SELECT last(x) GROUP BY device rightly reads as
		// many series as there are devices. Time and the size of an answer are bounded.
	})
	s.retention = retention.NewService(retention.Config{Enabled: true, CheckInterval: toml.Duration(retentionEvery)})
	s.retention.MetaClient = pausedMeta{s.meta, &s.pause}
	s.retention.TSDBStore = pausedStore{s.store, &s.pause}
	s.retention.WithLogger(engineLogger(s.log))
}

// errNoInto stands behind the InfluxQL guard: nothing is ever written by a query.
var errNoInto = errors.New("queries may not write")

type noInto struct{}

// WritePointsInto refuses.
func (noInto) WritePointsInto(*coordinator.IntoWriteRequest) error { return errNoInto }

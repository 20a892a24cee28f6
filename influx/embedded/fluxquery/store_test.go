package fluxquery

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/influxdb/coordinator"
	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/services/meta"
	"github.com/influxdata/influxdb/tsdb"
	_ "github.com/influxdata/influxdb/tsdb/engine"
	_ "github.com/influxdata/influxdb/tsdb/index"
)

func TestMain(m *testing.M) {
	models.EnableUintSupport()
	m.Run()
}

// store is a time-series store in a folder of the test.
type store struct {
	t    testing.TB
	tsdb *tsdb.Store
	meta *meta.Client
	pw   *coordinator.PointsWriter
}

func openStore(t testing.TB) *store {
	t.Helper()
	dir := t.TempDir()
	mc := meta.NewConfig()
	mc.Dir = filepath.Join(dir, "meta")
	s := &store{t: t, meta: meta.NewClient(mc)}
	must(t, os.MkdirAll(mc.Dir, 0o755))
	must(t, s.meta.Open())
	s.tsdb = tsdb.NewStore(filepath.Join(dir, "data"))
	c := tsdb.NewConfig()
	c.Dir, c.WALDir, c.Index = filepath.Join(dir, "data"), filepath.Join(dir, "wal"), "tsi1"
	c.CacheSnapshotMemorySize, c.MaxConcurrentCompactions = 8<<20, 1
	s.tsdb.EngineOptions.Config = c
	s.tsdb.EngineOptions.EngineVersion = c.Engine
	s.tsdb.EngineOptions.IndexVersion = c.Index
	must(t, s.tsdb.Open())
	s.pw = coordinator.NewPointsWriter()
	s.pw.MetaClient, s.pw.TSDBStore = s.meta, s.tsdb
	must(t, s.pw.Open())
	t.Cleanup(func() {
		s.pw.Close()
		s.tsdb.Close()
		s.meta.Close()
	})
	s.database("db")
	return s
}

func (s *store) database(name string) {
	s.t.Helper()
	forever := time.Duration(0)
	_, err := s.meta.CreateDatabaseWithRetentionPolicy(name, &meta.RetentionPolicySpec{Name: "autogen", Duration: &forever, ShardGroupDuration: 7 * 24 * time.Hour})
	must(s.t, err)
}

// write stores lines of line protocol.
func (s *store) write(database, lines string) {
	s.t.Helper()
	points, err := models.ParsePointsWithPrecision([]byte(lines), time.Now(), "ns")
	must(s.t, err)
	must(s.t, s.pw.WritePoints(database, "autogen", models.ConsistencyLevelAny, nil, points))
}

func (s *store) engine(change ...func(*Options)) *Engine {
	o := Options{Store: s.tsdb, Meta: s.meta}
	for _, f := range change {
		f(&o)
	}
	return New(o)
}

// open resolves every bucket name to the database of the same name.
func open(_ context.Context, name, id string) (string, string, error) {
	if id != "" {
		return id, "autogen", nil
	}
	return name, "autogen", nil
}

func request(script string) Request {
	return Request{Script: script, Now: epoch.Add(24 * time.Hour), Resolve: open, Header: true,
		Annotations: []string{"datatype", "group", "default"}}
}

// epoch is when the tests' data begin: not aligned to any window of them.
var epoch = time.Date(2024, 3, 1, 0, 0, 7, 0, time.UTC)

func ask(t testing.TB, e *Engine, r Request) (string, Stats) {
	t.Helper()
	var out strings.Builder
	stats, err := e.Query(context.Background(), r, &out)
	if err != nil {
		t.Fatalf("query failed: %v\n%s\n%s", err, r.Script, out.String())
	}
	return out.String(), stats
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func at(d time.Duration) int64 { return epoch.Add(d).UnixNano() }

func stamp(d time.Duration) string { return epoch.Add(d).Format(time.RFC3339Nano) }

func line(b *strings.Builder, format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }

package influx_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/influx"
	"iotcenter/influx/embedded"
	"iotcenter/influx/influxtest"
	"iotcenter/telemetry"
)

func TestFreshDatabaseIsSetUp(t *testing.T) {
	cfg := influxtest.Place(t)
	var log logged
	cfg.Log, cfg.SecretCheck = log.logger(), "check-of-the-key"
	db, _ := running(t, cfg)
	ready(t, db)
	s := db.Status()
	if !s.Ready || s.Problem != "" || s.Version == "" || s.LastOK.IsZero() || s.Bucket != cfg.Bucket || s.Org != cfg.Org || s.Embedded != cfg.Embedded {
		t.Errorf("status: %+v", s)
	}
	if s.Embedded && s.URL != "" {
		t.Errorf("an embedded database has the URL %q", s.URL)
	}
	list, err := db.Buckets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]time.Duration{}
	for _, b := range list {
		found[b.Name] = b.Retention
		if s.Embedded && !b.System && b.Bytes < 0 {
			t.Errorf("bucket %s does not tell its size", b.Name)
		}
	}
	for _, name := range []string{cfg.Bucket, cfg.AuthBucket} {
		if keep, ok := found[name]; !ok || keep != 0 {
			t.Errorf("bucket %s: there %v, retention %v; want forever", name, ok, keep)
		}
	}
	if err := db.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
	// A second start finds all in place, and so does a second replica.
	again, _ := running(t, cfg)
	ready(t, again)
	if n := strings.Count(log.String(), "a fresh InfluxDB was set up"); n > 1 {
		t.Errorf("set up %d times", n)
	}
}

func TestReplicasStartTogether(t *testing.T) {
	cfg := influxtest.Place(t)
	cfg.SecretCheck = "the same for all"
	var dbs []*influx.DB
	for range 4 {
		db, _ := running(t, cfg)
		dbs = append(dbs, db)
	}
	for _, db := range dbs {
		ready(t, db)
	}
}

func TestMissingDatabaseIsNoReasonToEnd(t *testing.T) {
	server, err := embedded.Open(t.Context(), embedded.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	place, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := place.Addr().String()
	place.Close() // nobody listens there now
	cfg := influx.Config{URL: "http://" + address, Token: "canary-token-of-the-app", Org: "o", Bucket: "b", AuthBucket: "a", Log: slog.New(slog.DiscardHandler)}
	db, ended := running(t, cfg)
	s := becomes(t, db, "unreachable", func(s telemetry.DatabaseStatus) bool { return strings.Contains(s.Problem, "cannot be reached") })
	if s.Ready || s.URL != cfg.URL {
		t.Errorf("status: %+v", s)
	}
	becomes(t, db, "about to try again", func(s telemetry.DatabaseStatus) bool { return !s.NextTry.IsZero() })
	if _, err := db.Record(t.Context(), "dev1"); !errors.Is(err, devices.ErrUnavailable) {
		t.Errorf("Record: %v, want ErrUnavailable", err)
	}
	if err := db.WriteLines(t.Context(), "t", []byte("m v=1"), "ns"); !errors.Is(err, telemetry.ErrUnavailable) {
		t.Errorf("WriteLines: %v, want ErrUnavailable", err)
	}
	if err := db.Ready(t.Context()); !errors.Is(err, telemetry.ErrUnavailable) {
		t.Errorf("Ready: %v, want ErrUnavailable", err)
	}
	if place, err = net.Listen("tcp", address); err != nil {
		t.Skipf("the port was taken by another program: %v", err)
	}
	web := &http.Server{Handler: server.Handler()}
	t.Cleanup(func() { web.Close() })
	go func() { _ = web.Serve(place) }()
	db.TryNow()
	ready(t, db)
	select {
	case err := <-ended:
		t.Errorf("Run ended: %v", err)
	default:
	}
}

func TestLostDatabaseComesBack(t *testing.T) {
	for _, mode := range []string{"refuse", "500", "hang"} {
		t.Run(mode, func(t *testing.T) {
			cfg, f := faulty(t)
			db, _ := running(t, cfg)
			ready(t, db)
			token, err := db.Mint(t.Context(), "dev1")
			if err != nil {
				t.Fatal(err)
			}
			f.set(mode)
			limited, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if err := db.WriteLines(limited, token.Token, []byte("m,clientId=dev1 v=1"), "ns"); !errors.Is(err, telemetry.ErrUnavailable) {
				t.Errorf("WriteLines: %v, want ErrUnavailable", err)
			}
			becomes(t, db, "lost", func(s telemetry.DatabaseStatus) bool { return !s.Ready && s.Problem != "" })
			if _, err := db.Buckets(t.Context()); !errors.Is(err, telemetry.ErrUnavailable) {
				t.Errorf("Buckets: %v, want ErrUnavailable", err)
			}
			f.set("")
			ready(t, db)
			if err := db.WriteLines(t.Context(), token.Token, []byte("m,clientId=dev1 v=1"), "ns"); err != nil {
				t.Errorf("WriteLines afterwards: %v", err)
			}
		})
	}
}

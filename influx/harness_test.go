package influx_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"iotcenter/influx"
	"iotcenter/influx/influxtest"
	"iotcenter/telemetry"
)

// logged is a log that a test can read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// running starts a DB and stops it when the test ends; the channel gives what Run returned.
func running(t *testing.T, cfg influx.Config) (*influx.DB, <-chan error) {
	t.Helper()
	db, err := influx.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		ended <- db.Hurry().Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return db, ended
}

func ready(t *testing.T, db *influx.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := db.WaitReady(ctx); err != nil {
		t.Fatalf("not ready: %v", err)
	}
}

// becomes waits until the status is as wanted.
func becomes(t *testing.T, db *influx.DB, what string, ok func(telemetry.DatabaseStatus) bool) telemetry.DatabaseStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if s := db.Status(); ok(s) {
			return s
		}
		select {
		case <-ctx.Done():
			t.Fatalf("never %s: %+v", what, db.Status())
		case <-tick.C:
		}
	}
}

// fault is a transport that can be broken.
type fault struct {
	http.RoundTripper
	mu   sync.Mutex
	mode string // "", "refuse", "500", "hang"
}

func (f *fault) set(mode string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode = mode
}

func (f *fault) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	mode := f.mode
	f.mu.Unlock()
	switch mode {
	case "refuse":
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	case "500":
		return &http.Response{StatusCode: 500, Status: "500 x", Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	case "hang":
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return f.RoundTripper.RoundTrip(r)
}

func faulty(t *testing.T) (influx.Config, *fault) {
	t.Helper()
	cfg := influxtest.Place(t)
	f := &fault{RoundTripper: http.DefaultTransport}
	if cfg.HTTPClient != nil {
		f.RoundTripper = cfg.HTTPClient.Transport
	}
	cfg.HTTPClient = &http.Client{Transport: f}
	return cfg, f
}

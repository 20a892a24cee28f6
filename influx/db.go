// Package influx is the one room that knows InfluxDB: the client library, Flux, InfluxQL, buckets and authorizations.
// Its DB fills the store interfaces of packages devices, telemetry and emulator, and turns the database's errors into
// theirs. It speaks the HTTP API of InfluxDB 2.x only; whether that is a server elsewhere or the one in this process
// is a matter of the http.Client that it is given.
//
// Flux draws charts; InfluxQL counts and lists, because it finds the newest point of many series without reading them.
package influx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"iotcenter/telemetry"
)

// embeddedURL is the base of requests to a database in this process; its HTTP client needs some host name.
const embeddedURL = "http://influxdb.embedded"

// Config says which database to use and how.
type Config struct {
	URL         string       // base URL; may be empty when Embedded
	Token       string       // all-access token; a fresh InfluxDB is set up with it
	Org         string       // organisation, by name
	Bucket      string       // bucket of the devices' data
	AuthBucket  string       // bucket of registrations
	HTTPClient  *http.Client // nil: one with sensible timeouts
	Embedded    bool         // the database is in this process
	SecretCheck string       // identifies SECRET_KEY; "" checks nothing
	Clock       func() time.Time
	Log         *slog.Logger
	// Observe, if set, is told of every operation: one of a small fixed set of names, how long it took, how it ended.
	Observe func(op string, elapsed time.Duration, err error)
}

// DB is a connection to one InfluxDB. Until Run has set it up, its methods answer with devices.ErrUnavailable.
type DB struct {
	cfg     Config
	timing  timing
	client  influxdb2.Client
	service ihttp.Service
	idle    func()  // closes idle connections
	logTime logTime // of device records

	ledgerTime logTime
	auditTime  laneTime

	checking sync.Mutex // one check at a time
	wake     chan struct{}

	mu    sync.Mutex
	state state
}

// state is what is known of the database.
type state struct {
	status   telemetry.DatabaseStatus
	setUp    bool // organisation, buckets and key were in order once
	orgID    string
	bucketID string
	skew     time.Duration // the database's clock minus ours, where they differ
	changed  chan struct{} // closed at the next change of status.Ready or status.Problem
}

// New makes a DB; it talks to nobody yet.
func New(cfg Config) (*DB, error) {
	if cfg.Embedded && cfg.URL == "" {
		cfg.URL = embeddedURL
	}
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return nil, errors.New("influx: the database's URL must be http:// or https:// and a host")
	case cfg.Token == "" || cfg.Org == "" || cfg.Bucket == "" || cfg.AuthBucket == "":
		return nil, errors.New("influx: token, organisation, bucket and auth bucket are needed")
	case cfg.Bucket == cfg.AuthBucket:
		return nil, errors.New("influx: data and registrations need different buckets")
	}
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	db := &DB{cfg: cfg, timing: defaultTiming, idle: func() {}, wake: make(chan struct{}, 1)}
	if cfg.HTTPClient == nil {
		db.cfg.HTTPClient = newHTTPClient()
		db.idle = db.cfg.HTTPClient.CloseIdleConnections
	}
	options := influxdb2.DefaultOptions().SetHTTPClient(db.cfg.HTTPClient).SetApplicationName("iot-center")
	db.client = influxdb2.NewClientWithOptions(cfg.URL, cfg.Token, options)
	db.service = db.client.HTTPService()
	db.state = state{changed: make(chan struct{}), status: telemetry.DatabaseStatus{
		Embedded: cfg.Embedded, Org: cfg.Org, Bucket: cfg.Bucket, Problem: "The database is being connected.",
	}}
	if !cfg.Embedded {
		db.state.status.URL = u.Redacted()
	}
	return db, nil
}

// newHTTPClient is for a database across a network. Requests end by their context: an overall timeout of the client
// would cut long answers.
func newHTTPClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 128, 128
	t.TLSHandshakeTimeout = 5 * time.Second
	return &http.Client{
		Transport: t,
		// A redirect would carry the token to another place.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// timing holds the waits, which tests shorten.
type timing struct {
	every    time.Duration // between checks of a database that is ready
	first    time.Duration // before the second attempt to reach one that is not
	longest  time.Duration // between such attempts
	gap      time.Duration // between TryNow and the check
	check    time.Duration // one check
	request  time.Duration // one small request
	query    time.Duration // one query or write
	freshFor time.Duration // how long Ready trusts the last check
}

var defaultTiming = timing{
	every: 10 * time.Second, first: 250 * time.Millisecond, longest: 10 * time.Second, gap: 50 * time.Millisecond,
	check: 10 * time.Second, request: 10 * time.Second, query: 60 * time.Second, freshFor: time.Second,
}

// op runs one operation against a database that is ready: with a time limit, measured, its error translated.
func (db *DB) op(ctx context.Context, name string, limit time.Duration, fn func(context.Context) error) error {
	if err := db.gate(); err != nil {
		return err
	}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := translate(ctx, fn(limited))
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
		if errors.Is(err, telemetry.ErrUnavailable) {
			db.TryNow() // so that the pages say so soon
		}
	}
	if db.cfg.Observe != nil {
		db.cfg.Observe(name, time.Since(start), err)
	}
	return err
}

// gate keeps requests from waiting for a database that is known to be away.
func (db *DB) gate() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.state.status.Ready {
		return nil
	}
	return fmt.Errorf("%w: %s", telemetry.ErrUnavailable, db.state.status.Problem)
}

// now is the time by the injected clock.
func (db *DB) now() time.Time { return db.cfg.Clock() }

// ids gives the ids of the organisation and the data bucket.
func (db *DB) ids() (orgID, bucketID string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.state.orgID, db.state.bucketID
}

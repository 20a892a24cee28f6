// Package influxtest gives tests a database: an embedded InfluxDB in a folder of the test's own, or an organisation of
// its own in the InfluxDB 2.x that TEST_INFLUX_URL names. TEST_INFLUX_TOKEN is its operator's token: one that may make
// organisations. An InfluxDB that was never used is set up with it.
package influxtest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

	"iotcenter/influx"
	"iotcenter/influx/embedded"
)

// startLimit is how long a database may take to be ready; a machine that runs other tests too can be slow.
const startLimit = 60 * time.Second

// Instance is a database that is ready, with raw access past the stores.
type Instance struct {
	DB     *influx.DB
	Config influx.Config
	client influxdb2.Client
	tb     testing.TB
}

// Open gives a database that is ready to use. It is closed and removed when the test ends.
func Open(tb testing.TB, change ...func(*influx.Config)) *influx.DB {
	tb.Helper()
	return Start(tb, change...).DB
}

// Start is Open with raw access.
func Start(tb testing.TB, change ...func(*influx.Config)) *Instance {
	tb.Helper()
	cfg := Place(tb)
	for _, fn := range change {
		fn(&cfg)
	}
	return Connect(tb, cfg)
}

// Place gives the configuration of a database that nobody has connected to: a fresh one, or a place in the one
// elsewhere, which is removed when the test ends.
func Place(tb testing.TB) influx.Config {
	tb.Helper()
	if External() {
		return PlaceElsewhere(tb)
	}
	return PlaceEmbedded(tb)
}

// PlaceEmbedded is Place in an embedded InfluxDB, whatever TEST_INFLUX_URL says.
func PlaceEmbedded(tb testing.TB) influx.Config {
	tb.Helper()
	cfg := influx.Config{Token: rand.Text(), Org: "iot_center", Bucket: "iot_center", AuthBucket: "iot_center_auth", Log: slog.New(slog.DiscardHandler)}
	server, err := embedded.Open(tb.Context(), embedded.Options{Dir: tb.TempDir(), Log: cfg.Log})
	if err != nil {
		tb.Fatalf("embedded InfluxDB: %v", err)
	}
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Errorf("close the embedded InfluxDB: %v", err)
		}
	})
	cfg.Embedded, cfg.HTTPClient = true, server.HTTPClient()
	return cfg
}

// PlaceElsewhere is Elsewhere for a test.
func PlaceElsewhere(tb testing.TB) influx.Config {
	tb.Helper()
	cfg, remove, err := Elsewhere()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := remove(); err != nil {
			tb.Errorf("remove the test's place: %v", err)
		}
	})
	return cfg
}

// Connect runs a DB until the test ends and waits for it to be ready.
func Connect(tb testing.TB, cfg influx.Config) *Instance {
	tb.Helper()
	db, err := influx.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- db.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			tb.Errorf("database loop: %v", err)
		}
	})
	limited, stop := context.WithTimeout(tb.Context(), startLimit)
	defer stop()
	if err := db.WaitReady(limited); err != nil {
		tb.Fatalf("database not ready: %v", err)
	}
	return &Instance{DB: db, Config: cfg, client: client(cfg), tb: tb}
}

// Client is the client library with the all-access token.
func (i *Instance) Client() influxdb2.Client { return i.client }

// Write puts line protocol into the data bucket.
func (i *Instance) Write(lines ...string) {
	i.tb.Helper()
	err := i.client.WriteAPIBlocking(i.Config.Org, i.Config.Bucket).WriteRecord(context.Background(), lines...)
	if err != nil {
		i.tb.Fatalf("write: %v", err)
	}
}

func client(cfg influx.Config) influxdb2.Client {
	base := cfg.URL
	if base == "" {
		base = "http://influxdb.embedded"
	}
	options := influxdb2.DefaultOptions().SetApplicationName("iot-center-test")
	if cfg.HTTPClient != nil {
		options.SetHTTPClient(cfg.HTTPClient)
	} else {
		options.SetHTTPClient(&http.Client{Timeout: time.Minute})
	}
	return influxdb2.NewClientWithOptions(base, cfg.Token, options)
}

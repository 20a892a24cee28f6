// Package influxtest gives tests a database: an embedded InfluxDB in a folder of the test's own, or buckets with random
// names in the InfluxDB that TEST_INFLUX_URL, TEST_INFLUX_TOKEN and TEST_INFLUX_ORG (default: iot_center) name.
package influxtest

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/domain"

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

// External tells whether the tests run against an InfluxDB elsewhere.
func External() bool { return os.Getenv("TEST_INFLUX_URL") != "" }

// Place gives the configuration of a database that nobody has connected to: a fresh one, or random buckets of the one
// elsewhere, which are removed when the test ends.
func Place(tb testing.TB) influx.Config {
	tb.Helper()
	cfg := influx.Config{Token: rand.Text(), Org: "iot_center", Bucket: "iot_center", AuthBucket: "iot_center_auth", Log: slog.New(slog.DiscardHandler)}
	if !External() {
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
	cfg.URL, cfg.Token = os.Getenv("TEST_INFLUX_URL"), os.Getenv("TEST_INFLUX_TOKEN")
	if org := os.Getenv("TEST_INFLUX_ORG"); org != "" {
		cfg.Org = org
	}
	name := "test_" + strings.ToLower(rand.Text()[:10])
	cfg.Bucket, cfg.AuthBucket = name, name+"_auth"
	tb.Cleanup(func() { removeAll(tb, cfg) })
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

// removeAll leaves the InfluxDB elsewhere as it was.
func removeAll(tb testing.TB, cfg influx.Config) {
	c := client(cfg)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	mine := map[string]bool{}
	for _, name := range []string{cfg.Bucket, cfg.AuthBucket} {
		bucket, err := c.BucketsAPI().FindBucketByName(ctx, name)
		if err != nil {
			tb.Logf("bucket %s is not there to be removed: %v", name, err)
			continue
		}
		mine[*bucket.Id] = true
		if err := c.BucketsAPI().DeleteBucket(ctx, bucket); err != nil {
			tb.Errorf("remove bucket %s: %v", name, err)
		}
	}
	list, err := c.AuthorizationsAPI().GetAuthorizations(ctx)
	if err != nil {
		tb.Errorf("list authorizations: %v", err)
		return
	}
	for _, a := range *list {
		if !concerns(a, mine) {
			continue
		}
		if err := c.AuthorizationsAPI().DeleteAuthorization(ctx, &a); err != nil {
			tb.Errorf("remove authorization: %v", err)
		}
	}
}

func concerns(a domain.Authorization, buckets map[string]bool) bool {
	if a.Permissions == nil {
		return false
	}
	for _, p := range *a.Permissions {
		if p.Resource.Id != nil && buckets[*p.Resource.Id] {
			return true
		}
	}
	return false
}

package influx_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"iotcenter/influx"
	"iotcenter/influx/conformance"
	"iotcenter/influx/influxtest"
)

// The suite runs on the embedded InfluxDB, and on the one that TEST_INFLUX_URL names.

func subject(t *testing.T) (conformance.Subject, *influxtest.Instance) {
	t.Helper()
	i := influxtest.Start(t)
	base := i.Config.URL
	if base == "" {
		base = "http://influxdb.embedded"
	}
	client := i.Config.HTTPClient
	if client == nil {
		client = http.DefaultClient
	}
	return conformance.Subject{
		DB: i.DB, Write: i.Write, Org: i.Config.Org, Bucket: i.Config.Bucket, AuthBucket: i.Config.AuthBucket,
		Try: func(token, method, path, body string) (int, string) {
			req, err := http.NewRequestWithContext(t.Context(), method, base+"/"+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Token "+token)
			req.Header.Set("Content-Type", "application/json")
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			answer, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, string(answer)
		},
	}, i
}

func TestRecords(t *testing.T) {
	s, _ := subject(t)
	conformance.Records(t, s.DB)
}

func TestOldRecords(t *testing.T) {
	s, i := subject(t)
	conformance.OldRecords(t, s.DB, func(lines ...string) {
		if err := i.Client().WriteAPIBlocking(i.Config.Org, i.Config.AuthBucket).WriteRecord(t.Context(), lines...); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRuns(t *testing.T) {
	s, _ := subject(t)
	conformance.Runs(t, s.DB)
}

// another is one more process on the same database, which may live at another time: the database does not tell it its own.
func another(t *testing.T, i *influxtest.Instance, offset time.Duration) *influx.DB {
	t.Helper()
	cfg := i.Config
	cfg.Clock = func() time.Time { return time.Now().Add(offset) }
	if offset != 0 {
		transport := http.DefaultTransport
		if cfg.HTTPClient != nil {
			transport = cfg.HTTPClient.Transport
		}
		cfg.HTTPClient = &http.Client{Transport: undated{transport}}
	}
	return influxtest.Connect(t, cfg).DB
}

func TestLedger(t *testing.T) {
	s, i := subject(t)
	conformance.Ledger(t, s.DB, another(t, i, 0), another(t, i, -34*24*time.Hour))
}

func TestAudit(t *testing.T) {
	s, i := subject(t)
	conformance.Audit(t, s.DB, another(t, i, 0))
}

func TestAuditOverManyPages(t *testing.T) {
	s, i := subject(t)
	conformance.LongAudit(t, s.DB, another(t, i, 0))
}

func TestUses(t *testing.T) {
	s, _ := subject(t)
	conformance.Uses(t, s.DB)
}

func TestInbox(t *testing.T) {
	s, i := subject(t)
	conformance.Inbox(t, s.DB, another(t, i, 0))
}

func TestAuthorizations(t *testing.T) {
	s, _ := subject(t)
	conformance.Authorizations(t, s)
}

func TestWriting(t *testing.T) {
	s, _ := subject(t)
	conformance.Writing(t, s)
}

func TestActivity(t *testing.T) {
	s, _ := subject(t)
	conformance.Activity(t, s)
}

func TestSeries(t *testing.T) {
	s, _ := subject(t)
	conformance.Series(t, s)
}

func TestHelium(t *testing.T) {
	s, _ := subject(t)
	conformance.Helium(t, s)
}

func TestReadings(t *testing.T) {
	s, _ := subject(t)
	conformance.Readings(t, s)
}

func TestBuckets(t *testing.T) {
	s, i := subject(t)
	conformance.Buckets(t, s, func(id string) {
		if err := i.Client().BucketsAPI().DeleteBucketWithID(context.Background(), id); err != nil {
			t.Errorf("remove bucket: %v", err)
		}
	})
}

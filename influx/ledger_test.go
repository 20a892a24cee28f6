package influx_test

import (
	"net/http"
	"testing"
	"time"

	"iotcenter/influx"
	"iotcenter/influx/influxtest"
	"iotcenter/ledger"
)

// dated is a transport to a database that tells its time, as one across a network does.
type dated struct{ http.RoundTripper }

func (d dated) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	return resp, err
}

// undated is a transport to a database that does not tell its time.
type undated struct{ http.RoundTripper }

func (u undated) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := u.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Header.Del("Date")
	}
	return resp, err
}

// Replicas whose clocks differ by minutes hear each other: they agree on the database's.
func TestLedgersOfDifferentClocksHearEachOther(t *testing.T) {
	cfg := influxtest.Place(t)
	transport := http.DefaultTransport
	if cfg.HTTPClient != nil {
		transport = cfg.HTTPClient.Transport
	}
	cfg.HTTPClient = &http.Client{Transport: dated{transport}}
	replica := func(ahead time.Duration) (*ledger.Ledger, *influx.DB) {
		own, clock := cfg, func() time.Time { return time.Now().Add(ahead) }
		own.Clock = clock
		db := influxtest.Connect(t, own).DB
		l := ledger.New(ledger.Options{Store: db, Clock: clock, Poll: time.Hour})
		if err := l.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		return l, db
	}
	behind, _ := replica(-10 * time.Minute)
	right, _ := replica(0)
	ahead, _ := replica(10 * time.Minute)
	all := map[string]*ledger.Ledger{"behind": behind, "right": right, "ahead": ahead}
	for name, l := range all {
		if err := l.Put(t.Context(), ledger.Entry{Kind: "clock", ID: name, Body: []byte(`"there"`)}); err != nil {
			t.Fatal(err)
		}
	}
	for name, l := range all {
		if err := l.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for other := range all {
			if _, ok := l.Get("clock", other); !ok {
				t.Errorf("the replica that is %s does not hear the one that is %s", name, other)
			}
		}
	}
}

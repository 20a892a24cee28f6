package influx_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/influx"
	"iotcenter/influx/influxtest"
	"iotcenter/telemetry"
)

func TestWrongToken(t *testing.T) {
	cfg := influxtest.Place(t)
	first, _ := running(t, cfg)
	ready(t, first)
	var log logged
	cfg.Token, cfg.Log = "canary-of-a-wrong-token", log.logger()
	db, ended := running(t, cfg)
	s := becomes(t, db, "refused", func(s telemetry.DatabaseStatus) bool { return strings.Contains(s.Problem, "INFLUX_TOKEN") })
	if s.Ready {
		t.Error("ready with a wrong token")
	}
	if err := db.Ready(t.Context()); !errors.Is(err, devices.ErrUnavailable) || strings.Contains(err.Error(), "canary") {
		t.Errorf("Ready: %v", err)
	}
	select {
	case err := <-ended:
		t.Errorf("Run ended: %v", err)
	default:
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("the token is in the log: %s", log.String())
	}
}

func TestUnknownOrganisation(t *testing.T) {
	cfg := influxtest.Place(t)
	first, _ := running(t, cfg)
	ready(t, first)
	cfg.Org = "no such organisation"
	db, _ := running(t, cfg)
	becomes(t, db, "without its organisation", func(s telemetry.DatabaseStatus) bool { return strings.Contains(s.Problem, "INFLUX_ORG") })
}

func TestAnotherSecretKey(t *testing.T) {
	cfg := influxtest.Place(t)
	cfg.SecretCheck = "key one"
	first, _ := running(t, cfg)
	ready(t, first)
	cfg.SecretCheck = "key two"
	other, ended := running(t, cfg)
	select {
	case err := <-ended:
		if !errors.Is(err, devices.ErrWrongKey) {
			t.Errorf("Run ended with %v, want ErrWrongKey", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Run goes on with another SECRET_KEY")
	}
	if s := other.Status(); s.Ready || !strings.Contains(s.Problem, "SECRET_KEY") {
		t.Errorf("status: %+v", s)
	}
	cfg.SecretCheck = "key one"
	again, _ := running(t, cfg)
	ready(t, again)
}

func TestRemovedBucketIsNoticedAndMade(t *testing.T) {
	cfg := influxtest.Place(t)
	i := influxtest.Connect(t, cfg) // checks every ten seconds: Ready has to look itself
	bucket, err := i.Client().BucketsAPI().FindBucketByName(t.Context(), cfg.AuthBucket)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Client().BucketsAPI().DeleteBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	db, _ := running(t, cfg) // this one makes it again at once
	ready(t, db)
	if _, err := i.Client().BucketsAPI().FindBucketByName(t.Context(), cfg.AuthBucket); err != nil {
		t.Errorf("the bucket is still missing: %v", err)
	}
}

func TestNoTokenIsEverLogged(t *testing.T) {
	cfg, f := faulty(t)
	var log logged
	cfg.Log = log.logger()
	var seen sync.Map
	cfg.Observe = func(op string, elapsed time.Duration, err error) {
		seen.Store(op, true)
		if elapsed < 0 || err != nil && strings.Contains(err.Error(), cfg.Token) {
			t.Errorf("observed %s: %v, %v", op, elapsed, err)
		}
	}
	db, _ := running(t, cfg)
	ready(t, db)
	a, err := db.Mint(t.Context(), "dev1")
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{cfg.Token, a.Token}
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	note(db.WriteLines(t.Context(), a.Token, []byte("not line protocol"), "ns"))
	note(db.WriteLines(t.Context(), a.Token+"x", []byte("m v=1"), "ns"))
	note(db.Revoke(t.Context(), a.Key))
	note(db.WriteLines(t.Context(), a.Token, []byte("m v=1"), "ns"))
	f.set("refuse")
	note(db.WriteLines(t.Context(), a.Token, []byte("m v=1"), "ns"))
	becomes(t, db, "lost", func(s telemetry.DatabaseStatus) bool { return !s.Ready })
	note(db.PutRecord(t.Context(), devices.Record{ID: "dev1", Sealed: a.Token}))
	f.set("")
	ready(t, db)
	for _, secret := range secrets {
		if strings.Contains(log.String(), secret) {
			t.Error("a token is in the log")
		}
		for _, err := range errs {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("a token is in an error: %v", err)
			}
		}
	}
	if !strings.Contains(log.String(), "database ready") || !strings.Contains(log.String(), "database not ready") {
		t.Errorf("the log does not tell what happened: %s", log.String())
	}
	for _, op := range []string{"check", "token_mint", "token_revoke", "write"} {
		if _, ok := seen.Load(op); !ok {
			t.Errorf("%s was not observed", op)
		}
	}
}

func TestConfigMistakes(t *testing.T) {
	good := influx.Config{URL: "http://localhost:8086", Token: "t", Org: "o", Bucket: "b", AuthBucket: "a"}
	if _, err := influx.New(good); err != nil {
		t.Fatalf("a good configuration: %v", err)
	}
	for name, change := range map[string]func(*influx.Config){
		"no URL":         func(c *influx.Config) { c.URL = "" },
		"another scheme": func(c *influx.Config) { c.URL = "ftp://x" },
		"no host":        func(c *influx.Config) { c.URL = "http://" },
		"not a URL":      func(c *influx.Config) { c.URL = "http://a b" },
		"no token":       func(c *influx.Config) { c.Token = "" },
		"no bucket":      func(c *influx.Config) { c.Bucket = "" },
		"one bucket":     func(c *influx.Config) { c.AuthBucket = c.Bucket },
	} {
		cfg := good
		change(&cfg)
		if _, err := influx.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	secret := good
	secret.URL = "http://user:canary@localhost:8086"
	db, err := influx.New(secret)
	if err != nil || strings.Contains(db.Status().URL, "canary") {
		t.Errorf("status shows the URL's password: %q, %v", db.Status().URL, err)
	}
}

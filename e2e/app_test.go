//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"iotcenter/e2e/program"
	"iotcenter/influx/influxtest"
)

// app is a running program, and the way a device or a script talks to it.
type app struct {
	*program.Program

	signIn  sync.Once
	session *http.Cookie      // of the admin
	look    *http.Cookie      // session of the one who may only see
	found   map[string]string // of the shared program: what stands in addresses of pages
}

// freshApp starts a program on an empty data folder, for this journey alone.
func freshApp(t *testing.T, env ...string) *app {
	t.Helper()
	needBrowser(t)
	database, remove, err := databaseEnv()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Errorf("remove what the program left in InfluxDB: %v", err)
		}
	})
	p, err := program.Start(t.Context(), program.Options{Bin: binary, DataDir: t.TempDir(), Env: append(database, env...)})
	if err != nil {
		t.Fatal(err)
	}
	a := &app{Program: p}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("%v; its log:\n%s", err, p.Log())
		}
		for _, line := range p.Complaints() {
			t.Errorf("the program complained: %s", line)
		}
	})
	return a
}

// databaseEnv says to the program where its database is, and remove takes it away again. Without TEST_INFLUX_URL it says
// nothing: then the program brings one along.
func databaseEnv() (env []string, remove func() error, err error) {
	if !influxtest.External() {
		return nil, func() error { return nil }, nil
	}
	place, remove, err := influxtest.Elsewhere()
	return []string{
		"INFLUX_URL=" + place.URL, "INFLUX_TOKEN=" + place.Token, "INFLUX_ORG=" + place.Org, "INFLUX_BUCKET=" + place.Bucket,
		"INFLUX_BUCKET_AUTH=" + place.AuthBucket, "SECRET_KEY=the-secret-key-of-the-browser-journeys",
	}, remove, err
}

// shared is the program that the reading journeys share: a small fleet with a week of data.
type shared struct {
	once sync.Once
	app  *app
	dir  string
	err  error

	removeDatabase func() error
}

var populated shared

// populatedApp gives the shared program. Journeys must not change what is in it.
func populatedApp(t *testing.T) *app {
	t.Helper()
	needBrowser(t)
	populated.once.Do(func() { populated.start(t) })
	if populated.err != nil {
		t.Fatal(populated.err)
	}
	return populated.app
}

func (s *shared) start(t *testing.T) {
	t.Helper()
	// It outlives the journey that needs it first; TestMain stops it.
	var p *program.Program
	if s.dir, s.err = tempDir(); s.err != nil {
		return
	}
	var database []string
	if database, s.removeDatabase, s.err = databaseEnv(); s.err != nil {
		return
	}
	if p, s.err = program.Start(context.Background(), program.Options{Bin: binary, DataDir: s.dir, Env: database}); s.err != nil {
		return
	}
	s.app = &app{Program: p}
	s.app.populate(t)
}

func (s *shared) stop() error {
	if s.app == nil {
		return s.err
	}
	err := errors.Join(s.app.Stop(), s.removeDatabase())
	if lines := s.app.Complaints(); err == nil && len(lines) > 0 {
		err = fmt.Errorf("the shared program complained:\n%s", strings.Join(lines, "\n"))
	}
	return err
}

// The fleet of the shared program.
const (
	virtual    = "virtual_device"
	greenhouse = "greenhouse-04" // writes now, and has a field that no catalogue knows and a gap
	cellar     = "cellar_01"     // wrote ten minutes ago: late
	attic      = "attic.sensor"  // wrote yesterday: offline
	drawer     = "drawer-9"      // never wrote
	garage     = "garage:7"      // suspended
	shed       = "shed-1"        // unknown, waits for approval
)

func (a *app) populate(t *testing.T) {
	t.Helper()
	now := time.Now()
	a.backfill(t, virtual)

	token := a.register(t, greenhouse)
	var lines strings.Builder
	for at := now.Add(-24 * time.Hour); at.Before(now); at = at.Add(time.Minute) {
		if age := now.Sub(at); age > 9*time.Hour && age < 12*time.Hour {
			continue // the gap
		}
		phase := float64(at.Unix()%86400) / 86400 * 2 * math.Pi
		fmt.Fprintf(&lines, "environment,TemperatureSensor=DS18B20 Temperature=%.2f,Humidity=%.1f,SoilMoisture=%.3f %d\n",
			21+4*math.Sin(phase), 55+9*math.Cos(phase), 0.4+0.1*math.Sin(phase*3), at.Unix())
	}
	a.write(t, token, lines.String())
	a.write(t, a.register(t, cellar), fmt.Sprintf("environment Temperature=12.5,Humidity=71 %d\n", now.Add(-10*time.Minute).Unix()))
	a.write(t, a.register(t, attic), fmt.Sprintf("environment Temperature=17.25 %d\n", now.Add(-26*time.Hour).Unix()))
	a.register(t, drawer)
	a.register(t, garage)
	a.form(t, "/devices/"+garage+"/suspend", nil)
	a.populateProduct(t)
	a.populateAccess(t)
}

// register registers a device and gives its token, as a device learns it.
func (a *app) register(t *testing.T, id string) string {
	t.Helper()
	a.call(t, http.MethodPost, "/api/devices/"+url.PathEscape(id), "", nil, http.StatusCreated)
	var env struct {
		Token string `json:"influx_token"`
	}
	decode(t, a.call(t, http.MethodGet, "/api/env/"+url.PathEscape(id), "", nil, http.StatusOK), &env)
	if env.Token == "" {
		t.Fatalf("device %s was given no token", id)
	}
	return env.Token
}

// write writes line protocol with second precision, as a device does.
func (a *app) write(t *testing.T, token, lines string) {
	t.Helper()
	a.call(t, http.MethodPost, "/influx/api/v2/write?bucket=iot_center&precision=s", lines,
		http.Header{"Authorization": {"Token " + token}}, http.StatusNoContent)
}

// backfill writes the missing data of a virtual device and gives the number of points.
func (a *app) backfill(t *testing.T, id string) int {
	t.Helper()
	var done struct {
		Written int `json:"written"`
	}
	decode(t, a.call(t, http.MethodPost, "/api/devices/"+url.PathEscape(id)+"/backfill", "", nil, http.StatusOK), &done)
	return done.Written
}

// devices gives the ids of the registered devices.
func (a *app) devices(t *testing.T) []string {
	t.Helper()
	var list []struct {
		ID string `json:"deviceId"`
	}
	decode(t, a.call(t, http.MethodGet, "/api/devices", "", nil, http.StatusOK), &list)
	var ids []string
	for _, d := range list {
		ids = append(ids, d.ID)
	}
	return ids
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v in %.500s", err, data)
	}
}

// eventually waits until the program has come to a state.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for !is() {
		select {
		case <-deadline:
			t.Fatalf("waited %v in vain for %s", patience, what)
		case <-again.C:
		}
	}
}

package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"iotcenter/devices"
)

var errUnavailableForTest = fmt.Errorf("dial: %w", devices.ErrUnavailable)

// keysOf gives a JSON object's keys in the order in which they come.
func keysOf(t *testing.T, text string) []string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	var keys []string
	for i := 0; ; i++ {
		token, err := decoder.Token()
		if err != nil {
			return keys
		}
		if key, ok := token.(string); ok && i%2 == 1 {
			keys = append(keys, key)
		}
	}
}

func TestEnvironment(t *testing.T) {
	app := newTestApp(t, nil)
	w := app.do("GET", "/api/env/dev1?register=true", "", "Authorization", "Token "+testAPIKey)
	status(t, w, 200)
	want := []string{"influx_url", "influx_org", "influx_token", "influx_bucket", "id", "default_lon", "default_lat",
		"measurement_interval", "newlyRegistered", "createdAt", "updatedAt", "serverTime", "configuration_refresh", "write_endpoint"}
	if got := keysOf(t, w.Body.String()); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("keys %v", got)
	}
	var env map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &env); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"influx_url": "http://example.com/influx", "influx_org": "my org", "influx_bucket": "iot_center", "id": "dev1",
		"influx_token": "canary-token-1-of-dev1==", "default_lon": 14.4071543, "default_lat": 50.0873254, "measurement_interval": 60.0,
		"newlyRegistered": true, "createdAt": "2024-05-06T07:08:09.123Z", "serverTime": "2024-05-06T07:08:09.123Z",
		"configuration_refresh": 3600.0, "write_endpoint": "/influx",
	} {
		if env[key] != want {
			t.Errorf("%s = %v, want %v", key, env[key], want)
		}
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("an answer with a token may be kept")
	}

	again := app.do("GET", "/api/env/dev1", "", "Authorization", "Token canary-token-1-of-dev1==")
	status(t, again, 200)
	if !strings.Contains(again.Body.String(), `"newlyRegistered":false`) {
		t.Errorf("%s", again.Body)
	}
}

func TestEnvironmentAsLines(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.PublicURL = "https://iot.example.org/" })
	token := app.register(t, "dev1")
	want := "influx_url: https://iot.example.org/influx\ninflux_org: my org\ninflux_token: canary-token-1-of-dev1==\ninflux_bucket: iot_center\n" +
		"id: dev1\ndefault_lon: 14.4071543\ndefault_lat: 50.0873254\nmeasurement_interval: 60\nnewlyRegistered: false\n" +
		"createdAt: 2024-05-06T07:08:09.123Z\nupdatedAt: 2024-05-06T07:08:09.123Z\nserverTime: 2024-05-06T07:08:09.123Z\n" +
		"configuration_refresh: 3600\nwrite_endpoint: /influx\n"
	for name, w := range map[string]interface{ Result() string }{
		"by header":    body{app.do("GET", "/api/env/dev1", "", "Authorization", "Token "+token, "Accept", "text/plain").Body.String()},
		"by parameter": body{app.do("GET", "/api/env/dev1?accept=text/plain", "", "Authorization", "Token "+token, "Accept", "*/*").Body.String()},
	} {
		if got := w.Result(); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
	if w := app.do("GET", "/api/env/dev1?accept=text/plain", "", "Authorization", "Token "+token); w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type %q", w.Header().Get("Content-Type"))
	}
}

type body struct{ text string }

func (b body) Result() string { return b.text }

func TestEnvironmentQuotesOnlyWhatNeedsIt(t *testing.T) {
	for in, want := range map[string]bool{"my org": true, "http://a:8086/x": true, "a==": true, "a: b": false, "": false, " x": false,
		"# x": false, "a\nb: c": false, "x:": false, "[x": false, "-x": false} {
		if got := plainScalar(in); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}

func TestEnvironmentOfTheUnknown(t *testing.T) {
	app := newTestApp(t, nil)
	for _, key := range []string{"", "Bearer " + testAPIKey} { // automation too registers only what it says it wants to
		for _, target := range []string{"/api/env/dev1", "/api/env/dev1?register=false"} {
			w := app.do("GET", target, "", "Authorization", key)
			status(t, w, 403)
			want := notRegistered{"dev1", false, "not_enrolled", notEnrolled, w.Header().Get("X-Request-Id")}
			var got notRegistered
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got != want {
				t.Errorf("%s: %s, %v", target, w.Body, err)
			}
		}
	}
	if n, err := app.Registry.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("a GET registered %d, %v", n, err)
	}
	status(t, app.do("GET", "/api/env/dev1?register=perhaps", ""), 400)
	status(t, app.do("GET", "/api/env/dev%201?register=true", ""), 400)
	status(t, app.do("GET", "/api/env/dev1?register=true", "", "Sec-Fetch-Site", "cross-site"), 403)
	app.db.set(func(m *memory) { m.storeErr = errUnavailableForTest })
	w := app.do("GET", "/api/env/dev1", "", "Authorization", "Bearer "+testAPIKey)
	status(t, w, 503)
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestEnvironmentAddresses(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.PublicURL, o.InfluxPublicURL = "https://a.example", "https://b.example/db/" })
	token := app.register(t, "dev1")
	if w := app.do("GET", "/api/env/dev1", "", "Authorization", "Token "+token); !strings.Contains(w.Body.String(), `"influx_url":"https://b.example/db"`) {
		t.Errorf("%s", w.Body)
	}
}

func TestDevicesAPI(t *testing.T) {
	app := newTestApp(t, nil)
	w := app.do("GET", "/api/devices", "")
	status(t, w, 200)
	if strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("%s", w.Body)
	}

	w = app.do("POST", "/api/devices/dev10", "")
	status(t, w, 201)
	if got := strings.TrimSpace(w.Body.String()); got != `{"key":"key-1","deviceId":"dev10","createdAt":"2024-05-06T07:08:09.123Z"}` || w.Header().Get("Location") != "/devices/dev10" {
		t.Errorf("%s, Location %q", got, w.Header().Get("Location"))
	}
	w = app.do("POST", "/api/devices/dev10", "")
	status(t, w, 200)
	if !strings.Contains(w.Body.String(), `"key":"key-1"`) {
		t.Errorf("another key: %s", w.Body)
	}
	status(t, app.do("POST", "/api/devices/dev1", ""), 201)

	w = app.do("GET", "/api/devices", "")
	var list []map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0]["deviceId"] != "dev1" || list[1]["deviceId"] != "dev10" || len(list[0]) != 3 || list[0]["key"] != "key-2" {
		t.Errorf("%v", list)
	}
	if strings.Contains(w.Body.String(), "canary") {
		t.Error("the list tells a token")
	}

	w = app.do("DELETE", "/api/devices/dev1", "")
	status(t, w, 204)
	w = app.do("DELETE", "/api/devices/dev1", "")
	status(t, w, 404)
	if !strings.Contains(w.Body.String(), `"message":"Device dev1 not found!"`) {
		t.Errorf("%s", w.Body)
	}
	if w := app.do("GET", "/api/devices", ""); strings.Count(w.Body.String(), "deviceId") != 1 {
		t.Errorf("dev1 and dev10 are mixed up: %s", w.Body)
	}
	w = app.do("POST", "/api/devices/-x", "")
	status(t, w, 400)
	if !strings.Contains(w.Body.String(), `"field":"id"`) {
		t.Errorf("%s", w.Body)
	}
	app.db.set(func(m *memory) { m.storeErr = errUnavailableForTest })
	status(t, app.do("GET", "/api/devices", ""), 503)
	status(t, app.do("POST", "/api/devices/dev3", ""), 503)
}

func TestRemoveWithData(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev1")
	status(t, app.do("DELETE", "/api/devices/dev1?data=perhaps", ""), 400)
	status(t, app.do("DELETE", "/api/devices/dev2?data=delete", ""), 404)

	app.db.set(func(m *memory) { m.deleteErr = errUnavailableForTest })
	status(t, app.do("DELETE", "/api/devices/dev1?data=delete", ""), 503)
	if _, err := app.Registry.Get(t.Context(), "dev1"); err != nil {
		t.Errorf("the device is gone although its data are not: %v", err)
	}
	app.db.set(func(m *memory) { m.deleteErr = nil })
	status(t, app.do("DELETE", "/api/devices/dev1?data=delete", ""), 204)
	if _, err := app.Registry.Get(t.Context(), "dev1"); !errors.Is(err, devices.ErrNotFound) {
		t.Errorf("still there: %v", err)
	}
	if len(app.db.deleted) == 0 || app.db.deleted[0] != "dev1" {
		t.Errorf("deleted data of %v", app.db.deleted)
	}

	app.register(t, "dev3")
	app.db.set(func(m *memory) { m.deleted = nil })
	status(t, app.do("DELETE", "/api/devices/dev3", ""), 204)
	if len(app.db.deleted) != 0 {
		t.Errorf("data were deleted although nobody asked: %v", app.db.deleted)
	}
}

func TestVirtualTrack(t *testing.T) {
	w := newTestApp(t, nil).do("GET", "/api/gpxVirtual", "")
	status(t, w, 200)
	var track [][2]float64
	if err := json.Unmarshal(w.Body.Bytes(), &track); err != nil {
		t.Fatal(err)
	}
	if len(track) < 100 {
		t.Fatalf("%d positions", len(track))
	}
	for _, p := range track {
		if p[0] < -90 || p[0] > 90 || p[1] < -180 || p[1] > 180 {
			t.Fatalf("no place on earth: %v", p)
		}
	}
}

func TestBackfillAPI(t *testing.T) {
	app := newTestApp(t, nil)
	status(t, app.do("POST", "/api/devices/dev1/backfill", ""), 404)
	app.register(t, "dev1")
	w := app.do("POST", "/api/devices/dev1/backfill", "")
	status(t, w, 200)
	var got struct{ Written int }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Written < 9 || got.Written > 10 {
		t.Errorf("%s, %v", w.Body, err)
	}
}

package handlers

import (
	"strings"
	"testing"
)

// Scripts of other sites may read every answer of this dialect, errors too, and none of the rest of the app.
func TestHeliumCORSIsOnThisAPIOnly(t *testing.T) {
	app := newHeliumApp(t, nil)
	for _, row := range []struct {
		method, target string
		open           bool
	}{
		{"GET", sensorSeries, true}, {"GET", "/v1/sensor", true}, {"GET", "/v1/label", true}, {"GET", "/v1/organization", true},
		{"GET", "/v1/sensor/none/timeseries", true}, {"GET", "/v1/sensor/a/b/c", true}, {"BREW", sensorSeries, true}, {"POST", sensorSeries, true},
		{"GET", "/v1/sensor?" + strings.Repeat("x", maxAddress), true},
		{"GET", "/v1/sensors", false}, {"GET", "/v1/products", false}, {"GET", "/v1/influx/data", false}, {"GET", "/api/devices", false}, {"GET", "/devices", false},
		{"GET", "/influx/health", false}, {"GET", "/healthz", false}, {"GET", "/v1", false},
	} {
		for _, key := range []string{testAPIKey, "wrong", ""} {
			w := app.helium(row.method, row.target, "", "Authorization", key, "Origin", "https://elsewhere.example")
			got := w.Header().Values("Access-Control-Allow-Origin")
			if want := []string{"*"}; row.open != (len(got) == 1 && got[0] == want[0]) || !row.open && len(got) > 0 {
				t.Errorf("%s %.40s: %d %q", row.method, row.target, w.Code, got)
			}
			if row.open && w.Header().Get("Access-Control-Expose-Headers") != "Location, Retry-After" {
				t.Errorf("%s %.40s: exposed %q", row.method, row.target, w.Header().Get("Access-Control-Expose-Headers"))
			}
			if w.Header().Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s %.40s: cookies are let in", row.method, row.target)
			}
		}
	}
}

// A preflight is answered to everybody, alike whether there is anything at the address, and outside of this dialect not at all.
func TestHeliumCORSPreflight(t *testing.T) {
	app := newHeliumApp(t, nil)
	for _, target := range []string{sensorSeries, "/v1/sensor/none", "/v1/label/none/relationships/sensor", "/v1/organization/nothing"} {
		w := app.helium("OPTIONS", target, "", "Authorization", "", "Origin", "https://elsewhere.example",
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
		status(t, w, 204)
		for name, want := range map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
			"Access-Control-Allow-Headers": "Authorization, Content-Type", "Access-Control-Max-Age": "7200"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s %q", target, name, got)
			}
		}
		if w.Body.Len() > 0 {
			t.Errorf("%s: %s", target, w.Body)
		}
		checkHeaders(t, target, w, "")
	}
	for _, target := range []string{"/api/devices", "/v1/products", "/devices"} {
		w := app.helium("OPTIONS", target, "", "Access-Control-Request-Method", "POST")
		if w.Code < 300 || w.Header().Get("Access-Control-Allow-Methods") != "" {
			t.Errorf("%s: %d %v", target, w.Code, w.Header())
		}
	}
	complains(t, "no preflight", app.helium("OPTIONS", sensorSeries, ""), 405, "does not take that method")
}

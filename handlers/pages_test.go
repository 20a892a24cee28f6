package handlers

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// furnished is an app with a device that wrote, one that did not, and buckets.
func furnished(t *testing.T) *testApp {
	t.Helper()
	app := newTestApp(t, nil)
	for _, id := range []devices.ID{"dev1", "dev2", "new", devices.VirtualDevice} {
		app.register(t, id)
	}
	temperature, other := telemetry.Lookup("Temperature"), telemetry.Lookup("<b>Odd</b>")
	times := someTimes(3)
	app.db.set(func(m *memory) {
		m.entries["dev1"] = testNow.Add(-30e9)
		m.last = []telemetry.LastValue{{Field: temperature, Time: times[2], Value: 21.5, Sensor: "BME280"}, {Field: other, Time: times[2], Value: 7}}
		m.answer = telemetry.SeriesAnswer{Start: times[0], Stop: testNow, Raw: true, Series: []telemetry.Series{
			{Field: temperature, Times: times, Mean: []float64{20, 21, 21.5}, Min: []float64{20, 21, 21.5}, Max: []float64{20, 21, 21.5}},
			{Field: other, Times: times, Mean: []float64{5, 6, 7}, Min: []float64{5, 6, 7}, Max: []float64{5, 6, 7}},
		}, Queries: []telemetry.Explained{{Title: "Plots", Language: "flux", Text: `from(bucket: "iot_center")`, Rows: 6}}}
		m.stats = []telemetry.FieldStats{{Field: temperature, Min: 19.2, Max: 23.5, Last: 21.5, LastTime: times[2], Count: 1234, Sensor: "BME280"}}
		m.buckets = []telemetry.Bucket{
			{ID: "b1", Name: "iot_center", CreatedAt: testNow, Bytes: -1},
			{ID: "b2", Name: "iot_center_auth", CreatedAt: testNow, Bytes: -1},
			{ID: "b3", Name: "_monitoring", System: true, Retention: 7 * 24 * 3600e9, Bytes: -1},
		}
	})
	return app
}

// someTimes gives n minutes until testNow.
func someTimes(n int) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = testNow.Add(time.Duration(i-n) * time.Minute)
	}
	return out
}

const nasty = `"><script>alert(1)</script><img src=x onerror=alert(1)>`

// Each page, also with hostile queries, keeps to the content policy (see pageOf) and says what it is.
func TestEveryPageKeepsToThePolicy(t *testing.T) {
	app, bad := furnished(t), url.QueryEscape(nasty)
	for target, h1 := range map[string]string{
		"/": "Home", "/devices": "Device Registrations", "/devices?q=" + bad: "Device Registrations", "/devices?state=" + bad + "&sort=" + bad: "Device Registrations",
		"/devices?q=%ff%fe": "Device Registrations", "/devices?q=" + "x" + strings.Repeat("%C3%A4", 40): "Device Registrations",
		"/devices/new": "Register a device", "/devices/new?device": "new", "/devices/dev1": "dev1", "/devices/dev1?lang=" + bad: "dev1",
		"/devices/dev1/remove": "Remove dev1?", "/virtual": "Virtual Device", "/devices/virtual_device": "Virtual Device", "/virtual?run=" + bad: "Virtual Device",
		"/dashboard": "Dashboard", "/dashboard/dev1": "Dashboard", "/buckets": "Buckets", "/buckets/b1/retention": "Retention of iot_center", "/about": "About",
		"/product-types": "Product types", "/dashboard/dev1?measurement=" + bad: "Dashboard", "/devices/dev1/rotate": "Rotate the token of dev1?", "/devices/dev1/suspend": "Suspend dev1?", "/account": "Account",
		"/people": "People", "/people/new": "Add a person", "/people/" + testViewer: testViewer, "/people/" + testViewer + "/remove": "Remove test-viewer?",
		"/keys": "API keys", "/keys/new": "Make an API key", "/enrolment": "Enrolment", "/enrolment/keys/new": "Make an enrolment key",
		"/audit": "Audit log", "/audit?actor=" + bad + "&target=" + bad + "&action=" + bad + "&from=" + bad + "&before=" + bad: "Audit log",
	} {
		t.Run(target, func(t *testing.T) {
			w := app.do("GET", target, "")
			doc := pageOf(t, w, 200)
			says(t, doc, "h1", h1)
			has(t, doc, "h1", 1)
			has(t, doc, "[data-banner]", 0)
			checkPolicy(t, w.Header().Get("Content-Security-Policy"))
		})
	}
	for target, code := range map[string]int{
		"/nothing/" + url.PathEscape(nasty): 404, "/devices/" + url.PathEscape(nasty): 404, "/devices/none": 404, "/devices/none/remove": 404,
		"/dashboard/none": 404, "/dashboard?device=" + bad: 404, "/dashboard?device=none": 404, "/buckets/none/retention": 404, "/buckets/b3/retention": 404,
		"/devices/%ff": 404, "/dashboard/dev1?from=" + bad: 422, "/dashboard/dev1?from=" + strings.Repeat("%C3%A4", 30): 422, "/dashboard/dev1?range=" + bad: 422,
		"/people/" + url.PathEscape(nasty): 404, "/people/none/remove": 404, "/people/new?person": 404, "/keys/" + url.PathEscape(nasty) + "/revoke": 404,
		"/enrolment/keys/" + url.PathEscape(nasty) + "/revoke": 404, "/devices/none/rotate": 404, "/devices/none/suspend": 404, "/product-types?type=none": 404, "/product-types/none/remove": 404,
	} {
		t.Run(target, func(t *testing.T) {
			w := app.do("GET", target, "")
			pageOf(t, w, code)
			checkPolicy(t, w.Header().Get("Content-Security-Policy"))
		})
	}
}

// The pages above are all that there are.
func TestNoPageIsLeftOut(t *testing.T) {
	app, pages := furnished(t), 0
	err := app.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		for _, method := range []string{"GET", "POST", "PUT"} {
			w := app.do(method, strings.NewReplacer("{id}", "dev1", "{bucket}", "b1", "{name}", testViewer, "{key}", "none", "{ref}", "none").Replace(template), "")
			if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
				pages++ // none of them has a flash: nobody brings a cookie
				pageOf(t, w, w.Code)
			}
		}
		return nil
	})
	if err != nil || pages < 80 {
		t.Errorf("%d pages, %v", pages, err)
	}
}

func checkPolicy(t *testing.T, policy string) {
	t.Helper()
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
}

func TestHome(t *testing.T) {
	doc := pageOf(t, newTestApp(t, nil).do("GET", "/", ""), 200)
	says(t, doc, "h2", "First steps")
	says(t, doc, "h2", "Welcome to the IoT Center")
	has(t, doc, `.today time[datetime="2024-05-06T07:08:09.123Z"]`, 1)
	has(t, doc, `nav[aria-label="Pages"] a[href="/"][aria-current="page"]`, 1)

	doc = pageOf(t, furnished(t).do("GET", "/", ""), 200)
	says(t, doc, ".kpi", "1 of 4 online")
	if strings.Contains(words(doc, "h2"), "First steps") {
		t.Error("first steps though a device wrote")
	}
}

func TestAbout(t *testing.T) {
	doc := pageOf(t, newTestApp(t, nil).do("GET", "/about", ""), 200)
	says(t, doc, "main", "go1.")
	says(t, doc, "main", "test")
}

func TestPageNotFound(t *testing.T) {
	app := newTestApp(t, nil)
	w := app.do("GET", "/no/such/page", "")
	doc := pageOf(t, w, 404)
	says(t, doc, "h1", "Page not found")
	says(t, doc, `main a[href="/"]`, "Go Home")
	says(t, doc, "main", w.Header().Get("X-Request-Id"))
	has(t, doc, "nav[aria-label=Pages] a", 12) // those of an admin
	has(t, pageOf(t, app.do("GET", "/no/such/page", "", personHeader, testViewer), 404), "nav[aria-label=Pages] a", 7)
	says(t, pageOf(t, app.do("GET", "/devices/none", ""), 404), "main h2", "Device none not found!")
}

// While the database is away, every page still stands, says so, and lets nobody send what cannot be done.
func TestPagesWhileTheDatabaseIsAway(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev1")
	app.db.away()
	for target, code := range map[string]int{"/": 200, "/about": 200, "/devices": 503, "/devices/new": 200, "/buckets": 503, "/dashboard": 503,
		"/dashboard/dev1": 503, "/virtual": 503, "/devices/dev1": 503, "/devices/dev1/remove": 503, "/buckets/b1/retention": 503, "/none": 404} {
		t.Run(target, func(t *testing.T) {
			w := app.do("GET", target, "")
			doc := pageOf(t, w, code)
			says(t, doc, "[data-banner]", "The database does not answer. Connection refused.")
			says(t, doc, "[data-banner]", "Next try in 7 s.")
			has(t, doc, `[data-banner] form[action="/database/try"] button`, 1)
			has(t, doc, `main form[action^="/devices"][method=post] button:not([disabled]), main form[action^="/buckets"] button:not([disabled])`, 0)
			if code == 503 && w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
	doc := pageOf(t, app.do("GET", "/devices/new", ""), 200)
	has(t, doc, "#device-id[disabled]", 1)
	says(t, doc, "main .err", "nothing can be changed right now")
	says(t, pageOf(t, app.do("GET", "/buckets", ""), 503), "main h2", "The buckets cannot be read")
	says(t, pageOf(t, app.do("GET", "/devices", ""), 503), "main h2", "The list cannot be read")
	for target, form := range map[string]url.Values{"/devices": {"id": {"dev3"}}, "/devices/dev1/remove": {}, "/buckets": {"name": {"x"}, "retention": {"0"}},
		"/buckets/b1/retention": {"retention": {"0"}}, "/virtual/backfill": {}, "/virtual/live": {"on": {"true"}}} {
		doc := pageOf(t, app.post(target, form), 503)
		says(t, doc, "main h2", "The database cannot be reached right now.")
	}
}

func TestDatabaseFirstStart(t *testing.T) {
	app := newTestApp(t, nil)
	app.db.set(func(m *memory) { m.status = telemetry.DatabaseStatus{Embedded: true} })
	doc := pageOf(t, app.do("GET", "/about", ""), 200)
	says(t, doc, "[data-banner]", "The database is not ready yet.")
	if strings.Contains(words(doc, "[data-banner]"), "Next try") {
		t.Error("a next try that nobody knows")
	}
}

func TestTryDatabase(t *testing.T) {
	app := newTestApp(t, nil)
	for back, want := range map[string]string{"/devices?page=2": "/devices?page=2", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example": "/", "": "/", "/a\r\nX: y": "/"} {
		w := app.post("/database/try", url.Values{"back": {back}})
		status(t, w, 303)
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", back, got, want)
		}
	}
	if app.db.tries != 6 {
		t.Errorf("%d tries", app.db.tries)
	}
	status(t, app.post("/database/try", nil, "Sec-Fetch-Site", "cross-site"), 403)
	if app.db.tries != 6 {
		t.Error("another site made the app try")
	}
}

func TestThemeAndHelpAreRemembered(t *testing.T) {
	app := newTestApp(t, nil)
	doc := app.follow(t, app.post("/theme", url.Values{"theme": {"dark"}, "back": {"/about"}}))
	has(t, doc, "html[data-theme=dark]", 1)
	has(t, doc, `.side form[action="/theme"] button[value=light]`, 1)
	doc = app.follow(t, app.post("/help", url.Values{"topic": {"devices"}, "open": {"true"}, "back": {"/devices"}}))
	has(t, doc, "#help:not([hidden])", 1)
	doc = app.follow(t, app.post("/help", url.Values{"topic": {"devices"}, "open": {"false"}, "back": {"/devices"}}))
	has(t, doc, "#help[hidden]", 1)
	has(t, pageOf(t, app.do("GET", "/", "", "Cookie", preferencesName+"="+url.QueryEscape("theme="+nasty)), 200), "html[data-theme]", 0)
}

// A browser that leaves in the middle of a page is no failure: the log does not call it one.
func TestBrowserThatIsGone(t *testing.T) {
	var log bytes.Buffer
	app := newTestApp(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	ctx, leave := context.WithCancel(t.Context())
	leave()
	for _, path := range []string{"/", "/about", "/devices", "/devices/none", "/no/such/page", "/dashboard"} {
		r := httptest.NewRequest("GET", path, nil).WithContext(ctx)
		r.Header.Set(personHeader, testViewer)
		app.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	if strings.Contains(log.String(), "level=ERROR") || strings.Contains(log.String(), "level=WARN") {
		t.Error(log.String())
	}
}

package handlers

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

// wantHeaders are on every answer of the app, whatever it answers.
var wantHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; " +
		"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
	"Cache-Control":                "no-store",
}

// checkHeaders checks them; cached is what stands in the place of no-store.
func checkHeaders(t *testing.T, what string, w *httptest.ResponseRecorder, cached string) {
	t.Helper()
	for name, want := range wantHeaders {
		if name == "Cache-Control" && cached != "" {
			want = cached
		}
		if got := w.Header().Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %d, %s: %q", what, w.Code, name, got)
		}
	}
	if len(w.Header().Get("X-Request-Id")) != 24 {
		t.Errorf("%s: request id %q", what, w.Header().Get("X-Request-Id"))
	}
	if got := w.Header().Get("Strict-Transport-Security"); got != "" {
		t.Errorf("%s: over plain HTTP %q", what, got)
	}
}

// Every route, by every one of its methods and one that it does not take, answers everybody with the security headers.
func TestHeadersOnEveryRoute(t *testing.T) {
	app := furnished(t)
	app.register(t, "dev1")
	app.CloseStreams() // event streams end at once
	n := 0
	err := app.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil {
			methods = []string{"GET"} // the static files
		}
		path := strings.NewReplacer("{id}", "dev1", "{bucket}", "iot_center", "{name}", testViewer, "{key}", "none", "{ref}", "none").Replace(template)
		for _, m := range append(methods, "BREW") {
			for _, accept := range []string{"text/html", "text/event-stream"} {
				for _, person := range []string{testAdmin, testViewer, ""} {
					checkHeaders(t, m+" "+path, app.do(m, path, "", "Accept", accept, "Accept-Encoding", "gzip", personHeader, person), "")
					n++
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 500 {
		t.Errorf("%d answers only", n)
	}
}

// So does what is no route's answer: 404, 405, 413, 414, a foreign host, another site's form, a redirect, a panic, and
// what those get who are not signed in or may not.
func TestHeadersOnErrors(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	app.allow(app.router.Handle("/panic", app.html(func(http.ResponseWriter, *http.Request) error { panic("boom") })), everybody)
	app.allow(app.router.Handle("/api/panic", app.html(func(http.ResponseWriter, *http.Request) error { panic("boom") })), everybody)
	app.allow(app.router.Handle("/form", app.html(func(_ http.ResponseWriter, r *http.Request) error { return r.ParseForm() })).Methods("POST"), everybody)
	rows := []struct {
		method, target, body string
		status               int
		headers              []string
	}{
		{"GET", "/nothing/here", "", 404, nil},
		{"GET", "/api/nothing", "", 404, nil},
		{"GET", "/influx/api/v2/query", "", 404, nil},
		{"GET", "/static/nothing.js", "", 404, nil},
		{"PUT", "/api/devices/dev1", "", 405, nil},
		{"PUT", "/influx/api/v2/write", "", 405, nil},
		{"POST", "/form", "id=" + strings.Repeat("x", maxBody), 413, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"POST", "/influx/api/v2/write", strings.Repeat("#", maxWrite+1), 413, []string{"Authorization", "Token " + token}},
		{"POST", "/influx/api/v2/write", "m f=1", 401, nil},
		{"GET", "/?q=" + strings.Repeat("x", maxAddress), "", 414, nil},
		{"GET", "/influx/" + strings.Repeat("x", maxAddress), "", 414, nil},
		{"GET", "http://me@app.example/", "", 200, nil}, // Go leaves out what stands before the @
		{"POST", "/api/devices/dev1", "", 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{"GET", "/x/../devices", "", 301, nil},
		{"GET", "/devices", "", 303, []string{personHeader, ""}},
		{"GET", "/no/such/page", "", 303, []string{personHeader, ""}},
		{"GET", "/api/devices", "", 401, []string{personHeader, ""}},
		{"GET", "/devices", "", 403, []string{personHeader, "nobody-known"}},
		{"GET", "/people", "", 403, []string{personHeader, testViewer}},
		{"GET", "/api/env/dev2", "", 403, []string{personHeader, ""}},
		{"GET", "/panic", "", 500, nil},
		{"GET", "/api/panic", "", 500, nil},
	}
	for _, row := range rows {
		w := app.do(row.method, row.target, row.body, row.headers...)
		what := fmt.Sprintf("%s %.40s", row.method, row.target)
		if w.Code != row.status {
			t.Errorf("%s: status %d, want %d", what, w.Code, row.status)
		}
		checkHeaders(t, what, w, "")
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "no host"
	w := httptest.NewRecorder()
	app.Handler().ServeHTTP(w, r)
	status(t, w, 400)
	checkHeaders(t, "a Host that is none", w, "")
	r = httptest.NewRequest("OPTIONS", "/", nil)
	r.URL.Path, r.RequestURI = "*", "*"
	w = httptest.NewRecorder()
	app.Handler().ServeHTTP(w, r)
	checkHeaders(t, "OPTIONS *", w, "")
	if w.Code < 300 {
		t.Errorf("OPTIONS *: %d", w.Code)
	}
}

// A static file is the one answer that may be kept, and by everybody; a fault below its address may not.
func TestHeadersOfStaticFiles(t *testing.T) {
	app := newTestApp(t, nil)
	doc := pageOf(t, app.do("GET", "/about", ""), 200)
	src, ok := doc.Find("script[src]").First().Attr("src")
	if !ok {
		t.Fatal("no script")
	}
	const forever = "public, max-age=31536000, immutable"
	w := app.do("GET", src, "", "Accept-Encoding", "gzip")
	status(t, w, 200)
	checkHeaders(t, src, w, forever)
	if got := w.Header().Values("Vary"); len(got) != 1 || got[0] != "Accept-Encoding" {
		t.Errorf("Vary %q", got)
	}
	again := app.do("GET", src, "", "Accept-Encoding", "gzip", "If-None-Match", w.Header().Get("ETag"))
	status(t, again, 304)
	checkHeaders(t, src+" again", again, forever)
}

// Over an encrypted connection browsers are told to stay there.
func TestStrictTransportSecurity(t *testing.T) {
	ask := func(app *testApp, encrypted bool, headers ...string) string {
		r := httptest.NewRequest("GET", "/nothing", nil) // an error too
		if encrypted {
			r.TLS = &tls.ConnectionState{}
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		app.Handler().ServeHTTP(w, r)
		return w.Header().Get("Strict-Transport-Security")
	}
	const year = "max-age=31536000"
	plain := newTestApp(t, func(o *Options) { o.TrustedProxies = nil })
	public := newTestApp(t, func(o *Options) { o.PublicURL = "https://iot.example.org" })
	behind := newTestApp(t, func(o *Options) { o.TrustedProxies = prefixes(t, "192.0.2.0/24") })
	https := []string{"X-Forwarded-Proto", "https"}
	for name, got := range map[string][2]string{
		"plain": {ask(plain, false), ""}, "TLS": {ask(plain, true), year}, "forged": {ask(plain, false, https...), ""},
		"PUBLIC_URL": {ask(public, false), year}, "a trusted proxy": {ask(behind, false, https...), year}, "a silent proxy": {ask(behind, false), ""},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %q, want %q", name, got[0], got[1])
		}
	}
}

// With no-referrer, browsers would send `Origin: null` with our own forms, and over plain HTTP nothing else tells them
// from another site's: the forms of an app in a local network would stop working.
func TestReferrerPolicyLeavesOriginsAlone(t *testing.T) {
	app := newTestApp(t, nil)
	w := app.do("POST", "/theme", "theme=dark", "Sec-Fetch-Site", "", "Origin", "null", "Content-Type", "application/x-www-form-urlencoded")
	status(t, w, http.StatusForbidden)
	if got := w.Header().Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("%q", got)
	}
}

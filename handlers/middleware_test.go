package handlers

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"iotcenter/views"
)

// Every answer has a request id of its own.
func TestRequestIDsDiffer(t *testing.T) {
	app := newTestApp(t, nil)
	seen := map[string]bool{}
	for range 20 {
		id := app.do("GET", "/healthz", "").Header().Get("X-Request-Id")
		if len(id) != 24 || seen[id] {
			t.Errorf("request id %q", id)
		}
		seen[id] = true
	}
}

func TestRequestIDIsOurOwn(t *testing.T) {
	w := newTestApp(t, nil).do("GET", "/healthz", "", "X-Request-Id", "chosen-by-a-stranger")
	if got := w.Header().Get("X-Request-Id"); got == "chosen-by-a-stranger" || got == "" {
		t.Errorf("request id %q", got)
	}
}

func TestPanicIsLoggedWithItsStack(t *testing.T) {
	app := newTestApp(t, nil)
	app.allow(app.router.Handle("/api/panic", app.json(func(http.ResponseWriter, *http.Request) error { panic("boom") })), everybody)
	w := app.do("GET", "/api/panic", "")
	status(t, w, 500)
	log := app.log.String()
	if !strings.Contains(log, "panic=boom") || !strings.Contains(log, "middleware_test.go") || !strings.Contains(log, w.Header().Get("X-Request-Id")) {
		t.Errorf("log: %s", log)
	}
	if strings.Contains(w.Body.String(), "boom") {
		t.Errorf("the person sees %s", w.Body)
	}
}

func TestMethodNotAllowedNamesTheRightOnes(t *testing.T) {
	app := newTestApp(t, nil)
	for path, want := range map[string]string{
		"/api/devices":         "GET, HEAD",
		"/api/devices/dev1":    "POST, DELETE",
		"/influx/api/v2/write": "POST",
	} {
		w := app.do("PATCH", path, "")
		if w.Code != 405 || w.Header().Get("Allow") != want {
			t.Errorf("%s: %d, Allow %q, want %q", path, w.Code, w.Header().Get("Allow"), want)
		}
	}
}

func TestUnmatchedAnswersInTheStyleOfItsPlace(t *testing.T) {
	app := newTestApp(t, nil)
	for path, want := range map[string]string{
		"/api/nothing":                "application/json; charset=utf-8",
		"/api":                        "application/json; charset=utf-8",
		"/influx/api/v2/buckets":      "application/json; charset=utf-8",
		"/influx/api/v2/../../orgs":   "",
		"/apiary":                     "text/html; charset=utf-8",
		"/influx/api/v2/query?org=me": "application/json; charset=utf-8",
	} {
		w := app.do("GET", path, "")
		if want == "" {
			if w.Code != 301 && w.Code != 404 {
				t.Errorf("%s: %d", path, w.Code)
			}
			continue
		}
		if w.Code != 404 || w.Header().Get("Content-Type") != want {
			t.Errorf("%s: %d %q", path, w.Code, w.Header().Get("Content-Type"))
		}
	}
}

func TestCrossSiteRequestsAreRefused(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.PublicURL = "https://iot.example.org/" })
	rows := []struct {
		name    string
		headers []string
		status  int
	}{
		{"a program with a key", []string{"Sec-Fetch-Site", "", "Authorization", "Bearer " + testAPIKey}, 201},
		{"a person by a program that does not say where it comes from", []string{"Sec-Fetch-Site", ""}, 403},
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a sister site", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"our own page", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"an old browser on another site", []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, 403},
		{"an old browser on our page", []string{"Sec-Fetch-Site", "", "Origin", "http://example.com"}, 200},
		{"an old browser through the proxy", []string{"Sec-Fetch-Site", "", "Origin", "https://iot.example.org"}, 200},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			status(t, app.do("POST", "/api/devices/dev1", "", row.headers...), row.status)
		})
	}
}

func TestMetricsKnowTemplatesOnly(t *testing.T) {
	app := newTestApp(t, nil)
	app.do("GET", "/api/env/some-device-7", "")
	app.do("GET", "/api/env/some-device-8?register=true", "", "Authorization", "Token "+testAPIKey)
	app.do("GET", "/no/such/path/secret-name", "")
	app.do("BREW", "/api/devices", "")
	app.Metrics.Observe("write", 3, nil)
	app.Metrics.Observe("write", 3, errUnavailableForTest)
	w := app.do("GET", "/metrics", "")
	status(t, w, 200)
	text := w.Body.String()
	for _, want := range []string{
		`http_requests_total{method="GET",route="/api/env/{id}",status="403"} 1`,
		`http_requests_total{method="GET",route="/api/env/{id}",status="200"} 1`,
		`http_requests_total{method="GET",route="unmatched",status="404"} 1`,
		`http_requests_total{method="other",route="unmatched",status="405"} 1`,
		`database_operations_total{op="write",result="ok"} 1`,
		`database_operations_total{op="write",result="unavailable"} 1`,
		`http_request_duration_seconds_count{method="GET",route="/api/env/{id}"} 2`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("missing %s", want)
		}
	}
	for _, never := range []string{"some-device", "secret-name", "BREW", "canary-token"} {
		if strings.Contains(text, never) {
			t.Errorf("a label holds %q", never)
		}
	}
}

func TestAccessLogHoldsNoQueryAndNoToken(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	app.do("GET", "/api/env/dev1?token=query-secret", "", "Authorization", "Bearer "+token)
	app.do("POST", "/influx/api/v2/write?bucket=iot_center", "environment Temperature=1", "Authorization", "Token "+token)
	app.do("POST", "/influx/api/v2/write", "environment Temperature=1", "Authorization", "Token wrong-canary-token")
	app.do("POST", "/influx/api/v2/write", "environment,clientId=dev2 Temperature=1", "Authorization", "Bearer "+token)
	log := app.log.String()
	if n := strings.Count(log, "msg=request "); n != 4 {
		t.Errorf("%d access lines, want 4:\n%s", n, log)
	}
	if !strings.Contains(log, "route=/api/env/{id} path=/api/env/dev1 status=200") {
		t.Errorf("no route in %s", log)
	}
	for _, never := range []string{token, "canary-token", "query-secret"} {
		if strings.Contains(log, never) {
			t.Errorf("the log holds %q:\n%s", never, log)
		}
	}
}

func TestLogInjection(t *testing.T) {
	app := newTestApp(t, nil)
	app.do("GET", "/x%0Amsg=forged%20level=ERROR", "")
	if strings.Contains(app.log.String(), "\nmsg=forged") {
		t.Errorf("a path made a log line: %s", app.log)
	}
}

func TestCompression(t *testing.T) {
	app := newTestApp(t, nil)
	app.allow(app.router.Handle("/long", app.html(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, err := io.WriteString(w, strings.Repeat("abc ", 1000))
		return err
	})), everybody)
	w := app.do("GET", "/long", "", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > 500 {
		t.Fatalf("encoding %q, %d bytes", w.Header().Get("Content-Encoding"), w.Body.Len())
	}
	zr, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zr)
	if err != nil || len(text) != 4000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if w := app.do("GET", "/long", ""); w.Header().Get("Content-Encoding") != "" || w.Body.Len() != 4000 {
		t.Errorf("packed without being asked: %v", w.Header())
	}
}

// Events arrive one by one, not when a buffer is full; and a stop ends the stream while other requests go on.
func TestEventStream(t *testing.T) {
	for _, accept := range []string{"text/event-stream", "*/*"} {
		t.Run(accept, func(t *testing.T) {
			app := newTestApp(t, nil)
			ended := make(chan struct{})
			app.allow(app.router.Handle("/events", app.html(func(w http.ResponseWriter, r *http.Request) error {
				stream, err := app.stream(w, r)
				if err != nil {
					return err
				}
				if err := stream.Send("tick", map[string]int{"n": 1}); err != nil {
					return err
				}
				<-stream.Done()
				close(ended)
				return nil
			})), everybody)
			srv := httptest.NewServer(app.Handler())
			defer srv.Close()
			req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/events", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", accept)
			req.Header.Set("Accept-Encoding", "gzip")
			resp, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			want := "retry: 3000\n\nevent: tick\ndata: {\"n\":1}\n\n"
			got := make([]byte, len(want))
			if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
				t.Fatalf("%q, %v", got, err)
			}
			app.CloseStreams()
			<-ended
			if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
				t.Errorf("%q, %v", rest, err)
			}
			status(t, app.do("GET", "/healthz", ""), 200)
		})
	}
}

func TestFlashIsShownOnce(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.PublicURL = "https://iot.example.org" })
	app.allow(app.router.Handle("/act", app.html(func(w http.ResponseWriter, r *http.Request) error {
		app.flash(w, r, views.Flash{Kind: views.FlashOK, Text: "Device dev1 was unregistered.", Mark: "dev1"})
		http.Redirect(w, r, "/next", http.StatusSeeOther)
		return nil
	})), everybody)
	app.allow(app.router.Handle("/next", app.html(func(w http.ResponseWriter, r *http.Request) error {
		writeJSON(w, 200, app.takeFlashes(w, r))
		return nil
	})), everybody)
	w := app.do("POST", "/act", "")
	status(t, w, 303)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	c := cookies[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || strings.Contains(c.Value, "dev1") {
		t.Errorf("cookie %+v", c)
	}
	first := app.do("GET", "/next", "", "Cookie", c.Name+"="+c.Value)
	var got []views.Flash
	if err := json.Unmarshal(first.Body.Bytes(), &got); err != nil || len(got) != 1 || got[0] != (views.Flash{Kind: views.FlashOK, Text: "Device dev1 was unregistered.", Mark: "dev1"}) {
		t.Fatalf("%s, %v", first.Body, err)
	}
	c = first.Result().Cookies()[0]
	if again := app.do("GET", "/next", "", "Cookie", c.Name+"="+c.Value); strings.TrimSpace(again.Body.String()) != "null" {
		t.Errorf("shown again: %s", again.Body)
	}
	if forged := app.do("GET", "/next", "", "Cookie", c.Name+"=forged"); forged.Code != 200 || strings.TrimSpace(forged.Body.String()) != "null" {
		t.Errorf("%d %s", forged.Code, forged.Body)
	}
}

func TestBodiesAreLimited(t *testing.T) {
	app := newTestApp(t, nil)
	app.allow(app.router.Handle("/form", app.html(func(w http.ResponseWriter, r *http.Request) error {
		return r.ParseForm()
	})).Methods("POST"), everybody)
	w := app.do("POST", "/form", "id="+strings.Repeat("x", maxBody), "Content-Type", "application/x-www-form-urlencoded")
	status(t, w, 413)
}

package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"iotcenter/telemetry"
)

// Probes are open to everybody, and tell nothing but whether the app is of use.
func TestReadinessHasNoDetail(t *testing.T) {
	app := newTestApp(t, nil)
	w := app.do("GET", "/readyz", "")
	status(t, w, 200)
	if w.Body.String() != `{"status":"ready"}`+"\n" {
		t.Errorf("ready: %q", w.Body)
	}
	app.db.set(func(m *memory) {
		m.status = telemetry.DatabaseStatus{Problem: "The bucket iot_center is missing.", NextTry: testNow.Add(time.Second)}
	})
	w = app.do("GET", "/readyz", "")
	status(t, w, 503)
	if w.Body.String() != `{"status":"unavailable"}`+"\n" || w.Header().Get("Retry-After") != "5" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("unavailable: %q %v", w.Body, w.Header())
	}
	if w := app.do("GET", "/readyz", "", personHeader, ""); w.Code != 503 {
		t.Errorf("a stranger gets %d", w.Code)
	}
	w = app.do("GET", "/healthz", "", personHeader, "") // the process lives all the same
	status(t, w, 200)
	if w.Body.String() != "ok\n" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%q %v", w.Body, w.Header())
	}
}

// Every route that there is shows up in the metrics by its template, and no name from an address does.
func TestMetricsOfEveryRoute(t *testing.T) {
	app := furnished(t)
	app.register(t, "secret-device")
	asked := map[string]bool{}
	err := app.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil {
			methods = []string{"GET"} // the static files
		}
		path := strings.NewReplacer("{id}", "secret-device", "{bucket}", "secret-bucket", "{name}", "secret-person", "{key}", "secret-key", "{ref}", "secret-ref").Replace(template)
		if strings.Contains(path, "{") || strings.HasPrefix(path, "/static") || strings.HasSuffix(path, "/remove") || path == "/metrics" {
			return nil
		}
		for _, m := range methods {
			app.do(m, path+"?q=secret-query", "", "Accept", "text/html")
			asked[fmt.Sprintf("method=%q,route=%q", m, template)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text := app.do("GET", "/metrics", "").Body.String()
	if len(asked) < 30 {
		t.Errorf("%d routes only", len(asked))
	}
	for labels := range asked {
		if !strings.Contains(text, labels) {
			t.Errorf("no %s", labels)
		}
	}
	for _, never := range []string{"secret-", "canary-token"} {
		if strings.Contains(text, never) {
			t.Errorf("a label holds %q", never)
		}
	}
}

func TestMetricsCountWritesAndQueries(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	write := func(want int) {
		t.Helper()
		status(t, app.do("POST", "/influx/api/v2/write?org=my+org&bucket=iot_center", "environment Temperature=1\nenvironment Temperature=2\n", "Authorization", "Token "+token), want)
	}
	write(http.StatusNoContent)
	write(http.StatusNoContent)
	app.db.set(func(m *memory) { m.writeErr = errUnavailableForTest })
	write(http.StatusServiceUnavailable)
	for i, err := range []error{nil, nil, errUnavailableForTest, telemetry.ErrBadQuery, telemetry.ErrBucketNotFound, errors.New("x"), t.Context().Err()} {
		app.Metrics.Observe("query", time.Duration(i)*time.Second, err)
	}
	text := app.do("GET", "/metrics", "").Body.String()
	for _, want := range []string{
		"gateway_points_written_total 4",
		`database_operations_total{op="query",result="ok"} 3`, `database_operations_total{op="query",result="unavailable"} 1`, `database_operations_total{op="query",result="rejected"} 1`,
		`database_operations_total{op="query",result="not_found"} 1`, `database_operations_total{op="query",result="error"} 1`,
		`database_operation_duration_seconds_count{op="query"} 7`, `http_requests_total{method="POST",route="/influx/api/v2/write",status="204"} 2`,
		`http_requests_total{method="POST",route="/influx/api/v2/write",status="503"} 1`, "http_requests_in_flight 1",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

package handlers

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"iotcenter/telemetry"
)

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if _, err := io.WriteString(zw, text); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGatewayWrite(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	auth := []string{"Authorization", "Token " + token}
	const line = "environment Temperature=21.5 1700000000000000000"
	rows := []struct {
		name, query, body string
		headers           []string
		status            int
		code              string // InfluxDB's, on errors
	}{
		{"plain", "?org=anything&bucket=iot_center&precision=ns", line, auth, 204, ""},
		{"bearer", "", line, []string{"Authorization", "bearer " + token}, 204, ""},
		{"packed", "", packed(t, line), append([]string{"Content-Encoding", "gzip"}, auth...), 204, ""},
		{"identity", "", line, append([]string{"Content-Encoding", "identity"}, auth...), 204, ""},
		{"its own tag", "", "environment,clientId=dev1 Temperature=21.5", auth, 204, ""},
		{"comments only", "", "# nothing\n\n", auth, 204, ""},
		{"no token", "", line, nil, 401, "unauthorized"},
		{"basic", "", line, []string{"Authorization", "Basic ZGV2MTp4"}, 401, "unauthorized"},
		{"unknown token", "", line, []string{"Authorization", "Token nobody"}, 401, "unauthorized"},
		{"foreign bucket", "?bucket=iot_center_auth", line, auth, 403, "forbidden"},
		{"foreign clientId", "", "environment,clientId=dev10 Temperature=21.5", auth, 403, "forbidden"},
		{"foreign product_imei", "", "environment,product_imei=dev10 Temperature=21.5", auth, 403, "forbidden"},
		{"malformed", "", line + "\nenvironment Temperature=", auth, 400, "invalid"},
		{"precision", "?precision=fortnight", line, auth, 400, "invalid"},
		{"empty", "", "", auth, 400, "invalid"},
		{"not gzip", "", line, append([]string{"Content-Encoding", "gzip"}, auth...), 400, "invalid"},
		{"cut gzip", "", packed(t, line)[:30], append([]string{"Content-Encoding", "gzip"}, auth...), 400, "invalid"},
		{"unknown encoding", "", line, append([]string{"Content-Encoding", "br"}, auth...), 415, "invalid"},
		{"too large", "", strings.Repeat("x", maxWrite+1), auth, 413, "request too large"},
		{"too large unpacked", "", packed(t, strings.Repeat("#", maxWrite+1)), append([]string{"Content-Encoding", "gzip"}, auth...), 413, "request too large"},
		// Devices have no cookie: what a browser says of the origin does not matter here.
		{"from anywhere", "", line, append([]string{"Sec-Fetch-Site", "cross-site"}, auth...), 204, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			app.db.set(func(m *memory) { m.writes = nil })
			w := app.do("POST", "/influx/api/v2/write"+row.query, row.body, row.headers...)
			status(t, w, row.status)
			if row.status >= 400 {
				if !strings.Contains(w.Body.String(), fmt.Sprintf(`{"code":%q,"message":"`, row.code)) {
					t.Errorf("%s", w.Body)
				}
				if len(app.db.writes) != 0 {
					t.Errorf("written all the same: %v", app.db.writes)
				}
				return
			}
			for _, got := range app.db.writes {
				if got.Token != token || !strings.Contains(got.Lines, "clientId=dev1") {
					t.Errorf("%+v", got)
				}
			}
			if want := 1; row.name != "comments only" && len(app.db.writes) != want {
				t.Errorf("%d writes", len(app.db.writes))
			}
		})
	}
	if w := app.do("GET", "/metrics", ""); !strings.Contains(w.Body.String(), "gateway_points_written_total 6\n") {
		t.Error("the points are not counted as they should be")
	}
}

func TestGatewayDatabaseErrors(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	rows := []struct {
		name   string
		err    error
		status int
		retry  string
	}{
		{"away", fmt.Errorf("dial: %w", telemetry.ErrUnavailable), 503, "5"},
		{"busy", &telemetry.WriteError{Status: 429, Message: "too many", RetryAfter: 30 * time.Second, Kind: telemetry.ErrUnavailable}, 429, "30"},
		{"full", &telemetry.WriteError{Status: 503, Message: "no space", RetryAfter: 1500 * time.Millisecond, Kind: telemetry.ErrUnavailable}, 503, "2"},
		{"type conflict", &telemetry.WriteError{Status: 422, Message: "field type conflict", Kind: telemetry.ErrRejected}, 422, ""},
		{"vanished token", &telemetry.WriteError{Status: 401, Message: "unauthorized access", Kind: telemetry.ErrUnauthorized}, 401, ""},
		{"unknown", errors.New("what"), 500, ""},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			app.db.set(func(m *memory) { m.writeErr = row.err })
			w := app.do("POST", "/influx/api/v2/write", "environment Temperature=1", "Authorization", "Token "+token)
			status(t, w, row.status)
			if got := w.Header().Get("Retry-After"); got != row.retry {
				t.Errorf("Retry-After %q, want %q", got, row.retry)
			}
		})
	}
}

func TestGatewayRefusesTheRemovedAtOnce(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	if err := app.Registry.Unregister(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	w := app.do("POST", "/influx/api/v2/write", "environment Temperature=1", "Authorization", "Token "+token)
	status(t, w, 401)
	if len(app.db.writes) != 0 {
		t.Error("the database was asked")
	}
}

// A body that breaks off is not the device's fault: it may try again.
func TestGatewayBrokenBody(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	for _, encoding := range []string{"", "gzip"} {
		half := packed(t, "environment Temperature=1")[:20]
		r := httptest.NewRequest("POST", "/influx/api/v2/write", io.MultiReader(strings.NewReader(half), iotest.ErrReader(io.ErrUnexpectedEOF)))
		r.Header.Set("Authorization", "Token "+token)
		r.Header.Set("Content-Encoding", encoding)
		w := httptest.NewRecorder()
		app.Handler().ServeHTTP(w, r)
		status(t, w, http.StatusRequestTimeout)
	}
}

// A bomb of 1 MB that unpacks to 1 GB is refused, and takes no more memory than the largest body that is allowed.
func TestGatewayGzipBomb(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	// Packed files one after the other are one packed file: 1,024 times 1 MB of zeros.
	bomb := strings.Repeat(packed(t, strings.Repeat("\x00", 1<<20)), 1<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := app.do("POST", "/influx/api/v2/write", bomb, "Authorization", "Token "+token, "Content-Encoding", "gzip")
	runtime.ReadMemStats(&after)
	status(t, w, 413)
	if used := after.TotalAlloc - before.TotalAlloc; used > 10*maxWrite {
		t.Errorf("%d MB were allocated", used>>20)
	}
}

func TestGatewayChecks(t *testing.T) {
	app := newTestApp(t, nil)
	w := app.do("GET", "/influx/health", "")
	status(t, w, 200)
	if got := strings.TrimSpace(w.Body.String()); got != `{"name":"influxdb","message":"ready for queries and writes","checks":[],"status":"pass","version":"2.7.0-test"}` {
		t.Errorf("%s", got)
	}
	for _, method := range []string{"GET", "HEAD"} {
		w = app.do(method, "/influx/ping", "")
		if w.Code != 204 || w.Header().Get("X-Influxdb-Version") != "2.7.0-test" {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
	status(t, app.do("HEAD", "/influx/health", ""), 200)
	app.db.set(func(m *memory) { m.status.Ready = false })
	status(t, app.do("GET", "/influx/ping", ""), 503)
	w = app.do("GET", "/influx/health", "")
	status(t, w, 503)
	if !strings.Contains(w.Body.String(), `"status":"fail"`) {
		t.Errorf("%s", w.Body)
	}
	for _, path := range []string{"/influx", "/influx/", "/influx/api/v2/query", "/influx/api/v2/authorizations", "/influx/query", "/influx/write", "/influx/metrics"} {
		w = app.do("GET", path, "")
		if w.Code != 404 || !strings.HasPrefix(w.Body.String(), `{"code":"not found","message":"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

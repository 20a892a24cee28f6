package handlers

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
)

// writeAs sends line protocol to the gateway.
func (a *testApp) writeAs(token, lines string, headers ...string) *httptest.ResponseRecorder {
	return a.do("POST", gatewayWritePath+"?bucket=iot_center", lines, append([]string{"Authorization", "Token " + token}, headers...)...)
}

// tooManyRequests checks a 429: InfluxDB's shape, whole seconds, and which limit it was.
func tooManyRequests(t *testing.T, w *httptest.ResponseRecorder, words string) {
	t.Helper()
	status(t, w, http.StatusTooManyRequests)
	if got := w.Header().Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
	if got := w.Header().Get("X-Platform-Error-Code"); got != "too many requests" {
		t.Errorf("code %q", got)
	}
	if want := fmt.Sprintf("{\"code\":\"too many requests\",\"message\":%q}\n", words); w.Body.String() != want {
		t.Errorf("%s, want %s", w.Body, want)
	}
}

func lines(n int) string { return strings.Repeat("environment Temperature=1\n", n) }

func TestGatewayLimitsRequestsOfADevice(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.Limits = Limits{DeviceRequests: 2} })
	dev1, dev2 := app.register(t, "dev1"), app.register(t, "dev2")
	status(t, app.writeAs(dev1, lines(1)), 204)
	status(t, app.writeAs(dev1, lines(1)), 204)
	tooManyRequests(t, app.writeAs(dev1, lines(1)), "Device dev1 sends more than 2 requests a second.")
	status(t, app.writeAs(dev2, lines(1)), 204)
	app.db.set(func(m *memory) { m.now = m.now.Add(500 * time.Millisecond) })
	status(t, app.writeAs(dev1, lines(1)), 204)
	if n := len(app.db.writes); n != 4 {
		t.Errorf("%d writes", n)
	}
}

func TestGatewayLimitsRequestsOfAll(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.Limits = Limits{Requests: 2} })
	dev1, dev2 := app.register(t, "dev1"), app.register(t, "dev2")
	status(t, app.writeAs(dev1, lines(1)), 204)
	status(t, app.writeAs(dev2, lines(1)), 204)
	tooManyRequests(t, app.writeAs(dev2, lines(1)), "All devices together send more than 2 requests a second.")
}

func TestGatewayLimitsPoints(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.Limits = Limits{DevicePoints: 10, Points: 15} })
	dev1, dev2 := app.register(t, "dev1"), app.register(t, "dev2")
	status(t, app.writeAs(dev1, lines(6)), 204)
	tooManyRequests(t, app.writeAs(dev1, lines(6)), "Device dev1 sends more than 10 points a second.")
	status(t, app.writeAs(dev1, lines(4)), 204) // the refused ones took nothing
	tooManyRequests(t, app.writeAs(dev2, lines(6)), "All devices together send more than 15 points a second.")
	status(t, app.writeAs(dev2, lines(5)), 204)
	// A larger body than a second's allowance passes once the allowance is whole.
	app.db.set(func(m *memory) { m.now = m.now.Add(time.Second) })
	status(t, app.writeAs(dev1, lines(1000)), 204)
	// Bodies that the fence refuses take no points either.
	app.db.set(func(m *memory) { m.now = m.now.Add(time.Second) })
	status(t, app.writeAs(dev1, lines(10)+"environment,clientId=dev2 f=1"), 403)
	status(t, app.writeAs(dev1, lines(10)), 204)
}

// The request limit answers before the body is read.
func TestGatewayReadsNoBodyBeyondTheRequestLimit(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.Limits = Limits{DeviceRequests: 1} })
	token := app.register(t, "dev1")
	for i, want := range []int{http.StatusRequestTimeout, http.StatusTooManyRequests} {
		body := &readCounter{}
		r := httptest.NewRequest("POST", gatewayWritePath, body)
		r.Header.Set("Authorization", "Token "+token)
		w := httptest.NewRecorder()
		app.Handler().ServeHTTP(w, r)
		status(t, w, want)
		if read := body.n > 0; read != (i == 0) {
			t.Errorf("request %d: %d reads", i, body.n)
		}
	}
}

// readCounter is a body that breaks off; it counts how often it is asked for.
type readCounter struct{ n int }

func (c *readCounter) Read([]byte) (int, error) {
	c.n++
	return 0, io.ErrUnexpectedEOF
}

// Cheap refusals come first, and in this order: a request with everything wrong is told the first thing.
func TestGatewayChecksInOrder(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.Limits = Limits{DeviceRequests: 4, DevicePoints: 1} })
	token := app.register(t, "dev1")
	foreign := "environment,clientId=dev2 f=1\nenvironment f=2"
	post := func(token, query, body string) *httptest.ResponseRecorder {
		return app.do("POST", gatewayWritePath+query, body, "Authorization", token)
	}
	rows := []struct {
		name, token, query, body string
		status                   int
	}{
		{"no token", "", "?bucket=other&precision=x", foreign, 401},
		{"unknown token", "Token nobody", "?bucket=other&precision=x", foreign, 401},
		{"bucket", "Token " + token, "?bucket=other&precision=x", foreign, 403},
		{"precision", "Token " + token, "?precision=x", foreign, 400},
		{"fence", "Token " + token, "", foreign, 403},
		{"points, of which one passes", "Token " + token, "?org=whoever", "environment f=1", 204},
		{"requests", "Token " + token, "?bucket=other&precision=x", foreign, 429},
	}
	for _, row := range rows {
		if w := post(row.token, row.query, row.body); w.Code != row.status {
			t.Errorf("%s: %d %s", row.name, w.Code, w.Body)
		}
	}
	if n := len(app.db.writes); n != 1 {
		t.Errorf("%d writes", n)
	}
}

func TestGatewayRefusesTheSuspended(t *testing.T) {
	f := failureOf(tokenError("dev1", fmt.Errorf("by token: %w", devices.ErrSuspended)), faceGateway, true)
	if f.Status != http.StatusForbidden || f.Message != "device dev1 is suspended" || influxCode(f) != "forbidden" {
		t.Errorf("%+v", f)
	}
	if err := tokenError("dev1", nil); err != nil {
		t.Error(err)
	}
	if err := tokenError("", errUnavailableForTest); !errors.Is(err, devices.ErrUnavailable) {
		t.Error(err)
	}
}

// Unknown tokens of an address are limited, its known ones are not, and neither are other addresses.
func TestGatewayLimitsGuessing(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.TrustedProxies = prefixes(t, "192.0.2.1/32") })
	token := app.register(t, "dev1")
	g := app.guesses
	for i := range guessesAtOnce {
		if err := g.unknown(prefixes(t, "198.51.100.7/32")[0].Addr(), app.Clock()); err != nil {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	from := []string{"X-Forwarded-For", "198.51.100.7"}
	w := app.writeAs("nobody", lines(1), from...)
	tooManyRequests(t, w, "This address sends too many unknown tokens.")
	status(t, app.writeAs(token, lines(1), from...), 204)
	status(t, app.writeAs("nobody", lines(1), "X-Forwarded-For", "198.51.100.8"), 401)
	app.db.set(func(m *memory) { m.now = m.now.Add(50 * time.Millisecond) })
	status(t, app.writeAs("nobody", lines(1), from...), 401)
	status(t, app.writeAs("nobody", lines(1), from...), 429)
	for line := range strings.Lines(app.log.String()) {
		if strings.Contains(line, "status=429") && !strings.Contains(line, "level=DEBUG") {
			t.Errorf("whoever guesses fills the log: %s", line)
		}
	}
}

// Each of the tags that name a device must name the one that writes; the answer names it.
func TestGatewayHoldsBothTagsToTheDevice(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	for _, body := range []string{
		"m,clientId=dev2 f=1",
		"m,product_imei=dev2 f=1",
		"m,clientId=dev1,product_imei=dev2 f=1",
		"m,clientId=dev2,product_imei=dev1 f=1",
		"m,product_imei=dev1,product_imei=dev2 f=1",
		`m,clientId=dev\1 f=1`,
		`m,product_imei="dev1" f=1`,
		"m f=1\nm,clientId=dev1,product_imei=dev1 f=1\nm,clientId=dev2 f=1",
	} {
		w := app.writeAs(token, body)
		status(t, w, http.StatusForbidden)
		if !strings.Contains(w.Body.String(), `"code":"forbidden"`) || !strings.Contains(w.Body.String(), "the token is that of dev1") {
			t.Errorf("%q: %s", body, w.Body)
		}
	}
	status(t, app.writeAs(token, "m,clientId=dev1,product_imei=dev1 f=1"), 204)
	if n := len(app.db.writes); n != 1 {
		t.Errorf("%d writes", n)
	}
}

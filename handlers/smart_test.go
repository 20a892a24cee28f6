package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry"
)

// Levels by the names that the dialect gives them.
const (
	overview  = people.Overview
	technical = people.Technical
	manage    = people.Administer
)

// caller is a program with an API key.
type caller struct {
	app    *testApp
	ID     string
	secret string
}

// caller makes a key and gives the program that has it.
func (a *testApp) caller(t *testing.T, level people.Level) caller {
	t.Helper()
	key, secret, err := a.People.MakeKey(t.Context(), testAdmin, fmt.Sprintf("program %d", len(a.People.Keys())), level, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return caller{a, key.ID, secret}
}

// do sends what a program sends: nothing that a browser says, the key as the dialect shows it, and JSON.
func (c caller) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	all := []string{personHeader, "", "Sec-Fetch-Site", "", "Authorization", "Token token=" + c.secret, "Content-Type", "application/json"}
	return c.app.do(method, target, body, append(all, headers...)...)
}

func (c caller) get(target string, headers ...string) *httptest.ResponseRecorder {
	return c.do("GET", target, "", headers...)
}

// envelope is an answer of the dialect.
type envelope struct {
	Status  string
	Message string
	Data    json.RawMessage
}

// opened reads an answer and checks what holds for each of them: the three members in their order, JSON, kept by nobody.
func opened(t *testing.T, w *httptest.ResponseRecorder, want int) envelope {
	t.Helper()
	status(t, w, want)
	var e envelope
	decoder := json.NewDecoder(strings.NewReader(w.Body.String()))
	if err := decoder.Decode(&e); err != nil || decoder.More() {
		t.Fatalf("%v: %.300s", err, w.Body)
	}
	if !strings.HasPrefix(w.Body.String(), `{"status":"`) || e.Data == nil || !strings.Contains(w.Body.String(), `,"message":"`) {
		t.Errorf("no envelope: %.300s", w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	return e
}

// succeeded checks a success and gives its data.
func succeeded(t *testing.T, w *httptest.ResponseRecorder, want int, message string) string {
	t.Helper()
	e := opened(t, w, want)
	if e.Status != "success" || e.Message != message {
		t.Errorf("%s, %q; want %q", e.Status, e.Message, message)
	}
	return string(e.Data)
}

// failed checks a failure: its data are null, and its message begins so.
func failed(t *testing.T, w *httptest.ResponseRecorder, want int, message string) {
	t.Helper()
	e := opened(t, w, want)
	if e.Status != "failure" || string(e.Data) != "null" {
		t.Errorf("%s, data %s", e.Status, e.Data)
	}
	if !strings.HasPrefix(e.Message, message) {
		t.Errorf("message %q, want %q", e.Message, message)
	}
}

const (
	testIMEI  = "013777894567"
	onePair   = `{"measurement":"telemetry","fields":{"current":[[1472688000000,1.5]]}}`
	notJSON1  = `{"measurement":`
	testRoute = "/v1/products/" + testIMEI + "/data"
)

func TestSmartTakesTheKeyInThreeSchemes(t *testing.T) {
	app := newTestApp(t, nil)
	key := app.caller(t, overview)
	for _, header := range []string{"Token token=%s", "Token token=%q", "Token %s", "Bearer %s", "token token=%s", "bearer %s"} {
		succeeded(t, key.get("/v1/products", "Authorization", fmt.Sprintf(header, key.secret)), 200, smartRetrieved)
	}
	for _, header := range []string{"", "%s", "Basic %s", "Token x%s", "Bearer token=%s"} {
		if strings.Contains(header, "%") {
			header = fmt.Sprintf(header, key.secret)
		}
		w := key.get("/v1/products", "Authorization", header)
		failed(t, w, 401, "Invalid API token in Authorization header")
		if got := w.Header().Get("WWW-Authenticate"); got != `Token realm="IoT Center"` {
			t.Errorf("WWW-Authenticate %q", got)
		}
	}
}

// The levels of keys are cumulative: who may manage may write, and who may write may read.
func TestSmartLevelsAreCumulative(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	status(t, app.caller(t, manage).do("PUT", "/v1/product_types/solar", "{}"), 201)
	for _, row := range []struct {
		method, target, body string
		least                people.Level
	}{
		{"GET", testRoute, "", overview},
		{"GET", "/v1/influx/data", "", overview},
		{"GET", "/v1/influx/custom_query?q=SHOW+MEASUREMENTS", "", overview},
		{"GET", "/v1/products", "", overview},
		{"GET", "/v1/products/" + testIMEI, "", overview},
		{"GET", "/v1/product_types", "", overview},
		{"GET", "/v1/product_types/solar", "", overview},
		{"POST", testRoute, onePair, technical},
		{"POST", "/v1/influx/data", onePair, technical},
		{"PUT", "/v1/products/" + testIMEI, "{}", manage},
		{"PUT", "/v1/product_types/solar", "{}", manage},
		{"DELETE", "/v1/product_types/solar", "", manage},
	} {
		for _, level := range []people.Level{overview, technical, manage} {
			w := app.caller(t, level).do(row.method, row.target, row.body)
			if level < row.least {
				failed(t, w, 403, "The level of this API key does not allow this.")
			} else if w.Code != 200 {
				t.Errorf("%s %s as %s: %d %s", row.method, row.target, level, w.Code, w.Body)
			}
		}
	}
}

func TestSmartErrorsHaveTheEnvelope(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.Limits = Limits{DeviceRequests: 1} })
	app.register(t, testIMEI)
	key := app.caller(t, manage)
	away := func() {
		app.db.set(func(m *memory) { m.readErr, m.writeErr = errUnavailableForTest, errUnavailableForTest })
	}
	for _, row := range []struct {
		name, method, target, body string
		headers                    []string
		before                     func()
		status                     int
		message                    string
	}{
		{"no key", "GET", testRoute, "", []string{"Authorization", ""}, nil, 401, "Invalid API token in Authorization header"},
		{"a bad key", "GET", testRoute, "", []string{"Authorization", "Token token=nobody"}, nil, 401, "Invalid API token in Authorization header"},
		{"an unknown path", "GET", "/v1/nothing", "", nil, nil, 404, "There is nothing at this address."},
		{"an unknown path without a key", "GET", "/v1/nothing", "", []string{"Authorization", ""}, nil, 401, "Invalid API token in Authorization header"},
		{"the root", "GET", "/v1", "", nil, nil, 404, "There is nothing at this address."},
		{"a product that is not registered", "GET", "/v1/products/000000000000001/data", "", nil, nil, 404, "Product 000000000000001 not found."},
		{"a method that there is not", "PUT", testRoute, onePair, nil, nil, 405, "This address does not take that method."},
		{"too large", "POST", testRoute, strings.Repeat(" ", maxWrite+1), nil, app.rest, 413, "The request is larger than 32 MB."},
		{"another type", "POST", testRoute, onePair, []string{"Content-Type", "text/plain"}, app.rest, 415, "Content-Type is application/json."},
		{"another encoding", "POST", testRoute, onePair, []string{"Content-Encoding", "br"}, app.rest, 415, "Content-Encoding is gzip or identity."},
		{"too often", "POST", testRoute, onePair, nil, nil, 429, "Device " + testIMEI + " sends more than 1 requests a second."},
		{"a bad body", "POST", testRoute, notJSON1, nil, app.rest, 400, ""},
		{"a long address", "GET", testRoute + "?where=" + strings.Repeat("x", maxAddress), "", nil, nil, 414, "The address is longer than 8 KB."},
		{"database away, reading", "GET", testRoute, "", nil, away, 503, "The database cannot be reached right now."},
		{"database away, writing", "POST", testRoute, onePair, nil, app.rest, 503, "The database cannot be reached right now."},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.before != nil {
				row.before()
			}
			w := key.do(row.method, row.target, row.body, row.headers...)
			failed(t, w, row.status, row.message)
			if retry := w.Header().Get("Retry-After"); (retry != "") != (row.status == 503 || row.status == 429) {
				t.Errorf("Retry-After %q", retry)
			}
			if row.status == 405 && w.Header().Get("Allow") != "GET, HEAD, POST" {
				t.Errorf("Allow %q", w.Header().Get("Allow"))
			}
		})
	}
}

// rest lets a second pass, after which all limits are whole again.
func (a *testApp) rest() { a.later(time.Second) }

// The dialect takes API keys alone: no person's session opens it, and beside a key it does not count.
func TestSmartTakesNoCookie(t *testing.T) {
	app := newPasswordApp(t, nil)
	app.register(t, testIMEI)
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	failed(t, b.get("/v1/products"), 401, "Invalid API token in Authorization header")
	failed(t, b.do("POST", testRoute, onePair, "Content-Type", "application/json"), 401, "Invalid API token in Authorization header")
	failed(t, b.get("/v1/nothing"), 401, "Invalid API token in Authorization header")
	failed(t, app.of(t, testAdmin).get("/v1/products"), 401, "Invalid API token in Authorization header") // nor does a proxy's word
	key := app.caller(t, overview)
	with := []string{"Authorization", "Token token=" + key.secret, "Content-Type", "application/json"}
	succeeded(t, b.get("/v1/products", with...), 200, smartRetrieved)
	failed(t, b.do("POST", testRoute, onePair, with...), 403, "The level of this API key does not allow this.") // the admin's cookie adds nothing
	// A program that runs in somebody's browser has its key from its own user.
	succeeded(t, key.get("/v1/products", "Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example"), 200, smartRetrieved)
}

func TestProductIMEIOfThePath(t *testing.T) {
	app := newTestApp(t, nil)
	for _, id := range []devices.ID{testIMEI, "a-b_C9", "123456789012345", "with.dot", "with:colon", "1234567890123456"} {
		app.register(t, id)
	}
	key := app.caller(t, manage)
	for _, row := range []struct {
		imei    string
		status  int
		message string
	}{
		{testIMEI, 200, ""},
		{"a-b_C9", 200, ""},
		{"123456789012345", 200, ""},
		{"000000000000000", 404, "Product 000000000000000 not found."},
		{"_x", 404, "Product _x not found."},
		{"1234567890123456", 400, "product_imei: it is 1 to 15 letters, digits, - and _."},
		{"with.dot", 400, "product_imei: it is 1 to 15 letters, digits, - and _."},
		{"with:colon", 400, "product_imei: it is 1 to 15 letters, digits, - and _."},
		{"with%20space", 400, "product_imei: it is 1 to 15 letters, digits, - and _."},
		{"%C3%A4", 400, "product_imei: it is 1 to 15 letters, digits, - and _."},
		{"%00", 400, "product_imei: it is 1 to 15 letters, digits, - and _."},
		{strings.Repeat("1", 5000), 400, "product_imei: it is 1 to 15 letters, digits, - and _."},
	} {
		for _, ask := range []struct{ method, suffix, body string }{{"GET", "/data", ""}, {"HEAD", "/data", ""}, {"POST", "/data", onePair}, {"GET", "", ""}, {"PUT", "", "{}"}} {
			w := key.do(ask.method, "/v1/products/"+row.imei+ask.suffix, ask.body)
			if row.status == 200 {
				status(t, w, 200)
			} else {
				failed(t, w, row.status, row.message)
			}
		}
	}
	if n := len(app.db.writes); n != 3 {
		t.Errorf("%d writes", n)
	}
}

// An error of the database, in this dialect.
func TestSmartDatabaseErrors(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	key := app.caller(t, technical)
	for _, row := range []struct {
		name    string
		err     error
		status  int
		retry   string
		message string
	}{
		{"away", fmt.Errorf("dial 10.0.0.1: %w", telemetry.ErrUnavailable), 503, "5", "The database cannot be reached right now."},
		{"busy", &telemetry.WriteError{Status: 429, Message: "slow down", RetryAfter: 30 * time.Second, Kind: telemetry.ErrUnavailable}, 429, "30", "The database cannot be reached right now."},
		{"full", &telemetry.WriteError{Status: 503, Message: "no space", RetryAfter: 1500 * time.Millisecond, Kind: telemetry.ErrUnavailable}, 503, "2", "The database cannot be reached right now."},
		{"a type conflict", &telemetry.WriteError{Status: 422, Message: "field type conflict: current is a string", Kind: telemetry.ErrRejected}, 400, "", "field type conflict: current is a string"},
		{"malformed", &telemetry.WriteError{Status: 400, Message: "unable to parse", Kind: telemetry.ErrMalformed}, 400, "", "unable to parse"},
		{"a token that it does not know", &telemetry.WriteError{Status: 401, Message: "token canary-token", Kind: telemetry.ErrUnauthorized}, 503, "5", "The database does not take the token that the points are written with."},
		{"anything else", fmt.Errorf("secret detail"), 500, "", "Something went wrong on our side."},
	} {
		t.Run(row.name, func(t *testing.T) {
			app.db.set(func(m *memory) { m.writeErr = row.err })
			for _, target := range []string{testRoute, "/v1/influx/data"} {
				w := key.do("POST", target, onePair)
				failed(t, w, row.status, row.message)
				if got := w.Header().Get("Retry-After"); got != row.retry {
					t.Errorf("Retry-After %q, want %q", got, row.retry)
				}
				if strings.Contains(w.Body.String(), "canary") || strings.Contains(w.Body.String(), "secret detail") || strings.Contains(w.Body.String(), "10.0.0.1") {
					t.Errorf("%s", w.Body)
				}
			}
		})
	}
}

// The lines that the app makes of a batch are its own business: no error counts them.
func TestSmartErrorsTellNoLineNumbers(t *testing.T) {
	for _, kind := range []error{telemetry.ErrMalformed, telemetry.ErrRejected, telemetry.ErrForeignTag} {
		f := failureOf(about(testIMEI, &telemetry.LineError{Line: 17, Problem: "the tag clientId is the app's own", Kind: kind}), faceSmart, true)
		if f.Status != http.StatusBadRequest || f.Message != "One of the points cannot be written: the tag clientId is the app's own." {
			t.Errorf("%d %q", f.Status, f.Message)
		}
	}
}

package handlers

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
)

// written is what the database got in the only write since the last time: whose token it was, and the lines.
func (a *testApp) written(t *testing.T) (token string, lines []string) {
	t.Helper()
	var writes []written
	a.db.set(func(m *memory) { writes, m.writes = m.writes, nil })
	if len(writes) != 1 {
		t.Fatalf("%d writes", len(writes))
	}
	return writes[0].Token, strings.Split(strings.TrimSuffix(writes[0].Lines, "\n"), "\n")
}

// nothingWritten checks that no write reached the database.
func (a *testApp) nothingWritten(t *testing.T) {
	t.Helper()
	a.db.set(func(m *memory) {
		if len(m.writes) != 0 {
			t.Errorf("written all the same: %v", m.writes)
		}
		m.writes = nil
	})
}

// seedProductWrite is the seed's example of writing for a product, in JSON.
const seedProductWrite = `{
	"measurement": "telemetry",
	"tags": {"some_tag": "tag_value"},
	"fields": {
		"current": [[1472688000000, 1.0], [1472774400000, 2.0], [1472860800000, 3.0]],
		"voltage": [["2016-09-01T00:00:00Z", 10.0], ["2016-09-02 00:00:00", 20.0], ["2016-09-03", 30.0]],
		"temperature": [["Thu, September 1st 2016", 0.1], ["Fri, September 2nd 2016", 0.2], ["Sat, September 3rd 2016", 0.3]]
	}
}`

func TestSeedWritingDataForAProduct(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, testIMEI)
	w := app.caller(t, technical).do("POST", testRoute, seedProductWrite)
	if data := succeeded(t, w, 200, "9 data-point(s) successfully written to influx"); data != "null" {
		t.Errorf("data %s", data)
	}
	got, lines := app.written(t)
	if got != token {
		t.Errorf("written with the token %s", got)
	}
	if len(lines) != 3 { // pairs with the same time are one point
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, line := range lines {
		for _, part := range []string{"telemetry,", "clientId=" + testIMEI, "product_imei=" + testIMEI, "some_tag=tag_value",
			fmt.Sprintf("current=%d", i+1), fmt.Sprintf("voltage=%d0", i+1), fmt.Sprintf("temperature=0.%d", i+1)} {
			if !strings.Contains(line, part) {
				t.Errorf("%q has no %s", line, part)
			}
		}
		day := time.Date(2016, 9, i+1, 0, 0, 0, 0, time.UTC)
		if !strings.HasSuffix(line, fmt.Sprint(" ", day.UnixNano())) {
			t.Errorf("%q is not of %v", line, day)
		}
	}
}

// seedGeneralWrite is the seed's example of writing general data, its trailing commas mended.
const seedGeneralWrite = `{
	"measurement": "analysis",
	"fields": {"curve-data": [["2016-01-01T00:01:20", 1], ["2016-01-01T00:01:21", 2], ["2016-01-01T00:01:22", 3], ["2016-01-01T00:01:23", 4]]},
	"tags": {"analysis-type": "state-of-health", "product_imei": "000000000000000"}
}`

func TestSeedWritingGeneralData(t *testing.T) {
	app := newTestApp(t, nil)
	w := app.caller(t, technical).do("POST", "/v1/influx/data", seedGeneralWrite)
	if data := succeeded(t, w, 200, "4 data-point(s) successfully written to influx"); data != "null" {
		t.Errorf("data %s", data)
	}
	token, lines := app.written(t)
	if token != ownToken || len(lines) != 4 {
		t.Fatalf("token %s, lines %q", token, lines)
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "analysis,analysis-type=state-of-health,product_imei=000000000000000 ") {
			t.Errorf("%q", line)
		}
	}
}

func TestGeneralWriteAddsClientIdOnlyOfARegisteredDevice(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, testIMEI)
	key := app.caller(t, technical)
	body := func(tags string) string {
		return `{"measurement":"telemetry","tags":` + tags + `,"fields":{"current":[[1472688000000,1.5]]}}`
	}
	for _, row := range []struct {
		name, tags string
		token      string
		prefix     string
	}{
		{"registered", `{"product_imei":"` + testIMEI + `","x":"y"}`, token, "telemetry,clientId=" + testIMEI + ",product_imei=" + testIMEI + ",x=y "},
		{"not registered", `{"product_imei":"000000000000000","x":"y"}`, ownToken, "telemetry,product_imei=000000000000000,x=y "},
		{"no product_imei", `{"x":"y"}`, ownToken, "telemetry,x=y "},
		{"no tags", `{}`, ownToken, "telemetry "},
	} {
		t.Run(row.name, func(t *testing.T) {
			succeeded(t, key.do("POST", "/v1/influx/data", body(row.tags)), 200, "1 data-point(s) successfully written to influx")
			got, lines := app.written(t)
			if got != row.token || len(lines) != 1 || !strings.HasPrefix(lines[0], row.prefix) {
				t.Errorf("token %s, lines %q, want %s %q", got, lines, row.token, row.prefix)
			}
		})
	}
}

func TestProductRouteRefusesAnotherProductInTheTags(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	app.register(t, "000000000000000")
	key := app.caller(t, technical)
	body := `{"measurement":"telemetry","tags":{"product_imei":%s},"fields":{"current":[[1472688000000,1.5]]}}`
	failed(t, key.do("POST", testRoute, fmt.Sprintf(body, `"000000000000000"`)), 400, "tags.product_imei: the path names product "+testIMEI)
	app.nothingWritten(t)
	succeeded(t, key.do("POST", testRoute, fmt.Sprintf(body, `"`+testIMEI+`"`)), 200, "1 data-point(s) successfully written to influx")
	_, lines := app.written(t)
	if len(lines) != 1 || strings.Count(lines[0], "product_imei=") != 1 {
		t.Errorf("%q", lines)
	}
}

func TestSuspendedProductsAreWrittenByNobody(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	if _, err := app.Registry.Suspend(t.Context(), testIMEI); err != nil {
		t.Fatal(err)
	}
	key := app.caller(t, technical)
	failed(t, key.do("POST", testRoute, onePair), 403, "Product "+testIMEI+" is suspended.")
	failed(t, key.do("POST", "/v1/influx/data", strings.Replace(onePair, `"fields"`, `"tags":{"product_imei":"`+testIMEI+`"},"fields"`, 1)), 403, "Product "+testIMEI+" is suspended.")
	app.nothingWritten(t)
	succeeded(t, key.get(testRoute), 200, smartRetrieved) // what it wrote is still there to read
}

func TestMissingContentTypeIsJSON(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	key := app.caller(t, manage)
	for said, want := range map[string]int{"": 200, "application/json": 200, "application/json; charset=utf-8": 200, "Application/JSON;x=y": 200,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "application/jsonp": 415, "application/vnd.api+json": 415, "json": 415, ";": 415} {
		for _, ask := range []struct{ method, target, body string }{
			{"POST", testRoute, onePair}, {"POST", "/v1/influx/data", onePair}, {"PUT", "/v1/products/" + testIMEI, "{}"},
		} {
			w := key.do(ask.method, ask.target, ask.body, "Content-Type", said)
			if opened(t, w, want); want == 415 {
				failed(t, w, 415, "Content-Type is application/json.")
			}
		}
	}
}

func TestBatchesMayBePacked(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	key := app.caller(t, technical)
	gzipped := []string{"Content-Encoding", "gzip"}
	succeeded(t, key.do("POST", testRoute, packed(t, seedProductWrite), gzipped...), 200, "9 data-point(s) successfully written to influx")
	app.written(t)
	failed(t, key.do("POST", testRoute, seedProductWrite, gzipped...), 400, "The body is no valid gzip.")
	failed(t, key.do("POST", testRoute, packed(t, seedProductWrite)[:40], gzipped...), 400, "The body is no valid gzip.")
	failed(t, key.do("POST", testRoute, packed(t, strings.Repeat(" ", maxWrite+1)), gzipped...), 413, "The request is larger than 32 MB.")
	app.nothingWritten(t)
}

// The limit of requests answers before the body is read, of a product as of a key that writes for none.
func TestSmartReadsNoBodyBeyondTheRequestLimit(t *testing.T) {
	for target, message := range map[string]string{
		testRoute:         "Device " + testIMEI + " sends more than 1 requests a second.",
		"/v1/influx/data": "This API key sends more than 1 requests a second.",
	} {
		app := newTestApp(t, func(o *Options) { o.Limits = Limits{DeviceRequests: 1} })
		app.register(t, testIMEI)
		key := app.caller(t, technical)
		for i, want := range []int{408, 429} {
			body := &readCounter{}
			r := httptest.NewRequest("POST", target, body)
			r.Header.Set("Authorization", "Token token="+key.secret)
			w := httptest.NewRecorder()
			app.Handler().ServeHTTP(w, r)
			status(t, w, want)
			if read := body.n > 0; read != (i == 0) {
				t.Errorf("request %d: %d reads", i, body.n)
			}
			if want == 429 {
				failed(t, w, 429, message)
			}
		}
		succeeded(t, app.caller(t, technical).do("POST", "/v1/influx/data", onePair), 200, "1 data-point(s) successfully written to influx") // another key
	}
}

func TestSmartLimitsPoints(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.Limits = Limits{DevicePoints: 4} })
	app.register(t, testIMEI)
	key := app.caller(t, technical)
	succeeded(t, key.do("POST", testRoute, seedProductWrite), 200, "9 data-point(s) successfully written to influx") // three points
	app.written(t)
	failed(t, key.do("POST", testRoute, seedProductWrite), 429, "Device "+testIMEI+" sends more than 4 points a second.")
	app.nothingWritten(t)
	succeeded(t, key.do("POST", "/v1/influx/data", seedGeneralWrite), 200, "4 data-point(s) successfully written to influx")
	failed(t, key.do("POST", "/v1/influx/data", seedGeneralWrite), 429, "Whoever writes for no device sends more than 4 points a second.")
}

// A key has as much of general data in memory as a device has of its own.
func TestSmartBoundsTheBodiesOfAKey(t *testing.T) {
	app := newTestApp(t, nil)
	key := app.caller(t, technical)
	share := app.bodies.share(keySenderPrefix + "y") // another key's bodies are not counted
	defer share.release()
	if err := share.take(maxWrite); err != nil {
		t.Fatal(err)
	}
	succeeded(t, key.do("POST", "/v1/influx/data", onePair), 200, "1 data-point(s) successfully written to influx")
	mine := app.bodies.share(keySenderPrefix + "x")
	defer mine.release()
	if err := mine.take(maxWrite); err != nil {
		t.Fatal(err)
	}
	if p := refusal(t, mine.take(maxWrite)); p == nil || p.Message != "This API key has more than 32 MB of writes under way." {
		t.Errorf("%+v", p)
	}
	if app.bodies.by[keySenderPrefix+"x"] != maxWrite {
		t.Error("what was refused is held")
	}
}

// Large batches take turns; small ones do not wait for them.
func TestLargeBatchesTakeTurns(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	app.batches.patience = 0
	for range batchesOfOne {
		leave, err := app.batches.enter(t.Context(), testIMEI)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	key := app.caller(t, technical)
	large := onePair + strings.Repeat(" ", largeBatch)
	failed(t, key.do("POST", testRoute, large), 429, "Too many large writes are under way.")
	succeeded(t, key.do("POST", testRoute, onePair), 200, "1 data-point(s) successfully written to influx")
	succeeded(t, key.do("POST", "/v1/influx/data", large), 200, "1 data-point(s) successfully written to influx")
	if app.bodies.all != 0 {
		t.Errorf("%d bytes are held", app.bodies.all)
	}
}

// One bad pair rejects the batch, and the message says which pair of which field.
func TestOneBadPairRejectsTheBatch(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	key := app.caller(t, technical)
	for name, row := range map[string]struct{ body, message string }{
		"no time":         {`{"measurement":"telemetry","fields":{"voltage":[["2016-09-01",1]],"current":[[1472688000000,1],["someday",2]]}}`, "fields.current[1]"},
		"no value":        {`{"measurement":"telemetry","fields":{"current":[[1472688000000,1],[1472688000001]]}}`, "fields.current[1]"},
		"seconds":         {`{"measurement":"telemetry","fields":{"current":[[1472688000,1]]}}`, "fields.current[0]"},
		"in the future":   {`{"measurement":"telemetry","fields":{"current":[[1472688000000,1],["2024-05-07T07:08:10Z",2]]}}`, "fields.current[1]"},
		"another type":    {`{"measurement":"telemetry","fields":{"current":[[1472688000000,"much"]]}}`, "fields.current[0]"},
		"no object":       {`[1]`, ""},
		"nothing":         {``, ""},
		"a name twice":    {`{"measurement":"telemetry","measurement":"m","fields":{"current":[[1472688000000,1]]}}`, ""},
		"an unknown name": {`{"measurement":"telemetry","retention":"x","fields":{"current":[[1472688000000,1]]}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := key.do("POST", testRoute, row.body)
			failed(t, w, 400, row.message)
			if strings.Contains(w.Body.String(), "line ") {
				t.Errorf("%s", w.Body)
			}
			app.nothingWritten(t)
		})
	}
	app.db.set(func(m *memory) {
		m.rows.kinds = map[string][]telemetry.FieldKind{"mine": {telemetry.KindBoolean}}
	})
	failed(t, key.do("POST", testRoute, `{"measurement":"m","fields":{"mine":[[1472688000000,1.5]]}}`), 400, "fields.mine")
	app.nothingWritten(t)
}

// A body that breaks off is not the program's fault: it may try again.
func TestSmartBrokenBody(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	key := app.caller(t, manage)
	for method, target := range map[string]string{"POST": testRoute, "PUT": "/v1/products/" + testIMEI} {
		r := httptest.NewRequest(method, target, io.MultiReader(strings.NewReader(`{"name":`), &readCounter{}))
		r.Header.Set("Authorization", "Token token="+key.secret)
		w := httptest.NewRecorder()
		app.Handler().ServeHTTP(w, r)
		failed(t, w, 408, "The body did not arrive whole.")
	}
}

// What a program writes counts as what a device wrote: the fleet and the metrics hear of it.
func TestSmartWritesAreCounted(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	succeeded(t, app.caller(t, technical).do("POST", testRoute, seedProductWrite), 200, "9 data-point(s) successfully written to influx")
	if w := app.do("GET", "/metrics", ""); !strings.Contains(w.Body.String(), "gateway_points_written_total 3\n") {
		t.Error("the points are not counted as they should be")
	}
}

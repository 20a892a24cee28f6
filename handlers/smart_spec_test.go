package handlers

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Rules of the SMART dialect that no other file of tests is about.

func TestSmartFieldsInEachForm(t *testing.T) {
	app, key := seedApp(t)
	for _, row := range []struct {
		query string
		want  []string
	}{
		{"fields=current&fields=temperature", []string{"current", "temperature"}}, // repeated keys, as Python's requests sends a list
		{"fields=" + url.QueryEscape(`["current", "temperature"]`), []string{"current", "temperature"}},
		{"fields=current,temperature", []string{"current", "temperature"}},
		{"fields=current,temperature&fields=" + url.QueryEscape(`["voltage"]`), []string{"current", "temperature", "voltage"}},
		{"fields=*", nil},
		{"fields=" + url.QueryEscape(`["*"]`), nil},
		{"", nil},
	} {
		for _, path := range []string{"/v1/products/" + seedIMEI + "/data", generalDataPath} {
			app.seedAnswer(nil, row.want...)
			succeeded(t, key.get(path+"?"+row.query), 200, smartRetrieved)
			if got := app.asked().Fields; !reflect.DeepEqual(got, row.want) {
				t.Errorf("%s?%s asks for %v, want %v", path, row.query, got, row.want)
			}
		}
	}
}

// A product_imei that is no product's can only be a mistake where the path names the product.
func TestSmartLongIMEIInTheTagsOfAProductIs400(t *testing.T) {
	_, key := seedApp(t)
	w := key.get("/v1/products/" + seedIMEI + "/data?tags=" + url.QueryEscape(`{"product_imei": 111010101010101010}`))
	failed(t, w, 400, "tags.product_imei: the path names product "+seedIMEI)
}

// A number as product_imei has lost its leading zeros: as a filter it names the product that has none.
func TestSmartIMEIAsANumberInTheTagsIsMatchedAsText(t *testing.T) {
	app, key := seedApp(t)
	app.register(t, "13777894567")
	succeeded(t, key.get("/v1/influx/data?tags="+url.QueryEscape(`{"product_imei": 13777894567}`)), 200, smartRetrieved)
	if q := app.asked(); q.Device != "13777894567" || len(q.Tags) != 0 {
		t.Errorf("%+v", q)
	}
}

// Whatever lies in the database, no answer with rows shows clientId.
func TestSmartAnswersNeverShowClientId(t *testing.T) {
	app, key := seedApp(t)
	app.seedAnswer([]int{0}, "current")
	app.db.set(func(m *memory) {
		m.rows.fields = []string{"clientId", "current"}
		m.rows.values[0] = []json.RawMessage{json.RawMessage(`"000000000000000"`), json.RawMessage("1.234")}
	})
	for _, query := range []string{"", "?tags=" + url.QueryEscape(`{"product_imei":"`+seedIMEI+`"}`)} {
		for _, path := range []string{"/v1/products/" + seedIMEI + "/data", generalDataPath} {
			if data := succeeded(t, key.get(path+query), 200, smartRetrieved); strings.Contains(data, "clientId") || !strings.Contains(data, "1.234") {
				t.Errorf("%s%s: %s", path, query, data)
			}
		}
	}
	for _, refused := range []string{"fields=clientId", "where=" + url.QueryEscape("clientId = 'x'"), "tags=" + url.QueryEscape(`{"clientId":"x"}`)} {
		failed(t, key.get("/v1/products/"+seedIMEI+"/data?"+refused), 400, "")
	}
}

// The answer of a custom query is the database's own, unlike all others.
func TestCustomQueryIsRawAndShowsClientId(t *testing.T) {
	app, key := seedApp(t)
	const raw = `{"results":[{"statement_id":0,"series":[{"name":"telemetry","columns":["time","clientId","current"],"values":[["2016-01-01T00:00:00Z","000000000000000",1.234]]}]}]}`
	app.db.set(func(m *memory) { m.rows.result = json.RawMessage(raw) })
	if got := succeeded(t, key.get("/v1/influx/custom_query?q="+url.QueryEscape("SELECT * FROM telemetry")), 200, smartRetrieved); got != raw {
		t.Errorf("%s", got)
	}
}

func TestCustomQueryHasARowLimitAndATimeLimit(t *testing.T) {
	app, key := seedApp(t)
	app.db.set(func(m *memory) { m.rows.result = json.RawMessage(`{"results":[]}`) })
	succeeded(t, key.get("/v1/influx/custom_query?q=SHOW+MEASUREMENTS"), 200, smartRetrieved)
	if r := app.db.rows; r.most != 10_000 || r.within != 10*time.Second {
		t.Errorf("%d rows in %v", r.most, r.within)
	}
}

// Every address of the dialect answers 405 with its envelope and the methods that there are.
func TestSmartMethodNotAllowed(t *testing.T) {
	_, key := seedApp(t)
	for path, row := range map[string]struct{ methods, allow string }{
		"/v1/products/" + seedIMEI + "/data": {"PUT PATCH DELETE BREW", "GET, HEAD, POST"},
		generalDataPath:                      {"PUT PATCH DELETE", "GET, HEAD, POST"},
		customQueryPath:                      {"POST PUT PATCH DELETE", "GET, HEAD"},
		"/v1/products":                       {"POST PUT PATCH DELETE", "GET, HEAD"},
		"/v1/products/" + seedIMEI:           {"POST PATCH DELETE", "GET, HEAD, PUT"},
		"/v1/product_types":                  {"POST PUT DELETE", "GET, HEAD"},
		"/v1/product_types/solar":            {"POST PATCH", "GET, HEAD, PUT, DELETE"},
	} {
		for _, method := range strings.Fields(row.methods) {
			w := key.do(method, path, "")
			failed(t, w, 405, "This address does not take that method.")
			if got := w.Header().Get("Allow"); got != row.allow {
				t.Errorf("%s %s: Allow %q, want %q", method, path, got, row.allow)
			}
		}
	}
}

// Over a connection, HEAD tells what GET would and sends no body, also of a failure.
func TestSmartHeadIsGetWithoutABody(t *testing.T) {
	app, key := seedApp(t)
	app.seedAnswer(span(0, 13), seedFields...)
	srv := httptest.NewServer(app.Handler())
	defer srv.Close()
	for target, want := range map[string]int{
		"/v1/products/" + seedIMEI + "/data": 200, generalDataPath: 200, "/v1/influx/custom_query?q=SHOW+MEASUREMENTS": 200,
		"/v1/products/" + seedIMEI + "/data?limit=0": 400, "/v1/products/000000000000001/data": 404, "/v1/nothing": 404,
	} {
		var kinds []string
		for _, method := range []string{"GET", "HEAD"} {
			r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+target, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Token token="+key.secret)
			resp, err := srv.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != want || (len(body) == 0) != (method == "HEAD") {
				t.Errorf("%s %s: %d, %d bytes, %v", method, target, resp.StatusCode, len(body), err)
			}
			kinds = append(kinds, resp.Header.Get("Content-Type"))
		}
		if kinds[0] != "application/json; charset=utf-8" || kinds[1] != kinds[0] {
			t.Errorf("%s: Content-Type %q", target, kinds)
		}
	}
}

// start and end are not of the days' ends: a text of digits is milliseconds, as in a batch, and other units are told.
func TestSmartStartInAnotherUnitIs400WithAHint(t *testing.T) {
	_, key := seedApp(t)
	for value, message := range map[string]string{
		"1451606400":          "start: as milliseconds it lies outside of the years 1990 to 2100; it looks like seconds",
		"1451606400000000":    "start: as milliseconds it lies outside of the years 1990 to 2100; it looks like microseconds",
		"1451606400000000000": "start: as milliseconds it lies outside of the years 1990 to 2100; it looks like nanoseconds",
	} {
		failed(t, key.get("/v1/influx/data?start="+value), 400, message)
	}
}

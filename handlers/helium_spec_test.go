package handlers

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/telemetry/helium"
)

// Rules of the Helium dialect that no other file of tests is about.

// Up to a thousand points of a sensor share a microsecond; the next one is refused, and can be sent again with another time.
func TestHeliumPointBeyondTheThousandthOfATimestampIs429(t *testing.T) {
	app := newHeliumApp(t, nil)
	at := time.Date(2016, 3, 9, 22, 4, 38, 0, time.UTC)
	app.db.set(func(m *memory) { // the last slot is taken
		m.points = append(m.points, point{heliumSensor, helium.Stored{At: at.UnixNano() + helium.Slots - 1, Port: "t", Value: json.RawMessage("1"), Created: testNow}})
	})
	w := app.helium("POST", sensorSeries, newPoint("t", "2", "2016-03-09T22:04:38Z"))
	complains(t, "one too many", w, 429, "a thousand points at this time")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	app.points(t, sensorSeries, [3]string{"t", "2", "2016-03-09T22:04:38.000001Z"})
	app.points(t, organizationSeries, [3]string{"t", "2", "2016-03-09T22:04:38Z"})
}

// The links of an aggregated page keep agg[type] and agg[size], and its page[id] is the newest raw point's.
func TestHeliumLinksKeepAggregation(t *testing.T) {
	app := newHeliumApp(t, nil)
	newest := time.Date(2016, 5, 10, 20, 0, 0, 0, time.UTC)
	app.db.set(func(m *memory) {
		for day := range 3 {
			at := newest.AddDate(0, 0, -day)
			m.heliumBuckets = append(m.heliumBuckets, helium.Bucket{Start: at.Truncate(24 * time.Hour), Port: "b", Min: 1, Max: 3, Avg: 2, NewestAt: at.UnixNano(), Created: at})
		}
	})
	page := app.series(t, sensorSeries+"?agg[type]=min,max&agg[size]=d&filter[port]=b&filter[start]=2016-05-01&page[size]=1")
	if len(page.Data) != 1 || len(page.Links) != 1 || page.Data[0].ID != helium.PointID(heliumSensor, "b", newest.UnixNano()).String() {
		t.Fatalf("%+v", page)
	}
	link, ok := strings.CutPrefix(page.Links["prev"], "http://example.com"+sensorSeries+"?")
	got, err := url.ParseQuery(link)
	if !ok || err != nil {
		t.Fatalf("%s, %v", page.Links["prev"], err)
	}
	want := url.Values{"agg[type]": {"min,max"}, "agg[size]": {"d"}, "filter[port]": {"b"}, "filter[start]": {"2016-05-01"}, "page[size]": {"1"},
		"page[id]": {helium.PointID(heliumSensor, "b", newest.AddDate(0, 0, -1).UnixNano()).String()}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The organisation's stream has its own points, whatever a program asks to be included.
func TestHeliumOrganizationIsNoUnionOfItsSensors(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.points(t, sensorSeries, [3]string{"t", "1", ""}, [3]string{"_e", "{}", ""})
	app.points(t, organizationSeries, [3]string{"note", "2", ""})
	for _, query := range []string{"", "?include=sensors", "?include=sensor", "?filter[port]=t,note"} {
		if got := app.series(t, organizationSeries+query).values(); got != "2" {
			t.Errorf("%q: %s", query, got)
		}
	}
	if got := app.series(t, sensorSeries).values(); got != "{} 1" {
		t.Errorf("the sensor has %s", got)
	}
}

// No timestamp means now, and null is none.
func TestHeliumPointWithoutATimestampIsOfNow(t *testing.T) {
	app := newHeliumApp(t, nil)
	for _, body := range []string{newPoint("t", "1", ""), `{"data":{"type":"data-point","attributes":{"port":"h","value":1,"timestamp":null}}}`} {
		w := app.helium("POST", sensorSeries, body)
		status(t, w, 201)
		var made struct{ Data pointAnswer }
		if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339Nano, made.Data.Attributes.Timestamp)
		if now := app.Clock(); err != nil || at.Sub(now).Abs() > time.Millisecond || made.Data.Meta.Created == "" {
			t.Errorf("%s, %v", w.Body, err)
		}
	}
}

// A port may change the type of its values from point to point, and each is given back as it was sent.
func TestHeliumPortMayChangeItsType(t *testing.T) {
	app := newHeliumApp(t, nil)
	values := []string{"1", `"one"`, "true", "[1]", `{"one":1}`, "null", "1.5"}
	for i, value := range values {
		app.points(t, sensorSeries, [3]string{"p", value, fmt.Sprintf("2024-01-01T00:00:%02dZ", len(values)-i)})
	}
	if got := app.series(t, sensorSeries+"?filter[port]=p").values(); got != strings.Join(values, " ") {
		t.Errorf("%s", got)
	}
}

// Each way in which a body can be bad names what is.
func TestHeliumErrorsNameTheParameter(t *testing.T) {
	app := newHeliumApp(t, nil)
	for _, row := range []struct{ body, detail string }{
		{`{"data":{"type":"data-point","attributes":{"value":1}}}`, "data.attributes.port is missing"},
		{`{"data":{"type":"data-point","attributes":{"port":"","value":1}}}`, "data.attributes.port is empty"},
		{`{"data":{"type":"data-point","attributes":{"port":7,"value":1}}}`, "data.attributes.port is no text"},
		{`{"data":{"type":"data-point","attributes":{"port":"t"}}}`, "data.attributes.value is missing"},
		{newPoint(strings.Repeat("x", helium.MaxPort+1), "1", ""), "data.attributes.port is longer than 128 bytes"},
		{newPoint("t", "1", "yesterday"), "data.attributes.timestamp is no time"},
		{newPoint("t", "1", "2016-04-07T19:12:06+02:00"), "data.attributes.timestamp has an offset"},
		{`{"data":{"type":"sensor","attributes":{"port":"t","value":1}}}`, "data.type is not data-point"},
		{`{"data":[]}`, "data is no object"},
	} {
		complains(t, row.body, app.helium("POST", sensorSeries, row.body), 400, row.detail)
	}
}

// Every address of the dialect answers 405 with its envelope and the methods that there are. A stream has no HEAD.
func TestHeliumMethodNotAllowed(t *testing.T) {
	app := newHeliumApp(t, nil)
	label := app.label(t, "a", "")
	for path, row := range map[string]struct{ methods, allow string }{
		sensorSeries:                               {"PUT PATCH DELETE", "GET, HEAD, POST"},
		organizationSeries:                         {"PUT PATCH DELETE", "GET, HEAD, POST"},
		sensorSeries + "/live":                     {"HEAD POST PUT DELETE", "GET"},
		organizationSeries + "/live":               {"HEAD POST PUT DELETE", "GET"},
		"/v1/organization":                         {"POST DELETE", "GET, HEAD"},
		"/v1/sensor":                               {"PUT PATCH DELETE", "GET, HEAD, POST"},
		"/v1/sensor/" + heliumSensor:               {"POST PUT", "GET, HEAD, PATCH, DELETE"},
		"/v1/sensor/" + heliumSensor + "/metadata": {"POST DELETE", "GET, HEAD, PUT, PATCH"},
		"/v1/label":                                {"PUT PATCH DELETE", "GET, HEAD, POST"},
		label:                                      {"POST PUT", "GET, HEAD, PATCH, DELETE"},
		label + "/relationships/sensor":            {"PUT", "GET, HEAD, POST, PATCH, DELETE"},
		"/v1/sensor/dev1/relationships/label":      {"PUT", "GET, HEAD, POST, PATCH, DELETE"},
		"/v1/sensor/" + heliumSensor + "/label":    {"POST", "GET, HEAD"},
		"/v1/label/" + label[len("/v1/label/"):] + "/sensor": {"POST", "GET, HEAD"},
	} {
		for _, method := range strings.Fields(row.methods) {
			w := app.helium(method, path, "")
			complains(t, method+" "+path, w, 405, "This address does not take that method.")
			if got := w.Header().Get("Allow"); got != row.allow {
				t.Errorf("%s %s: Allow %q, want %q", method, path, got, row.allow)
			}
		}
	}
}

// Over a connection, HEAD tells what GET would and sends no body, also of a failure.
func TestHeliumHeadIsGetWithoutABody(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.points(t, sensorSeries, [3]string{"t", "1", ""})
	srv := httptest.NewServer(app.Handler())
	defer srv.Close()
	for target, want := range map[string]int{
		sensorSeries: 200, organizationSeries: 200, "/v1/sensor": 200, "/v1/sensor/" + heliumSensor: 200, "/v1/label": 200,
		sensorSeries + "?page[size]=0": 400, "/v1/sensor/none/timeseries": 400, "/v1/sensor/" + heliumSensor + "/nothing": 404,
	} {
		for _, method := range []string{"GET", "HEAD"} {
			r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+target, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", testAPIKey)
			resp, err := srv.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if kind := resp.Header.Get("Content-Type"); err != nil || resp.StatusCode != want || (len(body) == 0) != (method == "HEAD") || kind != "application/json; charset=utf-8" {
				t.Errorf("%s %s: %d %s, %d bytes, %v", method, target, resp.StatusCode, kind, len(body), err)
			}
		}
	}
}

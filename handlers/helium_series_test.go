package handlers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

const (
	sensorSeries       = "/v1/sensor/" + heliumSensor + "/timeseries"
	organizationSeries = "/v1/organization/timeseries"
)

func TestHeliumAuthorizationIsABareToken(t *testing.T) {
	app := newHeliumApp(t, nil)
	for header, want := range map[string]int{
		testAPIKey: 200, "Token " + testAPIKey: 200, "Bearer " + testAPIKey: 200, "Token token=" + testAPIKey: 200, "bearer " + testAPIKey: 200,
		"": 401, testAPIKey + "x": 401, "Token x": 401, "Basic " + testAPIKey: 401, "$YOUR_API_TOKEN": 401,
	} {
		w := app.helium("GET", sensorSeries, "", "Authorization", header)
		if w.Code != want {
			t.Errorf("%q: %d", header, w.Code)
		}
		if want == 401 {
			complains(t, header, w, 401, "Invalid API token in Authorization header")
		}
	}
	for _, method := range []string{"GET", "POST"} { // a person's session opens nothing here, nor does another site's page
		for _, site := range []string{"same-origin", "cross-site", ""} {
			w := app.do(method, sensorSeries, "", "Sec-Fetch-Site", site)
			complains(t, method+" "+site, w, 401, "Invalid API token in Authorization header")
		}
	}
}

func TestHeliumErrorsAreOneEnvelope(t *testing.T) {
	app := newHeliumApp(t, nil)
	nobody := uuid.NewString()
	for _, row := range []struct {
		method, target, body string
		status               int
		detail               string
	}{
		{"GET", "/v1/sensor/not-a-uuid/timeseries", "", 400, "Missing or invalid UUID parameter"},
		{"GET", "/v1/sensor/not%20a%20uuid", "", 400, "Missing or invalid UUID parameter"},
		{"POST", "/v1/sensor/not-a-uuid/timeseries", newPoint("t", "1", ""), 400, "Missing or invalid UUID parameter"},
		{"GET", "/v1/sensor/" + nobody + "/timeseries", "", 404, "Sensor not found"},
		{"POST", "/v1/sensor/" + nobody + "/timeseries", newPoint("t", "1", ""), 404, "Sensor not found"},
		{"GET", "/v1/sensor/" + nobody + "/timeseries/live", "", 404, "Sensor not found"},
		{"GET", "/v1/sensor/" + nobody, "", 404, "Sensor not found"},
		{"DELETE", "/v1/sensor/" + nobody, "", 404, "Sensor not found"},
		{"GET", "/v1/sensor/" + nobody + "/nothing", "", 404, "Requested resource not found"},
		{"GET", "/v1/organization/nothing", "", 404, "Requested resource not found"},
		{"GET", sensorSeries + "?page%5Bid%5D=" + nobody, "", 404, "Requested resource not found"},
		{"PUT", sensorSeries, "", 405, "does not take that method"},
		{"GET", sensorSeries + "?filter[start]=yesterday", "", 400, "filter[start]"},
		{"GET", sensorSeries + "?filter[start]=2016-04-07T19:12:06%2B01:00", "", 400, "filter[start]"},
		{"GET", sensorSeries + "?filter[end]=2016-13-01", "", 400, "filter[end]"},
		{"GET", sensorSeries + "?agg[type]=median&agg[size]=1h", "", 400, "agg[type]"},
		{"GET", sensorSeries + "?agg[type]=max&agg[size]=3m", "", 400, "agg[size]"},
		{"GET", sensorSeries + "?agg[type]=max", "", 400, "agg["},
		{"GET", sensorSeries + "?agg[size]=1h", "", 400, "agg["},
		{"GET", sensorSeries + "?page[size]=0", "", 400, "page[size]"},
		{"GET", sensorSeries + "?page[size]=10001", "", 400, "page[size]"},
		{"GET", sensorSeries + "?page[size]=many", "", 400, "page[size]"},
		{"GET", sensorSeries + "?page[id]=none", "", 400, "page[id]"},
		{"GET", sensorSeries + "?filter[port]=%zz", "", 400, "query"},
		{"POST", sensorSeries, "", 400, ""},
		{"POST", sensorSeries, "{", 400, ""},
		{"POST", sensorSeries, "[]", 400, ""},
		{"POST", sensorSeries, `{"data":{"type":"data-point","attributes":{"value":1}}}`, 400, "port"},
		{"POST", sensorSeries, `{"data":{"type":"data-point","attributes":{"port":"t"}}}`, 400, "value"},
		{"POST", sensorSeries, newPoint("t", "1", "2016-04-07T19:12:06+02:00"), 400, "timestamp"},
		{"POST", sensorSeries, newPoint("t", `"`+strings.Repeat("x", maxBody)+`"`, ""), 413, "larger than 1 MB"},
		{"GET", "/v1/label/none", "", 400, "Missing or invalid UUID parameter"},
		{"GET", "/v1/label/" + nobody, "", 404, "Label not found"},
	} {
		complains(t, row.method+" "+cut(row.target, 100)+" "+cut(row.body, 60), app.helium(row.method, row.target, row.body), row.status, row.detail)
	}
	app.db.away()
	complains(t, "without a database", app.helium("GET", sensorSeries, ""), 503, "cannot be reached")
}

// The seed's example of posting, with its values.
func TestHeliumSeedPost(t *testing.T) {
	app := newHeliumApp(t, nil)
	w := app.helium("POST", sensorSeries, `{
    "data": {
        "attributes" : {
            "port" : "wu-tang",
            "value" : "killer bees",
            "timestamp" : "2016-03-09T22:04:38Z"
        },
        "type": "data-point"
    }
}`, "Content-Type", "application/json")
	status(t, w, 201)
	var got struct{ Data pointAnswer }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := `{"data":{"attributes":{"value":"killer bees","timestamp":"2016-03-09T22:04:38Z","port":"wu-tang"},"relationships":{"sensor":{"data":{"id":"` + heliumSensor +
		`","type":"sensor"}}},"id":"` + got.Data.ID + `","meta":{"created":"2024-05-06T07:08:09.123Z"},"type":"data-point"}}` + "\n"
	if w.Body.String() != want {
		t.Errorf("%s want\n%s", w.Body, want)
	}
	location := sensorSeries + "?page%5Bsize%5D=1&page%5Bid%5D=" + got.Data.ID
	if w.Header().Get("Location") != location {
		t.Errorf("Location %q", w.Header().Get("Location"))
	}
	if page := app.series(t, location); len(page.Data) != 1 || cmp.Diff(page.Data[0], got.Data) != "" {
		t.Errorf("at its Location: %+v", page)
	}
}

// The seed's example of reading: the two most recent entries, newest first.
func TestHeliumSeedGetTwoMostRecent(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.points(t, sensorSeries, [3]string{"t", "1", "2024-01-01T00:00:00Z"}, [3]string{"t", "3", "2024-01-03T00:00:00Z"}, [3]string{"t", "2", "2024-01-02T00:00:00Z"})
	if got := app.series(t, sensorSeries+"?page%5Bsize%5D=2").values(); got != "3 2" {
		t.Errorf("%s", got)
	}
}

// The seed's example of an aggregated point, with its values.
func TestHeliumSeedAggregatedPoint(t *testing.T) {
	app := newHeliumApp(t, nil)
	newest := time.Date(2016, 5, 10, 20, 26, 24, 0, time.UTC).UnixNano()
	app.db.set(func(m *memory) {
		m.heliumBuckets = []helium.Bucket{{Start: time.Date(2016, 5, 10, 0, 0, 0, 0, time.UTC), Port: "b", Min: 2417, Max: 2627, Avg: 2603.84972677596,
			NewestAt: newest, Created: time.Date(2016, 5, 10, 20, 26, 25, 165127000, time.UTC)}}
	})
	w := app.helium("GET", sensorSeries+"?agg%5Btype%5D=avg,max,min&agg%5Bsize%5D=1d", "")
	status(t, w, 200)
	id := helium.PointID(heliumSensor, "b", newest).String()
	same(t, w.Body.String(), `{"data":[{"attributes":{"port":"agg(b)","timestamp":"2016-05-10T00:00:00Z","value":{"avg":2603.84972677596,"max":2627,"min":2417}},
		"id":"`+id+`","meta":{"created":"2016-05-10T20:26:25.165127Z"},"relationships":{"sensor":{"data":{"id":"`+heliumSensor+`","type":"sensor"}}},"type":"data-point"}],"links":{}}`)
}

// same compares two JSON texts.
func same(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestHeliumOrganizationPointsHaveNoRelationships(t *testing.T) {
	app := newHeliumApp(t, nil)
	w := app.helium("POST", organizationSeries, newPoint("_e", `{"kind":"com.weyland-yutani.xenomorph","details":{},"message":"It is here."}`, "2024-01-01"))
	status(t, w, 201)
	if got := w.Header().Get("Location"); !strings.HasPrefix(got, organizationSeries+"?page%5Bsize%5D=1&page%5Bid%5D=") {
		t.Errorf("Location %q", got)
	}
	app.points(t, sensorSeries, [3]string{"t", "1", ""})
	page := app.series(t, organizationSeries+"?filter[port]=_e")
	if len(page.Data) != 1 || page.Data[0].Relationships != nil || page.values() != `{"kind":"com.weyland-yutani.xenomorph","details":{},"message":"It is here."}` {
		t.Errorf("%+v", page)
	}
	if strings.Contains(w.Body.String(), "relationships") {
		t.Errorf("%s", w.Body)
	}
}

func TestHeliumTimesAreUTCWithTrimmedMicroseconds(t *testing.T) {
	app := newHeliumApp(t, nil)
	for sent, want := range map[string]string{"2016-05-05": "2016-05-05T00:00:00Z", "2016-04-07T19:12:06Z": "2016-04-07T19:12:06Z", "2016-04-07T19:12:06.150Z": "2016-04-07T19:12:06.15Z",
		"2016-04-07T19:12:06.125456789Z": "2016-04-07T19:12:06.125456Z"} {
		w := app.helium("POST", sensorSeries, newPoint("t", "1", sent))
		if !strings.Contains(w.Body.String(), `"timestamp":"`+want+`"`) {
			t.Errorf("%s: %s", sent, w.Body)
		}
	}
}

func TestHeliumAnyValueOnAnyPort(t *testing.T) {
	app := newHeliumApp(t, nil)
	values := []string{"21.5", "true", `"21.5"`, "null", `{"a":[1,2,{"b":null}]}`, "[]", "12345678901234567890123", `"<script>\u0000 & \"' ü 🜁"`}
	for i, value := range values {
		app.points(t, sensorSeries, [3]string{"one port, with = and spaces", value, fmt.Sprintf("2024-01-01T00:00:%02dZ", i)})
	}
	got := app.series(t, sensorSeries)
	for i, p := range got.Data {
		same(t, string(p.Attributes.Value), values[len(values)-1-i])
		if p.Attributes.Port != "one port, with = and spaces" {
			t.Errorf("port %q", p.Attributes.Port)
		}
	}
	if len(got.Data) != len(values) {
		t.Errorf("%d points", len(got.Data))
	}
	if !strings.Contains(got.values(), "12345678901234567890123") {
		t.Errorf("a large number lost digits: %s", got.values())
	}
}

func TestHeliumPortUnderscoreIsAllowedForEvents(t *testing.T) {
	app := newHeliumApp(t, nil)
	event := `{"kind":"_sensor.connect","details":{"card":{"variant":255,"id":5},"pan-id":61961},"message":"Sensor 6081f9fffe0007fa connected."}`
	app.points(t, sensorSeries, [3]string{"_e", event, ""}, [3]string{"_se", event, ""}, [3]string{"t", "1", ""})
	if got := app.series(t, sensorSeries+"?filter[port]=_e,_se"); len(got.Data) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestHeliumLinksAreAlwaysThere(t *testing.T) {
	app := newHeliumApp(t, nil)
	for _, path := range []string{sensorSeries, organizationSeries} {
		if w := app.helium("GET", path, ""); w.Body.String() != `{"data":[],"links":{}}`+"\n" {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
}

func TestHeliumLinksAreAbsoluteAndKeepEverything(t *testing.T) {
	for base, change := range map[string]func(*Options){
		"http://example.com": nil, "https://iot.example.org": func(o *Options) { o.PublicURL = "https://iot.example.org/" },
	} {
		app := newHeliumApp(t, change)
		for i := range 5 {
			app.points(t, sensorSeries, [3]string{"a b", fmt.Sprint(i), fmt.Sprintf("2024-01-0%dT00:00:00Z", i+1)})
		}
		first := app.series(t, sensorSeries+"?filter[port]=a+b,c&filter[start]=2024-01-01&page[size]=2&filter[end]=2024-01-06")
		if len(first.Links) != 1 || first.values() != "4 3" {
			t.Fatalf("%+v", first)
		}
		second := app.series(t, strings.TrimPrefix(first.Links["prev"], base))
		if len(second.Links) != 2 || second.values() != "2 1" {
			t.Fatalf("%+v", second)
		}
		for name, id := range map[string]string{"prev": "", "next": first.Data[0].ID} {
			link, ok := strings.CutPrefix(second.Links[name], base+sensorSeries+"?")
			if !ok {
				t.Fatalf("%s: %s", name, second.Links[name])
			}
			if strings.ContainsAny(link, "[]") {
				t.Errorf("brackets are not escaped: %s", link)
			}
			q, err := url.ParseQuery(link)
			if err != nil {
				t.Fatal(err)
			}
			if id == "" {
				id = q.Get("page[id]")
			}
			want := url.Values{"filter[port]": {"a b,c"}, "filter[start]": {"2024-01-01"}, "filter[end]": {"2024-01-06"}, "page[size]": {"2"}, "page[id]": {id}}
			if diff := cmp.Diff(want, q); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if third := app.series(t, strings.TrimPrefix(second.Links["prev"], base)); third.values() != "0" || third.Links["prev"] != "" {
			t.Errorf("%+v", third)
		}
		if again := app.series(t, strings.TrimPrefix(second.Links["next"], base)); again.values() != "4 3" || again.Links["next"] != "" {
			t.Errorf("%+v", again)
		}
	}
}

func TestHeliumLinksHaveTheDefaultedSize(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.db.set(func(m *memory) {
		for i := range helium.DefaultPage + 1 {
			m.points = append(m.points, point{heliumSensor, helium.Stored{At: int64(i) * 1e6, Port: "t", Value: json.RawMessage("1"), Created: testNow}})
		}
	})
	page := app.series(t, sensorSeries)
	if len(page.Data) != helium.DefaultPage || !strings.Contains(page.Links["prev"], "page%5Bsize%5D=1000") {
		t.Errorf("%d points, %v", len(page.Data), page.Links)
	}
	if all := app.series(t, sensorSeries+"?page[size]=10000"); len(all.Data) != helium.DefaultPage+1 || len(all.Links) != 0 {
		t.Errorf("%d points, %v", len(all.Data), all.Links)
	}
}

// A client that appends its own page[id] to a link gets the page of the link.
func TestHeliumFirstQueryKeyWins(t *testing.T) {
	app := newHeliumApp(t, nil)
	for i := range 3 {
		app.points(t, sensorSeries, [3]string{"t", fmt.Sprint(i), fmt.Sprintf("2024-01-0%dT00:00:00Z", i+1)})
	}
	first := app.series(t, sensorSeries+"?page[size]=1&page[size]=3")
	if first.values() != "2" {
		t.Errorf("%s", first.values())
	}
	link := strings.TrimPrefix(first.Links["prev"], "http://example.com")
	if got := app.series(t, link+"&page%5Bid%5D="+first.Data[0].ID+"&page%5Bsize%5D=none&filter%5Bport%5D=t&filter%5Bport%5D=u"); got.values() != "1" {
		t.Errorf("%s", got.values())
	}
}

func TestHeliumGetAndDeleteWithABodyAreTolerated(t *testing.T) {
	app := newHeliumApp(t, nil)
	status(t, app.helium("GET", sensorSeries, "{}", "Content-Type", "application/json"), 200)
	status(t, app.helium("GET", "/v1/sensor", "{}", "Content-Type", "application/json"), 200)
	status(t, app.helium("DELETE", "/v1/sensor/"+heliumSensor, "{}", "Content-Type", "application/json"), 204)
}

func TestHeliumContentTypes(t *testing.T) {
	app := newHeliumApp(t, nil)
	for kind, want := range map[string]int{"": 201, "application/json": 201, "application/json; charset=utf-8": 201, "application/vnd.api+json": 201, "APPLICATION/JSON": 201,
		"text/plain": 415, "application/x-www-form-urlencoded": 415, "application": 415, ";": 415} {
		if w := app.helium("POST", sensorSeries, newPoint("t", "1", ""), "Content-Type", kind); w.Code != want {
			t.Errorf("%q: %d", kind, w.Code)
		}
	}
	complains(t, "packed", app.helium("POST", sensorSeries, newPoint("t", "1", ""), "Content-Encoding", "gzip"), 415, "Content-Encoding")
	for _, target := range []string{sensorSeries, "/v1/sensor", "/v1/sensor/none"} {
		if got := app.helium("GET", target, "").Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("%s: %q", target, got)
		}
	}
}

// A sensor is addressed by its UUID, in either case, and by its device id.
func TestHeliumSensorIsAddressedByBothIDs(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.register(t, "dev1")
	derived := devices.UUIDOf("dev1").String()
	for i, name := range []string{"dev1", derived, strings.ToUpper(derived)} {
		w := app.helium("POST", "/v1/sensor/"+name+"/timeseries", newPoint("t", fmt.Sprint(i), ""))
		status(t, w, 201)
		if !strings.HasPrefix(w.Header().Get("Location"), "/v1/sensor/"+derived+"/timeseries?") || !strings.Contains(w.Body.String(), `"data":{"id":"`+derived+`"`) {
			t.Errorf("%s: %s %s", name, w.Header().Get("Location"), w.Body)
		}
		if got := app.series(t, "/v1/sensor/"+name+"/timeseries"); len(got.Data) != i+1 {
			t.Errorf("%s: %d points", name, len(got.Data))
		}
	}
}

// An id that looks like another sensor's UUID gets nothing of what programs send to that one; it has a UUID of its own.
func TestHeliumUUIDsCannotBeTakenOver(t *testing.T) {
	app := newHeliumApp(t, nil)
	shouting := devices.ID(strings.ToUpper(heliumSensor))
	app.register(t, shouting)
	app.points(t, "/v1/sensor/"+string(shouting)+"/timeseries", [3]string{"t", "7", ""})
	if got := app.series(t, sensorSeries).values(); got != "7" {
		t.Errorf("the sensor of the UUID has %q", got)
	}
	if got := app.series(t, "/v1/sensor/"+devices.UUIDOf(shouting).String()+"/timeseries").values(); got != "" {
		t.Errorf("the other one has %q", got)
	}
}

func TestHeliumSuspendedSensorWritesNothing(t *testing.T) {
	app := newHeliumApp(t, nil)
	if _, err := app.Registry.Suspend(t.Context(), heliumSensor); err != nil {
		t.Fatal(err)
	}
	complains(t, "suspended", app.helium("POST", sensorSeries, newPoint("t", "1", "")), 403, "suspended")
	if n := len(app.db.writes); n != 0 {
		t.Errorf("%d writes", n)
	}
	app.series(t, sensorSeries) // can be read
}

func TestHeliumRateLimit(t *testing.T) {
	app := newHeliumApp(t, func(o *Options) { o.Limits = Limits{DeviceRequests: 2} })
	app.points(t, sensorSeries, [3]string{"t", "1", ""}, [3]string{"t", "1", ""})
	w := app.helium("POST", sensorSeries, newPoint("t", "1", ""))
	complains(t, "the third", w, 429, "more than 2 requests a second")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	app.points(t, organizationSeries, [3]string{"t", "1", ""})
}

// What the database refuses is the sensor's token, not the key of whoever asks.
func TestHeliumRefusedTokenIsNoFaultOfTheKey(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.db.set(func(m *memory) { m.writeErr = telemetry.ErrUnauthorized })
	complains(t, "refused", app.helium("POST", sensorSeries, newPoint("t", "1", "")), 503, "sensor's token")
}

// Following links.prev from the newest page gives every point exactly once, newest first, whatever shares a time.
func TestHeliumPagingGivesEachPointOnce(t *testing.T) {
	app := newHeliumApp(t, nil)
	rapid.Check(t, func(r *rapid.T) {
		app.db.set(func(m *memory) { m.points, m.writes = nil, nil })
		times := rapid.SliceOfN(rapid.IntRange(0, 5), 0, 30).Draw(r, "seconds")
		size := rapid.IntRange(1, 12).Draw(r, "size")
		for i, second := range times {
			port := rapid.SampledFrom([]string{"t", "h"}).Draw(r, "port")
			w := app.helium("POST", sensorSeries, newPoint(port, fmt.Sprint(i), fmt.Sprintf("2024-01-01T00:00:%02dZ", second)))
			if w.Code != 201 {
				r.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		var walked []string
		var stamps []string
		var last seriesAnswer
		for next := fmt.Sprintf("%s?page[size]=%d", sensorSeries, size); next != ""; {
			last = app.series(t, next)
			if len(last.Data) > size || len(walked) > len(times) {
				r.Fatalf("%d points on a page of %d", len(last.Data), size)
			}
			for _, p := range last.Data {
				walked, stamps = append(walked, p.ID), append(stamps, p.Attributes.Timestamp)
			}
			next = strings.TrimPrefix(last.Links["prev"], "http://example.com")
		}
		if !slices.IsSortedFunc(stamps, func(a, b string) int { return strings.Compare(b, a) }) {
			r.Fatalf("not newest first: %v", stamps)
		}
		back := idsOf(last)
		for next := last.Links["next"]; next != ""; {
			page := app.series(t, strings.TrimPrefix(next, "http://example.com"))
			back = append(idsOf(page), back...)
			next = page.Links["next"]
		}
		if !slices.Equal(back, walked) {
			r.Fatalf("forward %v, back %v", walked, back)
		}
		slices.Sort(walked)
		if n := len(slices.Compact(walked)); n != len(times) {
			r.Fatalf("%d of %d points", n, len(times))
		}
	})
}

func idsOf(page seriesAnswer) (ids []string) {
	for _, p := range page.Data {
		ids = append(ids, p.ID)
	}
	return ids
}

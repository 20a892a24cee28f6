package handlers

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

func TestDashboardPage(t *testing.T) {
	app := furnished(t)
	doc := pageOf(t, app.do("GET", "/dashboard/dev1", ""), 200)
	dash := doc.Find(".dash")
	for name, want := range map[string]string{"data-dashboard": "dev1", "data-last": "/dashboard/dev1/last", "data-live": "true", "data-refresh": "600000"} {
		if got := dash.AttrOr(name, "?"); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
	has(t, doc, `#dash-data[data-url="/dashboard/dev1/data?range=1d"][data-shape]`, 1)
	var fields []string
	doc.Find(".gauge").Each(func(_ int, g *goquery.Selection) { fields = append(fields, g.AttrOr("data-field", "?")) })
	if got := strings.Join(fields, " "); got != "Temperature Humidity Pressure CO2 TVOC <b>Odd</b>" {
		t.Errorf("gauges %q", got)
	}
	says(t, doc, `.gauge[data-field=Temperature] .v`, "21.5 °C")
	says(t, doc, `.gauge[data-field=Temperature] [data-age]`, "less than 5 min ago")
	says(t, doc, `.gauge[data-field=Humidity].nodata .v`, "No data")
	says(t, doc, `.gauge[data-field="<b>Odd</b>"]`, "<b>Odd</b>")
	var options map[string]json.RawMessage
	if err := json.Unmarshal([]byte(doc.Find("script#gauge-options[type='application/json']").Text()), &options); err != nil || len(options) != 6 {
		t.Errorf("%d options, %v", len(options), err)
	}
	has(t, doc, `script[src*="charts."][defer]`, 2)
	has(t, doc, `noscript a[href^="/api/devices/dev1/series?format=csv&start=2024-05-05T07:08:09.123Z"]`, 1)
	has(t, doc, `.devlist a[href="/dashboard/dev2?range=1d"]`, 1)
	has(t, doc, `.devlist a[href="/dashboard/dev1?range=1d"][aria-current=true]`, 1)
	has(t, doc, `main a[href="/devices/dev1"]`, 1)
}

func TestDashboardOfTheVirtualDevice(t *testing.T) {
	app := newTestApp(t, nil)
	for _, target := range []string{"/dashboard", "/dashboard/virtual_device"} {
		doc := pageOf(t, app.do("GET", target, ""), 200)
		says(t, doc, "main h2", "virtual_device is not registered yet")
		has(t, doc, `main a[href="/virtual"].pri`, 1)
		has(t, doc, `script[src*="charts."], #dash-data`, 0)
	}
	app.register(t, devices.VirtualDevice)
	has(t, pageOf(t, app.do("GET", "/dashboard", ""), 200), "#dash-data", 1)
	pageOf(t, app.do("GET", "/dashboard/none", ""), 404)
}

func TestDashboardSpan(t *testing.T) {
	app := furnished(t)
	url := func(query string) string { return "/dashboard/dev1/data?" + query }
	for query, want := range map[string]string{
		"": url("range=1d"), "range=": url("range=1d"), "range=5m": url("range=5m"), "range=15m": url("range=15m"), "range=1h": url("range=1h"), "range=6h": url("range=6h"),
		"range=3d": url("range=3d"), "range=7d": url("range=7d"), "range=30d": url("range=30d"),
		"from=2024-05-01T00:00:00Z&to=2024-05-02T00:00:00Z": url("from=2024-05-01T00%3A00%3A00.000Z&to=2024-05-02T00%3A00%3A00.000Z"),
		"from=2024-05-01T00:00&to=2024-05-02T00:00:01":      url("from=2024-05-01T00%3A00%3A00.000Z&to=2024-05-02T00%3A00%3A01.000Z"),
		"from=-2h": url("from=2024-05-06T05%3A08%3A09.123Z"),
	} {
		doc := pageOf(t, app.do("GET", "/dashboard/dev1?"+query, ""), 200)
		if got := doc.Find("#dash-data").AttrOr("data-url", "?"); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		has(t, doc, "[aria-invalid]", 0)
		if live := doc.Find(".dash").AttrOr("data-live", "?"); live != fmt.Sprint(!strings.Contains(query, "to=")) {
			t.Errorf("%s: live %s", query, live)
		}
	}

	rows := []struct{ query, field, problem, typed string }{
		{"from=yesterday", "from", "from is a time such as", "yesterday"},
		{"from=2024-05-01T00:00Z&to=later", "from", "from is a time such as", "2024-05-01T00:00Z"},
		{"from=2024-05-01T00:00&to=later", "to", "to is a time such as", "later"},
		{"to=2024-05-01T00:00", "from", "from is a time such as", "2024-05-05T07:08"},
		{"from=2024-05-02T00:00&to=2024-05-01T00:00", "from", "from lies before to.", "2024-05-02T00:00"},
		{"from=2024-05-02T00:00&to=2024-05-02T00:00", "from", "from lies before to.", "2024-05-02T00:00"},
		{"from=0001-01-01T00:00", "from", "from lies outside of the years 1678 to 2260.", "0001-01-01T00:00"},
		{"from=-99999999d", "from", "from is a time such as", "-99999999d"},
	}
	for _, row := range rows {
		t.Run(row.query, func(t *testing.T) {
			doc := pageOf(t, app.do("GET", "/dashboard/dev1?"+row.query, ""), 422)
			field := doc.Find("#span-" + row.field + "[aria-invalid=true][aria-describedby=span-error]")
			if got := field.AttrOr("value", "?"); got != row.typed {
				t.Errorf("value %q, want %q", got, row.typed)
			}
			says(t, doc, ".spanform #span-error", row.problem)
			has(t, doc, "[data-spanpick][open]", 1)
			has(t, doc, "[aria-invalid]", 1)
			has(t, doc, `#dash-data[data-url="/dashboard/dev1/data?range=1d"]`, 1) // the page still shows something
		})
	}
	// A range has no field of its own to stand beside.
	doc := pageOf(t, app.do("GET", "/dashboard/dev1?range=2d", ""), 422)
	says(t, doc, ".flash.bad", "range is one of 5m, 15m, 1h, 6h, 1d, 3d, 7d, 30d.")
	has(t, doc, "[data-spanpick][open]", 0)
}

// manyFields is an answer with n fields besides a position.
func manyFields(m *memory, n int) {
	times := someTimes(50)
	flat := make([]float64, len(times))
	m.answer, m.last = telemetry.SeriesAnswer{Start: times[0], Stop: testNow, Every: time.Minute}, nil
	for i := range n {
		f := telemetry.Lookup(fmt.Sprintf("f%d", i))
		m.answer.Series = append(m.answer.Series, telemetry.Series{Field: f, Times: times, Mean: flat, Min: flat, Max: flat})
		m.last = append(m.last, telemetry.LastValue{Field: f, Time: testNow, Value: 1})
	}
	m.track = telemetry.Track{Positions: []telemetry.Position{{Time: times[0], Lat: 50, Lon: 14}, {Time: times[1], Lat: 50.1, Lon: 14.1}}}
}

// What the database is asked does not grow with the number of fields.
func TestDashboardAsksAFixedNumberOfTimes(t *testing.T) {
	for _, n := range []int{0, 1, 100} {
		app := newTestApp(t, nil)
		app.register(t, "dev1")
		app.db.set(func(m *memory) { manyFields(m, n) })
		for target, want := range map[string]string{
			"/dashboard/dev1":          "map[Last:1 Measurements:1]",
			"/dashboard/dev1/data":     "map[Last:1 Series:1 Track:1]",
			"/dashboard/dev1/last":     "map[Last:1]",
			"/api/devices/dev1/series": "map[Series:1]",
			"/devices/dev1":            "map[LastEntries:1 Measurements:1 Stats:1]",
		} {
			app.db.questions()
			status(t, app.do("GET", target, ""), 200)
			if _, of := app.db.questions(); fmt.Sprint(of) != want {
				t.Errorf("%s with %d fields: %v, want %s", target, n, of, want)
			}
		}
	}
}

func TestDashboardData(t *testing.T) {
	app := furnished(t)
	app.db.set(func(m *memory) {
		m.track = telemetry.Track{Positions: []telemetry.Position{{Time: testNow.Add(-time.Hour), Lat: 50, Lon: 14}, {Time: testNow, Lat: 50.1, Lon: 14.1}}}
	})
	w := app.do("GET", "/dashboard/dev1/data?range=1h&points=800", "")
	status(t, w, 200)
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%v", w.Header())
	}
	var got struct {
		Shape, HTML string
		Start, Stop int64
		Raw         bool
		Plots       []struct{ Field string }
		Map         *struct{ Option, View json.RawMessage }
		Newest      struct {
			Fields []string
			Gauges []struct {
				Field, Words, Sentence, Age string
				HasValue                    bool
			}
			State     string
			StateWord string
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Stop != testNow.UnixMilli() || got.Stop-got.Start != 3_600_000 || !got.Raw || got.Shape == "" || got.Map == nil {
		t.Errorf("%.500s", w.Body)
	}
	if len(got.Plots) != 2 || got.Plots[0].Field != "Temperature" || got.Plots[1].Field != "<b>Odd</b>" {
		t.Errorf("plots %v", got.Plots)
	}
	if n := got.Newest; n.StateWord != "online" || len(n.Fields) != 6 || len(n.Gauges) != 6 || n.Gauges[0].Words != "21.5" || !n.Gauges[0].HasValue || n.Gauges[1].HasValue {
		t.Errorf("newest %+v", got.Newest)
	}
	part, err := goquery.NewDocumentFromReader(strings.NewReader(got.HTML))
	if err != nil {
		t.Fatal(err)
	}
	says(t, part, `[data-strip="<b>Odd</b>"]`, "<b>Odd</b>")
	says(t, part, ".missing", "Humidity, Pressure, CO2, TVOC - No data")
	says(t, part, "[data-query]", `from (bucket: "iot_center" )`)
	has(t, part, "[style], script, style", 0)
	if q := app.db.asked; q.Points != 400 || q.Device != "dev1" || q.Measurement != "" || len(q.Fields) != 0 {
		t.Errorf("asked %+v", q)
	}

	for query, want := range map[string]int{"": defaultPixels / 2, "?points=x": defaultPixels / 2, "?points=-5": fewestPixels / 2, "?points=1000000": mostPixels / 2} {
		status(t, app.do("GET", "/dashboard/dev1/data"+query, ""), 200)
		if app.db.asked.Points != want {
			t.Errorf("%q: %d points, want %d", query, app.db.asked.Points, want)
		}
	}
}

func TestDashboardWithoutData(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev1")
	doc := pageOf(t, app.do("GET", "/dashboard/dev1?range=1h", ""), 200)
	has(t, doc, ".gauge.nodata", 5)
	for _, query := range []string{"range=1h", "range=30d"} {
		var got struct{ HTML string }
		if err := json.Unmarshal(app.do("GET", "/dashboard/dev1/data?"+query, "").Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		part, err := goquery.NewDocumentFromReader(strings.NewReader(got.HTML))
		if err != nil {
			t.Fatal(err)
		}
		has(t, part, "[data-empty]", 1)
		has(t, part, `a[href="/devices/dev1#connect"]`, 1)
		says(t, part, ".empty", "Temperature, Humidity, Pressure, CO2, TVOC - No data")
		if longer := part.Find(`a[href="/dashboard/dev1?range=30d"]`).Length(); (longer == 1) != (query == "range=1h") {
			t.Errorf("%s: %d links to a longer range", query, longer)
		}
	}
}

// What is asked by a script answers in JSON, errors too.
func TestDashboardJSONErrors(t *testing.T) {
	app := furnished(t)
	rows := []struct {
		target, field string
		status        int
	}{
		{"/dashboard/none/data", "id", 404}, {"/dashboard/none/last", "id", 404}, {"/dashboard/%3Cb%3E/data", "id", 400}, {"/dashboard/-x/last", "id", 400},
		{"/dashboard/dev1/data?range=2d", "range", 400}, {"/dashboard/dev1/data?from=x", "from", 400}, {"/dashboard/dev1/data?from=-1h&to=x", "to", 400},
		{"/dashboard/dev1/data?from=-1h&to=-2h", "from", 400}, {"/dashboard/dev1/data?range=" + url.QueryEscape(nasty), "range", 400},
	}
	check := func(target, field string, want int) {
		t.Helper()
		w := app.do("GET", target, "")
		var got map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != want || got["field"] != field || got["message"] == "" || got["request_id"] == "" {
			t.Errorf("%s: %d %v %v", target, w.Code, got, err)
		}
	}
	for _, row := range rows {
		check(row.target, row.field, row.status)
	}
	app.db.set(func(m *memory) { m.readErr = errUnavailableForTest })
	for _, target := range []string{"/dashboard/dev1/data", "/dashboard/dev1/last", "/api/devices/dev1/series"} {
		check(target, "", 503)
	}
	pageOf(t, app.do("GET", "/dashboard/dev1", ""), 503)
}

func TestDashboardLast(t *testing.T) {
	app := furnished(t)
	w := app.do("GET", "/dashboard/dev1/last", "")
	status(t, w, 200)
	var got gaugesJSON
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Gauges) != 6 || got.Gauges[0].Sentence != "Temperature: 21.5 °C on a scale from 0 to 40." || got.StateWord != "online" || !strings.Contains(got.Gauges[0].Age, "less than 5 min ago") {
		t.Errorf("%s", w.Body)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("newest values may be kept")
	}
	for age, want := range map[time.Duration]string{30 * time.Second: "just now", 4 * time.Minute: "less than 5 min ago", 14 * time.Minute: "more than 5 min ago", 16 * time.Minute: "long time ago"} {
		app.db.set(func(m *memory) { m.last[0].Time = testNow.Add(-age) })
		if body := app.do("GET", "/dashboard/dev1/last", "").Body.String(); !strings.Contains(body, want) {
			t.Errorf("%s ago: %s", age, body)
		}
	}
}

func TestDevicePicker(t *testing.T) {
	app := newTestApp(t, nil)
	for i := range 60 {
		app.register(t, devices.ID(fmt.Sprintf("d%02d", i)))
	}
	app.register(t, "devices")
	rows := []struct {
		target string
		links  int
		says   string
	}{
		{"/dashboard/devices?q=", 50, "11 more; type the beginning of an id to find them."},
		{"/dashboard/devices?q=d0&range=1h&current=d01", 10, "d00 d01"},
		{"/dashboard/devices?q=+d59+", 1, "d59"},
		{"/dashboard/devices?q=D", 0, "No id begins with D ."},
		{"/dashboard/devices?q=" + url.QueryEscape(nasty), 0, "No id begins with " + nasty + " ."},
		{"/dashboard/devices?q=" + strings.Repeat("%C3%A4", 99), 0, "No id begins with"},
		{"/dashboard/devices?q=%ff", 0, "No id begins with \uFFFD ."},
	}
	for _, row := range rows {
		doc := pageOf(t, app.do("GET", row.target, ""), 200)
		has(t, doc, "a", row.links)
		says(t, doc, "body", row.says)
	}
	doc := pageOf(t, app.do("GET", "/dashboard/devices?q=d0&range=1h&current=d01", ""), 200)
	has(t, doc, `a[href="/dashboard/d01?range=1h"][aria-current=true]`, 1)
	has(t, doc, `html head title`, 0)
	has(t, pageOf(t, app.do("GET", "/dashboard/devices", ""), 200), `.dash[data-dashboard=devices]`, 1)
}

func TestDashboardOfAChosenDevice(t *testing.T) {
	app := newTestApp(t, nil)
	for _, id := range []devices.ID{"dev10", "dev1"} {
		app.register(t, id)
	}
	for name, want := range map[string]string{"dev1": "/dashboard/dev1", "dev10": "/dashboard/dev10", "de": "/dashboard/dev1", "+dev10+": "/dashboard/dev10"} {
		w := app.do("GET", "/dashboard?device="+name, "")
		status(t, w, 303)
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", name, got, want)
		}
	}
	says(t, pageOf(t, app.do("GET", "/dashboard?device=x", ""), 404), "main h2", "Device x not found!")
}

// A message that waits is not lost on a page that fails.
func TestFlashSurvivesAFailure(t *testing.T) {
	app := furnished(t)
	made := app.post("/devices", url.Values{"id": {"dev9"}})
	c := made.Result().Cookies()[0]
	app.db.set(func(m *memory) { m.readErr = errUnavailableForTest })
	for _, target := range []string{"/dashboard/dev1", "/virtual", "/dashboard/none"} {
		w := app.do("GET", target, "", "Cookie", c.Name+"="+c.Value)
		if !strings.Contains(w.Body.String(), "dev9") {
			t.Errorf("%s: %d, the message is lost", target, w.Code)
		}
	}
}

// Spans longer than a Duration, and values that are no numbers, are drawn as far as they can be.
func TestDashboardOfExtremes(t *testing.T) {
	app := furnished(t)
	times, nan := someTimes(3), math.NaN()
	odd := []float64{nan, math.Inf(1), math.Inf(-1)}
	app.db.set(func(m *memory) {
		m.answer.Series = []telemetry.Series{
			{Field: telemetry.Lookup("Temperature"), Times: times, Mean: odd, Min: odd, Max: odd},
			{Field: telemetry.Lookup("huge"), Times: times, Mean: []float64{-math.MaxFloat64, 0, math.MaxFloat64}, Min: odd, Max: odd},
			{Field: telemetry.Lookup("")},
		}
		m.last = []telemetry.LastValue{{Field: telemetry.Lookup("Temperature"), Time: testNow.Add(time.Hour), Value: nan}, {Field: telemetry.Lookup("Humidity"), Time: testNow, Value: math.Inf(1)},
			{Field: telemetry.Lookup("huge"), Time: testNow, Value: math.MaxFloat64}, {Field: telemetry.Lookup("Lat"), Time: testNow, Value: nan}, {Field: telemetry.Lookup("Lon"), Time: testNow, Value: 500}}
		m.stats = []telemetry.FieldStats{{Field: telemetry.Lookup("huge"), Min: nan, Max: math.Inf(1), Last: -math.MaxFloat64, LastTime: testNow.Add(time.Hour), Count: math.MaxInt64}}
		m.track.Positions = []telemetry.Position{{Time: times[0], Lat: nan, Lon: nan}, {Time: times[1], Lat: 1e9, Lon: math.Inf(1)}, {Time: times[2], Lat: 90, Lon: 180}}
	})
	const ages = "?from=1678-01-01T00:00:00Z&to=2260-12-31T23:59:59Z"
	for _, target := range []string{"/dashboard/dev1", "/dashboard/dev1" + ages, "/devices/dev1", "/virtual"} {
		pageOf(t, app.do("GET", target, ""), 200)
	}
	for _, target := range []string{"/dashboard/dev1/data", "/dashboard/dev1/data" + ages, "/dashboard/dev1/last", "/api/devices/dev1/series?start=1678-01-01T00:00:00Z&stop=2260-12-31T23:59:59Z"} {
		w := app.do("GET", target, "")
		status(t, w, 200)
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %.300s", target, w.Body)
		}
	}
}

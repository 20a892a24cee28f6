package handlers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"iotcenter/telemetry"
)

// gaugesOf are the fields of a page's dials.
func gaugesOf(doc *goquery.Document) string {
	return strings.Join(doc.Find(".gauge").Map(func(_ int, g *goquery.Selection) string { return g.AttrOr("data-field", "?") }), " ")
}

func TestDashboardOfAProductShowsItsFieldsWithTitlesAndUnits(t *testing.T) {
	app := measuring(t, telemetry.Telemetry)
	doc := pageOf(t, app.do("GET", "/dashboard/dev1", ""), 200)
	if got := gaugesOf(doc); got != "voltage state_of_charge_percent" {
		t.Errorf("gauges %q", got)
	}
	says(t, doc, `.gauge[data-field=voltage] h2`, "Voltage")
	says(t, doc, `.gauge[data-field=voltage] .v`, "V")
	says(t, doc, `.gauge[data-field=state_of_charge_percent] h2`, "State of charge")
	says(t, doc, `.gauge[data-field=state_of_charge_percent] .v`, "80 %")
	has(t, doc, `#measurement`, 0) // there is no other one to choose
	has(t, doc, `#dash-data[data-url="/dashboard/dev1/data?range=1d&measurement=telemetry"]`, 1)
	has(t, doc, `.dash[data-last="/dashboard/dev1/last?measurement=telemetry"]`, 1)
}

func TestDashboardsDefaultMeasurement(t *testing.T) {
	for want, names := range map[string][]string{
		"environment": {"telemetry", "helium", "environment", "analysis"}, "telemetry": {"analysis", "helium", "telemetry", "a"},
		"helium": {"analysis", "helium", "zoo"}, "analysis": {"analysis", "a"}, "a": {"b", "a"},
	} {
		doc := pageOf(t, measuring(t, names...).do("GET", "/dashboard/dev1", ""), 200)
		if got := doc.Find("#measurement option[selected]").AttrOr("value", "?"); got != want {
			t.Errorf("%v: %q is shown, want %q", names, got, want)
		}
	}
	has(t, pageOf(t, measuring(t).do("GET", "/dashboard/dev1", ""), 200), "#measurement, input[name=measurement]", 0)
}

func TestDashboardsMeasurementIsCarriedByAllOfThePage(t *testing.T) {
	app := measuring(t, telemetry.Environment, telemetry.Telemetry, telemetry.Helium, "my rack")
	app.register(t, "dev2")
	doc := pageOf(t, app.do("GET", "/dashboard/dev1?range=6h&measurement=my+rack", ""), 200)
	const query = "range=6h&measurement=my+rack"
	has(t, doc, `#dash-data[data-url="/dashboard/dev1/data?`+query+`"]`, 1)
	has(t, doc, `[data-reload][href="/dashboard/dev1?`+query+`"]`, 1)
	has(t, doc, `.seg a[href$="&measurement=my+rack"]`, 8)
	has(t, doc, `.rangeform[data-rangeform] input[name=measurement][value="my rack"]`, 1)
	has(t, doc, `[data-spanform] input[name=measurement][value="my rack"]`, 1)
	has(t, doc, `noscript a[href*="/series?"][href$="&measurement=my+rack"]`, 1)
	has(t, doc, `.devlist a[href="/dashboard/dev2?range=6h"]`, 1) // another device may not have it
	has(t, doc, `.measures input[type=hidden][name=range][value="6h"]`, 1)
	has(t, doc, `.measures label[for=measurement]`, 1)
	has(t, doc, `.measures noscript button[type=submit]`, 1)
	if got := words(doc, ".measures select"); got != "Environment Telemetry Helium ports my rack" {
		t.Errorf("choices %q", got)
	}

	w := app.do("GET", "/dashboard/dev1/data?range=6h&measurement=my+rack", "")
	status(t, w, 200)
	if app.db.asked.Measurement != "my rack" {
		t.Errorf("asked %+v", app.db.asked)
	}
	var got struct{ HTML string }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	part, err := goquery.NewDocumentFromReader(strings.NewReader(got.HTML))
	if err != nil {
		t.Fatal(err)
	}
	has(t, part, `a[href="/dashboard/dev1?range=30d&measurement=my+rack"]`, 1)
	says(t, part, "[data-empty] p", "no point of dev1 in my rack in this time")
	has(t, part, "[data-empty] p.small", 0) // only environment has fields that are missed
}

func TestDashboardNamesEnvironmentWhereThereIsAChoice(t *testing.T) {
	doc := pageOf(t, measuring(t, telemetry.Telemetry).do("GET", "/dashboard/dev1?measurement=environment", ""), 200)
	if got := gaugesOf(doc); got != "Temperature Humidity Pressure CO2 TVOC" {
		t.Errorf("gauges %q", got)
	}
	has(t, doc, `.seg a[href="/dashboard/dev1?range=1h&measurement=environment"]`, 1)
}

func TestDashboardsQueriesWithSeveralMeasurements(t *testing.T) {
	for target, want := range map[string]string{
		"/dashboard/dev1":                              "map[Last:1 LastEntries:1 Measurements:1]",
		"/dashboard/dev1?measurement=telemetry":        "map[Last telemetry:1 LastEntries:1 Measurements:1]",
		"/dashboard/dev1/last?measurement=telemetry":   "map[Last telemetry:1 LastEntries:1]",
		"/dashboard/dev1/data?measurement=environment": "map[Last:1 LastEntries:1 Series:1 Track:1]",
		"/dashboard/dev1/data?measurement=helium":      "map[Last:1 LastEntries:1 Series:1]", // ports have no position
		"/devices/dev1":                                "map[LastEntries:1 Measurements:1 Stats:1 Stats telemetry:1]",
	} {
		app := measuring(t, telemetry.Environment, telemetry.Telemetry)
		app.db.questions()
		status(t, app.do("GET", target, ""), 200)
		if _, of := app.db.questions(); fmt.Sprint(of) != want {
			t.Errorf("%s: %v, want %s", target, of, want)
		}
	}
}

func TestDashboardsStateIsThatOfTheDevice(t *testing.T) {
	app := measuring(t, telemetry.Environment, telemetry.Telemetry)
	app.db.set(func(m *memory) { m.entries["dev1"] = testNow.Add(-time.Second) })
	says(t, pageOf(t, app.do("GET", "/dashboard/dev1", ""), 200), `.stl [data-part=state]`, "Online") // by telemetry
}

func TestImpossibleMeasurementIsRefused(t *testing.T) {
	app := measuring(t, telemetry.Environment)
	for _, name := range []string{strings.Repeat("x", longestName+1), "a\x00b", "a\nb", "\xff"} {
		query := "?measurement=" + url.QueryEscape(name)
		doc := pageOf(t, app.do("GET", "/dashboard/dev1"+query, ""), 422)
		says(t, doc, ".flash.bad", "measurement ")
		has(t, doc, `#dash-data[data-url="/dashboard/dev1/data?range=1d"]`, 1) // the page still shows something
		for _, target := range []string{"/dashboard/dev1/data", "/dashboard/dev1/last", "/api/devices/dev1/series"} {
			status(t, app.do("GET", target+query, ""), 400)
		}
	}
	app = measuring(t, "telemetry", "a\nb")
	has(t, pageOf(t, app.do("GET", "/dashboard/dev1", ""), 200), "#measurement", 0) // what no address can name is no choice
}

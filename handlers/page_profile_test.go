package handlers

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry/helium"
)

func TestProfileOfADeviceIsSaved(t *testing.T) {
	app := measuring(t)
	if _, _, err := app.Profiles.PutType(t.Context(), devices.ProductType{Name: "battery"}); err != nil {
		t.Fatal(err)
	}
	doc := pageOf(t, app.do("GET", "/devices/dev1", ""), 200)
	has(t, doc, `form[action="/devices/dev1/profile"] option`, 2)
	doc = app.follow(t, app.post("/devices/dev1/profile", url.Values{"name": {" North hall "}, "product_type": {"battery"}, "attributes_json": {`{"floor":1.50}`}}))
	says(t, doc, ".flash.ok", "What is known about dev1 is saved.")
	says(t, doc, ".ph .named", "North hall")
	has(t, doc, `#profile-name[value="North hall"]`, 1)
	has(t, doc, `#profile-type option[value=battery][selected]`, 1)
	says(t, doc, "#profile-attributes", `{ "floor": 1.50 }`)
	says(t, pageOf(t, app.do("GET", "/devices", ""), 200), ".devices .id .named", "North hall")

	viewer := pageOf(t, app.do("GET", "/devices/dev1", "", personHeader, testViewer), 200)
	has(t, viewer, "main form[action$='/profile']", 0)
	says(t, viewer, "#about-device ~ *, main pre.capped", `"floor": 1.50`)
	says(t, viewer, "main dl", "North hall")
	status(t, app.post("/devices/dev1/profile", nil, personHeader, testViewer), 403)

	doc = app.follow(t, app.post("/devices/dev1/profile", url.Values{}))
	has(t, doc, ".ph .named", 0)
	if p, err := app.Profiles.Profile("dev1"); err != nil || p.Name != "" || p.ProductType != "" || p.Attributes != nil {
		t.Errorf("an empty form leaves %+v, %v", p, err)
	}
}

func TestWrongProfileComesBackWithItsValues(t *testing.T) {
	app := measuring(t)
	for _, row := range []struct{ field, name, productType, attributes string }{
		{"profile-name", strings.Repeat("n", devices.MaxName+1), "", ""},
		{"profile-type", "n", "none", ""},
		{"profile-attributes", "n", "", `{"a":`},
		{"profile-attributes", "n", "", `[1]`},
		{"profile-attributes", "n", "", `{"a":1,"a":2}`},
	} {
		doc := pageOf(t, app.post("/devices/dev1/profile", url.Values{"name": {row.name}, "product_type": {row.productType}, "attributes_json": {row.attributes}}), 422)
		has(t, doc, "[aria-invalid]", 1)
		has(t, doc, "#"+row.field+"[aria-invalid=true][aria-describedby^="+row.field+"-problem]", 1)
		has(t, doc, "#"+row.field+"-problem", 1)
		if got := doc.Find("#profile-name").AttrOr("value", "?"); got != row.name {
			t.Errorf("the name is %q, want %q", got, row.name)
		}
		if got := strings.TrimSpace(doc.Find("#profile-attributes").Text()); got != row.attributes {
			t.Errorf("the attributes are %q, want %q", got, row.attributes)
		}
		has(t, doc, ".ph .named", 0) // it is not the name
	}
	status(t, app.post("/devices/none/profile", nil), 404)
}

func TestProfileIsAudited(t *testing.T) {
	app := measuring(t)
	app.post("/devices/dev1/profile", url.Values{"name": {"x"}})
	app.post("/devices/dev1/profile", url.Values{"attributes_json": {"x"}})
	if got := auditedResults(t, app, people.ActionProduct); got != "ok refused" {
		t.Errorf("audited: %s", got)
	}
}

// auditedResults are the results of an action in the order in which they were noted.
func auditedResults(t *testing.T, app *testApp, action string) string {
	t.Helper()
	var results []string
	for _, e := range app.newEvents(t) {
		if e.Action == action {
			results = append(results, e.Result)
		}
	}
	return strings.Join(results, " ")
}

func TestLabelsOfADeviceAreShown(t *testing.T) {
	app := measuring(t)
	label, err := app.Profiles.MakeLabel(t.Context(), "greenhouses")
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.Profiles.Change(t.Context(), "dev1", func(p *devices.Profile) error {
		p.Labels = []uuid.UUID{label.ID}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	says(t, pageOf(t, app.do("GET", "/devices/dev1", ""), 200), ".chip.label", "greenhouses")
	app.post("/devices/dev1/profile", url.Values{"name": {"x"}})
	if p, _ := app.Profiles.Profile("dev1"); len(p.Labels) != 1 {
		t.Error("a form without labels took them away")
	}
}

// eventAt is a stored point of dev1.
func eventAt(port, value string, at time.Time) point {
	return point{"dev1", helium.Stored{At: at.UnixNano(), Port: port, Value: json.RawMessage(value), Created: at}}
}

func TestEventsAreListedOnTheDevicePage(t *testing.T) {
	app := measuring(t, helium.Measurement)
	app.db.set(func(m *memory) {
		m.points = []point{
			eventAt(helium.EventPort, `{"kind":"_sensor.connect","details":{"rssi":-70},"message":"Sensor connected"}`, testNow.Add(-2*time.Hour)),
			eventAt(helium.SensorEventPort, `{"kind":"door.open","details":{},"message":`+quoted(nasty)+`}`, testNow.Add(-time.Hour)),
			eventAt("t", `21.5`, testNow),
		}
	})
	doc := pageOf(t, app.do("GET", "/devices/dev1", ""), 200)
	has(t, doc, ".events tbody tr", 2)
	says(t, doc, ".events tbody tr:first-child", nasty)
	says(t, doc, ".events tbody tr:first-child", "Sensor event")
	has(t, doc, ".events tbody tr:first-child details", 0)
	says(t, doc, ".events tbody tr:last-child", "Helium network event")
	says(t, doc, ".events tbody tr:last-child", "_sensor.connect")
	says(t, doc, ".events tbody tr:last-child details pre", `"rssi": -70`)

	app.db.set(func(m *memory) { m.points = m.points[2:] })
	has(t, pageOf(t, app.do("GET", "/devices/dev1", ""), 200), ".events, #events", 0)
}

func TestDevicePageShowsTheNewestTwentyEvents(t *testing.T) {
	app := measuring(t, helium.Measurement)
	app.db.set(func(m *memory) {
		for i := range 30 {
			m.points = append(m.points, eventAt(helium.EventPort, `"`+time.Duration(i).String()+`"`, testNow.Add(time.Duration(-i)*time.Minute)))
		}
	})
	doc := pageOf(t, app.do("GET", "/devices/dev1", ""), 200)
	has(t, doc, ".events tbody tr", 20)
	says(t, doc, ".events tbody tr:first-child pre", `"0s"`)
}

func TestEventsThatCannotBeReadLeaveThePage(t *testing.T) {
	app := measuring(t, helium.Measurement)
	app.db.set(func(m *memory) { m.readErr = devices.ErrUnavailable })
	says(t, pageOf(t, app.do("GET", "/devices/dev1", ""), 200), "main", "The measurements could not be read.")
}

func TestDevicePageHasATableForEachMeasurement(t *testing.T) {
	app := measuring(t, "environment", "telemetry", "a", "b", "c", "d", "e")
	times := someTimes(1)
	app.db.set(func(m *memory) { m.stats = furnished(t).db.stats; m.stats[0].LastTime = times[0] })
	doc := pageOf(t, app.do("GET", "/devices/dev1", ""), 200)
	if got := words(doc, "h3.part"); got != "Environment Telemetry a b c" {
		t.Errorf("tables of %q", got)
	}
	has(t, doc, `h3.part a[href="/dashboard/dev1?measurement=telemetry"]`, 1)
	says(t, doc, ".fields", "Voltage V")
	says(t, doc, "main", "2 measurements more; the dashboard shows them.")
}

func TestRemovalSaysWhatHappensToTheName(t *testing.T) {
	app := measuring(t)
	says(t, pageOf(t, app.do("GET", "/devices/dev1/remove", ""), 200), "main", "Its name, type, attributes and labels go, too.")
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

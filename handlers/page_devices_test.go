package handlers

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// shownIDs are the devices of the list, in its order.
func shownIDs(doc *goquery.Document) string {
	var ids []string
	doc.Find("table.devices tbody th a").Each(func(_ int, a *goquery.Selection) { ids = append(ids, a.Text()) })
	return strings.Join(ids, " ")
}

func TestDevicesList(t *testing.T) {
	app := newTestApp(t, nil)
	for i, id := range []devices.ID{"b2", "a1", "b1", "c1"} { // registered in this order
		app.db.set(func(m *memory) { m.now = testNow.Add(time.Duration(i-10) * time.Hour) })
		app.register(t, id)
	}
	app.db.set(func(m *memory) {
		m.now = testNow
		m.entries["a1"], m.entries["b1"] = testNow.Add(-time.Second), testNow.Add(-48*time.Hour)
	})
	rows := []struct{ query, ids, says string }{
		{"", "a1 b1 b2 c1", "1–4 of 4"},
		{"?order=desc", "c1 b2 b1 a1", "1–4 of 4"},
		{"?sort=created", "b2 a1 b1 c1", "1–4 of 4"},
		{"?sort=created&order=desc", "c1 b1 a1 b2", "1–4 of 4"},
		{"?sort=nonsense&order=x&page=-1&rows=x&state=x", "a1 b1 b2 c1", "1–4 of 4"},
		{"?q=b", "b1 b2", "1–2 of 2"},
		{"?q=b&order=desc", "b2 b1", "1–2 of 2"},
		{"?q=B", "", "No device matches “B”"},
		{"?q=b3", "", "Close to it: b1 b2"},
		{"?state=online", "a1", "1–1 of 1"},
		{"?state=offline", "b1", "1–1 of 1"},
		{"?state=never", "b2 c1", "1–2 of 2"},
		{"?state=late", "", "No device that is late"},
		{"?state=never&q=c", "c1", "1–1 of 1"},
		{"?rows=2", "a1 b1", "1–2 of 4"},
		{"?rows=2&page=2", "b2 c1", "3–4 of 4"},
		{"?rows=2&page=3", "", "There are no rows on this page"},
		{"?page=11184809", "", "There are no rows on this page"},
		{"?page=99999999999999999999", "a1 b1 b2 c1", "1–4 of 4"},
	}
	for _, row := range rows {
		t.Run(row.query, func(t *testing.T) {
			doc := pageOf(t, app.do("GET", "/devices"+row.query, ""), 200)
			if got := shownIDs(doc); got != row.ids {
				t.Errorf("devices %q, want %q", got, row.ids)
			}
			says(t, doc, "main", row.says)
		})
	}

	doc := pageOf(t, app.do("GET", "/devices?rows=2&page=2&sort=created", ""), 200)
	has(t, doc, `a[rel=prev][href="/devices?rows=2&sort=created"]`, 1)
	has(t, doc, "a[rel=next]", 0)
	has(t, doc, `th[aria-sort=ascending] a[href="/devices?order=desc&rows=2&sort=created"]`, 1)
	has(t, doc, `form[role=search] input[name=sort][value=created], form[role=search] input[name=rows][value="2"]`, 2)

	doc = pageOf(t, app.do("GET", "/devices", ""), 200)
	for _, want := range []string{`td a[href="/devices/a1"][aria-label="Settings of a1"]`, `td a[href="/dashboard/a1"][aria-label="Dashboard of a1"]`,
		`td a[href="/devices/a1/remove"][aria-label="Remove a1"][data-dialog]`, `main a[href="/devices"].btn`} {
		has(t, doc, want, 1)
	}
	says(t, doc, "nav.tabs.desk", "All 4 Online 1 Late 0 Offline 1 Never seen 2")
}

// The list asks the database as often for many devices as for one.
func TestDevicesListAsksAFixedNumberOfTimes(t *testing.T) {
	var first int
	for n, want := range map[int]string{1: "1–1 of 1", 60: "1–60 of 60"} {
		app := newTestApp(t, nil)
		for i := range n {
			app.register(t, devices.ID(fmt.Sprintf("d%02d", i)))
		}
		says(t, pageOf(t, app.do("GET", "/devices?rows=96", ""), 200), ".pager", want)
		asked, of := app.db.questions()
		if first == 0 {
			first = asked
		}
		if asked != first || of["LastEntries"] != 1 || of["HourlyCounts"] != 1 {
			t.Errorf("%d devices: %d questions, %v", n, asked, of)
		}
		app.do("GET", "/devices?rows=96", "")
		if asked, of := app.db.questions(); asked != 2 {
			t.Errorf("%d devices, again: %d questions, %v", n, asked, of)
		}
	}
}

func TestDevicesEmpty(t *testing.T) {
	app := newTestApp(t, nil)
	doc := pageOf(t, app.do("GET", "/devices", ""), 200)
	says(t, doc, "main h2", "No device is registered")
	has(t, doc, `main a[href="/devices/new"][data-dialog]`, 2)
	has(t, doc, `main a[href="/virtual"]`, 1)
	has(t, doc, "table", 0)
	says(t, pageOf(t, app.do("GET", "/devices?q=x", ""), 200), "main h2", "No device matches “x”")
}

// Registrations that can be read are listed, though the data cannot.
func TestDevicesWithoutTheirData(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev1")
	app.db.set(func(m *memory) { m.readErr = errUnavailableForTest })
	doc := pageOf(t, app.do("GET", "/devices", ""), 200)
	if got := shownIDs(doc); got != "dev1" {
		t.Errorf("devices %q", got)
	}
	says(t, doc, ".flash.warn", "The last entries could not be read.")
	w := app.do("GET", "/devices?state=online", "")
	says(t, pageOf(t, w, 503), "main h2", "The list cannot be read")
	doc = pageOf(t, app.do("GET", "/devices/dev1", ""), 200)
	says(t, doc, "main", "The measurements could not be read. Reload to try again.")
	app.db.set(func(m *memory) { m.readErr = fmt.Errorf("a bug") })
	app.Fleet.Forget()
	pageOf(t, app.do("GET", "/devices", ""), 500)
	pageOf(t, app.do("GET", "/devices/dev1", ""), 500)
	pageOf(t, app.do("GET", "/", ""), 500)
}

func TestRegisterForm(t *testing.T) {
	app := newTestApp(t, nil)
	doc := pageOf(t, app.do("GET", "/devices/new", ""), 200)
	has(t, doc, `section[data-dialog-body] form[method=post][action="/devices"] label[for=device-id]`, 1)
	has(t, doc, `#device-id[name=id][required][aria-describedby=device-id-hint]`, 1)
	has(t, doc, "[aria-invalid], main .err", 0)

	for typed, problem := range map[string]string{
		"":                       "A device id is needed.",
		"   ":                    "A device id is needed.",
		"my device":              "An id has letters, digits, and . _ : - only. “my-device” would do.",
		"-dev":                   "An id starts with a letter or a digit. “dev” would do.",
		strings.Repeat("x", 65):  "A device id has at most 64 characters; this one has 65.",
		"дев":                    "An id has letters, digits, and . _ : - only.",
		"<script>1</script>":     "“script-1-script” would do.",
		nasty:                    "An id has letters, digits, and . _ : - only.",
		"a\x00b":                 "An id has letters, digits, and . _ : - only.",
		"../../etc":              "An id starts with a letter or a digit.",
		"dev1%0d%0aSet-Cookie:x": "An id has letters, digits, and . _ : - only.",
	} {
		t.Run(typed, func(t *testing.T) {
			doc := pageOf(t, app.post("/devices", url.Values{"id": {typed}}), 422)
			field := doc.Find(`#device-id[aria-invalid=true][aria-describedby~=device-id-problem]`)
			if got := field.AttrOr("value", "?"); got != strings.ReplaceAll(typed, "\x00", "\uFFFD") {
				t.Errorf("value %q", got)
			}
			says(t, doc, ".field #device-id-problem", problem)
		})
	}
	if n, _ := app.Registry.Count(t.Context()); n != 0 {
		t.Errorf("%d devices", n)
	}

	doc, token := pageWithSecret(t, app.next(t, app.post("/devices", url.Values{"id": {" dev1 "}})))
	if token != "canary-token-1-of-dev1==" {
		t.Errorf("the token is shown as %q", token)
	}
	says(t, doc, ".flash.ok", "Device dev1 is registered. Its token is shown only now. It shows as “Never seen” until its first point arrives.")
	says(t, doc, ".flash .mono", "dev1")
	if got := shownIDs(doc); got != "dev1" {
		t.Errorf("devices %q", got)
	}
	says(t, app.follow(t, app.post("/devices", url.Values{"id": {"dev1"}})), ".flash.warn", "Device dev1 is already registered.")
	status(t, app.do("POST", "/devices", "id=%zz", "Content-Type", "application/x-www-form-urlencoded"), 400)
	status(t, app.post("/devices", url.Values{"id": {strings.Repeat("x", maxBody)}}), 413)
	status(t, app.post("/devices?id=dev2", nil), 422) // an address registers nothing
}

func TestDevicePage(t *testing.T) {
	app := furnished(t)
	doc := pageOf(t, app.do("GET", "/devices/dev1", ""), 200)
	config := words(doc, "dl")
	for _, want := range []string{"Device ID dev1 Copy the device id Registered 6 May 2024, 07:08 UTC", "Database http://example.com/influx", "Organisation my org", "Bucket iot_center", "Token ***", "Write to /influx", "Interval 60 s, refresh every hour"} {
		if !strings.Contains(config, want) {
			t.Errorf("%q is not in %q", want, config)
		}
	}
	says(t, doc, "table.fields tbody tr", "Temperature °C 19.20 23.50 21.5 1 min ago 1,234 points BME280")
	has(t, doc, `main a[href="/dashboard/dev1"]`, 1)
	has(t, doc, `main a[href="/devices/dev1/remove"]`, 1)
	says(t, pageOf(t, app.do("GET", "/devices/new?device", ""), 200), "h1", "new")

	app.db.set(func(m *memory) { m.stats = nil })
	says(t, pageOf(t, app.do("GET", "/devices/dev2", ""), 200), "main", "No data in the last 30 days")
	says(t, pageOf(t, app.do("GET", "/devices/DEV1", ""), 404), "main h2", "Device DEV1 not found!")
}

// A name that a device chose for a field is text, wherever it stands.
func TestNamesOfADeviceAreText(t *testing.T) {
	app := furnished(t)
	app.db.set(func(m *memory) {
		m.stats = []telemetry.FieldStats{{Field: telemetry.Lookup(nasty), Last: 1, LastTime: testNow, Count: 1, Sensor: nasty}}
		m.last = []telemetry.LastValue{{Field: telemetry.Lookup(nasty), Time: testNow, Value: 1, Sensor: nasty}}
	})
	says(t, pageOf(t, app.do("GET", "/devices/dev1", ""), 200), "td.se", nasty)
	says(t, pageOf(t, app.do("GET", "/dashboard/dev1", ""), 200), ".gauges", nasty)
}

func TestRemoveForm(t *testing.T) {
	app := newTestApp(t, nil)
	for _, id := range []devices.ID{"dev1", "dev2", "dev3"} {
		app.register(t, id)
	}
	doc := pageOf(t, app.do("GET", "/devices/dev1/remove", ""), 200)
	form := `section[data-dialog-body][data-dialog-title="Remove dev1?"] form[method=post][action="/devices/dev1/remove"] `
	has(t, doc, form+"input[name=data][value=keep][checked]", 1)
	has(t, doc, form+"input[name=data][value=delete]:not([checked])", 1)
	has(t, doc, form+`a[href="/devices/dev1"][data-cancel]`, 1)

	status(t, app.post("/devices/dev1/remove", url.Values{"data": {"burn"}}), 422)
	status(t, app.post("/devices/dev1/remove", nil, "Sec-Fetch-Site", "cross-site"), 403)
	status(t, app.post("/devices/dev1/remove", nil, "Sec-Fetch-Site", "", "Origin", "https://evil.example"), 403)
	status(t, app.do("GET", "/devices/dev1/remove?data=delete", ""), 200)
	if n, _ := app.Registry.Count(t.Context()); n != 3 || len(app.db.deleted) != 0 {
		t.Fatalf("%d devices, deleted %v", n, app.db.deleted)
	}

	doc = app.follow(t, app.post("/devices/dev1/remove", url.Values{"data": {"keep"}}))
	says(t, doc, ".flash.ok", "Device dev1 was unregistered. Its data stay.")
	says(t, app.follow(t, app.post("/devices/dev2/remove", nil)), ".flash.ok", "Device dev2 was unregistered. Its data stay.")
	if len(app.db.deleted) != 0 {
		t.Errorf("deleted %v", app.db.deleted)
	}
	doc = app.follow(t, app.post("/devices/dev3/remove", url.Values{"data": {"delete"}}))
	says(t, doc, ".flash.ok", "Device dev3 was unregistered. Its data were deleted.")
	if len(app.db.deleted) == 0 || app.db.deleted[0] != "dev3" {
		t.Errorf("deleted %v", app.db.deleted)
	}
	if len(app.db.auths) != 0 {
		t.Errorf("tokens that still work: %v", app.db.auths)
	}
	says(t, pageOf(t, app.post("/devices/dev3/remove", nil), 404), "main h2", "Device dev3 not found!")
	status(t, app.post("/devices/%3Cscript%3E/remove", nil), 422)
}

func TestRemoveWhenTheDataStay(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev1")
	app.db.set(func(m *memory) { m.deleteErr = errUnavailableForTest })
	pageOf(t, app.post("/devices/dev1/remove", url.Values{"data": {"delete"}}), 503)
	if n, _ := app.Registry.Count(t.Context()); n != 1 {
		t.Error("the device is gone, and its data are not")
	}
}

// Forms of other sites change nothing, whichever page they aim at.
func TestCrossSiteFormsAreRefused(t *testing.T) {
	app := furnished(t)
	for _, target := range []string{"/devices", "/devices/dev1/remove", "/buckets", "/buckets/b1/retention", "/theme", "/help", "/virtual/backfill", "/virtual/backfill/cancel", "/virtual/live"} {
		w := app.post(target, url.Values{"id": {"dev9"}, "name": {"x"}, "retention": {"0"}, "on": {"true"}}, "Sec-Fetch-Site", "cross-site")
		says(t, pageOf(t, w, 403), "main h2", "The request came from another site and was refused.")
		if len(w.Result().Cookies()) != 0 {
			t.Errorf("%s: cookies", target)
		}
	}
	if n, _ := app.Registry.Count(t.Context()); n != 4 || len(app.db.buckets) != 3 {
		t.Errorf("%d devices, %d buckets", n, len(app.db.buckets))
	}
}

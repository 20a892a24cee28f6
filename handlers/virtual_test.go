package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/telemetry"
)

// ended waits for the newest backfill of the virtual device.
func (a *testApp) ended(t *testing.T) emulator.Progress {
	t.Helper()
	var last emulator.Progress
	for last = range a.Backfills.Watch(t.Context(), devices.VirtualDevice) {
	}
	if last.State == emulator.Running {
		t.Fatal("the backfill did not end")
	}
	return last
}

func TestVirtualPage(t *testing.T) {
	app := newTestApp(t, nil)
	for _, target := range []string{"/virtual", "/devices/virtual_device"} {
		doc := pageOf(t, app.do("GET", target, ""), 200)
		says(t, doc, "main h2", "The virtual device is not registered yet")
		has(t, doc, `form[method=post][action="/virtual/backfill"] button:not([disabled])`, 1)
		has(t, doc, `form[action="/virtual/live"] button[name=on][value=true][aria-checked=false]`, 1)
		has(t, doc, `dl, progress, a[href="/dashboard/virtual_device"].btn`, 0)
		says(t, doc, ".sig:first-child", "No data")
	}
	if n, _ := app.Registry.Count(t.Context()); n != 0 {
		t.Error("looking at the page registered the device")
	}
	app = furnished(t)
	app.db.questions()
	doc := pageOf(t, app.do("GET", "/virtual", ""), 200)
	says(t, doc, "dl", "Device ID virtual_device")
	says(t, doc, "dl", "Database embedded Organisation my org Bucket iot_center Token ***")
	says(t, doc, ".sig:first-child", "Temperature 21.5 °C")
	says(t, doc, "table.fields", "BME280")
	if _, of := app.db.questions(); fmt.Sprint(of) != "map[Runs:1 Series:1 Stats:1]" {
		t.Errorf("questions %v", of)
	}
	app.db.set(func(m *memory) { m.status.Embedded, m.status.URL = false, "http://influx:8086" })
	says(t, pageOf(t, app.do("GET", "/virtual", ""), 200), "dl", "Database http://influx:8086")
}

// The first press registers the device; the closing message is on the page that the form led to, and only there.
func TestBackfillByForm(t *testing.T) {
	rows := []struct {
		name   string
		change func(*memory)
		kind   string
		says   string
		points int
	}{
		{"a week", func(m *memory) { m.newest = time.Time{} }, ".flash.ok", "10,080 points were written to InfluxDB.", 10_080},
		{"one", func(m *memory) { m.newest = testNow.Add(-time.Minute) }, ".flash.ok", "1 point was written to InfluxDB.", 1},
		{"nothing", func(m *memory) { m.newest = testNow }, ".flash.info", "No new data were written to InfluxDB, the current measurement is already written.", 0},
		{"refused", func(m *memory) { m.writeErr = fmt.Errorf("%w: no", telemetry.ErrRejected) }, ".flash.bad", "0 points were written to InfluxDB.", 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			app := newTestApp(t, nil)
			app.db.set(row.change)
			w := app.post("/virtual/backfill", nil)
			status(t, w, 303)
			if want := fmt.Sprintf("/virtual?run=%d", testNow.UnixMilli()); w.Header().Get("Location") != want {
				t.Errorf("leads to %q, want %q", w.Header().Get("Location"), want)
			}
			app.ended(t)
			doc := app.follow(t, w)
			says(t, doc, row.kind, row.says)
			says(t, doc, "table.runs tbody tr", row.says)
			says(t, doc, "table.runs tbody tr", testAdmin)
			has(t, doc, "[data-running], progress", 0)
			has(t, pageOf(t, app.do("GET", "/virtual", ""), 200), ".flash", 0)
			has(t, pageOf(t, app.do("GET", "/virtual?run=1", ""), 200), ".flash", 0)
			points := 0
			for _, write := range app.db.writes {
				points += strings.Count(write.Lines, "\n")
				if !strings.Contains(write.Token, "-of-virtual_device==") {
					t.Errorf("written with %q", write.Token)
				}
			}
			if points != row.points {
				t.Errorf("%d points, want %d", points, row.points)
			}
		})
	}
}

func TestBackfillInProgress(t *testing.T) {
	app := newTestApp(t, nil)
	app.db.set(func(m *memory) { m.hold = make(chan struct{}) })
	first := app.post("/virtual/backfill", nil)
	again := app.post("/virtual/backfill", nil) // two presses are one run
	if a, b := first.Header().Get("Location"), again.Header().Get("Location"); a != b || again.Code != 303 {
		t.Errorf("%q, then %d %q", a, again.Code, b)
	}
	doc := app.follow(t, first)
	has(t, doc, `section[data-running="/virtual/events"] progress`, 1)
	has(t, doc, `form[method=post][action="/virtual/backfill/cancel"] button`, 1)
	has(t, doc, `form[action="/virtual/backfill"]`, 0)
	has(t, doc, `noscript a[href="`+first.Header().Get("Location")+`"]`, 1)
	has(t, doc, ".flash", 0)

	cancelled := app.post("/virtual/backfill/cancel", nil)
	app.ended(t)
	says(t, app.follow(t, cancelled), ".flash.warn", "Cancelled. 0 points were written to InfluxDB.")
	// To cancel what has ended is no error.
	says(t, app.follow(t, app.post("/virtual/backfill/cancel", nil)), ".flash.warn", "Cancelled.")
	says(t, pageOf(t, newTestApp(t, nil).do("GET", "/virtual", ""), 200), "h1", "Virtual Device")
	if got := newTestApp(t, nil).post("/virtual/backfill/cancel", nil).Header().Get("Location"); got != "/virtual" {
		t.Errorf("without a run it leads to %q", got)
	}
}

func TestBackfillWhileStopping(t *testing.T) {
	app := newTestApp(t, nil)
	if err := app.Backfills.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	says(t, pageOf(t, app.post("/virtual/backfill", nil), 503), "main h2", "The app is being stopped.")
}

func TestLiveSwitch(t *testing.T) {
	app := newTestApp(t, nil)
	doc := app.follow(t, app.post("/virtual/live", url.Values{"on": {"true"}}))
	has(t, doc, `#live-card[data-on=true] button[role=switch][aria-checked=true][value=false]`, 1)
	if n, _ := app.Registry.Count(t.Context()); n != 1 {
		t.Error("the device is not registered")
	}
	status(t, app.post("/virtual/live", url.Values{"on": {"true"}}), 303)
	doc = app.follow(t, app.post("/virtual/live", url.Values{"on": {"false"}}))
	has(t, doc, `#live-card[data-on=false] button[aria-checked=false][value=true]`, 1)
	if n := len(app.db.writes); n != 1 || strings.Count(app.db.writes[0].Lines, "\n") != 1 {
		t.Errorf("%d writes", n)
	}
	status(t, app.post("/virtual/live", url.Values{"on": {"false"}}), 303)
	for _, on := range []string{"", "perhaps", nasty} {
		says(t, pageOf(t, app.post("/virtual/live", url.Values{"on": {on}}), 422), "main h2", "The switch is true or false.")
	}
	status(t, app.post("/virtual/live", url.Values{"on": {strings.Repeat("x", maxBody)}}), 413)
}

func TestLiveSwitchSaysWhatWentWrong(t *testing.T) {
	app := newTestApp(t, nil)
	app.db.set(func(m *memory) { m.writeErr = errUnavailableForTest })
	status(t, app.post("/virtual/live", url.Values{"on": {"true"}}), 303)
	doc := app.follow(t, app.post("/virtual/live", url.Values{"on": {"false"}}))
	has(t, doc, "#live-card footer .age.bad, #live-card footer .bad", 1)
	if strings.Contains(words(doc, "main"), "dial:") {
		t.Error("the page tells an internal detail")
	}
}

// events reads a stream of events: it gives the name and the data of the next one.
func events(t *testing.T, srv *httptest.Server, ctx context.Context) (next func() (name, data string, ok bool)) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/virtual/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set(personHeader, testViewer)
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	return func() (name, data string, ok bool) {
		for lines.Scan() {
			text := lines.Text()
			name, _ = after(text, "event: ", name)
			data, _ = after(text, "data: ", data)
			if text == "" && name != "" {
				return name, data, true
			}
		}
		return "", "", false
	}
}

func after(text, prefix, otherwise string) (string, bool) {
	if rest, ok := strings.CutPrefix(text, prefix); ok {
		return rest, true
	}
	return otherwise, false
}

func TestVirtualEvents(t *testing.T) {
	app := newTestApp(t, nil)
	srv := httptest.NewServer(app.Handler())
	defer srv.Close()
	if name, data, ok := events(t, srv, t.Context())(); name != "end" || data != `{"run":""}` || !ok {
		t.Errorf("without a run: %s %s", name, data)
	}

	hold := make(chan struct{})
	app.db.set(func(m *memory) { m.hold, m.newest = hold, time.Time{} })
	status(t, app.post("/virtual/backfill", nil), 303)
	next := events(t, srv, t.Context())
	var got progressJSON
	for got.Total == 0 { // until it knows what is missing
		name, data, ok := next()
		if err := json.Unmarshal([]byte(data), &got); err != nil || name != "progress" || !ok {
			t.Fatalf("%s %s %v", name, data, err)
		}
	}
	if got != (progressJSON{Written: 0, Total: 10_080, Count: "0", Of: "of 10,080 points", Left: "0 %"}) {
		t.Errorf("%+v", got)
	}
	close(hold)
	for {
		name, data, ok := next()
		if !ok {
			t.Fatal("no end")
		}
		if name == "end" {
			if want := fmt.Sprintf(`{"run":"%d"}`, testNow.UnixMilli()); data != want {
				t.Errorf("end %s, want %s", data, want)
			}
			break
		}
	}
	if _, data, ok := next(); ok {
		t.Errorf("after the end came %s", data)
	}
}

// A stream ends when the browser leaves and when the app stops, though the run goes on; neither is told as its end.
func TestVirtualEventsEndEarly(t *testing.T) {
	for _, row := range []string{"browser", "app"} {
		t.Run(row, func(t *testing.T) {
			app := newTestApp(t, nil)
			app.db.set(func(m *memory) { m.hold = make(chan struct{}) })
			status(t, app.post("/virtual/backfill", nil), 303)
			ended := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				app.Handler().ServeHTTP(w, r)
			}))
			defer srv.Close()
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			next := events(t, srv, ctx)
			if name, data, _ := next(); name != "progress" {
				t.Fatalf("%s %s", name, data)
			}
			if row == "browser" {
				leave()
			} else {
				app.CloseStreams()
			}
			<-ended
			for {
				name, data, ok := next()
				if !ok {
					break
				}
				if name != "progress" {
					t.Errorf("%s %s", name, data)
				}
			}
			if p, _ := app.Backfills.Progress(devices.VirtualDevice); p.State != emulator.Running {
				t.Errorf("the run is %s", p.State)
			}
		})
	}
}

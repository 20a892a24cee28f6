package handlers

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/views"
)

// A new token is shown once, as text and as a code; the former one works until the device has the new one.
func TestRotateToken(t *testing.T) {
	app := newTestApp(t, nil)
	former := app.register(t, "dev1")
	b := app.of(t, testOperator)
	has(t, pageOf(t, b.get("/devices/dev1/rotate"), 200), `form[method=post][action="/devices/dev1/rotate"]`, 1)
	app.later(time.Hour)
	doc, token := shownOnce(t, b, b.sent("/devices/dev1/rotate", nil, "/devices/dev1"))
	says(t, doc, ".flash.ok", "Device dev1 has a new token, which is shown only now.")
	has(t, doc, `.flash.once details svg[role=img][aria-label="QR code of the configuration of dev1"]`, 1)
	says(t, doc, "section[aria-labelledby=token]", "The former token works until")
	if token == former || token != granted(t, app.ask("dev1", "Authorization", "Token "+former), "dev1", false) {
		t.Errorf("the new token is %q", token)
	}
	for _, act := range []string{"rotate", "suspend", "resume"} {
		pageOf(t, b.post("/devices/none/"+act, nil), 404)
		pageOf(t, b.post("/devices/-none/"+act, nil), 422)
	}
	pageOf(t, b.get("/devices/none/rotate"), 404)
	pageOf(t, b.get("/devices/none/suspend"), 404)
}

func TestRegisteredTokenIsShownOnce(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testOperator)
	doc, token := shownOnce(t, b, b.sent("/devices", url.Values{"id": {"dev1"}}, "/devices"))
	has(t, doc, ".flash.once details svg[role=img]", 1)
	status(t, app.writeAs(token, lines(1)), 204)
	// Registering what is there shows nothing.
	has(t, pageOf(t, b.next(b.post("/devices", url.Values{"id": {"dev1"}})), 200), ".flash.once", 0)
}

// The longest message still fits into a cookie: one that did not would never be shown, and the token be lost.
func TestTheLongestTokenMessageFitsIntoTheCookie(t *testing.T) {
	id := strings.Repeat("x", devices.MaxIDLength)
	app := newPasswordApp(t, func(o *Options) { o.InfluxPublicURL = "https://" + strings.Repeat("a", 240) + ".example/influx" })
	app.db.set(func(m *memory) { m.status.Org, m.status.Bucket = strings.Repeat("o", 60), strings.Repeat("b", 60) })
	app.register(t, devices.ID(id))
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	leadsTo(t, b.post("/devices/"+id+"/rotate", nil), "/devices/"+id)
	pageWithSecret(t, b.get("/devices/"+id))
	if strings.Contains(app.log.String(), "could not be written") {
		t.Error(app.log.String())
	}
	if n := len(b.cookies[sessionName]); n > 4000 {
		t.Errorf("the cookie has %d bytes", n)
	}
}

// A device is switched off and on again without losing it.
func TestSuspendAndResume(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	b := app.of(t, testOperator)
	has(t, pageOf(t, b.get("/devices/dev1/suspend"), 200), `form[method=post][action="/devices/dev1/suspend"]`, 1)
	for range 2 { // twice is no error
		doc := pageOf(t, b.next(b.post("/devices/dev1/suspend", nil)), 200)
		says(t, doc, ".flash.ok", "Device dev1 is suspended. What it sends is refused until it is resumed.")
		has(t, doc, `form[action="/devices/dev1/resume"] button`, 1)
		has(t, doc, `a[href="/devices/dev1/rotate"], a[href="/devices/dev1/suspend"]`, 0)
	}
	if ok, err := app.db.Exists(t.Context(), "key-1"); ok || err != nil {
		t.Errorf("its authorization is active: %v, %v", ok, err)
	}
	status(t, app.writeAs(token, lines(1)), 403)
	pageOf(t, b.post("/devices/dev1/rotate", nil), 403)
	for range 2 {
		says(t, pageOf(t, b.next(b.post("/devices/dev1/resume", nil)), 200), ".flash.ok", "Device dev1 is resumed.")
	}
	status(t, app.writeAs(token, lines(1)), 204)
}

// The page of a device says how old its token is and when it was last used; never the token.
func TestAgeAndLastUseOfATokenAreShown(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	card := func() string {
		return words(pageOf(t, app.do("GET", "/devices/dev1", ""), 200), "section[aria-labelledby=token]")
	}
	app.later(90 * time.Minute)
	if got := card(); !strings.Contains(got, "Write token made 1 h ago") || !strings.Contains(got, "Token *** Last use not known") {
		t.Errorf("%q", got)
	}
	status(t, app.writeAs(token, lines(1)), 204)
	app.later(5 * time.Minute)
	if got := card(); !strings.Contains(got, "Last use 5 min ago") {
		t.Errorf("%q", got)
	}
}

// What is said once is told once also when the pages that could tell it are asked for at the same time by programs: a
// message needs the cookie, and the API takes none away.
func TestMessagesWaitForAPage(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testOperator)
	leadsTo(t, b.post("/devices", url.Values{"id": {"dev1"}}), "/devices")
	for _, target := range []string{"/api/devices", "/healthz", "/api/gpxVirtual"} {
		if w := b.get(target); strings.Contains(w.Body.String(), "canary") || len(w.Result().Cookies()) != 0 {
			t.Errorf("%s took the message: %s", target, w.Body)
		}
	}
	pageWithSecret(t, b.get("/devices"))
}

// The code for a camera holds what the device needs.
func TestTokenFlashHoldsTheConfiguration(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.InfluxPublicURL = "https://b.example/db" })
	f := app.tokenFlash(httptest.NewRequest("POST", "/devices", nil), devices.Device{ID: "dev1"}, "secret")
	want := views.DeviceSetup{ID: "dev1", URL: "https://b.example/db", Org: "my org", Bucket: "iot_center", Token: "secret"}
	if f.Setup == nil || *f.Setup != want || f.Secret != "secret" {
		text, _ := json.Marshal(f)
		t.Errorf("%s", text)
	}
}

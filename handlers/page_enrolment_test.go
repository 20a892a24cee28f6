package handlers

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
)

func TestEnrolmentWindow(t *testing.T) {
	app := furnished(t)
	b, viewer := app.of(t, testOperator), app.of(t, testViewer)
	doc := pageOf(t, b.get("/enrolment"), 200)
	has(t, doc, `form[action="/enrolment/open"] button[name=minutes]:not([disabled])`, 3)
	has(t, doc, `form[action="/enrolment/close"], [data-window]`, 0)
	for _, minutes := range []string{"", "0", "-1", "61", "ten", "1e1", "99999999999999999999"} {
		pageOf(t, b.post("/enrolment/open", url.Values{"minutes": {minutes}}), 422)
	}
	if !app.Enrolment.Window().Until.IsZero() {
		t.Error("it is open")
	}
	leadsTo(t, b.post("/enrolment/open", url.Values{"minutes": {"10"}, "back": {"/devices"}}), "/devices")
	app.later(time.Minute)
	for target, code := range map[string]int{"/": 200, "/devices": 200, "/devices/dev1": 200, "/dashboard/dev1": 200, "/virtual": 200, "/buckets": 200,
		"/about": 200, "/account": 200, "/enrolment": 200, "/no/such/page": 404} {
		doc := pageOf(t, b.get(target), code)
		says(t, doc, "[data-window]", "Enrolment is open. An unknown device that asks is registered. Closes in 9 min 0 s")
		has(t, doc, `[data-window] time[data-countdown]`, 1)
		has(t, doc, `[data-window] form[action="/enrolment/close"] input[name=back][value="`+target+`"]`, 1)
		if target != "/enrolment" {
			doc = pageOf(t, viewer.get(target), code)
			has(t, doc, "[data-window] time[data-countdown]", 1)
			has(t, doc, `form[action="/enrolment/close"]`, 0)
		}
	}
	has(t, pageOf(t, app.browser(t).get("/login"), 200), "[data-window]", 0) // a stranger is not told
	says(t, pageOf(t, b.get("/enrolment"), 200), "main", "Opened by test-operator.")
	leadsTo(t, b.post("/enrolment/close", url.Values{"back": {"/buckets"}}), "/buckets")
	has(t, pageOf(t, b.get("/buckets"), 200), "[data-window]", 0)
}

func TestInbox(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testOperator)
	says(t, pageOf(t, b.get("/enrolment"), 200), "main", "Nobody waits")
	for range 2 {
		app.ask("dev1")
		app.later(time.Minute)
	}
	app.ask("dev2", "X-Forwarded-For", "2001:db8::1")
	doc := pageOf(t, b.get("/enrolment"), 200)
	says(t, doc, "#inbox + .chip", "2")
	says(t, doc, `.nav a[href="/enrolment"] .n`, "2 waiting")
	rows := doc.Find("section[aria-labelledby=inbox] tbody tr")
	if got := words(doc, "section[aria-labelledby=inbox] tbody tr:nth-child(2)"); rows.Length() != 2 || got != "dev1 New 203.0.113.1 First asked 2 min ago Last asked 1 min ago 2 times Approve dev1 at 203.0.113.1 Dismiss dev1 at 203.0.113.1" {
		t.Errorf("%d rows; %q", rows.Length(), got)
	}
	has(t, doc, `form[action="/enrolment/inbox/approve"] input[name=address][value="2001:db8::1"]`, 1)

	approve := url.Values{"id": {"dev1"}, "address": {hereAddress}}
	doc = pageOf(t, b.next(b.post("/enrolment/inbox/approve", approve)), 200)
	says(t, doc, ".flash.ok", "Device dev1 is approved: it gets its configuration when it asks from 203.0.113.1 within 15 minutes.")
	has(t, doc, ".flash.once", 0)
	says(t, pageOf(t, b.next(b.post("/enrolment/inbox/approve", approve)), 200), ".flash.warn", "Device dev1 no longer waits.")
	// It was seen at its own address only.
	says(t, pageOf(t, b.next(b.post("/enrolment/inbox/approve", url.Values{"id": {"dev2"}, "address": {hereAddress}})), 200), ".flash.warn", "Device dev2 no longer waits.")
	says(t, pageOf(t, b.next(b.post("/enrolment/inbox/dismiss", url.Values{"id": {"dev2"}, "address": {"2001:db8::1"}})), 200), ".flash.ok", "Device dev2 is dismissed.")
	for _, act := range []string{"approve", "dismiss"} {
		pageOf(t, b.post("/enrolment/inbox/"+act, url.Values{"id": {"not an id"}, "address": {hereAddress}}), 422)
		says(t, pageOf(t, b.next(b.post("/enrolment/inbox/"+act, url.Values{"id": {"dev9"}, "address": {nasty}})), 200), ".flash.warn", "Device dev9 no longer waits.")
	}
}

// Whatever strangers send, the inbox has an end.
func TestInboxIsBounded(t *testing.T) {
	app := newTestApp(t, nil)
	for i := range 3 * devices.InboxPerAddress {
		refused(t, app.ask(fmt.Sprintf("dev%d", i)), 403, notEnrolledCode)
	}
	if n := len(app.waiting(t)); n != devices.InboxPerAddress {
		t.Errorf("%d of one address", n)
	}
}

func TestMakeEnrolmentKey(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.PublicURL = "https://iot.example.org" })
	b := app.of(t, testOperator)
	b.always = append(b.always, "Origin", "https://iot.example.org")
	doc, secret := shownOnce(t, b, b.sent("/enrolment/keys/new", url.Values{"name": {" greenhouse "}, "pattern": {" gh-* "}, "most": {" 5 "}, "days": {"7"}}, "/enrolment"))
	says(t, doc, ".flash.ok", "The enrolment key greenhouse is made. It is shown only now.")
	says(t, doc, "section[aria-labelledby=enrolment-keys] tbody tr", "greenhouse …"+secret[len(secret)-4:]+" Ids: gh-* Devices: 0 of 5")
	if !strings.HasPrefix(secret, devices.EnrolmentPrefix) {
		t.Errorf("the secret is %q", secret)
	}
	granted(t, app.ask("gh-1?key="+secret), "gh-1", true)
	says(t, pageOf(t, b.get("/enrolment"), 200), "section[aria-labelledby=enrolment-keys] tbody tr", "Devices: 1 of 5")
}

// The message says where a device asks, with the key in the address, as the reference's client does.
func TestEnrolmentKeyShowsTheAddressToAsk(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.PublicURL = "https://iot.example.org" })
	b := app.of(t, testOperator)
	w := b.next(b.post("/enrolment/keys/new", url.Values{"name": {"greenhouse"}, "most": {"5"}, "days": {"7"}}))
	doc, secret := pageWithSecret(t, w)
	if got, want := words(doc, "[data-flash].once .secretline:last-of-type code"), "https://iot.example.org/api/env/DEVICE_ID?key="; got != want {
		t.Errorf("the address is %q, want %q and the key", got, want) // the key itself is cut out of what is checked
	}
	if !strings.Contains(w.Body.String(), "https://iot.example.org/api/env/DEVICE_ID?key="+secret) {
		t.Error("the address lacks the key")
	}
}

func TestMakeEnrolmentKeyThatDoesNotWork(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testOperator)
	for _, row := range []struct{ name, typed, pattern, most, days, field, says string }{
		{"no name", "", "gh-*", "5", "7", "name", "A name is needed"},
		{"control characters", "a\x01b", "gh-*", "5", "7", "name", "A name has no control characters."},
		{"markup in the name", nasty + strings.Repeat("x", 64), "gh-*", "5", "7", "name", "A name has at most 64 characters."},
		{"a pattern that fits nothing", "x", "-gh", "5", "7", "pattern", "no id fits this pattern"},
		{"markup in the pattern", "x", nasty, "5", "7", "pattern", "A pattern has letters, digits"},
		{"no number", "x", "gh-*", "", "7", "most", "A number is needed."},
		{"words", "x", "gh-*", "five", "7", "most", "A number is needed."},
		{"none", "x", "gh-*", "0", "7", "most", "between 1 and 100,000"},
		{"too many", "x", "gh-*", "100001", "7", "most", "between 1 and 100,000"},
		{"no days", "x", "gh-*", "5", "", "days", "A number from 1 to 366 is needed."},
		{"no day", "x", "gh-*", "5", "0", "days", "A number from 1 to 366 is needed."},
		{"too many days", "x", "gh-*", "5", "367", "days", "A number from 1 to 366 is needed."},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc := pageOf(t, b.post("/enrolment/keys/new", url.Values{"name": {row.typed}, "pattern": {row.pattern}, "most": {row.most}, "days": {row.days}}), 422)
			says(t, doc, "#key-"+row.field+"-problem", row.says)
			has(t, doc, "#key-"+row.field+"[aria-invalid=true]", 1)
			has(t, doc, "form [aria-invalid=true]", 1)
			for name, want := range map[string]string{"name": row.typed, "pattern": row.pattern, "most": row.most, "days": row.days} {
				if got := doc.Find("input[name="+name+"]").AttrOr("value", "?"); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
	if keys, err := app.Enrolment.Keys(t.Context()); err != nil || len(keys) != 0 {
		t.Errorf("%v, %v", keys, err)
	}
}

func TestRevokeEnrolmentKey(t *testing.T) {
	app := newTestApp(t, nil)
	key, secret := app.enrolmentKey(t, "", 5)
	granted(t, app.ask("dev1?key="+secret), "dev1", true)
	b := app.of(t, testOperator)
	target := "/enrolment/keys/" + key.ID + "/revoke"
	says(t, pageOf(t, b.get(target), 200), "main form", "What it registered (1 device) cannot ask for a configuration with it any more")
	says(t, pageOf(t, b.next(b.post(target, nil)), 200), ".flash.ok", "The enrolment key greenhouse is revoked.")
	refused(t, app.ask("dev1?key="+secret), 403, notEnrolledCode)
	pageOf(t, b.get(target), 404)
	pageOf(t, b.post(target, nil), 404)
}

func TestEnrolmentWhileTheDatabaseIsAway(t *testing.T) {
	app := newTestApp(t, nil)
	app.db.away()
	w := app.of(t, testOperator).get("/enrolment")
	doc := pageOf(t, w, 503)
	says(t, doc, "main h2", "The inbox and the keys cannot be read")
	has(t, doc, "main button:not([disabled])[name=minutes]", 0)
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	pageOf(t, app.of(t, testOperator).post("/enrolment/open", url.Values{"minutes": {"10"}}), 503)
}

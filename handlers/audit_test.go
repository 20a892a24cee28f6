package handlers

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/people"
)

// newEvents are those since the last time.
func (a *testApp) newEvents(t *testing.T) []people.Event {
	t.Helper()
	if err := a.Audit.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var events []people.Event
	a.db.set(func(m *memory) { events, m.audited = m.audited, nil })
	return events
}

// act is something that leaves one event in the log.
type act struct {
	name    string
	prepare func(*testing.T, *testApp) // what has to be there; its events do not count
	do      func(*testing.T, *testApp) *httptest.ResponseRecorder
	status  int
	want    people.Event // but for time, address and request id, which are the same for all
}

// Who a test's acts are done by.
func byAdmin(action, target, detail, result string) people.Event {
	return people.Event{ActorKind: "person", Actor: testAdmin, Action: action, Target: target, Detail: detail, Result: result}
}

func byNobodyKnown(action, target, detail, result string) people.Event {
	return people.Event{ActorKind: "nobody", Action: action, Target: target, Detail: detail, Result: result}
}

// form is an admin's form, sent from hereAddress.
func form(target string, pairs ...string) func(*testing.T, *testApp) *httptest.ResponseRecorder {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return func(_ *testing.T, app *testApp) *httptest.ResponseRecorder {
		return app.post(target, values, "X-Forwarded-For", hereAddress)
	}
}

func request(method, target string, headers ...string) func(*testing.T, *testApp) *httptest.ResponseRecorder {
	return func(_ *testing.T, app *testApp) *httptest.ResponseRecorder {
		return app.do(method, target, "", append([]string{"X-Forwarded-For", hereAddress}, headers...)...)
	}
}

func withDevice(t *testing.T, app *testApp) { app.register(t, "dev1") }

func withApplicant(t *testing.T, app *testApp) { refused(t, app.ask("dev1"), 403, notEnrolledCode) }

func away(_ *testing.T, app *testApp) {
	app.db.set(func(m *memory) {
		m.storeErr, m.bucketErr, m.readErr = errUnavailableForTest, errUnavailableForTest, errUnavailableForTest
	})
}

func both(first, second func(*testing.T, *testApp)) func(*testing.T, *testApp) {
	return func(t *testing.T, app *testApp) { first(t, app); second(t, app) }
}

// Each act leaves exactly one event: who did what to what, from where, with what result. Those that were refused or
// failed do, too.
func TestEachActIsAudited(t *testing.T) {
	const key = "Bearer " + testAPIKey
	byKey := func(action, target, detail, result string) people.Event {
		return people.Event{ActorKind: "key", Actor: people.EnvironmentKey, Action: action, Target: target, Detail: detail, Result: result}
	}
	byDevice := func(id, detail string) people.Event {
		return people.Event{ActorKind: "device", Actor: id, Action: people.ActionConfiguration, Target: id, Detail: detail, Result: resultOK}
	}
	rows := []act{
		// Devices.
		{"register", nil, form("/devices", "id", "dev1"), 303, byAdmin(people.ActionRegister, "dev1", "", resultOK)},
		{"register that fails", away, form("/devices", "id", "dev1"), 503, byAdmin(people.ActionRegister, "dev1", "", resultFailed)},
		{"register by the API", nil, request("POST", "/api/devices/dev1"), 201, byAdmin(people.ActionRegister, "dev1", "", resultOK)},
		{"register by a key", nil, request("POST", "/api/devices/dev1", "Authorization", key), 201, byKey(people.ActionRegister, "dev1", "", resultOK)},
		{"register by a key that fails", away, request("POST", "/api/devices/dev1", "Authorization", key), 503, byKey(people.ActionRegister, "dev1", "", resultFailed)},
		{"remove", withDevice, form("/devices/dev1/remove"), 303, byAdmin(people.ActionRemove, "dev1", "its data stay", resultOK)},
		{"remove with data", withDevice, form("/devices/dev1/remove", "data", "delete"), 303, byAdmin(people.ActionRemove, "dev1", "with its data", resultOK)},
		{"remove by a key", withDevice, request("DELETE", "/api/devices/dev1?data=delete", "Authorization", key), 204, byKey(people.ActionRemove, "dev1", "with its data", resultOK)},
		{"remove the unknown", nil, form("/devices/dev1/remove"), 404, byAdmin(people.ActionRemove, "dev1", "its data stay", resultRefused)},
		{"remove that fails", both(withDevice, away), form("/devices/dev1/remove"), 503, byAdmin(people.ActionRemove, "dev1", "its data stay", resultFailed)},
		{"rotate", withDevice, form("/devices/dev1/rotate"), 303, byAdmin(people.ActionRotate, "dev1", "", resultOK)},
		{"rotate the unknown", nil, form("/devices/dev1/rotate"), 404, byAdmin(people.ActionRotate, "dev1", "", resultRefused)},
		{"rotate that fails", both(withDevice, away), form("/devices/dev1/rotate"), 503, byAdmin(people.ActionRotate, "dev1", "", resultFailed)},
		{"suspend", withDevice, form("/devices/dev1/suspend"), 303, byAdmin(people.ActionSuspend, "dev1", "", resultOK)},
		{"suspend the unknown", nil, form("/devices/dev1/suspend"), 404, byAdmin(people.ActionSuspend, "dev1", "", resultRefused)},
		{"resume", withDevice, form("/devices/dev1/resume"), 303, byAdmin(people.ActionResume, "dev1", "", resultOK)},
		{"resume that fails", both(withDevice, away), form("/devices/dev1/resume"), 503, byAdmin(people.ActionResume, "dev1", "", resultFailed)},
		{"backfill", withDevice, request("POST", "/api/devices/dev1/backfill"), 200, byAdmin(people.ActionBackfill, "dev1", "", resultOK)},
		{"backfill the unknown", nil, request("POST", "/api/devices/dev1/backfill", "Authorization", key), 404, byKey(people.ActionBackfill, "dev1", "", resultRefused)},
		{"export", withDevice, request("GET", "/api/devices/dev1/series?format=csv", "Authorization", key), 200, byKey(people.ActionExport, "dev1", "", resultOK)},

		// Configuration.
		{"configuration by a key", withDevice, request("GET", "/api/env/dev1", "Authorization", key), 200, byKey(people.ActionConfiguration, "dev1", "", resultOK)},
		{"registration and configuration by a key", nil, request("GET", "/api/env/dev1?register=true", "Authorization", key), 200, byKey(people.ActionConfiguration, "dev1", "", resultOK)},
		{"configuration of the unknown by a key", nil, request("GET", "/api/env/dev1", "Authorization", key), 403, byKey(people.ActionConfiguration, "dev1", "", resultRefused)},
		{"configuration by a key that fails", away, request("GET", "/api/env/dev1?register=true", "Authorization", key), 503, byKey(people.ActionConfiguration, "dev1", "", resultFailed)},
		{"configuration in the window", func(t *testing.T, app *testApp) {
			if err := app.Enrolment.Open(t.Context(), testOperator, time.Minute); err != nil {
				t.Fatal(err)
			}
		}, func(_ *testing.T, app *testApp) *httptest.ResponseRecorder { return app.ask("dev1") }, 200, byDevice("dev1", "by window")},
		{"configuration by approval", func(t *testing.T, app *testApp) { withApplicant(t, app); app.approve(t, "dev1", hereAddress) },
			func(_ *testing.T, app *testApp) *httptest.ResponseRecorder { return app.ask("dev1") }, 200, byDevice("dev1", "by approval")},

		// Enrolment.
		{"open", nil, form("/enrolment/open", "minutes", "10"), 303, byAdmin(people.ActionWindowOpen, "", "10 minutes", resultOK)},
		{"open that fails", away, form("/enrolment/open", "minutes", "10"), 503, byAdmin(people.ActionWindowOpen, "", "10 minutes", resultFailed)},
		{"close", nil, form("/enrolment/close"), 303, byAdmin(people.ActionWindowClose, "", "", resultOK)},
		{"approve", withApplicant, form("/enrolment/inbox/approve", "id", "dev1", "address", hereAddress), 303, byAdmin(people.ActionApprove, "dev1", hereAddress, resultOK)},
		{"approve who no longer waits", nil, form("/enrolment/inbox/approve", "id", "dev1", "address", hereAddress), 303, byAdmin(people.ActionApprove, "dev1", hereAddress, resultRefused)},
		{"approve that fails", both(withApplicant, away), form("/enrolment/inbox/approve", "id", "dev1", "address", hereAddress), 503, byAdmin(people.ActionApprove, "dev1", hereAddress, resultFailed)},
		{"dismiss", withApplicant, form("/enrolment/inbox/dismiss", "id", "dev1", "address", hereAddress), 303, byAdmin(people.ActionDismiss, "dev1", hereAddress, resultOK)},
		{"make an enrolment key", nil, form("/enrolment/keys/new", "name", "greenhouse", "pattern", "gh-*", "most", "5", "days", "7"), 303, byAdmin(people.ActionEnrolKeyMake, "greenhouse", "gh-*", resultOK)},
		{"make a bad enrolment key", nil, form("/enrolment/keys/new", "name", "greenhouse", "pattern", "-", "most", "5", "days", "7"), 422, byAdmin(people.ActionEnrolKeyMake, "greenhouse", "-", resultRefused)},
		{"make an enrolment key that fails", away, form("/enrolment/keys/new", "name", "greenhouse", "most", "5", "days", "7"), 503, byAdmin(people.ActionEnrolKeyMake, "greenhouse", "", resultFailed)},
		{"revoke an enrolment key", nil, func(t *testing.T, app *testApp) *httptest.ResponseRecorder {
			key, _ := app.enrolmentKey(t, "", 5)
			return form("/enrolment/keys/"+key.ID+"/revoke")(t, app)
		}, 303, byAdmin(people.ActionEnrolKeyEnd, "greenhouse", "", resultOK)},

		// People and keys.
		{"add a person", nil, form("/people/new", "username", " Ada ", "role", "operator", "how", "proxy"), 303, byAdmin(people.ActionAccountAdd, "ada", "operator", resultOK)},
		{"add a person who is there", nil, form("/people/new", "username", testViewer, "role", "operator", "how", "proxy"), 422, byAdmin(people.ActionAccountAdd, testViewer, "operator", resultRefused)},
		{"add a person that fails", away, form("/people/new", "username", "ada", "role", "operator", "how", "proxy"), 503, byAdmin(people.ActionAccountAdd, "ada", "operator", resultFailed)},
		{"change a role", nil, form("/people/"+testViewer+"/role", "role", "operator"), 303, byAdmin(people.ActionAccountRole, testViewer, "test-viewer is an operator now.", resultOK)},
		{"change a role that fails", away, form("/people/"+testViewer+"/role", "role", "operator"), 503, byAdmin(people.ActionAccountRole, testViewer, "", resultFailed)},
		{"change the last admin's role", func(t *testing.T, app *testApp) { app.know(t, passwordDocuments()) }, form("/people/admin/role", "role", "viewer"), 422, byAdmin(people.ActionAccountRole, "admin", "", resultRefused)},
		{"end sessions", nil, form("/people/" + testViewer + "/sessions/end"), 303, byAdmin(people.ActionSessionEnd, testViewer, "test-viewer is signed out everywhere.", resultOK)},
		{"remove a person", nil, form("/people/" + testViewer + "/remove"), 303, byAdmin(people.ActionAccountRemove, testViewer, "test-viewer is removed and signed out.", resultOK)},
		{"make an API key", nil, form("/keys/new", "name", " report ", "level", "OVERVIEW", "days", "30"), 303, byAdmin(people.ActionKeyMake, "report", "OVERVIEW", resultOK)},
		{"make a bad API key", nil, form("/keys/new", "name", "", "level", "OVERVIEW", "days", "30"), 422, byAdmin(people.ActionKeyMake, "", "OVERVIEW", resultRefused)},
		{"revoke an API key", nil, func(t *testing.T, app *testApp) *httptest.ResponseRecorder {
			key, _ := app.key(t, people.Overview)
			return form("/keys/"+key.ID+"/revoke")(t, app)
		}, 303, byAdmin(people.ActionKeyRevoke, "the OVERVIEW key", "", resultOK)},

		// Buckets and the log itself.
		{"make a bucket", nil, form("/buckets", "name", "mine", "retention", "0"), 303, byAdmin(people.ActionBucketMake, "mine", "", resultOK)},
		{"make a bucket that is there", func(t *testing.T, app *testApp) {
			status(t, form("/buckets", "name", "mine", "retention", "0")(t, app), 303)
		},
			form("/buckets", "name", "mine", "retention", "0"), 422, byAdmin(people.ActionBucketMake, "mine", "", resultRefused)},
		{"make a bucket that fails", away, form("/buckets", "name", "mine", "retention", "0"), 503, byAdmin(people.ActionBucketMake, "mine", "", resultFailed)},
		{"export the log", nil, request("GET", "/audit.csv"), 200, byAdmin(people.ActionExport, "audit log", "", resultOK)},
		{"export the log that fails", away, request("GET", "/audit.csv"), 503, byAdmin(people.ActionExport, "audit log", "", resultFailed)},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			app := newTestApp(t, nil)
			if row.prepare != nil {
				row.prepare(t, app)
			}
			if row.prepare != nil && app.db.storeErr == nil {
				app.newEvents(t)
			}
			w := row.do(t, app)
			status(t, w, row.status)
			app.onlyEvent(t, w, row.want)
		})
	}
}

// onlyEvent checks that an answer left one event and no other.
func (a *testApp) onlyEvent(t *testing.T, w *httptest.ResponseRecorder, want people.Event) {
	t.Helper()
	a.db.set(func(m *memory) { m.storeErr = nil })
	events := a.newEvents(t)
	want.At, want.Address, want.RequestID = a.Clock().UTC(), hereAddress, w.Header().Get("X-Request-Id")
	if len(events) != 1 || events[0] != want {
		t.Errorf("events %+v, want only %+v", events, want)
	}
}

// Signing in and out, each with its result; what was typed stands under the name that accounts have.
func TestSigningInIsAudited(t *testing.T) {
	app := newPasswordApp(t, nil)
	signIn := func(b *browser, name, password string) *httptest.ResponseRecorder {
		return b.post("/login", url.Values{"username": {name}, "password": {password}})
	}
	b := app.browser(t, "X-Forwarded-For", hereAddress)
	byPerson := func(action, name, detail, result string) people.Event {
		return people.Event{ActorKind: "person", Actor: name, Action: action, Target: name, Detail: detail, Result: result}
	}
	app.onlyEvent(t, signIn(b, "Admin", adminPassword), byPerson(people.ActionSignIn, "admin", "", resultOK))
	app.onlyEvent(t, b.post("/account/password", url.Values{"old": {"wrong"}, "new": {"another long password"}, "repeat": {"another long password"}}), byPerson(people.ActionPassword, "admin", "", resultRefused))
	app.onlyEvent(t, b.post("/account/password", url.Values{"old": {adminPassword}, "new": {"another long password"}, "repeat": {"another long password"}}), byPerson(people.ActionPassword, "admin", "", resultOK))
	app.onlyEvent(t, b.post("/account/sessions/none/end", nil), byPerson(people.ActionSessionEnd, "admin", "", resultRefused))
	app.onlyEvent(t, b.post("/logout", nil), byPerson(people.ActionSignOut, "admin", "", resultOK))
	stranger := app.browser(t, "X-Forwarded-For", hereAddress)
	for range 5 {
		app.onlyEvent(t, signIn(stranger, " NEWCOMER ", "wrong"), byNobodyKnown(people.ActionSignIn, newcomer, "", resultRefused))
	}
	app.onlyEvent(t, signIn(stranger, "newcomer", newcomerPassword), byNobodyKnown(people.ActionLockout, newcomer, "", resultRefused))
	app.onlyEvent(t, stranger.get("/login?once=x"), byNobodyKnown(people.ActionSignIn, "", "one-time link", resultRefused))
	app.later(time.Hour)
	app.db.set(func(m *memory) { m.storeErr = errUnavailableForTest })
	w := signIn(stranger, newcomer, newcomerPassword) // the session cannot be kept
	status(t, w, 503)
	app.onlyEvent(t, w, byNobodyKnown(people.ActionSignIn, newcomer, "", resultFailed))
}

func TestTheOneTimeLinkIsAudited(t *testing.T) {
	code, documents := firstStart()
	app := newTestApp(t, nil)
	app.know(t, documents)
	w := app.browser(t, "X-Forwarded-For", hereAddress).get("/login?once=" + code)
	leadsTo(t, w, "/")
	app.onlyEvent(t, w, people.Event{ActorKind: "person", Actor: "admin", Action: people.ActionSignIn, Target: "admin", Result: resultOK, Detail: "one-time link"})
}

// What strangers do again and again does not fill the log; nor does what devices ask for each hour.
func TestTheLogIsNotFilledByStrangersAndDevices(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	key, secret := app.enrolmentKey(t, "", 5)
	granted(t, app.ask("dev2?key="+secret), "dev2", true)
	if events := app.newEvents(t); len(events) != 1 || events[0].Detail != "by the key "+key.Name || events[0].Actor != "dev2" {
		t.Errorf("%+v", events)
	}
	for range 20 {
		granted(t, app.ask("dev1", "Authorization", "Token "+token), "dev1", false)
		granted(t, app.ask("dev2?key="+secret), "dev2", false)
		refused(t, app.ask("dev3"), 403, notEnrolledCode)
		status(t, app.writeAs(token, lines(1)), 204)
		status(t, app.browser(t).get("/api/devices"), 401)
	}
	if events := app.newEvents(t); len(events) != 0 {
		t.Errorf("%d events: %+v", len(events), events[0])
	}
	for i := range 200 { // from many addresses, for one would be locked
		status(t, app.browser(t, "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i)).get("/login?once=x"), 403)
	}
	if n := len(app.newEvents(t)); n < 60 || n > 61 { // with one for all that were too many
		t.Errorf("%d events", n)
	}
}

// No secret gets into the log, whatever is done.
func TestTheLogHoldsNoSecret(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	var secrets []string
	for _, row := range []struct {
		target, to string
		values     url.Values
	}{
		{"/people/new", "/people", url.Values{"username": {"ada"}, "role": {"viewer"}, "how": {"generate"}}},
		{"/people/newcomer/password", "/people/newcomer", nil},
		{"/keys/new", "/keys", url.Values{"name": {"report"}, "level": {"ADMIN"}, "days": {"0"}}},
		{"/enrolment/keys/new", "/enrolment", url.Values{"name": {"greenhouse"}, "most": {"5"}, "days": {"7"}}},
		{"/devices", "/devices", url.Values{"id": {"dev1"}}},
		{"/devices/dev1/rotate", "/devices/dev1", nil},
	} {
		leadsTo(t, b.post(row.target, row.values), row.to)
		_, secret := pageWithSecret(t, b.get(row.to))
		secrets = append(secrets, secret)
	}
	enrol := secrets[3]
	status(t, app.ask("dev2?key="+enrol), 200)
	status(t, app.ask("dev2", "Authorization", "Token "+secrets[2]), 200)
	status(t, b.post("/account/password", url.Values{"old": {adminPassword}, "new": {"another long password"}, "repeat": {"another long password"}}), 303)
	secrets = append(secrets, adminPassword, "another long password", testAPIKey, b.cookies[sessionName])
	page, file := app.do("GET", "/audit", "").Body.String(), app.do("GET", "/audit.csv", "").Body.String()
	for _, e := range app.newEvents(t) {
		for _, secret := range secrets {
			if text := strings.Join([]string{e.Actor, e.Target, e.Detail}, "\n"); strings.Contains(text, secret) {
				t.Errorf("%+v holds a secret", e)
			}
		}
	}
	for _, secret := range secrets {
		if strings.Contains(page, secret) || strings.Contains(file, secret) || strings.Contains(app.log.String(), secret) {
			t.Error("a page, the file or the program's log holds a secret")
		}
	}
}

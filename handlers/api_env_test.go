package handlers

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/people"
)

// Where the devices of these tests ask from.
const (
	hereAddress  = "203.0.113.1"
	otherAddress = "203.0.113.2"
)

// ask is a device that asks for its settings at hereAddress; target is an id, with a query behind it if needed.
func (a *testApp) ask(target string, headers ...string) *httptest.ResponseRecorder {
	return a.do("GET", "/api/env/"+target, "", append([]string{personHeader, "", "X-Forwarded-For", hereAddress}, headers...)...)
}

// granted checks that a device got its settings, and gives its token.
func granted(t *testing.T, w *httptest.ResponseRecorder, id devices.ID, created bool) string {
	t.Helper()
	status(t, w, 200)
	var env deviceEnvironment
	if err := json.Unmarshal(w.Body.Bytes(), &env); err != nil {
		t.Fatal(err)
	}
	if env.ID != id || env.NewlyRegistered != created || !strings.HasSuffix(env.InfluxToken, "-of-"+string(id)+"==") {
		t.Errorf("%+v", env)
	}
	return env.InfluxToken
}

// refused checks that a device got no settings.
func refused(t *testing.T, w *httptest.ResponseRecorder, code int, words string) {
	t.Helper()
	status(t, w, code)
	if !strings.Contains(w.Body.String(), words) || strings.Contains(w.Body.String(), "canary") {
		t.Errorf("%s, want %q", w.Body, words)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control %q", w.Header().Get("Cache-Control"))
	}
}

const notEnrolledCode = `"code":"not_enrolled"`

// enrolmentKey makes one for some devices.
func (a *testApp) enrolmentKey(t *testing.T, pattern string, most int) (devices.EnrolmentKey, string) {
	t.Helper()
	key, secret, err := a.Enrolment.MakeKey(t.Context(), devices.EnrolmentKey{Name: "greenhouse", Pattern: pattern, Most: most,
		CreatedBy: testOperator, ExpiresAt: a.Clock().Add(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return key, secret
}

// waiting is who waits for approval.
func (a *testApp) waiting(t *testing.T) []devices.Applicant {
	t.Helper()
	list, err := a.Enrolment.Waiting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// approve lets a device in by the click of an operator.
func (a *testApp) approve(t *testing.T, id devices.ID, address string) {
	t.Helper()
	leadsTo(t, a.post("/enrolment/inbox/approve", url.Values{"id": {string(id)}, "address": {address}}, personHeader, testOperator), "/enrolment")
}

func (a *testApp) devicesNow(t *testing.T) int {
	t.Helper()
	n, err := a.Registry.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEnvByTheDevicesOwnToken(t *testing.T) {
	app := newTestApp(t, nil)
	token, other := app.register(t, "dev1"), app.register(t, "dev2")
	for _, header := range []string{"Token " + token, "Bearer " + token, "Token token=" + token} {
		if got := granted(t, app.ask("dev1", "Authorization", header), "dev1", false); got != token {
			t.Errorf("another token: %s", got)
		}
	}
	refused(t, app.ask("dev1", "Authorization", "Token "+other), 403, "This token is another device's.")
	refused(t, app.ask("dev3?register=true", "Authorization", "Token "+token), 403, "This token is another device's.")
	refused(t, app.ask("dev1", "Authorization", "Token "+token+"x"), 401, `"code":"unauthorized"`)
	if err := app.Registry.Unregister(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	refused(t, app.ask("dev1?register=true", "Authorization", "Token "+token), 401, `"code":"unauthorized"`)
	if app.devicesNow(t) != 1 || len(app.waiting(t)) != 0 {
		t.Error("a token registered a device, or put one into the inbox")
	}
}

// During a rotation the former token fetches the new one; once the device has used that, the former is of no use.
func TestEnvDuringARotation(t *testing.T) {
	app := newTestApp(t, nil)
	former := app.register(t, "dev1")
	app.later(time.Minute)
	_, next, err := app.Registry.Rotate(t.Context(), "dev1")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := granted(t, app.ask("dev1", "Authorization", "Token "+former), "dev1", false); got != next || got == former {
			t.Errorf("got %q, want %q", got, next)
		}
	}
	status(t, app.writeAs(former, lines(1)), 204) // no gap
	if got := granted(t, app.ask("dev1", "Authorization", "Token "+next), "dev1", false); got != next {
		t.Errorf("got %q, want %q", got, next)
	}
	status(t, app.writeAs(next, lines(1)), 204)
	app.later(devices.RotationDeadline)
	refused(t, app.ask("dev1", "Authorization", "Token "+former), 401, `"code":"unauthorized"`)
	granted(t, app.ask("dev1", "Authorization", "Token "+next), "dev1", false)
}

func TestEnvByAnAdminKey(t *testing.T) {
	app := newTestApp(t, nil)
	_, made := app.key(t, people.Administer)
	for i, secret := range []string{testAPIKey, made} {
		id := devices.ID(fmt.Sprintf("dev%d", i))
		header := []string{"Authorization", "Bearer " + secret}
		refused(t, app.ask(string(id), header...), 403, notEnrolledCode)
		refused(t, app.ask(string(id)+"?register=false", header...), 403, notEnrolledCode)
		first := granted(t, app.ask(string(id)+"?register=true", header...), id, true)
		for _, query := range []string{"", "?register=true", "?register=false"} {
			if got := granted(t, app.ask(string(id)+query, header...), id, false); got != first {
				t.Errorf("%s: another token", query)
			}
		}
	}
	_, technical := app.key(t, people.Technical)
	refused(t, app.ask("dev0", "Authorization", "Bearer "+technical), 403, "The level of this API key does not allow this.")
	refused(t, app.ask("dev9?register=true", "Authorization", "Bearer "+technical), 403, "The level of this API key does not allow this.")
	refused(t, app.ask("dev1?register=perhaps", "Authorization", "Bearer "+testAPIKey), 400, `"field":"register"`)
	refused(t, app.ask("dev1?key="+testAPIKey), 403, notEnrolledCode) // in the address only enrolment keys are looked for
	if app.devicesNow(t) != 2 || len(app.waiting(t)) != 0 {
		t.Errorf("%d devices, waiting %v", app.devicesNow(t), app.waiting(t))
	}
}

// An enrolment key registers a device, and goes on to give that device its token: the reference's client asks again each
// hour with nothing but the key in the address.
func TestEnvByAnEnrolmentKey(t *testing.T) {
	app := newTestApp(t, nil)
	key, secret := app.enrolmentKey(t, "", 4)
	for i, by := range []struct {
		query   string
		headers []string
	}{
		{"?key=" + secret, nil},
		{"", []string{"Authorization", "Token " + secret}},
		{"", []string{"Authorization", "Bearer " + secret}},
		{"?register=true", []string{"Authorization", "Token token=" + secret}},
	} {
		id := devices.ID(fmt.Sprintf("dev%d", i))
		token := granted(t, app.ask(string(id)+by.query, by.headers...), id, true)
		app.later(time.Hour)
		if got := granted(t, app.ask(string(id)+by.query, by.headers...), id, false); got != token {
			t.Errorf("%d: another token an hour later", i)
		}
		if d, err := app.Registry.Get(t.Context(), id); err != nil || d.EnrolledBy != key.ID {
			t.Errorf("%+v, %v", d, err)
		}
	}
	refused(t, app.ask("dev5?key="+secret), 403, notEnrolledCode) // four devices are enough
	app.later(24 * time.Hour)
	granted(t, app.ask("dev1?key="+secret), "dev1", false) // after its end too
	if strings.Contains(app.log.String(), secret) {
		t.Error("the key is in the log")
	}
}

func TestEnvByAnEnrolmentKeyThatDoesNotFit(t *testing.T) {
	prepare := func(t *testing.T) (*testApp, devices.EnrolmentKey, string) {
		app := newTestApp(t, nil)
		app.register(t, "greenhouse-known")
		key, secret := app.enrolmentKey(t, "greenhouse-*", 1)
		return app, key, secret
	}
	revoke := func(t *testing.T, app *testApp, key devices.EnrolmentKey) {
		leadsTo(t, app.post("/enrolment/keys/"+key.ID+"/revoke", nil, personHeader, testOperator), "/enrolment")
	}
	for _, row := range []struct {
		name   string
		change func(*testing.T, *testApp, devices.EnrolmentKey)
		target string // KEY is the key
	}{
		{"expired", func(_ *testing.T, app *testApp, _ devices.EnrolmentKey) { app.later(24 * time.Hour) }, "greenhouse-1?key=KEY"},
		{"revoked", revoke, "greenhouse-1?key=KEY"},
		{"used up", func(t *testing.T, app *testApp, _ devices.EnrolmentKey) {
			_, secret := app.enrolmentKey(t, "", 1)
			granted(t, app.ask("greenhouse-2?key="+secret), "greenhouse-2", true)
		}, "greenhouse-2?key=KEY"},
		{"wrong", nil, "greenhouse-1?key=KEYx"},
		{"without its beginning", nil, "greenhouse-1?key=x"},
		{"very long", nil, "greenhouse-1?key=KEY" + strings.Repeat("x", maxSecret)},
		{"another pattern", nil, "cellar-1?key=KEY"},
		{"a device that it did not enrol", nil, "greenhouse-known?key=KEY"},
		{"it is not to register", nil, "greenhouse-1?key=KEY&register=false"},
	} {
		t.Run(row.name, func(t *testing.T) {
			app, key, secret := prepare(t)
			if row.change != nil {
				row.change(t, app, key)
			}
			before := app.devicesNow(t)
			id, query, _ := strings.Cut(strings.ReplaceAll(row.target, "KEY", secret), "?")
			refused(t, app.ask(id+"?"+query), 403, notEnrolledCode)
			if key := strings.TrimPrefix(query, "key="); !strings.Contains(key, "&") && strings.HasPrefix(key, devices.EnrolmentPrefix) {
				refused(t, app.ask(id, "Authorization", "Bearer "+key), 403, notEnrolledCode)
			}
			if app.devicesNow(t) != before {
				t.Error("a device was registered")
			}
		})
	}
	t.Run("revoked for a device that it enrolled", func(t *testing.T) {
		app, key, secret := prepare(t)
		granted(t, app.ask("greenhouse-1?key="+secret), "greenhouse-1", true)
		revoke(t, app, key)
		refused(t, app.ask("greenhouse-1?key="+secret), 403, notEnrolledCode)
	})
	t.Run("removed device", func(t *testing.T) {
		app, _, secret := prepare(t)
		granted(t, app.ask("greenhouse-1?key="+secret), "greenhouse-1", true)
		if err := app.Registry.Unregister(t.Context(), "greenhouse-1"); err != nil {
			t.Fatal(err)
		}
		refused(t, app.ask("greenhouse-1?key="+secret), 403, notEnrolledCode)
	})
}

func TestEnvInTheWindow(t *testing.T) {
	app := newTestApp(t, nil)
	known := app.register(t, "known")
	leadsTo(t, app.post("/enrolment/open", url.Values{"minutes": {"10"}}, personHeader, testOperator), "/enrolment")
	granted(t, app.ask("dev1"), "dev1", true)
	refused(t, app.ask("dev1"), 403, notEnrolledCode) // once: from now on it is a known device
	granted(t, app.ask("dev2?register=true"), "dev2", true)
	refused(t, app.ask("dev3?register=false"), 403, notEnrolledCode)
	refused(t, app.ask("known"), 403, notEnrolledCode) // it waits for a person to decide
	list := app.waiting(t)
	ids := []devices.ID{}
	for _, a := range list {
		if ids = append(ids, a.ID); !a.Known {
			t.Errorf("%+v", a)
		}
	}
	if slices.Sort(ids); fmt.Sprint(ids) != "[dev1 known]" {
		t.Errorf("waiting: %v", ids)
	}
	// Approving it gives it a new token; the former one works on until the new one is used.
	app.approve(t, "known", hereAddress)
	if got := granted(t, app.ask("known"), "known", false); got == known {
		t.Error("the token is the old one")
	}
	status(t, app.writeAs(known, lines(1)), 204)

	app.later(10*time.Minute - time.Second)
	granted(t, app.ask("dev4"), "dev4", true)
	app.later(time.Second)
	refused(t, app.ask("dev5"), 403, notEnrolledCode)
	status(t, app.post("/enrolment/open", url.Values{"minutes": {"10"}}, personHeader, testOperator), 303)
	leadsTo(t, app.post("/enrolment/close", nil, personHeader, testOperator), "/enrolment")
	refused(t, app.ask("dev6"), 403, notEnrolledCode)
}

func TestEnvByApproval(t *testing.T) {
	app := newTestApp(t, nil)
	for range 3 {
		refused(t, app.ask("dev1"), 403, notEnrolledCode)
		app.later(time.Second)
	}
	refused(t, app.ask("dev1", "X-Forwarded-For", otherAddress), 403, notEnrolledCode)
	app.approve(t, "dev1", hereAddress)
	refused(t, app.ask("dev1", "X-Forwarded-For", otherAddress), 403, notEnrolledCode) // it was seen elsewhere
	refused(t, app.ask("dev2"), 403, notEnrolledCode)                                  // and is another one
	refused(t, app.ask("dev1?register=false"), 403, notEnrolledCode)                   // which uses nothing up
	status(t, app.do("HEAD", "/api/env/dev1", "", personHeader, "", "X-Forwarded-For", hereAddress), 401)
	refused(t, app.ask("dev1", "Sec-Fetch-Site", "cross-site"), 403, `"code":"cross_site"`)
	token := granted(t, app.ask("dev1"), "dev1", true)
	refused(t, app.ask("dev1"), 403, notEnrolledCode) // once
	if got := granted(t, app.ask("dev1", "Authorization", "Token "+token), "dev1", false); got != token {
		t.Error("another token")
	}

	refused(t, app.ask("dev3"), 403, notEnrolledCode)
	app.approve(t, "dev3", hereAddress)
	app.later(devices.ApprovalLife)
	refused(t, app.ask("dev3"), 403, notEnrolledCode) // it came too late
	if app.devicesNow(t) != 1 {
		t.Errorf("%d devices", app.devicesNow(t))
	}
}

// A device that a stranger's address asks for is approved for the address that the operator saw, not for one that the
// device claims.
func TestEnvApprovalDoesNotBelieveForgedAddresses(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	refused(t, app.ask("dev1"), 403, notEnrolledCode)
	if list := app.waiting(t); len(list) != 1 || list[0].Address != "192.0.2.1" {
		t.Errorf("%+v", list)
	}
}

// Who asks without a credential is noted: an unknown device with address, times and count; a known one, outside of a
// window, not at all.
func TestEnvInbox(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "known")
	for range 3 {
		refused(t, app.ask("dev1"), 403, notEnrolledCode)
		app.later(time.Minute)
	}
	refused(t, app.ask("known"), 403, notEnrolledCode)
	refused(t, app.ask("dev2?register=false"), 403, notEnrolledCode) // it does not want to be registered
	refused(t, app.ask("dev1", "X-Forwarded-For", otherAddress), 403, notEnrolledCode)
	refused(t, app.ask("-dev"), 400, `"code":"invalid_id"`)
	refused(t, app.ask("dev3", "Sec-Fetch-Site", "same-site"), 403, `"code":"cross_site"`)
	want := []devices.Applicant{
		{ID: "dev1", Address: otherAddress, First: testNow.Add(3 * time.Minute), Last: testNow.Add(3 * time.Minute), Count: 1},
		{ID: "dev1", Address: hereAddress, First: testNow, Last: testNow.Add(2 * time.Minute), Count: 3},
	}
	if got := app.waiting(t); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	leadsTo(t, app.post("/enrolment/inbox/dismiss", url.Values{"id": {"dev1"}, "address": {hereAddress}}, personHeader, testOperator), "/enrolment")
	if got := app.waiting(t); !slices.Equal(got, want[:1]) {
		t.Errorf("after the dismissal %+v", got)
	}
	if app.devicesNow(t) != 1 {
		t.Error("a device was registered")
	}
}

// Whether an id is registered, suspended or unknown is nothing that the answer tells.
func TestEnvTellsStrangersNothing(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev-a")
	app.register(t, "dev-b")
	if _, err := app.Registry.Suspend(t.Context(), "dev-b"); err != nil {
		t.Fatal(err)
	}
	for _, open := range []bool{false, true} {
		if open {
			if err := app.Enrolment.Open(t.Context(), testOperator, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		for _, query := range []string{"?register=false", "?register=false&key=x", "?register=false&key=" + devices.EnrolmentPrefix + strings.Repeat("x", 43)} {
			var first string
			for _, id := range []string{"dev-a", "dev-b", "dev-c"} {
				w := app.ask(id + query)
				status(t, w, 403)
				text := strings.NewReplacer(id, "ID", w.Header().Get("X-Request-Id"), "REQUEST").Replace(w.Body.String())
				if first == "" {
					first = text
				}
				if text != first || !strings.Contains(text, `"registered":false`) {
					t.Errorf("open %v: %s%s: %s, but %s", open, id, query, text, first)
				}
			}
		}
	}
}

// A suspended device is told so, if it proves that it is the device.
func TestEnvOfASuspendedDevice(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	_, secret := app.enrolmentKey(t, "", 1)
	granted(t, app.ask("dev2?key="+secret), "dev2", true)
	for _, id := range []string{"dev1", "dev2"} {
		status(t, app.post("/devices/"+id+"/suspend", nil, personHeader, testOperator), 303)
	}
	refused(t, app.ask("dev1", "Authorization", "Token "+token), 403, "suspended")
	refused(t, app.ask("dev1", "Authorization", "Token "+testAPIKey), 403, "Device dev1 is suspended.")
	refused(t, app.ask("dev2?key="+secret), 403, "Device dev2 is suspended.")
	refused(t, app.ask("dev1"), 403, notEnrolledCode)
	if app.writeAs(token, lines(1)).Code != 403 {
		t.Error("it writes")
	}
	for _, id := range []string{"dev1", "dev2"} {
		status(t, app.post("/devices/"+id+"/resume", nil, personHeader, testOperator), 303)
	}
	granted(t, app.ask("dev1", "Authorization", "Token "+token), "dev1", false)
	granted(t, app.ask("dev2?key="+secret), "dev2", false)
}

// A person's session is no credential of a device.
func TestEnvByAPerson(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev1")
	for _, person := range []string{testViewer, testOperator, testAdmin} {
		refused(t, app.ask("dev1", personHeader, person), 403, notEnrolledCode)
	}
	for _, site := range []string{"cross-site", "same-site"} {
		refused(t, app.ask("dev1", "Sec-Fetch-Site", site), 403, `"code":"cross_site"`)
	}
}

// Whatever stands in an address where a device's id does: it is an id or it is none, and nothing breaks.
func FuzzDeviceIDPath(f *testing.F) {
	for _, seed := range []string{"dev1", "new", "virtual_device", "..", "../..", "a/b", "%2e%2e", "-x", "", "a\x00b", "a\r\nSet-Cookie: x=y", "<script>", "дев", "dev1/remove", strings.Repeat("x", 65), ".", "a%2Fb", "a\\b", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if len(id) > 1000 {
			return
		}
		app := newTestApp(t, nil)
		path := "/" + url.PathEscape(id)
		_, problem := devices.ParseID(id)
		for target, known := range map[string]int{"/api/env" + path: 403, "/devices" + path: 404, "/dashboard" + path: 404} {
			w := app.do("GET", target, "")
			switch {
			case w.Code >= 500:
				t.Errorf("%q: %d %s", target, w.Code, w.Body)
			case w.Code == 301: // the path is cleaned
			case problem == nil && w.Code != known && id != "new" && id != string(devices.VirtualDevice):
				t.Errorf("%q: %d, want %d", target, w.Code, known)
			case problem != nil && w.Code < 400 && id != "":
				t.Errorf("%q: %d for what is no id", target, w.Code)
			}
			if len(w.Result().Cookies()) > 0 || strings.Contains(w.Body.String(), "<script>") {
				t.Errorf("%q: %v %s", target, w.Header(), w.Body)
			}
		}
		if list, err := app.Enrolment.Waiting(t.Context()); err != nil || len(list) > 0 && (problem != nil || list[0].ID != devices.ID(id)) {
			t.Errorf("%q: waiting %v, %v", id, list, err)
		}
	})
}

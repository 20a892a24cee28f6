package handlers

import (
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"iotcenter/ledger"
	"iotcenter/people"
)

func TestSignIn(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	doc := pageOf(t, b.get("/login?next=%2Fdevices%3Fpage%3D2"), 200)
	has(t, doc, `form[method=post][action="/login"] input[name=username]:not([value*=a])`, 1)
	has(t, doc, `form[action="/login"] input[name=password][type=password]:not([value])`, 1)
	has(t, doc, `form[action="/login"] input[name=next][value="/devices?page=2"]`, 1)
	has(t, doc, "nav, .side, [data-database]", 0)

	leadsTo(t, b.post("/login", url.Values{"username": {" Admin "}, "password": {adminPassword}, "next": {"/devices?page=2"}}), "/devices?page=2")
	doc = pageOf(t, b.get("/account"), 200)
	says(t, doc, "section dl", "admin")
	leadsTo(t, b.get("/login?next=/about"), "/about") // who is signed in need not do it again
	sessions := app.People.Sessions("admin")
	if len(sessions) != 1 || sessions[0].Address != "192.0.2.1" {
		t.Errorf("sessions %+v", sessions)
	}
}

// offSite are addresses that a browser would take for another site's, or that are none at all.
var offSite = map[string]string{
	"two slashes":             "//evil.example",
	"three slashes":           "///evil.example",
	"a backslash":             `/\evil.example`,
	"a backslash later":       `/x\..\..\evil.example`,
	"two backslashes":         `\\evil.example`,
	"https":                   "https://evil.example",
	"without a colon's slash": "https:evil.example",
	"a script":                "javascript:alert(1)",
	"a script in capitals":    "JaVaScRiPt:alert(1)",
	"data":                    "data:text/html,<script>alert(1)</script>",
	"a tab":                   "/\t/evil.example",
	"a line break":            "/\n/evil.example",
	"a carriage return":       "/\r/evil.example",
	"a header":                "/a\r\nSet-Cookie: x=y",
	"a zero":                  "/\x00/evil.example",
	"a space before":          " //evil.example",
	"another path":            "devices",
	"encoded twice":           "%2F%2Fevil.example",
	"a backslash twice":       "%2F%5Cevil.example",
	"a user":                  "@evil.example",
	"nothing":                 "",
}

// Whatever the form or the link says, a person who signed in is still on this site.
func TestNoOpenRedirectAfterSignIn(t *testing.T) {
	app := newTestApp(t, nil)
	for name, next := range offSite {
		t.Run(name, func(t *testing.T) {
			link := "/login?next=" + url.QueryEscape(next)
			doc := pageOf(t, app.browser(t).get(link), 200)
			if got := doc.Find("input[name=next]").AttrOr("value", "?"); got != "/" {
				t.Errorf("the form leads to %q", got)
			}
			leadsTo(t, app.of(t, testViewer).get(link), "/")
			leadsTo(t, app.of(t, testViewer).post("/theme", url.Values{"theme": {"dark"}, "back": {next}}), "/")
			if next != "" {
				leadsTo(t, app.of(t, testOperator).post("/enrolment/close", url.Values{"back": {next}}), "/")
			}
		})
	}
	app.know(t, passwordDocuments())
	for _, next := range []string{"//evil.example", `/\evil.example`, "https://evil.example", "/\t/evil.example"} {
		leadsTo(t, app.browser(t).post("/login", url.Values{"username": {"admin"}, "password": {adminPassword}, "next": {next}}), "/")
	}
	for _, next := range []string{"/", "/devices/new?device", "/dashboard/a%2Fb?x=//y", "/%2Fevil.example"} {
		w := app.of(t, testViewer).get("/login?next=" + url.QueryEscape(next))
		leadsTo(t, w, next)
		base := &url.URL{Scheme: "http", Host: "example.com", Path: "/login"}
		if to, err := base.Parse(w.Header().Get("Location")); err != nil || to.Host != "example.com" {
			t.Errorf("%q leads to %v, %v", next, to, err)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	app := newPasswordApp(t, nil)
	for name, form := range map[string]url.Values{
		"wrong":        {"username": {"admin"}, "password": {"typed-secret-1"}, "next": {"/devices"}},
		"nobody":       {"username": {"<img src=x onerror=alert(1)>"}, "password": {"typed-secret-1"}, "next": {"/devices"}},
		"no password":  {"username": {testAdmin}, "password": {"typed-secret-1"}, "next": {"/devices"}}, // a proxy signs this one in
		"empty":        {"username": {testAdmin}, "password": {""}, "next": {"/devices"}},
		"name in both": {"username": {"newcomer"}, "password": {"NEWCOMER"}, "next": {"/devices"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := app.browser(t)
			w := b.post("/login", form)
			doc := pageOf(t, w, 401)
			if got := doc.Find("input[name=username]").AttrOr("value", "?"); got != form.Get("username") {
				t.Errorf("the name is %q", got)
			}
			has(t, doc, "input[name=password][aria-invalid=true][aria-describedby=sign-in-problem]:not([value])", 1)
			has(t, doc, `input[name=next][value="/devices"]`, 1)
			says(t, doc, "#sign-in-problem", "User name or password is wrong.")
			if typed := form.Get("password"); typed != "" && strings.Contains(w.Body.String(), typed) {
				t.Error("the password stands on the page")
			}
			if b.signedIn() || strings.Contains(app.log.String(), "typed-secret") {
				t.Error("signed in, or the password is in the log")
			}
		})
	}
	status(t, app.do("POST", "/login", "username=%zz", personHeader, "", "Content-Type", "application/x-www-form-urlencoded"), 400)
	status(t, app.browser(t).post("/login?username=admin&password="+url.QueryEscape(adminPassword), nil), 401) // an address is no form
}

// tooManyFailures checks a 429 of the sign-in form.
func tooManyFailures(t *testing.T, w *httptest.ResponseRecorder, seconds int) {
	t.Helper()
	doc := pageOf(t, w, 429)
	if got, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || got != seconds {
		t.Errorf("Retry-After %q, want %d", w.Header().Get("Retry-After"), seconds)
	}
	says(t, doc, "#sign-in-problem", "There were too many failures. Try again in ")
}

func TestAnAccountIsLockedAfterFiveFailures(t *testing.T) {
	app := newPasswordApp(t, nil)
	right := url.Values{"username": {"admin"}, "password": {adminPassword}}
	wrong := url.Values{"username": {"ADMIN"}, "password": {"wrong"}}
	for range 5 {
		status(t, app.browser(t, "X-Forwarded-For", "203.0.113.1").post("/login", wrong), 401)
	}
	tooManyFailures(t, app.browser(t).post("/login", wrong), 60)
	tooManyFailures(t, app.browser(t, "X-Forwarded-For", "203.0.113.2").post("/login", right), 60) // from anywhere
	app.browser(t, "X-Forwarded-For", "203.0.113.1").signIn(newcomer, newcomerPassword)            // another account is not
	app.db.set(func(m *memory) { m.now = m.now.Add(time.Minute) })
	app.browser(t).signIn("admin", adminPassword)
}

func TestAnAddressIsLockedAfterTwentyFailures(t *testing.T) {
	app := newPasswordApp(t, nil)
	for i := range 20 {
		status(t, app.browser(t, "X-Forwarded-For", "203.0.113.1").post("/login", url.Values{"username": {"guess-" + strconv.Itoa(i)}, "password": {"x"}}), 401)
	}
	tooManyFailures(t, app.browser(t, "X-Forwarded-For", "203.0.113.1").post("/login", url.Values{"username": {"admin"}, "password": {adminPassword}}), 15*60)
	app.browser(t, "X-Forwarded-For", "203.0.113.2").signIn("admin", adminPassword)
}

func TestOneTimeLink(t *testing.T) {
	code, documents := firstStart()
	link := "/login?once=" + code
	refused := func(t *testing.T, w *httptest.ResponseRecorder) {
		t.Helper()
		doc := pageOf(t, w, 403)
		says(t, doc, "[role=status]", "This link has been used, or has run out.")
		if strings.Contains(w.Body.String(), code) {
			t.Error("the code stands on the page")
		}
	}
	fresh := func(t *testing.T) *testApp {
		app := newTestApp(t, nil)
		app.know(t, documents)
		return app
	}
	t.Run("signs in once", func(t *testing.T) {
		app := fresh(t)
		first, second := app.browser(t), app.browser(t)
		leadsTo(t, first.get(link+"&next=//evil.example"), "/")
		if !first.signedIn() {
			t.Error("not signed in")
		}
		refused(t, second.get(link))
		if second.signedIn() || !first.signedIn() {
			t.Error("the second use changed something")
		}
		if log := app.log.String(); strings.Contains(log, code) {
			t.Error("the code is in the log")
		}
		says(t, pageOf(t, first.get("/account"), 200), ".flash.info", "Your password was generated at the first start")
	})
	t.Run("is not used up by a look ahead", func(t *testing.T) {
		app := fresh(t)
		b := app.browser(t)
		status(t, b.do("HEAD", link, ""), 200)
		status(t, b.get(link, "Sec-Purpose", "prefetch"), 200)
		status(t, b.get(link, "Sec-Purpose", "prefetch;prerender"), 200)
		if len(b.cookies) != 0 {
			t.Errorf("cookies %v", b.cookies)
		}
		leadsTo(t, b.get(link), "/")
	})
	t.Run("runs out", func(t *testing.T) {
		app := fresh(t)
		app.db.set(func(m *memory) { m.now = m.now.Add(time.Hour) })
		refused(t, app.browser(t).get(link))
	})
	t.Run("cannot be guessed for long", func(t *testing.T) {
		app := fresh(t)
		for range 20 {
			refused(t, app.browser(t).get("/login?once="+strings.Repeat("A", len(code))))
		}
		tooManyFailures(t, app.browser(t).get(link), 15*60)
		leadsTo(t, app.browser(t, "X-Forwarded-For", "203.0.113.2").get(link), "/")
	})
}

func TestStrangersAreSentToTheSignInPage(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev1")
	for _, row := range []struct {
		name, method, target string
		headers              []string
		status               int
		location             string
	}{
		{"home", "GET", "/", nil, 303, "/login"},
		{"a page", "GET", "/devices?page=2&q=a+b", nil, 303, "/login?next=%2Fdevices%3Fpage%3D2%26q%3Da%2Bb"},
		{"a page by HEAD", "HEAD", "/devices", nil, 303, "/login?next=%2Fdevices"},
		{"a page by a browser", "GET", "/devices", []string{"Sec-Fetch-Mode", "navigate"}, 303, "/login?next=%2Fdevices"},
		{"a page by a script", "GET", "/devices", []string{"Sec-Fetch-Mode", "cors"}, 401, ""},
		{"a page by a script of the same site", "GET", "/devices", []string{"Sec-Fetch-Mode", "same-origin"}, 401, ""},
		{"a form", "POST", "/devices", nil, 303, "/login"},
		{"a form by a script", "POST", "/devices", []string{"Sec-Fetch-Mode", "cors"}, 401, ""},
		{"a long address", "GET", "/devices?q=" + strings.Repeat("x", 1000), nil, 303, "/login"},
		{"a page with a device's token", "GET", "/devices", []string{"Authorization", "Token x"}, 303, "/login?next=%2Fdevices"},
		{"data of a page", "GET", "/virtual/events", nil, 303, "/login?next=%2Fvirtual%2Fevents"},
		{"a cookie that is none", "GET", "/devices", []string{"Cookie", sessionName + "=x"}, 303, "/login?next=%2Fdevices"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := app.browser(t).do(row.method, row.target, "", row.headers...)
			status(t, w, row.status)
			if got := w.Header().Get("Location"); got != row.location {
				t.Errorf("leads to %q, want %q", got, row.location)
			}
			if strings.Contains(w.Body.String(), "dev1") {
				t.Errorf("it tells of the fleet: %s", w.Body)
			}
		})
	}
}

func TestStrangersGetNothingOfTheAPI(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev1")
	for _, row := range [][2]string{{"GET", "/api/devices"}, {"POST", "/api/devices/dev1"}, {"DELETE", "/api/devices/dev1"}, {"GET", "/api/devices/dev1/series"},
		{"GET", "/api/gpxVirtual"}, {"POST", "/api/devices/dev1/backfill"}, {"GET", "/metrics"}} {
		w := app.browser(t).do(row[0], row[1], "")
		status(t, w, 401)
		if got := w.Header().Get("WWW-Authenticate"); got != `Bearer realm="IoT Center"` {
			t.Errorf("%v: WWW-Authenticate %q", row, got)
		}
		if !strings.Contains(w.Body.String(), `"code":"unauthorized"`) || strings.Contains(w.Body.String(), "dev1") {
			t.Errorf("%v: %s", row, w.Body)
		}
	}
}

// What there is, and what there is not, looks the same to a stranger.
func TestUnmatchedPathsTellStrangersNothing(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev1")
	for _, row := range []struct{ method, there, none string }{
		{"GET", "/devices/dev1", "/devices/dev2"},
		{"GET", "/people", "/no/such/page"},
		{"GET", "/devices/dev1/remove", "/devices/dev1/no-such-page"},
		{"PATCH", "/people", "/no/such/page"},
		{"GET", "/api/devices", "/api/none"},
		{"DELETE", "/api/devices/dev1", "/api/devices/dev2"},
		{"PATCH", "/api/devices", "/api/none"},
		{"HEAD", "/api/env/dev1", "/api/none"},
	} {
		there, none := app.browser(t).do(row.method, row.there, ""), app.browser(t).do(row.method, row.none, "")
		text := func(w *httptest.ResponseRecorder, path string) string {
			w.Header().Del("X-Request-Id")
			at := w.Header().Get("Location")
			w.Header().Set("Location", strings.ReplaceAll(at, url.QueryEscape(path), "PATH"))
			body, _, _ := strings.Cut(w.Body.String(), `"request_id"`)
			return strings.ReplaceAll(body, path, "PATH")
		}
		a, b := text(there, row.there), text(none, row.none)
		if there.Code != none.Code || there.Code != 303 && there.Code != 401 || a != b {
			t.Errorf("%s %s: %d %s; %s: %d %s", row.method, row.there, there.Code, a, row.none, none.Code, b)
		}
		for name := range there.Header() {
			if got, want := there.Header().Get(name), none.Header().Get(name); got != want {
				t.Errorf("%s %s: %s: %q, but %q", row.method, row.there, name, got, want)
			}
		}
		if there.Header().Get("Allow") != "" {
			t.Errorf("%s %s: the methods are told", row.method, row.there)
		}
	}
}

// Whoever signs in with a password that somebody else chose changes it before anything else.
func TestMustChangeComesBeforeAnythingElse(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	b.signIn(newcomer, newcomerPassword)
	for _, target := range []string{"/", "/devices", "/dashboard", "/virtual", "/devices/none"} {
		leadsTo(t, b.get(target), "/account")
	}
	status(t, b.get("/devices", "Sec-Fetch-Mode", "cors"), 403)
	w := b.get("/api/devices")
	status(t, w, 403)
	if !strings.Contains(w.Body.String(), `"code":"password_change_needed"`) {
		t.Errorf("%s", w.Body)
	}
	doc := pageOf(t, b.get("/account"), 200)
	has(t, doc, `nav a:not([href="/account"]), a[href="/devices"]`, 0)
	says(t, doc, ".flash.warn", "Choose a password of your own first.")

	w = b.post("/account/password", url.Values{"old": {newcomerPassword}, "new": {"a password of my own"}, "repeat": {"a password of my own"}})
	says(t, pageOf(t, b.next(w), 200), ".flash.ok", "Your password is changed.")
	status(t, b.get("/devices"), 200)
	status(t, b.get("/api/devices"), 200)
}

// While the accounts are not loaded, nobody can be told from anybody: it is no wrong password, and no stranger.
func TestSignInWhileTheDatabaseIsAway(t *testing.T) {
	app := newPasswordApp(t, nil)
	app.db.away()
	app.db.set(func(m *memory) { m.now = m.now.Add(time.Minute) })
	w := app.browser(t).post("/login", url.Values{"username": {"admin"}, "password": {adminPassword}})
	pageOf(t, w, 503)
	if w.Header().Get("Retry-After") == "" || len(w.Result().Cookies()) != 0 {
		t.Errorf("%v", w.Header())
	}
	has(t, pageOf(t, app.browser(t).get("/login"), 200), "button[type=submit]:not([disabled])", 0)
}

func TestReadinessNeedsSomebodyWhoCanSignIn(t *testing.T) {
	shared := ledger.New(ledger.Options{Store: newMemory()})
	nobody, err := people.NewDirectory(people.Options{Ledger: shared, Secret: testPeopleSecret})
	if err != nil {
		t.Fatal(err)
	}
	app := newTestApp(t, func(o *Options) { o.People = nobody })
	status(t, app.browser(t).get("/readyz"), 503) // the accounts are not read yet
	if err := shared.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	status(t, app.browser(t).get("/readyz"), 503) // there is none
	if _, err := nobody.AddAccount(t.Context(), "", "ada", people.Viewer, "", true); err != nil {
		t.Fatal(err)
	}
	status(t, app.browser(t).get("/readyz"), 200)
}

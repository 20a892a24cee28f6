package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/people"
	"iotcenter/views"
)

// later moves the app's clock.
func (a *testApp) later(d time.Duration) {
	a.db.set(func(m *memory) { m.now = m.now.Add(d) })
}

// sessionCookie is the one that an answer sets.
func sessionCookie(t *testing.T, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	var found *http.Cookie
	for _, c := range w.Result().Cookies() {
		if strings.HasSuffix(c.Name, sessionName) {
			if found != nil {
				t.Fatalf("the session has two cookies: %v", w.Result().Cookies())
			}
			found = c
		}
	}
	if found == nil {
		t.Fatalf("cookies %v", w.Result().Cookies())
	}
	return found
}

func TestSessionCookieAttributes(t *testing.T) {
	form := url.Values{"username": {"admin"}, "password": {adminPassword}}
	for _, row := range []struct {
		name, site string
		change     func(*Options)
		headers    []string
		cookie     string
		secure     bool
	}{
		{"plain", "", nil, nil, "iot_center", false},
		{"TLS here", "https://example.com", nil, nil, "__Host-iot_center", true},
		{"TLS at the proxy", "", nil, []string{"X-Forwarded-Proto", "https"}, "__Host-iot_center", true},
		{"TLS as the public address says", "", func(o *Options) { o.PublicURL = "https://iot.example.org" }, nil, "__Host-iot_center", true},
		{"forged by a stranger", "", func(o *Options) { o.TrustedProxies = nil }, []string{"X-Forwarded-Proto", "https"}, "iot_center", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			app := newPasswordApp(t, row.change)
			b := app.browser(t, row.headers...)
			b.site = row.site
			w := b.post("/login", form)
			leadsTo(t, w, "/")
			c := sessionCookie(t, w)
			if c.Name != row.cookie || c.Secure != row.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || !c.Expires.IsZero() {
				t.Errorf("%+v", c)
			}
			if !b.signedIn() {
				t.Error("not signed in")
			}
			if strings.Contains(c.Value, "admin") {
				t.Error("the cookie can be read")
			}
		})
	}
}

// Over TLS a cookie that another host of the domain could have set is not looked at.
func TestCookieWithoutHostPrefixIsOfNoUseOverTLS(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	b.site = "https://example.com"
	if b.signedIn() {
		t.Error("signed in over TLS by a cookie of plain HTTP")
	}
	b.cookies[hostPrefix+sessionName] = b.cookies[sessionName]
	if b.signedIn() {
		t.Error("a cookie holds under another name")
	}
}

// Fixation: a cookie that somebody planted before the sign-in is of no use to them afterwards, and nothing of it goes
// over into the session.
func TestSessionIsNewAtEachSignIn(t *testing.T) {
	app := newPasswordApp(t, nil)
	attacker := app.browser(t)
	attacker.signIn(newcomer, newcomerPassword)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", sessionName+"="+attacker.cookies[sessionName])
	w := httptest.NewRecorder()
	app.flash(w, r, views.Flash{Kind: views.FlashWarn, Text: "planted"})
	attacker.cookies[sessionName] = sessionCookie(t, w).Value

	victim := attacker.copied()
	victim.signIn("admin", adminPassword)
	if victim.cookies[sessionName] == attacker.cookies[sessionName] {
		t.Error("the cookie is the same")
	}
	doc := pageOf(t, victim.get("/account"), 200)
	says(t, doc, ".side .me", "admin")
	has(t, doc, ".flash.warn", 0)
	if attacker.signedIn() {
		t.Error("the session that the browser had before is still good")
	}

	// So does the cookie of somebody who was not signed in at all: it stays nobody's.
	w = httptest.NewRecorder()
	app.flash(w, httptest.NewRequest("GET", "/", nil), views.Flash{Kind: views.FlashWarn, Text: "planted"})
	nobody := app.browser(t)
	nobody.cookies[sessionName] = sessionCookie(t, w).Value
	victim = nobody.copied()
	victim.signIn("admin", adminPassword)
	if nobody.signedIn() {
		t.Error("the planted cookie became a session")
	}

	again := app.browser(t)
	again.signIn("admin", adminPassword)
	if n := len(app.People.Sessions("admin")); n != 3 {
		t.Errorf("%d sessions, want 3: one for each sign-in", n)
	}
}

func TestSessionEndsWhenItIsNotUsed(t *testing.T) {
	app := newPasswordApp(t, nil)
	app.db.set(func(m *memory) { m.now = testNow.Truncate(time.Second) }) // cookies know whole seconds
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	app.later(people.SessionIdle)
	if !b.signedIn() {
		t.Error("ended too early")
	}
	app.later(time.Second)
	if b.signedIn() {
		t.Error("signed in after 12 idle hours")
	}
	app.later(-2 * time.Second)
	status(t, b.get("/about"), 200) // which is a use
	app.later(people.SessionIdle)
	if !b.signedIn() {
		t.Error("a use did not prolong the session")
	}
}

// The cookie is written anew once a minute, not with each request.
func TestCookieIsToldOfItsUseOnceAMinute(t *testing.T) {
	app := newPasswordApp(t, nil)
	app.db.set(func(m *memory) { m.now = testNow.Truncate(time.Second) }) // cookies know whole seconds
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	app.later(seenEvery)
	if w := b.get("/about"); len(w.Result().Cookies()) != 0 {
		t.Errorf("cookies %v", w.Result().Cookies())
	}
	app.later(time.Second)
	sessionCookie(t, b.get("/api/devices")) // by every kind of request
}

func TestSessionEndsAfterItsLife(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	const step = people.SessionIdle - time.Hour
	for age := time.Duration(0); age+step < people.SessionLife; age += step {
		app.later(step)
		status(t, b.get("/about"), 200)
	}
	app.db.set(func(m *memory) { m.now = testNow.Add(people.SessionLife - time.Second) })
	status(t, b.get("/about"), 200)
	app.later(time.Second)
	if b.signedIn() {
		t.Error("signed in after a week, though it was used")
	}
}

// The keys of cookies change each week. A cookie of the week before is read, and written anew under this week's key.
func TestCookieKeysChangeEachWeek(t *testing.T) {
	app := newPasswordApp(t, nil)
	const seconds = int64(cookieWeek / time.Second)
	week := time.Unix((testNow.Unix()/seconds+1)*seconds, 0).UTC() // when the next one begins
	app.db.set(func(m *memory) { m.now = week.Add(-time.Hour) })
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	old := b.cookies[sessionName]

	app.later(2 * time.Hour)
	status(t, b.get("/about"), 200)
	renewed := b.cookies[sessionName]
	reads := func(value string, at time.Time) bool {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", sessionName+"="+value)
		session, err := app.cookies.make(at.Unix()/seconds).Get(r, sessionName)
		return err == nil && session.Values[tokenKey] != nil
	}
	for name, row := range map[string][2]bool{
		"last week's in its week":        {reads(old, week.Add(-time.Hour)), true},
		"last week's this week":          {reads(old, week.Add(time.Hour)), true},
		"last week's two weeks later":    {reads(old, week.Add(cookieWeek)), false},
		"the renewed one this week":      {reads(renewed, week.Add(time.Hour)), true},
		"the renewed one next week":      {reads(renewed, week.Add(cookieWeek)), true},
		"by a clock that is a bit late":  {reads(renewed, week.Add(-time.Minute)), true},
		"the renewed one in three weeks": {reads(renewed, week.Add(2*cookieWeek)), false},
	} {
		if row[0] != row[1] {
			t.Errorf("%s: read %v", name, row[0])
		}
	}
	another := newTestApp(t, func(o *Options) { o.SessionKey = []byte(strings.Repeat("x", 32)) })
	app.cookies = another.cookies
	if b.signedIn() {
		t.Error("a cookie of another key is read")
	}
}

func TestTamperedCookiesAreRefused(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	good := b.cookies[sessionName]
	for i := 0; i < len(good)-4; i += 7 { // the last letters hold less than their six bits
		other := byte('A')
		if good[i] == other {
			other = 'B'
		}
		b.cookies[sessionName] = good[:i] + string(other) + good[i+1:]
		if b.signedIn() {
			t.Errorf("letter %d can be changed", i)
		}
	}
	for name, value := range map[string]string{"empty": "", "cut": good[:len(good)/2], "twice": good + good, "text": "admin", "long": strings.Repeat("A", 8000)} {
		b.cookies[sessionName] = value
		if b.signedIn() {
			t.Errorf("%s: signed in", name)
		}
	}
	b.cookies[sessionName] = good
	if !b.signedIn() {
		t.Error("the good one is refused")
	}
}

// A cookie that was copied before the sign-out is of no use after it.
func TestReplayAfterSignOut(t *testing.T) {
	app := newPasswordApp(t, nil)
	b, other := app.browser(t), app.browser(t)
	b.signIn("admin", adminPassword)
	other.signIn("admin", adminPassword)
	stolen := b.copied()
	says(t, pageOf(t, b.next(b.post("/logout", nil)), 200), ".flash.ok", "You are signed out.")
	if b.signedIn() || stolen.signedIn() {
		t.Error("the session lives")
	}
	status(t, stolen.get("/api/devices"), 401)
	if !other.signedIn() {
		t.Error("another browser was signed out, too")
	}
}

func TestSessionsOfARemovedPersonEnd(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	b.signIn(newcomer, newcomerPassword)
	leadsTo(t, app.post("/people/"+newcomer+"/remove", nil), "/people")
	if b.signedIn() {
		t.Error("the session lives")
	}
}

// An unsafe request that a cookie speaks for has to say that it comes from a page of the app's own; one that an API key
// speaks for need not, cookie or no cookie.
func TestUnsafeRequestsWithACookie(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	key := "Bearer " + testAPIKey
	for _, row := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"neither Origin nor Sec-Fetch-Site", []string{"Sec-Fetch-Site", ""}, 403},
		{"a foreign Origin", []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, 403},
		{"a foreign Origin that is none", []string{"Sec-Fetch-Site", "", "Origin", "null"}, 403},
		{"another port", []string{"Sec-Fetch-Site", "", "Origin", "http://example.com:81"}, 403},
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a sister site", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"our Origin", []string{"Sec-Fetch-Site", "", "Origin", "http://example.com"}, 200},
		{"our page", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"typed by the person", []string{"Sec-Fetch-Site", "none"}, 200},
		{"a key and neither", []string{"Sec-Fetch-Site", "", "Authorization", key}, 200},
		{"a key from another site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example", "Authorization", key}, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			app.register(t, "dev1")
			w := b.do("POST", "/api/devices/dev1", "", row.headers...)
			status(t, w, row.status)
			if row.status == 403 && !strings.Contains(w.Body.String(), `"code":"cross_site"`) {
				t.Errorf("%s", w.Body)
			}
			if row.status == 403 {
				pageOf(t, b.do("POST", "/devices/dev1/remove", "", row.headers...), 403)
			}
		})
	}
	// Nor does another site sign somebody in or out.
	for _, target := range []string{"/login", "/logout"} {
		pageOf(t, b.copied().do("POST", target, "", "Sec-Fetch-Site", "cross-site"), 403)
	}
	if !b.signedIn() {
		t.Error("signed out")
	}
}

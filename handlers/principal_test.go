package handlers

import (
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"iotcenter/people"
)

// key makes an API key.
func (a *testApp) key(t *testing.T, level people.Level) (people.APIKey, string) {
	t.Helper()
	key, secret, err := a.People.MakeKey(t.Context(), testAdmin, "the "+level.String()+" key", level, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return key, secret
}

func TestProxyHeader(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*Options)
		peer   string
		names  []string
		status int
	}{
		{"a trusted proxy", nil, "192.0.2.1:1", []string{testViewer}, 200},
		{"in capitals", nil, "192.0.2.1:1", []string{"TEST-viewer"}, 200},
		{"an untrusted peer", nil, "203.0.113.7:1", []string{testAdmin}, 303},
		{"no address", nil, "@", []string{testAdmin}, 303},
		{"no proxy is trusted", func(o *Options) { o.TrustedProxies = nil }, "192.0.2.1:1", []string{testAdmin}, 303},
		{"another network is trusted", func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, "192.0.2.1:1", []string{testAdmin}, 303},
		{"no header is believed", func(o *Options) { o.AuthProxyHeader = "" }, "192.0.2.1:1", []string{testAdmin}, 303},
		{"another header is", func(o *Options) { o.AuthProxyHeader = "X-Other" }, "192.0.2.1:1", []string{testAdmin}, 303},
		{"twice", nil, "192.0.2.1:1", []string{testAdmin, testViewer}, 303},
		{"twice the same", nil, "192.0.2.1:1", []string{testAdmin, testAdmin}, 303},
		{"empty", nil, "192.0.2.1:1", []string{""}, 303},
		{"none", nil, "192.0.2.1:1", nil, 303},
		{"an unknown account", nil, "192.0.2.1:1", []string{"mallory"}, 403},
		{"two in one", nil, "192.0.2.1:1", []string{testAdmin + ", " + testViewer}, 403},
		{"no name", nil, "192.0.2.1:1", []string{strings.Repeat("x", 1000)}, 403},
	} {
		t.Run(row.name, func(t *testing.T) {
			app := newTestApp(t, row.change)
			r := httptest.NewRequest("GET", "/devices", nil)
			r.RemoteAddr = row.peer
			for _, name := range row.names {
				r.Header.Add(personHeader, name)
			}
			w := httptest.NewRecorder()
			app.Handler().ServeHTTP(w, r)
			status(t, w, row.status)
			if row.status == 403 && !strings.Contains(w.Body.String(), "you have no account here") {
				t.Errorf("%s", w.Body)
			}
		})
	}
}

func TestProxyHeaderGivesTheRoleOfTheAccount(t *testing.T) {
	app := newTestApp(t, nil)
	for person, want := range map[string][3]int{testViewer: {200, 403, 403}, testOperator: {200, 200, 403}, testAdmin: {200, 200, 200}} {
		for i, target := range []string{"/devices", "/devices/new", "/people"} {
			status(t, app.of(t, person).get(target), want[i])
		}
	}
}

// Who signs in at the proxy has no password to change here, and nobody is asked for one whom a proxy vouches for.
func TestProxyHeaderAndPasswords(t *testing.T) {
	app := newPasswordApp(t, nil)
	for _, person := range []string{testAdmin, newcomer, "admin"} {
		b := app.of(t, person)
		doc := pageOf(t, b.get("/account"), 200)
		has(t, doc, ".flash.warn", 0)
		says(t, doc, "main", "the proxy vouches for you with each request")
		w := b.post("/account/password", url.Values{"old": {adminPassword}, "new": {"another long password"}, "repeat": {"another long password"}})
		says(t, pageOf(t, w, 403), "main", "You do not sign in with a password here")
	}
	has(t, pageOf(t, app.of(t, testAdmin).get("/account"), 200), `form[action="/account/password"]`, 0)
	app.browser(t).signIn("admin", adminPassword)
}

func TestAPIKeyHeaderForms(t *testing.T) {
	app := newTestApp(t, nil)
	for header, want := range map[string]int{
		"Token " + testAPIKey: 200, "Bearer " + testAPIKey: 200, "Token token=" + testAPIKey: 200, `Token token="` + testAPIKey + `"`: 200,
		"bearer " + testAPIKey: 200, "TOKEN " + testAPIKey: 200, "Bearer   " + testAPIKey + " ": 200,
		"Bearer token=" + testAPIKey: 401, "Basic " + testAPIKey: 401, testAPIKey: 401, "Token": 401, "Token ": 401, "Bearer " + testAPIKey + "x": 401,
		"Bearer " + testAPIKey[1:]: 401, "Token " + strings.ToUpper(testAPIKey): 401, "Token " + strings.Repeat("x", 7000): 401,
	} {
		w := app.browser(t).get("/api/devices", "Authorization", header)
		if w.Code != want {
			t.Errorf("%.60q: %d, want %d", header, w.Code, want)
		}
		if strings.Contains(w.Body.String(), testAPIKey[5:20]) {
			t.Errorf("%.60q: the answer holds the key", header)
		}
	}
	if strings.Contains(app.log.String(), testAPIKey[5:20]) {
		t.Error("the log holds the key")
	}
}

func TestAPIKeyLevels(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "dev1")
	_, overview := app.key(t, people.Overview)
	_, technical := app.key(t, people.Technical)
	_, administer := app.key(t, people.Administer)
	for _, row := range []struct {
		method, target                             string
		overview, technical, administer, ofTheHost int
	}{
		{"GET", "/api/devices", 200, 200, 200, 200},
		{"GET", "/metrics", 200, 200, 200, 200},
		{"GET", "/api/devices/dev1/series", 200, 200, 200, 200},
		{"POST", "/api/devices/dev1/backfill", 403, 200, 200, 200},
		{"POST", "/api/devices/dev1", 403, 403, 200, 200},
		{"DELETE", "/api/devices/none", 403, 403, 404, 404},
		{"GET", "/api/env/dev1", 403, 403, 200, 200},
		{"GET", "/people", 303, 303, 303, 303}, // people and keys are for persons
		{"GET", "/keys", 303, 303, 303, 303},
		{"GET", "/", 303, 303, 303, 303},
	} {
		for i, want := range []int{row.overview, row.technical, row.administer, row.ofTheHost} {
			secret := []string{overview, technical, administer, testAPIKey}[i]
			if w := app.browser(t).do(row.method, row.target, "", "Authorization", "Token "+secret, "Sec-Fetch-Site", ""); w.Code != want {
				t.Errorf("%s %s with key %d: %d, want %d: %s", row.method, row.target, i, w.Code, want, w.Body)
			}
		}
	}
}

// Whoever shows a key wants to be judged by it: a session beside it opens nothing that the key does not.
func TestAKeyBeatsTheSession(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	key, revoked := app.key(t, people.Administer)
	if err := app.People.RevokeKey(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	_, overview := app.key(t, people.Overview)
	expiring, brief, err := app.People.MakeKey(t.Context(), testAdmin, "brief", people.Administer, testNow.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	status(t, b.do("POST", "/api/devices/dev1", "", "Authorization", "Token "+brief), 201)
	app.later(expiring.ExpiresAt.Sub(testNow))
	for secret, want := range map[string]int{"wrong": 401, revoked: 401, brief: 401, overview: 403} {
		w := b.do("POST", "/api/devices/dev1", "", "Authorization", "Token "+secret)
		status(t, w, want)
		if want == 401 && w.Header().Get("WWW-Authenticate") == "" {
			t.Error("no WWW-Authenticate")
		}
	}
	status(t, b.do("POST", "/api/devices/dev1", ""), 200)
}

// Guesses are counted by the address that they come from; who knows a key gets in from there all the same.
func TestGuessedAPIKeysAreLimitedByAddress(t *testing.T) {
	app := newTestApp(t, nil)
	stranger, other := app.browser(t, "X-Forwarded-For", "203.0.113.1"), app.browser(t, "X-Forwarded-For", "203.0.113.2")
	status(t, stranger.get("/api/env/dev1", "Authorization", "Token guess"), 401) // which counts twice: as a key, and as a token
	for i := range guessesAtOnce - 2 {
		target := []string{"/api/devices", "/metrics"}[i%2]
		status(t, stranger.get(target, "Authorization", "Token guess-"+strconv.Itoa(i)), 401)
	}
	for _, target := range []string{"/api/devices", "/api/env/dev1", "/metrics"} {
		w := stranger.get(target, "Authorization", "Token guess")
		status(t, w, 429)
		if w.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	status(t, other.get("/api/devices", "Authorization", "Token guess"), 401)
	status(t, stranger.get("/api/devices", "Authorization", "Token "+testAPIKey), 200)
	app.later(time.Second)
	status(t, stranger.get("/api/devices", "Authorization", "Token guess"), 401)
}

// A credential is a piece of what stands behind one of two words, and nothing else of the header.
func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"", "Token k", "Bearer k", "Token token=k", `Token token="k"`, "bearer\tk", "Basic dTpw", "Token  ", "token token=\"", "Bearer token=k", "Token token= k "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest("GET", "/api/devices", nil)
		r.Header["Authorization"] = []string{header}
		if got := bearer(r); got != "" {
			scheme, rest, _ := strings.Cut(header, " ")
			if !strings.EqualFold(scheme, "token") && !strings.EqualFold(scheme, "bearer") || !strings.Contains(rest, got) {
				t.Errorf("%q gives %q", header, got)
			}
		}
		if secret := strings.TrimSpace(header); secret != "" && !strings.ContainsAny(secret, `"`) && !strings.HasPrefix(secret, "token=") {
			for _, form := range []string{"Token ", "Bearer ", "Token token="} {
				r.Header["Authorization"] = []string{form + secret}
				if got := bearer(r); got != secret {
					t.Errorf("%q gives %q", form+secret, got)
				}
			}
		}
	})
}

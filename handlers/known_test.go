package handlers

import (
	"net/http"
	"net/url"
	"testing"
)

// A browser in which somebody has signed in gets in although strangers have locked the account, and its cookie is good
// for this account alone.
func TestKnownBrowsersAreNotLockedOut(t *testing.T) {
	app := newPasswordApp(t, nil)
	home := app.browser(t, "X-Forwarded-For", "203.0.113.1")
	home.signIn("admin", adminPassword)
	status(t, home.post("/logout", nil), 303)
	if home.cookies[knownName] == "" {
		t.Fatal("the browser keeps no cookie")
	}
	stranger := app.browser(t, "X-Forwarded-For", "203.0.113.2")
	form := func(name, password string) url.Values { return url.Values{"username": {name}, "password": {password}} }
	for range 5 {
		status(t, stranger.post("/login", form("admin", "wrong")), 401)
	}
	status(t, stranger.post("/login", form("admin", adminPassword)), 429)
	for range 5 {
		status(t, stranger.post("/login", form(newcomer, "wrong")), 401)
	}
	status(t, home.post("/login", form(newcomer, newcomerPassword)), 429) // it is known for the other account
	stranger.cookies[knownName] = home.cookies[knownName][:len(home.cookies[knownName])-2] + "AA"
	status(t, stranger.post("/login", form("admin", adminPassword)), 429) // tampered with
	w := home.post("/login", form("admin", adminPassword))
	status(t, w, 303)
	for _, c := range w.Result().Cookies() {
		if c.Name == knownName && (!c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge <= 0) {
			t.Errorf("the cookie is %+v", c)
		}
	}
}

func FuzzKnownBrowser(f *testing.F) {
	f.Add("MTcx")
	f.Add("")
	s := New(Options{SessionKey: []byte("0123456789abcdef")})
	f.Fuzz(func(t *testing.T, value string) {
		r := &http.Request{Header: http.Header{"Cookie": {knownName + "=" + value}}}
		if name := s.knownBrowser(r, "admin"); name != "" {
			t.Errorf("%q names the browser %q", value, name)
		}
	})
}

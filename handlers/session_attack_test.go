package handlers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"iotcenter/devices"
	"iotcenter/people"
)

// A token that was to be shown to one person, and was not fetched, is shown to nobody else who uses the browser.
func TestASecretMessageIsForThePersonItWasMadeFor(t *testing.T) {
	for _, row := range []struct {
		name, person, path string
		shown              bool
	}{
		{"the same person", testAdmin, "/devices", true},
		{"another person", testViewer, "/devices", false},
		{"nobody", "", "/login", false},
		{"nobody, on an error page", "", "/login?next=%zz", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			app := newTestApp(t, nil)
			w := app.post("/devices", url.Values{"id": {"dev1"}})
			status(t, w, http.StatusSeeOther)
			_, token, err := app.Registry.Credentials(t.Context(), "dev1")
			if err != nil || token == "" {
				t.Fatal(err)
			}
			cookie := ""
			for _, c := range w.Result().Cookies() {
				cookie += c.Name + "=" + c.Value + "; "
			}
			page := app.do("GET", row.path, "", personHeader, row.person, "Cookie", strings.TrimSuffix(cookie, "; ")).Body.String()
			if got := strings.Contains(page, token); got != row.shown {
				t.Errorf("the token is shown: %v, want %v", got, row.shown)
			}
		})
	}
}

// The sign-in form is the one body of strangers that is read; it is a small one.
func TestTheSignInFormIsSmall(t *testing.T) {
	app := newTestApp(t, nil)
	form := func(n int) int {
		return app.post("/login", url.Values{"username": {"nobody"}, "password": {strings.Repeat("x", n)}}, personHeader, "").Code
	}
	if got := form(maxLogin); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a form that is too large: %d", got)
	}
	if got := form(1000); got != http.StatusUnauthorized {
		t.Errorf("a long password: %d", got)
	}
}

// What goes on for long, as a stream of events, ends with the session that it was begun in.
func TestAStreamKnowsThatItsSessionHasEnded(t *testing.T) {
	app := newTestApp(t, nil)
	password, err := app.People.AddAccount(t.Context(), testAdmin, "ann", people.Viewer, "", false)
	if err != nil {
		t.Fatal(err)
	}
	token, account, err := app.People.SignIn(t.Context(), "ann", password, people.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	asked := func(p principal) *http.Request {
		r := httptest.NewRequest("GET", "/virtual/events", nil)
		return r.WithContext(context.WithValue(r.Context(), principalKey{}, p))
	}
	signedIn := asked(principal{kind: byPerson, account: account, token: token})
	vouched := asked(principal{kind: byPerson, account: account})
	if !app.still(signedIn) || !app.still(vouched) {
		t.Error("a session that holds is taken for one that has ended")
	}
	if err := app.People.SignOut(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if app.still(signedIn) {
		t.Error("it goes on after signing out")
	}
	if err := app.People.RemoveAccount(t.Context(), "ann"); err != nil {
		t.Fatal(err)
	}
	if app.still(vouched) {
		t.Error("it goes on after the account was removed")
	}
}

// Messages that nobody has fetched do not keep the newest one, with a secret that is shown only now, out of the cookie.
func TestTheNewestMessageFitsIntoTheCookie(t *testing.T) {
	app := newTestApp(t, nil)
	id := strings.Repeat("d", devices.MaxIDLength)
	app.register(t, devices.ID(id))
	cookie, token := "", ""
	for range 6 {
		w := app.post("/devices/"+id+"/rotate", nil, "Cookie", cookie)
		status(t, w, http.StatusSeeOther)
		for _, c := range w.Result().Cookies() {
			cookie = c.Name + "=" + c.Value
		}
		var err error
		if _, token, err = app.Registry.Credentials(t.Context(), devices.ID(id)); err != nil {
			t.Fatal(err)
		}
	}
	if page := app.do("GET", "/devices", "", "Cookie", cookie).Body.String(); !strings.Contains(page, token) {
		t.Error("the newest token is not shown")
	}
}

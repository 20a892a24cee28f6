package handlers

import (
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"iotcenter/people"
)

// shownOnce checks that a form led to a page that shows a secret, and that the page shows it no second time.
func shownOnce(t *testing.T, b *browser, form func() (to string)) (doc *goquery.Document, secret string) {
	t.Helper()
	to := form()
	doc, secret = pageWithSecret(t, b.get(to))
	again := b.get(to)
	has(t, pageOf(t, again, 200), "[data-flash]", 0)
	if strings.Contains(again.Body.String(), secret) {
		t.Error("the secret is shown again")
	}
	if strings.Contains(b.app.log.String(), secret) {
		t.Error("the secret is in the log")
	}
	return doc, secret
}

// sent posts a form that has to succeed.
func (b *browser) sent(target string, values url.Values, to string) func() string {
	return func() string {
		b.t.Helper()
		leadsTo(b.t, b.post(target, values), to)
		return to
	}
}

func TestAddPersonWithAGeneratedPassword(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testAdmin)
	doc, password := shownOnce(t, b, b.sent("/people/new", url.Values{"username": {" Ada "}, "role": {"operator"}, "how": {"generate"}, "password": {"ignored, it was typed before"}}, "/people"))
	says(t, doc, ".flash.ok", "ada can sign in with this password, which is shown only now and has to be changed then.")
	says(t, doc, "tbody", "ada Operator password set")
	ada := app.browser(t)
	leadsTo(t, ada.post("/login", url.Values{"username": {"ada"}, "password": {password}}), "/")
	leadsTo(t, ada.get("/devices"), "/account")
}

func TestAddPerson(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testAdmin)
	doc := pageOf(t, b.next(b.post("/people/new", url.Values{"username": {"eve"}, "role": {"viewer"}, "how": {"proxy"}})), 200)
	says(t, doc, ".flash.ok", "eve can sign in.")
	has(t, doc, ".flash.once", 0)
	doc = pageOf(t, b.next(b.post("/people/new", url.Values{"username": {"new"}, "role": {"admin"}, "how": {"given"}, "password": {"a long given password"}})), 200)
	has(t, doc, `a[href="/people/new?person"]`, 2)
	says(t, pageOf(t, b.get("/people/new?person"), 200), "h1", "new")
	if a, err := app.People.Account("new"); err != nil || a.Role != people.Admin || !a.MustChange || a.CreatedBy != testAdmin {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAddPersonThatDoesNotWork(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testAdmin)
	for _, row := range []struct {
		name   string
		form   url.Values
		field  string
		says   string
		marked int // fields with aria-invalid
	}{
		{"no name", url.Values{"username": {""}, "role": {"operator"}, "how": {"proxy"}}, "#person-name-problem", "A user name is needed.", 1},
		{"a bad name", url.Values{"username": {nasty}, "role": {"operator"}, "how": {"proxy"}}, "#person-name-problem", "Letters a to z", 1},
		{"control characters", url.Values{"username": {"a\x01b"}, "role": {"operator"}, "how": {"proxy"}}, "#person-name-problem", "Letters a to z", 1},
		{"a taken name", url.Values{"username": {"TEST-VIEWER"}, "role": {"operator"}, "how": {"proxy"}}, "#person-name-problem", "There is an account of this name.", 1},
		{"a long name", url.Values{"username": {strings.Repeat("x", 65)}, "role": {"operator"}, "how": {"proxy"}}, "#person-name-problem", "At most 64 characters.", 1},
		{"no role", url.Values{"username": {"ada"}, "role": {""}, "how": {"proxy"}}, "#role-problem", "Choose one of the roles.", 0},
		{"an invented role", url.Values{"username": {"ada"}, "role": {"owner"}, "how": {"proxy"}}, "#role-problem", "Choose one of the roles.", 0},
		{"no password", url.Values{"username": {"ada"}, "role": {"operator"}, "how": {"given"}}, "#person-password-problem", "A password is needed.", 1},
		{"a short password", url.Values{"username": {"ada"}, "role": {"operator"}, "how": {"given"}, "password": {"tooshort-1"}}, "#person-password-problem", "At least 12 characters.", 1},
		{"a password like the name", url.Values{"username": {"ada-from-lovelace"}, "role": {"operator"}, "how": {"given"}, "password": {"Ada-From-Lovelace"}}, "#person-password-problem", "The password must not be the user name.", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := b.post("/people/new", row.form)
			doc := pageOf(t, w, 422)
			says(t, doc, row.field, row.says)
			has(t, doc, "form [aria-invalid=true]", row.marked)
			has(t, doc, "form p.err", 1)
			if got, want := doc.Find("#person-name").AttrOr("value", "?"), row.form.Get("username"); got != want {
				t.Errorf("the name is %q, want %q", got, want)
			}
			has(t, doc, `input[name=how][checked][value="`+row.form.Get("how")+`"]`, 1)
			if _, ok := people.ParseRole(row.form.Get("role")); ok {
				has(t, doc, `input[name=role][checked][value="operator"]`, 1)
			}
			has(t, doc, "input[name=password][value]", 0)
			if typed := row.form.Get("password"); typed != "" && strings.Contains(w.Body.String(), typed) {
				t.Error("the password stands on the page")
			}
		})
	}
	status(t, b.post("/people/new", url.Values{"username": {"ada"}, "role": {"viewer"}, "how": {"perhaps"}}), 422)
	status(t, b.do("POST", "/people/new", "username=%zz", "Content-Type", "application/x-www-form-urlencoded"), 400)
	if n := len(app.People.Accounts()); n != 3 {
		t.Errorf("%d accounts", n)
	}
}

func TestRoleOfAPerson(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testAdmin)
	says(t, pageOf(t, b.next(b.post("/people/"+testViewer+"/role", url.Values{"role": {"operator"}})), 200), ".flash.ok", "test-viewer is an operator now.")
	status(t, app.of(t, testViewer).get("/devices/new"), 200)
	says(t, pageOf(t, b.next(b.post("/people/"+testViewer+"/role", url.Values{"role": {"viewer"}})), 200), ".flash.ok", "test-viewer is a viewer now.")
	status(t, app.of(t, testViewer).get("/devices/new"), 403)
	status(t, b.post("/people/"+testViewer+"/role", url.Values{"role": {"owner"}}), 422)
	for _, act := range []string{"role", "password", "sessions/end", "remove"} {
		pageOf(t, b.post("/people/nobody-known/"+act, url.Values{"role": {"viewer"}}), 404)
	}
	pageOf(t, b.get("/people/nobody-known"), 404)
	pageOf(t, b.get("/people/nobody-known/remove"), 404)
}

// The last admin with a password keeps role and account: somebody has to be able to manage people.
func TestLastAdmin(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.of(t, testAdmin)
	w := b.post("/people/admin/role", url.Values{"role": {"viewer"}})
	says(t, pageOf(t, w, 422), "main", "This is the last admin.")
	says(t, pageOf(t, b.post("/people/admin/remove", nil), 422), "main", "This is the last admin.")
	if a, err := app.People.Account("admin"); err != nil || a.Role != people.Admin {
		t.Errorf("%+v, %v", a, err)
	}
	// Where no proxy makes others admins, the page does not even offer it.
	leadsTo(t, b.post("/people/"+testAdmin+"/remove", nil), "/people")
	admin := app.browser(t)
	admin.signIn("admin", adminPassword)
	doc := pageOf(t, admin.get("/people/admin"), 200)
	has(t, doc, `form[action="/people/admin/role"], a[href="/people/admin/remove"]`, 0)
	says(t, doc, "main", "This is the last admin.")
}

func TestNewPasswordForAPerson(t *testing.T) {
	app := newPasswordApp(t, nil)
	someone := app.browser(t)
	someone.signIn(newcomer, newcomerPassword)
	b := app.of(t, testAdmin)
	doc, password := shownOnce(t, b, b.sent("/people/"+newcomer+"/password", nil, "/people/"+newcomer))
	says(t, doc, ".flash.ok", "newcomer has a new password, which is shown only now and has to be changed at the next sign-in.")
	if someone.signedIn() {
		t.Error("the old session lives")
	}
	status(t, someone.post("/login", url.Values{"username": {newcomer}, "password": {newcomerPassword}}), 401)
	leadsTo(t, someone.post("/login", url.Values{"username": {newcomer}, "password": {password}}), "/")
}

func TestSignOutSomebodyElse(t *testing.T) {
	app := newPasswordApp(t, nil)
	one, two := app.browser(t), app.browser(t)
	one.signIn("admin", adminPassword)
	two.signIn("admin", adminPassword)
	b := app.of(t, testAdmin)
	has(t, pageOf(t, b.get("/people/admin"), 200), "tbody tr", 2)
	doc := pageOf(t, b.next(b.post("/people/admin/sessions/end", nil)), 200)
	says(t, doc, ".flash.ok", "admin is signed out everywhere.")
	says(t, doc, "main", "Not signed in anywhere.")
	if one.signedIn() || two.signedIn() {
		t.Error("a session lives")
	}
}

func TestRemovePerson(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testAdmin)
	has(t, pageOf(t, b.get("/people/"+testViewer+"/remove"), 200), `form[method=post][action="/people/test-viewer/remove"]`, 1)
	doc := pageOf(t, b.next(b.post("/people/"+testViewer+"/remove", nil)), 200)
	says(t, doc, ".flash.ok", "test-viewer is removed and signed out.")
	has(t, doc, "tbody tr", 2)
	status(t, app.of(t, testViewer).get("/"), 403)
}

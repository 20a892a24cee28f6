package handlers

import (
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

func TestChangePassword(t *testing.T) {
	app := newPasswordApp(t, nil)
	b, other := app.browser(t), app.browser(t)
	b.signIn("admin", adminPassword)
	other.signIn("admin", adminPassword)
	stolen := b.copied()
	doc := pageOf(t, b.next(b.post("/account/password", url.Values{"old": {adminPassword}, "new": {"another long password"}, "repeat": {"another long password"}})), 200)
	says(t, doc, ".flash.ok", "Your password is changed. You were signed out everywhere else.")
	has(t, doc, ".flash.once", 0)
	if !b.signedIn() || other.signedIn() || stolen.signedIn() {
		t.Errorf("signed in: here %v, elsewhere %v, with the former cookie %v", b.signedIn(), other.signedIn(), stolen.signedIn())
	}
	status(t, other.post("/login", url.Values{"username": {"admin"}, "password": {adminPassword}}), 401)
	other.signIn("admin", "another long password")
}

func TestChangePasswordThatDoesNotWork(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	for _, row := range []struct{ name, old, new, repeat, field, says string }{
		{"the old one is wrong", "typed-old-one", "typed-new-one-1", "typed-new-one-1", "old", "That is not your present password."},
		{"the two differ", adminPassword, "typed-new-one-1", "typed-new-one-2", "repeat", "The two do not agree."},
		{"too short", adminPassword, "typed", "typed", "new", "At least 12 characters."},
		{"too long", adminPassword, strings.Repeat("typed", 60), strings.Repeat("typed", 60), "new", "At most 256 bytes"},
		{"the same", adminPassword, adminPassword, adminPassword, "new", "This is the password that the account has already."},
		{"empty", "", "", "", "new", "At least 12 characters."},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := b.post("/account/password", url.Values{"old": {row.old}, "new": {row.new}, "repeat": {row.repeat}})
			doc := pageOf(t, w, 422)
			says(t, doc, "#password-"+row.field+"-problem", row.says)
			has(t, doc, "#password-"+row.field+"[aria-invalid=true]", 1)
			has(t, doc, "form [aria-invalid=true]", 1)
			has(t, doc, "input[type=password][value]", 0)
			for _, typed := range []string{row.old, row.new, row.repeat} {
				if typed != "" && strings.Contains(w.Body.String(), typed) {
					t.Error("a password stands on the page")
				}
			}
		})
	}
	if !b.signedIn() {
		t.Error("signed out")
	}
	app.browser(t).signIn("admin", adminPassword)
}

// Whoever sits at an open browser cannot try passwords without end either.
func TestChangePasswordIsLimited(t *testing.T) {
	app := newPasswordApp(t, nil)
	b := app.browser(t)
	b.signIn("admin", adminPassword)
	for range 5 {
		status(t, b.post("/account/password", url.Values{"old": {"wrong"}, "new": {"another long password"}, "repeat": {"another long password"}}), 422)
	}
	w := b.post("/account/password", url.Values{"old": {adminPassword}, "new": {"another long password"}, "repeat": {"another long password"}})
	says(t, pageOf(t, w, 429), "#password-old-problem", "There were too many failures.")
	if w.Header().Get("Retry-After") != "60" {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
}

func TestEndOwnSessions(t *testing.T) {
	app := newPasswordApp(t, nil)
	b, other := app.browser(t, "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"), app.browser(t, "User-Agent", nasty)
	b.signIn("admin", adminPassword)
	other.signIn("admin", adminPassword)
	doc := pageOf(t, b.get("/account"), 200)
	has(t, doc, "tbody tr", 2)
	mine := doc.Find("tbody tr").FilterFunction(func(_ int, row *goquery.Selection) bool { return strings.Contains(row.Text(), "this browser") })
	if mine.Length() != 1 || !strings.Contains(mine.Text(), "Firefox") {
		t.Errorf("this browser is %q", mine.Text())
	}
	foreign := doc.Find("tbody tr").NotSelection(mine).Find("form").AttrOr("action", "")
	says(t, pageOf(t, b.next(b.post(foreign, nil)), 200), ".flash.ok", "That browser is signed out.")
	if !b.signedIn() || other.signedIn() {
		t.Error("the wrong one was signed out")
	}
	leadsTo(t, b.post(foreign, nil), "/account") // it is gone, as the person wants
	// Somebody else's session is not ended this way.
	someone := app.browser(t)
	someone.signIn(newcomer, newcomerPassword)
	ref := app.People.Sessions(newcomer)[0].Ref
	status(t, b.post("/account/sessions/"+ref+"/end", nil), 303)
	status(t, someone.get("/account"), 200)
	leadsTo(t, b.post(mine.Find("form").AttrOr("action", ""), nil), "/account")
	if b.signedIn() {
		t.Error("still signed in")
	}
}

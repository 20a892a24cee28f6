//go:build e2e

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// secret is what the page shows this once.
func (tb *tab) secret() string {
	tb.t.Helper()
	tb.until("a secret, shown once", find("seen(document.querySelector('.secret code'))"))
	return eval[string](tb, "document.querySelector('.secret code').textContent")
}

// forgets reads the page again, and wants that the secret is nowhere in it.
func (tb *tab) forgets(secret string) {
	tb.t.Helper()
	tb.visit(tb.path())
	if strings.Contains(eval[string](tb, "document.documentElement.outerHTML"), secret) {
		tb.t.Errorf("%s shows a secret a second time", tb.path())
	}
}

// TestPeople: an admin adds a viewer, who has to choose a password of their own and finds nothing to manage; the admin
// gives another role, signs the person out, and removes them.
func TestPeople(t *testing.T) {
	a := freshApp(t)
	a.register(t, "lamp-1")
	tb := openTab(t, a)
	tb.visit("/people")
	tb.press(anything, "Add person")
	tb.shot("person-dialog-light-1280")
	tb.fill("User name", "Viola")
	tb.choose("Viewer")
	tb.press(button, "Add person")
	tb.sees("viola can sign in with this password")
	password := tb.secret()
	tb.accessible("people, with a password")
	tb.shot("person-added-light-1280")
	tb.forgets(password)

	tb.expect(http.StatusUnprocessableEntity)
	tb.press(anything, "Add person")
	tb.fill("User name", "VIOLA")
	tb.press(button, "Add person")
	tb.sees("There is an account of this name.")
	tb.press(anything, "Cancel")

	viola := strangersTab(t, a)
	viola.visit("/devices")
	viola.signIn("viola", password)
	viola.arrives("/account")
	viola.sees("Choose a password of your own first.")
	if n := viola.count("nav a"); n > 0 {
		t.Errorf("before the password is changed %d pages are offered", n)
	}
	viola.visit("/people")
	viola.arrives("/account")
	viola.accessible("account, password to change")
	viola.shot("account-must-change-light-1280")
	viola.expect(http.StatusUnprocessableEntity)
	viola.changePassword(password, "violas own words", "violas other words")
	viola.sees("The two do not agree.")
	viola.changePassword("not the old one", "violas own words", "violas own words")
	viola.sees("That is not your present password.")
	viola.changePassword(password, "violas own words", "violas own words")
	viola.sees("Your password is changed.")

	for _, path := range []string{"/", "/devices", "/devices/lamp-1", "/devices/" + virtual, "/virtual", "/dashboard", "/dashboard/lamp-1", "/buckets", "/about"} {
		viola.expect(http.StatusNotFound) // the virtual device is not registered
		viola.visit(path)
		if extra := viola.manages(); extra != "" {
			t.Errorf("a viewer is offered on %s: %s", path, extra)
		}
	}
	viola.expect(http.StatusForbidden)
	for _, path := range []string{"/people", "/keys", "/audit", "/enrolment", "/devices/new", "/devices/lamp-1/rotate"} {
		viola.visit(path)
		viola.sees("Your role does not allow this.")
	}

	tb.visit("/people")
	tb.press("main a", "viola")
	tb.arrives("/people/viola")
	tb.choose("Operator")
	tb.press(button, "Change role")
	tb.sees("viola is an operator now.")
	viola.visit("/devices")
	viola.sees("Register device")
	tb.press(button, "Sign out everywhere")
	tb.sees("viola is signed out everywhere.")
	viola.visit("/devices")
	viola.arrives("/login")

	tb.press(anything, "Remove")
	tb.sees("Remove viola?")
	tb.shot("person-remove-dialog-light-1280")
	tb.press(button, "Remove")
	tb.sees("viola is removed and signed out.")
	viola.expect(http.StatusUnauthorized)
	viola.signIn("viola", "violas own words")
	viola.sees("User name or password is wrong.")
}

// changePassword fills the form of the account's page and sends it.
func (tb *tab) changePassword(old, fresh, repeat string) {
	tb.t.Helper()
	tb.fill("Old password", old)
	tb.fill("New password, again", repeat)
	tb.until("the field of the new password", find(`mark(document.getElementById('password-new'))`))
	tb.must(chromedp.Clear(marked), chromedp.SendKeys(marked, fresh))
	tb.press(button, "Change password")
}

// manages lists what on the page would change something for others.
func (tb *tab) manages() string {
	tb.t.Helper()
	return eval[string](tb, find(`[...document.querySelectorAll('main form[method=post], main a[data-dialog], main a[href$="/new"], main a[href$="/remove"], main a[href$="/rotate"], main a[href$="/suspend"], main a[href$="/retention"], a[href^="/people"], a[href^="/keys"], a[href^="/audit"], a[href^="/enrolment"]')]
	  .filter((e) => !['/theme', '/help', '/logout'].includes(e.getAttribute('action'))).map((e) => e.getAttribute('action') || e.getAttribute('href')).join(', ')`))
}

// TestPeopleAtOnce: a person whose role is taken away while a form is open is refused, in words.
func TestPeopleAtOnce(t *testing.T) {
	a := freshApp(t)
	a.person(t, "otto", "operator", "ottos own words")
	otto := strangersTab(t, a)
	otto.enter("otto", "ottos own words")
	otto.visit("/devices/new")
	otto.fill("Device ID", "too-late-1")
	a.form(t, "/people/otto/role", map[string][]string{"role": {"viewer"}})
	otto.expect(http.StatusForbidden)
	otto.press(button, "Register")
	otto.sees("Your role does not allow this.")
	if got := a.devices(t); len(got) != 0 {
		t.Errorf("a viewer registered %q", got)
	}
}

//go:build e2e

package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"iotcenter/e2e/program"
)

// signIn fills the form of the sign-in page and sends it.
func (tb *tab) signIn(username, password string) {
	tb.t.Helper()
	tb.fill("User name", username)
	tb.fill("Password", password)
	tb.press(button, "Sign in")
}

// TestSignIn: a stranger who opens a page is led to the sign-in page, tries a wrong password, then the right one, gets
// to the page that was wanted, and signs out; nothing of it is left behind the back button.
func TestSignIn(t *testing.T) {
	a := populatedApp(t)
	tb := strangersTab(t, a)
	tb.visit("/devices?q=green")
	tb.arrives("/login")
	tb.until("the focus in the first field", find("document.activeElement === labelled('User name')"))
	if n := tb.count("nav, .side, [data-database]"); n > 0 {
		t.Error("a stranger is shown the frame of the app")
	}

	tb.expect(http.StatusUnauthorized)
	tb.signIn(program.Admin, "not-the-password")
	tb.sees("User name or password is wrong.")
	if got := eval[string](tb, find("labelled('User name').value + '|' + labelled('Password').value")); got != program.Admin+"|" {
		t.Errorf("name and password come back as %q", got)
	}
	tb.until("the focus in the field to blame", find(`document.activeElement === labelled('Password') && labelled('Password').getAttribute('aria-invalid') === 'true'
	  && document.getElementById(labelled('Password').getAttribute('aria-describedby')).textContent.includes('wrong')`))
	tb.accessible("sign-in, refused")
	tb.shot("sign-in-refused-light-1280")

	tb.fill("Password", program.Password)
	tb.press(button, "Sign in")
	tb.arrives("/devices")
	tb.until("the page that was wanted", "location.search === '?q=green'")
	tb.sees(greenhouse)

	eval[bool](tb, "window.before = true")
	tb.press(button, "Sign out")
	tb.arrives("/login")
	tb.sees("You are signed out.")
	tb.shot("signed-out-light-1280")
	eval[bool](tb, "window.before = true")
	eval[bool](tb, "(history.back(), true)")
	tb.until("another page behind the back button", "!window.before && document.readyState === 'complete'")
	tb.until("the sign-in page and nothing of before", find(`location.pathname === '/login' && !!labelled('Password') && !document.body.innerText.includes("`+greenhouse+`")`))
}

// TestSignInWithoutScript: the way in and out needs no JavaScript.
func TestSignInWithoutScript(t *testing.T) {
	tb := strangersTab(t, populatedApp(t))
	tb.noScript()
	tb.visit("/about")
	tb.arrives("/login")
	tb.signIn(viewer, viewerPassword)
	tb.arrives("/about")
	tb.press(button, "Sign out")
	tb.arrives("/login")
	tb.sees("You are signed out.")
}

// TestSignInByKeyboard: typing, Tab and Enter are enough, and the focus is seen.
func TestSignInByKeyboard(t *testing.T) {
	tb := strangersTab(t, populatedApp(t))
	tb.visit("/buckets")
	tb.arrives("/login")
	tb.until("the focus in the first field", find("document.activeElement === labelled('User name')"))
	tb.must(chromedp.KeyEvent(viewer))
	tb.tabTo("the password", find("document.activeElement === labelled('Password')"))
	tb.must(chromedp.KeyEvent(viewerPassword))
	tb.key(kb.Enter)
	tb.arrives("/buckets")
}

// TestSignInOnPhone: on a phone in the dark the fields are large enough to be hit, and large enough not to be zoomed.
func TestSignInOnPhone(t *testing.T) {
	tb := strangersTab(t, populatedApp(t))
	tb.theme("dark")
	tb.size(390, 844)
	tb.visit("/login")
	tb.fits(390)
	if !tb.isDark() {
		t.Error("the page is light where the system is dark")
	}
	if small := eval[string](tb, find(`[...document.querySelectorAll('input:not([type=hidden]), button')].filter(seen).filter((e) =>
	  e.getBoundingClientRect().height < 43.5 || e.matches('input') && parseFloat(getComputedStyle(e).fontSize) < 16).map((e) => nameOf(e) || e.id).join(', ')`)); small != "" {
		t.Errorf("too small for a thumb: %s", small)
	}
	tb.signIn(viewer, viewerPassword)
	tb.arrives("/")
	tb.press("summary", "More")
	tb.press(button, "Sign out")
	tb.arrives("/login")
}

// TestSignInLeadsNowhereElse: no address that somebody put into a link leads out of the app after the sign-in.
func TestSignInLeadsNowhereElse(t *testing.T) {
	a := populatedApp(t)
	for _, next := range []string{"https://example.org/", "//example.org/", `/\example.org/`, "/\t/example.org/", "javascript:alert(1)", "/login?next=//example.org"} {
		tb := strangersTab(t, a)
		tb.visit("/login?next=" + url.QueryEscape(next))
		tb.signIn(viewer, viewerPassword)
		tb.until("a page of the app", find("document.readyState === 'complete' && location.pathname !== '/login' && seen(document.querySelector('.side'))"))
		if at := eval[string](tb, "location.href"); !strings.HasPrefix(at, a.URL+"/") {
			t.Errorf("next=%q leads to %s", next, at)
		}
	}
}

// TestSignInTooOften: after five wrong passwords the form says when to try again, and takes the right one no more.
func TestSignInTooOften(t *testing.T) {
	a := freshApp(t)
	for range 5 {
		if _, err := a.SignIn(t.Context(), program.Admin, "guessed-wrongly"); err == nil {
			t.Fatal("a wrong password was taken")
		}
	}
	tb := strangersTab(t, a)
	tb.expect(http.StatusTooManyRequests)
	tb.visit("/login")
	tb.signIn(program.Admin, program.Password)
	tb.until("word of when to try again", find(`/too many|try again|wait/i.test(tidy(document.querySelector('.err')?.innerText))`))
	tb.accessible("sign-in, too often")
	tb.shot("sign-in-too-often-light-1280")
}

// TestSessionEndedElsewhere: somebody who looks at a dashboard while their session is ended in another place is led to
// the sign-in page at the next poll, and back.
func TestSessionEndedElsewhere(t *testing.T) {
	a := freshApp(t)
	a.person(t, viewer, "viewer", viewerPassword)
	a.backfill(t, virtual)
	tb := strangersTab(t, a)
	tb.enter(viewer, viewerPassword)
	tb.visit("/dashboard/" + virtual + "?range=1h")
	tb.untilDrawn()
	tb.expect(http.StatusUnauthorized)
	a.form(t, "/people/"+viewer+"/sessions/end", nil)
	tb.arrives("/login")
	tb.signIn(viewer, viewerPassword)
	tb.arrives("/dashboard/" + virtual)
	tb.until("the range of before", "location.search === '?range=1h'")
	tb.untilDrawn()
}

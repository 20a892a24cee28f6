package views

import (
	"testing"

	"iotcenter/people"
)

func TestSignInFormHasWhatBrowsersAndPeopleNeed(t *testing.T) {
	doc := document(t, Login(LoginPage{Shell: shellFor(people.NoRole), Username: "m.okafor", Problem: "User name or password is wrong.", Next: "/devices?state=late"}))
	form := "form[method=post][action='/login'] "
	has(t, doc, form+"input[name=username][autocomplete=username][value='m.okafor']", 1)
	has(t, doc, form+"input[name=password][type=password][autocomplete='current-password'][aria-invalid=true]:not([value])", 1)
	has(t, doc, form+"input[name=next][type=hidden][value='/devices?state=late']", 1)
	has(t, doc, form+"button[type=submit]:not([disabled])", 1)
	has(t, doc, "nav, .side, .bottom, .winline", 0)
	if got := words(doc, "#"+doc.Find("input[name=password]").AttrOr("aria-describedby", "")); got != "User name or password is wrong." {
		t.Errorf("beside the password stands %q", got)
	}
}

func TestSignInDoesNotLeadToAnotherSite(t *testing.T) {
	for _, next := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "/\t/evil.example", "javascript:alert(1)", ""} {
		doc := document(t, Login(LoginPage{Shell: shellFor(people.NoRole), Next: next}))
		if got := doc.Find("input[name=next]").AttrOr("value", ""); got != "/" {
			t.Errorf("next=%q leads to %q", next, got)
		}
	}
}

func TestSignInSaysThatTheDatabaseIsAway(t *testing.T) {
	s := shellFor(people.NoRole)
	s.Database.Ready = false
	doc := document(t, Login(LoginPage{Shell: s}))
	has(t, doc, "[role=alert]", 1)
	has(t, doc, "button[type=submit][disabled]", 1)
	has(t, doc, "input:not([type=hidden])[disabled]", 2)
}

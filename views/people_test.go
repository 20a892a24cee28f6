package views

import (
	"testing"
	"time"

	"iotcenter/people"
)

func TestAccountMarksTheBrowserAtHand(t *testing.T) {
	sessions := []people.Session{
		{Ref: "aa", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour), Address: "192.0.2.1", Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"},
		{Ref: "b/b", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour), Address: "192.0.2.2"},
	}
	doc := document(t, Account(AccountPage{Shell: shellFor(people.Viewer), Account: people.Account{Name: "m.okafor", Password: true}, Sessions: sessions, Current: "aa"}))
	has(t, doc, "form[method=post][action='/account/sessions/aa/end']", 1)
	has(t, doc, "form[method=post][action='/account/sessions/b%2Fb/end']", 1)
	has(t, doc, "tbody tr:has(.chip)", 1)
	if got := words(doc, "tbody tr:has(.chip) th"); got != "Firefox on Linux this browser" {
		t.Errorf("the browser at hand is called %q", got)
	}
	for name, autocomplete := range map[string]string{"old": "current-password", "new": "new-password", "repeat": "new-password"} {
		has(t, doc, "form[action='/account/password'] input[type=password][name="+name+"][autocomplete="+autocomplete+"]", 1)
	}
}

func TestAccountOfAProxyHasNoPassword(t *testing.T) {
	doc := document(t, Account(AccountPage{Shell: shellFor(people.Viewer), Account: people.Account{Name: "m.okafor"}}))
	has(t, doc, "form[action='/account/password']", 0)
	has(t, doc, "input[type=password]", 0)
}

func TestAgentWords(t *testing.T) {
	for agent, want := range map[string]string{
		"": "Unknown browser",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0":    "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 14_1) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15":               "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36":                     "Chrome on Android",
		"curl/8.5\u202e": `curl/8.5\u202E`,
	} {
		if got := agentWords(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}

func TestPeopleAreListedWithHowTheySignIn(t *testing.T) {
	doc := document(t, People(PeoplePage{Shell: shellFor(people.Admin), Rows: []people.Account{
		{Name: "admin", Role: people.Admin, Password: true, PasswordAt: noon.Add(-72 * time.Hour), LastSession: noon.Add(-time.Hour)},
		{Name: "new", Role: people.Viewer},
	}}))
	has(t, doc, "tbody tr", 2)
	if got := words(doc, "tbody tr:first-child td:not(.acts)"); got != "Admin | password set 3 days ago | Newest sign-in 1 h ago | Made by –" {
		t.Errorf("the first row says %q", got)
	}
	if got := words(doc, "tbody tr:last-child td:not(.acts)"); got != "Viewer | through the proxy | Newest sign-in never | Made by –" {
		t.Errorf("the last row says %q", got)
	}
	// The form for a new person stands at /people/new; a person of that name has an address all the same.
	has(t, doc, "tbody a[href='/people/new?person']", 2)
	has(t, doc, "a[data-dialog][href='/people/new']", 1)
	has(t, doc, "a[data-dialog][href='/people/admin/remove']", 1)
}

func TestNewPersonKeepsWhatWasTyped(t *testing.T) {
	doc := document(t, NewPerson(NewPersonPage{Shell: shellFor(people.Admin), Username: "a b", Role: people.Operator, How: HowGiven, UsernameProblem: "Not this one."}))
	has(t, doc, "[data-dialog-body] form[method=post][action='/people/new'][data-next='/people']", 1)
	has(t, doc, "input[name=username][value='a b'][aria-invalid=true]", 1)
	has(t, doc, "input[name=role][value=operator][checked]", 1)
	has(t, doc, "input[name=how][value=given][checked]", 1)
	has(t, doc, "input[name=password][type=password]:not([value])", 1)

	fresh := document(t, NewPerson(NewPersonPage{Shell: shellFor(people.Admin)}))
	has(t, fresh, "input[name=role][value=viewer][checked], input[name=how][value=generate][checked]", 2)
}

func TestTheLastAdminStays(t *testing.T) {
	account := people.Account{Name: "admin", Role: people.Admin, Password: true}
	last := document(t, PersonDetail(PersonPage{Shell: shellFor(people.Admin), Account: account, LastAdmin: true}))
	has(t, last, "form[action$='/role'], a[href$='/remove']", 0)
	other := document(t, PersonDetail(PersonPage{Shell: shellFor(people.Admin), Account: account, Sessions: []people.Session{{Ref: "a"}}}))
	has(t, other, "form[method=post][action='/people/admin/role'] input[name=role]", 3)
	has(t, other, "form[method=post][action='/people/admin/password'] button", 1)
	has(t, other, "form[method=post][action='/people/admin/sessions/end'] button", 1)
	has(t, other, "a[href='/people/admin/remove'][data-dialog]", 1)
}

func TestKeyOfTheEnvironmentCannotBeRevoked(t *testing.T) {
	doc := document(t, Keys(KeysPage{Shell: shellFor(people.Admin), Rows: []people.APIKey{
		{ID: people.EnvironmentKey, Name: people.EnvironmentKey, Level: people.Administer, Hint: "9f2c"},
		{ID: "k1", Name: "report", Level: people.Overview, Hint: "jAf6", ExpiresAt: noon.Add(-time.Hour)},
	}}))
	has(t, doc, "tbody tr:first-child a", 0)
	has(t, doc, "tbody tr:last-child a[data-dialog][href='/keys/k1/revoke']", 1)
	has(t, doc, "tbody tr:last-child .age.bad", 1) // it has run out
	has(t, document(t, Keys(KeysPage{Shell: shellFor(people.Admin)})), ".empty", 1)
}

func TestNewKeyOffersLevelsAndLives(t *testing.T) {
	doc := document(t, NewKey(NewKeyPage{Shell: shellFor(people.Admin), Name: "report", Level: people.Technical, Days: DefaultKeyDays}))
	has(t, doc, "form[method=post][action='/keys/new'] input[name=name][value=report]", 1)
	has(t, doc, "input[name=level]", 3)
	has(t, doc, "input[name=level][value=TECHNICAL][checked]", 1)
	has(t, doc, "select[name=days] option", 4)
	has(t, doc, "select[name=days] option[value='90'][selected]", 1)
	if got := words(doc, "select[name=days] option"); got != "30 days | 90 days | 1 year | Never" {
		t.Errorf("the lives are %q", got)
	}
}

func TestFormsAreDisabledWhileTheDatabaseIsAway(t *testing.T) {
	s := shellFor(people.Admin)
	s.Database.Ready = false
	for name, doc := range map[string]string{
		"person":    page(t, NewPerson(NewPersonPage{Shell: s})),
		"key":       page(t, NewKey(NewKeyPage{Shell: s})),
		"enrolment": page(t, NewEnrolmentKey(NewEnrolmentKeyPage{Shell: s})),
	} {
		has(t, parse(t, doc), "main form button[type=submit]:not([disabled]):not([name=open])", 0)
		if got := words(parse(t, doc), "main form .err"); got != s.Blocked() {
			t.Errorf("%s: the reason is %q", name, got)
		}
	}
}

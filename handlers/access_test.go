package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gorilla/mux"

	"iotcenter/people"
)

// A route to which nobody gave a rule is there for nobody.
func TestARouteWithoutARuleAnswersNobody(t *testing.T) {
	app := newTestApp(t, nil)
	app.router.Handle("/forgotten", app.html(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}))
	for _, person := range []string{"", testViewer, testAdmin} {
		status(t, app.of(t, person).get("/forgotten"), 404)
	}
	status(t, app.browser(t).get("/forgotten", "Authorization", "Token "+testAPIKey), 404)
}

// Every route has a rule, and only those that are meant for everybody are open.
func TestEveryRouteHasARule(t *testing.T) {
	app := newTestApp(t, nil)
	open := map[string]bool{}
	err := app.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		rule, ok := app.rules[route]
		if !ok {
			t.Errorf("%s has no rule", template)
		}
		if rule.open {
			open[template] = true
		}
		if !rule.open && rule.role == people.NoRole && rule.level == people.NoLevel {
			t.Errorf("nobody may use %s", template)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/healthz", "/readyz", "/login", "/static/", gatewayWritePath, "/influx/health", "/influx/ping", "/api/env/{id}"} {
		if !open[want] {
			t.Errorf("%s is not open", want)
		}
		delete(open, want)
	}
	if len(open) > 0 {
		t.Errorf("open are also %v", open)
	}
}

// controlsOf are the addresses to which a page's forms and links lead.
func controlsOf(doc *goquery.Document) (forms, links []string) {
	doc.Find("form[action]").Each(func(_ int, e *goquery.Selection) {
		if strings.EqualFold(e.AttrOr("method", "get"), "post") {
			forms = append(forms, e.AttrOr("action", ""))
		}
	})
	doc.Find("a[href]").Each(func(_ int, e *goquery.Selection) { links = append(links, e.AttrOr("href", "")) })
	return forms, links
}

// Nobody is shown a button or a link that their role does not allow: whatever a page offers, the rules let them do.
func TestPagesOfferOnlyWhatTheRoleAllows(t *testing.T) {
	app := furnished(t)
	if err := app.Enrolment.Open(t.Context(), testOperator, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := app.Registry.Suspend(t.Context(), "dev2"); err != nil {
		t.Fatal(err)
	}
	app.enrolmentKey(t, "", 5)
	app.key(t, people.Overview)
	refused(t, app.ask("dev9?register=false"), 403, notEnrolledCode)
	pages := map[people.Role][]string{people.Viewer: {"/", "/devices", "/devices?q=none", "/devices/dev1", "/devices/dev2", "/devices/new?device", "/devices/virtual_device", "/virtual", "/dashboard",
		"/dashboard/dev1", "/buckets", "/about", "/account", "/no/such/page", "/devices/none"}}
	pages[people.Operator] = append([]string{"/enrolment", "/enrolment/keys/new", "/devices/new", "/devices/dev1/remove", "/devices/dev1/rotate", "/devices/dev1/suspend", "/buckets/b1/retention"}, pages[people.Viewer]...)
	pages[people.Admin] = append([]string{"/people", "/people/new", "/people/" + testViewer, "/people/" + testViewer + "/remove", "/keys", "/keys/new", "/audit"}, pages[people.Operator]...)
	seen := map[people.Role]int{}
	for name, role := range map[string]people.Role{testViewer: people.Viewer, testOperator: people.Operator, testAdmin: people.Admin} {
		for _, target := range pages[role] {
			w := app.of(t, name).get(target)
			forms, links := controlsOf(pageOf(t, w, w.Code))
			for method, addresses := range map[string][]string{"POST": forms, "GET": links} {
				for _, address := range addresses {
					at, err := url.Parse(address)
					if err != nil || at.Host != "" || at.Path == "" {
						continue
					}
					rule, ok := app.ruleOf(method, address)
					if !ok {
						t.Errorf("%s for %s leads to %s %s, which is no route", target, name, method, address)
					}
					if rule.role > role {
						t.Errorf("%s offers %s %s to a %s", target, method, address, role)
					}
					if method == "POST" {
						seen[role]++
					}
				}
			}
		}
	}
	if seen[people.Viewer] == 0 || seen[people.Operator] <= seen[people.Viewer] || seen[people.Admin] <= seen[people.Operator] {
		t.Errorf("forms: %v", seen)
	}
}

// ruleOf is the rule of the route that takes a request.
func (a *testApp) ruleOf(method, address string) (access, bool) {
	var match mux.RouteMatch
	if !a.router.Match(httptest.NewRequest(method, address, nil), &match) || match.MatchErr != nil {
		return access{}, false
	}
	rule, ok := a.rules[match.Route]
	return rule, ok
}

// A viewer sees, and is offered nothing that changes the fleet; trying it all the same is refused and changes nothing.
func TestViewersPagesHaveNoManageControls(t *testing.T) {
	app := furnished(t)
	viewer := app.of(t, testViewer)
	doc := pageOf(t, viewer.get("/devices"), 200)
	has(t, doc, `a[href="/devices/new"], a[href$="/remove"]`, 0)
	has(t, doc, `.nav a[href="/enrolment"], .nav a[href="/people"], .nav a[href="/keys"], .nav a[href="/audit"]`, 0)
	has(t, pageOf(t, viewer.get("/devices/dev1"), 200), `a[href$="/remove"], a[href$="/rotate"], a[href$="/suspend"], form[action^="/devices"]`, 0)
	has(t, pageOf(t, viewer.get("/virtual"), 200), `form[action^="/virtual"]`, 0)
	has(t, pageOf(t, viewer.get("/buckets"), 200), `form[action^="/buckets"], a[href$="/retention"]`, 0)
	operator := pageOf(t, app.of(t, testOperator).get("/devices/dev1"), 200)
	for _, selector := range []string{`a[href="/devices/dev1/remove"]`, `a[href="/devices/dev1/rotate"]`, `a[href="/devices/dev1/suspend"]`} {
		has(t, operator, selector, 1)
	}

	app.newEvents(t)
	before := app.devicesNow(t)
	for target, form := range map[string]url.Values{"/devices": {"id": {"dev7"}}, "/devices/dev1/remove": nil, "/devices/dev1/rotate": nil, "/devices/dev1/suspend": nil, "/devices/dev1/resume": nil,
		"/buckets": {"name": {"x"}, "retention": {"0"}}, "/buckets/b1/retention": {"retention": {"0"}}, "/virtual/backfill": nil, "/virtual/live": {"on": {"true"}}, "/virtual/backfill/cancel": nil,
		"/enrolment/open": {"minutes": {"10"}}, "/people/new": {"username": {"x"}, "role": {"admin"}, "how": {"proxy"}}, "/people/" + testViewer + "/role": {"role": {"admin"}}, "/keys/new": {"name": {"x"}, "level": {"ADMIN"}, "days": {"0"}}} {
		w := viewer.post(target, form)
		says(t, pageOf(t, w, 403), "main", "Your role does not allow this. An admin can change it.")
	}
	for _, e := range app.newEvents(t) {
		if e.Action != people.ActionDenied || e.Actor != testViewer || e.Result != resultRefused {
			t.Errorf("event %+v", e)
		}
	}
	if n := app.devicesNow(t); n != before || len(app.People.Accounts()) != 3 || len(app.People.Keys()) != 1 || !app.Enrolment.Window().Until.IsZero() {
		t.Errorf("something changed: %d devices, %d accounts, %d keys", n, len(app.People.Accounts()), len(app.People.Keys()))
	}
}

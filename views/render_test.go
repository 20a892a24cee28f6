package views

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry"
)

// noon is the time of all pages in tests.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// shellFor is what surrounds a page for a person of a role; NoRole is nobody.
func shellFor(role people.Role) Shell {
	s := Shell{Title: "Test", Path: "/somewhere", Now: noon, Devices: 3, Database: telemetry.DatabaseStatus{Ready: true, Bucket: "iot_center"}}
	if role != people.NoRole {
		s.Person = Person{Name: "m.okafor", Role: role, Password: true}
	}
	return s
}

// page draws a page as HTML.
func page(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// document draws a page and reads it as a browser does.
func document(t *testing.T, c templ.Component) *goquery.Document {
	t.Helper()
	return parse(t, page(t, c))
}

func parse(t *testing.T, html string) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// has fails unless as many elements match as wanted.
func has(t *testing.T, doc *goquery.Document, selector string, want int) {
	t.Helper()
	if got := doc.Find(selector).Length(); got != want {
		t.Errorf("%d elements match %q, want %d", got, selector, want)
	}
}

// words is the text of what matches, with single spaces, and a line between two elements.
func words(doc *goquery.Document, selector string) string {
	return strings.Join(doc.Find(selector).Map(func(_ int, e *goquery.Selection) string {
		return strings.Join(strings.Fields(e.Text()), " ")
	}), " | ")
}

// hostile is a name that tries to be markup, to turn the direction of writing, and to end a line.
const hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\x00\n{{7*7}}"

// everyPage draws each page of people, keys, enrolment, tokens and audit for an admin, with name wherever a stranger or
// a person chose a text.
func everyPage(name string) map[string]templ.Component {
	s := shellFor(people.Admin)
	s.Person.Name = name
	s.WindowUntil = noon.Add(5 * time.Minute)
	s.Waiting = 2
	s.Flashes = []Flash{{Kind: FlashOK, Text: name, Mark: name, Secret: name, Ask: name, Setup: &DeviceSetup{ID: name, Token: name}}}
	account := people.Account{Name: name, Role: people.Operator, Password: true, PasswordAt: noon, CreatedBy: name}
	session := people.Session{Ref: name, Account: name, CreatedAt: noon, ExpiresAt: noon, Address: name, Agent: name}
	key := people.APIKey{ID: name, Name: name, Level: people.Overview, Hint: name, CreatedBy: name}
	enrolmentKey := devices.EnrolmentKey{ID: name, Name: name, Hint: name, Pattern: name, Most: 3, Used: 1, CreatedBy: name}
	device := devices.Device{ID: devices.ID(name), TokenAt: noon, PrevUntil: noon.Add(time.Hour), EnrolledBy: name}
	event := people.Event{At: noon, ActorKind: name, Actor: name, Address: name, Action: name, Target: name, Result: name, Detail: name}
	productType := devices.ProductType{Name: name, Measurement: name, Fields: []string{name, name}, Start: name}
	stranger := shellFor(people.NoRole)
	stranger.Flashes = s.Flashes
	return map[string]templ.Component{
		"login":   Login(LoginPage{Shell: stranger, Username: name, Problem: name, Next: name, Notice: name}),
		"account": Account(AccountPage{Shell: s, Account: account, Sessions: []people.Session{session}, Current: "other", OldProblem: name, NewProblem: name, RepeatProblem: name}),
		"people":  People(PeoplePage{Shell: s, Rows: []people.Account{account}}),
		"people new": NewPerson(NewPersonPage{Shell: s, Username: name, How: name, UsernameProblem: name, RoleProblem: name,
			PasswordProblem: name}),
		"person":           PersonDetail(PersonPage{Shell: s, Account: account, Sessions: []people.Session{session}, RoleProblem: name}),
		"person remove":    RemovePerson(RemovePersonPage{Shell: s, Account: account}),
		"keys":             Keys(KeysPage{Shell: s, Rows: []people.APIKey{key}}),
		"key new":          NewKey(NewKeyPage{Shell: s, Name: name, NameProblem: name, LevelProblem: name, ExpiresProblem: name}),
		"key revoke":       RevokeKey(RevokeKeyPage{Shell: s, Key: key}),
		"enrolment":        Enrolment(EnrolmentPage{Shell: s, Window: devices.Window{Until: noon.Add(time.Minute), By: name}, Inbox: []devices.Applicant{{ID: devices.ID(name), Address: name, First: noon, Last: noon, Count: 2}}, Keys: []devices.EnrolmentKey{enrolmentKey}, AppURL: name}),
		"enrolment empty":  Enrolment(EnrolmentPage{Shell: s, AppURL: name}),
		"enrolment new":    NewEnrolmentKey(NewEnrolmentKeyPage{Shell: s, Name: name, Pattern: name, Most: name, Days: name, NameProblem: name, PatternProblem: name, MostProblem: name, ExpiresProblem: name}),
		"enrolment revoke": RevokeEnrolmentKey(RevokeEnrolmentKeyPage{Shell: s, Key: enrolmentKey}),
		"audit":            Audit(AuditPage{Shell: s, Filter: AuditFilter{Actor: name, Target: name}, Rows: []people.Event{event}, More: true}),
		"audit empty":      Audit(AuditPage{Shell: s}),
		"device":           Device(DevicePage{Shell: s, Device: device, Config: DeviceConfig{AppURL: name, InfluxURL: name, Org: name, Bucket: name, WriteEndpoint: name}}),
		"device profile": Device(DevicePage{Shell: s, Device: device, Config: DeviceConfig{AppURL: name}, Events: []EventRow{{At: noon, Port: name, Kind: name, Message: name, Details: name, Cut: true}},
			Further: []MeasuredFields{{name, []telemetry.FieldStats{{Field: telemetry.LookupIn(name, name), LastTime: noon, Count: 1, Sensor: name}}}}, Left: 1,
			Profile: ProfileForm{Name: name, Saved: name, ProductType: name, Attributes: name, Labels: []string{name}, Types: []string{name, "b"}, NameProblem: name, TypeProblem: name, AttributesProblem: name}}),
		"device of a viewer": Device(DevicePage{Shell: shellFor(people.Viewer), Device: device, Config: DeviceConfig{AppURL: name},
			Profile: ProfileForm{Name: name, Saved: name, ProductType: name, Attributes: name, Labels: []string{name}}}),
		"product types":       ProductTypes(ProductTypesPage{Shell: s, Rows: []devices.ProductType{productType}}),
		"product type change": ProductTypes(ProductTypesPage{Shell: s, Rows: []devices.ProductType{productType}, Form: ProductTypeForm{Name: name, Measurement: name, Fields: name, Start: name, Change: true, NameProblem: name, MeasurementProblem: name, FieldsProblem: name, StartProblem: name}}),
		"product type remove": RemoveProductType(RemoveProductTypePage{Shell: s, Name: name}),
		"rotate":              Rotate(RotatePage{Shell: s, Device: device}),
		"suspend":             Suspend(SuspendPage{Shell: s, Device: device}),
		"error":               ErrorPage(s, Problem{Status: 403, Title: name, Message: name, Path: name, RequestID: name}),
		"error of stranger":   ErrorPage(stranger, Problem{Status: 401, Title: name, Message: name, Path: name, RequestID: name}),
	}
}

func TestEveryPageIsWellFormedForPeopleAndProgrammes(t *testing.T) {
	for name, c := range everyPage("greenhouse-04") {
		t.Run(name, func(t *testing.T) {
			doc := document(t, c)
			has(t, doc, "h1", 1)
			has(t, doc, "main#main", 1)
			has(t, doc, "[style], style, script:not([src]), [onclick]", 0)
			seen := map[string]bool{}
			doc.Find("[id]").Each(func(_ int, e *goquery.Selection) {
				id := e.AttrOr("id", "")
				if seen[id] {
					t.Errorf("two elements have the id %q", id)
				}
				seen[id] = true
			})
			for _, attribute := range []string{"aria-describedby", "aria-labelledby", "for"} {
				doc.Find("[" + attribute + "]").Each(func(_ int, e *goquery.Selection) {
					for id := range strings.FieldsSeq(e.AttrOr(attribute, "")) {
						if !seen[id] && id != "dialog-title" {
							t.Errorf("%s names %q, which is not on the page", attribute, id)
						}
					}
				})
			}
			doc.Find("form[method=post]").Each(func(_ int, e *goquery.Selection) {
				if !strings.HasPrefix(e.AttrOr("action", ""), "/") {
					t.Errorf("a form is sent to %q", e.AttrOr("action", ""))
				}
				if e.Find("button[type=submit]").Length() == 0 {
					t.Errorf("the form to %q cannot be sent without script", e.AttrOr("action", ""))
				}
			})
		})
	}
}

func TestHostileTextsStayTexts(t *testing.T) {
	plain := everyPage("greenhouse-04")
	for name, c := range everyPage(hostile) {
		t.Run(name, func(t *testing.T) {
			doc := document(t, c)
			has(t, doc, "img, script:not([src]), [onerror], [style]", 0)
			has(t, doc, "script[src]", document(t, plain[name]).Find("script[src]").Length())
			doc.Find("[href], [action]").Each(func(_ int, e *goquery.Selection) {
				to := e.AttrOr("href", e.AttrOr("action", ""))
				if !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "#") || strings.HasPrefix(to, "//") {
					t.Errorf("a link leads to %q", to)
				}
			})
		})
	}
}

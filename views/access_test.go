package views

import (
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry"
)

func TestNavigationFollowsTheRole(t *testing.T) {
	for role, want := range map[people.Role][]string{
		people.Viewer:   {"/", "/devices", "/dashboard", "/virtual", "/buckets", "/api-docs", "/about"},
		people.Operator: {"/", "/devices", "/dashboard", "/virtual", "/enrolment", "/product-types", "/buckets", "/api-docs", "/about"},
		people.Admin:    {"/", "/devices", "/dashboard", "/virtual", "/enrolment", "/product-types", "/buckets", "/api-docs", "/about", "/people", "/keys", "/audit"},
	} {
		t.Run(role.String(), func(t *testing.T) {
			s := shellFor(role)
			s.Waiting = 7
			doc := document(t, People(PeoplePage{Shell: s}))
			var got []string
			doc.Find(".side .nav a").Each(func(_ int, e *goquery.Selection) { got = append(got, e.AttrOr("href", "")) })
			if len(got) != len(want) {
				t.Fatalf("the sidebar leads to %v, want %v", got, want)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("entry %d leads to %s, want %s", i, got[i], want[i])
				}
			}
			// A phone has all of them too: four in its bar, the others behind More.
			has(t, doc, ".bottom > a, .sheet a:not(.me)", len(want))
			has(t, doc, ".side a[href='/account']", 1)
			has(t, doc, ".side form[action='/logout'] button", 1)
			has(t, doc, ".sheet form[action='/logout'] button", 1)
			if role >= people.Operator {
				if got := words(doc, ".side a[href='/enrolment'] .n"); got != "7 waiting" {
					t.Errorf("the number behind Enrolment is %q", got)
				}
			}
		})
	}
}

func TestWhoMustChangeThePasswordSeesNothingElse(t *testing.T) {
	s := shellFor(people.Admin)
	s.Person.MustChange = true
	doc := document(t, Account(AccountPage{Shell: s, Account: people.Account{Name: "m.okafor", Password: true, MustChange: true}, Sessions: []people.Session{{Ref: "a"}}}))
	has(t, doc, ".nav a, .bottom > a, .sheet a:not(.me)", 0)
	has(t, doc, "form[action='/account/password'] input[type=password]", 3)
	has(t, doc, "form[action^='/account/sessions']", 0)
	has(t, doc, "main form[action='/logout']", 1)
	has(t, doc, ".flash.warn", 1)
}

// pagesToManage are the pages on which operators change things.
func pagesToManage(s Shell) map[string]templ.Component {
	device := devices.Device{ID: "greenhouse-04", CreatedAt: noon}
	return map[string]templ.Component{
		"home":    Home(NewHomePage(s, devices.Snapshot{At: noon}, nil)),
		"devices": Devices(DevicesPage{Shell: s, Query: ParseListQuery(nil), All: 1, Total: 1, Rows: NewDeviceRows([]devices.Device{device}, nil, nil, noon)}),
		"none":    Devices(DevicesPage{Shell: s, Query: ParseListQuery(nil)}),
		"device":  Device(DevicePage{Shell: s, Device: device}),
		"buckets": Buckets(BucketsPage{Shell: s, Rows: []telemetry.Bucket{{ID: "1", Name: "iot_center"}}}),
		"virtual": Virtual(VirtualPage{DevicePage: DevicePage{Shell: s, Device: devices.Device{ID: devices.VirtualDevice}}, Registered: true}),
	}
}

func TestViewersSeeNoButtonsForWhatTheyMayNotDo(t *testing.T) {
	// What changes something and is not one's own: theme, help, sign-out, "Try now".
	const forbidden = "main form[method=post]:not([action='/help']):not([action='/theme']), main [data-dialog], main a[href='/devices/new']"
	for name, c := range pagesToManage(shellFor(people.Viewer)) {
		t.Run("viewer, "+name, func(t *testing.T) { has(t, document(t, c), forbidden, 0) })
	}
	for name, c := range pagesToManage(shellFor(people.Operator)) {
		t.Run("operator, "+name, func(t *testing.T) {
			if document(t, c).Find(forbidden).Length() == 0 {
				t.Error("an operator finds nothing to change")
			}
		})
	}
}

func TestAnOpenWindowShowsOnEveryPage(t *testing.T) {
	for _, tc := range []struct {
		name    string
		role    people.Role
		until   time.Duration
		line    int
		buttons int
	}{
		{"operator", people.Operator, 4*time.Minute + 12*time.Second, 1, 1},
		{"viewer", people.Viewer, 4*time.Minute + 12*time.Second, 1, 0},
		{"closed", people.Admin, 0, 0, 0},
		{"over", people.Admin, -time.Second, 0, 0},
		{"stranger", people.NoRole, time.Minute, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := shellFor(tc.role)
			if tc.until != 0 {
				s.WindowUntil = noon.Add(tc.until)
			}
			doc := document(t, About(AboutPage{Shell: s}))
			has(t, doc, ".winline", tc.line)
			has(t, doc, ".winline form[action='/enrolment/close'] input[name=back][value='/somewhere']", tc.buttons)
			if tc.line == 1 {
				if got := words(doc, ".winline time[data-countdown]"); got != "4 min 12 s" {
					t.Errorf("the time left is %q", got)
				}
			}
		})
	}
}

func TestLeftText(t *testing.T) {
	for left, want := range map[time.Duration]string{
		-time.Minute: "0 s", 0: "0 s", time.Millisecond: "1 s", 59 * time.Second: "59 s", time.Minute: "1 min 0 s",
		59*time.Second + time.Millisecond: "1 min 0 s", time.Hour: "60 min 0 s",
	} {
		if got := leftText(noon.Add(left), noon); got != want {
			t.Errorf("%v: %q, want %q", left, got, want)
		}
	}
}

func TestErrorPagesKeepTheShellForPeopleWhoAreSignedIn(t *testing.T) {
	problem := Problem{Status: 403, Title: "Not allowed", Message: "This takes an admin."}
	known := document(t, ErrorPage(shellFor(people.Viewer), problem))
	has(t, known, ".side .nav a", 7)
	stranger := document(t, ErrorPage(shellFor(people.NoRole), problem))
	has(t, stranger, "nav, .side, .bottom", 0)
	has(t, stranger, "a[href='/login']", 1)
	for _, doc := range []*goquery.Document{known, stranger} {
		if got := words(doc, "h1"); got != "Not allowed" {
			t.Errorf("the heading is %q", got)
		}
	}
}

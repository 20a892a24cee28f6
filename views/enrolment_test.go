package views

import (
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/people"
)

func TestInboxApprovesAndDismissesInOneClick(t *testing.T) {
	doc := document(t, Enrolment(EnrolmentPage{Shell: shellFor(people.Operator), Inbox: []devices.Applicant{
		{ID: "greenhouse-09", Address: "192.0.2.77", First: noon.Add(-time.Hour), Last: noon, Count: 1204},
		{ID: "greenhouse-04", Address: "2001:db8::1", First: noon, Last: noon, Count: 1, Known: true},
	}}))
	for _, action := range []string{"approve", "dismiss"} {
		form := "tr:first-child form[method=post][action='/enrolment/inbox/" + action + "'] "
		has(t, doc, form+"input[type=hidden][name=id][value=greenhouse-09]", 1)
		has(t, doc, form+"input[type=hidden][name=address][value='192.0.2.77']", 1)
		has(t, doc, form+"button[type=submit]", 1)
	}
	if got := words(doc, "tbody tr:first-child td:not(.acts)"); got != "New | 192.0.2.77 | First asked 1 h ago | Last asked just now | 1,204 times" {
		t.Errorf("the first row says %q", got)
	}
	if got := words(doc, "tbody tr:last-child .st"); got != "Known" {
		t.Errorf("a registered device is %q", got)
	}
}

func TestEmptyInboxSaysHowADeviceGetsThere(t *testing.T) {
	doc := document(t, Enrolment(EnrolmentPage{Shell: shellFor(people.Operator), AppURL: "https://iot.example.org"}))
	if got := words(doc, "section[aria-labelledby=inbox] .mono"); got != "GET https://iot.example.org/api/env/DEVICE-ID" {
		t.Errorf("the address is %q", got)
	}
}

func TestWindowOpensForMinutesAndCloses(t *testing.T) {
	closed := document(t, Enrolment(EnrolmentPage{Shell: shellFor(people.Operator)}))
	for _, minutes := range []string{"5", "15", "60"} {
		has(t, closed, "form[method=post][action='/enrolment/open'] button[name=minutes][value='"+minutes+"']", 1)
	}
	has(t, closed, "form[action='/enrolment/close']", 0)

	s := shellFor(people.Operator)
	s.WindowUntil = noon.Add(90 * time.Second)
	open := document(t, Enrolment(EnrolmentPage{Shell: s, Window: devices.Window{Until: s.WindowUntil, By: "m.okafor"}}))
	has(t, open, "main form[method=post][action='/enrolment/close']", 1)
	if got := words(open, "main .kpi"); got != "1 min 30 s left" {
		t.Errorf("the card says %q", got)
	}
}

func TestEnrolmentKeysShowTheirUse(t *testing.T) {
	doc := document(t, Enrolment(EnrolmentPage{Shell: shellFor(people.Operator), Keys: []devices.EnrolmentKey{
		{ID: "e1", Name: "November", Hint: "x81f", Pattern: "greenhouse-*", Most: 20, Used: 3, CreatedAt: noon, CreatedBy: "m.okafor", ExpiresAt: noon.Add(24 * time.Hour)},
	}}))
	if got := words(doc, "section[aria-labelledby=enrolment-keys] tbody tr > :not(.acts)"); got != "November | …x81f | Ids: greenhouse-* | Devices: 3 of 20 | Ends 21 Nov 2026 | Made 20 Nov 2026 by m.okafor" {
		t.Errorf("the row says %q", got)
	}
	has(t, doc, "a[data-dialog][href='/enrolment/keys/e1/revoke']", 1)
}

func TestTokenCardTellsWhatIsKnownAndNoToken(t *testing.T) {
	for _, tc := range []struct {
		name                    string
		role                    people.Role
		device                  devices.Device
		rotate, suspend, resume int
		former                  int
	}{
		{"viewer", people.Viewer, devices.Device{ID: "a"}, 0, 0, 0, 0},
		{"operator", people.Operator, devices.Device{ID: "a"}, 1, 1, 0, 0},
		{"rotated", people.Operator, devices.Device{ID: "a", PrevUntil: noon.Add(time.Hour)}, 1, 1, 0, 1},
		{"deadline passed", people.Operator, devices.Device{ID: "a", PrevUntil: noon}, 1, 1, 0, 0},
		{"suspended", people.Operator, devices.Device{ID: "a", Suspended: true}, 0, 0, 1, 0},
		{"viewer of a suspended one", people.Viewer, devices.Device{ID: "a", Suspended: true}, 0, 0, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doc := document(t, Device(DevicePage{Shell: shellFor(tc.role), Device: tc.device, Last: noon}))
			has(t, doc, "a[data-dialog][href='/devices/a/rotate']", tc.rotate)
			has(t, doc, "a[data-dialog][href='/devices/a/suspend']", tc.suspend)
			has(t, doc, "form[method=post][action='/devices/a/resume'] button", tc.resume)
			has(t, doc, "section[aria-labelledby=token] .note", tc.former)
			want := "Online"
			if tc.device.Suspended {
				want = "Suspended"
			}
			if got := words(doc, ".ph .chip"); got != want {
				t.Errorf("the chip says %q, want %q", got, want)
			}
		})
	}
}

func TestSuspendedDevicesAreListedAsSuch(t *testing.T) {
	rows := NewDeviceRows([]devices.Device{{ID: "a", Suspended: true}, {ID: "b"}}, map[devices.ID]time.Time{"a": noon, "b": noon}, nil, noon)
	if rows[0].State != devices.Suspended || rows[1].State != devices.Online {
		t.Errorf("the states are %v and %v", rows[0].State, rows[1].State)
	}
	q := ParseListQuery(map[string][]string{"state": {"suspended"}})
	doc := document(t, Devices(DevicesPage{Shell: shellFor(people.Viewer), Query: q, All: 2, Total: 1, Counts: map[devices.State]int{devices.Suspended: 1}, Rows: rows[:1]}))
	if got := words(doc, ".tabs a[aria-current]"); got != "Suspended 1" {
		t.Errorf("the chosen tab is %q", got)
	}
}

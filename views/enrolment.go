package views

import (
	"iotcenter/devices"
	"iotcenter/telemetry"
)

// EnrolmentPage is the doors by which devices become known.
//
// Forms: POST /enrolment/open (minutes, back), POST /enrolment/close (back), POST /enrolment/inbox/approve and /dismiss
// (id, address). back is the page to come back to.
type EnrolmentPage struct {
	Shell
	Window devices.Window
	Inbox  []devices.Applicant
	Keys   []devices.EnrolmentKey
	Unread bool   // inbox and keys could not be read
	AppURL string // how a device reaches the app, such as https://iot.example.org
}

// WindowMinutes are the times that are offered for an open window.
func WindowMinutes() []int { return []int{5, 15, 60} }

// NewEnrolmentKeyPage is the form for an enrolment key: POST /enrolment/keys/new (name, pattern, most, days).
type NewEnrolmentKeyPage struct {
	Shell
	Name, Pattern, Most, Days string // as typed

	NameProblem, PatternProblem, MostProblem, ExpiresProblem string // sentences; "" when nothing is wrong
}

// RevokeEnrolmentKeyPage asks before an enrolment key is revoked.
type RevokeEnrolmentKeyPage struct {
	Shell
	Key devices.EnrolmentKey
}

// RevokeEnrolmentKeyPath is the address of that question.
func RevokeEnrolmentKeyPath(id string) string { return "/enrolment/keys/" + pathEscape(id) + "/revoke" }

// open tells whether the window is open.
func (p EnrolmentPage) open() bool { return p.Window.Until.After(p.Now) }

// askURL is the address at which a device asks, with a word in the place of its id.
func (p EnrolmentPage) askURL() string { return p.AppURL + "/api/env/DEVICE-ID" }

// usedWords says how many devices a key has enrolled.
func usedWords(k devices.EnrolmentKey) string {
	return telemetry.FormatCount(k.Used) + " of " + telemetry.FormatCount(k.Most)
}

// openWords is the word of a button that opens the window, or opens it anew.
func (p EnrolmentPage) openWords(minutes int) string {
	verb := "Open for "
	if p.open() {
		verb = "Make it "
	}
	if minutes == 60 {
		return verb + "1 hour"
	}
	return verb + plural(minutes, "minute")
}

package views

import "iotcenter/people"

// AccountPage is a person's own account: password and sessions.
//
// Forms: POST /account/password (old, new, repeat), POST /account/sessions/{ref}/end, POST /logout.
type AccountPage struct {
	Shell
	Account  people.Account
	Sessions []people.Session
	Current  string // Ref of the session of this browser; "" for a person whom a proxy vouches for

	OldProblem, NewProblem, RepeatProblem string // sentences; "" when nothing is wrong
}

// Addresses of the forms of the account page.
func endSessionPath(ref string) string { return "/account/sessions/" + pathEscape(ref) + "/end" }

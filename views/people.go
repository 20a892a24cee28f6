package views

import "iotcenter/people"

// PeoplePage is the list of accounts.
type PeoplePage struct {
	Shell
	Rows []people.Account
}

// Ways in which a new account signs in; values of the field "how".
const (
	HowGenerate = "generate" // with a password that the app makes up and shows once
	HowGiven    = "given"    // with the one in the field "password"
	HowProxy    = "proxy"    // with none: a reverse proxy vouches for the person
)

// NewPersonPage is the form for an account: POST /people/new (username, role, how, password).
type NewPersonPage struct {
	Shell
	Username string      // as typed
	Role     people.Role // chosen; NoRole counts as Viewer
	How      string      // one of the How constants; "" counts as HowGenerate

	UsernameProblem, RoleProblem, PasswordProblem string // sentences; "" when nothing is wrong
}

// PersonPage is one account.
//
// Forms: POST PersonPath(name)/role (role), /password, /sessions/end; GET and POST /remove.
type PersonPage struct {
	Shell
	Account     people.Account
	Sessions    []people.Session
	LastAdmin   bool   // nobody else is an admin: no other role, no removal
	RoleProblem string // a sentence; "" when nothing is wrong
}

// RemovePersonPage asks before an account is removed.
type RemovePersonPage struct {
	Shell
	Account people.Account
}

// role is the chosen role.
func (p NewPersonPage) role() people.Role {
	if p.Role == people.NoRole {
		return people.Viewer
	}
	return p.Role
}

// how is the chosen way to sign in.
func (p NewPersonPage) how() string {
	if p.How == "" {
		return HowGenerate
	}
	return p.How
}

// self tells whether people look at their own account.
func (p PersonPage) self() bool { return p.Account.Name == p.Person.Name }

// PersonPath is the address of an account's page.
func PersonPath(name string) string {
	if name == "new" {
		return personBase(name) + "?person" // the form for a new account stands at the address itself
	}
	return personBase(name)
}

func personBase(name string) string { return "/people/" + pathEscape(name) }

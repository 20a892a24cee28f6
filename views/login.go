package views

// LoginPage is the sign-in form. It stands alone: of the Shell it uses theme, time, database and messages.
type LoginPage struct {
	Shell
	Username string // as typed
	Problem  string // a sentence; "" when nothing is wrong
	Next     string // where to go after signing in; a path on this site
	Notice   string // why the person is here, such as "You are signed out."; may be ""
}

// closed is the reason why nobody can sign in; "" when people can.
func (p LoginPage) closed() string {
	if p.Database.Ready {
		return ""
	}
	return "The database does not answer, so nobody can sign in right now. Reload this page in a moment."
}

package views

import "iotcenter/people"

// Person is who looks at a page, as far as pages care.
type Person struct {
	Name       string      // "" for nobody
	Role       people.Role // what the person may do
	Password   bool        // signs in with a password; false: a reverse proxy vouches for the person
	MustChange bool        // the password has to be changed before anything else
	Generated  bool        // the password is the one that was printed at the first start
}

// SignedIn tells whether anybody is signed in.
func (s Shell) SignedIn() bool { return s.Person.Name != "" }

// CanManage tells whether the person may change devices, buckets and the virtual device.
func (s Shell) CanManage() bool { return s.Person.Role >= people.Operator }

// CanAdminister tells whether the person may manage people, keys and the audit log.
func (s Shell) CanAdminister() bool { return s.Person.Role >= people.Admin }

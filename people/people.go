// Package people is who may use the app: accounts with their roles, sessions, API keys, and the trail of what they
// did. It knows no database, no request and no page; what it remembers lies in a ledger, which all replicas share. What
// is secret lies there only as a hash: passwords as argon2id, sessions, keys and one-time codes under a keyed one.
package people

import (
	"errors"
	"fmt"
	"time"
)

// Role is what a person may do. Each role may do what the ones before it may.
type Role int8

// The roles. NoRole is nobody's.
const (
	NoRole   Role = iota
	Viewer        // sees
	Operator      // and manages devices, buckets, the emulator
	Admin         // and people, keys, settings
)

var roleNames = [...]string{"", "viewer", "operator", "admin"}

// String is the role's name: viewer, operator, admin; "" for none.
func (r Role) String() string {
	if r < 0 || int(r) >= len(roleNames) {
		return ""
	}
	return roleNames[r]
}

// ParseRole reads a role's name; false for anything else.
func ParseRole(s string) (Role, bool) {
	for r := Viewer; r <= Admin; r++ {
		if s == r.String() {
			return r, true
		}
	}
	return NoRole, false
}

// Level is what an API key may do. Each level may do what the ones before it may.
type Level int8

// The levels. NoLevel is no key's.
const (
	NoLevel    Level = iota
	Overview         // reads
	Technical        // and writes data of any device
	Administer       // and does what an operator may, and asks for devices' settings
)

var levelNames = [...]string{"", "OVERVIEW", "TECHNICAL", "ADMIN"}

// String is the level's name: OVERVIEW, TECHNICAL, ADMIN; "" for none.
func (l Level) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return ""
	}
	return levelNames[l]
}

// ParseLevel reads a level's name; false for anything else.
func ParseLevel(s string) (Level, bool) {
	for l := Overview; l <= Administer; l++ {
		if s == l.String() {
			return l, true
		}
	}
	return NoLevel, false
}

// Errors of this room. What the ledger's store returns passes through.
var (
	// ErrNotFound: no such account, session or key; also one that is revoked or has run out.
	ErrNotFound = errors.New("not found")
	// ErrExists: the account's name is taken.
	ErrExists = errors.New("the name is taken")
	// ErrRefused: name or password is wrong; which of them is nobody's business.
	ErrRefused = errors.New("user name or password is wrong")
	// ErrLastAdmin: nobody would be left to manage people.
	ErrLastAdmin = errors.New("this is the last admin")
	// ErrBusy: too many passwords are being checked at this moment.
	ErrBusy = errors.New("too many people are signing in")
)

// InvalidError tells what is wrong with a value that a person gave.
type InvalidError struct {
	Field   string // username, password, name, role, level, expires, …: as the form calls it
	Problem string // a sentence for the person
}

func (e *InvalidError) Error() string { return e.Problem }

// TooManyError: there were too many failures; the next attempt is looked at after RetryAfter.
type TooManyError struct{ RetryAfter time.Duration }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("too many failures; try again in %v", e.RetryAfter.Round(time.Second))
}

// Account is a person as pages see it; it holds neither password nor code.
type Account struct {
	Name        string // lower case; 1 to 64 characters
	Role        Role
	Password    bool      // signs in with a password; without one only a reverse proxy can vouch for the person
	MustChange  bool      // somebody else chose the password: it has to be changed before anything else
	Generated   bool      // the password was generated at the first start and printed
	PasswordAt  time.Time // when the password was set
	CreatedAt   time.Time
	CreatedBy   string    // "" for what the app made itself
	LastSession time.Time // newest sign-in; up to a minute old where that was on another replica; zero: none is known
}

// Session is a signed-in browser.
type Session struct {
	Ref       string // names it in lists; of no use for signing in
	Account   string
	CreatedAt time.Time
	ExpiresAt time.Time // the absolute end
	Address   string    // where the person signed in from
	Agent     string    // what the browser called itself, cut
}

// APIKey is a key as lists show it; never the secret.
type APIKey struct {
	ID        string
	Name      string
	Level     Level
	Hint      string // the last four characters of the secret
	CreatedAt time.Time
	CreatedBy string
	ExpiresAt time.Time // zero: never
	LastUse   time.Time // zero: never; up to a minute old
}

// EnvironmentKey is the ID and Name of the key that API_KEY holds.
const EnvironmentKey = "API_KEY"

// Origin is where an attempt comes from.
type Origin struct {
	Address string // of the client, without port
	Agent   string // User-Agent
	// Browser names a browser that has signed in to this account before, as far as the caller can prove; "" for any other.
	// Its failures are counted apart, so that strangers who guess do not lock those out who belong there.
	Browser string
}

// Times of sessions.
const (
	SessionIdle = 12 * time.Hour     // without a request; the cookie carries the last one
	SessionLife = 7 * 24 * time.Hour // at most
)

// Event is a line of the audit log: who did what to what, when, with what result.
type Event struct {
	At        time.Time
	ActorKind string // "person", "key", "device", "app", "nobody"
	Actor     string // name of the person or key, id of the device; "" for nobody
	Address   string // of the client, without port; "" for what the app did by itself
	Action    string // one of the Action constants
	Target    string // id or name of what it was done to; as it came, cut to 200 bytes
	Result    string // "ok", "refused" or "failed"
	Detail    string // a few words; no secret
	RequestID string
}

// The actions of the audit log.
const (
	ActionSignIn        = "sign-in"
	ActionSignOut       = "sign-out"
	ActionLockout       = "lockout"
	ActionPassword      = "password"
	ActionAccountAdd    = "account-add"
	ActionAccountRole   = "account-role"
	ActionAccountRemove = "account-remove"
	ActionSessionEnd    = "session-end"
	ActionKeyMake       = "key-make"
	ActionKeyRevoke     = "key-revoke"
	ActionRegister      = "device-register"
	ActionRemove        = "device-remove"
	ActionRotate        = "token-rotate"
	ActionSuspend       = "device-suspend"
	ActionResume        = "device-resume"
	ActionConfiguration = "configuration" // a device's settings and token were handed out
	ActionEnrolKeyMake  = "enrolment-key-make"
	ActionEnrolKeyEnd   = "enrolment-key-revoke"
	ActionWindowOpen    = "enrolment-open"
	ActionWindowClose   = "enrolment-close"
	ActionApprove       = "approve"
	ActionDismiss       = "dismiss"
	ActionBucketMake    = "bucket-make"
	ActionRetention     = "bucket-retention"
	ActionBackfill      = "backfill"
	ActionExport        = "export"
	ActionProduct       = "product"      // name, type or attributes of a device were changed
	ActionType          = "product_type" // a product type was made, changed or removed
	ActionLabel         = "label"        // a label was made, renamed or removed, or given to other devices
	ActionDenied        = "denied"       // a role or a level does not allow it
	ActionLost          = "audit-lost"   // events that were noted while the log could not be written, and were too many to keep
)

// Actions lists all of them, for the filter of the page.
func Actions() []string {
	return []string{
		ActionSignIn, ActionSignOut, ActionLockout, ActionPassword, ActionAccountAdd, ActionAccountRole, ActionAccountRemove,
		ActionSessionEnd, ActionKeyMake, ActionKeyRevoke, ActionRegister, ActionRemove, ActionRotate, ActionSuspend, ActionResume,
		ActionConfiguration, ActionEnrolKeyMake, ActionEnrolKeyEnd, ActionWindowOpen, ActionWindowClose, ActionApprove,
		ActionDismiss, ActionBucketMake, ActionRetention, ActionBackfill, ActionExport, ActionProduct,
		ActionType, ActionLabel, ActionDenied, ActionLost,
	}
}

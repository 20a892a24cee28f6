package people

import (
	"context"
	"log/slog"
	"time"

	"iotcenter/ledger"
)

// Options is what a Directory works with. Ledger and Secret are needed.
type Options struct {
	Ledger *ledger.Ledger
	Uses   UseStore         // optional: last uses are then kept in memory only
	Secret []byte           // keys that hash API keys and sessions derive from it
	EnvKey string           // the value of API_KEY; "" for none
	Clock  func() time.Time // optional: time.Now
	Log    *slog.Logger     // optional: none
}

// UseStore keeps when things were last used. A later use replaces an earlier one: there is one point for each.
type UseStore interface {
	// PutUses writes the newest use of each id.
	PutUses(ctx context.Context, kind string, uses map[string]time.Time) error
	// Uses gives the newest use of every id of the kind.
	Uses(ctx context.Context, kind string) (map[string]time.Time, error)
}

// Directory is accounts, sessions and API keys. It is safe for concurrent use.
type Directory struct{ Options }

// NewDirectory makes a directory; it asks nothing before Run.
func NewDirectory(o Options) (*Directory, error) { panic("not written yet") }

// Run reads and writes the last uses of keys, until ctx ends; then it writes what is left.
func (d *Directory) Run(ctx context.Context) error { panic("not written yet") }

// Ready is nil once the directory can answer, else ledger.ErrNotLoaded.
func (d *Directory) Ready() error { panic("not written yet") }

// FirstAdmin is what EnsureAdmin did.
type FirstAdmin struct {
	Made     bool
	Name     string // "admin"
	Password string // the generated one; "" if it was given, or nothing was made
	Code     string // of the one-time sign-in link; "" if the password was given, or nothing was made
}

// EnsureAdmin makes the account "admin" where there is no account at all. given is its password; "" has one generated.
// Of replicas that start at the same moment one makes it. The ledger has to be loaded.
func (d *Directory) EnsureAdmin(ctx context.Context, given string) (FirstAdmin, error) {
	panic("not written yet")
}

// ResetPassword gives the account a new generated password, makes it if it is missing (as an admin), ends its sessions
// and forgets its failures.
func (d *Directory) ResetPassword(ctx context.Context, name string) (password string, err error) {
	panic("not written yet")
}

// SignIn checks name and password and makes a session; token is the session's secret, for the cookie.
// ErrRefused, *TooManyError, ErrBusy.
func (d *Directory) SignIn(ctx context.Context, name, password string, from Origin) (token string, a Account, err error) {
	panic("not written yet")
}

// SignInOnce makes a session for the code of a one-time link. ErrRefused, *TooManyError.
func (d *Directory) SignInOnce(ctx context.Context, code string, from Origin) (token string, a Account, err error) {
	panic("not written yet")
}

// Session finds who a session's token belongs to. ErrNotFound: unknown, revoked or at its end. A token that is unknown
// here may have been made on another replica a moment ago: the ledger is refreshed for it, but only so often.
func (d *Directory) Session(ctx context.Context, token string) (Session, Account, error) {
	panic("not written yet")
}

// SignOut ends the session of a token; one that is gone already is no error.
func (d *Directory) SignOut(ctx context.Context, token string) error { panic("not written yet") }

// Sessions lists an account's sessions, newest first.
func (d *Directory) Sessions(name string) []Session { panic("not written yet") }

// EndSession ends one of the account's sessions by its Ref. ErrNotFound.
func (d *Directory) EndSession(ctx context.Context, name, ref string) error { panic("not written yet") }

// ChangePassword sets the account's password after checking the old one, ends all of its sessions, and makes a new one
// for the browser at hand. ErrRefused (old is wrong), *TooManyError, *InvalidError.
func (d *Directory) ChangePassword(ctx context.Context, name, old, new string, from Origin) (token string, err error) {
	panic("not written yet")
}

// Accounts lists all accounts by name.
func (d *Directory) Accounts() []Account { panic("not written yet") }

// Account gives one by name, in any case of letters. ErrNotFound.
func (d *Directory) Account(name string) (Account, error) { panic("not written yet") }

// AddAccount makes an account. password "" has one generated, which is returned and has to be changed at the first
// sign-in; a given one, too. noPassword makes an account that only a reverse proxy signs in. *InvalidError, ErrExists.
func (d *Directory) AddAccount(ctx context.Context, by, name string, role Role, password string, noPassword bool) (generated string, err error) {
	panic("not written yet")
}

// SetRole changes an account's role; it holds from the next request on. ErrNotFound, ErrLastAdmin.
func (d *Directory) SetRole(ctx context.Context, name string, role Role) error {
	panic("not written yet")
}

// SetPassword gives an account a new generated password that has to be changed at the next sign-in, and ends its
// sessions. ErrNotFound.
func (d *Directory) SetPassword(ctx context.Context, name string) (generated string, err error) {
	panic("not written yet")
}

// RemoveAccount removes an account and ends its sessions. ErrNotFound, ErrLastAdmin.
func (d *Directory) RemoveAccount(ctx context.Context, name string) error { panic("not written yet") }

// Keys lists the API keys that hold, newest first; the one of the environment, if set, comes first.
func (d *Directory) Keys() []APIKey { panic("not written yet") }

// MakeKey makes an API key; secret is shown once and kept nowhere. *InvalidError.
func (d *Directory) MakeKey(ctx context.Context, by, name string, level Level, expires time.Time) (k APIKey, secret string, err error) {
	panic("not written yet")
}

// RevokeKey ends a key at once. ErrNotFound.
func (d *Directory) RevokeKey(ctx context.Context, id string) error { panic("not written yet") }

// Key finds the key of a secret and notes its use. ErrNotFound: unknown, revoked or at its end.
func (d *Directory) Key(ctx context.Context, secret string) (APIKey, error) {
	panic("not written yet")
}

package people

import (
	"context"
	"crypto/hmac"
	"errors"
	"log/slog"
	"time"

	"iotcenter/ledger"
)

// The kinds of documents in the ledger.
const (
	kindAccount = "account" // by name
	kindSession = "session" // by the keyed hash of the token
	kindKey     = "apikey"  // by the keyed hash of the secret
	kindClaim   = "claim"   // by a random id: who wants to make the first admin
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
//
// What is asked for every request, Session, Account and Key, is answered from the ledger's memory. Two changes of one
// account at the same instant on two replicas are not kept apart: the later one holds, whole.
type Directory struct {
	Options
	hashes   hashes
	envHash  string // of EnvKey; "" for none
	hasher   *hasher
	throttle *throttle
	used     *uses
	changing chan struct{} // held by whoever changes an account or the number of keys
}

// NewDirectory makes a directory; it asks nothing before Run.
func NewDirectory(o Options) (*Directory, error) { return newDirectory(o, today) }

// newDirectory lets tests hash at less cost.
func newDirectory(o Options, c cost) (*Directory, error) {
	if o.Ledger == nil {
		return nil, errors.New("a directory needs a ledger")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h, err := newHashes(o.Secret)
	if err != nil {
		return nil, err
	}
	d := &Directory{
		Options: o, hashes: h, hasher: newHasher(c), throttle: newThrottle(o.Clock), used: newUses(),
		changing: make(chan struct{}, 1),
	}
	if o.EnvKey != "" {
		d.envHash = h.key.of(o.EnvKey)
	}
	return d, nil
}

// Ready is nil once the directory can answer, else ledger.ErrNotLoaded.
func (d *Directory) Ready() error { return d.Ledger.Ready() }

// fresh reads what other replicas wrote before the call.
func (d *Directory) fresh(ctx context.Context) error {
	if d.Ledger.Poll <= 0 {
		return d.Ready() // there are no others
	}
	return d.Ledger.Refresh(ctx)
}

// lock waits for the right to change accounts; unlock gives it back.
func (d *Directory) lock(ctx context.Context) error {
	select {
	case d.changing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Directory) unlock() { <-d.changing }

// isEnvKey tells whether a secret with this keyed hash is the one of the environment.
func (d *Directory) isEnvKey(hash string) bool {
	return d.envHash != "" && hmac.Equal([]byte(hash), []byte(d.envHash))
}

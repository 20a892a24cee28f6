package devices

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"iotcenter/ledger"
)

// EnrolmentKey is a key that registers devices; never the secret.
type EnrolmentKey struct {
	ID        string
	Name      string
	Hint      string // the last four characters of the secret
	Pattern   string // ids that it may enrol, such as greenhouse-*; "" means any
	Most      int    // devices that it may enrol
	Used      int    // devices that it has enrolled
	CreatedAt time.Time
	CreatedBy string
	ExpiresAt time.Time // no new devices from then on; the enrolled ones still get their configuration
}

// InvalidKeyError tells what is wrong with the wanted key.
type InvalidKeyError struct {
	Field   string // name, pattern, most or expires
	Problem string // a sentence for the person
}

func (e *InvalidKeyError) Error() string { return e.Problem }

// Bounds of enrolment keys.
const (
	EnrolmentPrefix  = "iote_" // every secret starts so
	MaxEnrolmentKeys = 200
	MaxEnrolmentMost = 100_000
	MaxEnrolmentLife = 366 * 24 * time.Hour
	maxKeyName       = 64 // characters
)

// keyBody is an EnrolmentKey in the ledger. Hash is the keyed hash of the secret, which is kept nowhere.
type keyBody struct {
	Name      string    `json:"name"`
	Hint      string    `json:"hint"`
	Hash      string    `json:"hash"`
	Pattern   string    `json:"pattern,omitempty"`
	Most      int       `json:"most"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// keyTable is the keys of one version of the ledger.
type keyTable struct {
	version uint64
	byHash  map[string]EnrolmentKey
}

// table gives the keys as they are known here.
func (e *Enrolment) table() *keyTable {
	version := e.Ledger.Version()
	if t := e.keys.Load(); t != nil && t.version == version {
		return t
	}
	t := &keyTable{version: version, byHash: make(map[string]EnrolmentKey)}
	for _, entry := range e.Ledger.All(kindKey) {
		var b keyBody
		if err := json.Unmarshal(entry.Body, &b); err != nil || b.Hash == "" {
			continue // what cannot be read lets nobody in
		}
		t.byHash[b.Hash] = EnrolmentKey{
			ID: entry.ID, Name: b.Name, Hint: b.Hint, Pattern: b.Pattern, Most: b.Most,
			CreatedAt: b.CreatedAt, CreatedBy: b.CreatedBy, ExpiresAt: b.ExpiresAt,
		}
	}
	e.keys.Store(t)
	return t
}

// keyOf finds the key of a secret, expired or used up as it may be.
func (e *Enrolment) keyOf(secret string) (EnrolmentKey, bool) {
	if !strings.HasPrefix(secret, EnrolmentPrefix) {
		return EnrolmentKey{}, false
	}
	k, ok := e.table().byHash[e.Sealer.Hash(secret)]
	return k, ok
}

// fits tells whether the key may enrol a device of this id.
func (k EnrolmentKey) fits(id ID) bool {
	if k.Pattern == "" {
		return true
	}
	ok, err := path.Match(k.Pattern, string(id))
	return ok && err == nil
}

// MakeKey makes an enrolment key of name, pattern, most, expiry and maker; secret is shown once and kept nowhere.
// *InvalidKeyError.
func (e *Enrolment) MakeKey(ctx context.Context, k EnrolmentKey) (made EnrolmentKey, secret string, err error) {
	now := e.Clock().UTC().Round(0)
	k.Name = strings.TrimSpace(k.Name)
	if err := k.validate(now); err != nil {
		return EnrolmentKey{}, "", err
	}
	unlock, err := e.making.lock(ctx, "")
	if err != nil {
		return EnrolmentKey{}, "", err
	}
	defer unlock()
	if len(e.table().byHash) >= MaxEnrolmentKeys {
		return EnrolmentKey{}, "", &InvalidKeyError{"name", fmt.Sprintf("There are %d keys already. Revoke one that is not needed any more.", MaxEnrolmentKeys)}
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	secret = EnrolmentPrefix + base64.RawURLEncoding.EncodeToString(raw)
	made = EnrolmentKey{
		ID: strings.ToLower(rand.Text()[:12]), Name: k.Name, Hint: secret[len(secret)-4:], Pattern: k.Pattern, Most: k.Most,
		CreatedAt: now, CreatedBy: k.CreatedBy, ExpiresAt: k.ExpiresAt.UTC().Round(0),
	}
	body, err := json.Marshal(keyBody{
		Name: made.Name, Hint: made.Hint, Hash: e.Sealer.Hash(secret), Pattern: made.Pattern, Most: made.Most,
		CreatedAt: made.CreatedAt, CreatedBy: made.CreatedBy, ExpiresAt: made.ExpiresAt,
	})
	if err != nil {
		return EnrolmentKey{}, "", fmt.Errorf("writing the key: %w", err)
	}
	if err := e.Ledger.Put(ctx, ledger.Entry{Kind: kindKey, ID: made.ID, Body: body}); err != nil {
		return EnrolmentKey{}, "", err
	}
	return made, secret, nil
}

func (k EnrolmentKey) validate(now time.Time) error {
	bad := func(field, problem string) error { return &InvalidKeyError{field, problem} }
	switch {
	case k.Name == "":
		return bad("name", "A name is needed, so that the key can be told from others.")
	case utf8.RuneCountInString(k.Name) > maxKeyName:
		return bad("name", fmt.Sprintf("A name has at most %d characters.", maxKeyName))
	case !utf8.ValidString(k.Name), strings.ContainsFunc(k.Name, func(c rune) bool { return !unicode.IsPrint(c) }):
		return bad("name", "A name has no control characters.")
	case k.Most < 1 || k.Most > MaxEnrolmentMost:
		return bad("most", "The number of devices is between 1 and 100,000.")
	case k.ExpiresAt.IsZero():
		return bad("expires", "A key needs an end.")
	case !k.ExpiresAt.After(now):
		return bad("expires", "The end lies in the past.")
	case k.ExpiresAt.Sub(now) > MaxEnrolmentLife:
		return bad("expires", "A key lasts at most one year.")
	}
	if problem := patternProblem(k.Pattern); problem != "" {
		return bad("pattern", problem)
	}
	return nil
}

// patternProblem tells what is wrong with a pattern; "" for nothing. A pattern is an id in which * stands for any text
// and ? for any character. What else path.Match knows is refused: no id needs it.
func patternProblem(p string) string {
	if len(p) > MaxIDLength {
		return fmt.Sprintf("A pattern has at most %d characters.", MaxIDLength)
	}
	for i := range len(p) {
		if c := p[i]; !alnum(c) && !strings.ContainsRune("._:-*?", rune(c)) {
			return "A pattern has letters, digits, and . _ : - of an id, * for any text and ? for any character."
		}
		if i == 0 && strings.ContainsRune("._:-", rune(p[0])) {
			return "An id starts with a letter or a digit, so no id fits this pattern."
		}
	}
	return ""
}

// Keys lists the keys that are not revoked, newest first.
func (e *Enrolment) Keys(ctx context.Context) ([]EnrolmentKey, error) {
	if err := e.Ledger.Ready(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err := e.Registry.refresh(ctx); err != nil {
		return nil, err
	}
	out := []EnrolmentKey{}
	for _, k := range e.table().byHash {
		k.Used = e.Registry.Enrolled(k.ID)
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b EnrolmentKey) int { return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

// RevokeKey ends a key at once, for the devices that it enrolled as well; their tokens go on working. ErrNotFound.
func (e *Enrolment) RevokeKey(ctx context.Context, id string) error {
	if _, ok := e.Ledger.Get(kindKey, id); !ok {
		if err := e.Ledger.Ready(); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return ErrNotFound
	}
	return e.Ledger.Delete(ctx, kindKey, id)
}

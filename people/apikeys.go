package people

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"iotcenter/ledger"
)

// maxKeys is how many API keys there are at most.
const maxKeys = 500

// maxKeyYears is how far away the end of a key may be.
const maxKeyYears = 10

// hintLength is how many characters of a secret lists show.
const hintLength = 4

// apiKey is what the ledger keeps of a key, under the keyed hash of its secret.
type apiKey struct {
	Name      string    `json:"name"`
	Level     string    `json:"level"`
	Hint      string    `json:"hint"`
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
}

// Keys lists the API keys, newest first; the one of the environment, if set, comes first. A key that is at its end is
// listed until it is revoked, so that a person sees why it works no more.
func (d *Directory) Keys() []APIKey {
	var out []APIKey
	for _, e := range d.Ledger.All(kindKey) {
		if k, ok := d.readKey(e); ok {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b APIKey) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	if d.envHash != "" {
		out = slices.Insert(out, 0, d.envKey())
	}
	return out
}

// envKey is the key of the environment as lists show it.
func (d *Directory) envKey() APIKey {
	return APIKey{
		ID: EnvironmentKey, Name: EnvironmentKey, Level: Administer, Hint: hint(d.EnvKey),
		LastUse: d.used.last(useKey, EnvironmentKey),
	}
}

// hint is the end of a secret that is long enough to show some of it.
func hint(secret string) string {
	if len(secret) < 4*hintLength {
		return ""
	}
	return secret[len(secret)-hintLength:]
}

func (d *Directory) readKey(e ledger.Entry) (APIKey, bool) {
	var k apiKey
	if err := json.Unmarshal(e.Body, &k); err != nil {
		d.Log.Error("an API key's document cannot be read; it does not hold", "key", e.ID, "error", err)
		return APIKey{}, false
	}
	level, _ := ParseLevel(k.Level)
	return APIKey{
		ID: e.ID, Name: k.Name, Level: level, Hint: k.Hint, CreatedAt: k.CreatedAt, CreatedBy: k.CreatedBy,
		ExpiresAt: k.ExpiresAt, LastUse: d.used.last(useKey, e.ID),
	}, true
}

// MakeKey makes an API key; secret is shown once and kept nowhere. *InvalidError.
func (d *Directory) MakeKey(ctx context.Context, by, name string, level Level, expires time.Time) (k APIKey, secret string, err error) {
	name, err = parseKeyName(name)
	if err != nil {
		return APIKey{}, "", err
	}
	now := d.now()
	problem := ""
	switch {
	case level < Overview || level > Administer:
		return APIKey{}, "", &InvalidError{Field: "level", Problem: "The level is OVERVIEW, TECHNICAL or ADMIN."}
	case expires.IsZero():
	case !expires.After(now):
		problem = "The end has to be in the future."
	case expires.After(now.AddDate(maxKeyYears, 0, 0)):
		problem = fmt.Sprintf("At most %d years from now. A key without an end is possible, too.", maxKeyYears)
	}
	if problem != "" {
		return APIKey{}, "", &InvalidError{Field: "expires", Problem: problem}
	}
	if err := d.lock(ctx); err != nil {
		return APIKey{}, "", err
	}
	defer d.unlock()
	if len(d.Ledger.All(kindKey)) >= maxKeys {
		return APIKey{}, "", &InvalidError{Field: "name", Problem: fmt.Sprintf("There are %d keys already. Revoke one first.", maxKeys)}
	}
	secret = keyPrefix + newSecret()
	if !expires.IsZero() {
		expires = expires.UTC()
	}
	body, err := json.Marshal(apiKey{
		Name: name, Level: level.String(), Hint: hint(secret), CreatedAt: now, CreatedBy: by, ExpiresAt: expires,
	})
	if err != nil {
		return APIKey{}, "", fmt.Errorf("writing an API key: %w", err)
	}
	// Without an Until, although some have an end: it can be years away, and the list shows them afterwards, too.
	e := ledger.Entry{Kind: kindKey, ID: d.hashes.key.of(secret), Body: body}
	if err := d.Ledger.Put(ctx, e); err != nil {
		return APIKey{}, "", err
	}
	k, _ = d.readKey(e)
	return k, secret, nil
}

// RevokeKey ends a key at once. ErrNotFound. That of the environment is ended where it was set: ErrNotFound, too.
func (d *Directory) RevokeKey(ctx context.Context, id string) error {
	if err := d.Ready(); err != nil {
		return err
	}
	if _, ok := d.Ledger.Get(kindKey, id); !ok {
		if err := d.fresh(ctx); err != nil { // it may have been made on another replica
			return err
		}
		if _, ok := d.Ledger.Get(kindKey, id); !ok {
			return ErrNotFound
		}
	}
	return d.Ledger.Delete(ctx, kindKey, id)
}

// Key finds the key of a secret and notes its use. ErrNotFound: unknown, revoked or at its end. A secret that is
// unknown here may have been made on another replica a moment ago, as for Session.
func (d *Directory) Key(ctx context.Context, secret string) (APIKey, error) {
	hash := d.hashes.key.of(secret)
	now := d.Clock()
	if d.isEnvKey(hash) {
		d.used.note(useKey, EnvironmentKey, now)
		return d.envKey(), nil
	}
	if !isKeySecret(secret) {
		return APIKey{}, ErrNotFound
	}
	e, ok := d.Ledger.Get(kindKey, hash)
	if !ok {
		if err := d.Ledger.RefreshForStranger(ctx); err != nil {
			return APIKey{}, err
		}
		if e, ok = d.Ledger.Get(kindKey, hash); !ok {
			return APIKey{}, ErrNotFound
		}
	}
	k, ok := d.readKey(e)
	if !ok || !k.holds(now) {
		return APIKey{}, ErrNotFound
	}
	d.used.note(useKey, k.ID, now)
	k.LastUse = d.used.last(useKey, k.ID)
	return k, nil
}

// KeyHolds tells whether the API key of an ID, that of the environment included, is still there and not at its end. It
// answers from memory and is no use of the key: it is for what was opened with a key and goes on, such as an event stream.
func (d *Directory) KeyHolds(id string) bool {
	if id == EnvironmentKey {
		return d.envHash != ""
	}
	e, ok := d.Ledger.Get(kindKey, id)
	if !ok {
		return false
	}
	k, ok := d.readKey(e)
	return ok && k.holds(d.Clock())
}

// holds tells whether a key allows anything at a time.
func (k APIKey) holds(now time.Time) bool {
	return k.Level != NoLevel && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

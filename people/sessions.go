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

// maxSessions is how many sessions an account has at most; a further one ends the oldest.
const maxSessions = 50

// Sizes of what a session keeps of where it was made, in bytes.
const (
	maxAddress = 64
	maxAgent   = 200
)

// session is what the ledger keeps of a session, under the keyed hash of its token, until its absolute end.
type session struct {
	Account   string    `json:"account"`
	Term      string    `json:"term"` // of the account when it was made; it holds while the account has the same
	CreatedAt time.Time `json:"createdAt"`
	Address   string    `json:"address,omitempty"`
	Agent     string    `json:"agent,omitempty"`
}

// newSession makes a session of an account whose term was such when the person proved who they are, and ends the
// oldest ones that are too many.
func (d *Directory) newSession(ctx context.Context, name, term string, from Origin) (token string, err error) {
	now := d.now()
	token = newSecret()
	s := session{
		Account: name, Term: term, CreatedAt: now,
		Address: cut(from.Address, maxAddress), Agent: cut(from.Agent, maxAgent),
	}
	body, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("writing a session: %w", err)
	}
	entries := []ledger.Entry{{
		Kind: kindSession, ID: d.hashes.session.of(token), Until: now.Add(SessionLife), Body: body,
	}}
	held := 1
	for _, old := range d.sessionsOf(name) {
		if old.Term == term && held < maxSessions {
			held++
			continue
		}
		entries = append(entries, ledger.Entry{Kind: kindSession, ID: old.id, Until: old.until, Deleted: true})
	}
	if err := d.Ledger.Put(ctx, entries...); err != nil {
		return "", err
	}
	d.used.note(useAccount, name, now)
	return token, nil
}

// keptSession is a session with what its entry says beside the body.
type keptSession struct {
	session
	id    string
	until time.Time
}

// sessionsOf gives the sessions of an account, newest first, also those that do not hold any more.
func (d *Directory) sessionsOf(name string) []keptSession {
	var out []keptSession
	for _, e := range d.Ledger.All(kindSession) {
		if s, ok := d.readSession(e); ok && s.Account == name {
			out = append(out, keptSession{session: s, id: e.ID, until: e.Until})
		}
	}
	slices.SortFunc(out, func(a, b keptSession) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.id, b.id))
	})
	return out
}

func (d *Directory) readSession(e ledger.Entry) (s session, ok bool) {
	if err := json.Unmarshal(e.Body, &s); err != nil {
		d.Log.Error("a session's document cannot be read; it does not hold", "error", err)
		return session{}, false
	}
	return s, true
}

func (s keptSession) shown() Session {
	return Session{
		Ref: s.id, Account: s.Account, CreatedAt: s.CreatedAt, ExpiresAt: s.until, Address: s.Address, Agent: s.Agent,
	}
}

// Session finds who a session's token belongs to. ErrNotFound: unknown, revoked or at its end. A token that is unknown
// here may have been made on another replica a moment ago: the ledger is refreshed for it, but only so often.
func (d *Directory) Session(ctx context.Context, token string) (Session, Account, error) {
	if !isSecret(token) {
		return Session{}, Account{}, ErrNotFound
	}
	id := d.hashes.session.of(token)
	e, ok := d.Ledger.Get(kindSession, id)
	if !ok {
		if err := d.Ledger.RefreshForStranger(ctx); err != nil {
			return Session{}, Account{}, err
		}
		if e, ok = d.Ledger.Get(kindSession, id); !ok {
			return Session{}, Account{}, ErrNotFound
		}
	}
	s, ok := d.readSession(e)
	if !ok || !d.Clock().Before(e.Until) {
		return Session{}, Account{}, ErrNotFound
	}
	a, ok := d.account(s.Account)
	if !ok || a.Term != s.Term {
		return Session{}, Account{}, ErrNotFound
	}
	return keptSession{session: s, id: id, until: e.Until}.shown(), d.shown(s.Account, a), nil
}

// SignOut ends the session of a token; one that is gone already is no error. A token that is unknown here costs a read
// of the database, so that a session of another replica never outlives it: give it those of signed cookies only.
func (d *Directory) SignOut(ctx context.Context, token string) error {
	if !isSecret(token) {
		return nil
	}
	id := d.hashes.session.of(token)
	if _, ok := d.Ledger.Get(kindSession, id); !ok {
		if err := d.fresh(ctx); err != nil {
			return err
		}
	}
	return d.Ledger.Delete(ctx, kindSession, id)
}

// Sessions lists an account's sessions, newest first.
func (d *Directory) Sessions(name string) []Session {
	name, err := parseName(name)
	if err != nil {
		return nil
	}
	a, ok := d.account(name)
	if !ok {
		return nil
	}
	var out []Session
	for _, s := range d.sessionsOf(name) {
		if s.Term == a.Term {
			out = append(out, s.shown())
		}
	}
	return out
}

// EndSession ends one of the account's sessions by its Ref. ErrNotFound.
func (d *Directory) EndSession(ctx context.Context, name, ref string) error {
	if err := d.Ready(); err != nil {
		return err
	}
	for _, s := range d.Sessions(name) {
		if s.Ref == ref {
			return d.Ledger.Delete(ctx, kindSession, ref)
		}
	}
	return ErrNotFound
}

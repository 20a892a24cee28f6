package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"iotcenter/people"
	"iotcenter/views"
)

// principalKind tells by what somebody is known.
type principalKind int

const (
	byNobody principalKind = iota
	byPerson               // a session, or a proxy that vouches
	byKey                  // an API key
)

// principal is who asks.
type principal struct {
	kind    principalKind
	account people.Account // of a person
	session people.Session // of a person with a session; zero where a proxy vouches
	token   string         // the session's secret
	key     people.APIKey
}

type principalKey struct{}

// withPrincipal is the request of somebody who is known.
func withPrincipal(r *http.Request, p principal) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), principalKey{}, p))
}

// principalOf is who asks, once the router has found out.
func principalOf(r *http.Request) principal {
	p, _ := r.Context().Value(principalKey{}).(principal)
	return p
}

// identify finds out who asks. Where a key may open the route, a key that is shown decides, and no cookie.
func (s *Server) identify(w http.ResponseWriter, r *http.Request, who access) (principal, error) {
	if who.blind {
		return principal{}, nil
	}
	secret := bearer(r)
	if who.keys && secret == "" && faceOf(r) == faceHelium {
		secret = strings.TrimSpace(r.Header.Get("Authorization")) // this dialect shows its token bare
	}
	if secret != "" && who.level != people.NoLevel {
		key, err := s.keyOf(r, secret)
		if errors.Is(err, people.ErrNotFound) {
			if err = errKeyRefused; who.keys {
				err = errKeyNeeded
			}
		}
		return principal{kind: byKey, key: key}, err
	}
	if who.keys {
		return principal{}, nil
	}
	p, found, err := s.vouchedFor(r)
	if !found && err == nil {
		p, err = s.signedInPerson(w, r)
	}
	if err != nil && who.open {
		return principal{}, nil //nolint:nilerr // the sign-in page says what is wrong in its own words
	}
	return p, err
}

// keyOf is the API key of a secret. One that is known is found in memory, however many unknown ones come from the same
// address. For an unknown one the directory may ask the database, which an address can make it do so often and no more.
func (s *Server) keyOf(r *http.Request, secret string) (people.APIKey, error) {
	key, err := s.People.Key(onlyMemory, secret)
	if err == nil || !errors.Is(err, people.ErrNotFound) && !errors.Is(err, context.Canceled) {
		return key, err
	}
	if tooMany := s.guesses.unknown(s.clientOf(r).Address, s.Clock()); tooMany != nil {
		return people.APIKey{}, tooMany
	}
	if errors.Is(err, context.Canceled) {
		return s.People.Key(r.Context(), secret)
	}
	return people.APIKey{}, err
}

// clientAddress is where a request comes from, as the audit log has it; "" where nobody knows.
func (s *Server) clientAddress(r *http.Request) string {
	if a := s.clientOf(r).Address; a.IsValid() {
		return a.String()
	}
	return ""
}

// bearer is the credential of `Authorization: Token k`, `Bearer k` or `Token token=k`; "" if there is none.
func bearer(r *http.Request) string {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Token") && !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	secret = strings.TrimSpace(secret)
	if strings.EqualFold(scheme, "Token") {
		if value, ok := strings.CutPrefix(secret, "token="); ok {
			secret = strings.Trim(value, `"`)
		}
	}
	return secret
}

// vouchedFor is the person whom a trusted reverse proxy names.
func (s *Server) vouchedFor(r *http.Request) (p principal, found bool, err error) {
	if s.AuthProxyHeader == "" || !s.clientOf(r).Proxied {
		return principal{}, false, nil
	}
	names := r.Header.Values(s.AuthProxyHeader)
	if len(names) != 1 || names[0] == "" {
		return principal{}, false, nil // a proxy that says two things is believed none
	}
	account, err := s.People.Account(names[0])
	if errors.Is(err, people.ErrNotFound) {
		return principal{}, true, errNoAccount
	}
	account.MustChange = false // it is no password that let this person in
	return principal{kind: byPerson, account: account}, true, err
}

// signedInPerson is the person of the session cookie.
func (s *Server) signedInPerson(w http.ResponseWriter, r *http.Request) (principal, error) {
	token := s.sessionToken(w, r)
	if token == "" {
		return principal{}, nil
	}
	session, account, err := s.People.Session(r.Context(), token)
	if errors.Is(err, people.ErrNotFound) {
		return principal{}, nil
	}
	if err != nil {
		return principal{}, err
	}
	return principal{kind: byPerson, account: account, session: session, token: token}, nil
}

// still tells whether the person who asked is known yet, or the key holds yet: for answers that go on for long after they were let in. It costs
// no question to the database.
func (s *Server) still(r *http.Request) bool {
	var err error
	switch p := principalOf(r); {
	case p.kind == byKey:
		return s.People.KeyHolds(p.key.ID)
	case p.token != "":
		_, _, err = s.People.Session(r.Context(), p.token)
	case p.kind == byPerson:
		_, err = s.People.Account(p.account.Name)
	}
	return !errors.Is(err, people.ErrNotFound)
}

// person is what pages know of who looks at them.
func (p principal) person() views.Person {
	if p.kind != byPerson {
		return views.Person{}
	}
	return views.Person{Name: p.account.Name, Role: p.account.Role, Password: p.token != "" && p.account.Password, MustChange: p.account.MustChange, Generated: p.account.Generated}
}

// name is how the audit log and other people's pages call who acts.
func (p principal) name() string {
	switch p.kind {
	case byPerson:
		return p.account.Name
	case byKey:
		return p.key.Name
	default:
		return ""
	}
}

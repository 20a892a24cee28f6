package handlers

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/sessions"

	"iotcenter/people"
	"iotcenter/views"
)

// The session cookie and what is in it. A person's session itself is a document that all replicas share; the cookie
// holds its secret, when it was last used, and messages for the next page.
const (
	sessionName = "iot_center"
	hostPrefix  = "__Host-" // over TLS: no other host of the domain can set or overwrite the cookie
	flashKey    = "flash"
	tokenKey    = "token"
	seenKey     = "seen"
)

// seenEvery is how often the cookie is told that it is in use.
const seenEvery = time.Minute

// cookieKeys makes the stores of session cookies, encrypted and signed under keys that change each week. All replicas
// derive the same ones from the same secret. A cookie of the week before is read and written anew under this week's.
type cookieKeys struct {
	secret []byte
	mu     sync.Mutex
	week   int64
	store  *sessions.CookieStore
}

const cookieWeek = 7 * 24 * time.Hour

// at gives the store of a time.
func (c *cookieKeys) at(now time.Time) *sessions.CookieStore {
	c.mu.Lock()
	defer c.mu.Unlock()
	week := now.Unix() / int64(cookieWeek/time.Second)
	if c.store == nil || c.week != week {
		c.week, c.store = week, c.make(week)
	}
	return c.store
}

func (c *cookieKeys) make(week int64) *sessions.CookieStore {
	derive := func(purpose string, week int64) []byte {
		k, err := hkdf.Key(sha256.New, c.secret, nil, "iot-center session "+purpose+" week "+strconv.FormatInt(week, 10), 32)
		if err != nil {
			panic(err) // 32 bytes are never too many
		}
		return k
	}
	var pairs [][]byte
	for _, w := range [...]int64{week, week - 1, week + 1} { // the clock of another replica may be in the next week already
		pairs = append(pairs, derive("signature", w), derive("encryption", w))
	}
	store := sessions.NewCookieStore(pairs...)
	store.MaxAge(int(people.SessionLife / time.Second)) // of what is signed
	store.Options = &sessions.Options{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	return store
}

// session is the request's session; one that cannot be read, as after a change of key, is replaced by a new one.
func (s *Server) session(r *http.Request) *sessions.Session {
	store, name := s.cookies.at(s.Clock()), s.sessionName(r)
	session, _ := store.Get(r, name) // the error comes with a usable new session
	options := *store.Options
	options.Secure = s.clientOf(r).Secure
	session.Options = &options
	return session
}

func (s *Server) sessionName(r *http.Request) string { return s.cookieName(r, sessionName) }

// cookieName is how a cookie is called on the request's connection.
func (s *Server) cookieName(r *http.Request, name string) string {
	if s.clientOf(r).Secure {
		return hostPrefix + name
	}
	return name
}

// sessionToken is the secret of the person's session in the cookie; "" if there is none, or if it was not used for too
// long. It notes that the cookie is in use, so call it before the answer begins.
func (s *Server) sessionToken(w http.ResponseWriter, r *http.Request) string {
	if _, err := r.Cookie(s.sessionName(r)); err != nil {
		return ""
	}
	session, now := s.session(r), s.Clock()
	token, _ := session.Values[tokenKey].(string)
	seen, _ := session.Values[seenKey].(int64)
	idle := now.Sub(time.Unix(seen, 0))
	if token == "" || idle > people.SessionIdle {
		return ""
	}
	if idle > seenEvery {
		session.Values[seenKey] = now.Unix()
		s.saveSession(w, r, session)
	}
	return token
}

// beginSession puts a new session into the cookie and drops everything that was in it.
func (s *Server) beginSession(w http.ResponseWriter, r *http.Request, token string) {
	session := s.session(r)
	clear(session.Values)
	session.Values[tokenKey], session.Values[seenKey] = token, s.Clock().Unix()
	s.saveSession(w, r, session)
}

// dropSession empties the cookie.
func (s *Server) dropSession(w http.ResponseWriter, r *http.Request) {
	session := s.session(r)
	clear(session.Values)
	s.saveSession(w, r, session)
}

func (s *Server) saveSession(w http.ResponseWriter, r *http.Request, session *sessions.Session) {
	if err := session.Save(r, w); err != nil {
		s.Log.Warn("the session cookie could not be written", "request_id", stateOf(r).ID, "error", err)
	}
}

// keptFlash is a message in the cookie, and whom it is for.
type keptFlash struct {
	For string // the account; "" for nobody
	views.Flash
}

// flash leaves a message for the next page that the person sees; call it before the answer begins.
func (s *Server) flash(w http.ResponseWriter, r *http.Request, f views.Flash) {
	text, err := json.Marshal(keptFlash{principalOf(r).account.Name, f})
	if err != nil {
		panic(err) // a struct of texts
	}
	session := s.session(r)
	session.AddFlash(string(text), flashKey)
	if session.Save(r, w) == nil {
		return
	}
	// A cookie holds some 4 KB. What nobody has looked at gives way: the newest message may hold what is shown only now.
	session.Flashes(flashKey)
	session.AddFlash(string(text), flashKey)
	s.saveSession(w, r, session)
}

// takeFlashes gives the messages that wait for this person, once. A script that reads a page for a part of it does not
// take them: they would be seen by nobody. What is secret is for the one whom it was made for: the browser may be used
// by somebody else by now, as after a session that ran out before the page came.
func (s *Server) takeFlashes(w http.ResponseWriter, r *http.Request) []views.Flash {
	if scripted(r) {
		return nil
	}
	if _, err := r.Cookie(s.sessionName(r)); err != nil {
		return nil
	}
	session := s.session(r)
	var out []views.Flash
	kept := session.Flashes(flashKey)
	for _, v := range kept {
		var f keptFlash
		text, ok := v.(string)
		if !ok || json.Unmarshal([]byte(text), &f) != nil {
			continue
		}
		if secret := f.Secret != "" || f.Ask != "" || f.Setup != nil; secret && f.For != principalOf(r).account.Name {
			continue
		}
		out = append(out, f.Flash)
	}
	if len(kept) > 0 {
		s.saveSession(w, r, session)
	}
	return out
}

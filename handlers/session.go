package handlers

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"net/http"

	"github.com/gorilla/sessions"

	"iotcenter/views"
)

// The session cookie and what is in it.
const (
	sessionName = "iot_center"
	flashKey    = "flash"
)

// newSessionStore keeps sessions in an encrypted and signed cookie, under keys of its own derived from key.
func newSessionStore(key []byte) *sessions.CookieStore {
	derive := func(purpose string) []byte {
		k, err := hkdf.Key(sha256.New, key, nil, "iot-center session "+purpose, 32)
		if err != nil {
			panic(err) // 32 bytes are never too many
		}
		return k
	}
	store := sessions.NewCookieStore(derive("signature"), derive("encryption"))
	store.MaxAge(0) // until the browser closes
	store.Options = &sessions.Options{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	return store
}

// session is the request's session; one that cannot be read, as after a change of key, is replaced by a new one.
func (s *Server) session(r *http.Request) *sessions.Session {
	session, _ := s.sessions.Get(r, sessionName) // the error comes with a usable new session
	options := *s.sessions.Options
	options.Secure = s.secure || r.TLS != nil
	session.Options = &options
	return session
}

// flash leaves a message for the next page that the person sees; call it before the answer begins.
func (s *Server) flash(w http.ResponseWriter, r *http.Request, f views.Flash) {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // a struct of texts
	}
	session := s.session(r)
	session.AddFlash(string(text), flashKey)
	if err := session.Save(r, w); err != nil {
		s.Log.Warn("a message for the next page was lost", "request_id", stateOf(r).ID, "error", err)
	}
}

// takeFlashes gives the messages that wait for this person, once.
func (s *Server) takeFlashes(w http.ResponseWriter, r *http.Request) []views.Flash {
	if _, err := r.Cookie(sessionName); err != nil {
		return nil
	}
	session := s.session(r)
	var out []views.Flash
	kept := session.Flashes(flashKey)
	for _, v := range kept {
		var f views.Flash
		if text, ok := v.(string); ok && json.Unmarshal([]byte(text), &f) == nil {
			out = append(out, f)
		}
	}
	if len(kept) > 0 {
		if err := session.Save(r, w); err != nil {
			s.Log.Warn("a message may be shown twice", "request_id", stateOf(r).ID, "error", err)
		}
	}
	return out
}

package handlers

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/gorilla/securecookie"
)

// A browser in which somebody has signed in keeps a cookie that says so. It opens nothing; but failures to sign in are
// counted for it apart, so that strangers who guess at an account do not keep its owner out.
const (
	knownName = "iot_center_known"
	knownAge  = 180 * 24 * time.Hour
)

// known is what the cookie holds.
type known struct {
	Account string
	Browser string // a random name
}

// newKnownCookies makes the codec of that cookie, signed and encrypted under keys of its own.
func newKnownCookies(secret []byte) *securecookie.SecureCookie {
	derive := func(purpose string) []byte {
		k, err := hkdf.Key(sha256.New, secret, nil, "iot-center known browsers "+purpose, 32)
		if err != nil {
			panic(err) // 32 bytes are never too many
		}
		return k
	}
	return securecookie.New(derive("signature"), derive("encryption")).MaxAge(int(knownAge / time.Second))
}

// knownBrowser is the name of the request's browser if somebody has signed in to this account in it; else "".
func (s *Server) knownBrowser(r *http.Request, account string) string {
	cookie, err := r.Cookie(s.cookieName(r, knownName))
	if err != nil {
		return ""
	}
	var k known
	if s.known.Decode(knownName, cookie.Value, &k) != nil || k.Account != account {
		return ""
	}
	return k.Browser
}

// rememberBrowser gives the browser its cookie.
func (s *Server) rememberBrowser(w http.ResponseWriter, r *http.Request, account string) {
	k := known{account, s.knownBrowser(r, account)}
	if k.Browser == "" {
		k.Browser = rand.Text()
	}
	value, err := s.known.Encode(knownName, k)
	if err != nil {
		s.Log.Warn("the cookie of a known browser could not be written", "request_id", stateOf(r).ID, "error", err)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(r, knownName), Value: value, Path: "/", MaxAge: int(knownAge / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.clientOf(r).Secure,
	})
}

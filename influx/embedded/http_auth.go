package embedded

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"strings"
)

type authKey struct{}

// authOf is the authorization of an authenticated request.
func authOf(ctx context.Context) *authorization {
	a, _ := ctx.Value(authKey{}).(*authorization)
	return a
}

// authenticated lets only requests with a valid token through.
func (s *Server) authenticated(next endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		token := requestToken(r)
		if token == "" {
			return errUnauthorized("unauthorized access")
		}
		a, err := s.cat.authByToken(token)
		var api *apiError
		if errors.As(err, &api) {
			return errUnauthorized("unauthorized access") // no word on what was wrong with it
		}
		if err != nil {
			return err
		}
		if !a.active() {
			return errUnauthorized("token is inactive")
		}
		if u, ok := s.cat.user(a.UserID); !ok || u.Status != statusActive {
			return errForbidden("User is inactive")
		}
		return next(w, r.WithContext(context.WithValue(r.Context(), authKey{}, a)))
	}
}

// requestToken finds the token: "Token x" and "Bearer x" everywhere, and for
// the routes of InfluxDB 1.x, as its clients know them, the password of basic
// authentication or the parameter p.
func requestToken(r *http.Request) string {
	scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if ok && (strings.EqualFold(scheme, "Token") || strings.EqualFold(scheme, "Bearer")) {
		return strings.TrimSpace(value)
	}
	if r.URL.Path != "/query" && r.URL.Path != "/write" {
		return ""
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	return r.URL.Query().Get("p")
}

func (s *Server) logPanic(r *http.Request, p any) {
	s.log.Error("panic in embedded InfluxDB", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
}

package embedded

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// legacy serves a route of InfluxDB 1.x to requests with a valid token. Its
// errors have the field "error", which clients of 1.x read, beside those of 2.x.
func (s *Server) legacy(m methods) http.Handler {
	allowed := strings.Join(slices.Sorted(maps.Keys(m)), ", ")
	told := methods{"": s.legacyErrors(func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Allow", allowed)
		return newError(http.StatusMethodNotAllowed, codeMethod, "method %s is not allowed here", r.Method)
	})}
	for method, e := range m {
		told[method] = s.legacyErrors(s.authenticated(e))
	}
	return s.serve(told)
}

func (s *Server) legacyErrors(next endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := next(w, r)
		if err == nil || errors.Is(err, errAnswered) {
			return err
		}
		api := asAPIError(err)
		switch {
		case r.Context().Err() != nil && errors.Is(err, context.Canceled):
			api = errUnavailable("the request was cancelled")
		case api.status == http.StatusInternalServerError:
			s.log.Error("request of InfluxDB 1.x failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		api.mark(w.Header())
		w.Header().Set("X-Influxdb-Error", api.message)
		return writeJSON(w, api.status, struct {
			Code    string `json:"code"`
			Error   string `json:"error"`
			Line    int    `json:"line,omitempty"`
			Message string `json:"message"`
		}{api.code, api.message, api.line, api.message})
	}
}

// writeLegacy takes line protocol as InfluxDB 1.x does: db and rp name the
// bucket (see mappedBucket). A body with a malformed line is refused whole, as
// InfluxDB 2.x does.
func (s *Server) writeLegacy(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	db := q.Get("db")
	if db == "" {
		return errInvalid("database is required")
	}
	precision, err := legacyPrecision(q.Get("precision"))
	if err != nil {
		return err
	}
	// There is one node: every level of consistency is met.
	if !slices.Contains([]string{"", "any", "one", "quorum", "all"}, q.Get("consistency")) {
		return errInvalid("invalid consistency level %q", q.Get("consistency"))
	}
	b, ok := s.mappedBucket(authOf(r.Context()), actionWrite, db, q.Get("rp"))
	if !ok {
		// The same answer whether it is missing or not for this token. Telegraf keeps
		// its points when it reads "database not found", and drops them at another 4xx.
		return errNotFound("database not found: %q, or not one that the token may write to", db)
	}
	return s.writeBody(w, r, b, precision)
}

// legacyPrecision translates a precision of the 1.x API into the engine's word.
func legacyPrecision(p string) (string, error) {
	switch p {
	case "µ":
		return "u", nil
	case "m", "h":
		return p, nil
	}
	word, err := enginePrecision(p)
	if err != nil {
		return "", errInvalid("invalid precision %q (use n, u, ms, s, m or h)", p)
	}
	return word, nil
}

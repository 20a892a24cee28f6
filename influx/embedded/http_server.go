package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// endpoint is a handler that leaves errors to the one place where they become answers.
type endpoint func(w http.ResponseWriter, r *http.Request) error

// methods of a route.
type methods map[string]endpoint

// routes is the whole API.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	open := func(path string, m methods) { mux.Handle(path, s.serve(s.paused(path, m))) }
	closed := func(path string, m methods) {
		for method, e := range s.paused(path, m) {
			m[method] = s.authenticated(e)
		}
		mux.Handle(path, s.serve(m))
	}
	open("/health", methods{"GET": s.health})
	open("/ping", methods{"GET": s.ping})
	open("/ready", methods{"GET": s.readiness})
	open("/api/v2/setup", methods{"GET": s.setupAllowed, "POST": s.setup})

	closed("/api/v2/me", methods{"GET": s.me})
	closed("/api/v2/users", methods{"GET": s.listUsers, "POST": s.createUser})
	closed("/api/v2/users/{id}", methods{"GET": s.getUser, "PATCH": s.updateUser, "DELETE": s.deleteUser})
	closed("/api/v2/users/{id}/password", methods{"POST": s.setPassword})
	closed("/api/v2/orgs", methods{"GET": s.listOrgs, "POST": s.createOrg})
	closed("/api/v2/orgs/{id}", methods{"GET": s.getOrg, "PATCH": s.updateOrg, "DELETE": s.deleteOrg})
	s.memberRoutes(closed, "/api/v2/orgs/{id}", s.orgIDOfPath)
	closed("/api/v2/buckets", methods{"GET": s.listBuckets, "POST": s.createBucket})
	closed("/api/v2/buckets/{id}", methods{"GET": s.getBucket, "PATCH": s.updateBucket, "DELETE": s.deleteBucket})
	s.memberRoutes(closed, "/api/v2/buckets/{id}", s.bucketIDOfPath)
	closed("/api/v2/authorizations", methods{"GET": s.listAuthorizations, "POST": s.createAuthorization})
	closed("/api/v2/authorizations/{id}", methods{"GET": s.getAuthorization, "PATCH": s.updateAuthorization, "DELETE": s.deleteAuthorization})
	closed("/api/v2/write", methods{"POST": s.write})
	closed("/api/v2/query", methods{"POST": s.query})
	closed("/api/v2/delete", methods{"POST": s.deletePoints})

	mux.Handle("/query", s.legacy(methods{"GET": s.influxQL, "POST": s.influxQL}))
	mux.Handle("/write", s.legacy(methods{"POST": s.writeLegacy}))

	// Without a token nobody learns which paths of the API there are.
	nothing := func(http.ResponseWriter, *http.Request) error { return errNotFound("path not found") }
	closed("/api/", methods{"": nothing})
	open("/", methods{"": nothing})
	return s.guarded(mux)
}

// guarded is around every request: it holds the engine open, ends the request
// with the server, and keeps a panic from taking the process down.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Influxdb-Version", Version)
		w.Header().Set("X-Influxdb-Build", "OSS")
		if !s.requests.enter() {
			writeError(w, errUnavailable("the database is closing"))
			return
		}
		defer s.requests.leave()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.base, cancel)()
		tracked := &trackedWriter{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p != http.ErrAbortHandler { //nolint:errorlint // panics carry the value itself
				s.logPanic(r, p)
				if !tracked.begun {
					writeError(w, asAPIError(errPanic))
					return
				}
			}
			panic(http.ErrAbortHandler) // the client must see that the answer is cut off
		}()
		next.ServeHTTP(tracked, r.WithContext(ctx))
	})
}

var errPanic = errors.New("panic")

// trackedWriter knows whether the answer has begun.
type trackedWriter struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader sends the head.
func (w *trackedWriter) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *trackedWriter) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Flush sends what is buffered.
func (w *trackedWriter) Flush() {
	w.begun = true
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController through.
func (w *trackedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// serve picks the method and turns an error into the answer.
func (s *Server) serve(m methods) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		e, ok := m[method]
		if !ok {
			e, ok = m[""]
		}
		if !ok {
			allowed := make([]string, 0, len(m))
			for name := range m {
				allowed = append(allowed, name)
			}
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			writeError(w, newError(http.StatusMethodNotAllowed, codeMethod, "method %s is not allowed here", r.Method))
			return
		}
		if err := e(w, r); err != nil {
			s.answerError(w, r, err)
		}
	})
}

func (s *Server) answerError(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errAnswered) {
		return
	}
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		writeError(w, errUnavailable("the request was cancelled"))
		return
	}
	api := asAPIError(err)
	if api.status == http.StatusInternalServerError {
		s.log.Error("embedded InfluxDB request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	writeError(w, api)
}

// errAnswered: the endpoint has told the client of the error itself.
var errAnswered = errors.New("already answered")

func writeError(w http.ResponseWriter, e *apiError) {
	e.mark(w.Header())
	body := struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Line    int    `json:"line,omitempty"`
	}{e.code, e.message, e.line}
	_ = writeJSON(w, e.status, body)
}

func writeJSON(w http.ResponseWriter, status int, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	// A client that is gone is no error of ours.
	_, _ = w.Write(append(data, '\n'))
	return nil
}

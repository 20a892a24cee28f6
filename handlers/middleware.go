package handlers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/klauspost/compress/gzhttp"

	"iotcenter/static"
)

// middleware wraps the router in the whole chain. The router's own Use is skipped on 404 and 405, so
// everything that each answer must have stands here. The first of the list is the outermost.
func (s *Server) middleware(router http.Handler) http.Handler {
	chain := [...]func(http.Handler) http.Handler{
		s.observe,         // request id, client, access log, metrics
		s.securityHeaders, // on every answer
		s.otherOrigins,    // pages of other sites may use the Helium dialect
		s.refuseBadHosts,  // what could become anything but a host in a link
		s.limitSizes,      // no request is endless
		s.endStreams,      // a graceful stop ends event streams
		s.compress,        // pages and lists
		s.recoverPanics,   // a panic is a logged 500
	}
	h := router
	for i := len(chain) - 1; i >= 0; i-- {
		h = chain[i](h)
	}
	return h
}

// requestState is what the chain knows of a request; the innermost parts fill it, the outermost reports it.
type requestState struct {
	ID      string
	Route   string // template of the route, "" until one matched
	Status  int    // 0 until the answer has begun
	Bytes   int64
	Problem string // what went wrong, as the error table names it
	Client  clientInfo
}

const unmatchedRoute = "unmatched"

func (st *requestState) route() string {
	if st.Route == "" {
		return unmatchedRoute
	}
	return st.Route
}

func (st *requestState) fail(_ error, f failure) { st.Problem = f.Code }

type stateKey struct{}

// stateOf is the request's state. A request that did not come through the chain, as in a test of one handler, has an empty one.
func stateOf(r *http.Request) *requestState {
	if st, ok := r.Context().Value(stateKey{}).(*requestState); ok {
		return st
	}
	return &requestState{}
}

// recorder notes status and size of an answer. It unwraps, so that http.ResponseController reaches the connection.
// There are two: the outer one counts what goes over the wire; the inner one, behind the compression with its
// buffer, knows at once that a handler has begun to answer.
type recorder struct {
	http.ResponseWriter
	st    *requestState
	inner bool
}

func (w *recorder) WriteHeader(status int) {
	if w.st.Status == 0 && status >= 200 {
		w.st.Status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.st.Status == 0 {
		w.st.Status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	if !w.inner {
		w.st.Bytes += int64(n)
	}
	return n, err
}

// Flush lets wrappers that look for http.Flusher find one.
func (w *recorder) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// rememberRoute runs inside the router, once a route matched.
func (s *Server) rememberRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if route := mux.CurrentRoute(r); route != nil {
			if template, err := route.GetPathTemplate(); err == nil {
				stateOf(r).Route = template
			}
		}
		next.ServeHTTP(w, r)
	})
}

// observe gives the request its id, and reports it when it is answered.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st := &requestState{ID: newRequestID(), Client: s.readClient(r)}
		w.Header().Set("X-Request-Id", st.ID)
		r = r.WithContext(context.WithValue(r.Context(), stateKey{}, st))
		r.Host = st.Client.Host // behind a proxy too it is what the browser's Origin is compared with
		start := time.Now()
		s.Metrics.inFlight.Inc()
		defer func() {
			s.Metrics.inFlight.Dec()
			aborted := recover() // only http.ErrAbortHandler comes this far
			if st.Status == 0 {
				st.Status = http.StatusOK
			}
			took := time.Since(start)
			s.Metrics.request(st.route(), r.Method, st.Status, took)
			s.access(r, st, took)
			if aborted != nil {
				panic(aborted)
			}
		}()
		next.ServeHTTP(&recorder{w, st, false}, r)
	})
}

// access writes one line a request. It holds no query string and no header: tokens travel there.
func (s *Server) access(r *http.Request, st *requestState, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case frequent(st.Route) && (st.Status < 400 || st.Status == http.StatusTooManyRequests || st.Route == "/readyz"):
		level = slog.LevelDebug // it would drown the rest; the metrics count it
	case st.Status >= 500 && st.Status != http.StatusServiceUnavailable:
		level = slog.LevelWarn
	}
	if !s.Log.Enabled(r.Context(), level) {
		return
	}
	path := r.URL.EscapedPath()
	if len(path) > 200 {
		path = path[:200] + "…"
	}
	remote := r.RemoteAddr
	if st.Client.Address.IsValid() {
		remote = st.Client.Address.String()
	}
	attrs := []slog.Attr{slog.String("request_id", st.ID), slog.String("method", methodLabel(r.Method)), slog.String("route", st.route()),
		slog.String("path", path), slog.Int("status", st.Status), slog.Int64("bytes", st.Bytes), slog.Duration("took", took), slog.String("remote", remote)}
	if st.Problem != "" {
		attrs = append(attrs, slog.String("problem", st.Problem))
	}
	s.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// frequent tells whether a route is asked again and again by programs: probes, parts of pages, devices that write.
func frequent(route string) bool {
	switch route {
	case "/healthz", "/readyz", "/metrics", "/influx/health", "/influx/ping", gatewayWritePath, productDataPath, generalDataPath,
		sensorSeriesPath, organizationSeriesPath:
		return true
	}
	return strings.HasPrefix(route, "/static")
}

func newRequestID() string {
	var b [12]byte
	rand.Read(b[:]) //nolint:errcheck // crypto/rand.Read never fails
	return hex.EncodeToString(b[:])
}

// recoverPanics turns a panic into a logged 500. http.ErrAbortHandler passes: it means to cut the connection.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				st := stateOf(r)
				s.Log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("request_id", st.ID), slog.String("route", st.route()),
					slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
				s.answerError(w, r, faceOf(r), errPanic)
			}
		}()
		next.ServeHTTP(&recorder{w, stateOf(r), true}, r)
	})
}

// contentPolicy lets a page load its own scripts, styles, fonts and pictures, and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

// securityHeaders are on every answer. The referrer policy is not the stricter no-referrer on purpose: with that,
// browsers send `Origin: null` with the forms of our own pages, and over plain HTTP, where they send no Sec-Fetch-Site,
// such a form could not be told from another site's. What addresses hold, such as the code of a sign-in link, reaches
// this app alone either way, and it logs neither queries nor headers.
func (s *Server) securityHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		h.Set("Cache-Control", "no-store") // static files say otherwise for themselves
		if s.clientOf(r).Secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// Limits of requests. That of all headers together is the server's, which stands in package main.
const (
	maxAddress = 8 << 10  // path and query; no page or client of ours comes near it
	maxBody    = 1 << 20  // forms and the JSON API
	maxLogin   = 16 << 10 // the one form that strangers can send: they hold memory for as long as they send slowly
	maxWrite   = 32 << 20 // line protocol, packed or not
)

var errLongAddress = &problem{Status: http.StatusRequestURITooLong, Code: "too_long", Message: "The address is longer than " + bytesForPeople(maxAddress) + "."}

func (s *Server) limitSizes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.RequestURI) > maxAddress {
			s.answerError(w, r, faceOf(r), errLongAddress)
			return
		}
		if r.Body != nil && r.Body != http.NoBody {
			limit := int64(maxBody)
			switch {
			case faceOf(r) == faceGateway, faceOf(r) == faceSmart:
				limit = maxWrite
			case r.URL.Path == "/login":
				limit = maxLogin
			}
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		next.ServeHTTP(w, r)
	})
}

// compress packs what is worth it. Event streams go out unbuffered, and static files are packed already.
func (s *Server) compress(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.ContentTypes([]string{
		"text/html", "text/plain", "text/csv", "text/css", "text/javascript", "application/json", "image/svg+xml"}))
	if err != nil {
		panic(err) // a mistake in the line above
	}
	packed := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wantsStream(r) || faceOf(r) == faceGateway || strings.HasPrefix(r.URL.Path, static.Prefix) {
			next.ServeHTTP(w, r)
			return
		}
		packed.ServeHTTP(w, r)
	})
}

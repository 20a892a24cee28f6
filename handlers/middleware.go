package handlers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/klauspost/compress/gzhttp"
)

// middleware wraps the router in the whole chain. The router's own Use is skipped on 404 and 405, so
// everything that each answer must have stands here. The first of the list is the outermost.
func (s *Server) middleware(router http.Handler) http.Handler {
	chain := [...]func(http.Handler) http.Handler{
		s.observe,         // request id, access log, metrics
		s.securityHeaders, // on every answer
		s.refuseHosts,     // names that a stranger's DNS points at this machine
		s.limitBodies,     // no request is endless
		s.endStreams,      // a graceful stop ends event streams
		s.refuseCrossSite, // no other site's page acts through a person's browser
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
		st := &requestState{ID: newRequestID()}
		w.Header().Set("X-Request-Id", st.ID)
		r = r.WithContext(context.WithValue(r.Context(), stateKey{}, st))
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
	case frequent(st.Route) && (st.Status < 400 || st.Route == "/readyz"):
		level = slog.LevelDebug // it would drown the rest
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
	remote, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		remote = r.RemoteAddr
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
	case "/healthz", "/readyz", "/metrics", "/influx/health", "/influx/ping", gatewayWritePath:
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
		if s.secure || r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// refuseHosts answers local requests only when nobody else is meant to reach the app. Otherwise a page elsewhere could
// point its own name at this machine and read the app through a person's browser as if it were its own site.
func (s *Server) refuseHosts(next http.Handler) http.Handler {
	if !s.LocalOnly {
		return next
	}
	public := hostname(strings.TrimPrefix(strings.TrimPrefix(originOf(s.PublicURL), "https://"), "http://"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostname(r.Host)
		ip := net.ParseIP(host)
		if host == "localhost" || (ip != nil && ip.IsLoopback()) || (public != "" && strings.EqualFold(host, public)) {
			next.ServeHTTP(w, r)
			return
		}
		s.answerError(w, r, faceOf(r), errForeignHost)
	})
}

// hostname is a Host header's name or address without its port.
func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

// Limits of request bodies.
const (
	maxBody  = 1 << 20  // forms and the JSON API
	maxWrite = 32 << 20 // line protocol, packed or not
)

func (s *Server) limitBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			limit := int64(maxBody)
			if faceOf(r) == faceGateway {
				limit = maxWrite
			}
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
		next.ServeHTTP(w, r)
	})
}

// refuseCrossSite refuses unsafe requests that another site's page makes through a person's browser. The gateway
// is left out: a device's token decides there, no cookie does.
func (s *Server) refuseCrossSite(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	if s.PublicURL != "" {
		// Behind a proxy that rewrites Host, the browser's Origin is still the public one.
		if err := protection.AddTrustedOrigin(originOf(s.PublicURL)); err != nil {
			s.Log.Warn("PUBLIC_URL is no origin that forms can come from", "error", err)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := faceOf(r); f != faceGateway && protection.Check(r) != nil {
			s.answerError(w, r, f, errCrossSite)
			return
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
		if wantsStream(r) || faceOf(r) == faceGateway {
			next.ServeHTTP(w, r)
			return
		}
		packed.ServeHTTP(w, r)
	})
}

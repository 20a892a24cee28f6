// Package handlers is the app's face to people and devices: routes, sessions,
// middleware, forms, the JSON API, the write gateway, and the one place where
// an error becomes a status (failure.go). It parses, calls the rooms that know
// better, and renders; it knows no database and draws no page of its own.
package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/gorilla/securecookie"
	"golang.org/x/time/rate"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/people"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
	"iotcenter/telemetry/smart"
)

// Database is what the app says of its database and asks of it.
type Database interface {
	// Status is what is known right now, without asking the database.
	Status() telemetry.DatabaseStatus
	// TryNow makes the next connection attempt happen at once.
	TryNow()
	// Ready is nil when both buckets are there.
	Ready(ctx context.Context) error
}

// Options are the parts that a Server is made of. All are needed except where the comment says otherwise.
type Options struct {
	Registry  *devices.Registry
	Fleet     *devices.Fleet
	Activity  devices.ActivityStore
	Reader    telemetry.Reader
	Writer    telemetry.Writer
	Rows      telemetry.RowReader
	Points    helium.Store
	Profiles  *devices.Profiles
	Buckets   telemetry.BucketStore
	Database  Database
	People    *people.Directory
	Audit     *people.Audit
	Enrolment *devices.Enrolment
	Backfills *emulator.Backfills
	Live      *emulator.Live

	SessionKey      []byte         // session cookies are encrypted under keys derived from it
	PublicURL       string         // optional: how people and devices reach the app
	InfluxPublicURL string         // optional: the address handed to devices
	TrustedProxies  []netip.Prefix // optional: whose X-Forwarded headers are believed; not v4-mapped
	AuthProxyHeader string         // optional: in which a trusted proxy names the person
	Limits          Limits         // of what devices write; optional
	Version         string
	Clock           func() time.Time // optional: time.Now
	Log             *slog.Logger     // optional: slog.Default
	Metrics         *Metrics         // optional: its own
}

// Server answers HTTP requests. Make one with New.
type Server struct {
	Options
	router      *mux.Router
	chain       http.Handler
	rules       map[*mux.Route]access
	cookies     *cookieKeys
	known       *securecookie.SecureCookie
	crossOrigin *http.CrossOriginProtection
	secure      bool // PublicURL is https: cookies are for encrypted connections only
	limits      *writeLimits
	guesses     *guessLimits
	denials     *rate.Limiter // of what the audit log takes
	bodies      bodyBudget
	reads       *gate // to answers of the SMART dialect
	batches     *gate // to its large batches
	pages       *gate // to pages of the Helium dialect
	intake      *telemetry.Intake
	smart       *smart.Store
	timeseries  *helium.Timeseries

	streams      context.Context // ends when event streams have to
	closeStreams context.CancelFunc
}

// New wires a server; it starts nothing.
func New(o Options) *Server {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	o.InfluxPublicURL = strings.TrimRight(o.InfluxPublicURL, "/")
	s := &Server{Options: o, router: mux.NewRouter(), rules: map[*mux.Route]access{}, secure: strings.HasPrefix(strings.ToLower(o.PublicURL), "https://")}
	s.cookies, s.known = &cookieKeys{secret: o.SessionKey}, newKnownCookies(o.SessionKey)
	s.crossOrigin = newCrossOrigin(o.PublicURL, o.Log)
	s.limits, s.guesses = newWriteLimits(o.Limits), newGuessLimits()
	s.denials = rate.NewLimiter(denialsPerSecond, denialsAtOnce)
	s.reads, s.batches = newGate(readsOfAll, readsOfKey, "reads"), newGate(batchesOfAll, batchesOfOne, "large writes")
	s.pages = newGate(pagesOfAll, pagesOfKey, "reads")
	s.intake = &telemetry.Intake{Writer: o.Writer, Tokens: o.Registry, Clock: o.Clock, Wrote: s.wrote,
		Allow: func(id devices.ID, points int) error { return s.limits.write(id, points, o.Clock()) }}
	s.smart = smart.NewStore(smart.StoreOptions{Intake: s.intake, Rows: o.Rows, Clock: o.Clock, Spool: newSpoolFile, Retention: s.retention})
	s.timeseries = helium.New(helium.Options{Store: o.Points, Intake: s.intake, Clock: o.Clock})
	s.streams, s.closeStreams = context.WithCancel(context.Background())

	s.opsRoutes()
	s.gatewayRoutes()
	s.apiRoutes()
	s.smartRoutes()
	s.heliumRoutes()
	s.apiDocRoutes()
	s.authRoutes()
	s.peopleRoutes()
	s.enrolmentRoutes()
	s.auditRoutes()
	s.dashboardRoutes()
	s.pageRoutes()
	s.router.NotFoundHandler = s.refuseStrangers(s.unmatched(errNoSuchAddress))
	s.router.MethodNotAllowedHandler = s.refuseStrangers(s.methodNotAllowed())
	s.router.Use(s.rememberRoute, s.authorize)
	s.chain = s.middleware(s.asWritten(s.router))
	return s
}

// retention is how long the data bucket keeps points; 0 is for ever.
func (s *Server) retention() time.Duration { return s.Database.Status().Retention }

// wrote is told of points that are durable, through whichever door they came; id is "" for points of no device.
func (s *Server) wrote(id devices.ID, points int) {
	s.Metrics.points.Add(float64(points))
	if id != "" && id != telemetry.OrganizationClient {
		s.Fleet.Wrote(id)
	}
}

// Handler is the whole chain: middleware around the router.
func (s *Server) Handler() http.Handler { return s.chain }

// CloseStreams ends all event streams, for a graceful stop: other requests go on to their end.
func (s *Server) CloseStreams() { s.closeStreams() }

// handler is a page, an API call or a gateway call: it answers, or returns the error that an adapter answers.
type handler func(w http.ResponseWriter, r *http.Request) error

// html adapts a handler of pages: an error becomes an error page.
func (s *Server) html(h handler) http.Handler { return s.adapt(h, facePage) }

// json adapts a handler of the JSON API: an error becomes {"code","message","request_id"}.
func (s *Server) json(h handler) http.Handler { return s.adapt(h, faceAPI) }

// influxStyle adapts a handler of the write gateway: an error becomes InfluxDB's {"code","message"}.
func (s *Server) influxStyle(h handler) http.Handler { return s.adapt(h, faceGateway) }

func (s *Server) adapt(h handler, f face) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.answerError(w, r, f, err)
		}
	})
}

// unmatched answers requests that no route takes, in the style of the part of the app they were meant for.
func (s *Server) unmatched(err error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.answerError(w, r, faceOf(r), err)
	})
}

// asWritten answers 404 to addresses of the dialects with empty parts or dots in them, such as a name with an escaped
// slash makes. The router would send the client on to a shorter address, which is another one, and of a POST makes a GET.
func (s *Server) asWritten(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := faceOf(r); f == faceSmart || f == faceHelium {
			if strings.TrimSuffix(r.URL.Path, "/") != path.Clean(r.URL.Path) {
				s.router.NotFoundHandler.ServeHTTP(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// methodNotAllowed answers 405 and names the methods that would have been right.
func (s *Server) methodNotAllowed() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, m := range [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
			try := r.Clone(r.Context())
			try.Method = m
			var match mux.RouteMatch
			if s.router.Match(try, &match) && match.MatchErr == nil && match.Route != nil {
				allowed = append(allowed, m)
			}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		s.answerError(w, r, faceOf(r), errMethodNotAllowed)
	})
}

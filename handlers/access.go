package handlers

import (
	"log/slog"
	"net/http"

	"github.com/gorilla/mux"

	"iotcenter/people"
)

// access says who may use a route. A route without one answers nobody.
type access struct {
	role  people.Role  // least role of a signed-in person; NoRole: no session opens it
	level people.Level // least level of an API key; NoLevel: no key opens it
	open  bool         // everybody may ask; the handler itself looks at credentials, if there are any to look at
	blind bool         // nobody looks who it is: probes, files, devices with tokens of their own
	page  bool         // for people in browsers: strangers are sent to the sign-in page
	keys  bool         // takes API keys alone: a cookie is not even looked at
	early bool         // also before a person has changed a password that somebody else chose
}

// The rules. Pages are for people; the API takes a session or a key.
var (
	everybody    = access{open: true, blind: true}
	signingIn    = access{open: true, page: true}
	signedIn     = access{role: people.Viewer, page: true, early: true} // one's own account and choices
	seeing       = access{role: people.Viewer, page: true}
	seeingData   = access{role: people.Viewer} // what the scripts of pages ask for
	managing     = access{role: people.Operator, page: true}
	administring = access{role: people.Admin, page: true}

	apiReading  = access{role: people.Viewer, level: people.Overview}
	apiWriting  = access{role: people.Operator, level: people.Technical} // data of any device
	apiManaging = access{role: people.Operator, level: people.Administer}

	// The dialects under /v1 are for programs.
	keyReading  = access{level: people.Overview, keys: true}
	keyWriting  = access{level: people.Technical, keys: true}
	keyManaging = access{level: people.Administer, keys: true}
)

// face is how an error of a route looks.
func (a access) face(r *http.Request) face {
	if f := faceOf(r); a.page || a.open || f != facePage {
		return f
	}
	return faceAPI
}

// get registers a route for reading.
func (s *Server) get(path string, who access, h http.Handler) *mux.Route {
	return s.allow(s.router.Handle(path, h).Methods(http.MethodGet, http.MethodHead), who)
}

// post registers a route for one unsafe act.
func (s *Server) post(path string, who access, h http.Handler) *mux.Route {
	return s.allow(s.router.Handle(path, h).Methods(http.MethodPost), who)
}

// allow says who may use a route.
func (s *Server) allow(route *mux.Route, who access) *mux.Route {
	s.rules[route] = who
	return route
}

// authorize runs inside the router, once a route matched: it finds out who asks and whether they may.
func (s *Server) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, listed := s.rules[mux.CurrentRoute(r)]
		if !listed {
			s.answerError(w, r, faceOf(r), errNoSuchAddress)
			return
		}
		p, err := s.identify(w, r, who)
		if err == nil {
			err = s.permit(r, who, p)
		}
		r = withPrincipal(r, p)
		if err != nil {
			if (err == errRole || err == errLevel) && s.denials.AllowN(s.Clock(), 1) {
				s.record(r, people.ActionDenied, r.Method+" "+stateOf(r).route(), err)
			}
			s.turnAway(w, r, who, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// How many denied requests of people and keys the audit log takes: a key that is in wrong hands must not fill it.
const (
	denialsPerSecond = 1
	denialsAtOnce    = 60
)

// permit tells whether somebody may use a route; nil is yes.
func (s *Server) permit(r *http.Request, who access, p principal) error {
	if isUnsafe(r.Method) && !who.blind && !who.keys && p.kind != byKey {
		// No other site's page acts through a person's browser. The check passes a request that says nothing of where it
		// comes from, as programs send them: such a one is none of a browser, and no cookie speaks for it.
		if s.crossOrigin.Check(r) != nil || p.kind == byPerson && r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "" {
			return errCrossSite
		}
	}
	switch {
	case who.open:
		return nil
	case p.kind == byPerson:
		if p.account.MustChange && !who.early {
			return errPasswordFirst
		}
		if who.role == people.NoRole || p.account.Role < who.role {
			return errRole
		}
	case p.kind == byKey:
		if who.level == people.NoLevel || p.key.Level < who.level {
			return errLevel
		}
	case who.keys:
		return errKeyNeeded
	default:
		return errSignIn
	}
	return nil
}

// turnAway answers those who may not. A person without a session who opens a page is led to the sign-in page and back.
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, who access, err error) {
	led := who.page && !scripted(r) // a script would take the page that it is led to for the one it asked for
	switch {
	case err == errSignIn && led:
		_ = seeOther(w, loginPath(r))
	case err == errPasswordFirst && led:
		_ = seeOther(w, "/account")
	default:
		s.answerError(w, r, who.face(r), err)
	}
}

// scripted tells that a script asks for a page, or for a part of one. Browsers say so by themselves only over encrypted
// connections and on their own machine, so the app's scripts say it too.
func scripted(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode != "" && mode != "navigate" || r.Header.Get("X-Requested-With") != ""
}

// refuseStrangers stands before the answers to requests that no route takes: what there is and what there is not is
// nobody's business who is not signed in.
func (s *Server) refuseStrangers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := seeing
		switch faceOf(r) {
		case faceGateway:
			next.ServeHTTP(w, r) // as InfluxDB does, whose paths are known
			return
		case faceAPI:
			who = apiReading
		case faceSmart, faceHelium:
			who = keyReading
		}
		p, err := s.identify(w, r, who)
		if err == nil && p.kind == byNobody {
			if err = errSignIn; who.keys {
				err = errKeyNeeded
			}
		}
		r = withPrincipal(r, p)
		if err != nil {
			s.turnAway(w, r, who, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Problems of those who may not.
var (
	errSignIn        = &problem{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "Sign in, or send an API key in the Authorization header."}
	errKeyNeeded     = &problem{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "Invalid API token in Authorization header"}
	errKeyRefused    = &problem{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "This API key is unknown, revoked, or has run out."}
	errRole          = &problem{Status: http.StatusForbidden, Code: "forbidden", Message: "Your role does not allow this. An admin can change it."}
	errLevel         = &problem{Status: http.StatusForbidden, Code: "forbidden", Message: "The level of this API key does not allow this."}
	errPasswordFirst = &problem{Status: http.StatusForbidden, Code: "password_change_needed", Message: "Somebody else chose your password: change it first, on the page of your account."}
	errNoAccount     = &problem{Status: http.StatusForbidden, Code: "forbidden", Message: "The proxy vouches for you, but you have no account here. An admin can add one."}
)

// newCrossOrigin makes the check that an unsafe request comes from the app's own pages.
func newCrossOrigin(publicURL string, log *slog.Logger) *http.CrossOriginProtection {
	protection := http.NewCrossOriginProtection()
	if publicURL != "" {
		// Behind a proxy that rewrites Host, the browser's Origin is still the public one.
		if err := protection.AddTrustedOrigin(originOf(publicURL)); err != nil {
			log.Warn("PUBLIC_URL is no origin that forms can come from", "error", err)
		}
	}
	return protection
}

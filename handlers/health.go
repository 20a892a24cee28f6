package handlers

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"
)

// opsRoutes are for those who run the app.
func (s *Server) opsRoutes(m *mux.Router) {
	get(m, "/healthz", s.json(s.healthz))
	get(m, "/readyz", s.json(s.readyz))
	get(m, "/metrics", s.Metrics.Handler())
}

// healthz says that the process answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, err := io.WriteString(w, "ok\n")
	return err
}

// readyTimeout is the longest that a readiness check waits for the database.
const readyTimeout = 3 * time.Second

type readiness struct {
	Status   string       `json:"status"` // "ready" or "unavailable"
	Version  string       `json:"version,omitempty"`
	Database databaseView `json:"database"`
}

type databaseView struct {
	Ready    bool   `json:"ready"`
	Embedded bool   `json:"embedded"`
	Version  string `json:"version,omitempty"`
	Problem  string `json:"problem,omitempty"`
	LastOK   string `json:"last_ok,omitempty"`
	NextTry  string `json:"next_try,omitempty"`
}

// readyz is 200 when the database answers and both buckets are there, else 503.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	err := s.Database.Ready(ctx)
	st := s.Database.Status()
	out := readiness{Status: "ready", Version: s.Version, Database: databaseView{
		Ready: err == nil, Embedded: st.Embedded, Version: st.Version, LastOK: isoTime(st.LastOK)}}
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
		out.Status = "unavailable"
		out.Database.Problem = st.Problem
		if out.Database.Problem == "" {
			out.Database.Problem = "The database cannot be reached."
		}
		out.Database.NextTry = isoTime(st.NextTry)
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, out)
	return nil
}

// isoTime is the form of times in the JSON API: ISO 8601, milliseconds, Z. The zero time is "".
func isoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// publicURL is how the one who asks reaches the app.
func (s *Server) publicURL(r *http.Request) string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// influxURL is the address at which a device writes.
func (s *Server) influxURL(r *http.Request) string {
	if s.InfluxPublicURL != "" {
		return s.InfluxPublicURL
	}
	return s.publicURL(r) + "/influx"
}

// originOf cuts an address to its scheme and host.
func originOf(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

package handlers

import (
	"context"
	"io"
	"net/http"
	"time"
)

// opsRoutes are for those who run the app.
func (s *Server) opsRoutes() {
	s.get("/healthz", everybody, s.json(s.healthz))
	s.get("/readyz", everybody, s.json(s.readyz))
	s.get("/metrics", apiReading, s.Metrics.Handler())
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

// readyz is 200 when the database answers, both buckets are there, and somebody can sign in; else 503. It is open to
// everybody, so it says no more than that: what is wrong stands on the pages and in the log.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	status, word := http.StatusOK, "ready"
	if s.Database.Ready(ctx) != nil || s.People.Ready() != nil || len(s.People.Accounts()) == 0 {
		status, word = http.StatusServiceUnavailable, "unavailable"
		retryLater(w)
	}
	writeJSON(w, status, struct {
		Status string `json:"status"`
	}{word})
	return nil
}

// isoTime is the form of times in the JSON API: ISO 8601, milliseconds, Z. The zero time is "".
func isoTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

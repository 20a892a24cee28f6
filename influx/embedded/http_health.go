package embedded

import (
	"net/http"
	"time"
)

// health: the process answers and the engine is open. Low disk space is told
// but is no failure: reading goes on.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	message := "ready for queries and writes"
	switch {
	case s.recovery.pending.Load():
		message = "ready for queries; writes are refused until a fault of the disk is made good"
	case !s.space.room():
		message = "ready for queries; writes are refused because the disk is nearly full"
	case len(s.Damages()) > 0 || s.closed > 0:
		message += "; the log tells of data found damaged at the start"
	}
	return writeJSON(w, http.StatusOK, map[string]any{
		"name": "influxdb", "message": message, "status": "pass", "checks": []any{}, "version": Version, "commit": "embedded",
	})
}

func (s *Server) ping(w http.ResponseWriter, _ *http.Request) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) readiness(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]any{
		"status": "ready", "started": s.started.UTC(), "up": s.clock().Sub(s.started).Round(time.Millisecond).String(),
	})
}

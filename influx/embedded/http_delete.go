package embedded

import (
	"fmt"
	"net/http"
	"time"

	"github.com/influxdata/influxdb/models"
)

func (s *Server) deletePoints(w http.ResponseWriter, r *http.Request) error {
	o, err := s.requestOrg(r)
	if err != nil {
		return err
	}
	name := r.URL.Query().Get("bucketID")
	if name == "" {
		name = r.URL.Query().Get("bucket")
	}
	b, err := s.requestBucket(o, name)
	if err != nil {
		return err
	}
	if !authOf(r.Context()).allows(actionWrite, typeBuckets, o.ID, b.ID) {
		return errForbidden("insufficient permissions to delete")
	}
	var q struct{ Start, Stop, Predicate string }
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	start, err := deleteTime("start", q.Start)
	if err != nil {
		return err
	}
	stop, err := deleteTime("stop", q.Stop)
	if err != nil {
		return err
	}
	if stop.Before(start) {
		return errInvalid("stop is before start")
	}
	predicate, err := parsePredicate(q.Predicate)
	if err != nil {
		return err
	}
	if sources, cond, nothing := deleteCondition(predicate, start, stop); !nothing {
		// A delete may take a measurement's fields away with its last series.
		gate := s.gates.of(b.ID)
		gate.Lock()
		err := s.store.DeleteSeries(b.ID, sources, cond)
		gate.Unlock()
		if err != nil {
			return fmt.Errorf("delete from bucket %s: %w", b.ID, err)
		}
	}
	s.usage.forget(b.ID)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// deleteTime reads a bound. Bounds beyond the times that a point can have, as
// clients send for "everything", are drawn in.
func deleteTime(what, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, errInvalid("invalid RFC3339 time in field %q, please format your time with RFC3339 format, example: 2009-01-02T23:00:00Z", what)
	}
	first, last := time.Unix(0, models.MinNanoTime), time.Unix(0, models.MaxNanoTime)
	if t.Before(first) {
		t = first
	}
	if t.After(last) {
		t = last
	}
	return t, nil
}

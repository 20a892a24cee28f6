package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxql"
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
		if err := s.deleteSeries(r.Context(), b.ID, sources, cond); err != nil {
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

// deleteSeries deletes points. It may take a measurement's fields away with its
// last series, so no write may be under way.
func (s *Server) deleteSeries(ctx context.Context, bucketID string, sources []influxql.Source, cond influxql.Expr) error {
	opening, err := func() (uint64, error) {
		_, use, err := s.engine.enter(ctx)
		if err != nil {
			return 0, err
		}
		defer use.leave()
		gate := s.gates.of(bucketID)
		gate.Lock()
		defer gate.Unlock()
		return use.opening, s.store.DeleteSeries(bucketID, sources, cond)
	}()
	if errors.As(err, new(syscall.Errno)) {
		s.log.Error("delete from the embedded InfluxDB failed", "bucket", s.cat.bucketName(bucketID), "error", err)
		s.heal(opening)
		return errWriteFault
	}
	return err
}

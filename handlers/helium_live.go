package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"iotcenter/devices"
	"iotcenter/telemetry/helium"
)

// liveSeries sends the points of a series as they are written, until the client leaves, the app stops, the key ends or the
// sensor is removed. A suspended sensor's stream stays open: it goes on when the sensor does.
func (s *Server) liveSeries(w http.ResponseWriter, r *http.Request, of series) error {
	values, err := queryOf(r)
	if err != nil {
		return err
	}
	q, err := helium.ParseQuery(of.owner, values)
	if err != nil {
		return err
	}
	live, ok := s.timeseries.Subscribe(of.owner, q.Ports)
	if !ok {
		return tooMany("There are as many live streams as there can be.", defaultRetry)
	}
	defer live.Close()
	stream, err := s.streamFrom(w, r, keepalive)
	silence := time.NewTimer(streamPause)
	defer silence.Stop()
	for err == nil {
		select {
		case p, more := <-live.C:
			if !more || !s.still(r) {
				return nil // too slow, or of no right any more: a client that may comes back
			}
			err = stream.SendText("sensor", string(append(of.appendPoint([]byte(`{"data":`), p), '}')))
		case <-silence.C:
			if !s.still(r) || s.gone(r, of) {
				return nil
			}
			err = stream.Ping()
		case <-stream.Done():
			return nil
		}
		silence.Reset(streamPause)
	}
	return nil // the client left
}

// gone tells that a series' sensor was removed.
func (s *Server) gone(r *http.Request, of series) bool {
	if of.sensor == uuid.Nil {
		return false
	}
	_, err := s.Registry.Known(r.Context(), of.owner)
	return errors.Is(err, devices.ErrNotFound)
}

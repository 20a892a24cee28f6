package handlers

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/views"
)

// askedMeasurement reads which measurement a request is about; "" if it names none. Its error is a *telemetry.QueryError.
func askedMeasurement(r *http.Request) (string, error) {
	name := r.URL.Query().Get("measurement")
	return name, checkMeasurement(name)
}

// checkMeasurement refuses what can be no measurement's name.
func checkMeasurement(name string) error {
	switch {
	case len(name) > longestName:
		return &telemetry.QueryError{Parameter: "measurement", Problem: "is too long"}
	case !utf8.ValidString(name), strings.ContainsFunc(name, unicode.IsControl):
		return &telemetry.QueryError{Parameter: "measurement", Problem: "has characters that no name has"}
	}
	return nil
}

// measurements names those of a device's measurements that pages can show.
func (s *Server) measurements(ctx context.Context, id devices.ID) ([]string, error) {
	all, err := s.Reader.Measurements(ctx, id)
	if err != nil {
		return nil, err
	}
	shown := all[:0:0]
	for _, name := range all {
		if name != "" && checkMeasurement(name) == nil {
			shown = append(shown, name)
		}
	}
	return shown, nil
}

// newestValues are the newest values of a measurement of a device.
type newestValues struct {
	last    []telemetry.LastValue
	entry   time.Time // the device's newest point in any measurement, from which its state follows
	explain telemetry.Explained
}

// readNewest reads the newest values of a measurement. Who does not name it asks about environment, and the device has
// no other one.
func (s *Server) readNewest(ctx context.Context, id devices.ID, measurement string) (out newestValues, err error) {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		out.last, out.explain, err = s.Reader.Last(ctx, id, measurement, s.Clock().Add(-lastBack))
		return err
	})
	if measurement != "" {
		both.Go(func() (err error) {
			out.entry, err = s.lastEntry(ctx, id)
			return err
		})
	}
	if err := both.Wait(); err != nil {
		return newestValues{}, err
	}
	if measurement == "" {
		out.entry = views.NewestOf(out.last)
	}
	return out, nil
}

// lastEntry is the time of a device's newest point in any measurement; the zero time if there is none.
func (s *Server) lastEntry(ctx context.Context, id devices.ID) (time.Time, error) {
	entries, err := s.Activity.LastEntries(ctx, []devices.ID{id})
	return entries[id], err
}

// chooseMeasurement finds out which measurement a dashboard shows, and reads its newest values. Most devices write
// environment: that is read without waiting for the names of the others.
func (s *Server) chooseMeasurement(ctx context.Context, id devices.ID, asked string) (views.ShownMeasurement, newestValues, error) {
	var names []string
	var newest newestValues
	both, within := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		names, err = s.measurements(within, id)
		return err
	})
	both.Go(func() (err error) {
		newest, err = s.readNewest(within, id, asked)
		return err
	})
	if err := both.Wait(); err != nil {
		return views.ShownMeasurement{}, newest, err
	}
	shown := views.ShowMeasurement(asked, names)
	var err error
	switch {
	case asked != "", !shown.Given: // all is read
	case shown.Name == telemetry.Environment:
		newest.entry, err = s.lastEntry(ctx, id)
	default:
		newest, err = s.readNewest(ctx, id, shown.Name)
	}
	return shown, newest, err
}

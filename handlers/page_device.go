package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/views"
)

// device is the page of one device.
func (s *Server) device(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	return s.showDevice(w, r, id)
}

func (s *Server) showDevice(w http.ResponseWriter, r *http.Request, id devices.ID) error {
	d, err := s.Registry.Get(r.Context(), id)
	if err != nil {
		return about(id, err)
	}
	page := views.DevicePage{Device: d, LastUse: s.Registry.LastUse(id), Enrolled: s.enrolledBy(r.Context(), d), Config: s.deviceConfig(r), Language: r.URL.Query().Get("lang")}
	if err := s.readMeasurements(r.Context(), &page); err != nil {
		return about(id, err)
	}
	page.Shell = s.shell(w, r, string(id), "devices")
	s.topic(r, &page.Shell, "device")
	return s.render(w, r, http.StatusOK, views.Device(page))
}

// enrolledBy is the enrolment key that registered a device, by its name where it still holds.
func (s *Server) enrolledBy(ctx context.Context, d devices.Device) string {
	if d.EnrolledBy == "" {
		return ""
	}
	return s.enrolmentKeyWords(ctx, d.EnrolledBy)
}

// enrolmentKeyWords names an enrolment key by its id.
func (s *Server) enrolmentKeyWords(ctx context.Context, id string) string {
	keys, err := s.Enrolment.Keys(ctx)
	if err == nil {
		for _, k := range keys {
			if k.ID == id {
				return "the key " + k.Name
			}
		}
	}
	return "a key that is gone" // or cannot be read right now; it is a detail
}

// readMeasurements asks for the last entry and for the statistics. A database that fails now leaves the page without them.
func (s *Server) readMeasurements(ctx context.Context, page *views.DevicePage) error {
	now, id := s.Clock(), page.Device.ID
	both, ctx := errgroup.WithContext(ctx)
	var last map[devices.ID]time.Time
	var stats []telemetry.FieldStats
	both.Go(func() (err error) {
		last, err = s.Activity.LastEntries(ctx, []devices.ID{id})
		return err
	})
	both.Go(func() (err error) {
		stats, err = s.Reader.Stats(ctx, id, telemetry.Environment, now.AddDate(0, 0, -views.StatsDays), now)
		return err
	})
	err := both.Wait()
	if err != nil && !errors.Is(err, devices.ErrUnavailable) {
		return err
	}
	page.Unread = err != nil
	page.Last, page.Stats = last[id], stats
	page.State = page.Device.StateAt(page.Last, now)
	return nil
}

// deviceConfig is what a device is told, but for its token.
func (s *Server) deviceConfig(r *http.Request) views.DeviceConfig {
	db := s.Database.Status()
	return views.DeviceConfig{
		AppURL: s.publicURL(r), InfluxURL: s.influxURL(r), Org: db.Org, Bucket: db.Bucket, WriteEndpoint: writeEndpoint,
		Interval: measurementInterval * time.Second, Refresh: configurationRefresh * time.Second,
	}
}

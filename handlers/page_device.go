package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
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
	form, err := s.profileForm(id)
	if err != nil {
		return about(id, err)
	}
	return s.devicePage(w, r, http.StatusOK, d, form)
}

// devicePage draws the page of a device; form is what people say about it.
func (s *Server) devicePage(w http.ResponseWriter, r *http.Request, status int, d devices.Device, form views.ProfileForm) error {
	id := d.ID
	page := views.DevicePage{Device: d, LastUse: s.Registry.LastUse(id), Enrolled: s.enrolledBy(r.Context(), d), Config: s.deviceConfig(r),
		Profile: form, Language: r.URL.Query().Get("lang")}
	if err := s.readMeasurements(r.Context(), &page); err != nil {
		return about(id, err)
	}
	page.Shell = s.shell(w, r, string(id), "devices")
	s.topic(r, &page.Shell, "device")
	return s.render(w, r, status, views.Device(page))
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

// shownMeasurements is of how many measurements the page of a device has statistics.
const shownMeasurements = 5

// readMeasurements asks for the last entry, for the statistics of the device's measurements, and for its events. Most
// devices write environment alone: that is read without waiting for the names of the others. A database that fails now
// leaves the page without them.
func (s *Server) readMeasurements(ctx context.Context, page *views.DevicePage) error {
	now, id := s.Clock(), page.Device.ID
	since := now.AddDate(0, 0, -views.StatsDays)
	var (
		last        map[devices.ID]time.Time
		environment []telemetry.FieldStats
		further     []views.MeasuredFields
		left        int
		events      []helium.Stored
	)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		last, err = s.Activity.LastEntries(ctx, []devices.ID{id})
		return err
	})
	group.Go(func() (err error) {
		environment, err = s.Reader.Stats(ctx, id, telemetry.Environment, since, now)
		return err
	})
	group.Go(func() error {
		names, err := s.measurements(ctx, id)
		if err != nil {
			return err
		}
		names = views.OrderMeasurements(names)
		if slices.Contains(names, helium.Measurement) {
			group.Go(func() (err error) {
				events, err = s.events(ctx, id)
				return err
			})
		}
		shown := names[:min(len(names), shownMeasurements)]
		left = len(names) - len(shown)
		shown = slices.DeleteFunc(slices.Clone(shown), func(name string) bool { return name == telemetry.Environment })
		further = make([]views.MeasuredFields, len(shown))
		for i, name := range shown {
			group.Go(func() error {
				stats, err := s.Reader.Stats(ctx, id, name, since, now)
				further[i] = views.MeasuredFields{Measurement: name, Stats: stats}
				return err
			})
		}
		return nil
	})
	err := group.Wait()
	if err != nil && !errors.Is(err, devices.ErrUnavailable) {
		return err
	}
	if page.Unread = err != nil; !page.Unread {
		page.Stats, page.Further, page.Left = environment, further, left
		page.Events = views.NewEventRows(events)
	}
	page.Last = last[id]
	page.State = page.Device.StateAt(page.Last, now)
	return nil
}

// events are the newest points on the ports that the Helium dialect keeps for events.
func (s *Server) events(ctx context.Context, id devices.ID) ([]helium.Stored, error) {
	ports, err := s.Points.HeliumPorts(ctx, id)
	if err != nil {
		return nil, err
	}
	ports = slices.DeleteFunc(slices.Clone(ports), func(port string) bool {
		return port != helium.EventPort && port != helium.SensorEventPort
	})
	if len(ports) == 0 {
		return nil, nil
	}
	return s.Points.HeliumPoints(ctx, helium.Selection{Owner: id, Ports: ports}, 0, views.ShownEvents)
}

// deviceConfig is what a device is told, but for its token.
func (s *Server) deviceConfig(r *http.Request) views.DeviceConfig {
	db := s.Database.Status()
	return views.DeviceConfig{
		AppURL: s.publicURL(r), InfluxURL: s.influxURL(r), Org: db.Org, Bucket: db.Bucket, WriteEndpoint: writeEndpoint,
		Interval: measurementInterval * time.Second, Refresh: configurationRefresh * time.Second,
	}
}

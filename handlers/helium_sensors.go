package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"

	"iotcenter/devices"
	"iotcenter/people"
)

// sensorJSON is a device as this dialect shows it.
type sensorJSON struct {
	Attributes    named               `json:"attributes"`
	Relationships sensorRelationships `json:"relationships"`
	ID            uuid.UUID           `json:"id"`
	Meta          sensorMeta          `json:"meta"`
	Type          string              `json:"type"`
}

// named is the attributes of what has a name and nothing else that can be changed.
type named struct {
	Name string `json:"name"`
}

type sensorRelationships struct {
	Label relationship `json:"label"`
}

type sensorMeta struct {
	Card     *string  `json:"card"` // what of the hardware a sensor is: always null here
	MAC      *string  `json:"mac"`
	Created  string   `json:"created"`
	Updated  string   `json:"updated"`
	LastSeen *string  `json:"last-seen"`
	Ports    []string `json:"ports"`
}

func stampOf(t time.Time) string { return t.UTC().Format(heliumTime) }

// newSensor puts a sensor together; last is its newest entry in whatever dialect, zero if it never wrote.
func newSensor(d devices.Device, p devices.Profile, ports []string, last time.Time) sensorJSON {
	updated := d.UpdatedAt
	if p.UpdatedAt.After(updated) {
		updated = p.UpdatedAt
	}
	out := sensorJSON{
		Attributes:    named{p.Name},
		Relationships: sensorRelationships{labelsOf(p)},
		ID:            devices.UUIDOf(d.ID),
		Meta:          sensorMeta{Created: stampOf(d.CreatedAt), Updated: stampOf(updated), Ports: listOf(ports)},
		Type:          "sensor",
	}
	if p.Name == "" {
		out.Attributes.Name = string(d.ID)
	}
	if mac := string(d.ID); isMAC(mac) {
		out.Meta.MAC = &mac
	}
	if !last.IsZero() {
		seen := stampOf(last)
		out.Meta.LastSeen = &seen
	}
	return out
}

// isMAC tells whether a device id is a hardware address of 64 bits, written as 16 hexadecimal digits.
func isMAC(id string) bool {
	if len(id) != 16 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
}

// labelsOf is a sensor's labels.
func labelsOf(p devices.Profile) relationship {
	out := relationship{Data: make([]reference, len(p.Labels))}
	for i, label := range p.Labels {
		out.Data[i] = reference{label.String(), "label"}
	}
	return out
}

// listSensors lists the registered devices, all of them or those whose metadata contain what filter[metadata] says.
func (s *Server) listSensors(w http.ResponseWriter, r *http.Request) error {
	values, err := queryOf(r)
	if err != nil {
		return err
	}
	keep, err := metadataFilter(values)
	if err != nil {
		return err
	}
	return s.streamSensors(w, r, keep, func(fn func(devices.Device) error) error { return s.Registry.Each(r.Context(), fn) })
}

// streamSensors answers with a list of sensors, however long it is. The questions about data are few, and come first: an
// error before the first bytes is answered as one, a later one cuts the connection.
func (s *Server) streamSensors(w http.ResponseWriter, r *http.Request, keep func(devices.Profile) bool, each func(func(devices.Device) error) error) error {
	ctx := r.Context()
	leave, err := s.pages.enter(ctx, principalOf(r).key.ID) // it reads the index whole
	if err != nil {
		return err
	}
	defer leave()
	ports, err := s.Points.AllHeliumPorts(ctx)
	if err != nil {
		return err
	}
	last, err := s.lastSeen(ctx, each)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out := bufio.NewWriterSize(w, pageBuffer)
	_, _ = out.WriteString(`{"data":[`) // bufio keeps errors for Flush
	first := true
	err = each(func(d devices.Device) error {
		p, err := s.Profiles.Profile(d.ID)
		if err != nil {
			return err
		}
		if !keep(p) {
			return ctx.Err()
		}
		item, err := json.Marshal(newSensor(d, p, ports[d.ID], last(d.ID)))
		if err != nil {
			return err
		}
		if !first {
			_ = out.WriteByte(',')
		}
		first = false
		_, err = out.Write(item)
		return err
	})
	if err != nil {
		return err
	}
	_, _ = out.WriteString("]}\n")
	_ = out.Flush() // a client that left needs no answer
	return nil
}

// lastSeenAsked is how many sensors the database is asked about for a list, beyond what the fleet knows.
const lastSeenAsked = 150

// lastSeen tells of many devices when they were last seen. The fleet knows it of those that wrote lately; of the others
// some are looked for each time.
func (s *Server) lastSeen(ctx context.Context, each func(func(devices.Device) error) error) (func(devices.ID) time.Time, error) {
	fleet, err := s.Fleet.Snapshot(ctx)
	if fleet.At.IsZero() && err != nil {
		return nil, err
	}
	var silent []devices.ID
	err = each(func(d devices.Device) error {
		if _, known := fleet.Last[d.ID]; !known && len(silent) < lastSeenAsked && fleet.StateOf(d.ID, fleet.At) != devices.Never {
			silent = append(silent, d.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var found map[devices.ID]time.Time
	if len(silent) > 0 {
		if found, err = s.Activity.LastEntries(ctx, silent); err != nil {
			return nil, err
		}
	}
	return func(id devices.ID) time.Time {
		if at, ok := found[id]; ok {
			return at
		}
		return fleet.Last[id]
	}, nil
}

// writeSensor answers with one sensor.
func (s *Server) writeSensor(w http.ResponseWriter, r *http.Request, status int, d devices.Device) error {
	p, err := s.Profiles.Profile(d.ID)
	if err != nil {
		return err
	}
	ports, err := s.Points.HeliumPorts(r.Context(), d.ID)
	if err != nil {
		return err
	}
	last, err := s.Activity.LastEntries(r.Context(), []devices.ID{d.ID})
	if err != nil {
		return err
	}
	writeJSON(w, status, document{newSensor(d, p, ports, last[d.ID])})
	return nil
}

func (s *Server) showSensor(w http.ResponseWriter, r *http.Request) error {
	d, err := s.sensor(r)
	if err != nil {
		return err
	}
	return s.writeSensor(w, r, http.StatusOK, d)
}

// sensorChange is the body of POST and PATCH. What it does not say stays.
type sensorChange struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Attributes struct {
		Name *string `json:"name"`
	} `json:"attributes"`
}

// makeSensor registers a device under a new UUID. The name comes first, because it can be refused: nobody can know of
// the UUID yet, and without a registration nothing shows it.
func (s *Server) makeSensor(w http.ResponseWriter, r *http.Request) error {
	var change sensorChange
	if err := readResource(r, &change); err != nil {
		return err
	}
	if err := ofType(change.Type, "sensor"); err != nil {
		return err
	}
	if change.ID != "" {
		return badRequest("data.id", "data.id is chosen here: leave it out.")
	}
	ctx, id := r.Context(), devices.ID(uuid.NewString())
	if name := change.Attributes.Name; name != nil && *name != "" {
		if err := s.nameSensor(ctx, id, *name); err != nil {
			return err
		}
	}
	d, _, err := s.Registry.Register(ctx, id)
	s.record(r, people.ActionRegister, string(id), err)
	if err != nil {
		_ = s.Profiles.Forget(context.WithoutCancel(ctx), id) // else the name of nothing is left, which does no harm
		return err
	}
	w.Header().Set("Location", "/v1/sensor/"+string(id))
	return s.writeSensor(w, r, http.StatusCreated, d)
}

func (s *Server) nameSensor(ctx context.Context, id devices.ID, name string) error {
	_, err := s.Profiles.Change(ctx, id, func(p *devices.Profile) error {
		p.Name = name
		return nil
	})
	return err
}

// renameSensor gives a sensor a name; with an empty one it goes by its id again.
func (s *Server) renameSensor(w http.ResponseWriter, r *http.Request) error {
	d, err := s.sensor(r)
	if err != nil {
		return err
	}
	var change sensorChange
	if err := readResource(r, &change); err != nil {
		return err
	}
	if err := ofSensorID(change.Type, "sensor", change.ID, d.ID); err != nil {
		return err
	}
	if name := change.Attributes.Name; name != nil {
		err := s.nameSensor(r.Context(), d.ID, *name)
		s.record(r, people.ActionProduct, string(d.ID), err)
		if err != nil {
			return err
		}
	}
	return s.writeSensor(w, r, http.StatusOK, d)
}

// ofSensorID refuses a body about something else than the sensor at the address.
func ofSensorID(kind, want, id string, of devices.ID) error {
	if err := ofType(kind, want); err != nil {
		return err
	}
	if u, ok := devices.ParseUUID(id); id == "" || id == string(of) || ok && u == devices.UUIDOf(of) {
		return nil
	}
	return badRequest("data.id", "data.id is not the sensor of this address.")
}

// removeSensor unregisters a device. What it wrote stays.
func (s *Server) removeSensor(w http.ResponseWriter, r *http.Request) error {
	d, err := s.sensor(r)
	if err != nil {
		return err
	}
	if err := s.removeDevice(r, d.ID, false); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

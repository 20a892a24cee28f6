package handlers

import (
	"context"
	"net/http"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"iotcenter/devices"
	"iotcenter/people"
)

// labelJSON is a label, which is a group of sensors, as this dialect shows it.
type labelJSON struct {
	Attributes    named              `json:"attributes"`
	Relationships labelRelationships `json:"relationships"`
	ID            uuid.UUID          `json:"id"`
	Meta          labelMeta          `json:"meta"`
	Type          string             `json:"type"`
}

type labelRelationships struct {
	Sensor relationship `json:"sensor"`
}

type labelMeta struct {
	Created string `json:"created"`
	Updated string `json:"updated"`
}

func newLabel(l devices.Label, sensors []devices.ID) labelJSON {
	return labelJSON{named{l.Name}, labelRelationships{sensorsOf(sensors)}, l.ID, labelMeta{stampOf(l.CreatedAt), stampOf(l.UpdatedAt)}, "label"}
}

// sensorsOf is a label's sensors.
func sensorsOf(ids []devices.ID) relationship {
	out := relationship{Data: make([]reference, len(ids))}
	for i, id := range ids {
		out.Data[i] = reference{devices.UUIDOf(id).String(), "sensor"}
	}
	return out
}

// label is the label that the route names.
func (s *Server) label(r *http.Request) (devices.Label, error) {
	return s.labelCalled(mux.Vars(r)["label"])
}

func (s *Server) labelCalled(text string) (devices.Label, error) {
	id, ok := devices.ParseUUID(text)
	if !ok {
		return devices.Label{}, errNoUUID
	}
	return s.Profiles.Label(id)
}

// writeLabels answers with labels and their sensors.
func (s *Server) writeLabels(w http.ResponseWriter, labels []devices.Label) error {
	out := make([]labelJSON, len(labels))
	for i, l := range labels {
		sensors, err := s.Profiles.Labelled(l.ID)
		if err != nil {
			return err
		}
		out[i] = newLabel(l, sensors)
	}
	writeJSON(w, http.StatusOK, document{out})
	return nil
}

func (s *Server) writeLabel(w http.ResponseWriter, status int, l devices.Label) error {
	sensors, err := s.Profiles.Labelled(l.ID)
	if err != nil {
		return err
	}
	writeJSON(w, status, document{newLabel(l, sensors)})
	return nil
}

func (s *Server) listLabels(w http.ResponseWriter, _ *http.Request) error {
	labels, err := s.Profiles.Labels()
	if err != nil {
		return err
	}
	return s.writeLabels(w, labels)
}

func (s *Server) showLabel(w http.ResponseWriter, r *http.Request) error {
	l, err := s.label(r)
	if err != nil {
		return err
	}
	return s.writeLabel(w, http.StatusOK, l)
}

// labelChange is the body of POST and PATCH. What it does not say stays.
type labelChange struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Attributes struct {
		Name *string `json:"name"`
	} `json:"attributes"`
	Relationships struct {
		Sensor *relationship `json:"sensor"`
	} `json:"relationships"`
}

// read reads the body, and finds the sensors that it names; nil if it names none.
func (c *labelChange) read(s *Server, r *http.Request) (sensors []devices.ID, err error) {
	if err := readResource(r, c); err != nil {
		return nil, err
	}
	if err := ofType(c.Type, "label"); err != nil {
		return nil, err
	}
	if c.Relationships.Sensor == nil {
		return nil, nil
	}
	return s.sensorsCalled(r, c.Relationships.Sensor.Data, toReplace)
}

func (s *Server) makeLabel(w http.ResponseWriter, r *http.Request) error {
	var change labelChange
	sensors, err := change.read(s, r)
	if err != nil {
		return err
	}
	if change.ID != "" {
		return badRequest("data.id", "data.id is chosen here: leave it out.")
	}
	name := change.Attributes.Name
	if name == nil {
		return badRequest("data.attributes.name", "data.attributes.name is missing.")
	}
	l, err := s.Profiles.MakeLabel(r.Context(), *name)
	s.record(r, people.ActionLabel, *name, err, "made")
	if err != nil {
		return err
	}
	if err := s.changeMembers(r, l, toAdd, sensors); err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/label/"+l.ID.String())
	return s.writeLabel(w, http.StatusCreated, l)
}

func (s *Server) changeLabel(w http.ResponseWriter, r *http.Request) error {
	l, err := s.label(r)
	if err != nil {
		return err
	}
	var change labelChange
	sensors, err := change.read(s, r)
	if err != nil {
		return err
	}
	if u, ok := devices.ParseUUID(change.ID); change.ID != "" && (!ok || u != l.ID) {
		return badRequest("data.id", "data.id is not the label of this address.")
	}
	if name := change.Attributes.Name; name != nil && *name != l.Name {
		before := l.Name
		l, err = s.Profiles.RenameLabel(r.Context(), l.ID, *name)
		s.record(r, people.ActionLabel, before, err, "renamed to "+*name)
		if err != nil {
			return err
		}
	}
	if change.Relationships.Sensor != nil {
		if err := s.changeMembers(r, l, toReplace, sensors); err != nil {
			return err
		}
	}
	return s.writeLabel(w, http.StatusOK, l)
}

func (s *Server) removeLabel(w http.ResponseWriter, r *http.Request) error {
	l, err := s.label(r)
	if err != nil {
		return err
	}
	err = s.Profiles.DeleteLabel(r.Context(), l.ID)
	s.record(r, people.ActionLabel, l.Name, err, "removed")
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// listSensorsOfLabel lists the sensors of a label whole.
func (s *Server) listSensorsOfLabel(w http.ResponseWriter, r *http.Request) error {
	l, err := s.label(r)
	if err != nil {
		return err
	}
	ids, err := s.Profiles.Labelled(l.ID)
	if err != nil {
		return err
	}
	all := func(devices.Profile) bool { return true }
	return s.streamSensors(w, r, all, func(fn func(devices.Device) error) error { return s.eachOf(r.Context(), ids, fn) })
}

// listLabelsOfSensor lists the labels of a sensor whole.
func (s *Server) listLabelsOfSensor(w http.ResponseWriter, r *http.Request) error {
	d, err := s.sensor(r)
	if err != nil {
		return err
	}
	p, err := s.Profiles.Profile(d.ID)
	if err != nil {
		return err
	}
	labels, err := s.labelsCalled(p.Labels)
	if err != nil {
		return err
	}
	return s.writeLabels(w, labels)
}

// eachOf calls fn with those of some devices that are registered.
func (s *Server) eachOf(ctx context.Context, ids []devices.ID, fn func(devices.Device) error) error {
	for _, id := range ids {
		d, err := s.Registry.Known(ctx, id)
		if isNotFound(err) {
			continue // removed a moment ago
		}
		if err == nil {
			err = fn(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

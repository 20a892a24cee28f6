package handlers

import (
	"errors"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"iotcenter/devices"
	"iotcenter/people"
)

// listChange is what a request does to a list of members.
type listChange int

const (
	toAdd     listChange = iota // POST
	toReplace                   // PATCH
	toRemove                    // DELETE
)

// change makes the new list of the old one and of what a request names, each member once.
func change[T comparable](how listChange, old, given []T) (list []T) {
	switch how {
	case toAdd:
		list = slices.Concat(old, given)
	case toReplace:
		list = slices.Clone(given)
	case toRemove:
		list = slices.DeleteFunc(slices.Clone(old), func(m T) bool { return slices.Contains(given, m) })
	}
	seen := make(map[T]bool, len(list))
	return slices.DeleteFunc(list, func(m T) bool {
		before := seen[m]
		seen[m] = true
		return before
	})
}

func isNotFound(err error) bool {
	return errors.Is(err, devices.ErrNotFound) || errors.Is(err, devices.ErrNoSuchLabel)
}

// sensorsCalled finds the sensors of a list. All have to be there; only to remove one that is gone is no mistake.
func (s *Server) sensorsCalled(r *http.Request, list []reference, how listChange) ([]devices.ID, error) {
	texts, err := referencesTo("sensor", list)
	if err != nil {
		return nil, err
	}
	ids := make([]devices.ID, 0, len(texts))
	for _, text := range texts {
		d, err := s.sensorCalled(r, text)
		if how == toRemove && isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, d.ID)
	}
	return ids, nil
}

// readReferences reads the body of a change of a relationship.
func readReferences(r *http.Request) ([]reference, error) {
	var list []reference
	if err := readResource(r, &list); err != nil {
		return nil, err
	}
	if list == nil {
		return nil, badRequest("data", "data is a list.")
	}
	return list, nil
}

func (s *Server) showLabelSensors(w http.ResponseWriter, r *http.Request) error {
	l, err := s.label(r)
	if err != nil {
		return err
	}
	return s.writeMembers(w, l)
}

func (s *Server) writeMembers(w http.ResponseWriter, l devices.Label) error {
	ids, err := s.Profiles.Labelled(l.ID)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, sensorsOf(ids))
	return nil
}

func (s *Server) changeLabelSensors(how listChange) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		l, err := s.label(r)
		if err != nil {
			return err
		}
		list, err := readReferences(r)
		if err != nil {
			return err
		}
		ids, err := s.sensorsCalled(r, list, how)
		if err != nil {
			return err
		}
		if err := s.changeMembers(r, l, how, ids); err != nil {
			return err
		}
		return s.writeMembers(w, l)
	}
}

// changeMembers changes which sensors have a label. Each sensor is a write of its own: after an error some are changed,
// and the same request once more completes the work.
func (s *Server) changeMembers(r *http.Request, l devices.Label, how listChange, given []devices.ID) error {
	if how != toReplace && len(given) == 0 {
		return nil
	}
	old, err := s.Profiles.Labelled(l.ID)
	if err != nil {
		return err
	}
	next := change(how, old, given)
	has := make(map[devices.ID]bool, len(old))
	for _, id := range old {
		has[id] = true
	}
	changed := 0
	for _, id := range next {
		if err == nil && !has[id] {
			err = s.changeLabels(r, id, toAdd, []uuid.UUID{l.ID})
			changed++
		}
		delete(has, id)
	}
	for id := range has {
		if err == nil {
			err = s.changeLabels(r, id, toRemove, []uuid.UUID{l.ID})
			changed++
		}
	}
	if changed > 0 {
		s.record(r, people.ActionLabel, l.Name, err, "sensors changed")
	}
	return err
}

// changeLabels changes the labels of one sensor.
func (s *Server) changeLabels(r *http.Request, id devices.ID, how listChange, given []uuid.UUID) error {
	_, err := s.Profiles.Change(r.Context(), id, func(p *devices.Profile) error {
		p.Labels = change(how, p.Labels, given)
		return nil
	})
	return err
}

func (s *Server) showSensorLabels(w http.ResponseWriter, r *http.Request) error {
	d, err := s.sensor(r)
	if err != nil {
		return err
	}
	p, err := s.Profiles.Profile(d.ID)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, labelsOf(p))
	return nil
}

func (s *Server) changeSensorLabels(how listChange) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		d, err := s.sensor(r)
		if err != nil {
			return err
		}
		list, err := readReferences(r)
		if err != nil {
			return err
		}
		texts, err := referencesTo("label", list)
		if err != nil {
			return err
		}
		var given []uuid.UUID
		for _, text := range texts {
			l, err := s.labelCalled(text)
			if how == toRemove && isNotFound(err) {
				continue
			}
			if err != nil {
				return err
			}
			given = append(given, l.ID)
		}
		err = s.changeLabels(r, d.ID, how, given)
		s.record(r, people.ActionProduct, string(d.ID), err, "labels changed")
		if err != nil {
			return err
		}
		p, err := s.Profiles.Profile(d.ID)
		if err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, labelsOf(p))
		return nil
	}
}

// labelsCalled gives the labels of some ids, without those that were removed a moment ago.
func (s *Server) labelsCalled(ids []uuid.UUID) ([]devices.Label, error) {
	var out []devices.Label
	for _, id := range ids {
		l, err := s.Profiles.Label(id)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

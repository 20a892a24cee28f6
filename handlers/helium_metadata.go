package handlers

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"iotcenter/devices"
	"iotcenter/people"
)

// metadataJSON is what people say about a sensor in words of their own: any JSON object. The other dialect calls it the
// attributes of a product.
type metadataJSON struct {
	Attributes    json.RawMessage `json:"attributes"`
	Relationships struct {
		Sensor struct {
			Data reference `json:"data"`
		} `json:"sensor"`
	} `json:"relationships"`
	ID   uuid.UUID `json:"id"`
	Type string    `json:"type"`
}

func writeMetadata(w http.ResponseWriter, id devices.ID, p devices.Profile) {
	out := metadataJSON{Attributes: p.Attributes, ID: devices.UUIDOf(id), Type: "metadata"}
	if len(out.Attributes) == 0 {
		out.Attributes = json.RawMessage("{}")
	}
	out.Relationships.Sensor.Data = reference{out.ID.String(), "sensor"}
	writeJSON(w, http.StatusOK, document{out})
}

func (s *Server) showMetadata(w http.ResponseWriter, r *http.Request) error {
	d, err := s.sensor(r)
	if err != nil {
		return err
	}
	p, err := s.Profiles.Profile(d.ID)
	if err != nil {
		return err
	}
	writeMetadata(w, d.ID, p)
	return nil
}

// mergeMetadata is PATCH: a JSON merge patch (RFC 7396). Members that are given replace those that there are, objects are
// merged member by member, null removes, and the rest stays.
func (s *Server) mergeMetadata(w http.ResponseWriter, r *http.Request) error {
	return s.changeMetadata(w, r, mergePatch)
}

// replaceMetadata is PUT: what is given is all that there is afterwards.
func (s *Server) replaceMetadata(w http.ResponseWriter, r *http.Request) error {
	return s.changeMetadata(w, r, func(_, given json.RawMessage) (json.RawMessage, error) { return given, nil })
}

func (s *Server) changeMetadata(w http.ResponseWriter, r *http.Request, change func(have, given json.RawMessage) (json.RawMessage, error)) error {
	d, err := s.sensor(r)
	if err != nil {
		return err
	}
	var body struct {
		ID         string         `json:"id"`
		Type       string         `json:"type"`
		Attributes jsontext.Value `json:"attributes"`
	}
	if err := readResource(r, &body); err != nil {
		return err
	}
	if err := ofSensorID(body.Type, "metadata", body.ID, d.ID); err != nil {
		return err
	}
	if body.Attributes.Kind() != '{' {
		return badRequest("data.attributes", "data.attributes is a JSON object.")
	}
	p, err := s.Profiles.Change(r.Context(), d.ID, func(p *devices.Profile) error {
		p.Attributes, err = change(p.Attributes, json.RawMessage(body.Attributes))
		return err
	})
	s.record(r, people.ActionProduct, string(d.ID), err)
	if err != nil {
		return err
	}
	writeMetadata(w, d.ID, p)
	return nil
}

// mergePatch merges one JSON object into another.
func mergePatch(have, given json.RawMessage) (json.RawMessage, error) {
	if len(have) == 0 {
		have = json.RawMessage("{}")
	}
	old, err := exactly(have)
	if err != nil {
		return nil, err
	}
	patch, err := exactly(given)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err = encoder.Encode(merged(old, patch))
	return bytes.TrimSpace(out.Bytes()), err
}

// exactly decodes JSON with numbers as they are written, which a float64 might not hold.
func exactly(text []byte) (v any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&v)
	return v, err
}

// merged is MergePatch of RFC 7396. It changes old.
func merged(old, patch any) any {
	members, isObject := patch.(map[string]any)
	if !isObject {
		return patch
	}
	out, isObject := old.(map[string]any)
	if !isObject {
		out = map[string]any{}
	}
	for name, value := range members {
		if value == nil {
			delete(out, name)
		} else {
			out[name] = merged(out[name], value)
		}
	}
	return out
}

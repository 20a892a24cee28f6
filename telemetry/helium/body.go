package helium

import (
	"bytes"
	"encoding/json"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// NewPoint is the body of a POST.
type NewPoint struct {
	Port      string
	Value     json.RawMessage
	Timestamp time.Time // zero: now
}

// The members of a body, as errors name them.
const (
	dataMember       = "data"
	typeMember       = "data.type"
	attributesMember = "data.attributes"
	portMember       = "data.attributes.port"
	valueMember      = "data.attributes.value"
	timestampMember  = "data.attributes.timestamp"
)

// ParseNewPoint reads the body of a POST. Members that it does not know are passed over; a missing type is taken for
// the right one. Its error is a *ParameterError.
func ParseNewPoint(body []byte) (NewPoint, error) {
	r := bodyReader{d: jsontext.NewDecoder(bytes.NewReader(body))}
	err := r.object("", func(name string) error {
		if name != "data" {
			return r.skip()
		}
		return r.object(dataMember, r.data)
	})
	if err != nil {
		return NewPoint{}, err
	}
	if _, err := r.d.ReadToken(); err != io.EOF {
		return NewPoint{}, &ParameterError{Problem: "the body has more than one JSON value"}
	}
	p := r.point
	if problem := checkPort(p.Port); problem != "" {
		return NewPoint{}, &ParameterError{portMember, problem}
	}
	if p.Value == nil {
		return NewPoint{}, &ParameterError{valueMember, "is missing"}
	}
	return p, nil
}

// bodyReader reads a body member by member; the decoder refuses repeated names and invalid UTF-8.
type bodyReader struct {
	d     *jsontext.Decoder
	point NewPoint
}

// data reads a member of "data".
func (r *bodyReader) data(name string) error {
	switch name {
	case "type":
		kind, err := r.text(typeMember)
		if err == nil && kind != "data-point" {
			err = &ParameterError{typeMember, "is not data-point"}
		}
		return err
	case "attributes":
		return r.object(attributesMember, r.attribute)
	}
	return r.skip()
}

// attribute reads a member of "attributes".
func (r *bodyReader) attribute(name string) (err error) {
	switch name {
	case "port":
		r.point.Port, err = r.text(portMember)
		if err == nil && r.point.Port == "" {
			err = &ParameterError{portMember, "is empty"}
		}
		return err
	case "value":
		raw, err := r.d.ReadValue()
		if err != nil {
			return r.broken(err)
		}
		value, problem := compact(raw)
		if problem != "" {
			return &ParameterError{valueMember, problem}
		}
		r.point.Value = value
		return nil
	case "timestamp":
		if r.d.PeekKind() == 'n' { // null
			return r.skip()
		}
		text, err := r.text(timestampMember)
		if err != nil {
			return err
		}
		t, problem := parseTimestamp(text)
		if problem != "" {
			return &ParameterError{timestampMember, problem}
		}
		r.point.Timestamp = t
		return nil
	}
	return r.skip()
}

// object reads an object; member reads the value of each name. what is the object's own name, "" for the whole body.
func (r *bodyReader) object(what string, member func(name string) error) error {
	start, err := r.d.ReadToken()
	if err != nil {
		return r.broken(err)
	}
	if start.Kind() != '{' {
		if what == "" {
			return &ParameterError{Problem: "the body is no JSON object"}
		}
		return &ParameterError{what, "is no object"}
	}
	for {
		name, err := r.d.ReadToken()
		if err != nil {
			return r.broken(err)
		}
		if name.Kind() == '}' {
			return nil
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
}

// text reads a text.
func (r *bodyReader) text(what string) (string, error) {
	if kind := r.d.PeekKind(); kind != '"' && kind != 0 {
		return "", &ParameterError{what, "is no text"}
	}
	token, err := r.d.ReadToken()
	if err != nil {
		return "", r.broken(err)
	}
	return token.String(), nil
}

func (r *bodyReader) skip() error {
	if err := r.d.SkipValue(); err != nil {
		return r.broken(err)
	}
	return nil
}

// broken is the error of a body that is no JSON.
func (r *bodyReader) broken(err error) error {
	return &ParameterError{Problem: "the body is " + jsonProblem(err)}
}

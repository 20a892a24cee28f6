package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxMembers is the largest body of a PUT.
const maxMembers = 64 << 10

// members are the members of a JSON object as they came; those that did not are not in it.
type members map[string]jsontext.Value

func (m members) has(name string) bool { _, given := m[name]; return given }

// text is a member that is a text; "" where it is null or not given.
func (m members) text(name string) (string, error) {
	value, given := m[name]
	switch {
	case !given || value.Kind() == 'n':
		return "", nil
	case value.Kind() != '"':
		return "", badRequest(name, name+": a text or null is needed.")
	}
	plain, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return "", badRequest(name, name+": it is no valid text.")
	}
	return string(plain), nil
}

// texts is a member that is a list of texts; nil where it is null or not given.
func (m members) texts(name string) ([]string, error) {
	value, given := m[name]
	if !given || value.Kind() == 'n' {
		return nil, nil
	}
	wrong := badRequest(name, name+": a list of texts or null is needed.")
	if value.Kind() != '[' {
		return nil, wrong
	}
	decoder := jsontext.NewDecoder(bytes.NewReader(value))
	if _, err := decoder.ReadToken(); err != nil {
		return nil, wrong
	}
	out := []string{}
	for decoder.PeekKind() == '"' {
		token, err := decoder.ReadToken()
		if err != nil {
			return nil, wrong
		}
		out = append(out, token.String())
	}
	if decoder.PeekKind() != ']' {
		return nil, wrong
	}
	return out, nil
}

// readMembers reads a body that is one JSON object with some of the members of a list. Members of other names, and names
// that come twice at any depth, are refused: a slip is not to pass as a change that was made.
func readMembers(w http.ResponseWriter, r *http.Request, known ...string) (members, error) {
	if err := jsonBody(r); err != nil {
		return nil, err
	}
	switch strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))) {
	case "", "identity":
	default:
		return nil, &problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_encoding", Message: "This address takes no Content-Encoding."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMembers))
	if err != nil {
		return nil, brokenBody(err)
	}
	object := jsontext.Value(body)
	decoder := jsontext.NewDecoder(bytes.NewReader(object))
	if decoder.PeekKind() != '{' {
		return nil, badRequest("", "The body has to be a JSON object.")
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, notJSON(err)
	}
	out := members{}
	for decoder.PeekKind() != '}' {
		token, err := decoder.ReadToken()
		if err != nil {
			return nil, notJSON(err)
		}
		name := token.String()
		if !slices.Contains(known, name) {
			return nil, badRequest(cut(name, 100), cut(name, 100)+": there is no such member; known are "+strings.Join(known, ", ")+".")
		}
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, notJSON(err)
		}
		out[name] = value.Clone()
	}
	if _, err := decoder.ReadToken(); err != nil {
		return nil, notJSON(err)
	}
	if _, err := decoder.ReadToken(); err != io.EOF { //nolint:errorlint // the decoder gives it as it is
		return nil, badRequest("", "After the JSON object, there is something else.")
	}
	return out, nil
}

// notJSON is the answer to a body that is no JSON, or has a name twice.
func notJSON(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return badRequest("", "The body is no valid JSON: it ends too early.")
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		return badRequest("", "The body has a name twice: "+cut(string(syntax.JSONPointer), 200)+".")
	case errors.As(err, &syntax):
		return badRequest("", fmt.Sprintf("The body is no valid JSON at byte %d.", syntax.ByteOffset+1))
	default:
		return badRequest("", "The body is no valid JSON.")
	}
}

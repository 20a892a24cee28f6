package handlers

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// heliumBody reads the body of a request of the Helium dialect, which is JSON whether it says so or says nothing.
func heliumBody(r *http.Request) ([]byte, error) {
	if kind := r.Header.Get("Content-Type"); kind != "" {
		media, _, err := mime.ParseMediaType(kind)
		if err != nil || media != "application/json" && media != "application/vnd.api+json" {
			return nil, &problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_type", Message: "Content-Type is application/json."}
		}
	}
	if packed := strings.ToLower(r.Header.Get("Content-Encoding")); packed != "" && packed != "identity" {
		return nil, &problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_encoding", Message: "A body is sent as it is, without Content-Encoding."}
	}
	body, err := io.ReadAll(r.Body) // limited by the chain
	return body, brokenBody(err)
}

// readResource reads the body of a request and what its "data" says. Names count once and as they are written: a body in
// which a name stands twice means two things.
func readResource(r *http.Request, data any) error {
	body, err := heliumBody(r)
	if err != nil {
		return err
	}
	var outer struct {
		Data jsontext.Value `json:"data"`
	}
	if err := json.Unmarshal(body, &outer); err != nil {
		return badJSON(err, "")
	}
	if outer.Data == nil || outer.Data.Kind() == 'n' {
		return badRequest("data", "data is missing.")
	}
	return badJSON(json.Unmarshal(outer.Data, data), "/data")
}

// badJSON is the answer to JSON that cannot be read; nil stays nil. within is the place of what was read in the body.
func badJSON(err error, within string) error {
	var syntax *jsontext.SyntacticError
	var kind *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return badRequest("", fmt.Sprintf("The body names %q twice.", cut(syntax.JSONPointer.LastToken(), 100)))
	case errors.As(err, &kind):
		place := strings.ReplaceAll(strings.TrimPrefix(within+string(kind.JSONPointer), "/"), "/", ".")
		if place == "" {
			return badRequest("", `The body is a JSON object with "data".`)
		}
		return badRequest(cut(place, 100), cut(place, 100)+" is not of the kind that it has to be.")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return badRequest("", "The body ends before its JSON does.")
	case errors.As(err, &syntax):
		return badRequest("", fmt.Sprintf("The body is no JSON: it goes wrong at byte %d.", syntax.ByteOffset))
	default:
		return badRequest("", "The body is no JSON.")
	}
}

// ofType refuses a thing of another type than the address takes; one that does not say its type is taken.
func ofType(got, want string) error {
	if got != "" && got != want {
		return badRequest("data.type", "data.type is "+want+" here.")
	}
	return nil
}

// reference names a thing in a relationship.
type reference struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// relationship is the things that one is related to.
type relationship struct {
	Data []reference `json:"data"`
}

// maxReferences is how many things a request may name: each is a write of its own.
const maxReferences = 1000

// referencesTo gives the ids of a relationship's things.
func referencesTo(kind string, list []reference) ([]string, error) {
	if len(list) > maxReferences {
		return nil, &problem{Status: http.StatusBadRequest, Code: "too_many", Field: "data", Message: fmt.Sprintf("A request names at most %d of these.", maxReferences)}
	}
	ids := make([]string, len(list))
	for i, ref := range list {
		if err := ofType(ref.Type, kind); err != nil {
			return nil, err
		}
		ids[i] = ref.ID
	}
	return ids, nil
}

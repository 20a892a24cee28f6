package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/klauspost/compress/gzip"
)

// Bounds of request bodies, unpacked.
const (
	maxJSONBody  = 1 << 20
	maxQueryBody = 1 << 20
	maxWriteBody = 64 << 20
)

// readBody reads the whole body, unpacked if it is gzip, up to the limit.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body := http.MaxBytesReader(w, r.Body, limit)
	var src io.Reader = body
	size := r.ContentLength
	switch enc := r.Header.Get("Content-Encoding"); enc {
	case "", "identity":
	case "gzip":
		zr, err := gzip.NewReader(body)
		if err != nil {
			return nil, bodyError(err, "gzip body cannot be read: %v")
		}
		defer func() { _ = zr.Close() }()
		src, size = http.MaxBytesReader(w, io.NopCloser(zr), limit), -1
	default:
		return nil, newError(http.StatusUnsupportedMediaType, codeInvalid, "content encoding %q is not supported", enc)
	}
	if size > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	if size < 0 {
		data, err := io.ReadAll(src)
		return data, bodyError(err, "body cannot be read: %v")
	}
	data := make([]byte, size)
	_, err := io.ReadFull(src, data)
	return data, bodyError(err, "body cannot be read: %v")
}

// bodyError blames the client for a body that cannot be read, except where the
// error has a meaning of its own.
func bodyError(err error, format string) error {
	var large *http.MaxBytesError
	if err == nil || errors.As(err, &large) || errors.Is(err, context.Canceled) {
		return err
	}
	return errInvalid(format, err)
}

func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	data, err := readBody(w, r, maxJSONBody)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return errInvalid("request body is not the JSON that is expected here: %v", err)
	}
	return nil
}

// pathID is the id in the path.
func pathID(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if !validID(id) {
		return "", errInvalid("invalid id: %q", id)
	}
	return id, nil
}

// queryID is an id among the query parameters; empty if it is not given.
func queryID(r *http.Request, name string) (string, error) {
	id := r.URL.Query().Get(name)
	if id != "" && !validID(id) {
		return "", errInvalid("invalid %s: %q", name, id)
	}
	return id, nil
}

// paging are the limits of a list.
type paging struct {
	limit, offset int
	after         string
	descending    bool
}

func readPaging(r *http.Request, defaultLimit, maxLimit int) (paging, error) {
	p := paging{limit: defaultLimit, descending: r.URL.Query().Get("descending") == "true"}
	for name, into := range map[string]*int{"limit": &p.limit, "offset": &p.offset} {
		v := r.URL.Query().Get(name)
		if v == "" {
			continue
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return paging{}, errInvalid("%s must be a number from 0, not %q", name, v)
		}
		*into = n
	}
	if maxLimit > 0 && (p.limit < 1 || p.limit > maxLimit) {
		return paging{}, errInvalid("limit must be between 1 and %d", maxLimit)
	}
	after, err := queryID(r, "after")
	p.after = after
	return p, err
}

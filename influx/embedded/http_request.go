package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
)

// Bounds of request bodies, unpacked.
const (
	maxJSONBody  = 1 << 20
	maxQueryBody = 1 << 20
	maxWriteBody = 64 << 20

	maxWriteBodies = 192 << 20 // of all writes under way
)

// readBody reads the whole body, unpacked if it is gzip, up to the limit.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	return readCounted(w, r, limit, nil)
}

// readCounted is readBody with all bytes charged to a budget, where there is
// one. Whoever gets the body gives them back.
func readCounted(w http.ResponseWriter, r *http.Request, limit int64, budget *byteBudget) ([]byte, error) {
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
	charged := &chargedReader{from: src, budget: budget}
	data, err := readGrowing(charged, size, limit)
	if err == nil && int64(len(data)) < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		charged.giveBack()
		return nil, bodyError(err, "body cannot be read: %v")
	}
	return data, nil
}

const firstRead = 1 << 20

// readGrowing reads all of r. A size, where one is known, is a claim: memory is
// taken as the bytes come, and never more than twice as much as they need.
func readGrowing(r io.Reader, size, limit int64) ([]byte, error) {
	most := limit
	if size >= 0 {
		most = size
	}
	data := make([]byte, 0, min(most, firstRead)+1)
	for {
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
		if len(data) == cap(data) {
			data = append(make([]byte, 0, min(2*int64(cap(data)), max(most, int64(len(data)))+1)), data...)
		}
	}
}

// byteBudget bounds the bytes that bodies take in memory together.
type byteBudget struct {
	most int64
	held atomic.Int64
}

func (b *byteBudget) giveBack(n int) { b.held.Add(int64(-n)) }

var errBodies = errUnavailable("too many large bodies are under way; try again later")

// chargedReader charges what it reads to a budget.
type chargedReader struct {
	from   io.Reader
	budget *byteBudget
	n      int
}

// Read implements io.Reader.
func (c *chargedReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	if c.budget == nil {
		return n, err
	}
	c.n += n
	if c.budget.held.Add(int64(n)) > c.budget.most && (err == nil || err == io.EOF) {
		return n, errBodies
	}
	return n, err
}

func (c *chargedReader) giveBack() {
	if c.budget != nil {
		c.budget.giveBack(c.n)
	}
}

// bodyError blames the client for a body that cannot be read, except where the
// error has a meaning of its own.
func bodyError(err error, format string) error {
	var large *http.MaxBytesError
	if err == nil || errors.As(err, &large) || errors.Is(err, errBodies) || errors.Is(err, context.Canceled) {
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

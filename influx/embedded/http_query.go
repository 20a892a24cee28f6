package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"

	"iotcenter/influx/embedded/fluxquery"
)

type queryRequest struct {
	Query   string          `json:"query"`
	Type    string          `json:"type"`
	Now     *time.Time      `json:"now"`
	Params  json.RawMessage `json:"params"`
	Dialect struct {
		Header         *bool    `json:"header"`
		Delimiter      string   `json:"delimiter"`
		Annotations    []string `json:"annotations"`
		CommentPrefix  string   `json:"commentPrefix"`
		DateTimeFormat string   `json:"dateTimeFormat"`
	} `json:"dialect"`
}

func readQuery(w http.ResponseWriter, r *http.Request) (queryRequest, error) {
	var q queryRequest
	body, err := readBody(w, r, maxQueryBody)
	if err != nil {
		return q, err
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media == "application/vnd.flux" {
		q.Query = string(body)
	} else if err := json.Unmarshal(body, &q); err != nil {
		return q, errInvalid("request body is not the JSON that is expected here: %v", err)
	}
	switch {
	case q.Type != "" && q.Type != "flux":
		return q, errInvalid("unknown query type %q; this endpoint runs flux", q.Type)
	case strings.TrimSpace(q.Query) == "":
		return q, errInvalid("request body requires either query or AST")
	case hasParams(q.Params):
		return q, errInvalid("query parameters are not supported; put literals into the script")
	case q.Dialect.Delimiter != "" && utf8.RuneCountInString(q.Dialect.Delimiter) != 1:
		return q, errInvalid("invalid dialect delimiter: must be a single character")
	}
	return q, nil
}

func hasParams(raw json.RawMessage) bool {
	text := strings.TrimSpace(string(raw))
	return text != "" && text != "null" && text != "{}"
}

func (q queryRequest) flux(now time.Time) fluxquery.Request {
	out := fluxquery.Request{
		Script: q.Query, Now: now, Header: true, Delimiter: ',',
		Annotations: q.Dialect.Annotations, DateTimeFormat: q.Dialect.DateTimeFormat,
	}
	if q.Now != nil {
		out.Now = *q.Now
	}
	if q.Dialect.Header != nil {
		out.Header = *q.Dialect.Header
	}
	if q.Dialect.Delimiter != "" {
		out.Delimiter, _ = utf8.DecodeRuneInString(q.Dialect.Delimiter)
	}
	return out
}

// query runs Flux and streams annotated CSV. An error before the first bytes
// went out is an answer of its own; a later one is a table in the CSV.
func (s *Server) query(w http.ResponseWriter, r *http.Request) error {
	o, err := s.requestOrg(r)
	if err != nil {
		return err
	}
	a := authOf(r.Context())
	if !a.allAccess(o.ID) {
		return errForbidden("Flux takes a token that may read and write all buckets of the organization; a token that reads a bucket may use InfluxQL, at /query")
	}
	q, err := readQuery(w, r)
	if err != nil {
		return err
	}
	request := q.flux(s.clock())
	request.Resolve = func(_ context.Context, name, id string) (string, string, error) {
		return s.resolveBucket(a, o, name, id)
	}
	out := newQueryWriter(w, r)
	_, err = s.flux.Query(r.Context(), request, out)
	if err != nil && !out.sent {
		if r.Context().Err() != nil {
			return errors.Join(context.Canceled, err)
		}
		return fluxError(err)
	}
	if err != nil {
		s.log.Warn("Flux query broke off while its result was being sent", "error", err)
	}
	if ferr := out.finish(); ferr != nil || (err != nil && r.Context().Err() != nil) {
		panic(http.ErrAbortHandler) // the answer is incomplete: cut it off instead of ending it well
	}
	return nil
}

// resolveBucket lets a script into a bucket. One that may not be read is
// answered like one that does not exist, as InfluxDB 2.x does.
func (s *Server) resolveBucket(a *authorization, o org, name, id string) (database, rp string, err error) {
	b, ok := s.cat.bucketByName(o.ID, name)
	called := name
	if id != "" {
		called = id
		b, ok = s.cat.bucket(id)
		ok = ok && b.OrgID == o.ID
	}
	if !ok || !a.allows(actionRead, typeBuckets, b.OrgID, b.ID) {
		return "", "", errNotFound("failed to initialize execute state: could not find bucket %q", called)
	}
	return b.ID, policyName, nil
}

// queryBuffer is held back until it is full, so that most errors still find
// the status unwritten.
const queryBuffer = 64 << 10

type queryWriter struct {
	w    http.ResponseWriter
	buf  []byte
	zip  *gzip.Writer
	sent bool
}

func newQueryWriter(w http.ResponseWriter, r *http.Request) *queryWriter {
	q := &queryWriter{w: w}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && !inProcess(r.Context()) {
		q.zip, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is a valid one
	}
	return q
}

// Write holds back or sends.
func (q *queryWriter) Write(p []byte) (int, error) {
	if q.buf == nil {
		q.buf = make([]byte, 0, queryBuffer)
	}
	q.buf = append(q.buf, p...)
	if len(q.buf) < queryBuffer {
		return len(p), nil
	}
	return len(p), q.flush()
}

func (q *queryWriter) flush() error {
	if !q.sent {
		q.sent = true
		q.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		q.w.Header().Set("Vary", "Accept-Encoding")
		if q.zip != nil {
			q.w.Header().Set("Content-Encoding", "gzip")
		}
		q.w.WriteHeader(http.StatusOK)
	}
	var err error
	if q.zip != nil {
		_, err = q.zip.Write(q.buf)
	} else {
		_, err = q.w.Write(q.buf)
	}
	q.buf = q.buf[:0]
	return err
}

func (q *queryWriter) finish() error {
	if err := q.flush(); err != nil {
		return err
	}
	if q.zip != nil {
		return q.zip.Close()
	}
	return nil
}

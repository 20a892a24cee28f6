package embedded

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/influxdata/influxdb/query"
	"github.com/klauspost/compress/gzip"
)

// resultEncoder puts results into words. The results of one answer, or of one
// chunk of it, stand between begin and end.
type resultEncoder interface {
	contentType() string
	begin(*bytes.Buffer)
	// result adds one result. A further one of the same statement goes on where
	// that ended, and an error replaces what the answer has of its statement.
	// It stops with errTooLarge as soon as the buffer has more than most bytes.
	result(out *bytes.Buffer, res *query.Result, most int) error
	end(*bytes.Buffer)
}

var errTooLarge = errUnprocessable("the answer is too large to be sent at once; ask for less, or with chunked=true and a smaller chunk_size")

// influxqlWriter gathers results into one answer, or sends each as it comes if
// the client asked for chunks.
type influxqlWriter struct {
	w         http.ResponseWriter
	limits    *influxqlLimits
	encoder   resultEncoder
	buf       bytes.Buffer
	charged   int // bytes of the buffer that the limits know of
	most      int // bytes of one answer or chunk
	zip       *gzip.Writer
	chunked   bool
	chunkSize int
	pretty    bool
	epoch     int64 // nanoseconds of the unit of times; 0: RFC 3339
	begun     bool  // the head of the answer is out
}

func newInfluxqlWriter(w http.ResponseWriter, r *http.Request, form url.Values, limits *influxqlLimits) *influxqlWriter {
	o := &influxqlWriter{
		w: w, limits: limits, chunked: form.Get("chunked") == "true", pretty: form.Get("pretty") == "true",
		chunkSize: influxqlChunk, most: limits.answer,
	}
	if n, err := strconv.Atoi(form.Get("chunk_size")); o.chunked && err == nil && n > 0 {
		o.chunkSize = min(n, influxqlChunk)
	}
	if unit := form.Get("epoch"); unit != "" {
		o.epoch = epochUnit(unit)
	}
	if media := csvType(r.Header.Get("Accept")); media != "" {
		o.encoder, o.pretty = &csvResults{media: media}, false
	} else {
		o.encoder = &jsonResults{}
	}
	if o.pretty {
		o.most /= 8 // indenting makes it as much larger
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && !inProcess(r.Context()) {
		o.zip, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is a valid one
	}
	if !o.chunked {
		o.encoder.begin(&o.buf)
	}
	return o
}

// csvType is the media type of CSV that the client accepts; empty if it names
// another that is known here before it, or none.
func csvType(accept string) string {
	for part := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(part, ";")
		switch media = strings.TrimSpace(media); media {
		case "text/csv", "application/csv":
			return media
		case "application/json", "*/*", "application/*":
			return ""
		}
	}
	return ""
}

// epochUnit: what is not known counts as nanoseconds, as in InfluxDB 1.x.
func epochUnit(unit string) int64 {
	switch unit {
	case "u", "us", "µ":
		return 1e3
	case "ms":
		return 1e6
	case "s":
		return 1e9
	case "m":
		return 60e9
	case "h":
		return 3600e9
	}
	return 1
}

func toEpoch(res *query.Result, unit int64) {
	for _, s := range res.Series {
		for _, row := range s.Values {
			if len(row) > 0 {
				if t, ok := row[0].(interface{ UnixNano() int64 }); ok {
					row[0] = t.UnixNano() / unit
				}
			}
		}
	}
}

// add takes one result. After an error nothing more may be added.
func (o *influxqlWriter) add(res *query.Result) error {
	if o.epoch > 0 {
		toEpoch(res, o.epoch)
	}
	if o.chunked {
		o.encoder.begin(&o.buf)
	}
	err := o.encoder.result(&o.buf, res, o.most)
	if charged := o.limits.charge(o.buf.Cap() - o.charged); err == nil {
		err = charged
	}
	o.charged = o.buf.Cap()
	if err != nil || !o.chunked {
		return err
	}
	o.encoder.end(&o.buf)
	return o.send()
}

// end sends what is gathered and ends the answer.
func (o *influxqlWriter) end() error {
	if !o.chunked || !o.begun {
		if o.chunked {
			o.encoder.begin(&o.buf)
		}
		o.encoder.end(&o.buf)
		if err := o.send(); err != nil {
			return err
		}
	}
	if o.zip == nil {
		return nil
	}
	return o.gone(o.zip.Close())
}

// breakOff ends an answer whose first chunks are out with an error in its
// place, and cuts the connection: the answer must not look complete even to a
// client that reads no errors in it.
func (o *influxqlWriter) breakOff(id int, err error) {
	o.buf.Reset()
	o.encoder.begin(&o.buf)
	_ = o.encoder.result(&o.buf, &query.Result{StatementID: id, Err: err}, o.most)
	o.encoder.end(&o.buf)
	_ = o.send()
	panic(http.ErrAbortHandler)
}

// release gives back what the answer had of the memory for all answers.
func (o *influxqlWriter) release() { _ = o.limits.charge(-o.charged) }

func (o *influxqlWriter) send() error {
	data := o.buf.Bytes()
	if o.pretty {
		var indented bytes.Buffer
		if err := json.Indent(&indented, data, "", "    "); err != nil {
			return err
		}
		data = indented.Bytes()
	}
	if !o.begun {
		o.begun = true
		o.w.Header().Set("Content-Type", o.encoder.contentType())
		o.w.Header().Set("Vary", "Accept, Accept-Encoding")
		if o.zip != nil {
			o.w.Header().Set("Content-Encoding", "gzip")
		}
		o.w.WriteHeader(http.StatusOK)
	}
	var into io.Writer = o.w
	if o.zip != nil {
		into = o.zip
	}
	_, err := into.Write(data)
	o.buf.Reset()
	if err == nil && o.chunked {
		err = o.flush()
	}
	return o.gone(err)
}

func (o *influxqlWriter) flush() error {
	if o.zip != nil {
		if err := o.zip.Flush(); err != nil {
			return err
		}
	}
	if f, ok := o.w.(http.Flusher); ok {
		f.Flush()
	}
	return nil
}

// gone marks an error of writing: there is nobody left to tell it to.
func (o *influxqlWriter) gone(err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(errAnswered, err)
}

package influx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/klauspost/compress/gzip"

	"iotcenter/telemetry"
)

// gzipFrom is the size from which a body goes compressed over a network: below, it fits into a few packets anyway.
const gzipFrom = 16 << 10

// WriteLines writes line protocol to the data bucket with the device's own token. After nil the points are durable.
func (db *DB) WriteLines(ctx context.Context, token string, lines []byte, precision telemetry.Precision) error {
	return db.write(ctx, func(r *http.Request) { r.Header.Set("Authorization", "Token "+token) }, lines, precision)
}

// WriteOwn is WriteLines with the app's own token, for points that no device owns.
func (db *DB) WriteOwn(ctx context.Context, lines []byte, precision telemetry.Precision) error {
	return db.write(ctx, nil, lines, precision)
}

// write writes as whoever prepare makes of the request; nil is the app.
func (db *DB) write(ctx context.Context, prepare func(*http.Request), lines []byte, precision telemetry.Precision) error {
	if precision == "" {
		precision = "ns"
	}
	return db.op(ctx, "write", db.timing.query, func(ctx context.Context) error {
		body, encoding, err := db.pack(lines)
		if err != nil {
			return err
		}
		query := url.Values{"org": {db.cfg.Org}, "bucket": {db.cfg.Bucket}, "precision": {string(precision)}}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, db.address("api/v2/write", query), bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("influx: request: %w", err)
		}
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		return writeError(db.send(req, prepare, func(*http.Response) error { return nil }))
	})
}

// pack compresses a large body, unless the database is in this process.
func (db *DB) pack(lines []byte) (body []byte, encoding string, err error) {
	if db.cfg.Embedded || len(lines) < gzipFrom {
		return lines, "", nil
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, "", err
	}
	if _, err := z.Write(lines); err != nil {
		return nil, "", err
	}
	if err := z.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), "gzip", nil
}

// writeError says what the refusal of a write means to the one who wrote. An error that is no answer of the database
// passes through.
func writeError(err error) error {
	var answer *ihttp.Error
	if !errors.As(err, &answer) || answer.StatusCode == 0 {
		return err
	}
	return &telemetry.WriteError{
		Status: answer.StatusCode, Code: answer.Code, Message: shorten(answer.Message),
		RetryAfter: time.Duration(answer.RetryAfter) * time.Second, Kind: writeKind(answer.StatusCode),
	}
}

// writeKind: what can never succeed is the writer's to mend; everything else is worth another try. A missing bucket
// is not the device's fault.
func writeKind(status int) error {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return telemetry.ErrUnauthorized
	case http.StatusBadRequest:
		return telemetry.ErrMalformed
	case http.StatusNotFound, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return telemetry.ErrUnavailable
	}
	if status >= 400 && status < 500 {
		return telemetry.ErrRejected
	}
	return telemetry.ErrUnavailable
}

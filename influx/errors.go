package influx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"iotcenter/telemetry"
)

// maxMessage bounds what of the database's words goes into an error.
const maxMessage = 500

// Error is an answer of the database that no store's caller can mend: a fault of the app or of the database.
type Error struct {
	Status  int    // HTTP status; 200 for an error inside an answer
	Code    string // InfluxDB's code, such as "invalid"
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("the database answered %d %s: %s", e.Status, e.Code, shorten(e.Message))
}

func shorten(s string) string {
	if len(s) > maxMessage {
		return s[:maxMessage] + "…"
	}
	return s
}

// translate turns what the client library gives into the domain's errors. ctx is the caller's own context: only when
// that one was cancelled is the error a cancellation; a time limit that ran out means that the database was too slow.
func translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	if known(err) {
		return err
	}
	var answer *ihttp.Error
	if errors.As(err, &answer) && answer.StatusCode != 0 {
		e := &Error{Status: answer.StatusCode, Code: answer.Code, Message: answer.Message}
		if temporary(answer.StatusCode) {
			return fmt.Errorf("%w: %w", telemetry.ErrUnavailable, e)
		}
		return e
	}
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &wrongType) || errors.Is(err, errUnreadable) {
		return fmt.Errorf("the database's answer is unreadable: %w", err)
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) || answer != nil {
		return fmt.Errorf("%w: %w", telemetry.ErrUnavailable, err)
	}
	return err
}

// errUnreadable marks an answer that is not in the format that it should have.
var errUnreadable = errors.New("not in the expected format")

// known tells whether err is one of the domain's errors already.
func known(err error) bool {
	for _, e := range []error{
		telemetry.ErrUnavailable, telemetry.ErrBadQuery, telemetry.ErrMalformed, telemetry.ErrRejected,
		telemetry.ErrUnauthorized, telemetry.ErrBucketNotFound, telemetry.ErrBucketExists, telemetry.ErrInvalidBucket,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// temporary tells whether the same request can succeed later. The refusal of the app's own token and a bucket that
// is gone belong here: the check loop reports them and waits for them to be mended.
func temporary(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// statusOf is the HTTP status in err; 0 if there is none.
func statusOf(err error) int {
	var answer *ihttp.Error
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// codeOf is InfluxDB's error code in err; "" if there is none.
func codeOf(err error) string {
	var answer *ihttp.Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

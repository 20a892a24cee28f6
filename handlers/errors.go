package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/ledger"
	"iotcenter/people"
	"iotcenter/telemetry"
)

// face is the part of the app that a request talks to; it decides how an error looks.
type face int

const (
	facePage face = iota
	faceAPI
	faceGateway
)

// faceOf guesses the face from the path, for requests that no route takes.
func faceOf(r *http.Request) face {
	under := func(dir string) bool {
		return r.URL.Path == dir || strings.HasPrefix(r.URL.Path, dir+"/")
	}
	switch {
	case under("/api"), under("/metrics"), under("/healthz"), under("/readyz"):
		return faceAPI
	case under("/influx"):
		return faceGateway
	default:
		return facePage
	}
}

// problem is an error that this package finds itself: its words are meant for the person.
type problem struct {
	Status  int
	Code    string
	Message string
	Field   string // the form field or parameter to blame; may be ""
	// RetryAfter is when the same request can succeed; 0 if that is not known.
	RetryAfter time.Duration
}

func (p *problem) Error() string { return p.Message }

// Problems without details of their own.
var (
	errNoSuchAddress    = &problem{Status: http.StatusNotFound, Code: "not_found", Message: "There is nothing at this address."}
	errMethodNotAllowed = &problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This address does not take that method."}
	errCrossSite        = &problem{Status: http.StatusForbidden, Code: "cross_site", Message: "The request came from another site and was refused."}
	errForeignBucket    = &problem{Status: http.StatusForbidden, Code: "forbidden", Message: "A device writes to the data bucket only."}
	errPanic            = errors.New("panic") // logged with its stack where it was caught
)

// badRequest is a 400 that blames a parameter.
func badRequest(field, message string) error {
	return &problem{Status: http.StatusBadRequest, Code: "invalid", Message: message, Field: field}
}

// deviceError is an error about a certain device.
type deviceError struct {
	ID  devices.ID
	Err error
}

func (e *deviceError) Error() string { return fmt.Sprintf("device %s: %v", e.ID, e.Err) }
func (e *deviceError) Unwrap() error { return e.Err }

// about adds the device to an error, so that "not found" can say which; nil stays nil.
func about(id devices.ID, err error) error {
	if err == nil {
		return nil
	}
	return &deviceError{id, err}
}

// failure is an error as it is answered.
type failure struct {
	Status     int
	Code       string // snake_case, for programs
	Title      string // for the heading of a page
	Message    string // a sentence for people, free of secrets
	Field      string // the field to blame; may be ""
	RetryAfter time.Duration
	Quiet      bool // nobody's fault: not worth a warning in the log
}

// statusClientGone is logged when the client left before the answer, as nginx does.
const statusClientGone = 499

// defaultRetry is the Retry-After of a 503 that names none.
const defaultRetry = 5 * time.Second

// failureOf is the one table from errors to answers. unsafe tells that the request was to change something.
func failureOf(err error, f face, unsafe bool) failure {
	var (
		own     *problem
		badID   *devices.InvalidIDError
		onwards *devices.ID
		tooBig  *http.MaxBytesError
		write   *telemetry.WriteError
		query   *telemetry.QueryError
		invalid *people.InvalidError
		tooMany *people.TooManyError
		badKey  *devices.InvalidKeyError
	)
	if d := (*deviceError)(nil); errors.As(err, &d) {
		onwards = &d.ID
	}
	errors.As(err, &write)
	is := func(target error) bool { return errors.Is(err, target) }

	switch {
	case errors.As(err, &own):
		return failure{Status: own.Status, Code: own.Code, Message: own.Message, Field: own.Field, RetryAfter: own.RetryAfter, Quiet: own.Status < 500}
	case errors.As(err, &badID), is(devices.ErrInvalidID):
		out := failure{Status: http.StatusBadRequest, Code: "invalid_id", Title: "That is no device id", Message: "That is no device id.", Field: "id", Quiet: true}
		if badID != nil {
			out.Message = badID.Problem
		}
		if f == facePage {
			out.Status = http.StatusNotFound // an address that can name no device
			if unsafe {
				out.Status = http.StatusUnprocessableEntity
			}
		}
		return out
	case is(context.Canceled):
		return failure{Status: statusClientGone, Code: "client_gone", Message: "The request was cancelled.", Quiet: true}
	case errors.As(err, &tooBig):
		return failure{Status: http.StatusRequestEntityTooLarge, Code: "too_large",
			Message: fmt.Sprintf("The request is larger than %s.", bytesForPeople(tooBig.Limit)), Quiet: true}
	case is(telemetry.ErrForeignTag):
		return failure{Status: http.StatusForbidden, Code: "forbidden", Message: sentence(err), Quiet: true}
	case is(telemetry.ErrMalformed):
		return failure{Status: http.StatusBadRequest, Code: "invalid", Message: sentence(err), Quiet: true}
	case is(telemetry.ErrRejected):
		return failure{Status: http.StatusUnprocessableEntity, Code: "unprocessable_entity", Message: sentence(err), Quiet: true}
	case is(telemetry.ErrUnauthorized):
		return failure{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "unauthorized access", Quiet: true}
	case is(devices.ErrNotFound):
		out := failure{Status: http.StatusNotFound, Code: "not_found", Title: "No such device", Message: "Device not found!", Field: "id", Quiet: true}
		if onwards != nil {
			out.Message = fmt.Sprintf("Device %s not found!", *onwards)
		}
		return out
	case is(telemetry.ErrBadQuery):
		out := failure{Status: http.StatusBadRequest, Code: "bad_query", Message: sentence(err), Quiet: true}
		if errors.As(err, &query) {
			out.Field, out.Message = query.Parameter, sentence(query)
		}
		return out
	case is(telemetry.ErrBucketNotFound):
		return failure{Status: http.StatusNotFound, Code: "not_found", Title: "No such bucket", Message: "Bucket not found!", Quiet: true}
	case is(telemetry.ErrBucketExists):
		return failure{Status: http.StatusConflict, Code: "conflict", Message: "A bucket of this name exists already.", Field: "name", Quiet: true}
	case is(telemetry.ErrInvalidBucket):
		return failure{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: sentence(err), Field: "name", Quiet: true}
	case is(emulator.ErrRunning):
		return failure{Status: http.StatusConflict, Code: "running", Message: "Missing data of this device are being written already.", Quiet: true}
	case is(emulator.ErrClosed):
		return failure{Status: http.StatusServiceUnavailable, Code: "stopping", Message: "The app is being stopped. Please try again in a moment.", RetryAfter: defaultRetry, Quiet: true}
	case is(devices.ErrWrongKey):
		return failure{Status: http.StatusInternalServerError, Code: "wrong_key", Title: "Another SECRET_KEY",
			Message: "This device's token was sealed with another SECRET_KEY; remove the device and register it again, or start the app with the former key."}
	case errors.As(err, &invalid):
		return failure{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: invalid.Problem, Field: invalid.Field, Quiet: true}
	case errors.As(err, &badKey):
		return failure{Status: http.StatusUnprocessableEntity, Code: "invalid", Message: badKey.Problem, Field: badKey.Field, Quiet: true}
	case errors.As(err, &tooMany):
		return failure{Status: http.StatusTooManyRequests, Code: "too_many_requests", Title: "Too many attempts", RetryAfter: tooMany.RetryAfter, Quiet: true,
			Message: "There were too many failures. Try again in " + waitForPeople(tooMany.RetryAfter) + "."}
	case is(people.ErrBusy):
		return failure{Status: http.StatusServiceUnavailable, Code: "busy", Message: "Too many people are signing in. Please try again in a moment.", RetryAfter: time.Second, Quiet: true}
	case is(people.ErrRefused):
		return failure{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "User name or password is wrong.", Quiet: true}
	case is(people.ErrNotFound):
		return failure{Status: http.StatusNotFound, Code: "not_found", Message: "There is nothing of this name.", Quiet: true}
	case is(people.ErrExists):
		return failure{Status: http.StatusConflict, Code: "conflict", Message: "The name is taken.", Quiet: true}
	case is(people.ErrLastAdmin):
		return failure{Status: http.StatusConflict, Code: "last_admin", Message: "This is the last admin: somebody has to manage people.", Quiet: true}
	case is(devices.ErrSuspended):
		out := failure{Status: http.StatusForbidden, Code: "suspended", Title: "The device is suspended", Message: "The device is suspended.", Quiet: true}
		if onwards != nil {
			out.Message = fmt.Sprintf("Device %s is suspended.", *onwards)
		}
		return out
	case is(devices.ErrNotEnrolled):
		return failure{Status: http.StatusForbidden, Code: "not_enrolled", Message: notEnrolled, Quiet: true}
	case is(ledger.ErrNotLoaded):
		return failure{Status: http.StatusServiceUnavailable, Code: "unavailable", Title: "The database cannot be reached",
			Message: "The database has not answered yet, so nobody is known. Please try again in a moment.", RetryAfter: defaultRetry}
	case is(devices.ErrUnavailable), is(context.DeadlineExceeded):
		out := failure{Status: http.StatusServiceUnavailable, Code: "unavailable", Title: "The database cannot be reached",
			Message: "The database cannot be reached right now. Please try again in a moment.", RetryAfter: defaultRetry}
		if write != nil {
			if write.Status == http.StatusTooManyRequests {
				out.Status, out.Code = write.Status, "too_many_requests"
			}
			if write.RetryAfter > 0 {
				out.RetryAfter = write.RetryAfter
			}
		}
		return out
	default:
		return failure{Status: http.StatusInternalServerError, Code: "internal",
			Message: "Something went wrong on our side. The request id helps to find it in the log."}
	}
}

// titleOf is a page's heading for a failure that brings none.
func (f failure) titleOf() string {
	switch {
	case f.Title != "":
		return f.Title
	case f.Status == http.StatusNotFound:
		return "Page not found"
	case f.Status >= 500:
		return "Something went wrong"
	default:
		return "That did not work"
	}
}

// sentence is the text of an error whose words are made for the person. It is cut, for it may quote input of any length.
func sentence(err error) string {
	var d *deviceError
	if errors.As(err, &d) {
		err = d.Err
	}
	return cut(err.Error(), 500)
}

// cut makes a text that may be of any length and content short and valid.
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

func bytesForPeople(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KB", n>>10)
	default:
		return fmt.Sprintf("%d bytes", n)
	}
}

// waitForPeople is a time to wait, in words.
func waitForPeople(d time.Duration) string {
	if d <= time.Minute {
		return fmt.Sprintf("%d seconds", max(1, int((d+time.Second-1)/time.Second)))
	}
	return fmt.Sprintf("%d minutes", int((d+time.Minute-1)/time.Minute))
}

func isUnsafe(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// answerError logs an error and answers it in the face's style.
func (s *Server) answerError(w http.ResponseWriter, r *http.Request, f face, err error) {
	st := stateOf(r)
	fail := failureOf(err, f, isUnsafe(r.Method))
	if fail.Status == statusClientGone && s.streams.Err() != nil {
		// It is the app that leaves: a client that still listens may try again.
		fail.Status, fail.Code, fail.Message, fail.RetryAfter = http.StatusServiceUnavailable, "stopping", "The app is being stopped. Please try again in a moment.", defaultRetry
	}
	st.fail(err, fail)
	level := slog.LevelDebug
	switch {
	case fail.Status >= 500 && fail.Status != http.StatusServiceUnavailable:
		level = slog.LevelError
	case !fail.Quiet:
		level = slog.LevelWarn
	}
	s.Log.LogAttrs(r.Context(), level, "request failed", slog.String("request_id", st.ID), slog.String("route", st.route()),
		slog.Int("status", fail.Status), slog.String("error", sentence(err)))
	if st.Status != 0 {
		// The answer has begun; all that is left is to let the client see that it is cut short.
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	for _, k := range [...]string{"Content-Length", "Content-Encoding", "ETag", "Last-Modified", "Content-Disposition"} {
		h.Del(k)
	}
	h.Set("Cache-Control", "no-store")
	setRetryAfter(w, fail.RetryAfter)
	switch f {
	case faceGateway:
		if fail.Status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", `Token realm="InfluxDB"`)
		}
		h.Set("X-Platform-Error-Code", influxCode(fail))
		writeJSON(w, fail.Status, struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		}{influxCode(fail), fail.Message})
	case faceAPI:
		if fail.Status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", `Bearer realm="IoT Center"`)
		}
		writeJSON(w, fail.Status, struct {
			Code      string `json:"code"`
			Message   string `json:"message"`
			Field     string `json:"field,omitempty"`
			RequestID string `json:"request_id"`
		}{fail.Code, fail.Message, fail.Field, st.ID})
	default:
		s.errorPage(w, r, fail)
	}
}

// influxCode is InfluxDB's word for a failure.
func influxCode(f failure) string {
	switch f.Status {
	case http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusRequestURITooLong:
		return "invalid"
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not found"
	case http.StatusMethodNotAllowed:
		return "method not allowed"
	case http.StatusRequestEntityTooLarge:
		return "request too large"
	case http.StatusUnprocessableEntity:
		return "unprocessable entity"
	case http.StatusTooManyRequests:
		return "too many requests"
	case http.StatusServiceUnavailable:
		return "unavailable"
	default:
		return "internal error"
	}
}

// writeJSON answers with one JSON value. Values are this package's own structs, so encoding them cannot fail.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("encode %T: %w", v, err))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}

package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"iotcenter/devices"
)

// face is the part of the app that a request talks to; it decides how an error looks.
type face int

const (
	facePage face = iota
	faceAPI
	faceGateway
	faceSmart  // the SMART dialect, and what else is under /v1
	faceHelium // the Helium dialect
)

// faceOf guesses the face from the path, for requests that no route takes.
func faceOf(r *http.Request) face { return faceOfPath(r.URL.Path) }

func faceOfPath(path string) face {
	under := func(dir string) bool {
		return path == dir || strings.HasPrefix(path, dir+"/")
	}
	switch {
	case under("/api"), under("/metrics"), under("/healthz"), under("/readyz"):
		return faceAPI
	case under("/influx"):
		return faceGateway
	case under("/v1/sensor"), under("/v1/organization"), under("/v1/label"):
		return faceHelium
	case under("/v1"):
		return faceSmart
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

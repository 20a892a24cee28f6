package embedded

import (
	"errors"
	"fmt"
	"net/http"
	"syscall"
)

// apiError is an error as InfluxDB 2.x tells it to a client.
type apiError struct {
	status  int
	code    string
	message string
	line    int // of the line protocol body, from 1; 0 if none is to blame
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// Codes of the InfluxDB 2.x API.
const (
	codeInternal      = "internal error"
	codeInvalid       = "invalid"
	codeNotFound      = "not found"
	codeConflict      = "conflict"
	codeUnauthorized  = "unauthorized"
	codeForbidden     = "forbidden"
	codeUnprocessable = "unprocessable entity"
	codeTooLarge      = "request too large"
	codeMethod        = "method not allowed"
	codeUnavailable   = "unavailable"
	codeTooMany       = "too many requests"
	codeStorage       = "insufficient storage"
)

// retryAfter is what a client is told to wait, in seconds, before it tries
// again what could not be done just now.
const retryAfter = "5"

// mark sets the headers that go with the error.
func (e *apiError) mark(h http.Header) {
	h.Set("X-Platform-Error-Code", e.code)
	h.Del("Content-Encoding")
	switch e.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusInsufficientStorage:
		h.Set("Retry-After", retryAfter)
	}
}

func newError(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func errInvalid(format string, args ...any) *apiError {
	return newError(http.StatusBadRequest, codeInvalid, format, args...)
}

func errNotFound(format string, args ...any) *apiError {
	return newError(http.StatusNotFound, codeNotFound, format, args...)
}

// errConflict answers 422, as InfluxDB 2.x does.
func errConflict(format string, args ...any) *apiError {
	return newError(http.StatusUnprocessableEntity, codeConflict, format, args...)
}

func errUnprocessable(format string, args ...any) *apiError {
	return newError(http.StatusUnprocessableEntity, codeUnprocessable, format, args...)
}

func errUnauthorized(format string, args ...any) *apiError {
	return newError(http.StatusUnauthorized, codeUnauthorized, format, args...)
}

func errForbidden(format string, args ...any) *apiError {
	return newError(http.StatusForbidden, codeForbidden, format, args...)
}

func errUnavailable(format string, args ...any) *apiError {
	return newError(http.StatusServiceUnavailable, codeUnavailable, format, args...)
}

var errStorageFull = newError(http.StatusInsufficientStorage, codeStorage, "the disk is nearly full; writes are refused until there is room")

// asAPIError turns any error into what the client is told. What we did not
// foresee is told in general words; the caller logs it whole.
func asAPIError(err error) *apiError {
	var api *apiError
	if errors.As(err, &api) {
		return api
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return newError(http.StatusRequestEntityTooLarge, codeTooLarge, "request body is larger than %d bytes", large.Limit)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return errStorageFull
	}
	return newError(http.StatusInternalServerError, codeInternal, "an internal error has occurred")
}

package handlers

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
)

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
	case faceSmart:
		if fail.Status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", `Token realm="IoT Center"`)
		}
		writeJSON(w, fail.Status, smartEnvelope{Status: "failure", Message: fail.Message})
	case faceHelium:
		if fail.Status == http.StatusUnauthorized {
			h.Set("WWW-Authenticate", `Token realm="IoT Center"`)
		}
		writeJSON(w, fail.Status, heliumErrors{[]heliumError{{strconv.Itoa(fail.Status), fail.Message}}})
	default:
		s.errorPage(w, r, fail)
	}
}

// smartEnvelope is every answer of the SMART dialect.
type smartEnvelope struct {
	Status  string `json:"status"` // success, failure
	Message string `json:"message"`
	Data    any    `json:"data"`
}

// heliumErrors is how the Helium dialect answers errors.
type heliumErrors struct {
	Errors []heliumError `json:"errors"`
}

type heliumError struct {
	Status string `json:"status"`
	Detail string `json:"detail"`
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

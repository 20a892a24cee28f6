package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/ledger"
	"iotcenter/people"
	"iotcenter/telemetry"
	"iotcenter/telemetry/smart"
)

func TestFailureOf(t *testing.T) {
	_, badID := devices.ParseID("a b")
	busy := &telemetry.WriteError{Status: 429, Message: "slow down", RetryAfter: 17 * time.Second, Kind: telemetry.ErrUnavailable}
	rows := []struct {
		name    string
		err     error
		face    face
		unsafe  bool
		status  int
		code    string
		message string
		retry   time.Duration
	}{
		{"bad id, API", badID, faceAPI, true, 400, "invalid_id", "An id has letters, digits, and . _ : - only.", 0},
		{"bad id, form", badID, facePage, true, 422, "invalid_id", "An id has letters, digits, and . _ : - only.", 0},
		{"bad id in a page's address", badID, facePage, false, 404, "invalid_id", "An id has letters, digits, and . _ : - only.", 0},
		{"bad id without details", devices.ErrInvalidID, faceAPI, false, 400, "invalid_id", "That is no device id.", 0},
		{"unknown device", about("dev1", devices.ErrNotFound), faceAPI, false, 404, "not_found", "Device dev1 not found!", 0},
		{"unknown device, wrapped", fmt.Errorf("x: %w", about("dev1", fmt.Errorf("y: %w", devices.ErrNotFound))), facePage, false, 404, "not_found", "Device dev1 not found!", 0},
		{"unknown device without id", devices.ErrNotFound, faceAPI, false, 404, "not_found", "Device not found!", 0},
		{"database away", fmt.Errorf("dial 10.0.0.1: %w", devices.ErrUnavailable), faceAPI, false, 503, "unavailable", "The database cannot be reached right now. Please try again in a moment.", 5 * time.Second},
		{"database slow", context.DeadlineExceeded, faceAPI, false, 503, "unavailable", "The database cannot be reached right now. Please try again in a moment.", 5 * time.Second},
		{"database busy", about("dev1", busy), faceGateway, true, 429, "too_many_requests", "The database cannot be reached right now. Please try again in a moment.", 17 * time.Second},
		{"database away for a while", &telemetry.WriteError{Status: 503, RetryAfter: time.Minute, Kind: telemetry.ErrUnavailable}, faceGateway, true, 503, "unavailable", "The database cannot be reached right now. Please try again in a moment.", time.Minute},
		{"malformed", about("dev1", fmt.Errorf("%w: line 3: no field", telemetry.ErrMalformed)), faceGateway, true, 400, "invalid", "malformed line protocol: line 3: no field", 0},
		{"foreign tag", fmt.Errorf("line 2: %w", telemetry.ErrForeignTag), faceGateway, true, 403, "forbidden", "line 2: tag names another device", 0},
		{"rejected", &telemetry.WriteError{Status: 422, Message: "field type conflict", Kind: telemetry.ErrRejected}, faceGateway, true, 422, "unprocessable_entity", "field type conflict", 0},
		{"unauthorized", &telemetry.WriteError{Status: 401, Message: "token abc", Kind: telemetry.ErrUnauthorized}, faceGateway, true, 401, "unauthorized", "unauthorized access", 0},
		{"bad query", fmt.Errorf("%w: points is 1 to 10000", telemetry.ErrBadQuery), faceAPI, false, 400, "bad_query", "bad query: points is 1 to 10000", 0},
		{"bad parameter", &telemetry.QueryError{Parameter: "start", Problem: "lies before stop"}, faceAPI, false, 400, "bad_query", "start lies before stop.", 0},
		{"stopping", emulator.ErrClosed, faceAPI, true, 503, "stopping", "The app is being stopped. Please try again in a moment.", 5 * time.Second},
		{"no bucket", telemetry.ErrBucketNotFound, facePage, true, 404, "not_found", "Bucket not found!", 0},
		{"bucket there", telemetry.ErrBucketExists, facePage, true, 409, "conflict", "A bucket of this name exists already.", 0},
		{"bad bucket", fmt.Errorf("%w: no name", telemetry.ErrInvalidBucket), facePage, true, 422, "invalid", "invalid bucket: no name", 0},
		{"running", about("dev1", emulator.ErrRunning), faceAPI, true, 409, "running", "Missing data of this device are being written already.", 0},
		{"another key", devices.ErrWrongKey, faceAPI, false, 500, "wrong_key", "This device's token was sealed with another SECRET_KEY; remove the device and register it again, or start the app with the former key.", 0},
		{"too large", fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 32 << 20}), faceGateway, true, 413, "too_large", "The request is larger than 32 MB.", 0},
		{"client gone", fmt.Errorf("%w: %w", devices.ErrUnavailable, context.Canceled), faceAPI, false, 499, "client_gone", "The request was cancelled.", 0},
		{"nobody is known yet", fmt.Errorf("x: %w", ledger.ErrNotLoaded), faceAPI, false, 503, "unavailable", "The database has not answered yet, so nobody is known. Please try again in a moment.", 5 * time.Second},
		{"bad value of an account", &people.InvalidError{Field: "username", Problem: "At most 64 characters."}, facePage, true, 422, "invalid", "At most 64 characters.", 0},
		{"bad enrolment key", &devices.InvalidKeyError{Field: "most", Problem: "The number of devices is between 1 and 100,000."}, facePage, true, 422, "invalid", "The number of devices is between 1 and 100,000.", 0},
		{"wrong password", fmt.Errorf("x: %w", people.ErrRefused), facePage, true, 401, "unauthorized", "User name or password is wrong.", 0},
		{"too many failures", &people.TooManyError{RetryAfter: 90 * time.Second}, facePage, true, 429, "too_many_requests", "There were too many failures. Try again in 2 minutes.", 90 * time.Second},
		{"too many at once", people.ErrBusy, facePage, true, 503, "busy", "Too many people are signing in. Please try again in a moment.", time.Second},
		{"no such person", people.ErrNotFound, facePage, false, 404, "not_found", "There is nothing of this name.", 0},
		{"a taken name", people.ErrExists, facePage, true, 409, "conflict", "The name is taken.", 0},
		{"the last admin", people.ErrLastAdmin, facePage, true, 409, "last_admin", "This is the last admin: somebody has to manage people.", 0},
		{"suspended", about("dev1", fmt.Errorf("x: %w", devices.ErrSuspended)), facePage, true, 403, "suspended", "Device dev1 is suspended.", 0},
		{"suspended without id", devices.ErrSuspended, faceAPI, false, 403, "suspended", "The device is suspended.", 0},
		{"suspended product", about("dev1", devices.ErrSuspended), faceSmart, true, 403, "suspended", "Product dev1 is suspended.", 0},
		{"unknown product", about("dev1", devices.ErrNotFound), faceSmart, false, 404, "not_found", "Product dev1 not found.", 0},
		{"product type in use", fmt.Errorf("x: %w", &devices.InUseError{Devices: 2}), faceSmart, true, 409, "in_use", "It is in use, so it cannot be removed. 2 devices have it.", 0},
		{"no such product type", fmt.Errorf("x: %w", devices.ErrNoSuchType), faceSmart, false, 404, "not_found", "There is no product type of this name.", 0},
		{"bad part of a profile", &devices.InvalidProfileError{Field: "name", Problem: "At most 200 bytes."}, faceSmart, true, 400, "invalid", "At most 200 bytes.", 0},
		{"bad part of a batch", &smart.BadRequestError{Where: "fields.current[3]", Problem: "it is no pair"}, faceSmart, true, 400, "invalid", "fields.current[3]: it is no pair", 0},
		{"answer too large", fmt.Errorf("x: %w", smart.ErrTooLarge), faceSmart, false, 400, "too_large", "The answer is too large; ask for a shorter time, for fewer fields, or with a limit.", 0},
		{"a type conflict in a batch", &telemetry.WriteError{Status: 422, Message: "field type conflict", Kind: telemetry.ErrRejected}, faceSmart, true, 400, "invalid", "field type conflict", 0},
		{"the database refuses the app's token", telemetry.ErrUnauthorized, faceSmart, true, 503, "unavailable", "The database does not take the token that the points are written with. Rotating the token of the device helps where it is only its own.", 5 * time.Second},
		{"not enrolled", devices.ErrNotEnrolled, faceAPI, false, 403, "not_enrolled", notEnrolled, 0},
		{"own", badRequest("data", "data is keep or delete."), faceAPI, true, 400, "invalid", "data is keep or delete.", 0},
		{"unknown", errors.New("password of 10.0.0.1 is hunter2"), faceAPI, false, 500, "internal", "Something went wrong on our side. The request id helps to find it in the log.", 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := failureOf(row.err, row.face, row.unsafe)
			if got.Status != row.status || got.Code != row.code || got.Message != row.message || got.RetryAfter != row.retry {
				t.Errorf("got  %d %s %q %v\nwant %d %s %q %v", got.Status, got.Code, got.Message, got.RetryAfter, row.status, row.code, row.message, row.retry)
			}
			if got.titleOf() == "" {
				t.Error("no title for the page")
			}
		})
	}
}

func TestSentenceIsCut(t *testing.T) {
	if got := sentence(errors.New(strings.Repeat("ä", 10_000))); len(got) > 510 || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes, ends with %q", len(got), got[len(got)-5:])
	}
}

func TestErrorsByFace(t *testing.T) {
	app := newTestApp(t, nil)
	fail := func(http.ResponseWriter, *http.Request) error {
		return about("dev1", fmt.Errorf("secret detail: %w", devices.ErrUnavailable))
	}
	answer := func(h http.Handler) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		app.middleware(h).ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
		status(t, w, 503)
		if w.Header().Get("Retry-After") != "5" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", w.Header())
		}
		if strings.Contains(w.Body.String(), "secret detail") {
			t.Errorf("the answer tells an internal detail: %s", w.Body)
		}
		return w
	}
	t.Run("API", func(t *testing.T) {
		w := answer(app.json(fail))
		var got map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got["code"] != "unavailable" || got["request_id"] == "" || got["request_id"] != w.Header().Get("X-Request-Id") {
			t.Errorf("%v", got)
		}
	})
	t.Run("gateway", func(t *testing.T) {
		w := answer(app.influxStyle(fail))
		want := `{"code":"unavailable","message":"The database cannot be reached right now. Please try again in a moment."}`
		if got := strings.TrimSpace(w.Body.String()); got != want {
			t.Errorf("got %s", got)
		}
	})
	t.Run("page", func(t *testing.T) {
		w := answer(app.html(fail))
		if ct := w.Header().Get("Content-Type"); ct != "text/html; charset=utf-8" {
			t.Errorf("Content-Type %q", ct)
		}
		if !strings.Contains(w.Body.String(), w.Header().Get("X-Request-Id")) {
			t.Error("the page does not tell the request id")
		}
	})
}

// An answer that has begun cannot become an error page: the connection is cut, so that nobody takes it for whole.
func TestErrorAfterTheAnswerBegan(t *testing.T) {
	app := newTestApp(t, nil)
	srv := httptest.NewServer(app.middleware(app.json(func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = w.Write([]byte("[1"))
		return errors.New("lost")
	})))
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err == nil {
		defer resp.Body.Close()
		_, err = new(strings.Builder), json.NewDecoder(resp.Body).Decode(new([]int))
	}
	if err == nil {
		t.Fatal("the client saw a whole answer")
	}
}

package influx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"iotcenter/telemetry"
)

func TestTranslate(t *testing.T) {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	late, stop := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer stop()
	answer := func(status int) error { return &ihttp.Error{StatusCode: status, Code: "code", Message: "words"} }
	refused := &ihttp.Error{Err: &url.Error{Op: "Post", URL: "http://x/", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}}
	background := context.Background()
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want error // nil: neither unavailable nor cancelled
	}{
		{"refused connection", background, refused, telemetry.ErrUnavailable},
		{"reset", background, &ihttp.Error{Err: syscall.ECONNRESET}, telemetry.ErrUnavailable},
		{"cut answer", background, io.ErrUnexpectedEOF, telemetry.ErrUnavailable},
		{"too slow", background, fmt.Errorf("x: %w", context.DeadlineExceeded), telemetry.ErrUnavailable},
		{"the caller's time ran out", late, context.DeadlineExceeded, telemetry.ErrUnavailable},
		{"the caller went away", gone, &ihttp.Error{Err: context.Canceled}, context.Canceled},
		{"500", background, answer(500), telemetry.ErrUnavailable},
		{"503", background, answer(503), telemetry.ErrUnavailable},
		{"429", background, answer(429), telemetry.ErrUnavailable},
		{"401 of the app's own token", background, answer(401), telemetry.ErrUnavailable},
		{"404: the bucket is gone", background, answer(404), telemetry.ErrUnavailable},
		{"400: our own fault", background, answer(400), nil},
		{"302", background, answer(302), nil},
		{"nonsense", background, &ihttp.Error{Err: fmt.Errorf("%w: x", errUnreadable)}, nil},
		{"a domain error", background, fmt.Errorf("x: %w", telemetry.ErrBucketExists), telemetry.ErrBucketExists},
	} {
		got := translate(c.ctx, c.err)
		switch {
		case got == nil:
			t.Errorf("%s: no error", c.name)
		case c.want != nil && !errors.Is(got, c.want):
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		case c.want == nil && (errors.Is(got, telemetry.ErrUnavailable) || errors.Is(got, context.Canceled)):
			t.Errorf("%s: %v, which says that trying again helps", c.name, got)
		case c.want == context.Canceled && errors.Is(got, telemetry.ErrUnavailable):
			t.Errorf("%s: %v blames the database", c.name, got)
		}
	}
	if err := translate(background, nil); err != nil {
		t.Errorf("no error became %v", err)
	}
	var e *Error
	if got := translate(background, answer(503)); !errors.As(got, &e) || e.Status != 503 || !strings.Contains(got.Error(), "words") {
		t.Errorf("the database's words are lost: %v", got)
	}
}

func TestWriteKinds(t *testing.T) {
	for status, want := range map[int]error{
		400: telemetry.ErrMalformed, 401: telemetry.ErrUnauthorized, 403: telemetry.ErrUnauthorized, 404: telemetry.ErrUnavailable,
		408: telemetry.ErrUnavailable, 413: telemetry.ErrRejected, 422: telemetry.ErrRejected, 429: telemetry.ErrUnavailable,
		500: telemetry.ErrUnavailable, 502: telemetry.ErrUnavailable, 503: telemetry.ErrUnavailable, 507: telemetry.ErrUnavailable,
		301: telemetry.ErrUnavailable,
	} {
		err := writeError(&ihttp.Error{StatusCode: status, Code: "c", Message: strings.Repeat("m", 2000), RetryAfter: 7})
		var got *telemetry.WriteError
		if !errors.Is(err, want) || !errors.As(err, &got) || got.Status != status || got.RetryAfter != 7*time.Second || len(got.Message) > maxMessage+10 {
			t.Errorf("status %d: %+v, want %v", status, err, want)
		}
	}
	if err := writeError(nil); err != nil {
		t.Errorf("no error became %v", err)
	}
	network := &ihttp.Error{Err: syscall.ECONNRESET}
	if err := writeError(network); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a broken connection became %v", err)
	}
}

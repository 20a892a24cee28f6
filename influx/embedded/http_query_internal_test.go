package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"iotcenter/influx/embedded/fluxquery"
)

// cutRunner writes some bytes and then ends with an error, in the output too if it can.
type cutRunner struct {
	bytes int
	err   error
	table bool
}

func (c cutRunner) Query(_ context.Context, _ fluxquery.Request, w io.Writer) (fluxquery.Stats, error) {
	if _, err := io.WriteString(w, strings.Repeat("x", c.bytes)); err != nil {
		return fluxquery.Stats{}, err
	}
	if c.table {
		if _, err := fmt.Fprintf(w, "\r\nerror,reference\r\n%v,\r\n", c.err); err != nil {
			return fluxquery.Stats{}, err
		}
	}
	return fluxquery.Stats{}, c.err
}

func (c cutRunner) close() error { return nil }

// queryServer is a server on a socket whose Flux is the runner.
func queryServer(t *testing.T, runner fluxRunner) (ask func() (*http.Response, error)) {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	own := s.flux
	t.Cleanup(func() {
		s.flux = own
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.flux = runner
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	send := func(path, body string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Token secret")
		return srv.Client().Do(req)
	}
	resp, err := send("/api/v2/setup", `{"username":"root","password":"password","org":"org","bucket":"b","token":"secret"}`)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return func() (*http.Response, error) { return send("/api/v2/query?org=org", `{"query":"x"}`) }
}

// An error that comes before anything was sent is an answer of its own, whatever was written by then.
func TestQueryErrorsBeforeTheFirstByte(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"script":  {&fluxquery.SyntaxError{Msg: "no"}, 400, codeInvalid},
		"rows":    {&fluxquery.RuntimeError{Err: errors.New("no")}, 400, codeInvalid},
		"memory":  {fluxquery.ErrMemory, 422, codeUnprocessable},
		"time":    {fluxquery.ErrTimeout, 503, codeUnavailable},
		"places":  {fluxquery.ErrTooManyQueries, 429, codeTooMany},
		"closing": {fluxquery.ErrClosed, 503, codeUnavailable},
		"store":   {fmt.Errorf("%w: secret path", fluxquery.ErrStore), 500, codeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := queryServer(t, cutRunner{bytes: 1000, err: tc.err, table: true})()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			var got struct{ Code, Message string }
			body, err := io.ReadAll(resp.Body)
			if err != nil || json.Unmarshal(body, &got) != nil {
				t.Fatalf("%q, %v", body, err)
			}
			if resp.StatusCode != tc.status || got.Code != tc.code || strings.Contains(got.Message, "secret") {
				t.Errorf("status %d %+v, want %d %s", resp.StatusCode, got, tc.status, tc.code)
			}
		})
	}
}

// An error that comes after rows were sent is in the answer.
func TestQueryErrorsAfterTheFirstByte(t *testing.T) {
	for _, cause := range []error{fluxquery.ErrTimeout, fluxquery.ErrMemory, fluxquery.ErrStore, &fluxquery.RuntimeError{Err: errors.New("no")}} {
		resp, err := queryServer(t, cutRunner{bytes: 200_000, err: cause, table: true})()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 200 || err != nil || !strings.HasSuffix(string(body), "error,reference\r\n"+cause.Error()+",\r\n") {
			t.Errorf("status %d, %v ...%s", resp.StatusCode, err, body[max(0, len(body)-100):])
		}
	}
}

// faultyRunner panics in the middle.
type faultyRunner struct{ cutRunner }

func (f faultyRunner) Query(ctx context.Context, r fluxquery.Request, w io.Writer) (fluxquery.Stats, error) {
	_, err := f.cutRunner.Query(ctx, r, w)
	panic(fmt.Sprintf("a fault, after %v", err))
}

// A fault in the middle breaks the connection off: the answer must not look whole.
func TestQueryFaultAfterTheFirstByte(t *testing.T) {
	resp, err := queryServer(t, faultyRunner{cutRunner{bytes: 200_000}})()
	if err != nil {
		return // it broke before the client saw the status
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the answer ends well after %d bytes", len(body))
	}
}

package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/query"
	"github.com/influxdata/influxql"
)

// withPoints is a database whose bucket "b" has points of the measurement m.
func withPoints(t *testing.T, points int) *Server {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	post := func(path, body string) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(body))
		r.Header.Set("Authorization", "Token secret")
		w := httptest.NewRecorder()
		if s.Handler().ServeHTTP(w, r); w.Code/100 != 2 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	post("/api/v2/setup", `{"username":"u","password":"password","org":"o","bucket":"b","token":"secret"}`)
	var lines strings.Builder
	for i := range points {
		fmt.Fprintf(&lines, "m f=%d %d\n", i, i+1)
	}
	post("/write?db=b", lines.String())
	return s
}

func askInfluxQL(t *testing.T, s *Server, more string) (status int, header http.Header, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://x/query?db=b&q="+url.QueryEscape("SELECT f FROM m")+more, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Token secret")
	resp, err := s.HTTPClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(data), err
}

func TestInfluxQLAnswerIsBounded(t *testing.T) {
	s := withPoints(t, 20_000)
	s.influxql.answer = 100_000
	for _, more := range []string{"", "&pretty=true", "&epoch=s"} {
		status, _, body, err := askInfluxQL(t, s, more)
		if status != 422 || err != nil || !strings.Contains(body, "chunked=true") || len(body) > 1000 {
			t.Errorf("%s: %d %v %.300s", more, status, err, body)
		}
	}
	if status, _, body, err := askInfluxQL(t, s, "&chunked=true&chunk_size=1000"); status != 200 || err != nil || strings.Contains(body, "error") {
		t.Errorf("chunked: %d %v", status, err)
	}
	// A chunk that is too large in the midst of the answer ends it visibly.
	s.influxql.answer = 12_000 // rows of small numbers fit
	status, _, body, err := askInfluxQL(t, s, "&chunked=true&chunk_size=1000&epoch=ns")
	if status != 200 || err == nil || !strings.Contains(body, "[1000,999]") || !strings.HasSuffix(body, "smaller chunk_size\"}]}\n") {
		t.Errorf("a large chunk: %d %v %.100s", status, err, body)
	}
	s.influxql.answer, s.influxql.most = 64<<20, 1000
	if status, header, body, _ := askInfluxQL(t, s, ""); status != 503 || header.Get("Retry-After") == "" || !strings.Contains(body, `"error":"`) {
		t.Errorf("no memory left for answers: %d %v %.300s", status, header, body)
	}
	if held := s.influxql.held.Load(); held != 0 {
		t.Errorf("%d bytes are held after all answers", held)
	}
}

// breakingOff is an engine whose query breaks off after its first rows,
// without an error, as one does whose context ended.
type breakingOff struct {
	cancel context.CancelFunc
	err    error
}

func (e breakingOff) ExecuteStatement(ctx *query.ExecutionContext, _ influxql.Statement) error {
	for range 2 { // once the second is taken, the first is out
		row := &models.Row{Name: "m", Columns: []string{"time", "f"}, Values: [][]any{{time.Unix(1, 0).UTC(), 1.5}}, Partial: true}
		if err := ctx.Send(&query.Result{Series: models.Rows{row}, Partial: true}); err != nil {
			return err
		}
	}
	if e.cancel != nil {
		e.cancel()
		<-ctx.Done()
	}
	return e.err
}

func TestInfluxQLChunksThatBreakOffDoNotLookComplete(t *testing.T) {
	s := withPoints(t, 1)
	ask := func(accept string, engine breakingOff, stop bool) (string, error) {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			if stop {
				engine.cancel = cancel
			}
			s.executor.StatementExecutor = engine
			s.Handler().ServeHTTP(w, r.WithContext(ctx))
		}))
		srv.Config.ErrorLog = nil
		srv.Start()
		defer srv.Close()
		r, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/query?db=b&chunked=true&q="+url.QueryEscape("SELECT f FROM m"), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Token secret")
		r.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		data, err := io.ReadAll(resp.Body)
		return string(data), err
	}
	for _, accept := range []string{"application/json", "text/csv"} {
		body, err := ask(accept, breakingOff{}, true)
		if err == nil || !strings.Contains(body, "1.5") || !strings.Contains(body, "error") {
			t.Errorf("%s, cancelled: %v %s", accept, err, body)
		}
		body, err = ask(accept, breakingOff{err: query.ErrQueryTimeoutLimitExceeded}, false)
		if err != nil || !strings.Contains(body, "1.5") || !strings.Contains(body, "query-timeout limit exceeded") {
			t.Errorf("%s, timed out: %v %s", accept, err, body)
		}
	}
}

func TestInfluxQLQueueEnds(t *testing.T) {
	s := withPoints(t, 1)
	s.influxql.patience = time.Millisecond
	var leave func()
	for range cap(s.influxql.slots) {
		var err error
		if leave, err = s.influxql.enter(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	status, header, body, _ := askInfluxQL(t, s, "")
	var e struct{ Error string }
	if status != 429 || header.Get("Retry-After") != retryAfter || json.Unmarshal([]byte(body), &e) != nil || e.Error == "" {
		t.Errorf("%d %v %s", status, header, body)
	}
	leave()
	if status, _, body, _ := askInfluxQL(t, s, ""); status != 200 {
		t.Errorf("with a free slot: %d %s", status, body)
	}
}

// Queries with conditions of somebody else's leave slots for the app's own, whatever they do with theirs.
func TestForeignQueriesLeaveSlotsForOthers(t *testing.T) {
	s := withPoints(t, 1)
	s.influxql.patience = time.Millisecond
	var leaves []func()
	for range foreignQueries {
		leave, err := s.influxql.enter(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	if _, err := s.influxql.enter(t.Context(), true); err == nil {
		t.Error("one foreign query more found a slot")
	}
	if status, _, body, _ := askInfluxQL(t, s, ""); status != 200 {
		t.Errorf("the app's own query: %d %s", status, body)
	}
	for _, leave := range leaves {
		leave()
	}
	if leave, err := s.influxql.enter(t.Context(), true); err != nil {
		t.Error(err)
	} else {
		leave()
	}
	if len(s.influxql.slots)+len(s.influxql.foreign) != 0 {
		t.Error("a slot was not given back")
	}
}

func TestUnavailableAnswersTellWhenToRetry(t *testing.T) {
	for status, want := range map[int]string{429: retryAfter, 503: retryAfter, 507: retryAfter, 500: "", 400: ""} {
		w := httptest.NewRecorder()
		writeError(w, newError(status, codeInternal, "x"))
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("%d: Retry-After %q, want %q", status, got, want)
		}
	}
}

func TestEngineErrorsAreWordedForTheClient(t *testing.T) {
	s := withPoints(t, 1)
	b := bucket{ID: "0123456789abcdef", Name: "mine"}
	for text, want := range map[string]string{
		"database not found: 0123456789abcdef":                   "database not found: mine",
		`SELECT f FROM "0123456789abcdef".autogen.m [panic:boo]`: "an internal error has occurred",
	} {
		if got := s.outward(errors.New(text), b).Error(); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestBalancedConditionsReadTheSame(t *testing.T) {
	for _, text := range []string{
		`a = 1`, `a = 1 AND b = 2`, `a = 1 OR b = 2 AND c = 3 OR d = 4 OR e = 5`, `(a = 1 OR b = 2 OR c = 3) AND d = 4 AND e = 5 AND f = 6`,
		`a = 1` + strings.Repeat(` OR b = 2`, 99),
	} {
		e := influxql.MustParseExpr(text)
		if got := balance(e).String(); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	var size statementSize
	deep := influxql.MustParseExpr(`a = 1` + strings.Repeat(` OR b = 2`, 150))
	if size.expr(deep, 0) == nil || size.expr(balance(deep), 0) != nil {
		t.Error("150 ORs are not balanced")
	}
}

package embedded_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestQueryForms(t *testing.T) {
	s := fresh(t)
	write(t, s, rootToken, "first", "m,tag=x f=1.5 1000000000").want(t, 204)
	script := `from(bucket: "first") |> range(start: 0, stop: 10)`
	const rows = ",result,table,_start,_stop,_time,_value,_field,_measurement,tag\r\n" +
		",_result,0,1970-01-01T00:00:00Z,1970-01-01T00:00:10Z,1970-01-01T00:00:01Z,1.5,f,m,x\r\n\r\n"

	r := call(t, s, rootToken, "POST", "/api/v2/query?org=org", script, "Content-Type", "application/vnd.flux").want(t, 200)
	if r.body != rows {
		t.Errorf("raw script: %q", r.body)
	}
	if got := r.header.Get("Content-Type"); !strings.HasPrefix(got, "text/csv") {
		t.Errorf("content type %q", got)
	}
	r = call(t, s, rootToken, "POST", "/api/v2/query?orgID="+orgID(t, s), map[string]any{
		"query": script, "type": "flux", "dialect": map[string]any{"annotations": []string{"datatype"}, "delimiter": ";", "header": false},
	}).want(t, 200)
	if !strings.HasPrefix(r.body, "#datatype;string;long;") || strings.Contains(r.body, "_measurement") {
		t.Errorf("dialect: %q", r.body)
	}
	r = call(t, s, rootToken, "POST", "/api/v2/query?org=org", map[string]any{
		"query": `from(bucket: "first") |> range(start: -10s)`, "now": "1970-01-01T00:00:05Z",
	}).want(t, 200)
	if !strings.Contains(r.body, ",1.5,f,m,x") {
		t.Errorf("now: %q", r.body)
	}
	r = call(t, s, rootToken, "POST", "/api/v2/query?org=org", map[string]any{
		"query": `from(bucketID: "` + newBucket(t, s, "second") + `") |> range(start: 0)`,
	}).want(t, 200)
	if strings.Contains(r.body, "_result") {
		t.Errorf("empty bucket by id: %q", r.body)
	}

	for name, tc := range map[string]struct {
		body   any
		status int
		code   string
	}{
		"syntax":          {map[string]any{"query": `from(`}, 400, "invalid"},
		"unknown":         {map[string]any{"query": `nonsense()`}, 400, "invalid"},
		"no query":        {map[string]any{}, 400, "invalid"},
		"influxql":        {map[string]any{"query": `x`, "type": "influxql"}, 400, "invalid"},
		"params":          {map[string]any{"query": script, "params": map[string]any{"a": 1}}, 400, "invalid"},
		"delimiter":       {map[string]any{"query": script, "dialect": map[string]any{"delimiter": ";;"}}, 400, "invalid"},
		"missing bucket":  {map[string]any{"query": `from(bucket: "none") |> range(start: 0)`}, 404, "not found"},
		"no JSON":         {"from", 400, "invalid"},
		"reach elsewhere": {map[string]any{"query": `import "http" http.post(url: "http://127.0.0.1")`}, 400, "invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, s, rootToken, "POST", "/api/v2/query?org=org", tc.body).wantError(t, tc.status, tc.code, "")
		})
	}
	call(t, s, rootToken, "POST", "/api/v2/query", map[string]any{"query": script}).wantError(t, 400, "invalid", "org")
}

// TestOverTheNetwork: the same API on a socket packs its answers if asked.
func TestOverTheNetwork(t *testing.T) {
	s := fresh(t)
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	write(t, s, rootToken, "first", "m f=1.5 1000000000").want(t, 204)
	req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/api/v2/query?org=org", strings.NewReader(`from(bucket: "first") |> range(start: 0)`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.flux")
	req.Header.Set("Authorization", "Token "+rootToken)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("answer is not packed: %v", resp.Header)
	}
	zr, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(zr)
	if err != nil || !strings.Contains(string(data), ",1.5,f,m") {
		t.Errorf("%q, %v", data, err)
	}
}

// TestQueryIsCancelled: an abandoned query frees its place.
func TestQueryIsCancelled(t *testing.T) {
	s := fresh(t)
	var b strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&b, "m f=1 %d000000000\n", i)
	}
	write(t, s, rootToken, "first", b.String()).want(t, 204)
	for range 20 { // more than run at the same time
		req, err := http.NewRequestWithContext(t.Context(), "POST", base+"/api/v2/query?org=org",
			strings.NewReader(`from(bucket: "first") |> range(start: 0)`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/vnd.flux")
		req.Header.Set("Authorization", "Token "+rootToken)
		resp, err := s.HTTPClient().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 200 {
			t.Fatalf("status %d", resp.StatusCode)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
}

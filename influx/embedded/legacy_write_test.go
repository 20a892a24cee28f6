package embedded_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func writeV1(t *testing.T, s http.Handler, query, lines string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/write?"+query, strings.NewReader(lines))
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestLegacyWritePrecisions(t *testing.T) {
	s := fresh(t)
	newBucket(t, s, "mine")
	for precision, factor := range map[string]int64{
		"": 1, "n": 1, "ns": 1, "u": 1e3, "us": 1e3, "µ": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
	} {
		name := "p_" + url.PathEscape(precision)
		q := url.Values{"db": {"mine"}, "precision": {precision}, "consistency": {"one"}}.Encode()
		call(t, s, rootToken, "POST", "/write?"+q, fmt.Sprintf("%s f=1 7", strings.ReplaceAll(name, "%", "_"))).want(t, 204)
		out, _ := ql(t, s, rootToken, "mine", `SELECT f FROM "`+strings.ReplaceAll(name, "%", "_")+`"`, "epoch", "ns")
		if got := fmt.Sprintf("%.0f", out.Results[0].Series[0].Values[0][0]); got != fmt.Sprint(7*factor) {
			t.Errorf("precision %q: time %s, want %d", precision, got, 7*factor)
		}
	}
}

func TestLegacyWriteFindsTheBucket(t *testing.T) {
	s := fresh(t)
	mine, other, slashed := newBucket(t, s, "mine"), newBucket(t, s, "other"), newBucket(t, s, "mine/week")
	token, _ := newToken(t, s, right{"write", mine}, right{"read", other}, right{"write", slashed})
	for _, tc := range []struct {
		query  string
		status int
	}{
		{"db=mine", 204}, {"db=mine&rp=autogen", 204}, {"db=mine&rp=week", 204}, {"db=mine/week", 204},
		{"", 400}, {"db=mine&precision=y", 400}, {"db=mine&consistency=some", 400},
		{"db=other", 404}, {"db=nothing", 404}, {"db=mine&rp=day", 404}, {"db=" + mine, 404},
	} {
		r := call(t, s, token, "POST", "/write?"+tc.query, "m f=1")
		if r.status != tc.status || (tc.status != 204 && !strings.Contains(r.body, `"error":"`)) {
			t.Errorf("%s: %d %s, want %d", tc.query, r.status, r.body, tc.status)
		}
	}
	// Missing and forbidden read the same, but for the name.
	a := call(t, s, token, "POST", "/write?db=other", "m f=1").body
	b := call(t, s, token, "POST", "/write?db=nothing", "m f=1").body
	if strings.ReplaceAll(b, "nothing", "other") != a || !strings.Contains(a, "database not found") {
		t.Errorf("%s and %s", a, b)
	}
	if got := values(t, s, rootToken, `from(bucket: "mine/week") |> range(start: -1h) |> count()`); len(got) != 1 {
		t.Errorf("db/rp did not reach its bucket: %v", got)
	}
}

func TestLegacyWriteCredentials(t *testing.T) {
	s := fresh(t)
	mine := newBucket(t, s, "mine")
	token, _ := newToken(t, s, right{"write", mine})
	for name, tc := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"token":   {func(r *http.Request) { r.Header.Set("Authorization", "Token "+token) }, 204},
		"bearer":  {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, 204},
		"basic":   {func(r *http.Request) { r.SetBasicAuth("telegraf", token) }, 204},
		"u and p": {func(r *http.Request) { r.URL.RawQuery += "&u=telegraf&p=" + url.QueryEscape(token) }, 204},
		"nothing": {nil, 401},
		"wrong":   {func(r *http.Request) { r.SetBasicAuth("telegraf", "wrong") }, 401},
	} {
		w := writeV1(t, s.Handler(), "db=mine", "m f=1", tc.change)
		if w.Code != tc.status || (w.Code == 401 && !strings.Contains(w.Body.String(), `"error":"unauthorized access"`)) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if r := call(t, s, token, "GET", "/write?db=mine", nil); r.status != 405 || r.header.Get("Allow") != "POST" || !strings.Contains(r.body, `"error":"`) {
		t.Errorf("GET: %d %v %s", r.status, r.header, r.body)
	}
}

func TestLegacyWriteBodies(t *testing.T) {
	s := fresh(t)
	newBucket(t, s, "mine")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("m f=1"))
	_ = z.Close()
	for name, tc := range map[string]struct {
		body   string
		header []string
		status int
		part   string
	}{
		"gzip":      {packed.String(), []string{"Content-Encoding", "gzip"}, 204, ""},
		"malformed": {"m f=1\nm f=", nil, 400, `"line":2`},
		"conflict":  {`m f="text"`, nil, 422, "partial write"},
		"empty":     {"", nil, 400, "requires points"},
		"encoding":  {"m f=1", []string{"Content-Encoding", "br"}, 415, "br"},
		"too large": {strings.Repeat("m f=1\n", 12<<20), nil, 413, "larger"},
	} {
		if name == "conflict" {
			call(t, s, rootToken, "POST", "/write?db=mine", "m f=1").want(t, 204)
		}
		r := call(t, s, rootToken, "POST", "/write?db=mine", tc.body, tc.header...)
		if r.status != tc.status || !strings.Contains(r.body, tc.part) || (r.status != 204 && !strings.Contains(r.body, `"error":"`)) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

func TestLegacyPing(t *testing.T) {
	s := fresh(t)
	for _, method := range []string{"GET", "HEAD"} {
		r := call(t, s, "", method, "/ping", nil)
		if r.status != 204 || r.body != "" || r.header.Get("X-Influxdb-Version") == "" {
			t.Errorf("%s: %d %q %v", method, r.status, r.body, r.header)
		}
	}
}

package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
)

func small(t *testing.T) catalogue {
	t.Helper()
	pack := func(to io.WriteCloser, into *bytes.Buffer) []byte {
		if _, err := io.WriteString(to, "body{}"); err != nil {
			t.Fatal(err)
		}
		if err := to.Close(); err != nil {
			t.Fatal(err)
		}
		return into.Bytes()
	}
	var gz, br bytes.Buffer
	c, err := load(fstest.MapFS{
		"dist/built-by-make-assets.json":   {Data: []byte(`{"app.css":{"name":"app.0123.css","type":"text/css; charset=utf-8"},"f.woff2":{"name":"f.4567.woff2","type":"font/woff2"}}`)},
		"dist/files/app.0123.css":          {Data: []byte("body{}")},
		"dist/files/app.0123.css.gz":       {Data: pack(gzip.NewWriter(&gz), &gz)},
		"dist/files/app.0123.css.br":       {Data: pack(brotli.NewWriter(&br), &br)},
		"dist/files/f.4567.woff2":          {Data: []byte("font")},
		"dist/files/secret-that-is-no.txt": {Data: []byte("secret")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(c catalogue, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	c.serve(w, r)
	return w
}

func TestServesTheBestCopy(t *testing.T) {
	c := small(t)
	for accept, want := range map[string]string{
		"": "", "identity": "", "gzip, deflate, br": "br", "gzip": "gzip", "GZIP": "gzip", "br;q=0, gzip": "gzip", "*": "br", "*;q=0": "",
		"gzip;q=0.1, br;q=0.001": "br", "br;q=x": "br", ";;,=,": "",
	} {
		w := ask(c, "GET", "/static/app.0123.css", "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding"); w.Code != 200 || got != want {
			t.Errorf("%q: %d, encoding %q, want %q", accept, w.Code, got, want)
		}
		body := io.Reader(w.Body)
		switch want {
		case "br":
			body = brotli.NewReader(body)
		case "gzip":
			zr, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = zr
		}
		if text, err := io.ReadAll(body); string(text) != "body{}" || err != nil {
			t.Errorf("%q: %q, %v", accept, text, err)
		}
		if h := w.Header(); h.Get("Vary") != "Accept-Encoding" || !strings.Contains(h.Get("Cache-Control"), "immutable") || h.Get("Content-Type") != "text/css; charset=utf-8" {
			t.Errorf("%q: %v", accept, h)
		}
	}
	if h := ask(c, "GET", "/static/f.4567.woff2", "Accept-Encoding", "br").Header(); h.Get("Content-Encoding") != "" || h.Get("Vary") != "" {
		t.Errorf("a font is packed already: %v", h)
	}
}

func TestKnowsWhatTheBrowserHas(t *testing.T) {
	c := small(t)
	plain, packed := ask(c, "GET", "/static/app.0123.css").Header().Get("ETag"), ask(c, "GET", "/static/app.0123.css", "Accept-Encoding", "br").Header().Get("ETag")
	if plain == packed || plain == "" {
		t.Fatalf("tags %s and %s of different bytes", plain, packed)
	}
	for match, want := range map[string]int{plain: 304, "W/" + plain: 304, `"x", ` + plain: 304, "*": 304, packed: 200, `"x"`: 200, "": 200} {
		if w := ask(c, "GET", "/static/app.0123.css", "If-None-Match", match); w.Code != want || want == 304 && w.Body.Len() > 0 {
			t.Errorf("%q: %d with %d bytes, want %d", match, w.Code, w.Body.Len(), want)
		}
	}
}

func TestServesNothingElse(t *testing.T) {
	c := small(t)
	for _, path := range []string{"/static/", "/static/app.css", "/static/secret-that-is-no.txt", "/static/../dist/built-by-make-assets.json", "/static/built-by-make-assets.json", "/static/app.0123.css.gz", "/static//app.0123.css"} {
		if w := ask(c, "GET", path); w.Code != 404 || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	if w := ask(c, "POST", "/static/app.0123.css"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
	if w := ask(c, "HEAD", "/static/app.0123.css"); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "6" {
		t.Errorf("HEAD: %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
}

func TestLoadSaysWhatIsBroken(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"no manifest":    {},
		"bad manifest":   {"dist/built-by-make-assets.json": {Data: []byte("{")}},
		"a missing file": {"dist/built-by-make-assets.json": {Data: []byte(`{"a.css":{"name":"a.1.css"}}`)}},
	} {
		if _, err := load(files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// What was built is whole: each file that pages name is there, and small enough to be looked at before it grows.
func TestWhatWasBuilt(t *testing.T) {
	for name, most := range map[string]int{"app.css": 20 << 10, "app.js": 6 << 10, "htmx.js": 18 << 10, "echarts.js": 200 << 10, "charts.js": 12 << 10,
		"dashboard.css": 6 << 10, "virtual.js": 2 << 10, "favicon.svg": 1 << 10, "geist.woff2": 24 << 10, "geist-mono.woff2": 12 << 10} {
		if !Has(name) {
			t.Errorf("%s was not built", name)
			continue
		}
		r := httptest.NewRequest("GET", URL(name), nil)
		r.Header.Set("Accept-Encoding", "br")
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.Len() == 0 || w.Body.Len() > most {
			t.Errorf("%s: status %d, %d bytes, want at most %d", name, w.Code, w.Body.Len(), most)
		}
	}
}

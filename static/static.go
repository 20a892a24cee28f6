// Package static serves the app's style sheets, scripts and fonts out of the
// binary. `make assets` builds them into dist under names that carry a hash of
// their content, each with a brotli and a gzip copy beside it; browsers may
// keep them forever. What a page loads is decided by package views.
package static

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Where dist was not built, the compiler names the first pattern in the order of the alphabet: the manifest, whose name
// says what builds it.
//
//go:embed dist/built-by-make-assets.json
//go:embed dist/files
var dist embed.FS

// Prefix is where Handler expects to be mounted.
const Prefix = "/static/"

// file is one built file with its packed copies.
type file struct {
	Name string `json:"name"` // app.3f9c2a10.css
	Type string `json:"type"` // its media type

	etag  string
	plain []byte
	packs []pack // best first
}

type pack struct {
	coding string // as in Accept-Encoding
	bytes  []byte
}

// catalogue is what was built: by the name that sources use, and by the name that addresses use.
type catalogue struct {
	urls  map[string]string
	files map[string]*file
}

// built reads the catalogue once; it never changes after that.
var built = sync.OnceValue(func() catalogue {
	c, err := load(dist)
	if err != nil {
		panic(fmt.Errorf("static files are broken; `make clean assets` builds them again: %w", err))
	}
	return c
})

func load(from fs.FS) (catalogue, error) {
	text, err := fs.ReadFile(from, "dist/built-by-make-assets.json")
	if err != nil {
		return catalogue{}, err
	}
	var manifest map[string]*file
	if err := json.Unmarshal(text, &manifest); err != nil {
		return catalogue{}, err
	}
	c := catalogue{urls: map[string]string{}, files: map[string]*file{}}
	for source, f := range manifest {
		if f.plain, err = fs.ReadFile(from, path.Join("dist/files", f.Name)); err != nil {
			return catalogue{}, err
		}
		f.etag = strconv.Quote(strings.TrimSuffix(f.Name, path.Ext(f.Name)))
		for _, p := range [...]struct{ coding, ending string }{{"br", ".br"}, {"gzip", ".gz"}} {
			if packed, err := fs.ReadFile(from, path.Join("dist/files", f.Name+p.ending)); err == nil {
				f.packs = append(f.packs, pack{p.coding, packed})
			}
		}
		c.urls[source], c.files[f.Name] = Prefix+f.Name, f
	}
	return c, nil
}

// URL is the address of a built file, such as "app.css". The address of a file that was not built answers 404.
func URL(name string) string {
	if url, ok := built().urls[name]; ok {
		return url
	}
	return Prefix + name
}

// Has tells whether a file of this name was built.
func Has(name string) bool {
	_, ok := built().urls[name]
	return ok
}

// Handler serves the built files below Prefix. Its answers carry no Set-Cookie and depend on nothing but the address
// and Accept-Encoding.
func Handler() http.Handler {
	c := built()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serve(w, r) })
}

func (c catalogue) serve(w http.ResponseWriter, r *http.Request) {
	f, ok := c.files[strings.TrimPrefix(r.URL.Path, Prefix)]
	if !ok {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "There is nothing at this address.", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This address does not take that method.", http.StatusMethodNotAllowed)
		return
	}
	body, etag := f.plain, f.etag
	h := w.Header()
	for _, p := range f.packs {
		if accepts(r.Header.Get("Accept-Encoding"), p.coding) {
			body, etag = p.bytes, strings.TrimSuffix(f.etag, `"`)+"-"+p.coding+`"`
			h.Set("Content-Encoding", p.coding)
			break
		}
	}
	if len(f.packs) > 0 {
		h.Add("Vary", "Accept-Encoding")
	}
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", etag)
	if matches(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.Type)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a browser that is gone needs no file
	}
}

// accepts reads an Accept-Encoding header. A coding with q=0 is refused; `*` stands for what is not named.
func accepts(header, coding string) bool {
	any := false
	for part := range strings.SplitSeq(header, ",") {
		name, parameter, _ := strings.Cut(part, ";")
		name = strings.TrimSpace(name)
		wanted := quality(parameter) > 0
		if strings.EqualFold(name, coding) {
			return wanted
		}
		if name == "*" {
			any = wanted
		}
	}
	return any
}

// quality reads "q=0.5"; what cannot be read is 1.
func quality(parameter string) float64 {
	name, value, ok := strings.Cut(strings.TrimSpace(parameter), "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return 1
	}
	return q
}

// matches tells whether an If-None-Match header names the tag.
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == etag {
			return true
		}
	}
	return false
}

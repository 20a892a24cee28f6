package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"

	"github.com/PuerkitoBio/goquery"
	"github.com/andybalholm/brotli"
)

// load is what a browser fetches for a page: each address once.
type load struct {
	ctx  context.Context
	app  *app
	seen map[string]bool
	once int // bytes that are cached for good: files under content-hashed names
	each int // bytes of every visit
}

// weights measures the bytes of pages as they travel, compressed, with all they refer to.
func weights(ctx context.Context, b *bench, a *app) error {
	if err := a.yearOnce(ctx); err != nil {
		return err
	}
	heaviest, name := 0, ""
	for _, path := range []string{"/", "/devices", "/devices/" + yearDevice, "/virtual", "/buckets", "/api-docs/smart", "/api-docs/helium", "/about"} {
		l := &load{ctx: ctx, app: a, seen: map[string]bool{}}
		if err := l.page(path); err != nil {
			return err
		}
		if l.once+l.each > heaviest {
			heaviest, name = l.once+l.each, path
		}
	}
	const page, first, again = 60 << 10, 420 << 10, 30 << 10
	b.table.limit("bytes of a page without charts, first visit (heaviest: "+name+")", kib(heaviest), kib(page), float64(heaviest)/page)

	l := &load{ctx: ctx, app: a, seen: map[string]bool{}}
	if err := l.page("/dashboard/" + yearDevice); err != nil {
		return err
	}
	b.table.limit("bytes of a dashboard with its data, first visit", kib(l.once+l.each), kib(first), float64(l.once+l.each)/first)
	b.table.limit("bytes of a dashboard with its data, after", kib(l.each), kib(again), float64(l.each)/again)
	return nil
}

// page fetches a page and what it refers to.
func (l *load) page(path string) error {
	body, err := l.fetch(path)
	if err != nil {
		return err
	}
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	var found []string
	for selector, attribute := range map[string]string{
		"link[rel~=stylesheet]": "href", "link[rel~=icon]": "href", "link[rel~=preload]": "href", "link[rel~=modulepreload]": "href",
		"script[src]": "src", "img[src]": "src",
		"[data-src]": "data-src", "[data-url]": "data-url", // what the scripts fetch: data, and ECharts
	} {
		doc.Find(selector).Each(func(_ int, s *goquery.Selection) {
			if v, ok := s.Attr(attribute); ok {
				found = append(found, v)
			}
		})
	}
	for _, ref := range found {
		if err := l.file(path, ref); err != nil {
			return err
		}
	}
	return nil
}

var (
	inStyle  = regexp.MustCompile(`url\(["']?([^"')]+)["']?\)`)
	inScript = regexp.MustCompile(`(?:import\s*\(|from\s*|import\s*)["']([^"']+)["']`)
)

// file fetches a file and what it refers to in its turn: fonts of styles, modules of scripts.
func (l *load) file(from, ref string) error {
	base, err := url.Parse(from)
	if err != nil {
		return err
	}
	target, err := base.Parse(ref)
	if err != nil || target.IsAbs() || l.seen[target.String()] {
		return err // data: and blob: are part of the page
	}
	body, err := l.fetch(target.String())
	if err != nil {
		return err
	}
	refs := inStyle
	if bytes.HasSuffix([]byte(target.Path), []byte(".js")) {
		refs = inScript
	}
	for _, m := range refs.FindAllSubmatch(body, -1) {
		if r := string(m[1]); len(r) > 1 && (r[0] == '.' || r[0] == '/') || refs == inStyle {
			if err := l.file(target.String(), r); err != nil {
				return err
			}
		}
	}
	return nil
}

// fetch fetches as a browser does, counts the bytes of the body as it travels, and gives it unpacked.
func (l *load) fetch(ref string) ([]byte, error) {
	l.seen[ref] = true
	body, header, err := l.app.call(l.ctx, http.MethodGet, ref, "", http.Header{"Accept-Encoding": {"gzip, deflate, br"}}, http.StatusOK)
	if err != nil {
		return nil, err
	}
	if regexp.MustCompile(`\bimmutable\b`).MatchString(header.Get("Cache-Control")) {
		l.once += len(body)
	} else {
		l.each += len(body)
	}
	switch header.Get("Content-Encoding") {
	case "":
		return body, nil
	case "br":
		return io.ReadAll(brotli.NewReader(bytes.NewReader(body)))
	case "gzip":
		zr, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(zr)
	default:
		return nil, fmt.Errorf("%s: encoding %q was not asked for", ref, header.Get("Content-Encoding"))
	}
}

package handlers

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"iotcenter/views"
)

// TestAPIDocsShowEveryEndpoint: each group's page has a card for each of its endpoints, with code for it.
func TestAPIDocsShowEveryEndpoint(t *testing.T) {
	app := newTestApp(t, nil)
	for _, g := range groups() {
		doc := pageOf(t, app.do("GET", "/api-docs/"+g.name+"?lang=python", ""), 200)
		n := 0
		for _, e := range endpoints() {
			if e.group != g.name {
				continue
			}
			n++
			if !strings.Contains(doc.Find("section.api").Text(), e.title) {
				t.Errorf("%s: nothing says %q", g.name, e.title)
			}
		}
		has(t, doc, "section.api", n)
		has(t, doc, "section.api pre.code", n)
		has(t, doc, `main nav a[aria-current="page"]`, 1)
		says(t, doc, `nav a[aria-current="true"]`, "Python")
	}
	pageOf(t, app.do("GET", "/api-docs/nothing", ""), 404)
	has(t, pageOf(t, app.do("GET", "/api-docs", ""), 200), "section.api", len(deviceEndpoints()))
}

// TestSnippetsInGoAreGo: what people copy compiles as far as syntax goes, and carries the address and no key.
func TestSnippetsInGoAreGo(t *testing.T) {
	app := newTestApp(t, nil)
	for _, e := range endpoints() {
		code := app.endpointView(e).Snippet("http://iot.test", "go").Text()
		if _, err := parser.ParseFile(token.NewFileSet(), "snippet.go", "package p\nfunc ask() error {\n"+code+"return err\n}", 0); err != nil {
			t.Errorf("%s %s: %v\n%s", e.method, e.path, err, code)
		}
		if !strings.Contains(code, `"http://iot.test/`) || strings.Contains(code, "{") && strings.Contains(code, e.path) && strings.Contains(e.path, "{") {
			t.Errorf("%s %s: the address is not filled in:\n%s", e.method, e.path, code)
		}
	}
}

// TestSnippetsQuoteWhatTheyAreGiven: a hostile Host cannot end a text in any language.
func TestSnippetsQuoteWhatTheyAreGiven(t *testing.T) {
	app := newTestApp(t, nil)
	for _, l := range views.APILanguages() {
		for _, e := range endpoints() {
			code := app.endpointView(e).Snippet("http://iot.test'\";$(x)`\n\\", l.Name).Text()
			if !strings.Contains(code, "http://iot.testx/") {
				t.Errorf("%s: %s", l.Name, code)
			}
		}
	}
}

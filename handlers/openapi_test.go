package handlers

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gorilla/mux"
)

// undescribed are routes of the APIs' faces that are no part of the description, each with the reason.
var undescribed = map[string]string{
	"GET /metrics": "it answers in the format of Prometheus",
}

// TestEveryRouteOfTheAPIsIsDescribed holds the table of routes and the description together, in both directions.
func TestEveryRouteOfTheAPIsIsDescribed(t *testing.T) {
	app := newTestApp(t, nil)
	described := map[string]bool{}
	for _, e := range endpoints() {
		key := e.method + " " + e.path
		if described[key] {
			t.Errorf("%s is described twice", key)
		}
		described[key] = true
		if e.title == "" || len(e.answers) == 0 || !slices.ContainsFunc(groups(), func(g group) bool { return g.name == e.group }) {
			t.Errorf("%s has no title, no answer, or no group", key)
		}
		for _, v := range pathVariable.FindAllStringSubmatch(e.path, -1) {
			if inPath[v[1]].about == "" {
				t.Errorf("%s: nobody says what {%s} is", key, v[1])
			}
		}
	}
	routes := map[string]bool{}
	_ = app.router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, _ := route.GetPathTemplate()
		if faceOfPath(path) == facePage {
			return nil
		}
		methods, _ := route.GetMethods()
		for _, m := range methods {
			if m == http.MethodHead || m == http.MethodOptions {
				continue // as GET; preflights of browsers
			}
			key := m + " " + path
			routes[key] = true
			if !described[key] && undescribed[key] == "" {
				t.Errorf("%s is not described", key)
			}
		}
		return nil
	})
	for key := range described {
		if !routes[key] {
			t.Errorf("%s is described, and there is no such route", key)
		}
	}
}

// TestTheDescriptionIsOpenAPI31: the document is valid as the specification has it.
func TestTheDescriptionIsOpenAPI31(t *testing.T) {
	app := newTestApp(t, nil)
	answer := app.do(http.MethodGet, "/api/openapi.json", "")
	if answer.Code != http.StatusOK {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	doc, err := openapi3.NewLoader().LoadFromData(answer.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Paths.Map()) < 20 || doc.Servers[0].URL == "" {
		t.Errorf("version %s, %d paths, servers %v", doc.OpenAPI, len(doc.Paths.Map()), doc.Servers)
	}
}

// TestExamplesAreAsDescribed: the bodies that snippets send fit their own schemas.
func TestExamplesAreAsDescribed(t *testing.T) {
	app := newTestApp(t, nil)
	raw, err := json.Marshal(app.openAPI("http://iot.test"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, e := range endpoints() {
		if e.body == nil || e.body.kind != jsonKind {
			continue
		}
		var body any
		if err := json.Unmarshal([]byte(e.example.body), &body); err != nil {
			t.Errorf("%s %s: the example is no JSON: %v", e.method, e.path, err)
			continue
		}
		op := doc.Paths.Value(e.path).GetOperation(e.method)
		if err := op.RequestBody.Value.Content.Get(jsonKind).Schema.Value.VisitJSON(body, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s %s: %v", e.method, e.path, err)
		}
		checked++
	}
	if checked < 5 {
		t.Errorf("only %d examples were checked", checked)
	}
}

// TestOperationsHaveNamesOfTheirOwn: generated clients need them.
func TestOperationsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range endpoints() {
		id := operationID(e)
		if seen[id] || strings.ContainsAny(id, "{}/ ") {
			t.Errorf("%s %s: operation id %q", e.method, e.path, id)
		}
		seen[id] = true
	}
}

package handlers

import (
	"net/url"
	"strings"
	"testing"

	"iotcenter/devices"
	"iotcenter/people"
)

func TestProductTypesAreAddedChangedAndRemoved(t *testing.T) {
	app := measuring(t)
	doc := pageOf(t, app.do("GET", "/product-types", ""), 200)
	says(t, doc, ".empty h2", "There is no product type")
	has(t, doc, `nav[aria-label="Pages"] a[href="/product-types"][aria-current=page]`, 1)

	doc = app.follow(t, app.post("/product-types", url.Values{"name": {"battery 12V"}, "fields": {"current, voltage,"}, "start": {"30d"}}))
	says(t, doc, ".flash.ok", "Product type battery 12V is added.")
	says(t, doc, "tbody tr", "battery 12V")
	says(t, doc, "tbody tr", "current, voltage")
	change := doc.Find("tbody .rowacts a").First().AttrOr("href", "?")
	doc = pageOf(t, app.do("GET", strings.Split(change, "#")[0], ""), 200)
	has(t, doc, `#type-fields[value="current, voltage"]`, 1)
	has(t, doc, `#type-name`, 0) // its name stays

	doc = app.follow(t, app.post("/product-types", url.Values{"name": {"battery 12V"}, "change": {"yes"}, "measurement": {"analysis"}}))
	says(t, doc, ".flash.ok", "is changed")
	if got, err := app.Profiles.Type("battery 12V"); err != nil || got.Measurement != "analysis" || got.Fields != nil || got.Start != "" {
		t.Errorf("%+v, %v", got, err)
	}

	const remove = "/product-types/battery%2012V/remove"
	says(t, pageOf(t, app.do("GET", remove, ""), 200), "h1", "Remove battery 12V?")
	doc = app.follow(t, app.post(remove, nil))
	says(t, doc, ".flash.ok", "Product type battery 12V is removed.")
	has(t, doc, "tbody tr", 0)
	pageOf(t, app.post(remove, nil), 404)
	if got := auditedResults(t, app, people.ActionType); got != "ok ok ok refused" {
		t.Errorf("audited: %s", got)
	}
}

func TestWrongProductTypeComesBackWithItsValues(t *testing.T) {
	app := measuring(t)
	if _, _, err := app.Profiles.PutType(t.Context(), devices.ProductType{Name: "there"}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, start, measurement, field string }{
		{"", "", "", "type-name"}, {"there", "", "", "type-name"}, {"x/y", "", "", "type-name"},
		{"ok", "someday", "", "type-start"}, {"ok", "", strings.Repeat("m", 2000), "type-measurement"},
	} {
		doc := pageOf(t, app.post("/product-types", url.Values{"name": {row.name}, "start": {row.start}, "measurement": {row.measurement}, "fields": {"a,b"}}), 422)
		has(t, doc, "#"+row.field+"[aria-invalid=true]", 1)
		has(t, doc, "[aria-invalid]", 1)
		has(t, doc, `#type-fields[value="a,b"]`, 1)
	}
}

func TestProductTypeInUseStays(t *testing.T) {
	app := measuring(t)
	if _, _, err := app.Profiles.PutType(t.Context(), devices.ProductType{Name: "used"}); err != nil {
		t.Fatal(err)
	}
	app.post("/devices/dev1/profile", url.Values{"product_type": {"used"}})
	doc := app.follow(t, app.post("/product-types/used/remove", nil))
	says(t, doc, ".flash.warn", "Product type used stays. One device has it.")
	has(t, doc, "tbody tr", 1)
}

func TestProductTypesAreForOperators(t *testing.T) {
	app := measuring(t)
	for _, target := range []string{"/product-types", "/product-types/x/remove"} {
		status(t, app.do("GET", target, "", personHeader, testViewer), 403)
		status(t, app.post(target, nil, personHeader, testViewer), 403)
	}
	pageOf(t, app.do("GET", "/product-types", "", personHeader, testOperator), 200)
}

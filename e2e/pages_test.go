//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"

	"iotcenter/handlers"
)

// page is a page of the app as it is looked at in all sizes and themes.
type page struct {
	name   string
	path   string // with {key}, {enrolment key} and {bucket} for what the program has made
	status int64  // 200 unless told
	drawn  bool   // it has canvases
	who    viewed // the admin unless told
}

// viewed says who looks at a page.
type viewed int

const (
	byAdmin viewed = iota
	byViewer
	byStranger
)

// noPage marks a route that answers programs and scripts, or gives a file.
var noPage []page

// pagesOf has an entry for each route that can be read: what there is to see at it.
var pagesOf = map[string][]page{
	"/": {{name: "home", path: "/"}, {name: "home-viewer", path: "/", who: byViewer}},
	"/devices": {
		{name: "devices", path: "/devices"}, {name: "devices-none-found", path: "/devices?q=nothing-like-it"},
		{name: "devices-viewer", path: "/devices", who: byViewer},
	},
	"/devices/new":                    {{name: "register", path: "/devices/new"}},
	"/devices/new?device={device:.*}": {{name: "device-new", path: "/devices/new?device", status: 404}},
	"/devices/{id}":                   deviceViews,
	"/devices/virtual_device":         {{name: "device-virtual", path: "/devices/" + virtual}},
	"/devices/{id}/remove":            {{name: "remove", path: "/devices/" + drawer + "/remove"}},
	"/devices/{id}/rotate":            {{name: "rotate", path: "/devices/" + drawer + "/rotate"}},
	"/devices/{id}/suspend":           {{name: "suspend", path: "/devices/" + drawer + "/suspend"}},
	"/product-types":                  {{name: "product-types", path: "/product-types"}},
	"/product-types/{name}/remove":    {{name: "product-type-remove", path: "/product-types/none/remove", status: 404}},
	"/virtual":                        {{name: "virtual", path: "/virtual"}, {name: "virtual-viewer", path: "/virtual", who: byViewer}},
	"/virtual/events":                 noPage,
	"/dashboard":                      {{name: "dashboard-choice", path: "/dashboard", drawn: true}},
	"/dashboard/devices?q={q}":        noPage, // a part of a page
	"/dashboard/{id}":                 dashboardViews,
	"/dashboard/{id}/data":            noPage,
	"/dashboard/{id}/last":            noPage,
	"/buckets":                        {{name: "buckets", path: "/buckets"}, {name: "buckets-viewer", path: "/buckets", who: byViewer}},
	"/buckets/{bucket}/retention":     {{name: "retention", path: "/buckets/{bucket}/retention"}},
	"/api-docs":                       {{name: "api", path: "/api-docs"}},
	"/api-docs/{group}":               {{name: "api-smart", path: "/api-docs/smart?lang=python"}, {name: "api-helium", path: "/api-docs/helium?lang=go", who: byViewer}},
	"/api/openapi.json":               noPage,
	"/about":                          {{name: "about", path: "/about"}},
	"/login":                          {{name: "sign-in", path: "/login", who: byStranger}, {name: "sign-in-bad-link", path: "/login?once=none", who: byStranger, status: 403}},
	"/account":                        {{name: "account", path: "/account"}, {name: "account-viewer", path: "/account", who: byViewer}},
	"/people":                         {{name: "people", path: "/people"}, {name: "not-allowed", path: "/people", who: byViewer, status: 403}},
	"/people/new":                     {{name: "person-new", path: "/people/new"}},
	"/people/new?person={person:.*}":  {{name: "person-called-new", path: "/people/new?person", status: 404}},
	"/people/{name}":                  {{name: "person", path: "/people/" + viewer}, {name: "person-last-admin", path: "/people/admin"}},
	"/people/{name}/remove":           {{name: "person-remove", path: "/people/" + viewer + "/remove"}},
	"/keys":                           {{name: "keys", path: "/keys"}},
	"/keys/new":                       {{name: "key-new", path: "/keys/new"}},
	"/keys/{key}/revoke":              {{name: "key-revoke", path: "/keys/{key}/revoke"}},
	"/enrolment":                      {{name: "enrolment", path: "/enrolment"}},
	"/enrolment/keys/new":             {{name: "enrolment-key-new", path: "/enrolment/keys/new"}},
	"/enrolment/keys/{key}/revoke":    {{name: "enrolment-key-revoke", path: "/enrolment/keys/{enrolment key}/revoke"}},
	"/audit":                          {{name: "audit", path: "/audit"}, {name: "audit-none-found", path: "/audit?actor=nobody-of-this-name"}},
	"/audit.csv":                      noPage,
	"/healthz":                        noPage,
	"/readyz":                         noPage,
	"/metrics":                        noPage,
	"/influx/health":                  noPage,
	"/influx/ping":                    noPage,
	"/api/env/{id}":                   noPage,
	"/api/devices":                    noPage,
	"/api/devices/{id}/series":        noPage,
	"/api/gpxVirtual":                 noPage,
	"/v1/sensor":                      noPage,
	"/v1/sensor/{sensor}":             noPage,
	"/v1/sensor/{sensor}/metadata":    noPage,
	"/v1/sensor/{sensor}/label":       noPage,
	"/v1/sensor/{sensor}/relationships/label": noPage,
	"/v1/sensor/{sensor}/timeseries":          noPage,
	"/v1/sensor/{sensor}/timeseries/live":     noPage,
	"/v1/organization":                        noPage,
	"/v1/organization/timeseries":             noPage,
	"/v1/organization/timeseries/live":        noPage,
	"/v1/label":                               noPage,
	"/v1/label/{label}":                       noPage,
	"/v1/label/{label}/sensor":                noPage,
	"/v1/label/{label}/relationships/sensor":  noPage,
	"/v1/products":                            noPage,
	"/v1/products/{imei}":                     noPage,
	"/v1/products/{imei}/data":                noPage,
	"/v1/product_types":                       noPage,
	"/v1/product_types/{type}":                noPage,
	"/v1/influx/data":                         noPage,
	"/v1/influx/custom_query":                 noPage,
}

var deviceViews = []page{
	{name: "device", path: "/devices/" + greenhouse}, {name: "device-suspended", path: "/devices/" + garage},
	{name: "device-product", path: "/devices/" + product}, {name: "device-product-viewer", path: "/devices/" + product, who: byViewer},
	{name: "device-viewer", path: "/devices/" + greenhouse, who: byViewer},
}

var dashboardViews = []page{
	{name: "dashboard", path: "/dashboard/" + greenhouse, drawn: true},
	{name: "dashboard-virtual", path: "/dashboard/" + virtual + "?range=7d", drawn: true},
	{name: "dashboard-product", path: "/dashboard/" + product, drawn: true},
	{name: "dashboard-ports", path: "/dashboard/" + product + "?measurement=helium&range=6h", drawn: true},
	{name: "dashboard-empty", path: "/dashboard/" + drawer},
}

// otherPages are those that no route has.
var otherPages = []page{{name: "not-found", path: "/no/such/page", status: 404}}

// allPages are all of them, in a fixed order.
func allPages() []page {
	var out []page
	for _, some := range pagesOf {
		out = append(out, some...)
	}
	out = append(out, otherPages...)
	slices.SortFunc(out, func(a, b page) int { return strings.Compare(a.name, b.name) })
	return out
}

// at is the page's address in a program.
func (p page) at(a *app) string {
	path := p.path
	for mark, found := range a.found {
		path = strings.ReplaceAll(path, mark, found)
	}
	return path
}

// open opens the page in a tab of whoever looks at it.
func (p page) open(t *testing.T, a *app) *tab {
	t.Helper()
	tb := strangersTab(t, a)
	switch p.who {
	case byAdmin:
		tb.carry(a.admin(t))
	case byViewer:
		tb.carry(a.viewer(t))
	}
	if p.status != 0 {
		tb.expect(p.status)
	}
	return tb
}

// TestEveryRouteHasPages: the pages that are looked at are all there are. A new route without an entry fails.
func TestEveryRouteHasPages(t *testing.T) {
	routes := map[string]bool{}
	for _, r := range handlers.New(handlers.Options{SessionKey: []byte("s")}).Routes() {
		if !slices.Contains(r.Methods, "GET") {
			continue
		}
		routes[r.Path] = true
		if _, ok := pagesOf[r.Path]; !ok {
			t.Errorf("nobody looks at the route %s", r.Path)
		}
	}
	for path := range pagesOf {
		if !routes[path] {
			t.Errorf("there is no route %s", path)
		}
	}
	names := map[string]bool{}
	for _, p := range allPages() {
		if names[p.name] {
			t.Errorf("two pages are called %s", p.name)
		}
		names[p.name] = true
	}
}

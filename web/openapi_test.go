package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// described is a program with its own description, against which each answer is held.
type described struct {
	*program
	doc   *openapi3.T
	asked map[string]bool // "GET /api/devices"
}

// TestAnswersAreAsDescribed asks every route of the description, and holds what a real program on a real database answers
// to the schemas: successes of all routes, and errors of each face.
func TestAnswersAreAsDescribed(t *testing.T) {
	p := start(t, databaseEnv(t))
	doc, err := openapi3.NewLoader().LoadFromData([]byte(p.want(200, "GET", "/api/openapi.json", "")))
	if err != nil {
		t.Fatal(err)
	}
	d := &described{p, doc, map[string]bool{}}

	const imei = "013777946874001"
	d.ask(201, "POST", "/api/devices/{id}", "", imei)
	d.ask(200, "POST", "/api/devices/{id}", "", imei)
	d.ask(201, "POST", "/api/devices/{id}", "", "gone")
	d.ask(200, "GET", "/api/devices", "")
	d.ask(200, "GET", "/api/env/{id}", "", imei)
	d.ask(200, "POST", "/api/devices/{id}/backfill", "", imei)
	d.ask(200, "GET", "/api/devices/{id}/series?start=-1d&points=20", "", imei)
	d.ask(400, "GET", "/api/devices/{id}/series?points=none", "", imei)
	d.ask(200, "GET", "/api/gpxVirtual", "")
	d.ask(200, "GET", "/api/openapi.json", "")
	d.ask(200, "GET", "/healthz", "")
	d.ask(200, "GET", "/readyz", "")
	d.ask(204, "DELETE", "/api/devices/{id}?data=delete", "", "gone")
	d.ask(404, "DELETE", "/api/devices/{id}", "", "gone")

	token := d.device(imei).Token
	d.ask(204, "POST", "/influx/api/v2/write?precision=s", "environment Temperature=21.5\ntelemetry voltage=12.5", "Authorization: Token "+token)
	d.ask(400, "POST", "/influx/api/v2/write?precision=s", "environment Temperature=", "Authorization: Token "+token)
	d.ask(401, "POST", "/influx/api/v2/write", "environment Temperature=21.5", "Authorization: Token nobody")
	d.ask(200, "GET", "/influx/health", "")
	d.ask(204, "GET", "/influx/ping", "")

	d.ask(201, "PUT", "/v1/product_types/{type}", `{"measurement":"telemetry","fields":["current","voltage"],"start":"30d"}`, "bpower50")
	d.ask(200, "PUT", "/v1/product_types/{type}", `{"measurement":"telemetry","start":"60d"}`, "bpower50")
	d.ask(200, "GET", "/v1/product_types/{type}", "", "bpower50")
	d.ask(200, "GET", "/v1/product_types", "")
	d.ask(200, "PUT", "/v1/products/{imei}", `{"name":"Pump","product_type":"bpower50","attributes":{"village":"Kibera"}}`, imei)
	d.ask(200, "GET", "/v1/products/{imei}", "", imei)
	d.ask(200, "GET", "/v1/products?search=0137", "")
	d.ask(200, "POST", "/v1/products/{imei}/data", `{"measurement":"telemetry","fields":{"current":[["2026-11-20T12:00:00Z",1.5]],"note":[["2026-11-20T12:00:00Z","x"]],"on":[["2026-11-20T12:01:00Z",true]]}}`, imei)
	d.ask(400, "POST", "/v1/products/{imei}/data", `{"measurement":"telemetry","fields":{"current":[["soon",1.5]]}}`, imei)
	d.ask(200, "GET", "/v1/products/{imei}/data?start=2026-11-01&fields=*", "", imei)
	d.ask(200, "POST", "/v1/influx/data", `{"measurement":"analysis","tags":{"product_imei":"`+imei+`"},"fields":{"energy_in":[["2026-11-20",41.5]]}}`)
	d.ask(200, "GET", "/v1/influx/data?measurement=analysis&start=2026-11-01", "")
	d.ask(200, "GET", "/v1/influx/custom_query?q=SHOW+MEASUREMENTS", "")
	d.ask(404, "GET", "/v1/products/{imei}", "", "nobody")
	d.ask(200, "PUT", "/v1/products/{imei}", `{"product_type":null}`, imei)
	d.ask(200, "DELETE", "/v1/product_types/{type}", "", "bpower50")

	sensor := d.id(d.ask(201, "POST", "/v1/sensor", `{"data":{"type":"sensor","attributes":{"name":"Cold store"}}}`))
	reference := fmt.Sprintf(`{"data":[{"type":"sensor","id":%q}]}`, sensor)
	d.ask(200, "GET", "/v1/sensor", "")
	d.ask(200, "PATCH", "/v1/sensor/{sensor}", `{"data":{"type":"sensor","attributes":{"name":"Warm store"}}}`, sensor)
	d.ask(200, "PATCH", "/v1/sensor/{sensor}/metadata", `{"data":{"type":"metadata","attributes":{"floor":2}}}`, sensor)
	d.ask(200, "PUT", "/v1/sensor/{sensor}/metadata", `{"data":{"type":"metadata","attributes":{"floor":3}}}`, sensor)
	d.ask(200, "GET", "/v1/sensor/{sensor}/metadata", "", sensor)
	for _, value := range []string{`21.5`, `"killer bees"`, `true`, `null`, `{"kind":"x","details":{},"message":"y"}`, `[1]`} {
		d.ask(201, "POST", "/v1/sensor/{sensor}/timeseries", `{"data":{"type":"data-point","attributes":{"port":"t","value":`+value+`}}}`, sensor)
		d.ask(201, "POST", "/v1/organization/timeseries", `{"data":{"type":"data-point","attributes":{"port":"t","value":`+value+`}}}`)
	}
	d.ask(400, "POST", "/v1/sensor/{sensor}/timeseries", `{"data":{"type":"data-point","attributes":{"value":1}}}`, sensor)
	d.ask(200, "GET", "/v1/sensor/{sensor}/timeseries?page%5Bsize%5D=2", "", sensor)
	d.ask(200, "GET", "/v1/sensor/{sensor}/timeseries?agg%5Btype%5D=min,avg&agg%5Bsize%5D=1h", "", sensor)
	d.ask(200, "GET", "/v1/organization/timeseries", "")
	d.ask(200, "GET", "/v1/sensor/{sensor}", "", sensor)
	label := d.id(d.ask(201, "POST", "/v1/label", `{"data":{"type":"label","attributes":{"name":"ground floor"}}}`))
	labels := fmt.Sprintf(`{"data":[{"type":"label","id":%q}]}`, label)
	d.ask(200, "GET", "/v1/label", "")
	d.ask(200, "PATCH", "/v1/label/{label}", `{"data":{"type":"label","attributes":{"name":"first floor"}}}`, label)
	for _, method := range []string{"POST", "PATCH", "DELETE"} {
		d.ask(200, method, "/v1/label/{label}/relationships/sensor", reference, label)
		d.ask(200, method, "/v1/sensor/{sensor}/relationships/label", labels, sensor)
	}
	d.ask(200, "POST", "/v1/label/{label}/relationships/sensor", reference, label)
	d.ask(200, "GET", "/v1/label/{label}/relationships/sensor", "", label)
	d.ask(200, "GET", "/v1/sensor/{sensor}/relationships/label", "", sensor)
	d.ask(200, "GET", "/v1/label/{label}/sensor", "", label)
	d.ask(200, "GET", "/v1/sensor/{sensor}/label", "", sensor)
	d.ask(200, "GET", "/v1/label/{label}", "", label)
	d.ask(204, "DELETE", "/v1/label/{label}", "", label)
	d.ask(404, "GET", "/v1/label/{label}", "", label)
	d.ask(200, "GET", "/v1/organization", "")
	d.ask(204, "DELETE", "/v1/sensor/{sensor}", "", sensor)
	d.ask(404, "GET", "/v1/sensor/{sensor}", "", sensor)

	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if key := method + " " + path; !d.asked[key] && !strings.HasSuffix(path, "/live") { // streams have tests of their own
				t.Errorf("%s was never asked", key)
			}
		}
	}
}

// ask makes a request of a described route and holds the answer to the description. more fill in the variables of the
// path, in order; one that begins with "Authorization: " is the credential.
func (d *described) ask(status int, method, address, body string, more ...string) string {
	d.t.Helper()
	template, query, _ := strings.Cut(address, "?")
	path, headers := template, []string{"Authorization", "Bearer " + testKey}
	for _, value := range more {
		if credential, ok := strings.CutPrefix(value, "Authorization: "); ok {
			headers[1] = credential
			continue
		}
		from, to := strings.Index(path, "{"), strings.Index(path, "}")
		path = path[:from] + value + path[to+1:]
	}
	if query != "" {
		path += "?" + query
	}
	if body != "" && strings.HasPrefix(body, "{") {
		headers = append(headers, "Content-Type", "application/json")
	}
	d.asked[method+" "+template] = true
	got, text := d.do(method, path, body, headers...)
	if got != status {
		d.t.Errorf("%s %s: %d, want %d: %.300s", method, path, got, status, text)
		return text
	}
	item := d.doc.Paths.Value(template)
	if item == nil || item.GetOperation(method) == nil {
		d.t.Errorf("%s %s is not described", method, template)
		return text
	}
	responses := item.GetOperation(method).Responses
	response := responses.Value(strconv.Itoa(got))
	if response == nil {
		if response = responses.Default(); got < 400 {
			d.t.Errorf("%s %s: the status %d is not described", method, template, got)
		}
	}
	media := response.Value.Content.Get("application/json")
	if media == nil {
		return text
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		d.t.Errorf("%s %s: %v: %.300s", method, path, err, text)
		return text
	}
	if err := media.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		d.t.Errorf("%s %s: %d is not as described: %v\n%.600s", method, path, got, err, text)
	}
	return text
}

// id is the id of what an answer of the Helium dialect holds.
func (d *described) id(text string) string {
	d.t.Helper()
	var answer struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Data.ID == "" {
		d.t.Fatalf("no id in %.300s", text)
	}
	return answer.Data.ID
}

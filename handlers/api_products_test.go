package handlers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/people"
)

// listed is a page of the list of products.
func listed(t *testing.T, key caller, query string) (p productPage, imeis string) {
	t.Helper()
	data := succeeded(t, key.get("/v1/products"+query), 200, smartRetrieved)
	if err := json.Unmarshal([]byte(data), &p); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, one := range p.Products {
		all = append(all, string(one.IMEI))
	}
	return p, strings.Join(all, " ")
}

func TestProductsAreRegisteredDevicesWithAnIMEI(t *testing.T) {
	app := newTestApp(t, nil)
	for _, id := range []devices.ID{testIMEI, "a-b_C9", "with.dot", "with:colon", "sixteen-letters-", "virtual_device"} {
		app.register(t, id)
	}
	status(t, app.do("DELETE", "/api/devices/a-b_C9", ""), 204)
	p, imeis := listed(t, app.caller(t, overview), "")
	if imeis != testIMEI+" virtual_device" || p.Page != 1 || p.PerPage != 50 || p.Total != 2 || p.Pages != 1 {
		t.Errorf("%s, %+v", imeis, p)
	}
}

func TestListOfProductsHasWhatIsKnownOfEach(t *testing.T) {
	app := newTestApp(t, nil)
	key := app.caller(t, manage)
	if data := succeeded(t, key.get("/v1/products"), 200, smartRetrieved); data != `{"products":[],"page":1,"per_page":50,"total":0,"pages":0}` {
		t.Errorf("%s", data)
	}
	app.register(t, testIMEI)
	app.register(t, "000000000000000")
	status(t, key.do("PUT", "/v1/product_types/solar", "{}"), 201)
	status(t, key.do("PUT", "/v1/products/"+testIMEI, `{"name":"Häuschen <1>","product_type":"solar","attributes":{"site":[1,{"x":null}]}}`), 200)
	if _, err := app.Registry.Suspend(t.Context(), testIMEI); err != nil {
		t.Fatal(err)
	}
	app.db.set(func(m *memory) { m.entries[testIMEI] = testNow.Add(-time.Minute); m.calls = map[string]int{} })
	want := `{"product_imei":"013777894567","name":"Häuschen <1>","product_type":"solar","attributes":{"site":[1,{"x":null}]},
		"created_at":"2024-05-06T07:08:09.123Z","last_seen":"2024-05-06T07:07:09.123Z","suspended":true}`
	same(t, succeeded(t, key.get("/v1/products"), 200, smartRetrieved), `{"products":[
		{"product_imei":"000000000000000","name":null,"product_type":null,"attributes":{},"created_at":"2024-05-06T07:08:09.123Z","last_seen":null,"suspended":false},
		`+want+`],"page":1,"per_page":50,"total":2,"pages":1}`)
	if n, of := app.db.questions(); n != 1 {
		t.Errorf("the database was asked %v", of)
	}
	data := succeeded(t, key.get("/v1/products/"+testIMEI), 200, smartRetrieved)
	same(t, data, want)
	if got := strings.Join(keysOf(t, data)[:3], " "); !strings.HasPrefix(got, "product_imei name") {
		t.Errorf("members %s", got)
	}
}

func TestPagesOfProducts(t *testing.T) {
	app := newTestApp(t, nil)
	for i := range 120 {
		app.register(t, devices.ID(fmt.Sprintf("p%03d", i)))
	}
	key := app.caller(t, overview)
	for _, row := range []struct {
		query             string
		first, last       string
		page, size, pages int
	}{
		{"", "p000", "p049", 1, 50, 3},
		{"?page=3", "p100", "p119", 3, 50, 3},
		{"?page=4", "", "", 4, 50, 3},
		{"?page=1000000&per_page=500", "", "", 1000000, 500, 1},
		{"?per_page=1&page=120", "p119", "p119", 120, 1, 120},
		{"?per_page=500", "p000", "p119", 1, 500, 1},
	} {
		p, imeis := listed(t, key, row.query)
		if !strings.HasPrefix(imeis, row.first) || !strings.HasSuffix(imeis, row.last) || row.first == "" && imeis != "" ||
			p.Page != row.page || p.PerPage != row.size || p.Pages != row.pages || p.Total != 120 {
			t.Errorf("%s: %s; %d %d %d %d", row.query, imeis, p.Page, p.PerPage, p.Pages, p.Total)
		}
	}
	for _, query := range []string{"page=0", "page=-1", "page=x", "page=", "page=1.5", "page=99999999999999999999", "page=1&page=2", "per_page=0", "per_page=501",
		"search=" + strings.Repeat("x", 201), "product_type=" + strings.Repeat("x", 201), "limit=5", "search=%zz"} {
		failed(t, key.get("/v1/products?"+query), 400, "")
	}
	failed(t, key.get("/v1/products?per_page=501"), 400, "per_page: a whole number from 1 to 500 is needed.")
}

func TestSearchOfProducts(t *testing.T) {
	app := newTestApp(t, nil)
	key := app.caller(t, manage)
	status(t, key.do("PUT", "/v1/product_types/Solar", "{}"), 201)
	status(t, key.do("PUT", "/v1/product_types/pump", "{}"), 201)
	for imei, profile := range map[devices.ID]string{"abc1": `{"name":"North Roof","product_type":"Solar"}`, "abc2": `{"name":"Well","product_type":"pump"}`,
		"xyz3": `{"name":"Roof of ABC","product_type":"pump"}`, "xyz4": `{}`, "no.product": ""} {
		if app.register(t, imei); profile != "" {
			status(t, key.do("PUT", "/v1/products/"+string(imei), profile), 200)
		}
	}
	if _, err := app.Profiles.Change(t.Context(), "no.product", func(p *devices.Profile) error { p.Name = "a roof that is no product"; return nil }); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"search=ABC": "abc1 abc2 xyz3", "search=bc1": "abc1", "search=roof": "abc1 xyz3", "search=ROOF+of": "xyz3", "search=none": "", "search=": "abc1 abc2 xyz3 xyz4",
		"product_type=pump": "abc2 xyz3", "product_type=solar": "", "product_type=Solar": "abc1", "product_type=none": "",
		"search=abc&product_type=pump": "abc2 xyz3", "search=roof&product_type=pump": "xyz3", "search=" + url.QueryEscape(nasty): "", "search=.*": "",
	} {
		if p, imeis := listed(t, key, "?"+query); imeis != want || p.Total != len(strings.Fields(want)) {
			t.Errorf("%s: %s, total %d, want %s", query, imeis, p.Total, want)
		}
	}
}

// What is given is replaced, what is not stays, and null removes.
func TestPutOfAProductReplacesWhatIsGiven(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	key := app.caller(t, manage)
	status(t, key.do("PUT", "/v1/product_types/solar", "{}"), 201)
	for _, row := range []struct{ body, want string }{
		{`{}`, `null null {}`},
		{`{"name":"Roof"}`, `"Roof" null {}`},
		{`{"attributes":{"a":1,"b":"ü"}}`, `"Roof" null {"a":1,"b":"ü"}`},
		{`{"product_type":"solar"}`, `"Roof" "solar" {"a":1,"b":"ü"}`},
		{` {"attributes" : {"c":12345678901234567890} } `, `"Roof" "solar" {"c":12345678901234567890}`},
		{`{"name":null,"attributes":null}`, `null "solar" {}`},
		{`{"name":"\u0052oof","product_type":null}`, `"Roof" null {}`},
	} {
		data := succeeded(t, key.do("PUT", "/v1/products/"+testIMEI, row.body), 200, "product successfully changed")
		again := succeeded(t, key.get("/v1/products/"+testIMEI), 200, smartRetrieved)
		same(t, data, again)
		var got map[string]json.RawMessage
		if err := json.Unmarshal([]byte(data), &got); err != nil {
			t.Fatal(err)
		}
		if all := fmt.Sprintf("%s %s %s", got["name"], got["product_type"], got["attributes"]); all != row.want {
			t.Errorf("%s: %s, want %s", row.body, all, row.want)
		}
	}
}

func TestPutOfAProductRefusesWhatItDoesNotKnow(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	key := app.caller(t, manage)
	status(t, key.do("PUT", "/v1/products/"+testIMEI, `{"name":"Roof"}`), 200)
	for _, row := range []struct {
		body    string
		status  int
		message string
	}{
		{``, 400, "The body has to be a JSON object."},
		{`[]`, 400, "The body has to be a JSON object."},
		{`null`, 400, "The body has to be a JSON object."},
		{`"x"`, 400, "The body has to be a JSON object."},
		{`{"name":"x"`, 400, "The body is no valid JSON: it ends too early."},
		{`{"name":"x"} {}`, 400, "After the JSON object, there is something else."},
		{`{"name":'x'}`, 400, "The body is no valid JSON at byte 9."},
		{"{\"name\":\"\xff\"}", 400, "The body is no valid JSON at byte "},
		{`{"name":"x","imei":"y"}`, 400, "imei: there is no such member; known are name, product_type, attributes."},
		{`{"Name":"x"}`, 400, "Name: there is no such member"},
		{`{"name":"x","name":"y"}`, 400, "The body has a name twice: /name."},
		{`{"attributes":{"a":{"b":1,"b":2}}}`, 400, "The body has a name twice: /attributes/a/b."},
		{`{"name":1}`, 400, "name: a text or null is needed."},
		{`{"name":"` + strings.Repeat("x", devices.MaxName+1) + `"}`, 400, ""},
		{`{"product_type":["x"]}`, 400, "product_type: a text or null is needed."},
		{`{"product_type":"none"}`, 400, "product_type: there is no product type of this name."},
		{`{"attributes":"x"}`, 400, "attributes: a JSON object or null is needed."},
		{`{"attributes":[]}`, 400, "attributes: a JSON object or null is needed."},
		{`{"attributes":{"x":"` + strings.Repeat("x", devices.MaxAttributes) + `"}}`, 400, ""},
		{`{"attributes":` + strings.Repeat(`{"x":`, 12000), 400, ""},
		{`{"name":"` + strings.Repeat("x", maxMembers) + `"}`, 413, "The request is larger than 64 KB."},
	} {
		failed(t, key.do("PUT", "/v1/products/"+testIMEI, row.body), row.status, row.message)
	}
	failed(t, key.do("PUT", "/v1/products/"+testIMEI, packed(t, "{}"), "Content-Encoding", "gzip"), 415, "This address takes no Content-Encoding.")
	if data := succeeded(t, key.get("/v1/products/"+testIMEI), 200, smartRetrieved); !strings.Contains(data, `"name":"Roof"`) {
		t.Errorf("something changed: %s", data)
	}
}

func TestPutOfAProductIsAudited(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	key := app.caller(t, manage)
	app.newEvents(t)
	for _, row := range []struct{ method, target, body, want, result string }{
		{"PUT", "/v1/products/" + testIMEI, `{"name":"Roof"}`, testIMEI, resultOK},
		{"PUT", "/v1/products/" + testIMEI, `{"product_type":"none"}`, testIMEI, resultRefused},
		{"PUT", "/v1/product_types/solar", `{}`, "type solar", resultOK},
		{"DELETE", "/v1/product_types/solar", ``, "type solar", resultOK},
		{"DELETE", "/v1/product_types/solar", ``, "type solar", resultRefused},
	} {
		key.do(row.method, row.target, row.body)
		events := app.newEvents(t)
		if len(events) != 1 || events[0].Action != people.ActionProduct || events[0].ActorKind != "key" || events[0].Target != row.want || events[0].Result != row.result {
			t.Errorf("%s %s: %+v", row.method, row.target, events)
		}
	}
	key.get("/v1/products")
	key.do("PUT", "/v1/products/"+testIMEI, `{"x":1}`)
	if events := app.newEvents(t); len(events) != 0 {
		t.Errorf("%+v", events)
	}
}

func TestProductTypes(t *testing.T) {
	app := newTestApp(t, nil)
	key := app.caller(t, manage)
	same(t, succeeded(t, key.get("/v1/product_types"), 200, smartRetrieved), `{"product_types":[]}`)
	failed(t, key.get("/v1/product_types/solar"), 404, "There is no product type of this name.")
	failed(t, key.do("DELETE", "/v1/product_types/solar", ""), 404, "There is no product type of this name.")

	full := `{"name":"solar","measurement":"analysis","fields":["lvd","energy_in"],"start":"30d"}`
	same(t, succeeded(t, key.do("PUT", "/v1/product_types/solar", full), 201, "product type successfully made"), full)
	same(t, succeeded(t, key.get("/v1/product_types/solar"), 200, smartRetrieved), full)
	same(t, succeeded(t, key.do("PUT", "/v1/product_types/solar", full), 200, "product type successfully changed"), full)

	bare := `{"name":"pump","measurement":"telemetry","fields":["*"],"start":"7d"}`
	same(t, succeeded(t, key.do("PUT", "/v1/product_types/pump", `{"measurement":null}`), 201, "product type successfully made"), bare)
	same(t, succeeded(t, key.do("PUT", "/v1/product_types/pump", bare), 200, "product type successfully changed"), bare) // what is answered can be sent
	same(t, succeeded(t, key.get("/v1/product_types"), 200, smartRetrieved), `{"product_types":[`+bare+`,`+full+`]}`)
	// It is replaced as a whole.
	same(t, succeeded(t, key.do("PUT", "/v1/product_types/solar", `{"start":"1d"}`), 200, "product type successfully changed"),
		`{"name":"solar","measurement":"telemetry","fields":["*"],"start":"1d"}`)

	app.register(t, testIMEI)
	status(t, key.do("PUT", "/v1/products/"+testIMEI, `{"product_type":"solar"}`), 200)
	failed(t, key.do("DELETE", "/v1/product_types/solar", ""), 409, "It is in use, so it cannot be removed. One device has it.")
	status(t, key.do("PUT", "/v1/products/"+testIMEI, `{"product_type":null}`), 200)
	if data := succeeded(t, key.do("DELETE", "/v1/product_types/solar", ""), 200, "product type successfully removed"); data != "null" {
		t.Errorf("%s", data)
	}
	failed(t, key.get("/v1/product_types/solar"), 404, "There is no product type of this name.")
}

func TestProductTypesAreChecked(t *testing.T) {
	app := newTestApp(t, nil)
	key := app.caller(t, manage)
	for _, row := range []struct{ name, body, message string }{
		{"solar", `{"name":"other"}`, "name: it is another one than the path says."},
		{"solar", `{"measurement":1}`, "measurement: a text or null is needed."},
		{"solar", `{"fields":"lvd"}`, "fields: a list of texts or null is needed."},
		{"solar", `{"fields":["lvd",1]}`, "fields: a list of texts or null is needed."},
		{"solar", `{"fields":[""]}`, ""},
		{"solar", `{"start":"someday"}`, ""},
		{"solar", `{"start":7}`, "start: a text or null is needed."},
		{"solar", `{"end":"now"}`, "end: there is no such member; known are name, measurement, fields, start."},
		{"solar", `{"start":"1d","start":"2d"}`, "The body has a name twice: /start."},
		{strings.Repeat("x", devices.MaxName+1), `{}`, ""},
		{"%01", `{}`, ""},
	} {
		failed(t, key.do("PUT", "/v1/product_types/"+row.name, row.body), 400, row.message)
	}
	same(t, succeeded(t, key.get("/v1/product_types"), 200, smartRetrieved), `{"product_types":[]}`)
}

// Who registers a device again that was removed, finds a new one.
func TestRemovalForgetsWhatPeopleSaidOfAProduct(t *testing.T) {
	app := newTestApp(t, nil)
	key := app.caller(t, manage)
	for _, query := range []string{"", "?data=delete"} {
		app.register(t, testIMEI)
		status(t, key.do("PUT", "/v1/products/"+testIMEI, `{"name":"Roof"}`), 200)
		status(t, app.do("DELETE", "/api/devices/"+testIMEI+query, ""), 204)
		failed(t, key.get("/v1/products/"+testIMEI), 404, "Product "+testIMEI+" not found.")
		app.register(t, testIMEI)
		if data := succeeded(t, key.get("/v1/products/"+testIMEI), 200, smartRetrieved); !strings.Contains(data, `"name":null`) {
			t.Errorf("%s", data)
		}
	}
}

func TestProductsWithoutTheDatabase(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, testIMEI)
	key := app.caller(t, manage)
	app.db.away()
	for _, ask := range []struct{ method, target, body string }{
		{"GET", "/v1/products", ""}, {"GET", "/v1/products/" + testIMEI, ""}, {"PUT", "/v1/products/" + testIMEI, `{"name":"x"}`}, {"PUT", "/v1/product_types/solar", "{}"},
	} {
		w := key.do(ask.method, ask.target, ask.body)
		failed(t, w, 503, "The database ")
		if w.Header().Get("Retry-After") == "" {
			t.Errorf("%s %s: no Retry-After", ask.method, ask.target)
		}
	}
}

// The list of products at 100,000 devices, by name too, takes no question for a row.
func TestListOfManyProducts(t *testing.T) {
	app := newTestApp(t, nil)
	key := app.caller(t, manage)
	app.db.set(func(m *memory) {
		for i := range 100_000 {
			id := devices.ID(fmt.Sprintf("%015d", i))
			m.records = append(m.records, devices.Record{ID: id, Stamp: testNow, CreatedAt: testNow, Key: "k" + string(id), TokenHash: fmt.Sprintf("%064d", i)})
		}
	})
	if p, _ := listed(t, key, ""); p.Total != 100_000 {
		t.Fatalf("total %d", p.Total)
	}
	app.db.questions()
	began := time.Now()
	p, imeis := listed(t, key, "?search=9999&page=2&per_page=10")
	if n, of := app.db.questions(); n != 1 || len(p.Products) != 9 || p.Total != 19 || !strings.Contains(imeis, "9999") {
		t.Errorf("%v, %d of %d: %s", of, len(p.Products), p.Total, imeis)
	}
	if took := time.Since(began); took > 2*time.Second { // some 20 ms on a quiet machine
		t.Errorf("it took %v", took)
	}
}

package handlers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"iotcenter/devices"
	"iotcenter/people"
)

func TestHeliumSensorObject(t *testing.T) {
	app := newHeliumApp(t, nil)
	const mac = "6081f9fffe0007fa"
	app.register(t, mac)
	app.points(t, "/v1/sensor/"+mac+"/timeseries", [3]string{"t", "1", ""}, [3]string{"_e", "{}", ""}, [3]string{"t", "2", ""})
	app.db.set(func(m *memory) { m.entries[mac] = testNow })
	of := func(id, name, hex, seen, ports string) string {
		return `{"attributes":{"name":"` + name + `"},"relationships":{"label":{"data":[]}},"id":"` + id + `","meta":{"card":null,"mac":` + hex +
			`,"created":"2024-05-06T07:08:09.123Z","updated":"2024-05-06T07:08:09.123Z","last-seen":` + seen + `,"ports":` + ports + `},"type":"sensor"}`
	}
	known := of(devices.UUIDOf(mac).String(), mac, `"`+mac+`"`, `"2024-05-06T07:08:09.123Z"`, `["_e","t"]`)
	silent := of(heliumSensor, heliumSensor, "null", "null", "[]")
	same(t, stampless(app.helium("GET", "/v1/sensor/"+mac, "").Body.String()), `{"data":`+known+`}`)
	same(t, stampless(app.helium("GET", "/v1/sensor/"+heliumSensor, "").Body.String()), `{"data":`+silent+`}`)
	app.db.questions()
	same(t, stampless(app.helium("GET", "/v1/sensor", "").Body.String()), `{"data":[`+known+`,`+silent+`]}`)
	if n, of := app.db.questions(); n > 5 {
		t.Errorf("the list asks %d times: %v", n, of)
	}
}

// stampless evens out the stamps of registrations, which stand some nanoseconds apart on the tests' clock.
func stampless(text string) string { return strings.ReplaceAll(text, ".123001Z", ".123Z") }

func TestHeliumSensorListIsUnpaged(t *testing.T) {
	app := newTestApp(t, nil)
	if w := app.helium("GET", "/v1/sensor", ""); w.Body.String() != `{"data":[]}`+"\n" {
		t.Errorf("%s", w.Body)
	}
	for i := range 300 {
		app.register(t, devices.ID(fmt.Sprintf("dev%03d", i)))
	}
	var list struct{ Data []sensorJSON }
	if err := json.Unmarshal(app.helium("GET", "/v1/sensor", "").Body.Bytes(), &list); err != nil || len(list.Data) != 300 {
		t.Errorf("%d, %v", len(list.Data), err)
	}
}

func TestHeliumSensorPostPatchDelete(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.newEvents(t)
	w := app.helium("POST", "/v1/sensor", `{"data":{"type":"sensor","attributes":{"name":"Cellar"}}}`)
	status(t, w, 201)
	var made struct{ Data sensorJSON }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil {
		t.Fatal(err)
	}
	at := w.Header().Get("Location")
	if made.Data.ID.Version() != 4 || at != "/v1/sensor/"+made.Data.ID.String() || made.Data.Attributes.Name != "Cellar" {
		t.Errorf("%s %s", at, w.Body)
	}
	if _, err := app.Registry.Get(t.Context(), devices.ID(made.Data.ID.String())); err != nil {
		t.Error(err)
	}
	for body, name := range map[string]string{`{"data":{"type":"sensor","id":"` + made.Data.ID.String() + `","attributes":{"name":"Attic"}}}`: "Attic", `{"data":{"attributes":{"name":""}}}`: made.Data.ID.String()} {
		w := app.helium("PATCH", at, body)
		status(t, w, 200)
		if !strings.Contains(w.Body.String(), `"attributes":{"name":"`+name+`"}`) {
			t.Errorf("%s", w.Body)
		}
	}
	app.points(t, at+"/timeseries", [3]string{"t", "1", ""})
	status(t, app.helium("DELETE", at, ""), 204)
	complains(t, "deleted", app.helium("GET", at, ""), 404, "Sensor not found")
	if len(app.db.deleted) != 0 {
		t.Error("its data are deleted")
	}
	actions := map[string]int{}
	for _, e := range app.newEvents(t) {
		actions[e.Action]++
	}
	if actions[people.ActionRegister] != 1 || actions[people.ActionProduct] != 2 || actions[people.ActionRemove] != 1 {
		t.Errorf("%v", actions)
	}
}

func TestHeliumSensorBodies(t *testing.T) {
	app := newHeliumApp(t, nil)
	before := app.devicesNow(t)
	for body, detail := range map[string]string{
		"": "ends before", "{": "ends before", "x": "no JSON", "[]": `object with "data"`, "{}": "data is missing", `{"data":null}`: "data is missing", `{"data":[]}`: "data",
		`{"data":{"type":"label"}}`: "data.type is sensor", `{"data":{"attributes":{"name":1}}}`: "data.attributes.name", `{"data":{"id":"x"}}`: "data.id",
		`{"data":{"attributes":{"name":"a","name":"b"}}}`: `"name" twice`, `{"data":{"attributes":{"name":"` + strings.Repeat("x", devices.MaxName+1) + `"}}}`: "",
	} {
		complains(t, body, app.helium("POST", "/v1/sensor", body), 400, detail)
	}
	complains(t, "another id", app.helium("PATCH", "/v1/sensor/"+heliumSensor, `{"data":{"id":"`+uuid.NewString()+`"}}`), 400, "data.id")
	if n := app.devicesNow(t); n != before {
		t.Errorf("%d devices instead of %d", n, before)
	}
}

func TestHeliumMetadataPatchMergesPutReplaces(t *testing.T) {
	app := newHeliumApp(t, nil)
	at := "/v1/sensor/" + heliumSensor + "/metadata"
	answer := func(attributes string) string {
		return `{"data":{"attributes":` + attributes + `,"relationships":{"sensor":{"data":{"id":"` + heliumSensor + `","type":"sensor"}}},"id":"` + heliumSensor + `","type":"metadata"}}`
	}
	same(t, app.helium("GET", at, "").Body.String(), answer(`{}`))
	for _, step := range []struct{ method, given, want string }{
		{"PATCH", `{"room":{"floor":1,"name":"Cellar"},"serial":12345678901234567890123}`, `{"room":{"floor":1,"name":"Cellar"},"serial":12345678901234567890123}`},
		{"PATCH", `{"room":{"floor":-1},"tags":["a"]}`, `{"room":{"floor":-1,"name":"Cellar"},"serial":12345678901234567890123,"tags":["a"]}`},
		{"PATCH", `{"room":{"name":null},"tags":["b"],"serial":null}`, `{"room":{"floor":-1},"tags":["b"]}`},
		{"PATCH", `{}`, `{"room":{"floor":-1},"tags":["b"]}`},
		{"PUT", `{"only":"<this> & no more"}`, `{"only":"<this> & no more"}`},
	} {
		w := app.helium(step.method, at, `{"data":{"type":"metadata","attributes":`+step.given+`}}`)
		status(t, w, 200)
		same(t, w.Body.String(), answer(step.want))
		same(t, app.helium("GET", at, "").Body.String(), answer(step.want))
	}
	for _, bad := range []string{`[]`, `null`, `"x"`, `{"a":1,"a":2}`, `{"a":"` + strings.Repeat("x", devices.MaxAttributes) + `"}`} {
		complains(t, cut(bad, 40), app.helium("PUT", at, `{"data":{"attributes":`+bad+`}}`), 400, "")
	}
}

func TestHeliumFilterMetadataIsContainment(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.register(t, "bare")
	put := app.helium("PUT", "/v1/sensor/"+heliumSensor+"/metadata", `{"data":{"attributes":{"room":{"floor":1,"name":"Cellar"},"tags":["a","b",{"c":[1,2]}],"none":null,"n":12345678901234567890}}}`)
	status(t, put, 200)
	for filter, found := range map[string]bool{
		`{}`: true, `{"room":{}}`: true, `{"room":{"floor":1}}`: true, `{"room":{"floor":1.0}}`: true, `{"room":{"floor":10e-1}}`: true, `{"room":{"floor":"1"}}`: false,
		`{"room":{"floor":2}}`: false, `{"room":"Cellar"}`: false, `{"tags":["b"]}`: true, `{"tags":["b","a","a"]}`: true, `{"tags":[]}`: true, `{"tags":["b","z"]}`: false,
		`{"tags":"b"}`: false, `{"tags":[{"c":[2]}]}`: true, `{"tags":[{"c":[3]}]}`: false, `{"none":null}`: true, `{"missing":null}`: false,
		`{"n":12345678901234567890}`: true, `{"n":12345678901234567891}`: false,
	} {
		w := app.helium("GET", "/v1/sensor?filter%5Bmetadata%5D="+url.QueryEscape(filter), "")
		status(t, w, 200)
		if strings.Contains(w.Body.String(), heliumSensor) != found {
			t.Errorf("%s: %s", filter, w.Body)
		}
		if has := strings.Contains(w.Body.String(), `"bare"`); has != (filter == `{}`) {
			t.Errorf("%s: a sensor without metadata: %v", filter, has)
		}
	}
	for _, bad := range []string{"", "x", "[]", "1", `{"a":1,"a":2}`, `{"a":1} {}`, `{`} {
		complains(t, bad, app.helium("GET", "/v1/sensor?filter%5Bmetadata%5D="+url.QueryEscape(bad), ""), 400, "filter[metadata]")
	}
}

func TestHeliumOrganization(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.points(t, organizationSeries, [3]string{"_e", "{}", ""})
	same(t, app.helium("GET", "/v1/organization", "").Body.String(),
		`{"data":{"attributes":{"name":"my org","timezone":"UTC"},"id":"`+organizationID("my org").String()+`","meta":{"ports":["_e"]},"type":"organization"}}`)
}

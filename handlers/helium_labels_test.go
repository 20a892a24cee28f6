package handlers

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"iotcenter/devices"
	"iotcenter/people"
)

// label makes a label and gives its address.
func (a *testApp) label(t *testing.T, name, relationships string) string {
	t.Helper()
	w := a.helium("POST", "/v1/label", `{"data":{"type":"label","attributes":{"name":"`+name+`"}`+relationships+`}}`)
	status(t, w, 201)
	return w.Header().Get("Location")
}

// members are the ids of a relationship or of a list, sorted.
func (a *testApp) members(t *testing.T, target string) (ids []string) {
	t.Helper()
	w := a.helium("GET", target, "")
	status(t, w, 200)
	var list relationship
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || list.Data == nil {
		t.Fatalf("%s: %s, %v", target, w.Body, err)
	}
	for _, ref := range list.Data {
		ids = append(ids, ref.ID)
	}
	slices.Sort(ids)
	return ids
}

func references(kind string, ids ...string) string {
	list := []reference{}
	for _, id := range ids {
		list = append(list, reference{id, kind})
	}
	body, err := json.Marshal(document{list})
	if err != nil {
		panic(err)
	}
	return string(body)
}

func TestHeliumLabels(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.newEvents(t)
	if w := app.helium("GET", "/v1/label", ""); w.Body.String() != `{"data":[]}`+"\n" {
		t.Errorf("%s", w.Body)
	}
	at := app.label(t, "cellar", `,"relationships":{"sensor":`+references("sensor", heliumSensor)+`}`)
	id := strings.TrimPrefix(at, "/v1/label/")
	want := `{"attributes":{"name":"cellar"},"relationships":{"sensor":{"data":[{"id":"` + heliumSensor + `","type":"sensor"}]}},"id":"` + id +
		`","meta":{"created":"2024-05-06T07:08:09.123Z","updated":"2024-05-06T07:08:09.123Z"},"type":"label"}`
	same(t, app.helium("GET", at, "").Body.String(), `{"data":`+want+`}`)
	same(t, app.helium("GET", "/v1/label", "").Body.String(), `{"data":[`+want+`]}`)
	same(t, app.helium("GET", "/v1/sensor/"+heliumSensor+"/label", "").Body.String(), `{"data":[`+want+`]}`)
	if got := app.helium("GET", "/v1/sensor/"+heliumSensor, "").Body.String(); !strings.Contains(got, `"relationships":{"label":{"data":[{"id":"`+id+`","type":"label"}]}}`) {
		t.Errorf("%s", got)
	}
	if got := app.members(t, at+"/sensor"); !slices.Equal(got, []string{heliumSensor}) {
		t.Errorf("%v", got)
	}
	w := app.helium("PATCH", at, `{"data":{"id":"`+id+`","attributes":{"name":"attic"},"relationships":{"sensor":{"data":[]}}}}`)
	status(t, w, 200)
	if !strings.Contains(w.Body.String(), `"name":"attic"`) || !strings.Contains(w.Body.String(), `"sensor":{"data":[]}`) {
		t.Errorf("%s", w.Body)
	}
	status(t, app.helium("DELETE", at, ""), 204)
	complains(t, "deleted", app.helium("GET", at, ""), 404, "Label not found")
	for _, e := range app.newEvents(t) {
		if e.Action != people.ActionLabel {
			t.Errorf("%+v", e)
		}
	}
}

func TestHeliumRelationshipsAddReplaceRemove(t *testing.T) {
	app := newHeliumApp(t, nil)
	app.register(t, "dev1")
	app.register(t, "dev2")
	one, two := devices.UUIDOf("dev1").String(), devices.UUIDOf("dev2").String()
	a := strings.TrimPrefix(app.label(t, "a", ""), "/v1/label/")
	b := strings.TrimPrefix(app.label(t, "b", ""), "/v1/label/")
	gone := uuid.NewString()
	sensors, labels := "/v1/label/"+a+"/relationships/sensor", "/v1/sensor/dev1/relationships/label"
	for _, step := range []struct {
		method, target, body string
		want                 []string
	}{
		{"POST", sensors, references("sensor", one, "dev2", one), []string{one, two}},
		{"POST", sensors, references("sensor", heliumSensor), []string{one, two, heliumSensor}},
		{"PATCH", sensors, references("sensor", two, heliumSensor), []string{two, heliumSensor}},
		{"DELETE", sensors, references("sensor", two, gone), []string{heliumSensor}},
		{"PATCH", sensors, references("sensor"), nil},
		{"POST", labels, references("label", a, b, a), []string{a, b}},
		{"DELETE", labels, references("label", a, gone), []string{b}},
		{"PATCH", labels, references("label", a), []string{a}},
		{"POST", labels, references("label"), []string{a}},
	} {
		status(t, app.helium(step.method, step.target, step.body), 200)
		slices.Sort(step.want)
		if got := app.members(t, step.target); !slices.Equal(got, step.want) {
			t.Errorf("%s %s: %v, want %v", step.method, step.body, got, step.want)
		}
	}
	if got := app.members(t, "/v1/label/"+a+"/sensor"); !slices.Equal(got, []string{one}) {
		t.Errorf("%v", got)
	}
	many := make([]string, maxReferences+1)
	for i := range many {
		many[i] = one
	}
	for body, code := range map[string]int{references("sensor", gone): 404, references("sensor", "none"): 400, references("label", one): 400, `{"data":null}`: 400, `{"data":{}}`: 400, `{}`: 400,
		references("sensor", many...): 400} {
		complains(t, cut(body, 80), app.helium("POST", sensors, body), code, "")
	}
	complains(t, "an unknown label", app.helium("POST", labels, references("label", gone)), 404, "Label not found")
}

func TestHeliumManagingNeedsAnAdministeringKey(t *testing.T) {
	app := newHeliumApp(t, nil)
	label := app.label(t, "a", "")
	_, overview := app.key(t, people.Overview)
	_, technical := app.key(t, people.Technical)
	for _, route := range [][2]string{{"POST", "/v1/sensor"}, {"PATCH", "/v1/sensor/" + heliumSensor}, {"DELETE", "/v1/sensor/" + heliumSensor}, {"PATCH", "/v1/sensor/" + heliumSensor + "/metadata"},
		{"PUT", "/v1/sensor/" + heliumSensor + "/metadata"}, {"POST", "/v1/label"}, {"PATCH", label}, {"DELETE", label}, {"POST", label + "/relationships/sensor"}} {
		for _, key := range []string{overview, technical} {
			complains(t, strings.Join(route[:], " "), app.helium(route[0], route[1], "", "Authorization", key), 403, "level of this API key")
		}
	}
	complains(t, "writing", app.helium("POST", sensorSeries, newPoint("t", "1", ""), "Authorization", overview), 403, "level of this API key")
	status(t, app.helium("POST", sensorSeries, newPoint("t", "1", ""), "Authorization", technical), 201)
	status(t, app.helium("GET", sensorSeries, "", "Authorization", overview), 200)
}

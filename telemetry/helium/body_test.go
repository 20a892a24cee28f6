package helium

import (
	"strings"
	"testing"
	"time"
)

func TestBodies(t *testing.T) {
	for _, c := range []struct {
		name, body, port, value string
		at                      time.Time
	}{
		{"port and value", `{"data":{"type":"data-point","attributes":{"port":"t","value":21.50}}}`, "t", "21.50", time.Time{}},
		{"with a timestamp", `{"data":{"type":"data-point","attributes":{"port":"t","value":1,"timestamp":"2016-03-09T22:04:38Z"}}}`,
			"t", "1", time.Date(2016, 3, 9, 22, 4, 38, 0, time.UTC)},
		{"a timestamp of null is now", `{"data":{"attributes":{"port":"t","value":1,"timestamp":null}}}`, "t", "1", time.Time{}},
		{"null is a value", `{"data":{"attributes":{"port":"t","value":null}}}`, "t", "null", time.Time{}},
		{"no type", `{"data":{"attributes":{"port":"t","value":1}}}`, "t", "1", time.Time{}},
		{"any order, other members", ` { "jsonapi":{}, "data": {"id":"x","attributes":{"value" : [ 1, {"port":2} ],"x":{},"port":"a b"},
			"meta":[],"relationships":{"sensor":{}},"type":"data-point"}} `, "a b", `[1,{"port":2}]`, time.Time{}},
		{"an event", `{"data":{"attributes":{"port":"_e","value":{"kind":"k","details":{},"message":"m"}}}}`,
			"_e", `{"kind":"k","details":{},"message":"m"}`, time.Time{}},
		{"an event of another shape is not lost", `{"data":{"attributes":{"port":"_se","value":7}}}`, "_se", "7", time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := ParseNewPoint([]byte(c.body))
			if err != nil || p.Port != c.port || string(p.Value) != c.value || !p.Timestamp.Equal(c.at) {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	attributes := func(text string) string { return `{"data":{"type":"data-point","attributes":{` + text + `}}}` }
	for _, c := range []struct{ name, body, parameter, words string }{
		{"empty", "", "", "no valid JSON"},
		{"no JSON", "port=t", "", "no valid JSON"},
		{"cut", `{"data":{"attributes":{"port":"t","value":1}}`, "", "no valid JSON"},
		{"no object", "[]", "", "no JSON object"},
		{"more than one", attributes(`"port":"t","value":1`) + "{}", "", "more than one"},
		{"data is no object", `{"data":[]}`, "data", "no object"},
		{"no data", `{}`, "data.attributes.port", "missing"},
		{"attributes are no object", `{"data":{"attributes":null}}`, "data.attributes", "no object"},
		{"another type", `{"data":{"type":"sensor","attributes":{"port":"t","value":1}}}`, "data.type", "data-point"},
		{"a type that is no text", `{"data":{"type":7}}`, "data.type", "no text"},
		{"missing port", attributes(`"value":1`), "data.attributes.port", "missing"},
		{"empty port", attributes(`"port":"","value":1`), "data.attributes.port", "empty"},
		{"a port that is no text", attributes(`"port":1,"value":1`), "data.attributes.port", "no text"},
		{"a port of null", attributes(`"port":null,"value":1`), "data.attributes.port", "no text"},
		{"a port too long", attributes(`"port":"` + strings.Repeat("é", 65) + `","value":1`), "data.attributes.port", "128 bytes"},
		{"a port that is not UTF-8", attributes("\"port\":\"\xff\",\"value\":1"), "", "no valid JSON"},
		{"missing value", attributes(`"port":"t"`), "data.attributes.value", "missing"},
		{"a value that is no JSON", attributes(`"port":"t","value":NaN`), "", "no valid JSON"},
		{"a repeated key", attributes(`"port":"t","port":"d","value":1`), "", "has a name twice"},
		{"a repeated key in the value", attributes(`"port":"t","value":{"a":1,"a":1}`), "", "has a name twice"},
		{"a bad timestamp", attributes(`"port":"t","value":1,"timestamp":"yesterday"`), "data.attributes.timestamp", "no time"},
		{"an offset", attributes(`"port":"t","value":1,"timestamp":"2016-03-09T22:04:38+01:00"`), "data.attributes.timestamp", "offset"},
		{"a leap second", attributes(`"port":"t","value":1,"timestamp":"2016-12-31T23:59:60Z"`), "data.attributes.timestamp", "leap second"},
		{"year 1", attributes(`"port":"t","value":1,"timestamp":"0001-01-01"`), "data.attributes.timestamp", "1678"},
		{"year 9999", attributes(`"port":"t","value":1,"timestamp":"9999-12-31"`), "data.attributes.timestamp", "2261"},
		{"a timestamp that is no text", attributes(`"port":"t","value":1,"timestamp":1457561078`), "data.attributes.timestamp", "no text"},
		{"deep", strings.Repeat(`{"data":`, 20_000), "data.attributes.port", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseNewPoint([]byte(c.body))
			if c.name == "deep" {
				if err == nil {
					t.Error("it passed")
				}
				return
			}
			wantParameter(t, err, c.parameter, c.words)
		})
	}
}

func FuzzNewPoint(f *testing.F) {
	for _, s := range []string{
		`{"data":{"type":"data-point","attributes":{"port":"t","value":21.5,"timestamp":"2016-03-09T22:04:38Z"}}}`,
		`{"data":{"attributes":{"port":"_e","value":{"a":[1e400,-0,"\u0000"]}}}}`, `{"data":[]}`, `[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := ParseNewPoint(body)
		if err != nil {
			return
		}
		if p.Timestamp.After(testNow) {
			p.Timestamp = time.Time{}
		}
		ts := series(newFake())
		if _, err := ts.Post(t.Context(), sensor, p); err != nil {
			t.Fatalf("%q is a point, and %v", body, err)
		}
		got := read(t, ts, Query{Selection: Selection{Owner: sensor, Ports: []string{p.Port}}, Size: 1})
		if len(got.Points) != 1 || got.Points[0].Port != p.Port || !sameJSON(t, got.Points[0].Value, p.Value) {
			t.Errorf("%+v came back as %+v", p, got)
		}
	})
}

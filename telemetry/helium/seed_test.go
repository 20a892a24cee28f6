package helium

import (
	"strings"
	"testing"
	"time"
)

// These are the examples of the documentation of the service, with the values that are printed there.

func TestSeedKillerBees(t *testing.T) {
	p, err := ParseNewPoint([]byte(`{
    "data": {
        "attributes" : {
            "port" : "wu-tang",
            "value" : "killer bees",
            "timestamp" : "2016-03-09T22:04:38Z"
        },
        "type": "data-point"
    }
}`))
	if err != nil {
		t.Fatal(err)
	}
	ts := series(newFake())
	made, err := ts.Post(t.Context(), sensor, p)
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, ts, Query{Selection: Selection{Owner: sensor}, PageID: made.ID, Size: 1}).Points[0]
	if got.ID != made.ID || got.Port != "wu-tang" || string(got.Value) != `"killer bees"` ||
		!got.Timestamp.Equal(time.Date(2016, 3, 9, 22, 4, 38, 0, time.UTC)) {
		t.Errorf("%+v", got)
	}
}

const seedEvent = `{
    "kind": "_sensor.connect",
    "details": {
        "card": {
            "variant": 255,
            "id": 5
        },
        "pan-id": 61961,
        "mac": "6081f9fffe0007fa",
        "board-type": 1,
        "channel": 11,
        "versions": {
            "atom": "2050900",
            "sensor-config": "4b90039b34373ad2",
            "sensor-library": "d0a5d98a434729a3",
            "sensor": "4020100"
        },
        "radio": 0,
        "element-mac": "6081f9fffe0001f0",
        "security": "sha204 key",
        "short-address": 44496
    },
    "message": "Sensor 6081f9fffe0007fa connected via element 6081f9fffe0001f0 with PanID 61961, ShortAddr 44496, using Radio 0, on Channel 11 using sha204 key security."
}`

func TestSeedEventPortUnderscoreIsAllowed(t *testing.T) {
	for _, port := range []string{EventPort, SensorEventPort, "_other"} {
		ts := series(newFake())
		post(t, ts, sensor, port, seedEvent, "")
		post(t, ts, sensor, "t", "21.5", "")
		got := read(t, ts, Query{Selection: Selection{Owner: sensor, Ports: []string{port}}, Size: 10})
		if len(got.Points) != 1 || got.Points[0].Port != port || !sameJSON(t, got.Points[0].Value, []byte(seedEvent)) {
			t.Errorf("%s: %+v", port, got)
		}
	}
}

func TestSeedBucketsRoundDown(t *testing.T) {
	for _, c := range []struct{ size, want string }{
		{"1d", "2016-05-11T00:00:00Z"},
		{"2m", "2016-05-11T19:46:00Z"},
	} {
		ts := series(newFake())
		post(t, ts, sensor, "temp", "7", "2016-05-11T19:47:57.Z")
		q, err := parse(t, "agg[type]=min&agg[size]="+c.size)
		if err != nil {
			t.Fatal(err)
		}
		got := read(t, ts, q).Points[0]
		if got.Port != "agg(temp)" || got.Timestamp.Format(time.RFC3339) != c.want {
			t.Errorf("%s: %+v", c.size, got)
		}
	}
}

func TestSeedAggregatedDataPoint(t *testing.T) {
	at := moment(t, "2016-05-10T20:26:25.165127Z")
	b := Bucket{
		Start: moment(t, "2016-05-10"), Port: "b", Min: 2417, Max: 2627, Avg: 2603.849726775956284,
		NewestAt: at.UnixNano() + 3, Created: at,
	}
	id := PointID(sensor, "b", b.NewestAt)
	got := b.point(Query{Selection: Selection{Owner: sensor}}, []string{"avg", "max", "min"}, id)
	const want = `{"avg":2603.84972677596,"max":2627,"min":2417}`
	if got.Port != "agg(b)" || string(got.Value) != want || got.ID != id || !got.Timestamp.Equal(b.Start) || !got.Created.Equal(at) {
		t.Errorf("%+v %s", got, got.Value)
	}
}

func TestSeedReservedPorts(t *testing.T) {
	for port, unit := range map[string]string{"t": "°C", "d": "", "b": "mV", "p": "Pa", "h": "%", "l": "%", "m": "", "_e": "", "_se": ""} {
		if title, got, ok := ReservedPort(port); !ok || got != unit || title == "" {
			t.Errorf("%s: %q in %q, %v", port, title, got, ok)
		}
	}
	if _, _, ok := ReservedPort("temp"); ok {
		t.Error("temp is reserved")
	}
}

func TestSeedTwoMostRecent(t *testing.T) {
	ts := series(newFake())
	for _, value := range []string{"1", "2", "3"} {
		post(t, ts, sensor, "t", value, "")
	}
	q, err := parse(t, "page%5Bsize%5D=2")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range read(t, ts, q).Points {
		got = append(got, string(p.Value))
	}
	if strings.Join(got, " ") != "3 2" {
		t.Errorf("%v", got)
	}
}

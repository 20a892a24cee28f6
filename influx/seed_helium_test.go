package influx_test

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/devices"
	"iotcenter/telemetry/helium"
)

// The examples of the Helium API's documentation on a real database, with the values that are printed there. How points
// look in an answer is tested in handlers.

// seedSensor is the sensor of the documentation's example.
const seedSensor = devices.ID("c24f3bdc-b668-4999-bb45-5ea11027a860")

// timeseries is a database with time series, and the series of one sensor.
type timeseries struct {
	*dialects
	series *helium.Timeseries
}

func openTimeseries(t *testing.T, now string) *timeseries {
	t.Helper()
	d := openDialects(t, now)
	return &timeseries{d, helium.New(helium.Options{Store: d.DB, Intake: d.intake(), Clock: d.clock})}
}

// posts posts the body of a request.
func (s *timeseries) posts(body string) helium.Point {
	s.tb.Helper()
	fresh, err := helium.ParseNewPoint([]byte(body))
	if err != nil {
		s.tb.Fatalf("%v in %s", err, body)
	}
	p, err := s.series.Post(s.tb.Context(), seedSensor, fresh)
	if err != nil {
		s.tb.Fatal(err)
	}
	return p
}

func dataPoint(port, value, timestamp string) string {
	return `{"data":{"attributes":{"port":` + strconv.Quote(port) + `,"value":` + value + `,"timestamp":"` + timestamp + `"},"type":"data-point"}}`
}

// page reads with a request's query.
func (s *timeseries) page(query string) helium.Page {
	s.tb.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		s.tb.Fatal(err)
	}
	q, err := helium.ParseQuery(seedSensor, values)
	if err != nil {
		s.tb.Fatal(err)
	}
	page, err := s.series.Read(s.tb.Context(), q)
	if err != nil {
		s.tb.Fatalf("%s: %v", query, err)
	}
	return page
}

// told writes the points of a page as "time port value".
func told(page helium.Page) (all []string) {
	for _, p := range page.Points {
		all = append(all, p.Timestamp.Format(time.RFC3339Nano)+" "+p.Port+" "+string(p.Value))
	}
	return all
}

// are compares the points of a page.
func (s *timeseries) are(what string, page helium.Page, want ...string) {
	s.tb.Helper()
	if diff := cmp.Diff(want, told(page)); diff != "" {
		s.tb.Errorf("%s: -want +got\n%s", what, diff)
	}
}

func TestSeedPostAPoint(t *testing.T) {
	s := openTimeseries(t, "2016-03-10T00:00:00Z")
	made := s.posts(`{
    "data": {
        "attributes" : {
            "port" : "wu-tang",
            "value" : "killer bees",
            "timestamp" : "2016-03-09T22:04:38Z"
        },
        "type": "data-point"
    }
}`)
	page := s.page("page%5Bsize%5D=1&page%5Bid%5D=" + made.ID.String()) // as its Location says
	s.are("where the answer points to", page, `2016-03-09T22:04:38Z wu-tang "killer bees"`)
	if diff := cmp.Diff(made, page.Points[0]); diff != "" {
		t.Errorf("what was answered is not what is there: %s", diff)
	}
}

// The example of an event has objects in objects, and is given back as it was.
func TestSeedEvent(t *testing.T) {
	const event = `{
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
	s := openTimeseries(t, "2016-05-12T00:00:00Z")
	s.posts(dataPoint("_e", event, "2016-05-11T19:47:57Z"))
	s.posts(dataPoint("t", "21.5", "2016-05-11T19:47:58Z"))
	page := s.page("filter[port]=_e")
	if len(page.Points) != 1 || page.Points[0].Port != "_e" {
		t.Fatalf("%v", told(page))
	}
	var got, want any
	if err := json.Unmarshal(page.Points[0].Value, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(event), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	ports, err := s.DB.HeliumPorts(t.Context(), seedSensor)
	if err != nil || strings.Join(ports, " ") != "_e t" {
		t.Errorf("ports %v, %v", ports, err)
	}
}

// The example of an aggregated point: 366 readings of a battery whose least, greatest and average are those printed. Its
// id and created are those of the newest one.
func TestSeedAggregation(t *testing.T) {
	s := openTimeseries(t, "2016-05-10T20:00:00Z")
	begin := time.Date(2016, 5, 10, 0, 0, 0, 0, time.UTC)
	put := func(millivolts, minute int) helium.Point {
		return s.posts(dataPoint("b", strconv.Itoa(millivolts), begin.Add(time.Duration(minute)*time.Minute).Format(time.RFC3339)))
	}
	put(2417, 0)
	put(2627, 1)
	for n := range 363 {
		put(2604+min(max(n-253, 0), 1), 2+n) // 254 times 2604, and then 2605
	}
	s.at("2016-05-10T20:26:25.165127Z")
	newest := put(2604, 20*60+26)
	s.posts(dataPoint("b", `"no number"`, "2016-05-10T20:26:01Z"))
	s.posts(dataPoint("h", "55", "2016-05-10T20:26:02Z"))
	page := s.page("agg[type]=min,max,avg&agg[size]=1d&filter[port]=b")
	s.are("a day", page, `2016-05-10T00:00:00Z agg(b) {"avg":2603.84972677596,"max":2627,"min":2417}`)
	p := page.Points[0]
	if p.ID != newest.ID || !p.Created.Equal(s.now) || !p.Created.Equal(newest.Created) {
		t.Errorf("id %s, created %v; the newest reading has %s, %v", p.ID, p.Created, newest.ID, newest.Created)
	}
	s.are("only what was asked for", s.page("agg[type]=min&agg[size]=d&filter[port]=b"), `2016-05-10T00:00:00Z agg(b) {"min":2417}`)
	s.are("one series a port", s.page("agg[type]=max&agg[size]=1d"), `2016-05-10T00:00:00Z agg(b) {"max":2627}`, `2016-05-10T00:00:00Z agg(h) {"max":55}`)
}

func TestSeedBucketsRoundDown(t *testing.T) {
	s := openTimeseries(t, "2016-05-12T00:00:00Z")
	s.posts(dataPoint("temp", "7", "2016-05-11T19:47:57.Z"))
	s.are("1d", s.page("agg[type]=min&agg[size]=1d"), `2016-05-11T00:00:00Z agg(temp) {"min":7}`)
	s.are("2m", s.page("agg[type]=min&agg[size]=2m"), `2016-05-11T19:46:00Z agg(temp) {"min":7}`)
}

// The examples of filters: two ports, a month, and each form of a timestamp; and the two most recent entries.
func TestSeedFilters(t *testing.T) {
	s := openTimeseries(t, "2016-05-12T00:00:00Z")
	for n, c := range [][2]string{
		{"temp", "2015-12-31T23:59:59.999999Z"}, {"temp", "2016-01-01"}, {"humidity", "2016-01-31T23:59:59.999999Z"}, {"temp", "2016-02-01"},
		{"temp", "2016-04-07T00:00:00Z"}, {"light", "2016-04-07T19:12:06Z"}, {"temp", "2016-04-07T19:12:06.125Z"}, {"temp", "2016-04-07T19:12:06.15Z"}, {"humidity", "2016-05-05"},
	} {
		s.posts(dataPoint(c[0], strconv.Itoa(n), c[1]))
	}
	s.are("January 2016", s.page("filter[start]=2016-01-01&filter[end]=2016-02-01"), "2016-01-31T23:59:59.999999Z humidity 2", "2016-01-01T00:00:00Z temp 1")
	s.are("two ports", s.page("filter[port]=temp,humidity&filter[start]=2016-04-07T19:12:06Z"), "2016-05-05T00:00:00Z humidity 8", "2016-04-07T19:12:06.15Z temp 7", "2016-04-07T19:12:06.125Z temp 6")
	s.are("start is inclusive, end is exclusive", s.page("filter[start]=2016-04-07T19:12:06.125Z&filter[end]=2016-04-07T19:12:06.15Z"), "2016-04-07T19:12:06.125Z temp 6")
	s.are("the two most recent", s.page("page%5Bsize%5D=2"), "2016-05-05T00:00:00Z humidity 8", "2016-04-07T19:12:06.15Z temp 7")
}

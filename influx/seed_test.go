package influx_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/devices"
	"iotcenter/influx"
	"iotcenter/influx/influxtest"
	"iotcenter/telemetry"
	"iotcenter/telemetry/smart"
)

// The examples of the SMART API's documentation on a real database, from the body of a write to the text of an answer,
// with the values that are printed there. What the documentation prints of fields that its data set is without
// (current_in, current_out) is left out; its slips in JSON are mended. HTTP around it is tested in handlers.

// minted gives each device a token of the database's own, as the registry does.
type minted struct {
	db     *influx.DB
	mu     sync.Mutex
	tokens map[devices.ID]string
}

func (m *minted) WriteToken(ctx context.Context, id devices.ID, _ bool) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if token, known := m.tokens[id]; known {
		return token, nil
	}
	made, err := m.db.Mint(ctx, id)
	if err != nil {
		return "", err
	}
	m.tokens[id] = made.Token
	return made.Token, nil
}

// dialects is a database with what the dialects' programs need of the app, and a clock that stands where it is set.
type dialects struct {
	*influxtest.Instance
	tb    testing.TB
	now   time.Time
	smart *smart.Store
}

func openDialects(t *testing.T, now string) *dialects {
	t.Helper()
	d := &dialects{Instance: influxtest.Start(t), tb: t}
	d.at(now)
	d.smart = smart.NewStore(smart.StoreOptions{
		Intake: d.intake(), Rows: d.DB, Clock: d.clock,
		Spool: func() (smart.SpoolFile, error) { return os.CreateTemp(t.TempDir(), "spool") },
	})
	return d
}

func (d *dialects) intake() *telemetry.Intake {
	return &telemetry.Intake{Writer: d.DB, Tokens: &minted{db: d.DB, tokens: map[devices.ID]string{}}, Clock: d.clock}
}

func (d *dialects) clock() time.Time { return d.now }

// at sets the clock.
func (d *dialects) at(now string) {
	d.tb.Helper()
	t, err := time.Parse(time.RFC3339Nano, now)
	if err != nil {
		d.tb.Fatal(err)
	}
	d.now = t
}

// writes writes a batch for a product, or for none, and checks how many data points the answer tells of.
func (d *dialects) writes(product devices.ID, body string, want int) {
	d.tb.Helper()
	b, err := smart.ParseBatch(strings.NewReader(body))
	if err != nil {
		d.tb.Fatal(err)
	}
	n, err := d.smart.Write(d.tb.Context(), product, b)
	if err != nil || n != want {
		d.tb.Fatalf("%d data points, %v, want %d", n, err, want)
	}
}

// reads reads with a request's parameters, of a product or, where that is "", in general, and gives data of the answer.
func (d *dialects) reads(product devices.ID, parameters url.Values) map[string]json.RawMessage {
	d.tb.Helper()
	q, err := smart.ParseQuery(parameters, smart.Defaults{}, d.now)
	if err != nil {
		d.tb.Fatalf("%v: %v", parameters, err)
	}
	switch { // as the two routes do
	case product != "":
		q.Device, q.IMEI = product, string(product)
	case q.IMEI != "":
		q.Tags = append(q.Tags, telemetry.Tag{Key: "product_imei", Value: q.IMEI})
	}
	answer, err := d.smart.Read(d.tb.Context(), q)
	if err != nil {
		d.tb.Fatalf("%v: %v", parameters, err)
	}
	defer answer.Close() //nolint:errcheck // a temporary file of the test
	var text strings.Builder
	if _, err := answer.WriteTo(&text); err != nil {
		d.tb.Fatal(err)
	}
	if strings.Contains(text.String(), telemetry.ClientTag) {
		d.tb.Errorf("%v: the answer shows clientId: %s", parameters, text.String())
	}
	var data map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text.String()), &data); err != nil {
		d.tb.Fatalf("%v in %s", err, text.String())
	}
	return data
}

// is compares data with what an example prints.
func (d *dialects) is(what string, data map[string]json.RawMessage, want string) {
	d.tb.Helper()
	whole, err := json.Marshal(data)
	if err != nil {
		d.tb.Fatal(err)
	}
	var g, w any
	if err := json.Unmarshal(whole, &g); err != nil {
		d.tb.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		d.tb.Fatalf("%s: %v in %s", what, err, want)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		d.tb.Errorf("%s: -want +got\n%s", what, diff)
	}
}

const seedProduct = "000000000000000"

// seedSet is the documentation's data set; -1 is where it has no temperature.
var seedSet = []struct{ current, voltage, temperature float64 }{
	{1.234, 14.243, 21.345}, {2.234, 14.723, -1}, {3.234, 14.826, 21.345}, {1.234, 13.284, -1}, {2.345, 12.345, 21.345}, {2.678, 12.678, -1},
	{2.910, 12.910, 21.910}, {2.345, 12.345, -1}, {2.678, 12.678, 21.678}, {2.910, 12.910, -1}, {2.345, 12.345, 21.345}, {2.678, 12.678, -1},
	{2.910, 12.910, 21.910},
}

// seedTime is when a row of the data set is: every four hours from 2016 on.
func seedTime(row int) time.Time {
	return time.Date(2016, 1, 1, 4*row, 0, 0, 0, time.UTC)
}

// openSeed is a database with the data set, written as a program of the dialect does, and a clock some days later.
func openSeed(t *testing.T) *dialects {
	t.Helper()
	d := openDialects(t, "2016-01-05T00:00:00Z")
	var current, voltage, temperature []string
	for i, row := range seedSet {
		at := seedTime(i).Format(time.DateTime)
		current = append(current, fmt.Sprintf("[%q,%v]", at, row.current))
		voltage = append(voltage, fmt.Sprintf("[%q,%v]", at, row.voltage))
		if row.temperature >= 0 {
			temperature = append(temperature, fmt.Sprintf("[%q,%v]", at, row.temperature))
		}
	}
	list := func(all []string) string { return "[" + strings.Join(all, ",") + "]" }
	d.writes(seedProduct, `{"measurement":"telemetry","fields":{"current":`+list(current)+`,"voltage":`+list(voltage)+`,"temperature":`+list(temperature)+`}}`, 33)
	return d
}

const seedHead = `"measurement":"telemetry","tags":{"product_imei":"000000000000000"}`

func TestSeedReadWithoutParameters(t *testing.T) {
	d := openSeed(t)
	d.is("the default query", d.reads(seedProduct, nil), `{`+seedHead+`,
		"current": [
			[1.234, "2016-01-01T00:00:00Z"], [2.234, "2016-01-01T04:00:00Z"], [3.234, "2016-01-01T08:00:00Z"], [1.234, "2016-01-01T12:00:00Z"], [2.345, "2016-01-01T16:00:00Z"], [2.678, "2016-01-01T20:00:00Z"], [2.91, "2016-01-02T00:00:00Z"], [2.345, "2016-01-02T04:00:00Z"], [2.678, "2016-01-02T08:00:00Z"], [2.91, "2016-01-02T12:00:00Z"], [2.345, "2016-01-02T16:00:00Z"], [2.678, "2016-01-02T20:00:00Z"], [2.91, "2016-01-03T00:00:00Z"]
		],
		"voltage": [
			[14.243, "2016-01-01T00:00:00Z"], [14.723, "2016-01-01T04:00:00Z"], [14.826, "2016-01-01T08:00:00Z"], [13.284, "2016-01-01T12:00:00Z"], [12.345, "2016-01-01T16:00:00Z"], [12.678, "2016-01-01T20:00:00Z"], [12.91, "2016-01-02T00:00:00Z"], [12.345, "2016-01-02T04:00:00Z"], [12.678, "2016-01-02T08:00:00Z"], [12.91, "2016-01-02T12:00:00Z"], [12.345, "2016-01-02T16:00:00Z"], [12.678, "2016-01-02T20:00:00Z"], [12.91, "2016-01-03T00:00:00Z"]
		],
		"temperature": [
			[21.345, "2016-01-01T00:00:00Z"], [null, "2016-01-01T04:00:00Z"], [21.345, "2016-01-01T08:00:00Z"], [null, "2016-01-01T12:00:00Z"], [21.345, "2016-01-01T16:00:00Z"], [null, "2016-01-01T20:00:00Z"], [21.91, "2016-01-02T00:00:00Z"], [null, "2016-01-02T04:00:00Z"], [21.678, "2016-01-02T08:00:00Z"], [null, "2016-01-02T12:00:00Z"], [21.345, "2016-01-02T16:00:00Z"], [null, "2016-01-02T20:00:00Z"], [21.91, "2016-01-03T00:00:00Z"]
		]}`)
	d.at("2016-01-10T00:00:00Z") // now the default start is the time of the last row, and start is exclusive
	d.is("seven days after the last row", d.reads(seedProduct, nil), `{`+seedHead+`}`)
}

func TestSeedReadFromAStart(t *testing.T) {
	d := openSeed(t)
	d.is("from a start", d.reads(seedProduct, url.Values{"start": {"2016-01-02 23:00:00"}}), `{`+seedHead+`,
		"current": [[2.91, "2016-01-03T00:00:00Z"]], "voltage": [[12.91, "2016-01-03T00:00:00Z"]], "temperature": [[21.91, "2016-01-03T00:00:00Z"]]}`)
	if data := d.reads(seedProduct, url.Values{"start": {"2016-01-01"}}); strings.Count(string(data["current"]), "Z") != 12 {
		t.Errorf("all but the row of the start: %s", data["current"])
	}
}

// Of 2016-01-01 three rows have more than 14 V, and the example prints two: the first one lies at the start.
func TestSeedReadWithWhere(t *testing.T) {
	d := openSeed(t)
	const want = `{` + seedHead + `,
		"current": [[2.234, "2016-01-01T04:00:00Z"], [3.234, "2016-01-01T08:00:00Z"]],
		"temperature": [[null, "2016-01-01T04:00:00Z"], [21.345, "2016-01-01T08:00:00Z"]]}`
	for _, end := range []string{"2016-01-02", "2016-02-01"} {
		for _, where := range []string{"voltage > 14.0", "'voltage' > 14.0", `"voltage" > 14.0`} {
			for _, fields := range [][]string{{"current", "temperature"}, {`["current", "temperature"]`}, {"current,temperature"}} {
				q := url.Values{"start": {"2016-01-01"}, "end": {end}, "limit": {"100"}, "where": {where}, "fields": fields}
				d.is(q.Encode(), d.reads(seedProduct, q), want)
			}
		}
	}
}

// Limit counts rows after where, the oldest first; of buckets it counts all, also empty ones.
func TestLimitCountsRowsAfterWhere(t *testing.T) {
	d := openSeed(t)
	d.is("rows", d.reads(seedProduct, url.Values{"start": {"2016-01-01"}, "where": {"voltage < 12.5"}, "limit": {"2"}, "fields": {"current"}}),
		`{`+seedHead+`,"current":[[2.345,"2016-01-01T16:00:00Z"],[2.345,"2016-01-02T04:00:00Z"]]}`)
	d.is("buckets", d.reads(seedProduct, url.Values{"start": {"2016-01-01T12:00:00Z"}, "where": {"voltage < 12.5"}, "limit": {"3"}, "fields": {"current"}, "ds_interval": {"4h"}}),
		`{`+seedHead+`,"current":[[null,"2016-01-01T12:00:00Z"],[2.345,"2016-01-01T16:00:00Z"],[null,"2016-01-01T20:00:00Z"]]}`)
	d.is("one bucket", d.reads(seedProduct, url.Values{"start": {"2016-01-01"}, "where": {"voltage < 12.5"}, "limit": {"1"}, "fields": {"current"}, "ds_interval": {"1d"}, "ds_function": {"count"}}),
		`{`+seedHead+`,"current":[[1,"2016-01-01T00:00:00Z"]]}`)
}

// column reads the pairs of a field.
func (d *dialects) column(data map[string]json.RawMessage, field string) (values []*float64, times []time.Time) {
	d.tb.Helper()
	var pairs [][2]json.RawMessage
	if err := json.Unmarshal(data[field], &pairs); err != nil {
		d.tb.Fatalf("%s: %v in %s", field, err, data[field])
	}
	for _, p := range pairs {
		var v *float64
		var at time.Time
		if err := json.Unmarshal(p[0], &v); err != nil {
			d.tb.Fatal(err)
		}
		if err := json.Unmarshal(p[1], &at); err != nil {
			d.tb.Fatal(err)
		}
		values, times = append(values, v), append(times, at)
	}
	return values, times
}

// The three examples of downsampling, over the data set: the names of fields stay bare, and an empty bucket is a null row.
func TestSeedDownsampling(t *testing.T) {
	d := openSeed(t)
	begin, end := seedTime(0), seedTime(13)
	for _, c := range []struct {
		interval, function string
		every              time.Duration
		of                 func(values []float64) float64
	}{
		{"5m", "mean", 5 * time.Minute, func(v []float64) float64 { return total(v) / float64(len(v)) }},
		{"1d", "sum", 24 * time.Hour, total},
		{"1h", "max", time.Hour, slices.Max[[]float64]},
	} {
		q := url.Values{"start": {begin.Add(-1).Format(time.RFC3339Nano)}, "end": {end.Format(time.RFC3339Nano)}, "ds_interval": {c.interval}, "ds_fucntion": {c.function}}
		data := d.reads(seedProduct, q)
		if len(data) != 5 { // measurement, tags, and three fields
			t.Errorf("%s: %d members", q.Encode(), len(data))
		}
		for field, of := range map[string]func(row int) float64{
			"current":     func(row int) float64 { return seedSet[row].current },
			"voltage":     func(row int) float64 { return seedSet[row].voltage },
			"temperature": func(row int) float64 { return seedSet[row].temperature },
		} {
			in := map[time.Time][]float64{}
			for row := range seedSet {
				if v := of(row); v >= 0 {
					at := seedTime(row).Truncate(c.every)
					in[at] = append(in[at], v)
				}
			}
			values, times := d.column(data, field)
			if want := int(end.Add(c.every-1).Truncate(c.every).Sub(begin) / c.every); len(values) != want {
				t.Errorf("%s of %s in %s: %d buckets, want %d", c.function, field, c.interval, len(values), want)
			}
			for i, at := range times {
				if !at.Equal(begin.Add(time.Duration(i) * c.every)) {
					t.Fatalf("bucket %d of %s lies at %v", i, c.interval, at)
				}
				if len(in[at]) == 0 {
					if values[i] != nil {
						t.Errorf("%s of %s: %v in the empty bucket at %v", c.function, field, *values[i], at)
					}
				} else if want := c.of(in[at]); values[i] == nil || math.Abs(*values[i]-want) > 1e-9 {
					t.Errorf("%s of %s at %v: %s, want %v", c.function, field, at, show(values[i]), want)
				}
			}
		}
	}
	d.is("without a function it is mean, with brackets it is the same", d.reads(seedProduct, url.Values{"start": {"2016-01-02T16:00:00Z"}, "ds_interval": {"8h"}, "fields": {"current"}, "end": {"2016-01-03T00:00:00Z"}}),
		`{`+seedHead+`,"current":[[2.678,"2016-01-02T16:00:00Z"]]}`)
}

func total(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

// The examples of intervals: 1m, 10d, and half a second in microseconds.
func TestSeedIntervals(t *testing.T) {
	d := openSeed(t)
	q := url.Values{"start": {"2016-01-02T23:59:59.4Z"}, "end": {"2016-01-03T00:00:00.2Z"}, "fields": {"current"}, "ds_interval": {"500000u"}}
	d.is("500000u", d.reads(seedProduct, q), `{`+seedHead+`,"current":[[null,"2016-01-02T23:59:59Z"],[null,"2016-01-02T23:59:59.5Z"],[2.91,"2016-01-03T00:00:00Z"]]}`)
	q.Set("ds_interval", "1m")
	d.is("1m", d.reads(seedProduct, q), `{`+seedHead+`,"current":[[null,"2016-01-02T23:59:00Z"],[2.91,"2016-01-03T00:00:00Z"]]}`)
	q.Set("ds_interval", "10d") // from the epoch on: 2016-01-03 is its day 16803
	d.is("10d", d.reads(seedProduct, q), `{`+seedHead+`,"current":[[2.91,"2015-12-31T00:00:00Z"]]}`)
}

// One unit records three fields, another one five: what a unit does not record is null beside the other's, and no field
// where only that unit is read.
func TestSeedSchemaOfTwoUnits(t *testing.T) {
	d := openDialects(t, "2016-09-03T00:00:00Z")
	batch := func(fields string, times ...string) string {
		var members []string
		for _, f := range strings.Fields(fields) {
			name, value, _ := strings.Cut(f, "=")
			var pairs []string
			for _, at := range times {
				pairs = append(pairs, fmt.Sprintf("[%q,%s]", at, value))
			}
			members = append(members, fmt.Sprintf("%q:[%s]", name, strings.Join(pairs, ",")))
		}
		return `{"measurement":"telemetry","fields":{` + strings.Join(members, ",") + `}}`
	}
	const one, other = "013777946874001", "013950004127933"
	d.writes(one, batch("current=1 voltage=2 temperature=3", "2016-09-02T08:30:42.645Z", "2016-09-02T08:40:53.327Z", "2016-09-02T08:41:56.348Z", "2016-09-02T08:42:35.505Z"), 12)
	d.writes(other, batch("current=4 voltage=5 temperature=6 current_in=7 current_out=8", "2016-08-30T10:05:36.873Z", "2016-08-30T10:06:00.734Z", "2016-08-30T16:43:11.984Z", "2016-08-30T16:43:22.646Z"), 20)
	d.is("both", d.reads("", url.Values{"fields": {"current,current_in"}}), `{"measurement":"telemetry","tags":{},
		"current":[[4,"2016-08-30T10:05:36.873Z"],[4,"2016-08-30T10:06:00.734Z"],[4,"2016-08-30T16:43:11.984Z"],[4,"2016-08-30T16:43:22.646Z"],
			[1,"2016-09-02T08:30:42.645Z"],[1,"2016-09-02T08:40:53.327Z"],[1,"2016-09-02T08:41:56.348Z"],[1,"2016-09-02T08:42:35.505Z"]],
		"current_in":[[7,"2016-08-30T10:05:36.873Z"],[7,"2016-08-30T10:06:00.734Z"],[7,"2016-08-30T16:43:11.984Z"],[7,"2016-08-30T16:43:22.646Z"],
			[null,"2016-09-02T08:30:42.645Z"],[null,"2016-09-02T08:40:53.327Z"],[null,"2016-09-02T08:41:56.348Z"],[null,"2016-09-02T08:42:35.505Z"]]}`)
	d.is("one", d.reads(one, url.Values{"start": {"2016-09-02T08:41:56.348Z"}}), `{"measurement":"telemetry","tags":{"product_imei":"013777946874001"},
		"current":[[1,"2016-09-02T08:42:35.505Z"]],"voltage":[[2,"2016-09-02T08:42:35.505Z"]],"temperature":[[3,"2016-09-02T08:42:35.505Z"]]}`)
}

// The example of writing for a product has a form of time for each field. What was written with the time first is read
// with the value first.
func TestSeedWriteForAProduct(t *testing.T) {
	const want = `{"measurement":"telemetry","tags":{"product_imei":"000000000000000","some_tag":"tag_value"},
		"current":[[1,"2016-09-01T00:00:00Z"],[2,"2016-09-02T00:00:00Z"],[3,"2016-09-03T00:00:00Z"]],
		"voltage":[[10,"2016-09-01T00:00:00Z"],[20,"2016-09-02T00:00:00Z"],[30,"2016-09-03T00:00:00Z"]],
		"temperature":[[0.1,"2016-09-01T00:00:00Z"],[0.2,"2016-09-02T00:00:00Z"],[0.3,"2016-09-03T00:00:00Z"]]}`
	for name, body := range map[string]string{
		"each form of time": `{
			"measurement": "telemetry",
			"tags": {"some_tag": "tag_value"},
			"fields": {
				"current": [[1472688000000, 1.0], [1472774400000, 2.0], [1472860800000, 3.0]],
				"voltage": [["2016-09-01T00:00:00Z", 10.0], ["2016-09-02 00:00:00", 20.0], ["2016-09-03", 30.0]],
				"temperature": [["Thu, September 1st 2016", 0.1], ["Fri, September 2nd 2016", 0.2], ["Sat, September 3rd 2016", 0.3]]
			}
		}`,
		"the structure": `{
			"measurement": "telemetry",
			"tags": {"some_tag": "tag_value"},
			"fields": {
				"current": [["2016-09-01", 1.0], ["2016-09-02", 2.0], ["2016-09-03", 3.0]],
				"voltage": [["2016-09-01", 10], ["2016-09-02", 20], ["2016-09-03", 30]],
				"temperature": [["2016-09-01", 0.1], ["2016-09-02", 0.2], ["2016-09-03", 0.3]]
			}
		}`,
	} {
		d := openDialects(t, "2016-09-04T00:00:00Z")
		d.writes(seedProduct, body, 9)
		d.is(name, d.reads(seedProduct, url.Values{"tags": {`{"some_tag": "tag_value"}`}}), want)
		d.is(name+", another value of the tag", d.reads(seedProduct, url.Values{"tags": {`{"some_tag": "other"}`}}), `{"measurement":"telemetry","tags":{"product_imei":"000000000000000","some_tag":"other"}}`)
	}
}

// The list of what a timestamp can be, each with its example.
func TestSeedFormsOfTime(t *testing.T) {
	d := openDialects(t, "2016-10-06T00:00:00Z")
	d.writes(seedProduct, `{"measurement":"telemetry","fields":{"current":[
		[1475685693839, 1], ["2016-10-03T04:05:06.123456789Z", 2], ["2016-10-02 04:05:06.123456789", 3], ["Tue, October 4th 2016", 4]]}}`, 4)
	d.is("ascending", d.reads(seedProduct, nil), `{`+seedHead+`,"current":[[3,"2016-10-02T04:05:06.123456789Z"],[2,"2016-10-03T04:05:06.123456789Z"],[4,"2016-10-04T00:00:00Z"],[1,"2016-10-05T16:41:33.839Z"]]}`)
}

// The example of writing in general, for a product that is registered and for one that is not.
func TestSeedWriteInGeneral(t *testing.T) {
	const body = `{
		"measurement": "analysis",
		"fields": {
			"curve-data": [
				["2016-01-01T00:01:20", 1],
				["2016-01-01T00:01:21", 2],
				["2016-01-01T00:01:22", 3],
				["2016-01-01T00:01:23", 4]
			]
		},
		"tags": {
			"analysis-type": "state-of-health",
			"product_imei": "000000000000000"
		}
	}`
	const pairs = `"curve-data":[[1,"2016-01-01T00:01:20Z"],[2,"2016-01-01T00:01:21Z"],[3,"2016-01-01T00:01:22Z"],[4,"2016-01-01T00:01:23Z"]]}`
	for _, product := range []devices.ID{seedProduct, ""} {
		d := openDialects(t, "2016-01-02T00:00:00Z")
		d.writes(product, body, 4)
		q := url.Values{"measurement": {"analysis"}, "tags": {`{"product_imei": "000000000000000"}`}}
		d.is("in general", d.reads("", q), `{"measurement":"analysis","tags":{"product_imei":"000000000000000"},`+pairs)
		q.Set("tags", `{"analysis-type": "state-of-health"}`)
		d.is("by its other tag", d.reads("", q), `{"measurement":"analysis","tags":{"analysis-type":"state-of-health"},`+pairs)
	}
}

// The example of tags has a product_imei that is a number of 18 digits, which a float would round: it is matched as text.
func TestSeedTagsWithANumber(t *testing.T) {
	d := openDialects(t, "2016-03-01T00:00:00Z")
	for n, imei := range []string{"111010101010101010", "111010101010101011", "111010101010101000"} {
		d.Write(fmt.Sprintf("telemetry,product_imei=%s current=%d %d", imei, n+1, seedTime(1).UnixNano()))
	}
	q := url.Values{"start": {"2016-01-01"}, "end": {"2016-02-01"}, "tags": {`{"product_imei": 111010101010101010}`}}
	d.is("18 digits", d.reads("", q), `{"measurement":"telemetry","tags":{"product_imei":"111010101010101010"},"current":[[1,"2016-01-01T04:00:00Z"]]}`)
}

func TestSeedCustomQuery(t *testing.T) {
	d := openSeed(t)
	statement, err := smart.ParseStatement(`SELECT max(current) / mean(voltage) FROM telemetry WHERE "product_imei" = '000000000000000' and time > '2016-01-01'`)
	if err != nil {
		t.Fatal(err)
	}
	raw, cut, err := d.DB.Statement(t.Context(), statement, 10_000, 10*time.Second)
	if err != nil || cut {
		t.Fatal(cut, err)
	}
	var answer struct {
		Results []struct {
			Series []struct {
				Name    string
				Columns []string
				Values  [][]any
			}
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Results) != 1 || len(answer.Results[0].Series) != 1 {
		t.Fatalf("%v: %s", err, raw)
	}
	var volts []float64
	for _, row := range seedSet[1:] { // the first one lies at the time that is excluded
		volts = append(volts, row.voltage)
	}
	series, want := answer.Results[0].Series[0], 3.234/(total(volts)/float64(len(volts)))
	got, ok := series.Values[0][1].(float64)
	if series.Name != "telemetry" || !slices.Equal(series.Columns, []string{"time", "max_mean"}) || len(series.Values) != 1 || !ok || math.Abs(got-want) > 1e-12 {
		t.Errorf("%s, want %v", raw, want)
	}
}

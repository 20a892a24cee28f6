package handlers

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// seedIMEI is the product of the seed's examples of reading.
const seedIMEI = "000000000000000"

// seedFields are those of the seed's data set, and seedRows its rows: every four hours from 2016 on, null where it has none.
var (
	seedFields = []string{"current", "current_in", "current_out", "voltage", "temperature"}
	seedRows   = [][5]string{
		{"1.234", "0", "1.234", "14.243", "21.345"}, {"2.234", "0", "2.234", "14.723", "null"}, {"3.234", "0", "3.234", "14.826", "21.345"},
		{"1.234", "0", "1.234", "13.284", "null"}, {"2.345", "0", "2.345", "12.345", "21.345"}, {"2.678", "0", "2.678", "12.678", "null"},
		{"2.91", "0", "2.91", "12.91", "21.91"}, {"2.345", "0", "2.345", "12.345", "null"}, {"2.678", "0", "2.678", "12.678", "21.678"},
		{"2.91", "0", "2.91", "12.91", "null"}, {"2.345", "0", "2.345", "12.345", "21.345"}, {"2.678", "0", "2.678", "12.678", "null"},
		{"2.91", "0", "2.91", "12.91", "21.91"},
	}
	seedFirst = time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)
)

// seedAnswer makes the database answer with some of the seed's rows and fields.
func (a *testApp) seedAnswer(numbers []int, fields ...string) {
	answer := rows{fields: fields}
	for _, n := range numbers {
		answer.at = append(answer.at, seedFirst.Add(time.Duration(n)*4*time.Hour).UnixNano())
		var row []json.RawMessage
		for i, name := range seedFields {
			for _, wanted := range fields {
				if wanted == name {
					row = append(row, json.RawMessage(seedRows[n][i]))
				}
			}
		}
		answer.values = append(answer.values, row)
	}
	a.db.set(func(m *memory) { m.rows = answer })
}

// asked is the question that the database was asked last.
func (a *testApp) asked() (q telemetry.RowsQuery) {
	a.db.set(func(m *memory) { q = m.rows.asked })
	return q
}

// seedApp is an app at the end of the seed's data set, with its product.
func seedApp(t *testing.T) (*testApp, caller) {
	t.Helper()
	app := newTestApp(t, nil)
	app.register(t, seedIMEI)
	key := app.caller(t, manage)
	app.db.set(func(m *memory) { m.now = time.Date(2016, 1, 4, 0, 0, 0, 0, time.UTC) })
	return app, key
}

func span(from, to int) (all []int) {
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

func TestSeedReadingWithoutParameters(t *testing.T) {
	app, key := seedApp(t)
	app.seedAnswer(span(0, 13), seedFields...)
	data := succeeded(t, key.get("/v1/products/"+seedIMEI+"/data"), 200, "data retrieved successfully")
	want := `{"measurement":"telemetry","tags":{"product_imei":"000000000000000"},
		"current":[[1.234,"2016-01-01T00:00:00Z"],[2.234,"2016-01-01T04:00:00Z"],[3.234,"2016-01-01T08:00:00Z"],[1.234,"2016-01-01T12:00:00Z"],[2.345,"2016-01-01T16:00:00Z"],[2.678,"2016-01-01T20:00:00Z"],[2.91,"2016-01-02T00:00:00Z"],[2.345,"2016-01-02T04:00:00Z"],[2.678,"2016-01-02T08:00:00Z"],[2.91,"2016-01-02T12:00:00Z"],[2.345,"2016-01-02T16:00:00Z"],[2.678,"2016-01-02T20:00:00Z"],[2.91,"2016-01-03T00:00:00Z"]],
		"current_in":[[0,"2016-01-01T00:00:00Z"],[0,"2016-01-01T04:00:00Z"],[0,"2016-01-01T08:00:00Z"],[0,"2016-01-01T12:00:00Z"],[0,"2016-01-01T16:00:00Z"],[0,"2016-01-01T20:00:00Z"],[0,"2016-01-02T00:00:00Z"],[0,"2016-01-02T04:00:00Z"],[0,"2016-01-02T08:00:00Z"],[0,"2016-01-02T12:00:00Z"],[0,"2016-01-02T16:00:00Z"],[0,"2016-01-02T20:00:00Z"],[0,"2016-01-03T00:00:00Z"]],
		"current_out":[[1.234,"2016-01-01T00:00:00Z"],[2.234,"2016-01-01T04:00:00Z"],[3.234,"2016-01-01T08:00:00Z"],[1.234,"2016-01-01T12:00:00Z"],[2.345,"2016-01-01T16:00:00Z"],[2.678,"2016-01-01T20:00:00Z"],[2.91,"2016-01-02T00:00:00Z"],[2.345,"2016-01-02T04:00:00Z"],[2.678,"2016-01-02T08:00:00Z"],[2.91,"2016-01-02T12:00:00Z"],[2.345,"2016-01-02T16:00:00Z"],[2.678,"2016-01-02T20:00:00Z"],[2.91,"2016-01-03T00:00:00Z"]],
		"voltage":[[14.243,"2016-01-01T00:00:00Z"],[14.723,"2016-01-01T04:00:00Z"],[14.826,"2016-01-01T08:00:00Z"],[13.284,"2016-01-01T12:00:00Z"],[12.345,"2016-01-01T16:00:00Z"],[12.678,"2016-01-01T20:00:00Z"],[12.91,"2016-01-02T00:00:00Z"],[12.345,"2016-01-02T04:00:00Z"],[12.678,"2016-01-02T08:00:00Z"],[12.91,"2016-01-02T12:00:00Z"],[12.345,"2016-01-02T16:00:00Z"],[12.678,"2016-01-02T20:00:00Z"],[12.91,"2016-01-03T00:00:00Z"]],
		"temperature":[[21.345,"2016-01-01T00:00:00Z"],[null,"2016-01-01T04:00:00Z"],[21.345,"2016-01-01T08:00:00Z"],[null,"2016-01-01T12:00:00Z"],[21.345,"2016-01-01T16:00:00Z"],[null,"2016-01-01T20:00:00Z"],[21.91,"2016-01-02T00:00:00Z"],[null,"2016-01-02T04:00:00Z"],[21.678,"2016-01-02T08:00:00Z"],[null,"2016-01-02T12:00:00Z"],[21.345,"2016-01-02T16:00:00Z"],[null,"2016-01-02T20:00:00Z"],[21.91,"2016-01-03T00:00:00Z"]]}`
	same(t, data, want)
	if keys := keysOf(t, data[:strings.Index(data, `,"current"`)]+"}"); keys[0] != "measurement" {
		t.Errorf("the measurement does not come first: %v", keys)
	}
	now := app.Clock()
	q := app.asked()
	if q.Device != seedIMEI || q.Measurement != "telemetry" || q.Fields != nil || q.Where != nil || q.Limit != 0 || q.Every != 0 ||
		!q.After.Equal(now.Add(-7*24*time.Hour)) || !q.Before.Equal(now) || len(q.Tags) != 0 {
		t.Errorf("%+v", q)
	}
}

func TestSeedReadingFromAStart(t *testing.T) {
	app, key := seedApp(t)
	app.seedAnswer([]int{12}, "current", "voltage", "temperature")
	data := succeeded(t, key.get("/v1/products/"+seedIMEI+"/data?start="+url.QueryEscape("2016-01-02 23:00:00")), 200, "data retrieved successfully")
	same(t, data, `{"measurement":"telemetry","tags":{"product_imei":"000000000000000"},"current":[[2.91,"2016-01-03T00:00:00Z"]],
		"voltage":[[12.91,"2016-01-03T00:00:00Z"]],"temperature":[[21.91,"2016-01-03T00:00:00Z"]]}`)
	if q := app.asked(); !q.After.Equal(time.Date(2016, 1, 2, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("start %v", q.After)
	}
}

func TestSeedReadingWithWhere(t *testing.T) {
	app, key := seedApp(t)
	app.seedAnswer([]int{1, 2}, "current", "temperature")
	for _, where := range []string{"voltage > 14.0", "'voltage' > 14.0"} {
		params := url.Values{"start": {"2016-01-01"}, "end": {"2016-01-02"}, "limit": {"100"}, "where": {where}, "fields": {"current", "temperature"}}
		data := succeeded(t, key.get("/v1/products/"+seedIMEI+"/data?"+params.Encode()), 200, "data retrieved successfully")
		same(t, data, `{"measurement":"telemetry","tags":{"product_imei":"000000000000000"},
			"current":[[2.234,"2016-01-01T04:00:00Z"],[3.234,"2016-01-01T08:00:00Z"]],
			"temperature":[[null,"2016-01-01T04:00:00Z"],[21.345,"2016-01-01T08:00:00Z"]]}`)
		q := app.asked()
		if !q.After.Equal(seedFirst) || !q.Before.Equal(seedFirst.AddDate(0, 0, 1)) || q.Limit != 100 || q.Where == nil ||
			q.Where.Name != "voltage" || q.Where.Op != ">" || !reflect.DeepEqual(q.Fields, []string{"current", "temperature"}) {
			t.Errorf("%+v, where %+v", q, q.Where)
		}
	}
}

func TestSeedDownsampling(t *testing.T) {
	app, key := seedApp(t)
	app.seedAnswer([]int{0}, "current")
	for _, row := range []struct {
		query    string
		every    time.Duration
		function telemetry.Function
	}{
		{"ds_interval=5m&ds_fucntion=mean", 5 * time.Minute, telemetry.FnMean},
		{"ds_interval=1d&ds_fucntion=sum", 24 * time.Hour, telemetry.FnSum},
		{"ds_interval=1h&ds_fucntion=max", time.Hour, telemetry.FnMax},
		{"ds_interval=1m", time.Minute, telemetry.FnMean},
		{"ds_interval=10d&ds_function=median()", 240 * time.Hour, telemetry.FnMedian},
		{"ds_interval=500000u&start=2016-01-03T23:00:00Z", 500 * time.Millisecond, telemetry.FnMean},
	} {
		succeeded(t, key.get("/v1/products/"+seedIMEI+"/data?"+row.query), 200, "data retrieved successfully")
		if q := app.asked(); q.Every != row.every || q.Function != row.function {
			t.Errorf("%s: %v %s", row.query, q.Every, q.Function)
		}
	}
}

// The seed's example of tags has a product_imei that is a number of 18 digits: it is longer than any product's, and is
// matched as the text that it is, digit by digit.
func TestSeedReadingGeneralDataByTags(t *testing.T) {
	app, key := seedApp(t)
	app.seedAnswer([]int{0}, "current")
	params := url.Values{"start": {"2016-01-01"}, "end": {"2016-02-01"}, "tags": {`{"product_imei": 111010101010101010}`}}
	data := succeeded(t, key.get("/v1/influx/data?"+params.Encode()), 200, "data retrieved successfully")
	same(t, data, `{"measurement":"telemetry","tags":{"product_imei":"111010101010101010"},"current":[[1.234,"2016-01-01T00:00:00Z"]]}`)
	if q := app.asked(); q.Device != "" || !reflect.DeepEqual(q.Tags, []telemetry.Tag{{Key: "product_imei", Value: "111010101010101010"}}) {
		t.Errorf("%+v", q)
	}
}

func TestSeedCustomQuery(t *testing.T) {
	app, key := seedApp(t)
	app.db.set(func(m *memory) { m.rows.result = json.RawMessage(`{"results":[{"statement_id":0}]}`) })
	q := `SELECT max(current) / mean(voltage) FROM telemetry WHERE "product_imei" = '000000000000000' and time > '2016-01-01'`
	w := key.get("/v1/influx/custom_query?q=" + url.QueryEscape(q))
	same(t, succeeded(t, w, 200, "data retrieved successfully"), `{"results":[{"statement_id":0}]}`)
	if got := app.db.rows.statement; !strings.HasPrefix(got, "SELECT max(") || !strings.Contains(got, "product_imei") {
		t.Errorf("%s", got)
	}
}

func TestCustomQueryIsDeprecated(t *testing.T) {
	app, key := seedApp(t)
	for _, query := range []string{"?q=SHOW+MEASUREMENTS", "", "?q=DROP+MEASUREMENT+x"} {
		got := key.get("/v1/influx/custom_query" + query).Header().Get("Deprecation")
		at, err := strconv.ParseInt(strings.TrimPrefix(got, "@"), 10, 64)
		if err != nil || !strings.HasPrefix(got, "@") || time.Unix(at, 0).UTC() != time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC) {
			t.Errorf("Deprecation %q", got)
		}
	}
	_ = app
}

func TestCustomQueryTellsThatRowsWereCut(t *testing.T) {
	app, key := seedApp(t)
	app.db.set(func(m *memory) { m.rows.result, m.rows.cut = json.RawMessage(`{"results":[]}`), true })
	data := succeeded(t, key.get("/v1/influx/custom_query?q=SELECT+*+FROM+telemetry"), 200, "data retrieved successfully; there is more: only the first 10,000 rows are shown, and at most 16 MB")
	same(t, data, `{"results":[]}`)
}

func TestCustomQueryTakesOneReadingStatementAndNothingElse(t *testing.T) {
	app, key := seedApp(t)
	for _, query := range []string{"", "?q=", "?q=SHOW+MEASUREMENTS&q=SHOW+MEASUREMENTS", "?q=SHOW+MEASUREMENTS&start=2016-01-01", "?q=SHOW+MEASUREMENTS&db=_internal",
		"?q=DROP+MEASUREMENT+telemetry", "?q=SHOW+MEASUREMENTS%3B+SHOW+MEASUREMENTS", "?q=SELECT+*+INTO+x+FROM+telemetry", "?q=DELETE+FROM+telemetry", "?q=SELECT",
		"?q=%zz", "?q=SHOW+MEASUREMENTS;x=y", "?Q=SHOW+MEASUREMENTS"} {
		failed(t, key.get("/v1/influx/custom_query"+query), 400, "")
		if got := app.db.rows.statement; got != "" {
			t.Fatalf("%s: the database was asked %s", query, got)
		}
	}
	app.db.set(func(m *memory) { m.readErr = errUnavailableForTest })
	failed(t, key.get("/v1/influx/custom_query?q=SHOW+MEASUREMENTS"), 503, "The database cannot be reached right now.")
}

func TestProductReadRefusesAnotherProductInTheTags(t *testing.T) {
	app, key := seedApp(t)
	app.register(t, testIMEI)
	failed(t, key.get("/v1/products/"+seedIMEI+"/data?tags="+url.QueryEscape(`{"product_imei":"`+testIMEI+`"}`)), 400, "tags.product_imei: the path names product "+seedIMEI)
	succeeded(t, key.get("/v1/products/"+seedIMEI+"/data?tags="+url.QueryEscape(`{"product_imei":"`+seedIMEI+`","x":"y"}`)), 200, smartRetrieved)
	if q := app.asked(); q.Device != seedIMEI || !reflect.DeepEqual(q.Tags, []telemetry.Tag{{Key: "x", Value: "y"}}) {
		t.Errorf("%+v", q)
	}
}

// Reads of a product filter on clientId, which its points have however they were written.
func TestGeneralReadOfARegisteredProductFiltersOnClientId(t *testing.T) {
	app, key := seedApp(t)
	for _, row := range []struct {
		imei   string
		device devices.ID
		tags   []telemetry.Tag
	}{
		{seedIMEI, seedIMEI, []telemetry.Tag{{Key: "x", Value: "y"}}},
		{"999", "", []telemetry.Tag{{Key: "x", Value: "y"}, {Key: "product_imei", Value: "999"}}},
	} {
		data := succeeded(t, key.get("/v1/influx/data?tags="+url.QueryEscape(`{"product_imei":"`+row.imei+`","x":"y"}`)), 200, smartRetrieved)
		if q := app.asked(); q.Device != row.device || !reflect.DeepEqual(append([]telemetry.Tag{}, q.Tags...), row.tags) {
			t.Errorf("%+v", q)
		}
		same(t, data, `{"measurement":"telemetry","tags":{"product_imei":"`+row.imei+`","x":"y"}}`)
	}
}

func TestDefaultsOfTheProductTypeStandInForParameters(t *testing.T) {
	app, key := seedApp(t)
	data := "/v1/products/" + seedIMEI + "/data"
	status(t, key.do("PUT", "/v1/product_types/solar", `{"measurement":"analysis","fields":["lvd","energy_in"],"start":"30d"}`), 201)
	status(t, key.do("PUT", "/v1/products/"+seedIMEI, `{"product_type":"solar"}`), 200)
	now := app.Clock()
	for _, row := range []struct {
		query       string
		measurement string
		fields      []string
		after       time.Time
	}{
		{"", "analysis", []string{"lvd", "energy_in"}, now.AddDate(0, 0, -30)},
		{"?measurement=telemetry", "telemetry", nil, now.AddDate(0, 0, -30)}, // the fields are those of the type's measurement
		{"?fields=*", "analysis", nil, now.AddDate(0, 0, -30)},
		{"?fields=lvd&start=2016-01-01", "analysis", []string{"lvd"}, seedFirst},
	} {
		app.seedAnswer(nil)
		app.db.set(func(m *memory) { m.rows.fields = row.fields })
		succeeded(t, key.get(data+row.query), 200, smartRetrieved)
		if q := app.asked(); q.Measurement != row.measurement || !reflect.DeepEqual(q.Fields, row.fields) || !q.After.Equal(row.after) {
			t.Errorf("%q: %+v", row.query, q)
		}
	}
	app.seedAnswer(nil)
	succeeded(t, key.get("/v1/influx/data"), 200, smartRetrieved) // the general route has the dialect's own
	if q := app.asked(); q.Measurement != "telemetry" || q.Fields != nil || !q.After.Equal(now.AddDate(0, 0, -7)) {
		t.Errorf("%+v", q)
	}
	status(t, key.do("PUT", "/v1/products/"+seedIMEI, `{"product_type":null}`), 200)
	succeeded(t, key.get(data), 200, smartRetrieved)
	if q := app.asked(); q.Measurement != "telemetry" {
		t.Errorf("%+v", q)
	}
}

// An error after a million rows still has its status: nothing is sent before the last row is there.
func TestAnErrorInTheMiddleOfAReadHasItsStatus(t *testing.T) {
	app, key := seedApp(t)
	app.seedAnswer(span(0, 13), seedFields...)
	app.db.set(func(m *memory) { m.rows.err = errUnavailableForTest })
	failed(t, key.get("/v1/products/"+seedIMEI+"/data"), 503, "The database cannot be reached right now.")
	app.db.set(func(m *memory) {
		m.rows.err = &telemetry.QueryError{Parameter: "ds_function", Problem: "is for numbers, and current is a text"}
	})
	failed(t, key.get("/v1/products/"+seedIMEI+"/data"), 400, "ds_function is for numbers, and current is a text.")
	app.db.set(func(m *memory) { m.rows.err = errors.New("secret detail") })
	failed(t, key.get("/v1/products/"+seedIMEI+"/data"), 500, "Something went wrong on our side.")
	if app.reads.inside != 0 {
		t.Errorf("%d reads are under way", app.reads.inside)
	}
}

func TestBadParametersAre400(t *testing.T) {
	app, key := seedApp(t)
	for _, query := range []string{"start=someday", "end=x", "limit=0", "limit=-1", "limit=x", "where=voltage", "where=time+%3E+0", "where=voltage+%3E+1%3B", "where=mean(voltage)+%3E+1",
		"tags=x", "tags=[]", "ds_interval=0m", "ds_interval=5y", "ds_interval=1u", "ds_interval=1h&ds_function=nonsense", "start=%zz"} {
		for _, target := range []string{"/v1/products/" + seedIMEI + "/data", "/v1/influx/data"} {
			failed(t, key.get(target+"?"+query), 400, "")
		}
	}
	_ = app
}

func TestHeadOfARead(t *testing.T) {
	app, key := seedApp(t)
	app.seedAnswer(span(0, 13), seedFields...)
	for _, target := range []string{"/v1/products/" + seedIMEI + "/data", "/v1/influx/data", "/v1/influx/custom_query?q=SHOW+MEASUREMENTS", "/v1/products", "/v1/products/" + seedIMEI, "/v1/product_types"} {
		w := key.do("HEAD", target, "")
		status(t, w, 200)
		if got := w.Header().Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", target, got)
		}
	}
}

package smart

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
)

// ask parses a query string.
func ask(t testing.TB, text string, d Defaults) (Query, error) {
	t.Helper()
	v, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return ParseQuery(v, d, testNow)
}

func mustAsk(t testing.TB, text string) Query {
	t.Helper()
	q, err := ask(t, text, Defaults{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

func stamp(t time.Time) string { return t.Format(time.RFC3339Nano) }

func TestDefaultsOfTheTable(t *testing.T) {
	for _, text := range []string{"", "start=&end=&fields=&measurement=&limit=&where=&tags=&ds_interval=&ds_function=&fields=%20"} {
		q := mustAsk(t, text)
		if stamp(q.After) != "2015-12-27T12:00:00Z" || !q.Before.Equal(testNow) || q.Fields != nil || q.Named ||
			q.Measurement != "telemetry" || q.Limit != 0 || q.Where != nil || q.Tags != nil || q.IMEI != "" || q.Every != 0 || q.Function != "" {
			t.Errorf("%q: %+v", text, q)
		}
	}
}

// A program may send each parameter with the default that the table shows.
func TestDefaultsOfTheTableMayBeSent(t *testing.T) {
	for _, function := range []string{"ds_function=mean", "ds_function=mean()", "ds_fucntion=mean"} {
		q := mustAsk(t, "start=2015-12-27+12:00:00&end=now()&fields=*&measurement=telemetry&tags={}&where=&limit=&ds_interval=&"+function)
		if want := mustAsk(t, ""); !reflect.DeepEqual(q, want) {
			t.Errorf("%s: %+v, want %+v", function, q, want)
		}
	}
}

func TestStartAndEndInEachForm(t *testing.T) {
	for text, want := range map[string]string{
		"start=2016-01-01&end=2016-01-02":                     "2016-01-01T00:00:00Z 2016-01-02T00:00:00Z",
		"start=1451606400000":                                 "2016-01-01T00:00:00Z 2016-01-03T12:00:00Z",
		"start=2016-01-02+23:00:00":                           "2016-01-02T23:00:00Z 2016-01-03T12:00:00Z",
		"start=2016-01-01T02:00:00%2B02:00":                   "2016-01-01T00:00:00Z 2016-01-03T12:00:00Z",
		"start=2016-01-01T02:00:00+02:00":                     "2016-01-01T00:00:00Z 2016-01-03T12:00:00Z",
		"start=2016-01-01T02:00:00.5+02:00":                   "2016-01-01T00:00:00.5Z 2016-01-03T12:00:00Z",
		"start=Fri,+January+1st+2016&end=now()":               "2016-01-01T00:00:00Z 2016-01-03T12:00:00Z",
		"start=1700-01-01&end=2200-01-01T00:00:00.000000001Z": "1700-01-01T00:00:00Z 2200-01-01T00:00:00.000000001Z",
	} {
		q := mustAsk(t, text)
		if got := stamp(q.After) + " " + stamp(q.Before); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestFieldsInEachForm(t *testing.T) {
	for text, want := range map[string]string{
		"fields=current&fields=temperature":  "[current temperature] true",
		`fields=["current","temperature"]`:   "[current temperature] true",
		"fields=current,temperature":         "[current temperature] true",
		"fields=current,+current":            "[current] true",
		`fields=a&fields=b,c&fields=["d,e"]`: "[a b c d,e] true",
		"fields=*":                           "[] false",
		`fields=["*"]`:                       "[] false",
		"":                                   "[] false",
	} {
		q := mustAsk(t, text)
		if got := fmt.Sprint(q.Fields, " ", q.Named); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestTagsNumbersKeepEachDigit(t *testing.T) {
	q := mustAsk(t, `tags={"product_imei":111010101010101010,"b":"x y","a":1.50}`)
	if q.IMEI != "111010101010101010" || fmt.Sprint(q.Tags) != "[{a 1.50} {b x y}]" {
		t.Errorf("%q %v", q.IMEI, q.Tags)
	}
}

func TestIntervalInEachUnit(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"500000000u": 500 * time.Second, "10000ms": 10 * time.Second, "10s": 10 * time.Second, "5m": 5 * time.Minute,
		"1h": time.Hour, "10d": 240 * time.Hour, "2w": 336 * time.Hour,
	} {
		q := mustAsk(t, "ds_interval="+text)
		if q.Every != want || q.Function != telemetry.FnMean {
			t.Errorf("%s: %v %s", text, q.Every, q.Function)
		}
	}
}

func TestFunctionIsBareOrWithBracketsUnderBothSpellings(t *testing.T) {
	for _, f := range telemetry.Functions() {
		for _, text := range []string{"ds_function=" + string(f), "ds_function=" + string(f) + "()", "ds_fucntion=" + string(f),
			"ds_function=" + string(f) + "&ds_fucntion=" + string(f) + "()"} {
			if q := mustAsk(t, "ds_interval=1h&"+text); q.Function != f {
				t.Errorf("%s: %q", text, q.Function)
			}
		}
	}
}

func TestQueryThatIsRefused(t *testing.T) {
	for text, words := range map[string]string{
		"strat=2016-01-01":                   "strat: there is no parameter of this name",
		"q=SELECT":                           "q: there is no parameter",
		"start=2016-01-01&start=2016-01-02":  "start: the parameter occurs more than once",
		"limit=1&limit=2":                    "limit: the parameter occurs more than once",
		"start=x":                            "start: ",
		"end=x":                              "end: ",
		"start=1451606400":                   "start: as milliseconds it lies outside of the years 1990 to 2100; it looks like seconds",
		"start=0":                            "start: ",
		"start=-7d":                          "start: ",
		"start=2016-01-02&end=2016-01-01":    "start: it lies before end",
		"start=2016-01-02&end=2016-01-02":    "start: it lies before end",
		"start=2017-01-01":                   "start: it lies before end",
		"start=9999-01-01":                   "1678 to 2261",
		"start=0001-01-01":                   "1678 to 2261",
		"fields=a,,b":                        "fields: ",
		"fields=*,a":                         "not both",
		"fields=[]":                          "fields: the list is empty",
		`fields=["a"`:                        "fields: a JSON array",
		`fields=["a",1]`:                     "fields: a JSON array",
		`fields=["a"]x`:                      "fields: a JSON array",
		"fields=clientId":                    "app's own",
		"fields=product_imei":                "tag",
		"fields=time":                        "reserved",
		"fields=measurement":                 "member of this name",
		"fields=tags":                        "member of this name",
		"fields=" + strings.Repeat("a", 300): "at most 256",
		"fields=a%00b":                       "control",
		"fields=a%ff":                        "UTF-8",
		"measurement=" + strings.Repeat("a", 300): "measurement: ",
		"measurement=a%0ab":                       "measurement: ",
		"limit=0":                                 "limit: it is a whole number from 1",
		"limit=-1":                                "limit: ",
		"limit=1.5":                               "limit: ",
		"limit=x":                                 "limit: ",
		"limit=99999999999999999999":              "limit: ",
		"where=time>0":                            "where: ",
		"tags=x":                                  "tags: it is a JSON object",
		"tags=[]":                                 "tags: it is a JSON object",
		`tags={"a":"b"}x`:                         "tags: it is a JSON object",
		`tags={"a":"b","a":"c"}`:                  "tags: a tag occurs twice",
		`tags={"a":null}`:                         "text or a number",
		`tags={"a":true}`:                         "text or a number",
		`tags={"a":{}}`:                           "text or a number",
		`tags={"a":["b"]}`:                        "text or a number",
		`tags={"a":""}`:                           "tags: a: ",
		`tags={"clientId":"b"}`:                   "app's own",
		`tags={"time":"b"}`:                       "reserved",
		`tags={"Time":"b"}`:                       "reserved",
		"ds_interval=5":                           "ds_interval: ",
		"ds_interval=m":                           "ds_interval: ",
		"ds_interval=0m":                          "ds_interval: ",
		"ds_interval=-5m":                         "ds_interval: ",
		"ds_interval=1.5m":                        "ds_interval: ",
		"ds_interval=5y":                          "ds_interval: ",
		"ds_interval=5%C2%B5":                     "ds_interval: ",
		"ds_interval=1ns":                         "ds_interval: ",
		"ds_interval=99999999999w":                "ds_interval: ",
		"ds_interval=99999999999999999999s":       "ds_interval: ",
		"ds_interval=1s":                          "at most 100000",
		"ds_interval=1h&ds_function=foo":          "ds_function: it is one of count, distinct, first, integral, last, max, mean, median, min, mode, spread, stddev, sum",
		"ds_interval=1h&ds_fucntion=foo":          "ds_fucntion: it is one of",
		"ds_interval=1h&ds_function=mean(x)":      "it is one of",
		"ds_interval=1h&ds_function=max&ds_fucntion=min": "something else",
		"ds_function=max":      "ds_function: it needs a ds_interval",
		"ds_fucntion=median()": "ds_fucntion: it needs a ds_interval",
	} {
		_, err := ask(t, text, Defaults{})
		wantBad(t, err, words)
	}
}

func TestBucketsAreCountedFromTheEpoch(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for _, c := range []struct{ after, before, every, want int64 }{
		{0, 60, 60, 1}, {0, 61, 60, 2}, {59, 61, 60, 2}, {60, 120, 60, 1}, {-1, 1, 60, 2}, {-120, -60, 60, 1},
	} {
		if got := buckets(at(c.after), at(c.before), time.Duration(c.every)*time.Second); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
	mustAsk(t, "start=1451606400000&end=1451706400000&ds_interval=1s") // exactly the most
}

func TestDefaultsOfAProductTypeStandIn(t *testing.T) {
	d := Defaults{Measurement: "analysis", Fields: []string{"lvd", "gap_end"}, Start: "30d"}
	if err := CheckDefaults(d); err != nil {
		t.Fatal(err)
	}
	q, err := ask(t, "", d)
	if err != nil || q.Measurement != "analysis" || !slices.Equal(q.Fields, d.Fields) || !q.Named || stamp(q.After) != "2015-12-04T12:00:00Z" {
		t.Errorf("%+v, %v", q, err)
	}
	q, err = ask(t, "fields=*&start=2016-01-01", d)
	if err != nil || q.Fields != nil || q.Named || stamp(q.After) != "2016-01-01T00:00:00Z" {
		t.Errorf("%+v, %v", q, err)
	}
	q, err = ask(t, "measurement=telemetry", d)
	if err != nil || q.Fields != nil || q.Named {
		t.Errorf("fields of another measurement: %+v, %v", q, err)
	}
	for _, wrong := range []Defaults{{Start: "x"}, {Start: "99999999w"}, {Fields: []string{"clientId"}}, {Fields: []string{""}}, {Measurement: "a\n"}, {Start: "400w7"}} {
		wantBad(t, CheckDefaults(wrong))
	}
}

func FuzzTags(f *testing.F) {
	for _, seed := range []string{`{"product_imei":111010101010101010}`, `{"a":"b","c":1e5}`, `{"a":{"b":1}}`, `{}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseQuery(url.Values{"tags": {text}, "fields": {text}}, Defaults{}, testNow)
		if err != nil {
			wantBad(t, err)
		}
		q, err = ParseQuery(url.Values{"tags": {text}}, Defaults{}, testNow)
		if err != nil {
			wantBad(t, err)
			return
		}
		for _, tag := range q.Tags {
			if tag.Key == "" || tag.Value == "" || tag.Key == telemetry.ClientTag || tag.Key == imeiTag {
				t.Errorf("%q: %v", text, q.Tags)
			}
		}
	})
}

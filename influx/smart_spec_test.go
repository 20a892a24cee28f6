package influx_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
	"iotcenter/telemetry/smart"
)

// Rules of the SMART dialect that only a real database can tell, over the data set of the seed.

// Every fourth hour has a row, which is every second bucket: those between are null rows for every function, count too.
func TestAnEmptyBucketIsANullRowForEveryFunction(t *testing.T) {
	d := openSeed(t)
	for _, fn := range telemetry.Functions() {
		q := url.Values{"start": {"2016-01-01T01:00:00Z"}, "end": {"2016-01-01T18:00:00Z"}, "fields": {"current"}, "ds_interval": {"2h"}, "ds_function": {string(fn)}}
		data := d.reads(seedProduct, q)
		if fn == telemetry.FnStddev { // of one value there is none: the field has no value at all
			d.is("stddev", data, `{`+seedHead+`,"current":[]}`)
			continue
		}
		values, times := d.column(data, "current")
		if len(values) != 9 || len(data) != 3 { // measurement, tags, and the field by its own name
			t.Fatalf("%s: %d members, %s", fn, len(data), data["current"])
		}
		for i, at := range times {
			if !at.Equal(seedTime(0).Add(time.Duration(i) * 2 * time.Hour)) {
				t.Errorf("%s: bucket %d lies at %v", fn, i, at)
			}
			if fn == telemetry.FnIntegral && (i == 2 || i == 8) {
				continue // at the first point nothing is integrated yet, and at the last one nothing any more
			}
			// The first bucket is empty as well: its row lies before start.
			if has := i > 0 && i%2 == 0; (values[i] != nil) != has {
				t.Errorf("%s at %v: %s", fn, at, show(values[i]))
			}
		}
	}
}

// A number takes the type that its field has in the database where nothing is lost by it, else it is refused by its name.
func TestANumberTakesTheTypeOfItsFieldInTheDatabase(t *testing.T) {
	d := openSeed(t)
	at := seedTime(0).UnixNano()
	d.Write(fmt.Sprintf(`m,clientId=%s whole=1i,real=1,word="a",yes=true %d`, seedProduct, at))
	body := func(field, value string) string {
		return fmt.Sprintf(`{"measurement":"m","fields":{%q:[["2016-01-02",%s]]}}`, field, value)
	}
	for _, c := range [][2]string{{"whole", "12"}, {"whole", "12.0"}, {"real", "12"}, {"real", "12.5"}, {"word", `"12"`}, {"yes", "false"}, {"new", "12"}} {
		d.writes(seedProduct, body(c[0], c[1]), 1)
		if data := d.reads(seedProduct, url.Values{"measurement": {"m"}, "fields": {c[0]}, "start": {"2016-01-01T12:00:00Z"}}); string(data[c[0]]) != `[[`+strings.TrimSuffix(c[1], ".0")+`,"2016-01-02T00:00:00Z"]]` {
			t.Errorf("%s = %s is read as %s", c[0], c[1], data[c[0]])
		}
	}
	kinds, err := d.DB.FieldKinds(t.Context(), "m")
	if err != nil || fmt.Sprint(kinds["whole"], kinds["real"], kinds["new"]) != "[integer] [float] [float]" {
		t.Errorf("%v, %v", kinds, err)
	}
	for _, c := range [][2]string{{"whole", "12.5"}, {"whole", "true"}, {"real", `"12"`}, {"word", "12"}, {"yes", "1"}} {
		b, err := smart.ParseBatch(strings.NewReader(body(c[0], c[1])))
		if err != nil {
			t.Fatal(err)
		}
		var bad *smart.BadRequestError
		if _, err := d.smart.Write(t.Context(), seedProduct, b); !errors.As(err, &bad) || bad.Where != "fields."+c[0]+"[0]" {
			t.Errorf("%s = %s: %v", c[0], c[1], err)
		}
	}
}

// One bad pair rejects the batch: nothing of it is in the database.
func TestABatchWithOneBadPairLeavesNothingBehind(t *testing.T) {
	d := openSeed(t)
	b, err := smart.ParseBatch(strings.NewReader(`{"measurement":"telemetry","fields":{"voltage":[["2016-01-04",1],["2016-01-04T01:00:00",2]],"pulse_count":[["2016-01-04",1],["2016-01-04T01:00:00",1.5]]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.smart.Write(t.Context(), seedProduct, b); err == nil || !strings.HasPrefix(err.Error(), "fields.pulse_count[1]: ") {
		t.Errorf("%v", err)
	}
	d.is("after it", d.reads(seedProduct, url.Values{"start": {"2016-01-03"}}), `{`+seedHead+`}`)
}

// A custom query sees the data bucket and no other, and gives the tags as they are, clientId too.
func TestCustomQuerySeesTheDataBucketAlone(t *testing.T) {
	d := openSeed(t)
	for text, want := range map[string]string{
		"SHOW MEASUREMENTS": `{"results":[{"statement_id":0,"series":[{"name":"measurements","columns":["name"],"values":[["telemetry"]]}]}]}`,
		"SELECT * FROM telemetry WHERE time > '2016-01-02 23:00:00'": `{"results":[{"statement_id":0,"series":[{"name":"telemetry","columns":["time","clientId","current","product_imei","temperature","voltage"],` +
			`"values":[["2016-01-03T00:00:00Z","000000000000000",2.91,"000000000000000",21.91,12.91]]}]}]}`,
	} {
		statement, err := smart.ParseStatement(text)
		if err != nil {
			t.Fatal(err)
		}
		raw, cut, err := d.DB.Statement(t.Context(), statement, 100, 10*time.Second)
		if err != nil || cut || !json.Valid(raw) || string(raw) != want {
			t.Errorf("%s: %v, %v\n%s\nwant\n%s", text, cut, err, raw, want)
		}
	}
}

// A statement that takes longer than it may is given up, and its program can try another one.
func TestCustomQueryHasATimeLimit(t *testing.T) {
	d := openSeed(t)
	if _, _, err := d.DB.Statement(t.Context(), "SELECT * FROM telemetry", 100, time.Nanosecond); !errors.Is(err, telemetry.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if _, _, err := d.DB.Statement(t.Context(), "SELECT * FROM telemetry", 100, 10*time.Second); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

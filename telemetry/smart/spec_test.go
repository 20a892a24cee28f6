package smart

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
)

// Tag keys and values are [A-Za-z0-9_-]+, each character of them and nothing else.
func TestTagsAreLettersDigitsUnderscoreAndHyphen(t *testing.T) {
	for c := range rune(0x180) {
		allowed := strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", c)
		escaped := fmt.Sprintf(`\u%04x`, c)
		for place, tags := range map[string]string{
			"key": `"` + escaped + `":"v"`, "key between": `"a` + escaped + `b":"v"`,
			"value": `"k":"` + escaped + `"`, "value between": `"k":"a` + escaped + `b"`,
			"product_imei": `"product_imei":"` + escaped + `"`,
		} {
			_, err := ParseBatch(strings.NewReader(`{"measurement":"m","tags":{` + tags + `},"fields":{"a field":[[1472688000000,1]]}}`))
			if allowed && err != nil {
				t.Errorf("%q as %s: %v", c, place, err)
			} else if !allowed {
				wantBad(t, err, "tags.")
			}
		}
	}
}

// Each field of the catalogue takes its type and is refused with a wrong one, in words that name the expected type.
func TestEveryCataloguedFieldIsRefusedWithAWrongType(t *testing.T) {
	for _, measurement := range []string{telemetry.Telemetry, telemetry.Analysis} {
		for _, f := range telemetry.Schema(measurement) {
			right, wrong := "1.5", []string{`"1.5"`, "true"}
			if f.Kind == telemetry.KindInteger {
				right, wrong = "15", append(wrong, "1.5")
			}
			if _, err := write(t, &fakeDatabase{}, measurement, f.Name, right); err != nil {
				t.Errorf("%s.%s: %v", measurement, f.Name, err)
			}
			for _, value := range wrong {
				db := &fakeDatabase{}
				_, err := write(t, db, measurement, f.Name, value)
				wantBad(t, err, "fields."+f.Name+"[0]", string(f.Kind))
				if len(db.lines) != 0 {
					t.Errorf("%s.%s: %s was written", measurement, f.Name, value)
				}
			}
		}
	}
}

// 100,000 buckets are answered, and one more is 400.
func TestMoreThanAHundredThousandBucketsAreRefused(t *testing.T) {
	start := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, every := range []string{"1s", "10ms", "1h"} {
		width, _ := interval(every)
		end := start.Add(100_000 * width)
		query := fmt.Sprintf("start=%s&ds_interval=%s&end=", start.Format("2006-01-02T15:04:05.000Z"), every)
		mustAsk(t, query+end.Format("2006-01-02T15:04:05.000Z"))
		_, err := ask(t, query+end.Add(time.Millisecond).Format("2006-01-02T15:04:05.000Z"), Defaults{})
		wantBad(t, err, "ds_interval: from start to end there are 100001 intervals")
	}
}

// A condition on time is refused wherever it stands in where: start and end say it.
func TestTimeAnywhereInWhereIsRefused(t *testing.T) {
	for _, name := range []string{"time", "Time", "TIME", `"time"`, "'time'"} {
		for _, where := range []string{"%s > 0", "voltage > 14 AND %s > 0", "(voltage > 14 OR (current < 1 AND %s < 0)) AND a = 1", "voltage > 14 OR %s != 'x'"} {
			_, err := ParseWhere(fmt.Sprintf(where, name))
			wantBad(t, err, "where: ", "start and end say it")
		}
	}
}

// The answer has measurement and tags first and then a field after the other, each pair with its value first.
func TestValueComesFirstWhenReadingAndTimeFirstWhenWriting(t *testing.T) {
	b := mustParse(t, `{"measurement":"m","fields":{"a":[[1451606400000,14]]}}`)
	if p := b.Fields[0].Pairs[0]; p.At != 1451606400000000000 || p.Value.Integer != 14 {
		t.Errorf("%+v", p)
	}
	got := read(t, rowsOf([]string{"a"}, []string{"14"}), "fields=a")
	if want := seedHead + `,"a":[[14,"1970-01-01T00:00:00Z"]]}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// One bad pair among good ones leaves nothing written, whatever the pair is bad for and wherever it stands.
func TestOneBadPairLeavesNothingWritten(t *testing.T) {
	for name, bad := range map[string]string{
		"another type than the database has": `[1472688000002,"x"]`, "a time in the future": `["2016-10-08",1]`,
	} {
		for at := range 3 {
			pairs := []string{"[1472688000000,1]", "[1472688000001,1]"}
			pairs = append(pairs[:min(at, 2)], append([]string{bad}, pairs[min(at, 2):]...)...)
			f := &fakeDatabase{kinds: kindsOf{"b": {telemetry.KindFloat}}}
			s, _ := newTestStore(t, f, later)
			b, err := ParseBatch(strings.NewReader(`{"measurement":"m","fields":{"a":[[1472688000000,1]],"b":[` + strings.Join(pairs, ",") + `]}}`))
			if err == nil {
				_, err = s.Write(context.Background(), "", b)
			}
			wantBad(t, err, "fields.b[")
			if len(f.lines) != 0 {
				t.Errorf("%s at %d: %q", name, at, f.lines)
			}
		}
	}
}

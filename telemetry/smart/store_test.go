package smart

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
)

type kindsOf = map[string][]telemetry.FieldKind

// later is a clock after the times of the original's examples.
func later() time.Time { return time.Date(2016, 10, 6, 0, 0, 0, 0, time.UTC) }

// write writes a batch of one field a with some values.
func write(t *testing.T, f *fakeDatabase, measurement, field, values string) (string, error) {
	t.Helper()
	s, _ := newTestStore(t, f, later)
	var pairs []string
	for i, v := range strings.Fields(values) {
		pairs = append(pairs, fmt.Sprintf("[%d,%s]", 1472688000000+i, v))
	}
	b := mustParse(t, fmt.Sprintf(`{"measurement":%q,"fields":{%q:[%s]}}`, measurement, field, strings.Join(pairs, ",")))
	before := len(f.lines)
	n, err := s.Write(context.Background(), "", b)
	if err != nil {
		if len(f.lines) > before && len(f.refuse) == 0 && errors.As(err, new(*BadRequestError)) {
			t.Errorf("%s was written: %v", f.lines, err)
		}
		return "", err
	}
	if n != len(pairs) {
		t.Errorf("%d data points, want %d", n, len(pairs))
	}
	return f.lines[len(f.lines)-1], nil
}

func TestTypeOfAField(t *testing.T) {
	for name, c := range map[string]struct {
		kinds                      kindsOf
		measurement, field, values string
		want                       string // of the first value as it is written, or of the error
	}{
		"numbers are floats":                     {nil, "m", "a", "1 2.5", "a=1 "},
		"booleans":                               {nil, "m", "a", "true", "a=true "},
		"texts":                                  {nil, "m", "a", `"x\"y\\"`, `a="x\"y\\" `},
		"schema says integer":                    {nil, "telemetry", "pulse_count", "12", "pulse_count=12i "},
		"schema says integer, written 12.0":      {nil, "telemetry", "pulse_count", "12.0", "pulse_count=12i "},
		"schema says integer, fraction":          {nil, "telemetry", "pulse_count", "12 12.5", "fields.pulse_count[1]: the field is an integer by the schema, and expects whole numbers"},
		"schema says integer, text":              {nil, "telemetry", "pulse_count", `"x"`, "fields.pulse_count[0]: the field is an integer by the schema, and this value is a text"},
		"schema says float":                      {kindsOf{"current": {"integer"}}, "telemetry", "current", "12", "current=12 "},
		"schema says float, boolean":             {nil, "telemetry", "current", "true", "the field is a float by the schema, and this value is a boolean"},
		"schema is of its measurement":           {nil, "m", "pulse_count", "12", "pulse_count=12 "},
		"existing float":                         {kindsOf{"a": {"float"}}, "m", "a", "12", "a=12 "},
		"existing float and integer":             {kindsOf{"a": {"float", "integer"}}, "m", "a", "12", "a=12 "},
		"existing integer":                       {kindsOf{"a": {"integer"}}, "m", "a", "12", "a=12i "},
		"existing integer, fraction":             {kindsOf{"a": {"integer"}}, "m", "a", "1 2 12.5", "fields.a[2]: the field is an integer in the database, and expects whole numbers"},
		"existing integer, beyond it":            {kindsOf{"a": {"integer"}}, "m", "a", "1e19", "expects whole numbers"},
		"existing integer keeps each digit":      {kindsOf{"a": {"integer"}}, "m", "a", "9007199254740993", "a=9007199254740993i "},
		"existing unsigned":                      {kindsOf{"a": {"unsigned"}}, "m", "a", "12", "a=12u "},
		"existing unsigned, negative":            {kindsOf{"a": {"unsigned"}}, "m", "a", "-1", "no negative number"},
		"existing string, number":                {kindsOf{"a": {"string"}}, "m", "a", "12", "fields.a[0]: the field is a string in the database, and this value is a number"},
		"existing boolean, number":               {kindsOf{"a": {"boolean"}}, "m", "a", "12", "a boolean in the database"},
		"existing float, text":                   {kindsOf{"a": {"float"}}, "m", "a", `"x"`, "the field is a float in the database, and this value is a text"},
		"existing float, boolean":                {kindsOf{"a": {"float"}}, "m", "a", `true`, "the field is a float in the database"},
		"existing string, text":                  {kindsOf{"a": {"float", "string"}}, "m", "a", `"x"`, `a="x" `},
		"float keeps 2^53":                       {nil, "m", "a", "9007199254740992", "a=9007199254740992 "},
		"float would lose a digit":               {nil, "m", "a", "1 9007199254740993", "fields.a[1]: the number 9007199254740993 has more digits than a float keeps"},
		"existing float would lose a digit":      {kindsOf{"a": {"float"}}, "m", "a", "9223372036854775807", "more digits than a float keeps"},
		"float or integer, too long for a float": {kindsOf{"a": {"float", "integer"}}, "m", "a", "9007199254740993", "a=9007199254740993i "},
	} {
		t.Run(name, func(t *testing.T) {
			line, err := write(t, &fakeDatabase{kinds: c.kinds}, c.measurement, c.field, c.values)
			if err != nil {
				wantBad(t, err, c.want)
			} else if !strings.HasPrefix(line, c.measurement+" "+c.want) {
				t.Errorf("wrote %q, want %q", line, c.want)
			}
		})
	}
}

func TestProductRouteAddsTheTagAndWritesForTheDevice(t *testing.T) {
	f := &fakeDatabase{}
	s, _ := newTestStore(t, f, later)
	n, err := s.Write(context.Background(), "000000000000000", mustParse(t, seedBatch))
	if err != nil || n != 9 {
		t.Fatal(n, err)
	}
	want := "telemetry,clientId=000000000000000,product_imei=000000000000000,some_tag=tag_value current=1,voltage=10,temperature=0.1 1472688000000000000\n"
	if !strings.HasPrefix(f.lines[0], want) || strings.Count(f.lines[0], "\n") != 3 || f.tokens[0] != "token of 000000000000000" {
		t.Errorf("%s with %s, want %s", f.lines[0], f.tokens[0], want)
	}
	if f.asked != 0 {
		t.Errorf("the schema knows all fields, and the database was asked %d times", f.asked)
	}
}

func TestAnotherProductImeiInTheBodyIsRefused(t *testing.T) {
	f := &fakeDatabase{}
	s, _ := newTestStore(t, f, later)
	b := mustParse(t, `{"measurement":"m","tags":{"product_imei":"1"},"fields":{"a":[[1472688000000,1]]}}`)
	_, err := s.Write(context.Background(), "2", b)
	wantBad(t, err, "tags.product_imei: it names 1, and the address names 2")
	_, err = s.Write(context.Background(), "a.b", b)
	wantBad(t, err, "no product")
	if len(f.lines) != 0 {
		t.Error(f.lines)
	}
}

func TestGeneralRouteAddsNothing(t *testing.T) {
	f := &fakeDatabase{}
	s, _ := newTestStore(t, f, later)
	b := mustParse(t, `{"measurement":"analysis","fields":{"curve-data":[["2016-01-01T00:01:20",1],["2016-01-01T00:01:21",2],
		["2016-01-01T00:01:22",3],["2016-01-01T00:01:23",4]]},"tags":{"analysis-type":"state-of-health","product_imei":"000000000000000"}}`)
	n, err := s.Write(context.Background(), "", b)
	want := "analysis,analysis-type=state-of-health,product_imei=000000000000000 curve-data=1 1451606480000000000\n"
	if err != nil || n != 4 || !strings.HasPrefix(f.lines[0], want) || f.tokens[0] != "own" {
		t.Errorf("%d, %v, %s, want %s", n, err, f.lines, want)
	}
}

func TestTimeInTheFutureIsRefusedByItsPair(t *testing.T) {
	s, _ := newTestStore(t, &fakeDatabase{}, later)
	b := mustParse(t, `{"measurement":"m","fields":{"a":[["2016-10-06",1],["2016-10-07T00:00:01",1]]}}`)
	_, err := s.Write(context.Background(), "", b)
	wantBad(t, err, "fields.a[1]: the time is more than a day in the future")
}

func TestKindsAreReadAgainOnceWhenTheDatabaseRefuses(t *testing.T) {
	refusal := &telemetry.WriteError{Status: 422, Message: `input field "a" is type float, already exists as type integer`, Kind: telemetry.ErrRejected}
	f := &fakeDatabase{refuse: []error{refusal}}
	f.onKinds = func() { f.kinds = kindsOf{"a": {"integer"}} }
	line, err := write(t, f, "m", "a", "12")
	if err != nil || !strings.HasPrefix(line, "m a=12i ") || f.asked != 2 {
		t.Errorf("%q, %v, asked %d times", line, err, f.asked)
	}
	f = &fakeDatabase{refuse: []error{refusal, refusal}}
	if _, err := write(t, f, "m", "a", "12"); !errors.Is(err, telemetry.ErrRejected) || !strings.Contains(err.Error(), `"a"`) || f.asked != 2 {
		t.Errorf("%v, asked %d times", err, f.asked)
	}
	f = &fakeDatabase{kinds: kindsOf{"a": {"float", "integer"}}, refuse: []error{refusal}}
	if line, err := write(t, f, "m", "a", "12"); err != nil || !strings.HasPrefix(line, "m a=12i ") {
		t.Errorf("of two types the other: %q, %v", line, err)
	}
	f = &fakeDatabase{refuse: []error{telemetry.ErrUnavailable}}
	if _, err := write(t, f, "m", "a", "12"); !errors.Is(err, telemetry.ErrUnavailable) || f.asked != 1 {
		t.Errorf("%v, asked %d times", err, f.asked)
	}
}

func TestKindsAreRememberedForAMinute(t *testing.T) {
	f := &fakeDatabase{kinds: kindsOf{"a": {"integer"}}}
	now := later()
	s, _ := newTestStore(t, f, func() time.Time { return now })
	put := func(v string) error {
		_, err := s.Write(context.Background(), "", mustParse(t, `{"measurement":"m","fields":{"a":[[1472688000000,`+v+`]]}}`))
		return err
	}
	for range 3 {
		if err := put("1"); err != nil {
			t.Fatal(err)
		}
	}
	if now = now.Add(59 * time.Second); put("1") != nil || f.asked != 1 {
		t.Errorf("asked %d times within a minute", f.asked)
	}
	f.kinds = kindsOf{"a": {"float"}}
	if err := put("1.5"); err != nil || f.asked != 2 {
		t.Errorf("refused by an old memory: %v, asked %d times", err, f.asked)
	}
	if now = now.Add(time.Minute); put("1") != nil || f.asked != 3 {
		t.Errorf("asked %d times after a minute", f.asked)
	}
}

func TestMemoryOfKindsIsBounded(t *testing.T) {
	var c kindCache
	f := &fakeDatabase{kinds: kindsOf{}}
	for i := range 1000 {
		f.kinds[fmt.Sprint(i)] = []telemetry.FieldKind{"float"}
	}
	for i := range 1000 {
		if _, err := c.get(context.Background(), f, fmt.Sprint("m", i), testNow.Add(time.Duration(i)*time.Second), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.known) > maxMeasurements || c.fields > maxKnownFields || c.fields != 1000*len(c.known) || len(c.known) == 0 {
		t.Errorf("%d measurements with %d fields", len(c.known), c.fields)
	}
	if _, kept := c.known["m999"]; !kept {
		t.Error("the newest one was forgotten")
	}
}

// The database would drop the older pair, store the other, and say that it refused.
func TestTimeThatTheBucketNoLongerKeepsIsRefusedByItsPair(t *testing.T) {
	f := &fakeDatabase{}
	s, _ := newTestStore(t, f, later)
	kept := 7 * 24 * time.Hour
	s.options.Retention = func() time.Duration { return kept }
	at := func(age time.Duration) string { return later().Add(-age).Format(time.RFC3339Nano) }
	body := func(old time.Duration) *Batch {
		return mustParse(t, `{"measurement":"m","fields":{"a":[["`+at(time.Hour)+`",1],["`+at(old)+`",1]]}}`)
	}
	_, err := s.Write(context.Background(), "", body(kept))
	wantBad(t, err, "fields.a[1]: the time is longer ago than the data bucket keeps points")
	if len(f.lines) != 0 {
		t.Error(f.lines)
	}
	if n, err := s.Write(context.Background(), "", body(kept-2*agesWhileWritten)); err != nil || n != 2 {
		t.Errorf("%d, %v", n, err)
	}
	kept = 0
	if n, err := s.Write(context.Background(), "", body(1000*24*time.Hour)); err != nil || n != 2 {
		t.Errorf("for ever: %d, %v", n, err)
	}
}

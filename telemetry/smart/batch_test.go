package smart

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"iotcenter/telemetry"
)

func body(fields string) string { return `{"measurement":"m","fields":` + fields + `}` }

// seedBatch is the original's example of a write, its quotes mended.
const seedBatch = `{"measurement":"telemetry","tags":{"some_tag":"tag_value"},"fields":{
	"current":[[1472688000000,1.0],[1472774400000,2.0],[1472860800000,3.0]],
	"voltage":[["2016-09-01T00:00:00Z",10.0],["2016-09-02 00:00:00",20.0],["2016-09-03",30.0]],
	"temperature":[["Thu, September 1st 2016",0.1],["Fri, September 2nd 2016",0.2],["Sat, September 3rd 2016",0.3]]}}`

func TestSeedExampleOfAWriteHasNineDataPoints(t *testing.T) {
	b := mustParse(t, seedBatch)
	if b.Pairs() != 9 || b.Measurement != "telemetry" || len(b.Tags) != 1 || b.Tags[0] != (telemetry.Tag{Key: "some_tag", Value: "tag_value"}) {
		t.Errorf("%+v", b)
	}
	for _, f := range b.Fields {
		for i, p := range f.Pairs {
			if want := int64(1472688000+86400*i) * 1e9; p.At != want {
				t.Errorf("%s[%d] is at %d, want %d", f.Name, i, p.At, want)
			}
		}
	}
}

func TestBodyThatIsRefused(t *testing.T) {
	long := strings.Repeat("a", MaxName+1)
	for name, c := range map[string]struct{ body, words string }{
		"nothing":                   {``, "no JSON"},
		"an array":                  {`[]`, "JSON object"},
		"null":                      {`null`, "JSON object"},
		"cut off":                   {`{"measurement":"m","fields":{"a":[[1472688000000,1],`, "ends in the middle"},
		"more after it":             {body(`{"a":[[1472688000000,1]]}`) + `{}`, "more after the end"},
		"rubbish after it":          {body(`{"a":[[1472688000000,1]]}`) + `x`, "no valid JSON"},
		"unknown key":               {`{"measurment":"m"}`, "measurment: a batch has"},
		"duplicate key":             {`{"measurement":"m","measurement":"n"}`, "measurement: the name occurs twice"},
		"duplicate field":           {body(`{"a":[],"a":[]}`), "fields.a: the name occurs twice"},
		"duplicate tag":             {`{"tags":{"a":"b","a":"c"}}`, "tags.a: the name occurs twice"},
		"duplicate by escape":       {body(`{"a":[],"\u0061":[]}`), "occurs twice"},
		"no measurement":            {`{"fields":{"a":[[1472688000000,1]]}}`, "measurement: it is missing"},
		"measurement number":        {`{"measurement":1}`, "measurement: it is a text"},
		"measurement empty":         {`{"measurement":""}`, "measurement: a name cannot be empty"},
		"measurement long":          {`{"measurement":"` + long + `"}`, "at most 256"},
		"measurement control":       {`{"measurement":"a\nb"}`, "control characters"},
		"measurement comment":       {`{"measurement":"#a"}`, "start with #"},
		"measurement backslash":     {`{"measurement":"a\\"}`, "backslash"},
		"measurement helium":        {`{"measurement":"helium"}`, "rows have a shape of their own"},
		"no fields":                 {`{"measurement":"m"}`, "fields: it is missing"},
		"empty fields":              {body(`{}`), "no data point"},
		"fields without pairs":      {body(`{"a":[]}`), "no data point"},
		"fields array":              {body(`[]`), "fields: it is a JSON object"},
		"field not a list":          {body(`{"a":1}`), "fields.a: it is a list"},
		"field empty name":          {body(`{"":[]}`), "a name cannot be empty"},
		"field long name":           {body(`{"` + long + `":[]}`), "at most 256"},
		"field control":             {body(`{"a\u0000":[]}`), "control characters"},
		"field backslash comma":     {body(`{"a\\,b":[]}`), "backslash"},
		"field clientId":            {body(`{"clientId":[]}`), "app's own"},
		"field product_imei":        {body(`{"product_imei":[]}`), "tag"},
		"field time":                {body(`{"time":[]}`), "reserved"},
		"field measurement":         {body(`{"measurement":[]}`), "member of this name"},
		"field tags":                {body(`{"tags":[]}`), "member of this name"},
		"field as tag":              {`{"fields":{"a":[[1472688000000,1]]},"tags":{"a":"b"},"measurement":"m"}`, "same name"},
		"tags array":                {`{"tags":[]}`, "tags: it is a JSON object"},
		"tag space":                 {`{"tags":{"a b":"c"}}`, "letters, digits"},
		"tag value comma":           {`{"tags":{"a":"b,c"}}`, "letters, digits"},
		"tag value empty":           {`{"tags":{"a":""}}`, "letters, digits"},
		"tag value newline":         {`{"tags":{"a":"b\nc"}}`, "letters, digits"},
		"tag value long":            {`{"tags":{"a":"` + long + `"}}`, "at most 256"},
		"tag value null":            {`{"tags":{"a":null}}`, "text or a whole number"},
		"tag value fraction":        {`{"tags":{"a":1.5}}`, "letters, digits"},
		"tag value exponent":        {`{"tags":{"a":1e5}}`, "exponent"},
		"tag value object":          {`{"tags":{"a":{}}}`, "text or a whole number"},
		"tag clientId":              {`{"tags":{"clientId":"x"}}`, "app's own"},
		"tag time":                  {`{"tags":{"time":"x"}}`, "reserved"},
		"imei number":               {`{"tags":{"product_imei":13777894567}}`, "leading zeros"},
		"imei long":                 {`{"tags":{"product_imei":"0000000000000000"}}`, "at most 15"},
		"pair of one":               {body(`{"a":[[1472688000000]]}`), "fields.a[0]: a data point is [time, value], and there is no value"},
		"pair of none":              {body(`{"a":[[]]}`), "fields.a[0]"},
		"pair of three":             {body(`{"a":[[1472688000000,1,2]]}`), "and there is more"},
		"pair an object":            {body(`{"a":[{}]}`), "fields.a[0]: a data point is"},
		"pair a number":             {body(`{"a":[[1472688000000,1],5]}`), "fields.a[1]: a data point is"},
		"time seconds":              {body(`{"a":[[1472688000000,1],[1472688000,1]]}`), "fields.a[1]: as milliseconds"},
		"time fraction":             {body(`{"a":[[1472688000000.5,1]]}`), "without fraction"},
		"time null":                 {body(`{"a":[[null,1]]}`), "time of a data point"},
		"time list":                 {body(`{"a":[[[1,2,"]"],1]]}`), "time of a data point"},
		"time digits in quotes":     {body(`{"a":[["1472688000000",1]]}`), "write it as a number"},
		"value null":                {body(`{"a":[[1472688000000,null]]}`), "null"},
		"value list":                {body(`{"a":[[1472688000000,[1]]]}`), "a number, a boolean or a text"},
		"value object":              {body(`{"a":[[1472688000000,{"b":"}]"}]]}`), "a number, a boolean or a text"},
		"value NaN":                 {body(`{"a":[[1472688000000,NaN]]}`), "no valid JSON"},
		"value Infinity":            {body(`{"a":[[1472688000000,Infinity]]}`), "no valid JSON"},
		"value -Infinity":           {body(`{"a":[[1472688000000,-Infinity]]}`), "no valid JSON"},
		"value 1e400":               {body(`{"a":[[1472688000000,1e400]]}`), "too large"},
		"value of 30 digits":        {body(`{"a":[[1472688000000,123456789012345678901234567890]]}`), "more digits"},
		"value leading zero":        {body(`{"a":[[1472688000000,01]]}`), "no valid JSON"},
		"value long text":           {body(`{"a":[[1472688000000,"` + strings.Repeat("x", MaxText+1) + `"]]}`), "at most 65536"},
		"value of 10 MB":            {body(`{"a":[[1472688000000,"` + strings.Repeat("x", 10<<20) + `"]]}`), "at most 65536"},
		"value lone surrogate":      {body(`{"a":[[1472688000000,"\ud800"]]}`), "surrogate"},
		"value no UTF-8":            {body("{\"a\":[[1472688000000,\"\xff\"]]}"), "UTF-8"},
		"two kinds in a field":      {body(`{"a":[[1472688000000,1],[1472688000001,"x"]]}`), "fields.a[1]: the value is a text"},
		"10,000 brackets":           {body(`{"a":[` + strings.Repeat("[", 10_000)), "fields.a"},
		"100,000 brackets as value": {body(`{"a":[[1472688000000,` + strings.Repeat("[", 100_000)), "fields.a"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseBatch(strings.NewReader(c.body))
			wantBad(t, err, c.words)
		})
	}
}

func TestBatchHasItsBounds(t *testing.T) {
	many := func(n int, one func(i int) string) string {
		all := make([]string, n)
		for i := range all {
			all[i] = one(i)
		}
		return strings.Join(all, ",")
	}
	field := func(i int) string { return fmt.Sprintf(`"f%d":[[1472688000000,1]]`, i) }
	tag := func(i int) string { return fmt.Sprintf(`"t%d":"x"`, i) }
	pair := func(int) string { return `[1472688000000,1]` }
	if n := mustParse(t, body(`{`+many(MaxFields, field)+`}`)).Pairs(); n != MaxFields {
		t.Errorf("%d pairs", n)
	}
	_, err := ParseBatch(strings.NewReader(body(`{` + many(MaxFields+1, field) + `}`)))
	wantBad(t, err, "at most 500 fields")
	_, err = ParseBatch(strings.NewReader(`{"tags":{` + many(MaxTags+1, tag) + `}}`))
	wantBad(t, err, "at most 32 tags")
	_, err = ParseBatch(strings.NewReader(body(`{"a":[` + many(MaxPairs+1, pair) + `]}`)))
	wantBad(t, err, "at most 500000 data points")
}

func TestTagDigitsAndLeadingZerosAreKept(t *testing.T) {
	b := mustParse(t, `{"measurement":"m","fields":{"a":[[1472688000000,1]]},"tags":{"z":18446744073709551616,"product_imei":"013777894567","a-b_9":"-x_"}}`)
	if b.IMEI != "013777894567" {
		t.Errorf("IMEI %q", b.IMEI)
	}
	if want := []telemetry.Tag{{Key: "a-b_9", Value: "-x_"}, {Key: "z", Value: "18446744073709551616"}}; fmt.Sprint(b.Tags) != fmt.Sprint(want) {
		t.Errorf("tags %v, want %v", b.Tags, want)
	}
}

func TestValuesAreNumbersBooleansAndTexts(t *testing.T) {
	for text, want := range map[string]Value{
		`1`:                    {Kind: telemetry.KindFloat, Number: 1, Integer: 1, Whole: true},
		`10.0`:                 {Kind: telemetry.KindFloat, Number: 10, Integer: 10, Whole: true},
		`1e3`:                  {Kind: telemetry.KindFloat, Number: 1000, Integer: 1000, Whole: true},
		`0.1`:                  {Kind: telemetry.KindFloat, Number: 0.1},
		`9007199254740993`:     {Kind: telemetry.KindFloat, Number: 9007199254740992, Integer: 9007199254740993, Whole: true},
		`-9223372036854775808`: {Kind: telemetry.KindFloat, Number: -9223372036854775808, Integer: -9223372036854775808, Whole: true},
		`9223372036854775808`:  {Kind: telemetry.KindFloat, Number: 9223372036854775808},
		`1e300`:                {Kind: telemetry.KindFloat, Number: 1e300},
		`1e-400`:               {Kind: telemetry.KindFloat, Whole: true},
		`true`:                 {Kind: telemetry.KindBoolean, Bool: true},
		`false`:                {Kind: telemetry.KindBoolean},
		`"a\n\"\u00e9"`:        {Kind: telemetry.KindString, Text: "a\n\"é"},
		`""`:                   {Kind: telemetry.KindString},
	} {
		b := mustParse(t, body(`{"a":[[1472688000000 , `+text+" ]]}"))
		if got := b.Fields[0].Pairs[0].Value; got != want {
			t.Errorf("%s is %+v, want %+v", text, got, want)
		}
	}
}

func TestErrorOfTheReaderIsGivenBack(t *testing.T) {
	mine := errors.New("connection lost")
	for cut := 0; cut < len(seedBatch); cut += 7 {
		_, err := ParseBatch(iotest.OneByteReader(&failingAfter{strings.NewReader(seedBatch[:cut]), mine}))
		if !errors.Is(err, mine) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
}

type failingAfter struct {
	r   *strings.Reader
	err error
}

func (f *failingAfter) Read(p []byte) (int, error) {
	if f.r.Len() == 0 {
		return 0, f.err
	}
	return f.r.Read(p)
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte(seedBatch))
	f.Add([]byte(body(`{"a b":[[1472688000000,"x\\\"\n"],[1472688000000,"y"]],"c":[["2016-09-01",true]]}`)))
	f.Add([]byte(`{"measurement":"m","tags":{"product_imei":"0"},"fields":{"a":[[1472688000000,[{"]":1}]]]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := ParseBatch(bytes.NewReader(text))
		if err != nil {
			wantBad(t, err)
			return
		}
		kinds, err := decide(b, make([]telemetry.FieldKind, len(b.Fields)), nil, false)
		if err != nil {
			wantBad(t, err)
			return
		}
		lines, err := encode(b, b.IMEI, kinds)
		if err != nil {
			t.Fatal(err)
		}
		checkRoundTrip(t, b, kinds, lines)
	})
}

// manyPairs is a batch of three fields with the same times.
func manyPairs(pairs int) []byte {
	var out bytes.Buffer
	out.WriteString(`{"measurement":"telemetry","tags":{"some_tag":"tag_value"},"fields":{`)
	for i, name := range []string{"current", "voltage", "temperature"} {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:[", name)
		for j := range pairs / 3 {
			if j > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(&out, "[%d,%d.%d]", 1472688000000+j*1000, j%40, j%97)
		}
		out.WriteByte(']')
	}
	out.WriteString(`}}`)
	return out.Bytes()
}

func BenchmarkParseBatch(b *testing.B) {
	text := manyPairs(100_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseBatch(bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	batch, err := ParseBatch(bytes.NewReader(manyPairs(100_000)))
	if err != nil {
		b.Fatal(err)
	}
	kinds := []telemetry.FieldKind{telemetry.KindFloat, telemetry.KindFloat, telemetry.KindFloat}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(batch, "000000000000000", kinds); err != nil {
			b.Fatal(err)
		}
	}
}

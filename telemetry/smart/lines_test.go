package smart

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"pgregory.net/rapid"

	"iotcenter/telemetry"
)

// written is what a batch means: by time, by field.
func written(b *Batch, kinds []telemetry.FieldKind) map[int64]map[string]any {
	out := map[int64]map[string]any{}
	for i, f := range b.Fields {
		for _, p := range f.Pairs {
			if out[p.At] == nil {
				out[p.At] = map[string]any{}
			}
			var v any
			switch kinds[i] {
			case telemetry.KindFloat:
				v = p.Value.Number
			case telemetry.KindInteger:
				v = p.Value.Integer
			case telemetry.KindUnsigned:
				v = uint64(p.Value.Integer)
			case telemetry.KindBoolean:
				v = p.Value.Bool
			default:
				v = p.Value.Text
			}
			out[p.At][f.Name] = v // a later pair of the same time holds
		}
	}
	return out
}

// fatal is what testing.TB and rapid.T share here.
type fatal interface {
	Fatalf(format string, args ...any)
}

// checkRoundTrip reads lines with both parsers that databases have, after the fence, and compares with the batch.
func checkRoundTrip(t fatal, b *Batch, kinds []telemetry.FieldKind, lines []byte) {
	fenced, n, err := telemetry.Fence(lines, "")
	if err != nil {
		t.Fatalf("fence: %v\n%.500q", err, lines)
	}
	want := written(b, kinds)
	if n != len(want) {
		t.Fatalf("%d points, want %d", n, len(want))
	}
	check := func(parser, measurement string, at int64, name string, got any) {
		if measurement != b.Measurement {
			t.Fatalf("%s: measurement %q, want %q", parser, measurement, b.Measurement)
		}
		w, ok := want[at][name]
		if !ok {
			t.Fatalf("%s: there is no %q at %d", parser, name, at)
		}
		if f, ok := w.(float64); ok {
			if g, ok := got.(float64); !ok || math.Float64bits(f) != math.Float64bits(g) {
				t.Fatalf("%s: %q at %d is %v, want %v", parser, name, at, got, w)
			}
		} else if w != got {
			t.Fatalf("%s: %q at %d is %#v, want %#v", parser, name, at, got, w)
		}
	}
	points, fields := 0, 0
	d := lineprotocol.NewDecoderWithBytes(append([]byte(nil), fenced...))
	for d.Next() {
		points++
		m, err := d.Measurement()
		if err != nil {
			t.Fatalf("measurement: %v\n%.500q", err, fenced)
		}
		measurement := string(m)
		var tags []telemetry.Tag
		for {
			k, v, err := d.NextTag()
			if err != nil {
				t.Fatalf("tag: %v", err)
			}
			if k == nil {
				break
			}
			tags = append(tags, telemetry.Tag{Key: string(k), Value: string(v)})
		}
		wantTags := len(b.Tags)
		if b.IMEI != "" {
			wantTags++
		}
		if len(tags) != wantTags {
			t.Fatalf("tags %v, want %v", tags, b.Tags)
		}
		for i := 1; i < len(tags); i++ {
			if tags[i-1].Key >= tags[i].Key {
				t.Fatalf("tags are not sorted: %v", tags)
			}
		}
		values := map[string]any{}
		for {
			k, v, err := d.NextField()
			if err != nil {
				t.Fatalf("field: %v\n%.500q", err, fenced)
			}
			if k == nil {
				break
			}
			values[string(k)] = v.Interface()
			fields++
		}
		at, err := d.Time(lineprotocol.Nanosecond, time.Time{})
		if err != nil {
			t.Fatalf("time: %v", err)
		}
		for k, v := range values {
			check("lineprotocol", measurement, at.UnixNano(), k, v)
		}
	}
	all := 0
	for _, row := range want {
		all += len(row)
	}
	if points != len(want) || fields != all {
		t.Fatalf("%d points with %d fields, want %d with %d", points, fields, len(want), all)
	}
	parsed, err := models.ParsePointsWithPrecision(append([]byte(nil), fenced...), time.Time{}, "n")
	if err != nil || len(parsed) != len(want) {
		t.Fatalf("models: %d points, %v\n%.500q", len(parsed), err, fenced)
	}
	for _, p := range parsed {
		values, err := p.Fields()
		if err != nil {
			t.Fatalf("models: %v", err)
		}
		for k, v := range values {
			check("models", string(p.Name()), p.UnixNano(), k, v)
		}
	}
}

func TestWhatIsWrittenReadsBackForAnyNamesValuesAndTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.StringN(1, 20, 60), rapid.StringMatching(`[a ,=\\"#é]{1,6}`))
		measurement := name.Filter(func(s string) bool { return checkMeasurement(s) == nil }).Draw(t, "measurement")
		fieldName := name.Filter(func(s string) bool { return checkField(s) == nil && checkWritten(s) == nil })
		b := &Batch{Measurement: measurement}
		if rapid.Bool().Draw(t, "imei") {
			b.IMEI = "000000000000000"
		}
		for _, key := range rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9_-]{1,8}`), 0, 4, rapid.ID[string]).Draw(t, "tags") {
			if checkTagKeyWritten(key) == nil {
				b.Tags = append(b.Tags, telemetry.Tag{Key: key, Value: "v-" + key})
			}
		}
		sortTags(b)
		var kinds []telemetry.FieldKind
		when := rapid.OneOf(rapid.Int64Range(0, 5), rapid.Int64Range(-9_000_000_000_000_000_000, 9_000_000_000_000_000_000))
		for _, f := range rapid.SliceOfNDistinct(fieldName, 1, 5, rapid.ID[string]).Draw(t, "fields") {
			kind := rapid.SampledFrom([]telemetry.FieldKind{telemetry.KindFloat, telemetry.KindInteger, telemetry.KindBoolean, telemetry.KindString}).Draw(t, "kind")
			value := rapid.Custom(func(t *rapid.T) Value {
				switch kind {
				case telemetry.KindFloat:
					return Value{Kind: kind, Number: rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).Draw(t, "float")}
				case telemetry.KindInteger:
					n := rapid.Int64().Draw(t, "integer")
					return Value{Kind: telemetry.KindFloat, Integer: n, Number: float64(n), Whole: true}
				case telemetry.KindBoolean:
					return Value{Kind: kind, Bool: rapid.Bool().Draw(t, "boolean")}
				}
				return Value{Kind: kind, Text: rapid.OneOf(rapid.String(), rapid.StringMatching(`[\\"\n\r, =]{0,6}`)).Draw(t, "text")}
			})
			pair := rapid.Custom(func(t *rapid.T) Pair { return Pair{when.Draw(t, "at"), value.Draw(t, "value")} })
			b.Fields = append(b.Fields, BatchField{f, rapid.SliceOfN(pair, 1, 6).Draw(t, "pairs")})
			kinds = append(kinds, kind)
		}
		lines, err := encode(b, b.IMEI, kinds)
		if err != nil {
			t.Fatalf("%v", err)
		}
		checkRoundTrip(t, b, kinds, lines)
	})
}

func TestPairsOfTheSameTimeBecomeOnePoint(t *testing.T) {
	b := mustParse(t, `{"measurement":"my data","tags":{"z":"1","a":"2","product_imei":"0"},"fields":{"x y":[[1472688000001,1],[1472688000000,2]],"b":[[1472688000000,true]]}}`)
	lines, err := encode(b, b.IMEI, []telemetry.FieldKind{telemetry.KindInteger, telemetry.KindBoolean})
	want := `my\ data,a=2,product_imei=0,z=1 x\ y=2i,b=true 1472688000000000000` + "\n" +
		`my\ data,a=2,product_imei=0,z=1 x\ y=1i 1472688000001000000` + "\n"
	if err != nil || string(lines) != want {
		t.Errorf("%s, %v, want %s", lines, err, want)
	}
}

func TestLaterPairOfTheSameFieldAndTimeHolds(t *testing.T) {
	b := mustParse(t, `{"measurement":"m","fields":{"a":[[1472688000000,1],[1472688000000,2]]}}`)
	lines, _ := encode(b, "", []telemetry.FieldKind{telemetry.KindFloat})
	if want := "m a=2 1472688000000000000\n"; string(lines) != want {
		t.Errorf("%s, want %s", lines, want)
	}
}

func TestBatchThatGrowsBeyondItsBoundIsRefused(t *testing.T) {
	pair := Pair{0, Value{Kind: telemetry.KindString, Text: strings.Repeat("x", MaxText)}}
	f := BatchField{Name: "a"}
	for i := range maxLines/MaxText + 1 {
		pair.At = int64(i)
		f.Pairs = append(f.Pairs, pair)
	}
	_, err := encode(&Batch{Measurement: "m", Fields: []BatchField{f}}, "", []telemetry.FieldKind{telemetry.KindString})
	wantBad(t, err, "send it in parts")
}

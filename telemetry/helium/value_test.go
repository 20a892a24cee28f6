package helium

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEachKindOfValueHasItsField(t *testing.T) {
	for _, c := range []struct {
		value string
		want  map[string]any
	}{
		{"21.5", map[string]any{NumberField: 21.5}},
		{"1.50", map[string]any{NumberField: 1.5}},
		{"15e-1", map[string]any{NumberField: 1.5}},
		{"0", map[string]any{NumberField: 0.0}},
		{"0.000e99999999999999999999", map[string]any{NumberField: 0.0}},
		{"9007199254740992", map[string]any{NumberField: 9007199254740992.0}},
		{"1e22", map[string]any{NumberField: 1e22}},
		{"5e-000000000000000000000000324", map[string]any{NumberField: 5e-324}},
		{"-17", map[string]any{NumberField: -17.0}},
		{"true", map[string]any{BooleanField: true}},
		{"false", map[string]any{BooleanField: false}},
		{`"killer bees"`, map[string]any{TextField: "killer bees"}},
		{`""`, map[string]any{TextField: ""}},
		{`"\u0041\n\"\\"`, map[string]any{TextField: "A\n\"\\"}},
		{"null", map[string]any{JSONField: "null"}},
		{"[]", map[string]any{JSONField: "[]"}},
		{`{ "a" : [ 1.50 , null ] }`, map[string]any{JSONField: `{"a":[1.50,null]}`}},
	} {
		t.Run(c.value, func(t *testing.T) {
			if got := written(t, c.value); !cmp.Equal(got, c.want) {
				t.Error(cmp.Diff(c.want, got))
			}
		})
	}
}

func TestANumberThatAFloatDoesNotHoldIsKeptAsText(t *testing.T) {
	for _, c := range []struct {
		value  string
		number any
	}{
		{"9007199254740993", 9007199254740992.0},
		{"0.1000000000000000055", 0.1},
		{"1e-400", 0.0},
		{"123456789012345678901234567890", 123456789012345680000000000000.0},
		{"1e400", nil}, // and is not aggregated
		{"-1e99999999999999999999", nil},
	} {
		t.Run(c.value, func(t *testing.T) {
			got := written(t, c.value)
			if got[JSONField] != c.value || got[NumberField] != c.number {
				t.Errorf("%v", got)
			}
		})
	}
}

// written posts a value and gives the fields of it that were written; those of times are left out.
func written(t *testing.T, value string) map[string]any {
	t.Helper()
	db := newFake()
	p := post(t, series(db), sensor, "x", value, "2016-03-09")
	for key, values := range db.points[sensor] {
		if values[CreatedField] != p.Created.UnixMicro() {
			t.Errorf("created is %v", values[CreatedField])
		}
		if at, number := values[AtField], values[NumberField]; (number != nil) != (at != nil) || at != nil && at != key.at {
			t.Errorf("the number %v has the stored time %v, which is %v", number, at, key.at)
		}
		delete(values, CreatedField)
		delete(values, AtField)
		return values
	}
	t.Fatal("nothing was written")
	return nil
}

func TestAPortMayChangeItsType(t *testing.T) {
	db := newFake()
	ts := series(db)
	var want []string
	for _, value := range []string{"1", "true", `"x"`, `{"a":1}`, "null", "[2]", "-0.5"} {
		post(t, ts, sensor, "x", value, "2016-03-09")
		want = append([]string{value}, want...)
	}
	var got []string
	for _, p := range read(t, ts, Query{Selection: Selection{Owner: sensor}, Size: 10}).Points {
		got = append(got, string(p.Value))
	}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestValuesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ name, value, words string }{
		{"none", "", "is missing"},
		{"a repeated key", `{"a":1,"a":1}`, "has a name twice"},
		{"a repeated key far inside", `[{"b":{"a":1,"\u0061":2}}]`, "has a name twice"},
		{"not UTF-8", "\"\xff\"", "no valid JSON"},
		{"half of a pair", `"\ud800"`, "no valid JSON"},
		{"NaN", "NaN", "no valid JSON"},
		{"infinity", "-Infinity", "no valid JSON"},
		{"two values", "1 2", "no valid JSON"},
		{"a text too long", `"` + strings.Repeat("x", MaxValue-1) + `"`, "longer than 65536 bytes"},
		{"10 MB", `"` + strings.Repeat("x", 10<<20) + `"`, "longer than 65536 bytes"},
		{"too deep", strings.Repeat("[", 101) + strings.Repeat("]", 101), "deeper than 100 levels"},
		{"far too deep", strings.Repeat("[", 1<<20), "no valid JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := newFake()
			_, err := series(db).Post(t.Context(), sensor, NewPoint{Port: "x", Value: json.RawMessage(c.value)})
			wantParameter(t, err, "data.attributes.value", c.words)
			if len(db.points) != 0 {
				t.Error("something was written")
			}
		})
	}
}

func TestTheLargestValuesPass(t *testing.T) {
	for _, value := range []string{
		`"` + strings.Repeat("x", MaxValue-2) + `"`,
		strings.Repeat("[", 100) + strings.Repeat("]", 100),
		strings.Repeat("9", MaxValue),
		`"` + strings.Repeat("[", 500) + `"`,
	} {
		db := newFake()
		ts := series(db)
		post(t, ts, sensor, "x", value, "")
		got := read(t, ts, Query{Selection: Selection{Owner: sensor}, Size: 1}).Points[0].Value
		if string(got) != value {
			t.Errorf("%.20s… came back as %.20s…", value, got)
		}
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value, port := drawValue(3).Draw(rt, "value"), drawPort(rt)
		ts := series(newFake())
		written, err := ts.Post(t.Context(), sensor, NewPoint{Port: port, Value: []byte(value)})
		if err != nil {
			rt.Fatal(err)
		}
		page, err := ts.Read(t.Context(), Query{Selection: Selection{Owner: sensor}, Size: 10})
		if err != nil || len(page.Points) != 1 {
			rt.Fatalf("%v, %v", page, err)
		}
		got := page.Points[0]
		if !sameJSON(rt, got.Value, []byte(value)) || !sameJSON(rt, written.Value, []byte(value)) {
			rt.Fatalf("%s was answered as %s and came back as %s", value, written.Value, got.Value)
		}
		written.Value, got.Value = nil, nil
		if diff := cmp.Diff(written, got); diff != "" || got.Port != port {
			rt.Fatalf("port %q: %s", port, diff)
		}
	})
}

// drawValue draws JSON texts, with the whitespace and the escapes that people write.
func drawValue(depth int) *rapid.Generator[string] {
	text := rapid.Custom(func(t *rapid.T) string {
		s := rapid.OneOf(
			rapid.SampledFrom([]string{"", `"`, `\`, `\\"`, "a\nb\r", "\x00", "🐝", "a,b=c d", "\u2028<>&", `\n`, "'"}),
			rapid.String(),
		).Draw(t, "text")
		quoted, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(quoted)
	})
	number := rapid.OneOf(
		rapid.SampledFrom([]string{"0", "-0", "-0.0", "1E5", "1e+2", "9007199254740993", "1e400", "1e-400", "0.1000000000000000055"}),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?`),
		rapid.Map(rapid.Float64(), func(f float64) string { b, _ := json.Marshal(f); return string(b) }),
	)
	kinds := []*rapid.Generator[string]{rapid.SampledFrom([]string{"null", "true", "false"}), text, number}
	if depth > 0 {
		space := rapid.SampledFrom([]string{"", " ", "\n\t"})
		kinds = append(kinds,
			rapid.Custom(func(t *rapid.T) string {
				items := rapid.SliceOfN(drawValue(depth-1), 0, 4).Draw(t, "items")
				return "[" + strings.Join(items, space.Draw(t, "space")+",") + "]"
			}),
			rapid.Custom(func(t *rapid.T) string {
				var members []string
				for i, item := range rapid.SliceOfN(drawValue(depth-1), 0, 4).Draw(t, "members") {
					members = append(members, `"`+strings.Repeat("k", i)+`"`+space.Draw(t, "space")+":"+item)
				}
				return "{" + strings.Join(members, ", ") + "}"
			}))
	}
	return rapid.OneOf(kinds...)
}

// sameJSON compares two values; numbers by what they mean, to the last digit.
func sameJSON(t interface{ Fatalf(string, ...any) }, a, b []byte) bool {
	decode := func(text []byte) (v any) {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v
	}
	return cmp.Equal(decode(a), decode(b), cmp.Comparer(func(x, y json.Number) bool {
		if x == y {
			return true
		}
		if strings.HasPrefix(string(x), "-") != strings.HasPrefix(string(y), "-") {
			return false
		}
		p, ok := new(big.Rat).SetString(string(x))
		q, fine := new(big.Rat).SetString(string(y))
		return ok && fine && p.Cmp(q) == 0
	}))
}

func TestPointsOfAnUnregisteredDeviceAreNotWritten(t *testing.T) {
	db := newFake()
	_, err := series(db).Post(t.Context(), "unregistered", NewPoint{Port: "t", Value: []byte("1")})
	if err == nil || len(db.points) != 0 {
		t.Errorf("%v, %v", err, db.points)
	}
	var bad *ParameterError
	if errors.As(err, &bad) {
		t.Errorf("%v is no error of a parameter", err)
	}
}

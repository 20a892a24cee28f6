package influx_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"iotcenter/influx/influxtest"
	"iotcenter/telemetry"
)

// gathered keeps an answer as text.
type gathered struct {
	fields []string
	rows   []string // "nanoseconds value value …"
	begun  int
}

func (g *gathered) Begin(fields []string) error {
	g.fields, g.begun = slices.Clone(fields), g.begun+1
	return nil
}

func (g *gathered) Row(at int64, values []json.RawMessage) error {
	g.rows = append(g.rows, strings.TrimSpace(fmt.Sprint(at)+" "+strings.Trim(fmt.Sprintf("%s", values), "[]")))
	return nil
}

func rows(t testing.TB, db telemetry.RowReader, q telemetry.RowsQuery) *gathered {
	t.Helper()
	var g gathered
	if err := db.Rows(t.Context(), q, &g); err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	if g.begun != 1 {
		t.Fatalf("%+v: Begin was called %d times", q, g.begun)
	}
	return &g
}

func (g *gathered) is(t testing.TB, what string, fields []string, want ...string) {
	t.Helper()
	if d := cmp.Diff(fields, g.fields); d != "" && len(fields)+len(g.fields) > 0 {
		t.Errorf("%s: fields %s", what, d)
	}
	if d := cmp.Diff(want, g.rows); d != "" {
		t.Errorf("%s: %s", what, d)
	}
}

func at(ns int64) time.Time { return time.Unix(0, ns) }

// ask is a query for the fields of device d in measurement m around the first second of 1970.
func ask(fields ...string) telemetry.RowsQuery {
	return telemetry.RowsQuery{Device: "d", Measurement: "m", Fields: fields, After: at(-1), Before: at(1e9)}
}

func badParameter(t *testing.T, what string, err error, parameter string) {
	t.Helper()
	var bad *telemetry.QueryError
	if !errors.As(err, &bad) || bad.Parameter != parameter || !errors.Is(err, telemetry.ErrBadQuery) {
		t.Errorf("%s: %v, want a QueryError about %s", what, err, parameter)
	}
}

func TestStartIsExclusive(t *testing.T) {
	i := influxtest.Start(t)
	i.Write("m,clientId=d a=1 10", "m,clientId=d a=2 11", "m,clientId=d a=3 12")
	q := ask("a")
	q.After = at(10)
	rows(t, i.DB, q).is(t, "from the second on", q.Fields, "11 2", "12 3")
	q.After = at(12)
	rows(t, i.DB, q).is(t, "nothing", q.Fields)
}

func TestEndIsExclusive(t *testing.T) {
	i := influxtest.Start(t)
	i.Write("m,clientId=d a=1 10", "m,clientId=d a=2 11", "m,clientId=d a=3 12")
	q := ask("a")
	q.Before = at(12)
	rows(t, i.DB, q).is(t, "up to the second", q.Fields, "10 1", "11 2")
	q.After, q.Before = at(10), at(11)
	rows(t, i.DB, q).is(t, "no time between them", q.Fields)
	q.After, q.Before = time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	rows(t, i.DB, q).is(t, "times that no point can have are held to those that it can", q.Fields, "10 1", "11 2", "12 3")
}

func TestFieldsAreAlignedOnTheSameRows(t *testing.T) {
	i := influxtest.Start(t)
	i.Write(
		"m,clientId=d,k=x a=1,b=2,s=\"t \\\" \\\\ ü\",time2=1 10", "m,clientId=d,k=y a=5,u=7u 10", "m,clientId=d,k=y b=6,ok=true 20",
		"m,clientId=d,k=x a=3,i=9007199254740993i 30", "m,clientId=e a=99,other=1 10", "m,clientId=d far=1 2000000000",
		"m,clientId=e clientId=\"d\",a=7 40", // a field must not pass for the tag
	)
	q := ask("b", "a")
	rows(t, i.DB, q).is(t, "two series at one time stay two rows", q.Fields, "10 2 1", "10 null 5", "20 6 null", "30 null 3")
	rows(t, i.DB, ask()).is(t, "all that have a value in the range", []string{"a", "b", "i", "ok", "s", "time2", "u"},
		`10 1 2 null null "t \" \\ ü" 1 null`, "10 5 null null null null null 7", "20 null 6 null true null null null", "30 3 null 9007199254740993 null null null null")
	q = ask("nope", "a", "k", "time", "Time", "", "a\x00", "a\r", "a", "s\"; DROP MEASUREMENT m --", "\xff")
	rows(t, i.DB, q).is(t, "a name that is no field is there without values, and one twice is there twice", q.Fields,
		"10 null 1 null null null null null null 1 null null", "10 null 5 null null null null null null 5 null null", "30 null 3 null null null null null null 3 null null")
	for _, name := range []string{"k", "time", "nope", ""} {
		q = ask(name)
		rows(t, i.DB, q).is(t, "only "+name, q.Fields)
	}
	q = ask("i")
	rows(t, i.DB, q).is(t, "64-bit integers are exact", q.Fields, "30 9007199254740993")
	q = ask("a")
	q.Device = ""
	rows(t, i.DB, q).is(t, "any device", q.Fields, "10 1", "10 99", "10 5", "30 3", "40 7")
	q.Device, q.Tags = "d", []telemetry.Tag{{Key: "k", Value: "y"}}
	rows(t, i.DB, q).is(t, "a tag", q.Fields, "10 5")
	for _, measurement := range []string{"", "_series", "m\x00", "nope", "m\"; SELECT 1", "m\\"} {
		q = ask("a")
		q.Measurement = measurement
		rows(t, i.DB, q).is(t, "no such measurement", q.Fields)
	}
}

func TestLimitCountsRows(t *testing.T) {
	i := influxtest.Start(t)
	i.Write("m,clientId=d a=1 10", "m,clientId=d b=1 20", "m,clientId=d a=2,b=2 30", "m,clientId=d a=3 40")
	q := ask("a", "b")
	q.Limit = 3
	rows(t, i.DB, q).is(t, "the oldest", q.Fields, "10 1 null", "20 null 1", "30 2 2")
	q.Limit, q.Where = 1, &telemetry.Condition{Name: "a", Op: ">", With: telemetry.Operand{Kind: telemetry.NumberOperand, Text: "1"}}
	rows(t, i.DB, q).is(t, "after where", q.Fields, "30 2 2")
	q.Limit = -1
	badParameter(t, "a negative limit", i.DB.Rows(t.Context(), q, &gathered{}), "limit")
	q = ask("a")
	q.Every, q.Function, q.Limit, q.Before = 10, telemetry.FnMax, 2, at(100)
	rows(t, i.DB, q).is(t, "buckets", q.Fields, "0 null", "10 1")
}

func TestAFieldThatChangedItsType(t *testing.T) {
	i := influxtest.Start(t)
	week := int64(7 * 24 * time.Hour)
	i.Write("m,clientId=d v=1.5,w=1i,x=\"s\",big=9007199254740993i 10", fmt.Sprintf("m,clientId=d v=\"text\",w=2.5,x=true,big=1i %d", 3*week))
	i.Write(fmt.Sprintf("m,clientId=d big=0.5 %d", 6*week))
	q := ask()
	q.Before = at(4 * week)
	rows(t, i.DB, q).is(t, "each value has its own type", []string{"big", "v", "w", "x"}, `10 9007199254740993 1.5 1 "s"`, fmt.Sprint(3*week, ` 1 "text" 2.5 true`))
	q.Every, q.Function = time.Duration(4*week), telemetry.FnMax
	rows(t, i.DB, q).is(t, "numbers alone have a maximum", []string{"big", "v", "w"}, "0 9007199254740993 1.5 2.5")
	kinds, err := i.DB.FieldKinds(t.Context(), "m")
	if d := cmp.Diff(map[string][]telemetry.FieldKind{
		"v": {telemetry.KindFloat, telemetry.KindString}, "w": {telemetry.KindFloat, telemetry.KindInteger},
		"x": {telemetry.KindString, telemetry.KindBoolean}, "big": {telemetry.KindFloat, telemetry.KindInteger},
	}, kinds); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	if kinds, err := i.DB.FieldKinds(t.Context(), "nope\" \x00"); err != nil || len(kinds) > 0 {
		t.Errorf("of no measurement: %v, %v", kinds, err)
	}
}

// An answer with some of the fields would say that there are no others.
func TestMoreFieldsThanAnAnswerHasAreAMistakeOfTheQuery(t *testing.T) {
	i := influxtest.Start(t)
	line := func(n int) string {
		fields := make([]string, n)
		for i := range fields {
			fields[i] = fmt.Sprintf("f%03d=1", i)
		}
		return strings.Join(fields, ",")
	}
	i.Write("m,clientId=d "+line(500)+" 10", "many,clientId=d "+line(501)+" 10")
	if got := rows(t, i.DB, ask()); len(got.fields) != 500 {
		t.Errorf("%d fields of 500", len(got.fields))
	}
	q := ask()
	q.Measurement = "many"
	badParameter(t, "501 fields", i.DB.Rows(t.Context(), q, &gathered{}), "fields")
	q.Fields = []string{"f500"}
	rows(t, i.DB, q).is(t, "one of them by its name", q.Fields, "10 1")
}

func TestFunctionsOfNumbersLeaveOtherFieldsOut(t *testing.T) {
	i := influxtest.Start(t)
	i.Write(`m,clientId=d a=1,s="x",b=true 10`)
	for _, fn := range telemetry.Functions() {
		q := ask()
		q.Every, q.Function = 1e9, fn
		want := []string{"a"}
		if !fn.NumbersOnly() {
			want = []string{"a", "b", "s"}
		}
		if got := rows(t, i.DB, q); !slices.Equal(got.fields, want) {
			t.Errorf("%s over all: %v, want %v", fn, got.fields, want)
		}
		q.Fields = []string{"a", "s"}
		err := i.DB.Rows(t.Context(), q, &gathered{})
		if fn.NumbersOnly() {
			badParameter(t, string(fn)+" of a text", err, "fields")
		} else if err != nil {
			t.Errorf("%s of a text: %v", fn, err)
		}
		q.Fields = []string{"nope", "a"}
		if got := rows(t, i.DB, q); len(got.rows) != 1 || !strings.HasPrefix(got.rows[0], "0 null ") {
			t.Errorf("%s of no field: %v", fn, got.rows)
		}
	}
	q := ask("a")
	q.Every, q.Function = 1e9, "foo"
	badParameter(t, "no function", i.DB.Rows(t.Context(), q, &gathered{}), "ds_function")
}

func TestTooManyBucketsAreAMistakeOfTheQuery(t *testing.T) {
	i := influxtest.Connect(t, influxtest.PlaceEmbedded(t)) // InfluxDB 2.x has no limit of its own
	i.Write("m,clientId=d a=1 10")
	q := ask("a")
	q.Every, q.Function = 10, telemetry.FnMax
	badParameter(t, "a hundred million buckets", i.DB.Rows(t.Context(), q, &gathered{}), "ds_interval")
}

func TestBucketsAreAlignedToTheEpoch(t *testing.T) {
	i := influxtest.Start(t)
	day := int64(24 * time.Hour)
	i.Write(fmt.Sprintf("m,clientId=d a=1 %d", -day-1), fmt.Sprintf("m,clientId=d a=2 %d", 8*day))
	for _, c := range []struct {
		every time.Duration
		want  []string
	}{
		{7 * 24 * time.Hour, []string{fmt.Sprint(-7*day, " 1"), "0 null", fmt.Sprint(7*day, " 1")}},
		{24 * 5 * time.Hour, []string{fmt.Sprint(-5*day, " 1"), "0 null", fmt.Sprint(5*day, " 1")}},
	} {
		q := telemetry.RowsQuery{Device: "d", Measurement: "m", Fields: []string{"a"}, After: at(-2 * day), Before: at(9 * day), Every: c.every, Function: telemetry.FnCount}
		rows(t, i.DB, q).is(t, c.every.String(), q.Fields, c.want...)
	}
}

// The example of the seed. Its second query shows a row at the start of 2016-01-03 only: start is exclusive.
func TestExamplesOfTheSeed(t *testing.T) {
	i := influxtest.Start(t)
	begin := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)
	current := []string{"1.234", "2.234", "3.234", "1.234", "2.345", "2.678", "2.910", "2.345", "2.678", "2.910", "2.345", "2.678", "2.910"}
	voltage := []string{"14.243", "14.723", "14.826", "13.284", "12.345", "12.678", "12.910", "12.345", "12.678", "12.910", "12.345", "12.678", "12.910"}
	temperature := []string{"21.345", "", "21.345", "", "21.345", "", "21.910", "", "21.678", "", "21.345", "", "21.910"}
	var all, last []string
	for n := range current {
		ns, line, shown := begin.Add(time.Duration(n)*4*time.Hour).UnixNano(), "", "null"
		if line = fmt.Sprintf("telemetry,clientId=000000000000000,product_imei=000000000000000 current=%s,voltage=%s", current[n], voltage[n]); temperature[n] != "" {
			line += ",temperature=" + temperature[n]
			shown = strings.TrimRight(temperature[n], "0")
		}
		i.Write(fmt.Sprint(line, " ", ns))
		all = append(all, fmt.Sprint(ns, " ", strings.TrimRight(current[n], "0"), " ", shown, " ", strings.TrimRight(voltage[n], "0")))
		last = all[n:]
	}
	q := telemetry.RowsQuery{Device: "000000000000000", Measurement: "telemetry", Tags: []telemetry.Tag{{Key: "product_imei", Value: "000000000000000"}},
		After: begin.Add(-time.Hour), Before: begin.AddDate(0, 0, 7)}
	fields := []string{"current", "temperature", "voltage"}
	rows(t, i.DB, q).is(t, "the default query", fields, all...)
	q.After = begin.Add(47 * time.Hour)
	rows(t, i.DB, q).is(t, "start", fields, last...)
	q.After, q.Before, q.Limit, q.Fields = begin, begin.AddDate(0, 0, 1), 100, []string{"current", "temperature"}
	q.Where = &telemetry.Condition{Name: "voltage", Op: ">", With: telemetry.Operand{Kind: telemetry.NumberOperand, Text: "14.0"}}
	rows(t, i.DB, q).is(t, "where", q.Fields, fmt.Sprint(begin.Add(4*time.Hour).UnixNano(), " 2.234 null"), fmt.Sprint(begin.Add(8*time.Hour).UnixNano(), " 3.234 21.345"))
	q.Where = &telemetry.Condition{Name: "voltage", Op: "<", With: telemetry.Operand{Kind: telemetry.NumberOperand, Text: "12"}}
	q.Fields = nil
	rows(t, i.DB, q).is(t, "where is part of what all fields are", nil)
}

// naive computes what a function gives for each bucket of points with ascending times; nil is null.
func naive(fn telemetry.Function, points [][2]float64, every, after, before float64) map[float64]*float64 {
	out := map[float64]*float64{}
	in := map[float64][]float64{}
	var within [][2]float64
	for start := math.Floor((after+1)/every) * every; start < before; start += every {
		out[start] = nil
	}
	for _, p := range points {
		if p[0] > after && p[0] < before {
			b := math.Floor(p[0]/every) * every
			in[b] = append(in[b], p[1])
			within = append(within, p)
		}
	}
	if len(within) == 0 {
		return map[float64]*float64{}
	}
	for b, vs := range in {
		sorted := slices.Sorted(slices.Values(vs))
		sum, n := 0.0, float64(len(vs))
		seen := map[float64]int{}
		for _, v := range vs {
			sum += v
			seen[v]++
		}
		v := math.NaN()
		switch fn {
		case telemetry.FnCount:
			v = n
		case telemetry.FnDistinct:
			v = float64(len(seen))
		case telemetry.FnFirst:
			v = vs[0]
		case telemetry.FnLast:
			v = vs[len(vs)-1]
		case telemetry.FnMax:
			v = sorted[len(sorted)-1]
		case telemetry.FnMin:
			v = sorted[0]
		case telemetry.FnMean:
			v = sum / n
		case telemetry.FnSum:
			v = sum
		case telemetry.FnSpread:
			v = sorted[len(sorted)-1] - sorted[0]
		case telemetry.FnMedian:
			v = (sorted[(len(vs)-1)/2] + sorted[len(vs)/2]) / 2
		case telemetry.FnStddev:
			squares := 0.0
			for _, x := range vs {
				squares += (x - sum/n) * (x - sum/n)
			}
			v = math.Sqrt(squares / (n - 1)) // of one value: not a number
		case telemetry.FnMode: // how often it is there: which one of several, the database may choose
			v = 0
			for _, times := range seen {
				v = max(v, float64(times))
			}
		}
		if !math.IsNaN(v) {
			out[b] = &v
		}
	}
	if fn == telemetry.FnIntegral {
		integrate(out, within, every)
	}
	return out
}

// integrate adds up trapezia between neighbouring points. One that crosses the end of a bucket is cut there; what lies
// beyond belongs to the bucket of the later point, across empty buckets too; but where the last point of all lies at the
// very beginning of its bucket, that bucket has none: so InfluxQL counts.
func integrate(out map[float64]*float64, points [][2]float64, every float64) {
	add := func(b, area float64) {
		if out[b] == nil {
			out[b] = new(float64)
		}
		*out[b] += area
	}
	for n := 1; n < len(points); n++ {
		p, q := points[n-1], points[n]
		from, to := math.Floor(p[0]/every)*every, math.Floor(q[0]/every)*every
		if from != to {
			end := from + every
			v := p[1] + (q[1]-p[1])*(end-p[0])/(q[0]-p[0])
			add(from, (p[1]+v)/2*(end-p[0])/1e9)
			p = [2]float64{end, v}
		}
		add(to, (p[1]+q[1])/2*(q[0]-p[0])/1e9)
	}
	if last := points[len(points)-1][0]; math.Floor(last/every)*every == last {
		out[last] = nil
	}
}

func TestDownsamplingEqualsANaiveComputation(t *testing.T) {
	i := influxtest.Start(t)
	var points [][2]float64
	var lines []string
	ns := 0.0
	for n := range 400 {
		if ns += float64(1+n*n*7919%9) * 1e9; n%60 == 59 {
			ns += 60e9 // so that there are empty buckets
		}
		v := float64(n*n*31%17) / 4
		points = append(points, [2]float64{ns, v})
		lines = append(lines, fmt.Sprintf("m,clientId=d a=%v %.0f", v, ns))
	}
	i.Write(lines...)
	rapid.Check(t, func(r *rapid.T) {
		fn := rapid.SampledFrom(telemetry.Functions()).Draw(r, "function")
		every := rapid.SampledFrom([]float64{3e9, 7e9, 10e9, 60e9, 3600e9}).Draw(r, "every")
		after := float64(rapid.Int64Range(-20, 2000).Draw(r, "after")) * 1e9
		before := after + float64(rapid.Int64Range(2, 2500).Draw(r, "long"))*1e9
		q := telemetry.RowsQuery{Device: "d", Measurement: "m", Fields: []string{"a"}, After: at(int64(after)), Before: at(int64(before)), Every: time.Duration(every), Function: fn}
		var g numbers
		if err := i.DB.Rows(context.Background(), q, &g); err != nil {
			r.Fatalf("%v", err)
		}
		want := naive(fn, points, every, after, before)
		if len(g.at) != len(want) || !slices.IsSorted(g.at) {
			r.Fatalf("%d buckets, want %d", len(g.at), len(want))
		}
		for n, b := range g.at {
			w, ok := want[b]
			v := g.values[n]
			if fn == telemetry.FnMode && v != nil {
				times := 0.0
				for _, p := range points {
					if p[1] == *v && p[0] > after && p[0] < before && math.Floor(p[0]/every)*every == b {
						times++
					}
				}
				v = &times
			}
			if fn == telemetry.FnIntegral && w == nil && v != nil && *v == 0 && alone(points, after, before) {
				continue // of one point, the databases do not agree whether it is 0 or nothing
			}
			if !ok || (w == nil) != (v == nil) || w != nil && math.Abs(*w-*v) > 1e-9*(1+math.Abs(*w)) {
				r.Fatalf("%s at %v: %s, want %s", fn, b, show(v), show(w))
			}
		}
	})
}

// alone tells whether a range has one point.
func alone(points [][2]float64, after, before float64) bool {
	n := 0
	for _, p := range points {
		if p[0] > after && p[0] < before {
			n++
		}
	}
	return n == 1
}

func show(v *float64) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}

// numbers keeps one field.
type numbers struct {
	at     []float64
	values []*float64
}

func (*numbers) Begin([]string) error { return nil }

func (g *numbers) Row(at int64, values []json.RawMessage) error {
	var v *float64
	if err := json.Unmarshal(values[0], &v); err != nil {
		return err
	}
	g.at, g.values = append(g.at, float64(at)), append(g.values, v)
	return nil
}

// stopper ends an answer.
type stopper struct{ begin, row error }

func (s stopper) Begin([]string) error               { return s.begin }
func (s stopper) Row(int64, []json.RawMessage) error { return s.row }

func TestAnErrorOfTheReceiverIsGivenBackAsItIs(t *testing.T) {
	i := influxtest.Start(t)
	i.Write("m,clientId=d a=1 10")
	mine := errors.New("disk full")
	for _, s := range []stopper{{begin: mine}, {row: mine}} {
		if err := i.DB.Rows(t.Context(), ask("a"), s); err != mine { //nolint:errorlint // as it is
			t.Errorf("%v", err)
		}
	}
}

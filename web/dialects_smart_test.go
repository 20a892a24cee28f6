package main

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// eras are hours in which times of a try lie. They are few, because each is a shard of the database.
var eras = []time.Time{
	time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(1900, 2, 28, 23, 30, 0, 0, time.UTC),
	time.Date(1969, 12, 31, 23, 30, 0, 0, time.UTC), // both sides of the epoch
	time.Date(2016, 2, 29, 12, 0, 0, 0, time.UTC),
	time.Date(2024, 10, 27, 0, 30, 0, 0, time.UTC),
}

// smartTime writes a time in one of the forms that a pair can have.
func smartTime(r *rapid.T, at time.Time) string {
	forms := []string{at.Format(`"2006-01-02T15:04:05.999999999Z"`), at.Format(`"2006-01-02 15:04:05.999999999"`),
		at.In(time.FixedZone("", 5*3600+1800)).Format(`"2006-01-02T15:04:05.999999999-07:00"`)}
	if at.Nanosecond()%1_000_000 == 0 && at.Year() >= 1990 {
		forms = append(forms, strconv.FormatInt(at.UnixMilli(), 10))
	}
	return rapid.SampledFrom(forms).Draw(r, "time")
}

// smartValue is a kind of value: how to make one, as JSON, and whether what is read is the same.
type smartValue struct {
	name string
	make func(r *rapid.T) string
	same func(t fails, wrote, read string) bool
}

var smartValues = []smartValue{
	{"float", func(r *rapid.T) string {
		f := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{5e-324, -5e-324, math.MaxFloat64, -math.MaxFloat64, math.Copysign(0, -1), 0, 0.1, 1e21, 1e-7, 123456789012345680})).
			Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).Draw(r, "float")
		return strconv.FormatFloat(f, rapid.SampledFrom([]byte("ge")).Draw(r, "form"), -1, 64)
	}, func(t fails, wrote, read string) bool {
		return math.Float64bits(floatOf(t, wrote)) == math.Float64bits(floatOf(t, read))
	}},
	{"integer", func(r *rapid.T) string {
		return strconv.FormatInt(rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 1<<53 + 1, -1<<53 - 1})).Draw(r, "integer"), 10)
	}, func(_ fails, wrote, read string) bool { return wrote == read }},
	{"boolean", func(r *rapid.T) string { return strconv.FormatBool(rapid.Bool().Draw(r, "boolean")) },
		func(_ fails, wrote, read string) bool { return wrote == read }},
	{"text", func(r *rapid.T) string { return quoted(hardText().Draw(r, "text")) },
		func(t fails, wrote, read string) bool { return textOf(t, []byte(wrote)) == textOf(t, []byte(read)) }},
}

// hardText makes texts of which each could come back as another one.
func hardText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.SampledFrom([]rune("\"\\\n\r\t\x00\x01 ,='`|>/*;-\u2028\ufeff\ufffdé漢🙂n"))),
		rapid.SampledFrom([]string{"", `\`, `\\`, `\"`, "\\\n", "\x00", "null", "1i", "true", strings.Repeat(`"\`, 32<<10), strings.Repeat("x", 64<<10)}),
	)
}

// TestSmartReadsWhatWasWritten writes batches of any values at any times, and reads them back: each value as it was, all
// fields aligned on the same rows, with null where one has none, and of two pairs with one time the later.
func TestSmartReadsWhatWasWritten(t *testing.T) {
	p := startDialects(t)
	id := p.newDevice(t)
	token := p.device(id)
	tries := 0
	checkFor(t, 4*time.Second, func(r *rapid.T) {
		tries++
		measurement := fmt.Sprintf("written-%d", tries) // its fields have the types of this try
		era := rapid.SampledFrom(eras).Draw(r, "era")
		times := rapid.SliceOfNDistinct(rapid.Custom(func(r *rapid.T) int64 {
			n := rapid.Int64Range(0, int64(time.Hour)-1).Draw(r, "offset")
			if rapid.Bool().Draw(r, "whole milliseconds") {
				n -= n % int64(time.Millisecond)
			}
			return n
		}), 1, 5, rapid.ID[int64]).Draw(r, "times")
		fields := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c d", `e"f`, "g,h=i", "é漢"}), 1, 4, rapid.ID[string]).Draw(r, "fields")

		kinds := map[string]smartValue{}
		want := map[string]map[int64]string{} // by field and offset
		var body, integers []string
		pairs := 0
		for _, name := range fields {
			kind := rapid.SampledFrom(smartValues).Draw(r, "kind")
			kinds[name], want[name] = kind, map[int64]string{}
			var list []string
			for _, at := range rapid.SliceOfN(rapid.SampledFrom(times), 1, 6).Draw(r, "of") {
				value := kind.make(r)
				want[name][at] = value
				list = append(list, "["+smartTime(r, era.Add(time.Duration(at)))+","+value+"]")
			}
			pairs += len(list)
			body = append(body, quoted(name)+":["+strings.Join(list, ",")+"]")
			if kind.name == "integer" {
				integers = append(integers, strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `).Replace(name)+"=1i")
			}
		}
		if len(integers) > 0 { // numbers are floats unless the field is of integers already
			at := era.Add(2 * time.Hour).Unix()
			if code := p.write(token, fmt.Sprintf("%s %s %d", measurement, strings.Join(integers, ","), at)); code != 204 {
				r.Fatalf("making fields of integers: %d", code)
			}
		}
		answer := p.v1(r, 200, "POST", "/v1/products/"+id+"/data", `{"measurement":"`+measurement+`","fields":{`+strings.Join(body, ",")+`}}`)
		if !strings.Contains(answer, fmt.Sprintf(`"%d data-point(s) successfully written to influx"`, pairs)) {
			r.Fatalf("%d pairs: %s", pairs, answer)
		}
		start := era.Add(-time.Nanosecond)
		if start.Year() < 1678 {
			start = era
			for _, of := range want {
				delete(of, 0) // start is exclusive, and there is none before it
			}
		}
		query := url.Values{"measurement": {measurement}, "start": {start.Format(time.RFC3339Nano)}, "end": {era.Add(time.Hour).Format(time.RFC3339Nano)}}
		if rapid.Bool().Draw(r, "by name") {
			query["fields"] = []string{quotedList(fields)}
		}
		got := p.smartRows(r, "/v1/products/"+id+"/data?"+query.Encode())

		at := map[int64]bool{}
		for _, of := range want {
			for offset := range of {
				at[offset] = true
			}
		}
		rowTimes := slices.Sorted(maps.Keys(at))
		for name, of := range want {
			if len(of) == 0 {
				continue
			}
			cells := got[name]
			if len(cells) != len(rowTimes) {
				r.Fatalf("%q has %d rows of %d: %v", name, len(cells), len(rowTimes), got)
			}
			for i, offset := range rowTimes {
				if when := era.Add(time.Duration(offset)).Format(time.RFC3339Nano); cells[i].at != when {
					r.Fatalf("row %d of %q is of %s, want %s", i, name, cells[i].at, when)
				}
				wrote, any := of[offset]
				switch {
				case !any && cells[i].value != "null":
					r.Fatalf("row %d of %q is %.200s, and nothing was written", i, name, cells[i].value)
				case any && cells[i].value == "null":
					r.Fatalf("row %d of %q is null, and %.200s was written", i, name, wrote)
				case any && !kinds[name].same(r, wrote, cells[i].value):
					r.Fatalf("row %d of %q is %.200s, and %.200s was written", i, name, cells[i].value, wrote)
				}
			}
		}
	})
}

func quotedList(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = quoted(name)
	}
	return "[" + strings.Join(all, ",") + "]"
}

// TestSmartTimesAtTheEnds: times up to a day ahead are stored, and read back to the nanosecond; others are refused, and
// nothing of their batch is there.
func TestSmartTimesAtTheEnds(t *testing.T) {
	p := startDialects(t)
	id := p.newDevice(t)
	path := "/v1/products/" + id + "/data"
	soon := time.Now().UTC().Add(23 * time.Hour).Format(time.RFC3339Nano)
	for _, row := range []struct {
		time string
		want string // "" for 400
	}{
		{`"1678-01-01T00:00:00.000000001Z"`, "1678-01-01T00:00:00.000000001Z"},
		{`"1969-12-31T23:59:59.999999999Z"`, "1969-12-31T23:59:59.999999999Z"},
		{`"1970-01-01T00:00:00Z"`, "1970-01-01T00:00:00Z"},
		{`"` + soon + `"`, soon},
		{`"2016-12-31T23:59:60Z"`, ""},
		{`"0001-01-01T00:00:00Z"`, ""},
		{`"1677-12-31T23:59:59Z"`, ""},
		{`"2100-01-01T00:00:00Z"`, ""}, // ahead of the clock
		{`4102444800000`, ""},
		{`"2261-12-31T23:59:59Z"`, ""},
		{`"2262-01-01T00:00:00Z"`, ""},
		{`"9999-12-31T23:59:59Z"`, ""},
		{`"10000-01-01T00:00:00Z"`, ""},
		{`99999999999999999999`, ""},
		{`1e12`, ""},
	} {
		status := 200
		if row.want == "" {
			status = 400
		}
		// The first pair is good: all of a batch is written, or nothing.
		measurement := "ends-" + strconv.Itoa(deviceNumber())
		text := p.v1(t, status, "POST", path, `{"measurement":"`+measurement+`","fields":{"v":[["2016-01-01",1],[`+row.time+`,2]]}}`)
		if status == 400 && !strings.Contains(text, `{"status":"failure","message":"fields.v[1]`) && !strings.Contains(text, "future") {
			t.Errorf("%s: the answer does not say where: %s", row.time, text)
		}
		got := p.smartRows(t, path+"?measurement="+measurement+"&fields=v&start=1678-01-01&end=2261-12-31")["v"]
		var times []string
		for _, c := range got {
			times = append(times, c.at)
		}
		want := []string{}
		if row.want != "" {
			want = []string{row.want, "2016-01-01T00:00:00Z"}
			slices.SortFunc(want, strings.Compare)
		}
		if !slices.Equal(times, want) {
			t.Errorf("%s: %v is there, want %v", row.time, times, want)
		}
	}
}

// TestSmartDownsamplingIsAsComputedByHand holds the database's downsampling to a plain computation.
func TestSmartDownsamplingIsAsComputedByHand(t *testing.T) {
	p := startDialects(t)
	id := p.newDevice(t)
	tries := 0
	checkFor(t, 4*time.Second, func(r *rapid.T) {
		tries++
		measurement := fmt.Sprintf("sampled-%d", tries)
		every := rapid.SampledFrom([]struct {
			name string
			long time.Duration
		}{{"250u", 250 * time.Microsecond}, {"100ms", 100 * time.Millisecond}, {"1s", time.Second}, {"7s", 7 * time.Second}, {"1m", time.Minute}, {"90m", 90 * time.Minute},
			{"13h", 13 * time.Hour}, {"1d", 24 * time.Hour}, {"1w", 7 * 24 * time.Hour}}).Draw(r, "interval")
		base := rapid.SampledFrom([]time.Time{time.Date(2016, 2, 28, 22, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 0, 0, time.UTC)}).Draw(r, "base")
		points := rapid.MapOfN(rapid.Int64Range(0, 10*int64(every.long)), rapid.OneOf(rapid.Float64Range(-1e6, 1e6), rapid.Just(1.5)), 1, 40).Draw(r, "points")
		var pairs []string
		for at, v := range points {
			pairs = append(pairs, fmt.Sprintf(`["%s",%s]`, base.Add(time.Duration(at)).Format(time.RFC3339Nano), strconv.FormatFloat(v, 'g', -1, 64)))
		}
		p.v1(r, 200, "POST", "/v1/products/"+id+"/data", `{"measurement":"`+measurement+`","fields":{"v":[`+strings.Join(pairs, ",")+`]}}`)

		after := rapid.Int64Range(-int64(every.long), int64(every.long)).Draw(r, "start")
		before := rapid.Int64Range(after+int64(every.long), 11*int64(every.long)).Draw(r, "end")
		fn := rapid.SampledFrom([]string{"mean", "min", "max", "count", "sum", "first", "last", "spread", "distinct", "median()"}).Draw(r, "function")

		// By hand: which values lie in which bucket.
		in := map[int64][]float64{}
		whole := 0
		for _, at := range slices.Sorted(maps.Keys(points)) {
			if at > after && at < before { // both ends are excluded
				start := floorTo(base.UnixNano()+at, int64(every.long))
				in[start] = append(in[start], points[at])
				whole++
			}
		}
		query := url.Values{"measurement": {measurement}, "fields": {"v"}, "ds_interval": {every.name}, "ds_function": {fn},
			"start": {base.Add(time.Duration(after)).Format(time.RFC3339Nano)}, "end": {base.Add(time.Duration(before)).Format(time.RFC3339Nano)}}
		got := p.smartRows(r, "/v1/products/"+id+"/data?"+query.Encode())["v"]
		if whole == 0 {
			for _, c := range got {
				if c.value != "null" {
					r.Fatalf("there is no point, and a bucket has %s", c.value)
				}
			}
			return
		}
		first, last := floorTo(base.UnixNano()+after+1, int64(every.long)), floorTo(base.UnixNano()+before-1, int64(every.long))
		if n := int((last-first)/int64(every.long)) + 1; n != len(got) {
			r.Fatalf("%d buckets, want %d: %v", len(got), n, got)
		}
		for i, c := range got {
			start := first + int64(i)*int64(every.long)
			if want := time.Unix(0, start).UTC().Format(time.RFC3339Nano); c.at != want {
				r.Fatalf("bucket %d is of %s, want %s", i, c.at, want)
			}
			values := in[start]
			if len(values) == 0 {
				if c.value != "null" {
					r.Fatalf("the bucket of %s is empty, and has %s", c.at, c.value)
				}
				continue
			}
			want, of := byHand(fn, values)
			if c.value == "null" || !near(floatOf(r, c.value), want, of) {
				r.Fatalf("%s of %v is %s, want %v", fn, values, c.value, want)
			}
		}
	})
}

// byHand computes a function of values in the order of their times; of is how large the numbers are that rounding
// has an effect on.
func byHand(fn string, values []float64) (out, of float64) {
	sum := 0.0
	for _, v := range values {
		sum += v
		of += math.Abs(v)
	}
	switch fn {
	case "mean":
		return sum / float64(len(values)), of / float64(len(values))
	case "min":
		return slices.Min(values), 0
	case "max":
		return slices.Max(values), 0
	case "count":
		return float64(len(values)), 0
	case "sum":
		return sum, of
	case "first":
		return values[0], 0
	case "last":
		return values[len(values)-1], 0
	case "spread":
		return slices.Max(values) - slices.Min(values), 0
	case "distinct":
		return float64(len(slices.Compact(slices.Sorted(slices.Values(values))))), 0
	default: // median
		sorted := slices.Sorted(slices.Values(values))
		middle := len(sorted) / 2
		if len(sorted)%2 == 1 {
			return sorted[middle], 0
		}
		return (sorted[middle-1] + sorted[middle]) / 2, of
	}
}

// floorTo is the largest multiple of step up to n, also before the epoch.
func floorTo(n, step int64) int64 {
	rest := n % step
	if rest < 0 {
		rest += step
	}
	return n - rest
}

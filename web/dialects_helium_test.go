package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// heliumPorts are ports of the tests. Their order by name is not the one in which they are used.
var heliumPorts = []string{"t", "h", "_e", "a port, of=spaces ", `50% "x" \n`, "漢🙂"}

// TestPagingGivesEachPointOnce posts points of which many share a timestamp, and reads them in pages of any size with any
// filter: following links.prev gives each point once, by timestamp and then by its making, the newest first; links.next
// leads back the same way.
func TestPagingGivesEachPointOnce(t *testing.T) {
	p := startDialects(t)
	base := time.Date(2016, 4, 7, 19, 12, 6, 0, time.UTC)
	checkFor(t, 4*time.Second, func(r *rapid.T) {
		sensor := p.newDevice(r)
		type made struct {
			point
			port   string
			micros int64
		}
		var all []made
		for range rapid.IntRange(1, 40).Draw(r, "points") {
			port := rapid.SampledFrom(heliumPorts[:4]).Draw(r, "port")
			micros := rapid.SampledFrom([]int64{0, 1, 2, 1_000_000, 1_000_001, 90_000_000, -3_600_000_000}).Draw(r, "microseconds")
			at := base.Add(time.Duration(micros) * time.Microsecond)
			all = append(all, made{p.postPoint(r, sensor, port, strconv.Itoa(len(all)), at.Format("2006-01-02T15:04:05.999999Z")), port, micros})
		}
		slices.Reverse(all) // the last one made first
		slices.SortStableFunc(all, func(a, b made) int { return int(b.micros - a.micros) })

		for range 3 {
			query := url.Values{"page[size]": {strconv.Itoa(rapid.IntRange(1, 12).Draw(r, "size"))}}
			var ports []string
			if rapid.Bool().Draw(r, "of some ports") {
				ports = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"t", "h", "_e", "none"}), 1, 3, rapid.ID[string]).Draw(r, "ports")
				query.Set("filter[port]", strings.Join(ports, ","))
			}
			from, to := int64(-1<<50), int64(1<<50)
			border := rapid.SampledFrom([]int64{0, 1, 2, 1_000_000, 1_000_001, 1_000_002, 90_000_000})
			if rapid.Bool().Draw(r, "from a start") {
				from = border.Draw(r, "start")
				query.Set("filter[start]", base.Add(time.Duration(from)*time.Microsecond).Format("2006-01-02T15:04:05.999999Z"))
			}
			if rapid.Bool().Draw(r, "to an end") {
				to = border.Draw(r, "end")
				query.Set("filter[end]", base.Add(time.Duration(to)*time.Microsecond).Format("2006-01-02T15:04:05.999999Z"))
			}
			var want []string
			for _, m := range all {
				if m.micros >= from && m.micros < to && (ports == nil || slices.Contains(ports, m.port)) {
					want = append(want, m.ID)
				}
			}
			pages := p.pages(r, sensor, query, len(all)+1)
			var got []string
			for _, d := range pointsOf(pages) {
				got = append(got, d.ID)
			}
			if !slices.Equal(got, want) {
				r.Fatalf("with %v: %d points in %d pages\n%v, want %d\n%v", query, len(got), len(pages), got, len(want), want)
			}
			for i := len(pages) - 1; i > 0; i-- {
				next := pages[i].Links.Next
				if next == "" {
					r.Fatalf("page %d of %d has no link to the newer one", i+1, len(pages))
				}
				if back := p.pageAt(r, next); !slices.Equal(back.ids(), pages[i-1].ids()) {
					r.Fatalf("from page %d, next is %v, want %v", i+1, back.ids(), pages[i-1].ids())
				}
			}
			if pages[0].Links.Next != "" {
				r.Fatalf("the first page has a newer one: %s", pages[0].Links.Next)
			}
		}
		// Each point is at its own address, and is what was answered when it was made.
		m := rapid.SampledFrom(all).Draw(r, "one")
		one := p.page(r, sensor, url.Values{"page[size]": {"1"}, "page[id]": {m.ID}}).Data
		if len(one) != 1 || !samePoint(one[0], m.point) {
			r.Fatalf("%+v is read as %+v", m.point, one)
		}
	})
}

// samePoint tells whether two points are the same to the byte.
func samePoint(a, b point) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// TestPagingWhilePointsArrive reads pages while others post, now and into a microsecond that is being read: of the points
// that were there before, each comes once and in order, and none comes twice.
func TestPagingWhilePointsArrive(t *testing.T) {
	p := startDialects(t)
	sensor := p.newDevice(t)
	const shared = "2016-04-07T19:12:06.5Z"
	var want []string
	for i := range 120 {
		port := heliumPorts[i%3]
		want = append(want, p.postPoint(t, sensor, port, strconv.Itoa(i), shared).ID)
	}
	slices.Reverse(want)

	var stop atomic.Bool
	var posting sync.WaitGroup
	var posted atomic.Int64
	for i := range 3 {
		posting.Go(func() {
			for !stop.Load() && !t.Failed() && posted.Load() < 600 { // a microsecond has room for a thousand
				at := []string{"", shared, "2024-01-01T00:00:00Z"}[i]
				p.postPoint(&failsLater{t}, sensor, heliumPorts[i], "1", at)
				posted.Add(1)
			}
		})
	}
	p.until("points that arrive", func() bool { return posted.Load() > 10 })
	for _, size := range []int{1, 7, 50, 1000} {
		seen := map[string]bool{}
		var old []string
		for _, d := range pointsOf(p.pages(t, sensor, url.Values{"page[size]": {strconv.Itoa(size)}}, 2000)) {
			if seen[d.ID] {
				t.Errorf("in pages of %d, %s came twice", size, d.ID)
			}
			seen[d.ID] = true
			if slices.Contains(want, d.ID) {
				old = append(old, d.ID)
			}
		}
		if !slices.Equal(old, want) {
			t.Errorf("in pages of %d, %d of the %d points that were there came, or in another order", size, len(old), len(want))
		}
	}
	stop.Store(true)
	posting.Wait()
	t.Logf("%d points came meanwhile", posted.Load())
}

// failsLater is a test for goroutines, which must not end it.
type failsLater struct{ *testing.T }

func (f *failsLater) Fatalf(format string, args ...any) { f.Helper(); f.Errorf(format, args...) }

// heliumValue makes any JSON value.
func heliumValue() *rapid.Generator[string] {
	text := rapid.Map(hardText().Filter(func(s string) bool { return len(s) < 10_000 }), quoted)
	number := rapid.OneOf(
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?`),
		rapid.Map(rapid.Float64().Filter(func(f float64) bool { return f-f == 0 }), func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }),
		rapid.SampledFrom([]string{"0", "-0", "5e-324", "1.7976931348623157e308", "1e400", "-1e400", "1e-400", "9007199254740993", "18446744073709551616", "1.50", "1E5"}),
	)
	plain := rapid.OneOf(text, number, rapid.SampledFrom([]string{"true", "false", "null", "{}", "[]", ` [ 1 , 2 ] `, `{"a":{"b":[null,true,"x"]}}`, "{\n\"a\"\t:1}"}))
	list := rapid.Map(rapid.SliceOfN(plain, 0, 4), func(all []string) string { return "[" + strings.Join(all, ",") + "]" })
	object := rapid.Map(rapid.MapOfN(rapid.StringN(0, 8, 20), plain, 0, 4), func(all map[string]string) string {
		var members []string
		for name, value := range all {
			members = append(members, quoted(name)+":"+value)
		}
		return "{" + strings.Join(members, ",") + "}"
	})
	return rapid.OneOf(plain, text, number, list, object)
}

// TestAnyValueIsReadAsItWasPosted posts any JSON on one port, and reads it back: each point has its value, whatever kind
// the others are of, and the same id each time.
func TestAnyValueIsReadAsItWasPosted(t *testing.T) {
	p := startDialects(t)
	checkFor(t, 4*time.Second, func(r *rapid.T) {
		sensor := p.newDevice(r)
		port := rapid.OneOf(rapid.SampledFrom(heliumPorts), rapid.StringN(1, 20, 128).Filter(func(s string) bool { return strings.ToValidUTF8(s, "") == s })).Draw(r, "port")
		var made []point
		var values []string
		for range rapid.IntRange(1, 6).Draw(r, "values") {
			value := heliumValue().Draw(r, "value")
			d := p.postPoint(r, sensor, port, value, rapid.SampledFrom([]string{"", "2016-03-09T22:04:38.123456Z", "1969-12-31T23:59:59.999999Z", "1678-01-01"}).Draw(r, "timestamp"))
			if !sameJSON(r, value, string(d.Attributes.Value)) || d.Attributes.Port != port {
				r.Fatalf("%q = %.300s is answered as %+v", port, value, d)
			}
			made, values = append(made, d), append(values, value)
		}
		for range 2 {
			got := pointsOf(p.pages(r, sensor, url.Values{}, 2))
			if len(got) != len(made) {
				r.Fatalf("%d points of %d are there", len(got), len(made))
			}
			for i, m := range made {
				at := slices.IndexFunc(got, func(d point) bool { return d.ID == m.ID })
				switch {
				case at < 0:
					r.Fatalf("%s is not there", m.ID)
				case !sameJSON(r, values[i], string(got[at].Attributes.Value)):
					r.Fatalf("%.300s is read as %.300s", values[i], got[at].Attributes.Value)
				case got[at].Attributes.Timestamp != m.Attributes.Timestamp || got[at].Meta != m.Meta || got[at].Attributes.Port != port:
					r.Fatalf("%+v is read as %+v", m, got[at])
				}
			}
		}
		if strings.Contains(port, ",") {
			return // a list of ports cannot name it
		}
		if filtered := p.page(r, sensor, url.Values{"filter[port]": {port}}); len(filtered.Data) != len(made) {
			r.Fatalf("filter[port]=%q gives %d points of %d", port, len(filtered.Data), len(made))
		}
	})
}

// sameJSON tells whether two JSON values are the same: numbers to the last digit, however they are written.
func sameJSON(t fails, a, b string) bool {
	t.Helper()
	return same(decoded(t, a), decoded(t, b))
}

func decoded(t fails, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%.300s: %v", text, err)
	}
	return v
}

func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		o, ok := b.(map[string]any)
		if !ok || len(o) != len(a) {
			return false
		}
		for name, v := range a {
			if w, ok := o[name]; !ok || !same(v, w) {
				return false
			}
		}
		return true
	case []any:
		l, ok := b.([]any)
		return ok && slices.EqualFunc(a, l, same)
	case json.Number:
		n, ok := b.(json.Number)
		x, okX := new(big.Rat).SetString(string(a))
		y, okY := new(big.Rat).SetString(string(n))
		return ok && okX && okY && x.Cmp(y) == 0
	}
	return a == b
}

// TestAggregationIsAsComputedByHand holds min, max and avg of buckets to a plain computation: of numbers alone, one series
// a port, the newest bucket first, each with the id and the making of its newest number; paged in any size.
func TestAggregationIsAsComputedByHand(t *testing.T) {
	p := startDialects(t)
	type number struct {
		point
		at    time.Time
		order int
		value float64
	}
	type key struct {
		start int64
		port  string
	}
	checkFor(t, 4*time.Second, func(r *rapid.T) {
		sensor := p.newDevice(r)
		size := rapid.SampledFrom([]struct {
			name string
			long time.Duration
		}{{"1m", time.Minute}, {"m", time.Minute}, {"2m", 2 * time.Minute}, {"5m", 5 * time.Minute}, {"10m", 10 * time.Minute}, {"30m", 30 * time.Minute},
			{"1h", time.Hour}, {"h", time.Hour}, {"6h", 6 * time.Hour}, {"12h", 12 * time.Hour}, {"1d", 24 * time.Hour}, {"d", 24 * time.Hour}}).Draw(r, "size")
		base := rapid.SampledFrom([]time.Time{time.Date(2016, 2, 28, 22, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC)}).Draw(r, "base")
		buckets := map[key][]number{}
		from := base.Add(rapid.SampledFrom([]time.Duration{-time.Hour, 0, size.long / 3, size.long}).Draw(r, "from"))
		for i := range rapid.IntRange(1, 30).Draw(r, "points") {
			port := rapid.SampledFrom([]string{"t", "h", "_e"}).Draw(r, "port")
			at := base.Add(time.Duration(rapid.Int64Range(0, 4*int64(size.long)/1000).Draw(r, "microseconds")) * time.Microsecond)
			value, isNumber := rapid.SampledFrom([]string{`"warm"`, "true", `{"x":1}`, "null"}).Draw(r, "other"), rapid.IntRange(0, 3).Draw(r, "kind") > 0
			f := rapid.OneOf(rapid.Float64Range(-1e6, 1e6), rapid.Just(21.5), rapid.Just(float64(1<<53))).Draw(r, "number")
			if isNumber {
				value = strconv.FormatFloat(f, 'g', -1, 64)
			}
			d := p.postPoint(r, sensor, port, value, at.Format("2006-01-02T15:04:05.999999Z"))
			if isNumber && !at.Before(from) {
				k := key{floorTo(at.UnixNano(), int64(size.long)), port}
				buckets[k] = append(buckets[k], number{d, at, i, f})
			}
		}
		query := url.Values{"agg[type]": {"max,min,avg"}, "agg[size]": {size.name}, "filter[start]": {from.Format("2006-01-02T15:04:05.999999Z")},
			"page[size]": {strconv.Itoa(rapid.IntRange(1, 6).Draw(r, "page"))}}
		got := pointsOf(p.pages(r, sensor, query, 100))
		var keys []key
		for k := range buckets {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, b key) int {
			if a.start != b.start {
				return int((b.start - a.start) / int64(size.long))
			}
			return strings.Compare(a.port, b.port)
		})
		if len(got) != len(keys) {
			r.Fatalf("%d buckets, want %d", len(got), len(keys))
		}
		for i, k := range keys {
			of := buckets[k]
			newest := slices.MaxFunc(of, func(a, b number) int {
				if c := a.at.Compare(b.at); c != 0 {
					return c
				}
				return a.order - b.order
			})
			var values []float64
			for _, n := range of {
				values = append(values, n.value)
			}
			d := got[i]
			if want := time.Unix(0, k.start).UTC().Format("2006-01-02T15:04:05Z"); d.Attributes.Timestamp != want || d.Attributes.Port != "agg("+k.port+")" {
				r.Fatalf("bucket %d is %s of %s, want agg(%s) of %s", i, d.Attributes.Port, d.Attributes.Timestamp, k.port, want)
			}
			if d.ID != newest.ID || d.Meta != newest.Meta {
				r.Fatalf("bucket %d has id %s made %s, want %s made %s", i, d.ID, d.Meta.Created, newest.ID, newest.Meta.Created)
			}
			var value map[string]float64
			if err := json.Unmarshal(d.Attributes.Value, &value); err != nil || len(value) != 3 {
				r.Fatalf("%s: %v", d.Attributes.Value, err)
			}
			mean, size := byHand("mean", values)
			if value["min"] != slices.Min(values) || value["max"] != slices.Max(values) || !near(value["avg"], mean, size) {
				r.Fatalf("%v is aggregated as %s", values, d.Attributes.Value)
			}
		}
	})
}

// TestIDsOfPointsAreStable reads a point by its id after other points came around it, and after a start of the program
// anew.
func TestIDsOfPointsAreStable(t *testing.T) {
	env := unlimited(databaseEnv(t))
	p := start(t, env)
	sensor := p.newDevice(t)
	const at = "2016-03-09T22:04:38Z"
	first := p.postPoint(t, sensor, "t", "1.5", at)
	for i := range 5 {
		p.postPoint(t, sensor, heliumPorts[i], "2", at)
	}
	read := func(p *program) {
		t.Helper()
		if got := p.page(t, sensor, url.Values{"page[id]": {first.ID}, "page[size]": {"1"}}).Data; len(got) != 1 || !samePoint(got[0], first) {
			t.Errorf("%+v, want %+v", got, first)
		}
	}
	read(p)
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	p = start(t, env)
	read(p)
	if id, err := uuid.Parse(first.ID); err != nil || id.Version() != 8 {
		t.Errorf("%s is no UUIDv8: %v", first.ID, err)
	}
	if text := p.v1(t, 404, "GET", fmt.Sprintf("/v1/sensor/%s/timeseries?page%%5Bid%%5D=%s", sensor, uuid.New()), ""); !strings.Contains(text, `"status":"404"`) {
		t.Error(text)
	}
}

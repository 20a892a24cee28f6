package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// drawing is how long selections are drawn and compared.
const drawing = 8 * time.Second

// heliumTag escapes a tag's value for line protocol.
var heliumTag = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `)

// heliumLine is a point as the dialect writes it; value is a JSON value.
func heliumLine(owner, port, value string, at, created int64) string {
	var fields string
	switch value[0] {
	case '"':
		var text string
		if json.Unmarshal([]byte(value), &text) != nil {
			panic("no JSON: " + value)
		}
		fields = `string="` + fieldText.Replace(text) + `"`
	case 't', 'f':
		fields = "boolean=" + value
	case '{', '[', 'n':
		fields = `json="` + fieldText.Replace(value) + `"`
	default:
		fields = "number=" + value + ",at=" + itoa(at) + "i"
	}
	return fmt.Sprintf("helium,clientId=%s,port=%s %s,created=%di %d", owner, heliumTag.Replace(helium.EscapePort(port)), fields, created, at)
}

var fieldText = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func writeAll(s Subject, lines []string) {
	for some := range slices.Chunk(lines, 5000) {
		s.Write(strings.Join(some, "\n"))
	}
}

func selectionOf(owner devices.ID, ports ...string) helium.Selection {
	return helium.Selection{Owner: owner, Ports: ports}
}

// brief writes points as "time port value", times counted from one.
func brief(points []helium.Stored, from int64) string {
	var b strings.Builder
	for _, p := range points {
		fmt.Fprintf(&b, "%d %s %s\n", p.At-from, p.Port, p.Value)
	}
	return b.String()
}

// oddPorts are names that would be something else if they were not quoted.
var oddPorts = []string{
	"a b", " edges ", "a,b=c", `"`, `'`, `it's`, `back\slash\`, "50%", "%41", "%zz", "ü€😀", "tab\tnew\nline\r", "nul\x00", "\u2028", "number", "port", "clientId", "time",
	`x' OR 'a'='a`, `"; DROP MEASUREMENT helium; --`, `t") or true or r.port == ("`, `${1+1}`, "/.+/", "agg(t)", "*", "",
}

// Helium tests helium.Store.
func Helium(t *testing.T, s Subject) {
	ctx := start(t)
	day := moment().Truncate(24 * time.Hour)
	at := day.UnixNano()

	t.Run("PointsComeNewestFirstWithTheirValues", func(t *testing.T) {
		us := day.UnixMicro()
		writeAll(s, []string{
			heliumLine("kinds", "t", "1.5", at, us), heliumLine("kinds", "t", "true", at+1, us+1), heliumLine("kinds", "t", `"a \"<b>\" ü"`, at+2, us+2),
			heliumLine("kinds", "t", `{"a":[1,null]}`, at+3, us+3), heliumLine("kinds", "t", "null", at+4, us+4), heliumLine("kinds", "_e", `""`, at+5, us+5),
			"helium,clientId=kinds,port=t number=9007199254740992,json=\"9007199254740993\" " + itoa(at+6),
			"helium,clientId=kinds,port=t number=7 " + itoa(at+1007),
			"helium,clientId=kinds,port=t created=7i " + itoa(at+8), "helium,clientId=kinds,port=t other=7i " + itoa(at+9),
			"helium,clientId=kinds,port=t json=\"{no\" " + itoa(at+10),
			heliumLine("kinds2", "t", "99", at, us),
		})
		got, err := s.DB.HeliumPoints(ctx, selectionOf("kinds"), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		want := "1007 t 7\n10 t \"{no\"\n6 t 9007199254740993\n5 _e \"\"\n4 t null\n3 t {\"a\":[1,null]}\n2 t \"a \\\"<b>\\\" ü\"\n1 t true\n0 t 1.5\n"
		if d := gocmp.Diff(want, brief(got, at)); d != "" {
			t.Fatal(d)
		}
		for i, want := range map[int]time.Time{0: day.Add(time.Microsecond), 2: day, 4: day.Add(4 * time.Microsecond), 8: day} {
			if !got[i].Created.Equal(want) || got[i].Created.Location() != time.UTC {
				t.Errorf("point %d was made %v, want %v", i, got[i].Created, want)
			}
		}
		for limit := 1; limit < 10; limit++ {
			for i := range got {
				some, err := s.DB.HeliumPoints(ctx, selectionOf("kinds"), got[i].At, limit)
				if err != nil || brief(some, at) != brief(got[i:min(i+limit, len(got))], at) {
					t.Errorf("%d from the %dth: %s, %v", limit, i, brief(some, at), err)
				}
			}
		}
	})

	t.Run("PointsOfOneTimeAreOrderedByPort", func(t *testing.T) {
		var lines []string
		for i := range 40 { // as line protocol can write them
			lines = append(lines, heliumLine("ties", fmt.Sprintf("p%02d", (i*7)%40), itoa(int64(i)), at+int64(i%4), at/1000))
		}
		writeAll(s, lines)
		all, err := s.DB.HeliumPoints(ctx, selectionOf("ties"), 0, 100)
		if err != nil || len(all) != 40 || !slices.IsSortedFunc(all, func(a, b helium.Stored) int {
			return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Port, b.Port))
		}) {
			t.Fatalf("%s, %v", brief(all, at), err)
		}
		for limit := 1; limit <= 40; limit++ {
			some, err := s.DB.HeliumPoints(ctx, selectionOf("ties"), 0, limit)
			if err != nil || brief(some, at) != brief(all[:limit], at) {
				t.Fatalf("%d of them: %s, %v", limit, brief(some, at), err)
			}
		}
		for n := 1; n <= 40; n++ {
			got, port, found, err := s.DB.HeliumNewer(ctx, selectionOf("ties"), at, n)
			want := all[:30][max(30-n, 0)]
			if err != nil || !found || got != want.At || port != want.Port {
				t.Errorf("the %dth newer is at %d of %s, %v, %v; want %d of %s", n, got-at, port, found, err, want.At-at, want.Port)
			}
		}
	})

	t.Run("OddPortsAreOnlyNames", func(t *testing.T) {
		var lines []string
		for i, port := range oddPorts {
			if port != "" {
				lines = append(lines, heliumLine("odd", port, itoa(int64(i)), at+int64(i), at/1000))
			}
		}
		lines = append(lines, "helium,clientId=odd,port=plain%20 number=1 "+itoa(at-1), "helium,clientId=odd,port=50% number=2 "+itoa(at-2))
		writeAll(s, lines)
		for i, port := range oddPorts {
			got, err := s.DB.HeliumPoints(ctx, helium.Selection{Owner: "odd", Ports: []string{port}}, 0, 10)
			want := fmt.Sprintf("%d %s %d\n", i, port, i)
			switch port {
			case "":
				want = ""
			case "50%":
				want += "-2 50% 2\n"
			}
			if d := gocmp.Diff(want, brief(got, at)); err != nil || d != "" {
				t.Errorf("%q: %v, %s", port, err, d)
			}
			if port == "" || port == "50%" {
				continue
			}
			buckets, err := s.DB.HeliumBuckets(ctx, helium.Selection{Owner: "odd", Ports: []string{port}}, time.Hour, time.Time{}, 10)
			if err != nil || len(buckets) != 1 || buckets[0].Port != port || buckets[0].Avg != float64(i) || buckets[0].NewestAt != at+int64(i) {
				t.Errorf("%q: %+v, %v", port, buckets, err)
			}
		}
		names, err := s.DB.HeliumPorts(ctx, "odd")
		want := slices.Sorted(slices.Values(append(oddPorts[:len(oddPorts)-1:len(oddPorts)-1], "plain ")))
		if d := gocmp.Diff(want, names); err != nil || d != "" {
			t.Errorf("%v, %s", err, d)
		}
		all, err := s.DB.AllHeliumPorts(ctx)
		if d := gocmp.Diff(want, all["odd"]); err != nil || d != "" {
			t.Errorf("of all: %v, %s", err, d)
		}
		for _, owner := range oddPorts {
			for name, ask := range map[string]func() (int, error){
				"points": func() (int, error) {
					got, err := s.DB.HeliumPoints(ctx, selectionOf(devices.ID(owner)), 0, 10)
					return len(got), err
				},
				"ports": func() (int, error) { got, err := s.DB.HeliumPorts(ctx, devices.ID(owner)); return len(got), err },
				"buckets": func() (int, error) {
					got, err := s.DB.HeliumBuckets(ctx, selectionOf(devices.ID(owner)), time.Hour, time.Time{}, 10)
					return len(got), err
				},
			} {
				if n, err := ask(); err != nil || n != 0 {
					t.Errorf("%s of %q: %d, %v", name, owner, n, err)
				}
			}
		}
	})

	t.Run("OwnersAreDevicesAndTheOrganization", func(t *testing.T) {
		writeAll(s, []string{
			heliumLine(string(telemetry.OrganizationClient), "o", "1", at, at/1000), heliumLine("_other", "o", "1", at, at/1000), "helium,port=o number=1 " + itoa(at),
			heliumLine("two", "b", "1", at, at/1000), heliumLine("two", "a", "1", at+1, at/1000), "helium,clientId=two,port=a,more=x\\,port\\=z number=1 " + itoa(at),
		})
		all, err := s.DB.AllHeliumPorts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff([]string{"a", "b"}, all["two"]); d != "" {
			t.Error(d)
		}
		if d := gocmp.Diff([]string{"o"}, all[telemetry.OrganizationClient]); d != "" {
			t.Error(d)
		}
		for id := range all {
			if _, err := devices.ParseID(string(id)); err != nil && id != telemetry.OrganizationClient {
				t.Errorf("%q is no owner", id)
			}
		}
	})

	t.Run("TheFirstAndTheLastTime", func(t *testing.T) {
		const first, last = math.MinInt64 + 2, math.MaxInt64 - 1
		writeAll(s, []string{heliumLine("ends", "t", "1", first, 0), heliumLine("ends", "t", "2", last, 0), heliumLine("ends", "t", "3", -1, 0), heliumLine("ends", "t", "4", 0, 0)})
		year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
		for _, c := range []struct {
			start, end time.Time
			want       string
		}{
			{time.Time{}, time.Time{}, "2 4 3 1"}, {year(1), year(9999), "2 4 3 1"}, {year(1), year(2), ""}, {year(9998), year(9999), ""},
			{time.Unix(0, 0), time.Time{}, "2 4"}, {time.Time{}, time.Unix(0, 0), "3 1"}, {time.Unix(0, -1), time.Unix(0, 1), "4 3"}, {time.Unix(0, last), time.Time{}, "2"},
		} {
			sel := helium.Selection{Owner: "ends", Start: c.start, End: c.end}
			got, err := s.DB.HeliumPoints(ctx, sel, 0, 10)
			var values []string
			for _, p := range got {
				values = append(values, string(p.Value))
			}
			if text := strings.Join(values, " "); err != nil || text != c.want {
				t.Errorf("from %v to %v: %q, %v; want %q", c.start, c.end, text, err, c.want)
			}
		}
		for n, want := range []int64{1: -1, 2: 0, 3: last, 4: last} {
			if n == 0 {
				continue
			}
			if got, port, found, err := s.DB.HeliumNewer(ctx, selectionOf("ends"), first, n); err != nil || !found || got != want || port != "t" {
				t.Errorf("the %dth after the first: %d, %v, %v", n, got, found, err)
			}
		}
		if _, _, found, err := s.DB.HeliumNewer(ctx, selectionOf("ends"), last, 1); err != nil || found {
			t.Errorf("after the last: %v, %v", found, err)
		}
		for _, size := range []time.Duration{time.Minute, 24 * time.Hour} {
			edges, err := s.DB.HeliumBuckets(ctx, selectionOf("ends"), size, time.Time{}, 10)
			if err != nil || len(edges) != 2 || edges[0].NewestAt != 0 || edges[0].Avg != 4 || edges[1].NewestAt != -1 || edges[1].Avg != 3 {
				t.Errorf("all buckets of %v: %+v, %v", size, edges, err)
			}
			got, err := s.DB.HeliumBuckets(ctx, helium.Selection{Owner: "ends", Start: year(1700), End: year(2200)}, size, time.Time{}, 10)
			if err != nil || len(got) != 2 || !got[0].Start.Equal(time.Unix(0, 0)) || !got[1].Start.Equal(time.Unix(0, 0).Add(-size)) || got[1].NewestAt != -1 {
				t.Errorf("buckets of %v: %+v, %v", size, got, err)
			}
		}
	})

	t.Run("TakenIsTheLargestTimeOnAnyPort", func(t *testing.T) {
		writeAll(s, []string{heliumLine("taken", "a", "1", at+3, 0), heliumLine("taken", "b", "true", at+5, 0), heliumLine("taken", "c", "{}", at+1000, 0)})
		for _, c := range []struct{ from, to, want int64 }{{0, 1000, 5}, {0, 5, 3}, {4, 5, -1}, {0, 1001, 1000}, {6, 6, -1}} {
			got, found, err := s.DB.HeliumTaken(ctx, "taken", at+c.from, at+c.to)
			if err != nil || found != (c.want >= 0) || found && got != at+c.want {
				t.Errorf("%+v: %d, %v, %v", c, got-at, found, err)
			}
		}
	})

	t.Run("AnyFilterSizeAndLimit", func(t *testing.T) { heliumProperties(t, s, day) })
	t.Run("ThousandPorts", func(t *testing.T) { heliumThousand(t, s, day) })
	t.Run("PortsAreFields", func(t *testing.T) { heliumSeries(t, s, day) })
}

// heliumProperties compares answers about one set of points with what a plain computation over them gives.
func heliumProperties(t *testing.T, s Subject, day time.Time) {
	ctx := t.Context()
	ports := []string{"t", "a b", "50%", "ü,", "p'"}
	values := []string{"1.5", "-2", "0", "1e9", "true", `"text"`, `{"a":1}`, "null", "0.1", "7"}
	var all []helium.Stored
	var lines []string
	for i := range 600 {
		// In two days minutes apart, in the same microsecond, a year before, and before 1970.
		at := day.UnixNano() + int64(i)*int64(97*time.Second)
		switch i % 10 {
		case 3:
			at = all[i-1].At + 1
		case 7:
			at = day.AddDate(-1, 0, 0).UnixNano() + int64(i)*int64(time.Hour)
		case 9:
			at = -int64(i) * int64(11*time.Hour)
		}
		created := day.Add(time.Duration(i) * time.Second)
		p := helium.Stored{At: at, Port: ports[(i*i)%len(ports)], Value: json.RawMessage(values[(i*7+i/10)%len(values)]), Created: created}
		all = append(all, p)
		line := heliumLine("any", p.Port, string(p.Value), at, created.UnixMicro())
		if i%50 == 0 { // by line protocol: with no time of its own, and with one that is wrong
			line = strings.ReplaceAll(line, ",at="+itoa(at), ",at="+itoa(at*int64(i%100/50)))
		}
		lines = append(lines, line)
	}
	writeAll(s, lines)
	for i := range all { // as the database writes it
		all[i].Value = json.RawMessage(strings.ReplaceAll(string(all[i].Value), "1e9", "1000000000"))
	}
	order := func(a, b helium.Stored) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Port, b.Port)) }
	slices.SortFunc(all, order)

	sizes := []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}
	began := time.Now()
	rapid.Check(t, func(t *rapid.T) {
		if time.Since(began) > drawing {
			return // a slow machine draws less often
		}
		sel := helium.Selection{Owner: "any"}
		if rapid.Bool().Draw(t, "some ports") {
			sel.Ports = rapid.SliceOfNDistinct(rapid.SampledFrom(append(ports, "none")), 1, 4, rapid.ID).Draw(t, "ports")
		}
		moments := rapid.Custom(func(t *rapid.T) time.Time {
			return time.Unix(0, rapid.SampledFrom(all).Draw(t, "near").At).UTC().Add(time.Duration(rapid.SampledFrom([]int64{0, 1, -1, 1000, 1e10, -1e10}).Draw(t, "by")))
		})
		if rapid.Bool().Draw(t, "from") {
			sel.Start = moments.Draw(t, "start")
		}
		if rapid.Bool().Draw(t, "to") {
			sel.End = moments.Draw(t, "end")
		}
		var picked []helium.Stored
		for _, p := range all {
			when := time.Unix(0, p.At)
			if (sel.Ports == nil || slices.Contains(sel.Ports, p.Port)) && (sel.Start.IsZero() || !when.Before(sel.Start)) && (sel.End.IsZero() || when.Before(sel.End)) {
				picked = append(picked, p)
			}
		}
		limit := rapid.SampledFrom([]int{1, 2, 7, 50, 1000}).Draw(t, "limit")

		// Points.
		upTo := int64(0)
		rest := picked
		if len(picked) > 0 && rapid.Bool().Draw(t, "page") {
			upTo = rapid.SampledFrom(picked).Draw(t, "upTo").At
			rest = slices.DeleteFunc(slices.Clone(picked), func(p helium.Stored) bool { return p.At > upTo })
		}
		got, err := s.DB.HeliumPoints(ctx, sel, upTo, limit)
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(rest[:min(limit, len(rest))], got, gocmp.Transformer("empty", func(p []helium.Stored) string { return fmt.Sprint(brief(p, 0), len(p)) })); d != "" {
			t.Fatal(d)
		}
		for i, p := range got {
			if !p.Created.Equal(rest[i].Created) {
				t.Fatalf("point %d was made %v, want %v", i, p.Created, rest[i].Created)
			}
		}
		if after := rapid.SampledFrom(all).Draw(t, "after").At; true {
			newer := slices.DeleteFunc(slices.Clone(picked), func(p helium.Stored) bool { return p.At <= after })
			at, port, found, err := s.DB.HeliumNewer(ctx, sel, after, limit)
			if err != nil || found != (len(newer) > 0) {
				t.Fatalf("newer than %d: %v, %v", after, found, err)
			}
			if want := max(len(newer)-limit, 0); found && (at != newer[want].At || port != newer[want].Port) {
				t.Fatalf("the %dth of %d newer than %d: %d of %s, want %+v", limit, len(newer), after, at, port, newer[want])
			}
		}

		// Buckets.
		size := rapid.SampledFrom(sizes).Draw(t, "size")
		buckets := naiveBuckets(picked, size)
		var upToBucket time.Time
		older := buckets
		if len(buckets) > 0 && rapid.Bool().Draw(t, "page of buckets") {
			upToBucket = rapid.SampledFrom(buckets).Draw(t, "upTo").Start
			older = slices.DeleteFunc(slices.Clone(buckets), func(b helium.Bucket) bool { return b.Start.After(upToBucket) })
		}
		found, err := s.DB.HeliumBuckets(ctx, sel, size, upToBucket, limit)
		if err != nil {
			t.Fatal(err)
		}
		if d := sameBuckets(older[:min(limit, len(older))], found); d != "" {
			t.Fatal(d)
		}
		after := helium.Bucket{Start: moments.Draw(t, "after").Truncate(size), Port: rapid.SampledFrom(ports).Draw(t, "port")}
		newer := slices.DeleteFunc(slices.Clone(buckets), func(b helium.Bucket) bool {
			return b.Start.Before(after.Start) || b.Start.Equal(after.Start) && b.Port >= after.Port
		})
		one, any, err := s.DB.HeliumNewerBucket(ctx, sel, size, after, limit)
		if err != nil || any != (len(newer) > 0) {
			t.Fatalf("a bucket newer than %+v: %v, %v", after, any, err)
		}
		if any {
			if d := sameBuckets(newer[max(len(newer)-limit, 0):][:1], []helium.Bucket{one}); d != "" {
				t.Fatal(d)
			}
		}
	})
}

// naiveBuckets computes buckets of points that come newest first.
func naiveBuckets(points []helium.Stored, size time.Duration) []helium.Bucket {
	type key struct {
		start time.Time
		port  string
	}
	found, counts := map[key]*helium.Bucket{}, map[key]float64{}
	for _, p := range points {
		var v float64
		if p.Value[0] != '-' && (p.Value[0] < '0' || p.Value[0] > '9') || json.Unmarshal(p.Value, &v) != nil {
			continue
		}
		k := key{time.Unix(0, p.At).UTC().Truncate(size), p.Port}
		if found[k] == nil {
			found[k] = &helium.Bucket{Start: k.start, Port: k.port, Min: v, Max: v, NewestAt: p.At, Created: p.Created}
		}
		b := found[k]
		b.Min, b.Max, b.Avg = min(b.Min, v), max(b.Max, v), b.Avg+v
		counts[k]++
	}
	var out []helium.Bucket
	for k, b := range found {
		b.Avg /= counts[k]
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b helium.Bucket) int { return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(a.Port, b.Port)) })
	return out
}

// sameBuckets compares buckets; sums of floats depend on their order.
func sameBuckets(want, got []helium.Bucket) string {
	if len(want) == 0 && len(got) == 0 {
		return ""
	}
	return gocmp.Diff(want, got, gocmp.Comparer(func(a, b float64) bool { return a == b || math.Abs(a-b) <= 1e-12*math.Max(math.Abs(a), math.Abs(b)) }))
}

// heliumThousand has as many ports as the dialect allows, and asks about all and about many of them by name.
func heliumThousand(t *testing.T, s Subject, day time.Time) {
	ctx := t.Context()
	var lines, names []string
	for i := range helium.MaxPorts {
		name := fmt.Sprintf("port %% %03d", i)
		names = append(names, name)
		for n := range 3 {
			lines = append(lines, heliumLine("thousand", name, itoa(int64(n)), day.UnixNano()+int64(n)*int64(time.Hour)+int64(i), day.UnixMicro()))
		}
	}
	writeAll(s, lines)
	slices.Sort(names)
	if got, err := s.DB.HeliumPorts(ctx, "thousand"); err != nil || !slices.Equal(got, names) {
		t.Fatalf("%d ports, %v", len(got), err)
	}
	for name, sel := range map[string]helium.Selection{"all": selectionOf("thousand"), "by name": selectionOf("thousand", names...)} {
		points, err := s.DB.HeliumPoints(ctx, sel, 0, 1500)
		if err != nil || len(points) != 1500 || points[0].Port != names[999] || points[1499].At != day.UnixNano()+int64(time.Hour)+500 {
			t.Errorf("%s: %d points, %v", name, len(points), err)
		}
		buckets, err := s.DB.HeliumBuckets(ctx, sel, time.Hour, time.Time{}, 1500)
		if err != nil || len(buckets) != 1500 || buckets[0].Port != names[0] || buckets[1000].Port != names[0] || buckets[1499].Port != names[499] || buckets[1499].Avg != 1 {
			t.Errorf("%s: %d buckets, %v", name, len(buckets), err)
		}
		at, port, found, err := s.DB.HeliumNewer(ctx, sel, day.UnixNano()+500, 1000)
		if err != nil || !found || at != day.UnixNano()+int64(time.Hour)+500 || port != names[500] {
			t.Errorf("%s: the thousandth newer is at %d of %s, %v, %v", name, at-day.UnixNano(), port, found, err)
		}
		b, found, err := s.DB.HeliumNewerBucket(ctx, sel, time.Hour, helium.Bucket{Start: day, Port: names[500]}, 1000)
		if err != nil || !found || b.Port != names[500] || !b.Start.Equal(day.Add(time.Hour)) {
			t.Errorf("%s: the thousandth newer bucket is %+v, %v, %v", name, b, found, err)
		}
	}
}

// heliumSeries tests that what telemetry.Reader tells of fields, it tells of ports.
func heliumSeries(t *testing.T, s Subject, day time.Time) {
	ctx := t.Context()
	var lines []string
	for i := range 2000 {
		at := day.UnixNano() + int64(i)*int64(time.Minute)/4
		lines = append(lines, heliumLine("charts", "t", itoa(int64(i%20)), at, at/1000))
		if i < 100 {
			lines = append(lines, heliumLine("charts", "my port", itoa(int64(i)), at+1, at/1000), heliumLine("charts", "50%", "5", at+2, at/1000))
		}
	}
	lines = append(lines, heliumLine("charts", "_e", `{"kind":"x"}`, day.Add(12*time.Hour).UnixNano(), day.UnixMicro()), heliumLine("charts", "t", `"text"`, day.Add(11*time.Hour).UnixNano(), 1))
	writeAll(s, lines)
	name := func(f telemetry.Field) string { return fmt.Sprintf("%s %s %s %d", f.Name, f.Title, f.Unit, f.Slot) }
	want := []string{"t Temperature °C 1", "50% 50%  2", "my port my port  3"}
	for _, c := range []struct {
		fields []string
		stop   time.Duration
		points int
		raw    bool
		want   []string
		counts []int
	}{
		{nil, 24 * time.Hour, 600, false, want, nil},
		{nil, 10 * time.Minute, 600, true, want, []int{40, 40, 40}},
		{[]string{"my port"}, 24 * time.Hour, 600, true, []string{"my port my port  1"}, []int{100}},
		{[]string{"50%", "nothing", "_e"}, 24 * time.Hour, 600, true, []string{"50% 50%  1"}, []int{100}},
	} {
		got, err := s.DB.Series(ctx, telemetry.SeriesQuery{Device: "charts", Measurement: helium.Measurement, Fields: c.fields, Start: day, Stop: day.Add(c.stop), Points: c.points})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for i, series := range got.Series {
			names = append(names, name(series.Field))
			if c.counts != nil && i < len(c.counts) && len(series.Times) != c.counts[i] {
				t.Errorf("%v: %d points of %s, want %d", c.fields, len(series.Times), series.Field.Name, c.counts[i])
			}
		}
		if d := gocmp.Diff(c.want, names); d != "" || got.Raw != c.raw || len(got.Queries) != 2 {
			t.Errorf("%v: %s, raw %v", c.fields, d, got.Raw)
		}
	}
	last, _, err := s.DB.Last(ctx, "charts", helium.Measurement, day)
	if err != nil || len(last) != 3 || name(last[0].Field) != want[0] || last[0].Value != 19 || !last[0].Time.Equal(day.Add(1999*15*time.Second)) || last[2].Value != 99 {
		t.Errorf("last: %+v, %v", last, err)
	}
	stats, err := s.DB.Stats(ctx, "charts", helium.Measurement, day, day.Add(24*time.Hour))
	if err != nil || len(stats) != 3 {
		t.Fatalf("stats: %+v, %v", stats, err)
	}
	if got := stats[0]; got.Min != 0 || got.Max != 19 || got.Count != 2000 || got.Last != 19 || !got.LastTime.Equal(last[0].Time) || name(got.Field) != want[0] {
		t.Errorf("stats: %+v", got)
	}
	if got := stats[2]; got.Min != 0 || got.Max != 99 || got.Count != 100 || got.Last != 99 || name(got.Field) != want[2] {
		t.Errorf("stats: %+v", got)
	}
	entry, err := s.DB.LastEntry(ctx, "charts", helium.Measurement, time.Time{})
	if err != nil || !entry.Equal(day.Add(12*time.Hour)) {
		t.Errorf("last entry: %v, %v", entry, err)
	}
	measurements, err := s.DB.Measurements(ctx, "charts")
	if d := gocmp.Diff([]string{helium.Measurement}, measurements); err != nil || d != "" {
		t.Errorf("%s, %v", d, err)
	}
}

package influx

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/influxdata/influxdb/models"

	"iotcenter/telemetry/helium"
)

func TestTagsOfASeries(t *testing.T) {
	for _, c := range []struct{ key, owner, port string }{
		{"helium,clientId=a,port=t", "a", "t"},
		{"helium,port=t,clientId=a,z=1", "a", "t"},
		{`helium,clientId=a,port=a\ b\,c\=d`, "a", "a b,c=d"},
		{`helium,clientId=a,o\,port\=x=y,port=b\c`, "a", `b\c`},
		{`hel\,port\=x,clientId=a`, "a", ""},
		{"helium", "", ""}, {"", "", ""}, {",,=,port", "", ""},
	} {
		if owner, port := seriesTags(c.key, "clientId", "port"); owner != c.owner || port != c.port {
			t.Errorf("%s: %q and %q", c.key, owner, port)
		}
	}
}

// FuzzTagsOfASeries compares with how the database writes and reads its keys.
func FuzzTagsOfASeries(f *testing.F) {
	f.Add("a", "b c")
	f.Add("ü,=", `x\`)
	f.Fuzz(func(t *testing.T, owner, port string) {
		key := models.MakeKey([]byte("helium"), models.NewTags(map[string]string{"clientId": owner, "port": port}))
		_, tags := models.ParseKeyBytes(key)
		if tags.GetString("clientId") != owner || tags.GetString("port") != port {
			t.Skip("the database cannot read this key itself")
		}
		if a, b := seriesTags(string(key), "clientId", "port"); a != owner || b != port {
			t.Errorf("%s: %q and %q, want %q and %q", key, a, b, owner, port)
		}
	})
}

func TestPartsFollowEachOther(t *testing.T) {
	const day = int64(24 * time.Hour)
	for _, in := range []span{{firstNano, lastNano}, {0, lastNano}, {5, 5}, {-day, day*400 + 7}, {lastNano - 1, lastNano}, {firstNano, firstNano + 1}, {day*20000 + 1, day*20365 - 1}} {
		for _, length := range []time.Duration{time.Minute, firstPart, math.MaxInt64} {
			parts := backwards(in, max(in.from, min(in.to, day*20600)), length)
			slices.Reverse(parts)
			if parts[0].from != in.from || parts[len(parts)-1].to != in.to || len(parts) > 30 {
				t.Errorf("%v by %v: %v", in, length, parts)
			}
			for i, p := range parts {
				if p.empty() || i > 0 && p.from != parts[i-1].to+1 {
					t.Errorf("%v by %v: part %d is %v", in, length, i, p)
				}
			}
		}
	}
}

func TestPartsOfBucketsAreWhole(t *testing.T) {
	const day = int64(24 * time.Hour)
	for _, in := range []span{{firstWindow, lastWindow}, {-5, 5}, {5, 5}, {-day * 9, day*400 + 7}, {lastWindow - 1, lastWindow}, {firstWindow, firstWindow + 1}} {
		for _, at := range []int64{in.from, in.to, in.from + 1, in.to - 1, -1, 0, 1} {
			if at < in.from || at > in.to {
				continue
			}
			for _, l := range []bucketList{{size: time.Minute}, {size: 24 * time.Hour}, {size: time.Minute, oldest: true}, {size: 24 * time.Hour, oldest: true}} {
				for _, length := range []time.Duration{l.size, 11 * l.size, math.MaxInt64} {
					part, windows := l.part(in, at, length)
					border := func(t int64) bool { return time.Unix(0, t).UTC().Truncate(l.size).Equal(time.Unix(0, t)) }
					if part.from > at || part.to < at || windows != (at >= 0) || windows != (part.from >= 0) || windows != (part.to >= 0) {
						t.Errorf("part of %v from %d by %v: %v, %v", in, at, length, part, windows)
					}
					if part.from != in.from && !border(part.from) || part.to != in.to && !border(part.to+1) {
						t.Errorf("part of %v from %d by %v: %v cuts a bucket", in, at, length, part)
					}
					if !windows && part.length()/l.size > statementBuckets+1 {
						t.Errorf("part of %v from %d by %v: %v is too long for a statement", in, at, length, part)
					}
				}
			}
		}
	}
}

func TestTimesOfASelection(t *testing.T) {
	at := func(n int64) time.Time { return time.Unix(0, n) }
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		start, end time.Time
		want       span
	}{
		{time.Time{}, time.Time{}, span{firstNano, lastNano}},
		{at(5), at(7), span{5, 6}}, // the end is excluded
		{year(1), year(9999), span{firstNano, lastNano}},
		{at(lastNano), time.Time{}, span{lastNano, lastNano}},
		{time.Time{}, at(lastNano), span{firstNano, lastNano - 1}},
	} {
		if got := spanOf(helium.Selection{Start: c.start, End: c.end}); got != c.want {
			t.Errorf("%v to %v: %v, want %v", c.start, c.end, got, c.want)
		}
	}
	for _, c := range [][2]time.Time{{year(3000), {}}, {{}, year(1000)}, {at(7), at(7)}, {at(8), at(7)}, {{}, at(firstNano)}} {
		if got := spanOf(helium.Selection{Start: c[0], End: c[1]}); !got.empty() {
			t.Errorf("%v to %v: %v, want none", c[0], c[1], got)
		}
	}
}

func TestRunsOfBuckets(t *testing.T) {
	keys := []bucketKey{{time.Unix(0, 0).UTC(), "a"}, {time.Unix(60, 0).UTC(), "a"}, {time.Unix(60*statementBuckets, 0).UTC(), "a"}}
	const minute = int64(time.Minute)
	want := []span{{5, 2*minute - 1}, {statementBuckets * minute, (statementBuckets+1)*minute - 1}}
	if d := cmp.Diff(want, runs(keys, time.Minute, span{5, lastNano}), cmp.AllowUnexported(span{})); d != "" {
		t.Error(d)
	}
}

func TestBucketListHoldsAFewOnly(t *testing.T) {
	l := bucketList{size: time.Minute, limit: 10, windows: map[bucketKey]*window{}}
	for i := range 10_000 {
		l.window(bucketKey{time.Unix(int64(i*7919%10_000)*60, 0), "p"}, true)
		if len(l.windows) > 2*l.limit+100 {
			t.Fatalf("%d buckets are held", len(l.windows))
		}
	}
	for i, k := range l.sorted() {
		if want := time.Unix(int64(9999-i)*60, 0); !k.start.Equal(want) {
			t.Errorf("bucket %d starts at %v, want %v", i, k.start, want)
		}
	}
}

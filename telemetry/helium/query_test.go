package helium

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// parse reads the query of an address.
func parse(t testing.TB, text string) (Query, error) {
	t.Helper()
	values, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return ParseQuery(sensor, values)
}

func TestQueryParameters(t *testing.T) {
	id := PointID(sensor, "t", 1457561078000000000)
	all := func(change func(q *Query)) Query {
		q := Query{Selection: Selection{Owner: sensor}, Size: 1000, Kept: url.Values{}}
		change(&q)
		return q
	}
	for _, c := range []struct {
		name, text string
		want       Query
	}{
		{"the default is a page of 1000", "", all(func(*Query) {})},
		{"page[size]", "page[size]=2", all(func(q *Query) { q.Size = 2 })},
		{"the largest page", "page[size]=10000", all(func(q *Query) { q.Size = 10_000 })},
		{"page[id]", "page[id]=" + id.String(), all(func(q *Query) { q.PageID = id })},
		{"page[id] in capitals", "page[id]=" + strings.ToUpper(id.String()), all(func(q *Query) { q.PageID = id })},
		{"the nil UUID is no point's", "page[id]=" + uuid.Nil.String(), all(func(q *Query) { q.PageID = uuid.Max })},
		{"filter[port]", "filter[port]=temp,humidity,temp,a b", all(func(q *Query) {
			q.Ports = []string{"temp", "humidity", "a b"}
			q.Kept = url.Values{"filter[port]": {"temp,humidity,temp,a b"}}
		})},
		{"January 2016", "filter[start]=2016-01-01&filter[end]=2016-02-01", all(func(q *Query) {
			q.Start, q.End = time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2016, 2, 1, 0, 0, 0, 0, time.UTC)
			q.Kept = url.Values{"filter[start]": {"2016-01-01"}, "filter[end]": {"2016-02-01"}}
		})},
		{"agg", "agg[type]=min,max,avg,min&agg[size]=1d", all(func(q *Query) {
			q.Agg, q.Every = []string{"min", "max", "avg"}, 24*time.Hour
			q.Kept = url.Values{"agg[type]": {"min,max,avg,min"}, "agg[size]": {"1d"}}
		})},
		{"the first of a repeated key wins", "page[size]=2&page[size]=x&filter[port]=a&filter[port]=b&page[id]=" + id.String() + "&page[id]=x",
			all(func(q *Query) {
				q.Size, q.PageID, q.Ports = 2, id, []string{"a"}
				q.Kept = url.Values{"filter[port]": {"a"}}
			})},
		{"unknown parameters are passed over", "include=sensor&page[number]=7&filter[x]=1&agg=2", all(func(*Query) {})},
		{"a range that is empty", "filter[start]=2016-02-01&filter[end]=2016-01-01", all(func(q *Query) {
			q.End, q.Start = time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2016, 2, 1, 0, 0, 0, 0, time.UTC)
			q.Kept = url.Values{"filter[end]": {"2016-01-01"}, "filter[start]": {"2016-02-01"}}
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse(t, c.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAggSizes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1m": time.Minute, "2m": 2 * time.Minute, "5m": 5 * time.Minute, "10m": 10 * time.Minute, "30m": 30 * time.Minute,
		"1h": time.Hour, "6h": 6 * time.Hour, "12h": 12 * time.Hour, "1d": 24 * time.Hour,
		"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	} {
		if q, err := parse(t, "agg[type]=avg&agg[size]="+text); err != nil || q.Every != want {
			t.Errorf("%s is %v, %v", text, q.Every, err)
		}
	}
}

func TestQueriesThatAreRefused(t *testing.T) {
	var ports []string
	for i := range maxFilterPorts + 1 {
		ports = append(ports, strconv.Itoa(i))
	}
	for _, c := range []struct{ text, parameter, words string }{
		{"page[size]=0", "page[size]", "from 1 to 10000"},
		{"page[size]=10001", "page[size]", "from 1 to 10000"},
		{"page[size]=-1", "page[size]", "from 1 to 10000"},
		{"page[size]=%2B5", "page[size]", "from 1 to 10000"},
		{"page[size]=1e3", "page[size]", "from 1 to 10000"},
		{"page[size]=", "page[size]", "from 1 to 10000"},
		{"page[size]=99999999999999999999999", "page[size]", "from 1 to 10000"},
		{"page[id]=", "page[id]", "is no UUID"},
		{"page[id]=7", "page[id]", "is no UUID"},
		{"page[id]={f0e36cac-a87f-4388-9ce4-102b3f01822a}", "page[id]", "is no UUID"},
		{"page[id]=f0e36caca87f43889ce4102b3f01822a", "page[id]", "is no UUID"},
		{"filter[start]=x", "filter[start]", "is no time"},
		{"filter[end]=2016-01-01T00:00:00+00:00", "filter[end]", "has an offset"},
		{"filter[end]=2016-01-01T00:00:00%2B00:00", "filter[end]", "has an offset"},
		{"filter[start]=0001-01-01", "filter[start]", "1678 to 2261"},
		{"filter[port]=", "filter[port]", "empty name"},
		{"filter[port]=a,,b", "filter[port]", "empty name"},
		{"filter[port]=%ff", "filter[port]", "not valid UTF-8"},
		{"filter[port]=" + strings.Repeat("x", MaxPort+1), "filter[port]", "longer than 128 bytes"},
		{"filter[port]=" + strings.Join(ports, ","), "filter[port]", "more than 100 ports"},
		{"agg[type]=sum&agg[size]=1d", "agg[type]", "min, max and avg"},
		{"agg[type]=min,&agg[size]=1d", "agg[type]", "min, max and avg"},
		{"agg[type]=&agg[size]=1d", "agg[type]", "min, max and avg"},
		{"agg[type]=min&agg[size]=3m", "agg[size]", "1m, 2m, 5m"},
		{"agg[type]=min&agg[size]=60m", "agg[size]", "1m, 2m, 5m"},
		{"agg[type]=min&agg[size]=", "agg[size]", "1m, 2m, 5m"},
		{"agg[type]=min", "agg[size]", "is missing"},
		{"agg[size]=1d", "agg[type]", "is missing"},
	} {
		t.Run(c.text, func(t *testing.T) {
			_, err := parse(t, c.text)
			wantParameter(t, err, c.parameter, c.words)
		})
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"page[size]=2", "filter[port]=a,b&filter[start]=2016-01-01", "agg[type]=min,max&agg[size]=m", "page[id]=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		values, _ := url.ParseQuery(s)
		q, err := ParseQuery(sensor, values)
		if err != nil {
			return
		}
		if q.Size < 1 || q.Size > MaxPage || len(q.Ports) > maxFilterPorts || (q.Agg == nil) != (q.Every == 0) || q.Owner != sensor {
			t.Errorf("%+v", q)
		}
		again, err := ParseQuery(sensor, q.Kept)
		again.Size, again.PageID = q.Size, q.PageID
		if diff := cmp.Diff(q, again); err != nil || diff != "" {
			t.Errorf("links would ask something else: %v %s", err, diff)
		}
	})
}

func FuzzPageID(f *testing.F) {
	f.Add(PointID(sensor, "t", 1457561078000000000).String())
	f.Add("f0e36cac-a87f-4388-9ce4-102b3f01822a")
	db := newFake()
	ts := series(db)
	known := post(f, ts, sensor, "t", "1", "2016-03-09").ID
	f.Fuzz(func(t *testing.T, s string) {
		q, err := ParseQuery(sensor, url.Values{"page[id]": {s}})
		if err != nil {
			return
		}
		page, err := ts.Read(t.Context(), q)
		if found := err == nil && len(page.Points) == 1; found != (q.PageID == known) {
			t.Errorf("%s: %v, %v", s, page, err)
		}
	})
}

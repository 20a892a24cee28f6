package helium

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestABucketIsAnOrdinaryPoint(t *testing.T) {
	ts := series(newFake())
	post(t, ts, sensor, "b", "2417", "2016-05-10T01:00:00Z")
	newest := post(t, ts, sensor, "b", "2627", "2016-05-10T20:00:00Z")
	post(t, ts, sensor, "b", "2600", "2016-05-10T02:00:00Z")  // made later, and not newer
	post(t, ts, sensor, "b", `"low"`, "2016-05-10T23:00:00Z") // only numbers count
	q, err := parse(t, "agg[type]=min,max,avg&agg[size]=d")
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, ts, q)
	if len(page.Points) != 1 {
		t.Fatalf("%+v", page)
	}
	p := page.Points[0]
	if p.ID != newest.ID || !p.Created.Equal(newest.Created) || p.Owner != sensor || p.Port != "agg(b)" ||
		!p.Timestamp.Equal(moment(t, "2016-05-10")) || string(p.Value) != `{"avg":2548,"max":2627,"min":2417}` {
		t.Errorf("%+v %s", p, p.Value)
	}
}

func TestTheValueHasJustTheRequestedKeys(t *testing.T) {
	b := Bucket{Min: -0.1, Max: 1e300, Avg: 1.0 / 3}
	for _, c := range []struct{ wanted, value string }{
		{"min", `{"min":-0.1}`}, {"max", `{"max":1e+300}`}, {"avg", `{"avg":0.333333333333333}`},
		{"avg max min", `{"avg":0.333333333333333,"max":1e+300,"min":-0.1}`},
	} {
		if got := string(b.value(strings.Fields(c.wanted))); got != c.value {
			t.Errorf("%s: %s, want %s", c.wanted, got, c.value)
		}
	}
}

func TestAnAverageBeyondAFloatIsNull(t *testing.T) {
	if got := string(Bucket{Avg: math.Inf(1)}.value([]string{"avg"})); got != `{"avg":null}` {
		t.Error(got)
	}
}

func TestBucketsAreNewestFirstOneSeriesAPortEmptyOnesLeftOut(t *testing.T) {
	ts := series(newFake())
	for _, p := range []struct{ port, value, at string }{
		{"t", "1", "2016-05-10T00:00:30Z"}, {"h", "2", "2016-05-10T00:00:40Z"}, {"t", "3", "2016-05-10T00:05:00Z"}, {"t", "5", "2016-05-10T00:00:59Z"},
		{"t", "true", "2016-05-10T00:07:00Z"}, {"t", "1e400", "2016-05-10T00:08:00Z"},
	} {
		post(t, ts, sensor, p.port, p.value, p.at)
	}
	q, _ := parse(t, "agg[type]=avg&agg[size]=m")
	page := read(t, ts, q)
	var got []string
	for _, p := range page.Points {
		got = append(got, p.Timestamp.Format("15:04")+p.Port+string(p.Value))
	}
	if want := `00:05agg(t){"avg":3} 00:00agg(h){"avg":2} 00:00agg(t){"avg":3}`; strings.Join(got, " ") != want {
		t.Errorf("%v", got)
	}
}

func TestFiltersApplyBeforeBucketing(t *testing.T) {
	ts := series(newFake())
	for _, at := range []string{"2016-05-10T00:00:10Z", "2016-05-10T00:00:20Z", "2016-05-10T00:00:30Z"} {
		post(t, ts, sensor, "t", at[17:19], at)
		post(t, ts, sensor, "h", "7", at)
	}
	q, _ := parse(t, "agg[type]=min,max&agg[size]=d&filter[port]=t&filter[start]=2016-05-10T00:00:20Z&filter[end]=2016-05-10T00:00:30Z")
	if got := values(read(t, ts, q)); got != `{"max":20,"min":20}` {
		t.Error(got)
	}
}

func TestALinkLeadsToItsBucketWhileNumbersArrive(t *testing.T) {
	ts := series(newFake())
	for _, at := range []string{"2016-05-12T10:00:00Z", "2016-05-11T10:00:00Z", "2016-05-10T10:00:00Z"} {
		post(t, ts, sensor, "t", "1", at)
	}
	q, _ := parse(t, "agg[type]=max&agg[size]=d&page[size]=1")
	q.PageID = read(t, ts, q).Prev
	post(t, ts, sensor, "t", "2", "2016-05-11T11:00:00Z") // now the newest of the bucket
	page := read(t, ts, q)
	if len(page.Points) != 1 || !page.Points[0].Timestamp.Equal(moment(t, "2016-05-11")) || page.Points[0].ID == q.PageID {
		t.Fatalf("%+v", page)
	}
	if page.Prev == uuid.Nil || page.Next == uuid.Nil {
		t.Errorf("%+v", page)
	}
}

func TestBucketsBeforeTheEpochRoundDown(t *testing.T) {
	ts := series(newFake())
	p := post(t, ts, sensor, "t", "1", "1969-12-31T23:59:59.5Z")
	for _, size := range aggSizes {
		q := Query{Selection: Selection{Owner: sensor}, Size: 1, Agg: []string{"avg"}, Every: size.length, PageID: p.ID}
		if got := read(t, ts, q).Points[0].Timestamp; !got.Equal(time.Unix(0, 0).Add(-size.length)) {
			t.Errorf("%s: %v", size.name, got)
		}
	}
}

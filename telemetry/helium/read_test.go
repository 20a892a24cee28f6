package helium

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// values gives the values of a page in a row.
func values(page Page) string {
	var out []string
	for _, p := range page.Points {
		out = append(out, string(p.Value))
	}
	return strings.Join(out, " ")
}

func TestStartIsInclusiveAndEndIsExclusive(t *testing.T) {
	ts := series(newFake())
	for i, stamp := range []string{"2015-12-31T23:59:59.999999Z", "2016-01-01", "2016-01-15", "2016-01-31T23:59:59.999999Z", "2016-02-01"} {
		for j := range 2 {
			post(t, ts, sensor, "t", strconv.Itoa(10*i+j), stamp)
		}
	}
	q, err := parse(t, "filter[start]=2016-01-01&filter[end]=2016-02-01")
	if err != nil {
		t.Fatal(err)
	}
	if got := values(read(t, ts, q)); got != "31 30 21 20 11 10" {
		t.Error(got)
	}
}

func TestFilterPort(t *testing.T) {
	ts := series(newFake())
	for i, port := range []string{"temp", "humidity", "tempo", "Temp", "temp"} {
		post(t, ts, sensor, port, strconv.Itoa(i), "")
	}
	q, _ := parse(t, "filter[port]=temp,humidity,none")
	if got := values(read(t, ts, q)); got != "4 1 0" {
		t.Error(got)
	}
}

func TestAnEmptyRangeHasNoPoints(t *testing.T) {
	ts := series(newFake())
	p := post(t, ts, sensor, "t", "1", "2016-01-15")
	for _, text := range []string{
		"filter[start]=2016-02-01&filter[end]=2016-01-01", "filter[start]=2016-01-15&filter[end]=2016-01-15",
		"filter[start]=2016-02-01&filter[end]=2016-01-01&agg[type]=min&agg[size]=d",
	} {
		q, err := parse(t, text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Page{}, read(t, ts, q)); diff != "" {
			t.Error(diff)
		}
		q.PageID = p.ID
		if _, err := ts.Read(t.Context(), q); !errors.Is(err, ErrNoSuchPoint) {
			t.Errorf("%s from a point: %v", text, err)
		}
	}
}

func TestOrderIsTimestampThenCreatedDescending(t *testing.T) {
	ts := series(newFake())
	for i, stamp := range []string{"2016-01-02", "2016-01-01", "2016-01-02", "2016-01-03", "2016-01-01", "2016-01-02"} {
		post(t, ts, sensor, "p"+strconv.Itoa(i%2), strconv.Itoa(i), stamp)
	}
	page := read(t, ts, Query{Selection: Selection{Owner: sensor}, Size: 10})
	if got := values(page); got != "3 5 2 0 4 1" {
		t.Error(got)
	}
	if page.Prev != uuid.Nil || page.Next != uuid.Nil {
		t.Errorf("links lead to %s and %s", page.Prev, page.Next)
	}
}

func TestPageIDIsInclusiveAndPrevIsOlderAndNextIsNewer(t *testing.T) {
	ts := series(newFake())
	var ids []uuid.UUID
	for i := range 7 {
		ids = append(ids, post(t, ts, sensor, "t", strconv.Itoa(i), "").ID)
	}
	for _, c := range []struct {
		from       int // -1: without page[id]
		want       string
		prev, next int // -1: none
	}{
		{-1, "6 5 4", 3, -1},
		{3, "3 2 1", 0, 6},
		{0, "0", -1, 3},
		{5, "5 4 3", 2, 6}, // fewer than a page before it: the newest
		{6, "6 5 4", 3, -1},
		{2, "2 1 0", -1, 5},
	} {
		q := Query{Selection: Selection{Owner: sensor}, Size: 3}
		if c.from >= 0 {
			q.PageID = ids[c.from]
		}
		page := read(t, ts, q)
		id := func(i int) uuid.UUID {
			if i < 0 {
				return uuid.Nil
			}
			return ids[i]
		}
		if got := values(page); got != c.want || page.Prev != id(c.prev) || page.Next != id(c.next) {
			t.Errorf("from %d: %s, prev %s, next %s", c.from, got, page.Prev, page.Next)
		}
	}
}

func TestUnknownPageID(t *testing.T) {
	ts := series(newFake())
	p := post(t, ts, sensor, "t", "1", "2016-01-15")
	elsewhere := post(t, ts, "another", "t", "1", "2016-01-15")
	at, _ := IDTime(p.ID)
	for name, id := range map[string]uuid.UUID{
		"another version":  uuid.MustParse("f0e36cac-a87f-4388-9ce4-102b3f01822a"),
		"the largest":      uuid.Max,
		"another's point":  elsewhere.ID,
		"another port":     PointID(sensor, "h", at),
		"another slot":     PointID(sensor, "t", at+1),
		"before all":       PointID(sensor, "t", at-1),
		"at the epoch":     PointID(sensor, "t", 0),
		"the end of times": PointID(sensor, "t", 1<<63-3),
	} {
		for _, agg := range [][]string{nil, {"min"}} {
			if agg != nil && (name == "another slot") {
				continue // it lies in the same bucket
			}
			q := Query{Selection: Selection{Owner: sensor}, Size: 1, PageID: id}
			if q.Agg = agg; agg != nil {
				q.Every = 60_000_000_000
				if name == "before all" {
					continue
				}
			}
			if page, err := ts.Read(t.Context(), q); !errors.Is(err, ErrNoSuchPoint) {
				t.Errorf("%s, %v: %v, %v", name, agg, page, err)
			}
		}
	}
	q := Query{Selection: Selection{Owner: sensor, Ports: []string{"h"}}, Size: 1, PageID: p.ID}
	if _, err := ts.Read(t.Context(), q); !errors.Is(err, ErrNoSuchPoint) {
		t.Errorf("a point that the filter leaves out: %v", err)
	}
}

func TestAPageThatBeginsAtTheEpoch(t *testing.T) {
	ts := series(newFake())
	older := post(t, ts, sensor, "t", "1", "1969-12-31")
	epoch := post(t, ts, sensor, "t", "2", "1970-01-01")
	newer := post(t, ts, sensor, "t", "3", "1970-01-02")
	page := read(t, ts, Query{Selection: Selection{Owner: sensor}, Size: 1, PageID: epoch.ID})
	if values(page) != "2" || page.Prev != older.ID || page.Next != newer.ID {
		t.Errorf("%+v", page)
	}
}

// Lines from elsewhere can put many ports on one stored time.
func TestManyPortsOnOneStoredTime(t *testing.T) {
	for _, c := range []struct{ ports, size int }{{100, 7}, {2500, 1000}, {2500, 3000}} {
		db := newFake()
		var want []string
		for i := range c.ports {
			db.put(sensor, fmt.Sprintf("p%04d", i), 1_000_000, strconv.Itoa(i))
			want = append(want, strconv.Itoa(i))
		}
		ts := series(db)
		var got []string
		q := Query{Selection: Selection{Owner: sensor}, Size: c.size}
		for {
			page := read(t, ts, q)
			for _, p := range page.Points {
				got = append(got, string(p.Value))
			}
			if q.PageID = page.Prev; q.PageID == uuid.Nil {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d by %d: %d, or another order", c.ports, c.size, len(got))
		}
	}
}

// tooLarge is a store whose points have values that are too large to be held.
type tooLarge struct{ *fakeDatabase }

func (tooLarge) HeliumPoints(context.Context, Selection, int64, int) ([]Stored, error) {
	return nil, fmt.Errorf("store: %w", ErrTooLarge)
}

func TestAPageOfValuesThatAreTooLargeAsksForASmallerOne(t *testing.T) {
	_, err := New(Options{Store: tooLarge{newFake()}}).Read(t.Context(), Query{Selection: Selection{Owner: sensor}, Size: MaxPage})
	wantParameter(t, err, pageSizeParameter, "ask for fewer")
}

func BenchmarkPage(b *testing.B) {
	rows := make([]Stored, MaxPage+1)
	for i := range rows {
		rows[i] = Stored{At: int64(len(rows)-i) * 1000, Port: "t", Value: []byte("21.5"), Created: testNow}
	}
	ts := New(Options{Store: fixedRows{newFake(), rows}})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ts.Read(b.Context(), Query{Selection: Selection{Owner: sensor}, Size: MaxPage}); err != nil {
			b.Fatal(err)
		}
	}
}

// A device that speaks line protocol can put several values on one port and time, by tags of its own. They have one id, so
// that one of them is shown; links that lead to an id which is there twice would lead in a circle.
func TestPagingEndsWhereLinesPutSeveralValuesOnOnePortAndTime(t *testing.T) {
	for _, size := range []int{1, 2, 3, 10} {
		rows := []Stored{
			{At: 9000, Port: "t", Value: []byte("0")},
			{At: 5000, Port: "t", Value: []byte("1")}, {At: 5000, Port: "t", Value: []byte("2")}, {At: 5000, Port: "t", Value: []byte("3")},
			{At: 5000, Port: "a", Value: []byte("4")},
			{At: 1000, Port: "t", Value: []byte("5")},
		}
		ts := New(Options{Store: fixedRows{newFake(), rows}})
		q, seen := Query{Selection: Selection{Owner: sensor}, Size: size}, map[uuid.UUID]bool{}
		for range 10 {
			page := read(t, ts, q)
			for _, p := range page.Points {
				if seen[p.ID] {
					t.Fatalf("pages of %d: %s on port %s is there twice", size, p.Timestamp, p.Port)
				}
				seen[p.ID] = true
			}
			if q.PageID = page.Prev; q.PageID == uuid.Nil {
				break
			}
		}
		if len(seen) != 4 || q.PageID != uuid.Nil {
			t.Errorf("pages of %d: %d points, and more at %s", size, len(seen), q.PageID)
		}
	}
}

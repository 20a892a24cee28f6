package helium

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// drawSeries draws points, of which many share a timestamp and some, as of two replicas, a stored time.
func drawSeries(t *rapid.T, db *fakeDatabase, ts *Timeseries, name string, most int) {
	for i := range rapid.IntRange(0, most).Draw(t, name) {
		port := rapid.SampledFrom([]string{"a", "b", "c", "d,e"}).Draw(t, "port")
		at := rapid.Int64Range(-3, 6).Draw(t, "at") * int64(20*time.Second)
		value := rapid.SampledFrom([]string{"1", "2.5", "-7", `"x"`, "null"}).Draw(t, "value")
		if rapid.Bool().Draw(t, "from another replica") {
			db.put(sensor, port, at+rapid.Int64Range(0, 3).Draw(t, "slot"), value)
			continue
		}
		p := NewPoint{Port: port, Value: []byte(value), Timestamp: time.Unix(0, at)}
		if _, err := ts.Post(context.Background(), sensor, p); err != nil {
			t.Fatalf("point %d: %v", i, err)
		}
	}
}

// drawQuery draws a query; its page is small, so that there are many.
func drawQuery(t *rapid.T, aggregated bool) Query {
	q := Query{Selection: Selection{Owner: sensor}, Size: rapid.IntRange(1, 12).Draw(t, "size")}
	if rapid.Bool().Draw(t, "filter port") {
		q.Ports = []string{"a", "d,e"}
	}
	if rapid.Bool().Draw(t, "filter start") {
		q.Start = time.Unix(rapid.Int64Range(-70, 130).Draw(t, "start"), 0)
	}
	if rapid.Bool().Draw(t, "filter end") {
		q.End = time.Unix(rapid.Int64Range(-70, 130).Draw(t, "end"), 0)
	}
	if aggregated {
		q.Agg, q.Every = []string{"min", "avg"}, rapid.SampledFrom([]time.Duration{time.Minute, 2 * time.Minute}).Draw(t, "every")
	}
	return q
}

// walk reads page after page by prev, until there is none; between is called before each page but the first.
func walk(t *rapid.T, ts *Timeseries, q Query, between func()) (points []Point, pages []Page) {
	for {
		page, err := ts.Read(context.Background(), q)
		if err != nil {
			t.Fatalf("page %d: %v", len(pages), err)
		}
		if len(page.Points) > q.Size || page.Prev != uuid.Nil && len(page.Points) != q.Size {
			t.Fatalf("page %d has %d points, and prev %s", len(pages), len(page.Points), page.Prev)
		}
		points, pages = append(points, page.Points...), append(pages, page)
		if q.PageID = page.Prev; q.PageID == uuid.Nil {
			return points, pages
		}
		if between != nil {
			between()
		}
	}
}

func TestPagingGivesEachPointExactlyOnceInOrder(t *testing.T) {
	testPaging(t, false)
}

func TestPagingGivesEachBucketExactlyOnceInOrder(t *testing.T) {
	testPaging(t, true)
}

func testPaging(t *testing.T, aggregated bool) {
	rapid.Check(t, func(t *rapid.T) {
		db := newFake()
		ts := series(db)
		drawSeries(t, db, ts, "points", 40)
		q := drawQuery(t, aggregated)
		whole := q
		whole.Size = MaxPage
		all, err := ts.Read(context.Background(), whole)
		if err != nil {
			t.Fatal(err)
		}
		checkWhole(t, db, q, all.Points)
		points, pages := walk(t, ts, q, nil)
		if !slices.EqualFunc(points, all.Points, samePoint) {
			t.Fatalf("paged:\n%v\nat once:\n%v", points, all.Points)
		}
		checkLinks(t, ts, q, pages)
	})
}

// checkWhole compares an answer of one page with what the database holds.
func checkWhole(t *rapid.T, db *fakeDatabase, q Query, points []Point) {
	n := len(db.selected(q.Selection))
	if q.Agg != nil {
		n = len(db.buckets(q.Selection, q.Every))
	}
	if len(points) != n {
		t.Fatalf("%d points of %d", len(points), n)
	}
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		order := b.Timestamp.Compare(a.Timestamp)
		if order == 0 && q.Agg == nil {
			x, _ := IDTime(a.ID)
			y, _ := IDTime(b.ID)
			order = int(y - x)
		}
		if order > 0 || order == 0 && strings.Compare(a.Port, b.Port) >= 0 {
			t.Fatalf("%v stands before %v", a, b)
		}
	}
}

// checkLinks follows next from each page: it leads to the page before, or, where that began with no id, to its points.
func checkLinks(t *rapid.T, ts *Timeseries, q Query, pages []Page) {
	for i := 1; i < len(pages); i++ {
		q.PageID = pages[i].Points[0].ID
		page, err := ts.Read(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if want := pages[i-1].Points[0].ID; page.Next != want {
			t.Fatalf("next of page %d is %s, and the page before it begins with %s", i, page.Next, want)
		}
		q.PageID = page.Next
		if page, err = ts.Read(context.Background(), q); err != nil || page.Prev != pages[i].Points[0].ID {
			t.Fatalf("prev of next of page %d is %s, %v", i, page.Prev, err)
		}
	}
	if len(pages[0].Points) > 0 {
		q.PageID = pages[0].Points[0].ID
		if page, err := ts.Read(context.Background(), q); err != nil || page.Next != uuid.Nil {
			t.Fatalf("there is something newer than the newest: %s, %v", page.Next, err)
		}
	}
}

func TestPagingIsExactWhilePointsArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := newFake()
		ts := series(db)
		drawSeries(t, db, ts, "points", 40)
		q := drawQuery(t, false)
		whole := q
		whole.Size = MaxPage
		all, err := ts.Read(context.Background(), whole)
		if err != nil {
			t.Fatal(err)
		}
		there := map[uuid.UUID]bool{}
		for _, p := range all.Points {
			there[p.ID] = true
		}
		n := 0
		points, _ := walk(t, ts, q, func() {
			n++
			for i := range rapid.IntRange(0, 5).Draw(t, "arriving") {
				p := NewPoint{Port: "a", Value: []byte(strconv.Itoa(n*10 + i))}
				if rapid.Bool().Draw(t, "late") {
					p.Timestamp = time.Unix(0, rapid.Int64Range(-3, 6).Draw(t, "at")*int64(20*time.Second))
				}
				if _, err := ts.Post(context.Background(), sensor, p); err != nil {
					t.Fatal(err)
				}
			}
		})
		seen := map[uuid.UUID]bool{}
		var old []Point
		for _, p := range points {
			if seen[p.ID] {
				t.Fatalf("%v comes twice", p)
			}
			seen[p.ID] = true
			if there[p.ID] {
				old = append(old, p)
			}
		}
		if !slices.EqualFunc(old, all.Points, samePoint) {
			t.Fatalf("paged:\n%v\nat the start:\n%v", old, all.Points)
		}
	})
}

func TestPagingOfBucketsIsExactWhileNumbersArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		db := newFake()
		ts := series(db)
		drawSeries(t, db, ts, "points", 40)
		q := drawQuery(t, true)
		key := func(p Point) string { return p.Timestamp.String() + p.Port }
		var want []string
		for _, b := range db.buckets(q.Selection, q.Every) {
			want = append(want, key(b.point(q, q.Agg, uuid.Nil)))
		}
		if !q.Start.IsZero() && !q.End.IsZero() && !q.Start.Before(q.End) {
			want = nil
		}
		points, _ := walk(t, ts, q, func() { drawSeries(t, db, ts, "arriving", 3) })
		var got []string
		seen := map[string]bool{}
		for _, p := range points {
			if seen[key(p)] {
				t.Fatalf("%v comes twice", p)
			}
			seen[key(p)] = true
			if slices.Contains(want, key(p)) {
				got = append(got, key(p))
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("paged:\n%v\nat the start:\n%v", got, want)
		}
	})
}

func samePoint(a, b Point) bool {
	return a.ID == b.ID && a.Port == b.Port && string(a.Value) == string(b.Value) && a.Timestamp.Equal(b.Timestamp) && a.Created.Equal(b.Created)
}

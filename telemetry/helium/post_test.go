package helium

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"iotcenter/telemetry"
)

func TestAPointWithoutATimestampIsOfNow(t *testing.T) {
	p := post(t, series(newFake()), sensor, "t", "1", "")
	if want := time.Date(2026, 11, 21, 19, 5, 0, 123456000, time.UTC); !p.Timestamp.Equal(want) || !p.Created.Equal(want) {
		t.Errorf("%v, created %v, want %v", p.Timestamp, p.Created, want)
	}
}

func TestPointsWithoutATimestampGetTimesOfTheirOwn(t *testing.T) {
	db := newFake()
	ts := series(db) // whose clock stands still
	last := time.Time{}
	for range 1500 {
		p := post(t, ts, sensor, "t", "1", "")
		if !p.Timestamp.After(last) {
			t.Fatalf("%v after %v", p.Timestamp, last)
		}
		last = p.Timestamp
	}
	if db.asked != 1 { // about the port
		t.Errorf("the database was asked %d times", db.asked)
	}
}

func TestReplicasHaveLanes(t *testing.T) {
	db := newFake()
	a, b := series(db), series(db)
	a.lane, b.lane = 7, 8
	first, second := post(t, a, sensor, "t", "1", ""), post(t, b, sensor, "t", "2", "")
	if !first.Timestamp.Equal(second.Timestamp) || first.ID == second.ID {
		t.Errorf("%v, %v", first, second)
	}
	if got := read(t, a, Query{Selection: Selection{Owner: sensor}, Size: 10}); len(got.Points) != 2 {
		t.Errorf("%d points are left of 2", len(got.Points))
	}
}

func TestUpToAThousandPointsShareATimestamp(t *testing.T) {
	for _, stamp := range []string{"2016-03-09T22:04:38Z", "1969-12-31T23:59:59.999999Z", "1970-01-01", testNow.Format("2006-01-02T15:04:05.999999Z")} {
		ts := series(newFake())
		var want []string
		for i := range Slots {
			post(t, ts, sensor, "p"+strconv.Itoa(i%3), strconv.Itoa(i), stamp)
			want = append(want, strconv.Itoa(i))
		}
		_, err := ts.Post(t.Context(), sensor, NewPoint{Port: "p0", Value: []byte("1"), Timestamp: moment(t, stamp)})
		if !errors.Is(err, ErrFull) {
			t.Errorf("the point after the last slot: %v", err)
		}
		post(t, ts, "another", "p0", "1", stamp)
		slices.Reverse(want)
		var got []string
		for _, p := range read(t, ts, Query{Selection: Selection{Owner: sensor}, Size: MaxPage}).Points {
			got = append(got, string(p.Value))
			if !p.Timestamp.Equal(moment(t, stamp)) {
				t.Fatalf("%v", p)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("of the time %s, in another order than made, or fewer: %d", stamp, len(got))
		}
	}
}

func TestATimestampInTheFutureLeavesTheLanesFree(t *testing.T) {
	db := newFake()
	ts := series(db)
	post(t, ts, sensor, "t", "1", testNow.Add(time.Microsecond).Format("2006-01-02T15:04:05.999999Z"))
	for range 2 {
		post(t, ts, sensor, "t", "2", "")
	}
	if n := len(db.points[sensor]); n != 3 {
		t.Errorf("%d points are left of 3", n)
	}
}

func TestATimestampMoreThanADayAheadIsRefused(t *testing.T) {
	ts := series(newFake())
	_, err := ts.Post(t.Context(), sensor, NewPoint{Port: "t", Value: []byte("1"), Timestamp: testNow.Add(25 * time.Hour)})
	wantParameter(t, err, "data.attributes.timestamp", "more than a day in the future")
	post(t, ts, sensor, "t", "1", testNow.Add(23*time.Hour).Format("2006-01-02T15:04:05Z"))
}

func TestCreatedNeverGoesBack(t *testing.T) {
	now := testNow
	ts := seriesAt(newFake(), func() time.Time { return now })
	first := post(t, ts, sensor, "t", "1", "2016-03-09")
	now = now.Add(-time.Hour)
	second := post(t, ts, sensor, "t", "2", "2016-03-09")
	third := post(t, ts, sensor, "t", "3", "")
	if second.Created.Before(first.Created) || third.Created.Before(second.Created) {
		t.Errorf("%v, %v, %v", first.Created, second.Created, third.Created)
	}
}

func TestPointsMadeAtOnceAllRemain(t *testing.T) {
	db := newFake()
	ts := series(db)
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			stamp := time.Time{}
			if i%2 == 0 {
				stamp = moment(t, "2016-03-09")
			}
			if _, err := ts.Post(t.Context(), sensor, NewPoint{Port: "t", Value: []byte("1"), Timestamp: stamp}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(db.points[sensor]); n != 100 {
		t.Errorf("%d points are left of 100", n)
	}
}

func TestAWriteThatItsClientGivesUpIsBroughtToItsEnd(t *testing.T) {
	db := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	db.duringIt = cancel
	if _, err := series(db).Post(ctx, sensor, NewPoint{Port: "t", Value: []byte("1")}); err != nil || len(db.points[sensor]) != 1 {
		t.Errorf("%v, %d points", err, len(db.points[sensor]))
	}
}

func TestWhoWaitsForATurnCanGiveUp(t *testing.T) {
	ts := series(newFake())
	s := ts.lines[stripeOf(sensor)]
	if err := s.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ts.Post(ctx, sensor, NewPoint{Port: "t", Value: []byte("1")}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAFailedWriteIsNotAnswered(t *testing.T) {
	db := newFake()
	ts := series(db)
	db.fail = telemetry.ErrUnavailable
	stream, _ := ts.Subscribe(sensor, nil)
	defer stream.Close()
	if _, err := ts.Post(t.Context(), sensor, NewPoint{Port: "t", Value: []byte("1")}); !errors.Is(err, telemetry.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if len(stream.C) != 0 {
		t.Error("a live stream was told of it")
	}
}

func TestASensorHasAtMostAThousandPorts(t *testing.T) {
	db := newFake()
	for i := range MaxPorts {
		db.put(sensor, fmt.Sprint("p", i), int64(i)*1000, "1")
	}
	ts := series(db)
	post(t, ts, sensor, "p7", "2", "")
	_, err := ts.Post(t.Context(), sensor, NewPoint{Port: "q", Value: []byte("1")})
	wantParameter(t, err, "data.attributes.port", "one more than the 1000 ports")
	post(t, ts, "another", "q", "1", "")
}

func TestKnownPortsAreBounded(t *testing.T) {
	var k knownPorts
	for i := range maxKnownPorts + 10 {
		k.add(sensor, strconv.Itoa(i))
	}
	if k.count != 10 || !k.has(sensor, strconv.Itoa(maxKnownPorts)) || k.has(sensor, "0") {
		t.Errorf("%d are known", k.count)
	}
	k.set(sensor, []string{"a", "b"})
	if k.count != 2 || !k.has(sensor, "a") {
		t.Errorf("%d are known", k.count)
	}
}

func TestPointsOfTheOrganizationAreItsOwn(t *testing.T) {
	db := newFake()
	ts := series(db)
	p := post(t, ts, telemetry.OrganizationClient, "_e", `{"kind":"k","details":{},"message":"m"}`, "")
	if p.Owner != telemetry.OrganizationClient || len(db.points[telemetry.OrganizationClient]) != 1 || len(db.points) != 1 {
		t.Errorf("%v, %v", p, db.points)
	}
}

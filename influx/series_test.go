package influx

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/influxdb/models"

	"iotcenter/devices"
	"iotcenter/ledger"
	"iotcenter/people"
)

// Whatever people and strangers do, a process makes a handful of series in the auth bucket.
func TestRoomsMakeFewSeries(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	db := &DB{cfg: Config{Clock: func() time.Time { return now }}}
	var lines strings.Builder
	for i := range 3000 {
		id := fmt.Sprint("id, of=", i)
		at := now.Add(time.Duration(i%7-3) * time.Hour) // a clock that nobody can trust
		lines.WriteString(db.entryLines([]ledger.Entry{{Kind: "a" + id, ID: id}, {Kind: "b", ID: id, Until: now}}))
		lines.WriteString(db.eventLines([]people.Event{{At: at, Actor: id, Target: id, Action: id}}))
		lines.WriteString(useLine("key", id, at) + useLine("device", id, at))
		lines.WriteString(applicantLine(i%devices.InboxSize, devices.Applicant{ID: "dev1", Address: id}))
	}
	points, err := models.ParsePointsString(lines.String())
	if err != nil || len(points) != 3000*6 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	series, at := map[string]map[int64]bool{}, map[string][]int64{}
	for _, p := range points {
		key := string(p.Key())
		if series[key] == nil {
			series[key] = map[int64]bool{}
		}
		series[key][p.UnixNano()] = true
		at[string(p.Name())] = append(at[string(p.Name())], p.UnixNano())
	}
	names := map[string]int{}
	for key, times := range series {
		name, _, _ := strings.Cut(key, ",")
		names[name]++
		if name == ledgerMeasurement || name == briefMeasurement || name == useMeasurement {
			if len(times) != 3000 {
				t.Errorf("%s has %d points, want one for each of 3000", key, len(times))
			}
		}
	}
	for name, want := range map[string]int{ledgerMeasurement: 1, briefMeasurement: 1, auditMeasurement: len(db.auditTime.lanes), useMeasurement: 2, inboxMeasurement: 1} {
		if names[name] != want {
			t.Errorf("%s has %d series, want %d", name, names[name], want)
		}
	}
	events := 0
	for key, times := range series {
		if strings.HasPrefix(key, auditMeasurement) {
			events += len(times)
		}
	}
	if events != 3000 {
		t.Errorf("%d events are left of 3000", events)
	}
	if n := len(series[inboxMeasurement]); n != devices.InboxSize {
		t.Errorf("the inbox has %d points", n)
	}
	const week = 7 * 24 * time.Hour // InfluxDB counts them from a Monday on
	for name, times := range at {
		first, last := time.Unix(0, slices.Min(times)).UTC(), time.Unix(0, slices.Max(times)).UTC()
		if (name == useMeasurement || name == inboxMeasurement) && !first.Truncate(week).Equal(last.Truncate(week)) {
			t.Errorf("%s lies in more than one shard: from %v to %v", name, first, last)
		}
	}
}

func TestEveryUseHasItsPlaceInOneWeek(t *testing.T) {
	if useWeek.Weekday() != time.Monday || 1<<useBits > int64(7*24*time.Hour) {
		t.Errorf("%v and %v after it are no week of a shard", useWeek, time.Duration(1<<useBits))
	}
	if a, b := usePlace("dev1"), usePlace("dev1"); !a.Equal(b) || a.Equal(usePlace("dev10")) {
		t.Errorf("places: %v, %v", a, b)
	}
	// Stored places must not move between versions of the app: every id would be there twice.
	if got := usePlace("dev1").UnixNano(); got != 801447297596774 {
		t.Errorf("dev1 is at %d", got)
	}
}

func TestTimesOfEvents(t *testing.T) {
	base := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	var l laneTime
	writers := map[string]bool{}
	for i, c := range []struct{ at, want time.Duration }{
		{0, 0}, {0, 1}, {0, 2}, {-999 * time.Millisecond, 3}, // a moment before the last: it follows
		{time.Hour, time.Hour}, {time.Minute, time.Minute}, {time.Minute, time.Minute + 1}, // the clock was put back
		{2 * time.Hour, 2 * time.Hour}, {30 * time.Second, 30 * time.Second}, {10 * time.Second, 10 * time.Second},
		{5 * time.Second, 10*time.Second + 1}, // more often than there are lanes
	} {
		writer, at := l.next(base.Add(c.at))
		writers[writer] = true
		if got := at.Sub(base); got != c.want {
			t.Errorf("event %d of %v is kept at %v, want %v", i, c.at, got, c.want)
		}
	}
	if len(writers) != len(l.lanes) {
		t.Errorf("%d series, want %d", len(writers), len(l.lanes))
	}
}

package helium

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"iotcenter/devices"
)

func TestAPointsIDIsAUUIDv8OfItsStoredTime(t *testing.T) {
	for _, at := range []int64{math.MinInt64 + 2, -1, 0, 1, 999, 1457561078000000000, math.MaxInt64 - 2} {
		id := PointID(sensor, "t", at)
		if id.Version() != 8 || id.Variant() != uuid.RFC4122 {
			t.Errorf("%s has version %d, variant %s", id, id.Version(), id.Variant())
		}
		if got, ok := IDTime(id); got != at || !ok {
			t.Errorf("the time of %d is %d, %v", at, got, ok)
		}
	}
}

func TestAPointsIDIsStable(t *testing.T) {
	const want = "943a4c13-f4a0-81c0-83ce-29c1f36de838"
	if got := PointID(sensor, "wu-tang", 1457561078000000000).String(); got != want {
		t.Errorf("the id is %s, and was %s: links that people keep would break", got, want)
	}
}

func TestAUUIDOfNobodyHasNoTime(t *testing.T) {
	for _, text := range []string{
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"f0e36cac-a87f-4388-9ce4-102b3f01822a",                                                     // version 4, of the documentation of the service
		"943a4c13-f4a0-81c0-c3ce-29c1f36de838",                                                     // another variant
		PointID(sensor, "t", math.MinInt64).String(), PointID(sensor, "t", math.MaxInt64).String(), // no times of InfluxDB
	} {
		if at, ok := IDTime(uuid.MustParse(text)); ok {
			t.Errorf("%s has the time %d", text, at)
		}
	}
}

func TestDistinctPointsHaveDistinctIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type point struct {
			owner devices.ID
			port  string
			at    int64
		}
		draw := func(name string) point {
			return point{
				devices.ID(rapid.SampledFrom([]string{"a", "ab", "sensor-1"}).Draw(t, name+" owner")),
				rapid.SampledFrom([]string{"b", "t", "bt", "\x00t"}).Draw(t, name+" port"),
				rapid.OneOf(rapid.Int64Range(-2, 2), rapid.Int64()).Draw(t, name+" at"),
			}
		}
		a, b := draw("a"), draw("b")
		if same := PointID(a.owner, a.port, a.at) == PointID(b.owner, b.port, b.at); same != (a == b) {
			t.Fatalf("%v and %v have the same id: %v", a, b, same)
		}
	})
}

func TestIDsOfAPortSortByTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		x, y := PointID(sensor, "t", a), PointID(sensor, "t", b)
		if (bytes.Compare(x[:], y[:]) < 0) != (a < b) {
			t.Fatalf("%d and %d: %s, %s", a, b, x, y)
		}
	})
}

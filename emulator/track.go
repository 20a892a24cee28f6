package emulator

import (
	"math"
	"time"

	"iotcenter/telemetry"
)

// Home is where the virtual device lives: the middle of its track.
const (
	HomeLat = 50.0873254
	HomeLon = 14.4071543
)

// TrackPeriod is how long a virtual device takes for its whole track; then it starts again where it began.
const TrackPeriod = 30 * 24 * time.Hour

// PositionAt is where a virtual device is at a time, in degrees. The track is a closed curve: a wide loop in thirty
// days, wound into smaller ones of a few days and of one day, so that a map of a day shows something as well.
func PositionAt(t time.Time) (lat, lon float64) {
	period := int64(TrackPeriod / time.Second)
	second := t.Unix() % period
	if second < 0 {
		second += period
	}
	turn := 2 * math.Pi * float64(second) / float64(period)
	north := 12*math.Sin(turn) + 4*math.Sin(7*turn+0.8) + 2*math.Sin(30*turn)
	east := 18*math.Cos(turn) + 6*math.Cos(7*turn+0.3) + 3*math.Cos(30*turn)
	return degrees(HomeLat + north/1000), degrees(HomeLon + east/1000)
}

// degrees rounds to a millionth of a degree, which is about ten centimetres.
func degrees(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// TrackPositions gives the virtual device's way through the TrackPeriod that ends with now: a position each half hour,
// oldest first, the last one where it is now.
func TrackPositions(now time.Time) []telemetry.Position {
	const step = 30 * time.Minute
	positions := make([]telemetry.Position, 0, TrackPeriod/step+1)
	for ago := TrackPeriod; ago >= 0; ago -= step {
		at := now.Add(-ago)
		lat, lon := PositionAt(at)
		positions = append(positions, telemetry.Position{Time: at, Lat: lat, Lon: lon})
	}
	return positions
}

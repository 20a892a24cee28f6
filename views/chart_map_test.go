package views

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"iotcenter/telemetry"
)

func walk(n int, step func(i int) (lat, lon float64)) []telemetry.Position {
	out := make([]telemetry.Position, n)
	for i := range out {
		out[i].Time = plotStart.Add(time.Duration(i) * time.Minute)
		out[i].Lat, out[i].Lon = step(i)
	}
	return out
}

func TestTrackOf(t *testing.T) {
	got := trackOf(walk(6, func(i int) (float64, float64) {
		return [...]float64{10, 10, math.NaN(), 95, 10, 10}[i], [...]float64{179.8, 179.9, 0, 0, -179.9, -179.8}[i]
	}))
	if len(got) != 4 {
		t.Fatalf("%d positions are left, want the 4 that are on the earth", len(got))
	}
	for i := 1; i < len(got); i++ {
		if d := got[i].Lon - got[i-1].Lon; d < 0 || d > 1 {
			t.Errorf("over the date line: %v to %v", got[i-1].Lon, got[i].Lon)
		}
	}
}

func TestMapOption(t *testing.T) {
	for name, track := range map[string][]telemetry.Position{
		"a walk":       walk(140, func(i int) (float64, float64) { return 50.07 + float64(i)/4000, 14.40 + float64(i%40)/3000 }),
		"one position": walk(1, func(int) (float64, float64) { return -33.9, 151.2 }),
		"standing":     walk(9, func(int) (float64, float64) { return 50.08, 14.41 }),
		"at the pole":  walk(3, func(i int) (float64, float64) { return 90, float64(i) }),
	} {
		t.Run(name, func(t *testing.T) {
			raw, view, err := mapOption(track, `</script>"start`)
			if err != nil {
				t.Fatal(err)
			}
			var o struct {
				Series []struct {
					Type      string
					Data      [][2]float64
					LineStyle struct{ Width float64 }
				}
			}
			if err := json.Unmarshal(raw, &o); err != nil {
				t.Fatalf("%v in %s", err, raw)
			}
			var widths []float64
			scatters := 0
			for _, s := range o.Series {
				switch {
				case s.Type == "scatter":
					scatters++
				case s.LineStyle.Width < 10: // the river is wider
					widths = append(widths, s.LineStyle.Width)
				}
			}
			if len(widths) != trackPieces || widths[0] >= widths[3] || scatters != 3 {
				t.Errorf("pieces %v, %d marks", widths, scatters)
			}
			if end := o.Series[len(o.Series)-1].Data[0]; math.Abs(end[1]-track[len(track)-1].Lat) > 1e-5 {
				t.Errorf("now is at %v", end)
			}
			if !finite(view.LatSpan) || !finite(view.LonSpan) || view.LatSpan <= 0 || view.Step <= 0 || view.LatSpan/view.Step > 50 {
				t.Errorf("view %+v", view)
			}
			if (view.Parks != nil) != (name == "a walk" || name == "standing") {
				t.Errorf("ground: %v", view.Parks)
			}
		})
	}
}

func TestJourney(t *testing.T) {
	// One thousandth of a degree of latitude a minute is 111.2 m a minute.
	track := walk(61, func(i int) (float64, float64) { return float64(i) / 1000, 0 })
	distance, speed, moving := journey(track)
	if math.Abs(distance-60*111.195) > 5 || math.Abs(speed-6.67) > 0.05 || !moving {
		t.Errorf("%v m, %v km/h, %v", distance, speed, moving)
	}
	if _, _, moving := journey(track[:1]); moving {
		t.Error("a single position has a speed")
	}
	for m, want := range map[float64]string{12: "12 m", 6800: "6.8 km", 123_456: "123 km"} {
		if got := distanceWords(m); got != want {
			t.Errorf("%v: %q, want %q", m, got, want)
		}
	}
}

func TestTrackEndsWithTheNewestPosition(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 20, 12, minute, 0, 0, time.UTC) }
	track := []telemetry.Position{{Time: at(10), Lat: 1, Lon: 1}, {Time: at(20), Lat: 2, Lon: 2}, {Time: at(30), Lat: 3, Lon: 3}}
	span := DashboardSpan{From: at(0), To: at(30)}
	newest := func(name string, minute int) telemetry.LastValue {
		return telemetry.LastValue{Field: telemetry.Field{Name: name}, Time: at(minute), Value: 9}
	}
	for name, c := range map[string]struct {
		last []telemetry.LastValue
		want int // minute of the end
		n    int
	}{
		"in the last window":       {[]telemetry.LastValue{newest("Lat", 27), newest("Lon", 27)}, 27, 3},
		"at the edge of a window":  {[]telemetry.LastValue{newest("Lat", 20), newest("Lon", 20)}, 20, 2},
		"half a position":          {[]telemetry.LastValue{newest("Lat", 27), newest("Lon", 26)}, 30, 3},
		"outside of the span":      {[]telemetry.LastValue{newest("Lat", 45), newest("Lon", 45)}, 30, 3},
		"of several sensors":       {[]telemetry.LastValue{newest("Lat", 3), newest("Lat", 28), newest("Lon", 28), newest("Lon", 4)}, 28, 3},
		"a device of another kind": {nil, 30, 3},
	} {
		got := withNewest(track, c.last, span)
		if end := got[len(got)-1]; len(got) != c.n || !end.Time.Equal(at(c.want)) {
			t.Errorf("%s: %d positions to %v, want %d to minute %d", name, len(got), end.Time, c.n, c.want)
		}
	}
	if track[2].Lat != 3 {
		t.Error("the answer of the database was changed")
	}
}

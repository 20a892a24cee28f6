package emulator

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

var noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

// The formula of the spec's section 5, written down anew; the random part stands apart.
func specValue(t time.Time, days, low, high, random float64) float64 {
	d := high - low
	now := float64(t.Unix()) / 86400
	_, fraction := math.Modf(now)
	return math.Trunc((low+d/2+d/4*math.Sin(2*math.Pi*(math.Mod(now, days)/days))+d/4*math.Sin(2*math.Pi*fraction-math.Pi/2)+random)*10) / 10
}

func TestSignalsAreTheSpecs(t *testing.T) {
	want := [5]signal{
		{"Temperature", 30, 0, 40, false}, {"Humidity", 90, 0, 99, false}, {"Pressure", 20, 970, 1050, false},
		{"CO2", 1, 400, 3000, true}, {"TVOC", 1, 250, 2000, true},
	}
	if signals() != want {
		t.Fatalf("%+v", signals())
	}
	source := newNoise(7, "dev1")
	for _, s := range signals() {
		lowest, highest := math.Inf(1), math.Inf(-1)
		for at := noon; at.Before(noon.Add(90 * 24 * time.Hour)); at = at.Add(97 * time.Second) {
			random := source.at(s.Field, at)
			value, exact := s.at(at, source), specValue(at, s.Days, s.Min, s.Max, random)
			if s.Whole {
				exact = math.Trunc(exact)
			}
			if math.Abs(value-exact) > 1e-9 {
				t.Fatalf("%s at %v: %v, want %v", s.Field, at, value, exact)
			}
			lowest, highest = min(lowest, value), max(highest, value)
		}
		if lowest < s.Min || highest >= s.Max+1 {
			t.Errorf("%s reaches from %v to %v", s.Field, lowest, highest)
		}
		if width := s.Max - s.Min; highest-lowest < 0.7*width {
			t.Errorf("%s moves from %v to %v only", s.Field, lowest, highest)
		}
	}
}

// Known values: a change of the formula, the hash or the mixing shows here.
func TestSignalsAtFixedTimes(t *testing.T) {
	for _, c := range []struct {
		at    time.Time
		quiet [5]float64 // without the random part
	}{
		{time.Unix(0, 0), [5]float64{10, 24.7, 990, 1050, 687}},
		{time.Unix(43200, 0), [5]float64{30 + 1, 75.1, 1033.1, 2350, 1562}}, // noon of the first day
		{time.Unix(21600, 0), [5]float64{20.5, 49.9, 1011.5, 2350, 1562}},
	} {
		for i, s := range signals() {
			if got := specValue(c.at, s.Days, s.Min, s.Max, 0); math.Abs(got-c.quiet[i]) > 0.7 {
				t.Errorf("%s at %v: %v, want about %v", s.Field, c.at, got, c.quiet[i])
			}
			if got := s.at(c.at, newNoise(1, "x")); got < c.quiet[i]-1.1 || got > c.quiet[i]+1.8 {
				t.Errorf("%s at %v: %v, want about %v", s.Field, c.at, got, c.quiet[i])
			}
		}
	}
}

func TestNoise(t *testing.T) {
	a, other, elsewhere := newNoise(7, "dev1"), newNoise(8, "dev1"), newNoise(7, "dev2")
	if newNoise(7, "dev1") != a || a == other || a == elsewhere {
		t.Fatal("a source is made by seed and device")
	}
	const n = 100_000
	var sum float64
	var tenths [10]int
	same := 0
	for i := range n {
		at := noon.Add(time.Duration(i) * time.Second)
		v := a.at("Temperature", at)
		if v < 0 || v >= 1 || v != a.at("Temperature", at) || v != a.at("Temperature", at.Add(999*time.Millisecond)) {
			t.Fatalf("%v at %v", v, at)
		}
		sum += v
		tenths[int(v*10)]++
		if v == a.at("Humidity", at) || v == other.at("Temperature", at) || v == elsewhere.at("Temperature", at) {
			same++
		}
	}
	if mean := sum / n; math.Abs(mean-0.5) > 0.01 || same > 0 {
		t.Errorf("the mean is %v; %d numbers are shared", mean, same)
	}
	for i, count := range tenths {
		if math.Abs(float64(count)-n/10) > n/200 {
			t.Errorf("%d numbers from 0.%d", count, i)
		}
	}
}

func TestLine(t *testing.T) {
	l := newLiner(7, "dev1")
	line := string(l.append(nil, noon))
	head := "environment,CO2Sensor=virtual_CO2Sensor,GPSSensor=virtual_GPSSensor,HumiditySensor=virtual_HumiditySensor," +
		"PressureSensor=virtual_PressureSensor,TVOCSensor=virtual_TVOCSensor,TemperatureSensor=virtual_TemperatureSensor,clientId=dev1 "
	fields, found := strings.CutPrefix(line, head)
	if !found || !strings.HasSuffix(line, " 1795003200\n") {
		t.Fatal(line)
	}
	fields, _, _ = strings.Cut(fields, " ")
	var names []string
	for one := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(one, "=")
		names = append(names, name)
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Errorf("%s is no float: %v", one, err)
		}
		f := telemetry.Lookup(name)
		if !f.Known || v < f.Min || v > f.Max+1 {
			t.Errorf("%s is not what the catalogue expects", one)
		}
		if _, fraction, _ := strings.Cut(value, "."); (name == "CO2" || name == "TVOC") && fraction != "" {
			t.Errorf("%s is not whole", one)
		} else if name != "Lat" && name != "Lon" && len(fraction) > 1 {
			t.Errorf("%s has more than tenths", one)
		}
	}
	if got := strings.Join(names, " "); got != "Temperature Humidity Pressure CO2 TVOC Lat Lon" {
		t.Errorf("fields %s", got)
	}
	// The fence has nothing to do, and the same seed makes the same line.
	if fenced, n, err := telemetry.Fence([]byte(line), "dev1"); err != nil || n != 1 || string(fenced) != line {
		t.Errorf("fenced: %q, %v", fenced, err)
	}
	again := newLiner(7, "dev1")
	_ = again.append(nil, noon.Add(-time.Hour)) // what came before does not matter
	if got := string(again.append([]byte("x"), noon)); got != "x"+line {
		t.Errorf("again: %s", got)
	}
	for _, c := range []struct {
		seed uint64
		id   devices.ID
	}{{8, "dev1"}, {7, "dev2"}} {
		other := newLiner(c.seed, c.id)
		if _, got, _ := strings.Cut(string(other.append(nil, noon)), " "); strings.HasPrefix(got, fields+" ") {
			t.Errorf("seed %d and device %s make the same values", c.seed, c.id)
		}
	}
}

func TestTrack(t *testing.T) {
	lat0, lon0 := PositionAt(noon)
	for _, turns := range []int{-700, -1, 1, 2, 50} { // -700 is before 1970
		lat, lon := PositionAt(noon.Add(time.Duration(turns) * TrackPeriod))
		if lat != lat0 || lon != lon0 {
			t.Errorf("%d turns on: %v %v, want %v %v", turns, lat, lon, lat0, lon0)
		}
	}
	// It stays near its home, goes round it, and does not jump, not where it starts again either.
	var sumLat, sumLon float64
	n := 0
	start := time.Unix(0, 0).Add(-time.Hour)
	before, beforeLon := PositionAt(start.Add(-time.Minute))
	seen := make(map[[2]float64]bool)
	for at := start; at.Before(start.Add(TrackPeriod)); at = at.Add(time.Minute) {
		lat, lon := PositionAt(at)
		if math.Abs(lat-HomeLat) > 0.02 || math.Abs(lon-HomeLon) > 0.03 {
			t.Fatalf("%v %v at %v is far from home", lat, lon, at)
		}
		if math.Abs(lat-before) > 1e-4 || math.Abs(lon-beforeLon) > 1e-4 {
			t.Fatalf("it jumps from %v %v to %v %v at %v", before, beforeLon, lat, lon, at)
		}
		before, beforeLon = lat, lon
		sumLat, sumLon, n = sumLat+lat, sumLon+lon, n+1
		seen[[2]float64{lat, lon}] = true
	}
	if math.Abs(sumLat/float64(n)-HomeLat) > 1e-4 || math.Abs(sumLon/float64(n)-HomeLon) > 1e-4 {
		t.Errorf("its middle is %v %v", sumLat/float64(n), sumLon/float64(n))
	}
	if len(seen) < n/2 {
		t.Errorf("%d positions in %d minutes", len(seen), n)
	}
}

func TestTrackPositions(t *testing.T) {
	all := TrackPositions(noon)
	if len(all) != 30*48+1 || !all[0].Time.Equal(noon.Add(-TrackPeriod)) || !all[len(all)-1].Time.Equal(noon) {
		t.Fatalf("%d positions from %v to %v", len(all), all[0].Time, all[len(all)-1].Time)
	}
	for i, p := range all {
		if lat, lon := PositionAt(p.Time); lat != p.Lat || lon != p.Lon {
			t.Errorf("%+v, want %v %v", p, lat, lon)
		}
		if i > 0 && p.Time.Sub(all[i-1].Time) != 30*time.Minute {
			t.Errorf("%v after %v", p.Time, all[i-1].Time)
		}
	}
	if all[0].Lat != all[len(all)-1].Lat || all[0].Lon != all[len(all)-1].Lon {
		t.Error("the track is not closed")
	}
}

func FuzzPositionAt(f *testing.F) {
	for _, unix := range []int64{0, -1, noon.Unix(), math.MaxInt64, math.MinInt64} {
		f.Add(unix)
	}
	f.Fuzz(func(t *testing.T, unix int64) {
		if lat, lon := PositionAt(time.Unix(unix, 0)); math.Abs(lat-HomeLat) > 0.02 || math.Abs(lon-HomeLon) > 0.03 {
			t.Errorf("%v %v", lat, lon)
		}
	})
}

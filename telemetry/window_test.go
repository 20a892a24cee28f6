package telemetry

import (
	"math"
	"testing"
	"time"
)

func TestWindowOfTheOfferedRanges(t *testing.T) {
	for _, c := range []struct {
		name   string
		points int
		want   time.Duration
	}{
		{"5m", 800, time.Second},
		{"15m", 800, 2 * time.Second},
		{"15m", 1000, time.Second},
		{"1h", 800, 5 * time.Second},
		{"6h", 800, 30 * time.Second},
		{"1d", 800, 2 * time.Minute},
		{"1d", 300, 5 * time.Minute},
		{"3d", 800, 10 * time.Minute},
		{"7d", 800, 15 * time.Minute},
		{"30d", 800, time.Hour},
		{"30d", 2000, 30 * time.Minute},
		{"30d", 2, 28 * day},
		{"30d", 1, 28 * day}, // less than two is two
		{"30d", -1, 28 * day},
	} {
		r, err := ParseRange("range", c.name)
		if err != nil {
			t.Fatal(err)
		}
		if got := Window(testNow.Add(-r.Length), testNow, c.points); got != c.want {
			// A range of 30 days may touch three windows of 28 days.
			if c.points > 2 || got != 2*c.want {
				t.Errorf("%s on %d pixels: %v, want %v", c.name, c.points, got, c.want)
			}
		}
		checkWindow(t, testNow.Add(-r.Length), testNow, c.points)
	}
}

// checkWindow says what a width must be: its windows fit the plot, and those of the next narrower width would not.
func checkWindow(t *testing.T, start, stop time.Time, points int) {
	t.Helper()
	every := Window(start, stop, points)
	points = max(points, 2)
	widest := every > math.MaxInt64/2 // of centuries on two or three pixels, some windows of the widest kind are one too many
	if n := countWindows(start, stop, every); every < time.Second || n > float64(points) && !widest {
		t.Errorf("%v to %v on %d pixels: %v, that is %v windows", start, stop, points, every, n)
	}
	var narrower time.Duration
	for _, w := range windows() {
		if w < every {
			narrower = w
		}
	}
	if every > 28*day {
		narrower = every / 2
	}
	if narrower > 0 && countWindows(start, stop, narrower) <= float64(points) {
		t.Errorf("%v to %v on %d pixels: %v, and %v would do", start, stop, points, every, narrower)
	}
}

// countWindows counts the windows from the one with start to the one that ends at stop or after it.
func countWindows(start, stop time.Time, every time.Duration) float64 {
	first, last := start.UnixNano()/int64(every), (stop.UnixNano()-1)/int64(every)
	if start.UnixNano()%int64(every) < 0 {
		first--
	}
	if (stop.UnixNano()-1)%int64(every) < 0 {
		last--
	}
	return float64(last) - float64(first) + 1
}

func TestWindowsAreRound(t *testing.T) {
	var before time.Duration
	for _, w := range windows() {
		if w <= before {
			t.Errorf("%v after %v", w, before)
		}
		before = w
		whole := false
		for _, unit := range []time.Duration{time.Minute, time.Hour, day, 7 * day, 28 * day} {
			whole = whole || unit%w == 0
		}
		if !whole {
			t.Errorf("%v divides nothing evenly", w)
		}
	}
}

func TestWindowOfAnyRange(t *testing.T) {
	for _, start := range []time.Time{earliest, time.Unix(-1, 0), time.Unix(0, 0), testNow, testNow.Add(1), testNow.Truncate(time.Hour)} {
		for length := time.Nanosecond; length > 0 && !start.Add(length).After(latest); length = length*3 + 1 {
			for _, points := range []int{2, 3, 100, 799, 800, 4000} {
				checkWindow(t, start, start.Add(length), points)
			}
			if length > math.MaxInt64/4 {
				break
			}
		}
	}
	checkWindow(t, earliest, latest, 2)
	checkWindow(t, earliest, latest, 4000)
	for _, c := range []struct {
		start, stop time.Duration // after a full minute
		want        time.Duration
	}{
		{0, 800 * time.Second, time.Second}, // exactly so many windows
		{0, 800*time.Second + 1, 2 * time.Second},
		{-1, 800*time.Second - 1, 2 * time.Second}, // as long, but it touches one more
	} {
		full := testNow.Truncate(time.Minute)
		if got := Window(full.Add(c.start), full.Add(c.stop), 800); got != c.want {
			t.Errorf("%v to %v after a full minute: %v, want %v", c.start, c.stop, got, c.want)
		}
	}
	if every := Window(testNow, testNow, 800); every != time.Second {
		t.Errorf("an empty range: %v", every)
	}
	if every := Window(testNow, testNow.Add(-time.Hour), 800); every != time.Second {
		t.Errorf("a range that runs backwards: %v", every)
	}
	if every := Window(testNow.Add(-time.Hour), testNow, math.MaxInt); every != time.Second {
		t.Errorf("a very wide plot: %v", every)
	}
}

func FuzzWindow(f *testing.F) {
	f.Add(testNow.UnixNano(), int64(time.Hour), 800)
	f.Add(int64(-1), int64(2), 2)
	f.Add(int64(math.MinInt64), int64(math.MaxInt64), 1)
	f.Fuzz(func(t *testing.T, start, length int64, points int) {
		from := time.Unix(0, start)
		if length <= 0 || from.Before(earliest) || from.After(latest.Add(-time.Duration(length))) {
			return
		}
		checkWindow(t, from, from.Add(time.Duration(length)), points)
	})
}

func TestNiceRange(t *testing.T) {
	for _, c := range []struct{ low, high, from, to float64 }{
		{0, 1, 0, 1},
		{0.3, 9.7, 0, 10},
		{9.7, 0.3, 0, 10},
		{21.2, 23.9, 21, 24},
		{-3, 17, -5, 20},
		{5, 5, 2, 8},
		{0, 0, -0.6, 0.6},
		{math.NaN(), 1, 0, 1},
		{math.Inf(-1), 1, 0, 1},
		{-math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64},
	} {
		from, to := niceRange(c.low, c.high)
		if math.Abs(from-c.from) > 1e-9*math.Abs(c.from) || math.Abs(to-c.to) > 1e-9*math.Abs(c.to) {
			t.Errorf("%v to %v: %v to %v, want %v to %v", c.low, c.high, from, to, c.from, c.to)
		}
	}
}

func FuzzNiceRange(f *testing.F) {
	for _, s := range [][2]float64{{0, 1}, {5, 5}, {-3, 17}, {1e300, 1e-300}, {1, math.Nextafter(1, 2)}, {-math.MaxFloat64, math.MaxFloat64},
		{math.MaxFloat64, math.MaxFloat64}, {5e-324, 0}, {0, 0}, {0.01111111111111111, 0.011111111111111113}, {-math.MaxFloat64, -math.MaxFloat64}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, low, high float64) {
		from, to := niceRange(low, high)
		if math.IsNaN(from) || math.IsInf(from, 0) || math.IsNaN(to) || math.IsInf(to, 0) || from >= to {
			t.Fatalf("%v to %v: %v to %v", low, high, from, to)
		}
		if math.IsNaN(low) || math.IsNaN(high) || math.IsInf(low, 0) || math.IsInf(high, 0) {
			return
		}
		if from > min(low, high) || to < max(low, high) {
			t.Errorf("%v to %v: %v to %v leaves data out", low, high, from, to)
		}
	})
}

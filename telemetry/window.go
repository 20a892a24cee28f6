package telemetry

import (
	"math"
	"slices"
	"time"
)

// windows are the widths that divide a minute, an hour, a day or a week evenly, so that their starts are round times
// and stay where they are when the range moves.
func windows() []time.Duration {
	return []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
		day, 2 * day, 7 * day, 14 * day, 28 * day,
	}
}

// Window chooses the width of aggregation windows for a plot that is so many pixels wide: the smallest round width
// with which the windows that touch the range from start to stop are no more than points. Windows are aligned to the
// epoch, so the first and the last one may reach beyond the range.
func Window(start, stop time.Time, points int) (every time.Duration) {
	points = max(points, 2)
	span := stop.Sub(start) // saturates, which is wide enough
	all := windows()
	// An unaligned range touches one window more than its length has.
	at, _ := slices.BinarySearchFunc(all, span, func(w, span time.Duration) int {
		if windowsIn(start, stop, w) > int64(points) {
			return -1
		}
		return 1
	})
	if at < len(all) {
		return all[at]
	}
	every = all[len(all)-1]
	for windowsIn(start, stop, every) > int64(points) && every <= math.MaxInt64/2 {
		every *= 2
	}
	return every
}

// windowsIn counts the windows that touch the range, of which stop is not part.
func windowsIn(start, stop time.Time, every time.Duration) int64 {
	if !start.Before(stop) {
		return 1
	}
	w := int64(every)
	return floorDiv(stop.UnixNano()-1, w) - floorDiv(start.UnixNano(), w) + 1
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// niceRange is a range with round ends that surrounds the data with some room.
func niceRange(low, high float64) (from, to float64) {
	if low > high {
		low, high = high, low
	}
	if math.IsNaN(low) || math.IsNaN(high) || math.IsInf(low, 0) || math.IsInf(high, 0) {
		return 0, 1
	}
	width := high - low
	if width == 0 {
		width = max(math.Abs(high), 1) // a constant stands in the middle of something
		low, high = low-width/2, high+width/2
	}
	low, high = max(low, -math.MaxFloat64), min(high, math.MaxFloat64)
	if math.IsInf(width, 0) {
		return low, high
	}
	step := math.Pow(10, math.Floor(math.Log10(width)))
	switch {
	case width/step < 2:
		step /= 5
	case width/step < 5:
		step /= 2
	}
	// The product of a rounded number can fall short of it by a bit.
	from, to = min(math.Floor(low/step)*step, low), max(math.Ceil(high/step)*step, high)
	if !(from < to) || math.IsInf(to-from, 0) { // steps too fine for the numbers, or the numbers too large
		return low, high
	}
	return from, to
}

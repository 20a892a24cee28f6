package views

import (
	"math"
	"strconv"
	"strings"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// bar is one bar of a small chart, in the units of its drawing.
type bar struct {
	X, Y, W, H string
	Class      string
}

// px writes a length for an SVG attribute, with no more digits than can be seen.
func px(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// bars draws counts as bars over a width and a height, with a gap between them and at least 1.5 for what is not zero.
// class gives the class of each.
func bars(counts []int, width, height, gap float64, class func(i int) string) []bar {
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	if most == 0 {
		return nil
	}
	step := width / float64(len(counts))
	var out []bar
	for i, n := range counts {
		if n <= 0 {
			continue
		}
		h := max(1.5, float64(n)/float64(most)*height)
		out = append(out, bar{X: px(float64(i)*step + gap/2), Y: px(height - h), W: px(step - gap), H: px(h), Class: class(i)})
	}
	return out
}

// Size of a sparkline.
const sparkWidth, sparkHeight = 120, 22

// sparkBars are the 24 hours of a device; the last has the colour of its state.
func sparkBars(counts [devices.Hours]int, state devices.State) []bar {
	return bars(counts[:], sparkWidth, sparkHeight, 1.2, func(i int) string {
		if i == devices.Hours-1 {
			return "m-" + state.String()
		}
		return "m-bar"
	})
}

// sparkWords is a sparkline for those who do not see it.
func sparkWords(counts [devices.Hours]int) string {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	switch sum {
	case 0:
		return "No points in 24 hours"
	case 1:
		return "1 point in 24 hours"
	default:
		return telemetry.FormatCount(sum) + " points in 24 hours"
	}
}

// Cells of the fleet's drawing.
const (
	fleetColumns = 24
	cellSize     = 17.0
	cellStep     = 24.2
	fleetCells   = 200 // beyond that many devices there is one bar only
)

// cell is one device in the fleet's drawing.
type cell struct {
	X, Y  string
	State devices.State
}

// cells places one cell a device, sorted by state.
func cells(counts map[devices.State]int) []cell {
	var out []cell
	for _, state := range allStates() {
		for range counts[state] {
			i := len(out)
			out = append(out, cell{X: px(float64(i%fleetColumns)*cellStep + 0.5), Y: px(float64(i/fleetColumns)*cellStep + 0.5), State: state})
		}
	}
	return out
}

// cellsBox is the drawing's viewBox.
func cellsBox(n int) string {
	rows := (n + fleetColumns - 1) / fleetColumns
	return "0 0 " + px((fleetColumns-1)*cellStep+cellSize+1) + " " + px(float64(rows-1)*cellStep+cellSize+1)
}

// share is one piece of the stacked bar of a large fleet, in percent.
type share struct {
	X, W  string
	State devices.State
}

func shares(counts map[devices.State]int, total int) []share {
	var out []share
	at := 0.0
	for _, state := range allStates() {
		if counts[state] == 0 {
			continue
		}
		w := float64(counts[state]) / float64(total) * 100
		out = append(out, share{X: px(at) + "%", W: px(w) + "%", State: state})
		at += w
	}
	return out
}

// Size of the drawing of the last hour.
const minutesWidth, minutesHeight = 322.0, 84.0

// minuteBars draws the last hour; the newest minute is in ink.
func minuteBars(counts []int) []bar {
	return bars(counts, minutesWidth, minutesHeight, 1.4, func(i int) string {
		if i == len(counts)-1 {
			return "m-ink"
		}
		return "m-bar"
	})
}

// tick is a time under the drawing of the last hour.
type tick struct {
	X      string
	Anchor string
	At     time.Time
}

// minuteTicks names the beginning, each quarter of an hour and the end.
func minuteTicks(minutes int, stop time.Time) []tick {
	start := stop.Add(-time.Duration(minutes) * time.Minute)
	return []tick{
		{"0", "start", start},
		{px(minutesWidth * 0.25), "middle", start.Add(15 * time.Minute)},
		{px(minutesWidth * 0.5), "middle", start.Add(30 * time.Minute)},
		{px(minutesWidth * 0.75), "middle", start.Add(45 * time.Minute)},
		{px(minutesWidth), "end", stop},
	}
}

// rangeDot is where a range bar, 72 wide, has its dot.
func rangeDot(low, high, last float64) string {
	t := 0.5
	if high > low {
		t = min(1, max(0, (last-low)/(high-low)))
	}
	return px(1 + t*70)
}

// joinWords joins what is not empty with commas.
func joinWords(words ...string) string {
	var kept []string
	for _, w := range words {
		if w != "" {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, ", ")
}

package views

import (
	"math"
	"strconv"
	"strings"
	"time"

	"iotcenter/telemetry"
)

// VirtualPage is the page of the virtual device: what any device's page has, and what writes its data.
type VirtualPage struct {
	DevicePage
	Registered bool
	Progress   VirtualProgress
	Live       VirtualLive
	Signals    []Signal
	Runs       []VirtualRun
}

// VirtualProgress is where the writing of missing data stands.
type VirtualProgress struct {
	Running        bool
	Written, Total int // Total is 0 until it is known
	From, To       time.Time
	Started        time.Time
}

// Run names the run in the page's address, so that its closing message is shown once it ended.
func (p VirtualProgress) Run() string { return strconv.FormatInt(p.Started.UnixMilli(), 10) }

// VirtualPath is the address of the page after an act on a run; with the zero time that of the page.
func VirtualPath(started time.Time) string {
	if started.IsZero() {
		return "/virtual"
	}
	return "/virtual?run=" + VirtualProgress{Started: started}.Run()
}

// Count is the points written, for a person.
func (p VirtualProgress) Count() string { return telemetry.FormatCount(p.Written) }

// Of says of how many.
func (p VirtualProgress) Of() string {
	if p.Total == 0 {
		return "points; looking what is missing"
	}
	return "of " + countWords(p.Total, "point")
}

// Left says how far it is, and how long it will take: "62 %, about 1 s left".
func (p VirtualProgress) Left(now time.Time) string {
	if p.Total == 0 {
		return ""
	}
	words := strconv.Itoa(p.Written*100/p.Total) + " %"
	took := now.Sub(p.Started)
	if p.Written == 0 || took <= 0 || p.Written >= p.Total {
		return words
	}
	left := float64(took) / float64(p.Written) * float64(p.Total-p.Written)
	seconds := int(math.Ceil(left / float64(time.Second)))
	if seconds < 120 {
		return words + ", about " + strconv.Itoa(seconds) + " s left"
	}
	return words + ", about " + strconv.Itoa((seconds+59)/60) + " min left"
}

// rulerTick is a tick of the ruler under the progress bar, in its units of 0 to 700.
type rulerTick struct {
	X    string
	Long bool
}

// rulerLabel is a word under the ruler, in one of its equal columns.
type rulerLabel struct {
	Text string
	Last bool
}

// rulerColumns is how many equal parts the ruler has.
const rulerColumns = 7

func (p VirtualProgress) ticks() []rulerTick {
	var out []rulerTick
	for i := range 4*rulerColumns + 1 {
		x := min(max(float64(i)*700/(4*rulerColumns), 0.5), 699.5)
		out = append(out, rulerTick{px(x), i%4 == 0})
	}
	return out
}

// labels are the days of the span, or its times when it is short.
func (p VirtualProgress) labels(now time.Time) []rulerLabel {
	from, to := p.From, p.To
	if from.IsZero() || !from.Before(to) {
		from, to = now.Add(-rulerColumns*24*time.Hour), now
	}
	step := to.Sub(from) / rulerColumns
	var out []rulerLabel
	month := time.Month(0)
	for i := range rulerColumns {
		at := from.Add(time.Duration(i) * step).UTC()
		text := at.Format("15:04")
		if step >= 12*time.Hour {
			text = strconv.Itoa(at.Day())
			if at.Month() != month {
				text += at.Format(" Jan")
			}
			month = at.Month()
		}
		out = append(out, rulerLabel{text, i == rulerColumns-1})
	}
	return out
}

// VirtualLive is the live switch.
type VirtualLive struct {
	On        bool
	Since     time.Time
	LastWrite time.Time
	Points    int
	Err       string
	Every     time.Duration
}

// state says when the last point was written.
func (l VirtualLive) state(now time.Time) string {
	if l.LastWrite.IsZero() {
		return "No point is written yet"
	}
	switch age := now.Sub(l.LastWrite); {
	case age < 2*time.Second:
		return "Last point written just now"
	case age < 2*time.Minute:
		return "Last point written " + strconv.Itoa(int(age/time.Second)) + " s ago"
	default:
		return "Last point written " + ageText(l.LastWrite, now)
	}
}

// Signal is one field of the last day as a small drawing, and its newest value.
type Signal struct {
	Field telemetry.Field
	Path  string // of an SVG, 120 × 40
	Value string
}

// Size of a signal's drawing.
const signalWidth, signalHeight = 120.0, 40.0

// Signals draws the known fields of an answer; a field without data has no path.
func Signals(answer telemetry.SeriesAnswer) []Signal {
	byName := map[string]telemetry.Series{}
	for _, s := range answer.Series {
		byName[s.Field.Name] = s
	}
	var out []Signal
	for _, f := range telemetry.Catalogue() {
		if f.Name == "Lat" || f.Name == "Lon" {
			continue
		}
		signal := Signal{Field: f, Value: "No data"}
		if s, ok := byName[f.Name]; ok && len(s.Times) > 0 {
			signal.Path = signalPath(lineOf(s, answer.Start, answer.Stop, answer.Every), answer.Start, answer.Stop)
			signal.Value = f.Format(s.Mean[len(s.Mean)-1])
		}
		out = append(out, signal)
	}
	return out
}

// signalPath is a line as the d of an SVG path; it breaks at gaps.
func signalPath(l line, start, stop time.Time) string {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range l.Mean {
		if finite(p.Value) {
			low, high = min(low, p.Value), max(high, p.Value)
		}
	}
	var b strings.Builder
	pen := byte('M')
	for _, p := range l.Mean {
		if !finite(p.Value) {
			pen = 'M'
			continue
		}
		y := signalHeight / 2
		if high > low {
			y = 2 + (high-p.Value)/(high-low)*(signalHeight-4)
		}
		x := min(max(float64(p.At.Sub(start))/float64(stop.Sub(start)), 0), 1) * signalWidth
		b.WriteByte(pen)
		b.WriteString(px(x) + " " + px(y))
		pen = 'L'
	}
	return b.String()
}

// VirtualRun is a run that ended.
type VirtualRun struct {
	Started time.Time
	Took    time.Duration
	Written int
	Result  string // "done", "cancelled", "failed"
	Message string
	By      string
}

// level is the colour and the icon of a run's result; "" for one that changed nothing.
func (r VirtualRun) level() telemetry.AgeLevel {
	switch {
	case r.Result == "failed":
		return telemetry.AgeBad
	case r.Result == "cancelled":
		return telemetry.AgeWarn
	case r.Written > 0:
		return telemetry.AgeOK
	default:
		return ""
	}
}

func (r VirtualRun) took() string { return tookWords(r.Took) }

// tookWords writes how long something took: "1.1 s", "2 min 5 s".
func tookWords(d time.Duration) string {
	if d < time.Minute {
		return telemetry.FormatNumber(max(d, 0).Seconds(), 1) + " s"
	}
	d = d.Round(time.Second)
	return strconv.Itoa(int(d/time.Minute)) + " min " + strconv.Itoa(int(d%time.Minute/time.Second)) + " s"
}

// RunFlash is the closing message of a run.
func RunFlash(r VirtualRun) Flash {
	kind := FlashInfo
	switch r.level() {
	case telemetry.AgeOK:
		kind = FlashOK
	case telemetry.AgeWarn:
		kind = FlashWarn
	case telemetry.AgeBad:
		kind = FlashError
	}
	return Flash{Kind: kind, Text: r.Message}
}

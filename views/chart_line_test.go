package views

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/telemetry"
)

var plotStart = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// seriesAt makes a series of a field with points at minutes after plotStart, each v.
func seriesAt(name string, minutes []int, v func(i int) (mean, low, high float64)) telemetry.Series {
	s := telemetry.Series{Field: telemetry.Arrange([]string{name})[0]}
	for i, m := range minutes {
		mean, low, high := v(i)
		s.Times = append(s.Times, plotStart.Add(time.Duration(m)*time.Minute))
		s.Mean, s.Min, s.Max = append(s.Mean, mean), append(s.Min, low), append(s.Max, high)
	}
	return s
}

func around(i int) (float64, float64, float64) { v := float64(i); return v, v - 1, v + 2 }

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestLineOf(t *testing.T) {
	at := func(m int) time.Time { return plotStart.Add(time.Duration(m) * time.Minute) }
	for _, c := range []struct {
		name    string
		minutes []int
		stop    int
		every   time.Duration
		gaps    []gap
		nulls   int
		points  int
	}{
		{"whole", upTo(10), 10, time.Minute, nil, 0, 10},
		{"three windows may be missing", []int{0, 1, 2, 6, 7}, 8, time.Minute, nil, 0, 5},
		{"four may not", []int{0, 1, 2, 7, 8}, 9, time.Minute, []gap{{at(3), at(7)}}, 1, 6},
		{"nothing at the beginning", []int{20, 21, 22}, 23, time.Minute, []gap{{at(0), at(20)}}, 0, 3},
		{"nothing at the end", []int{0, 1, 2}, 60, time.Minute, []gap{{at(3), at(60)}}, 0, 3},
		{"points as stored, by their usual distance", []int{0, 5, 10, 15, 60, 65}, 66, 0, []gap{{at(15), at(60)}}, 1, 7},
		{"a single point", []int{30}, 60, 0, []gap{{at(0), at(30)}, {at(30), at(60)}}, 0, 1},
		{"none", nil, 60, time.Minute, []gap{{at(0), at(60)}}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lineOf(seriesAt("Temperature", c.minutes, around), plotStart, at(c.stop), c.every)
			if diff := cmp.Diff(c.gaps, l.Gaps); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			nulls := 0
			for _, p := range l.Mean {
				if math.IsNaN(p.Value) {
					nulls++
				}
			}
			if nulls != c.nulls || len(l.Mean) != c.points {
				t.Errorf("%d nulls of %d points, want %d of %d", nulls, len(l.Mean), c.nulls, c.points)
			}
			if len(l.Low) != len(l.Mean) || len(l.Width) != len(l.Mean) {
				t.Errorf("the band has %d and %d points, the mean %d", len(l.Low), len(l.Width), len(l.Mean))
			}
		})
	}
}

func TestLineWithoutBandAndWithNaN(t *testing.T) {
	flat := lineOf(seriesAt("CO2", upTo(4), func(i int) (float64, float64, float64) { return 5, 5, 5 }), plotStart, plotStart.Add(4*time.Minute), time.Minute)
	if len(flat.Low) != 0 {
		t.Errorf("a series whose minimum is its maximum has a band of %d points", len(flat.Low))
	}
	odd := lineOf(seriesAt("CO2", upTo(3), func(i int) (float64, float64, float64) {
		return [...]float64{1, math.NaN(), math.Inf(1)}[i], 0, [...]float64{2, math.Inf(1), 2}[i]
	}), plotStart, plotStart.Add(3*time.Minute), time.Minute)
	for name, points := range map[string]timedPoints{"mean": odd.Mean, "low": odd.Low, "width": odd.Width} {
		text, err := json.Marshal(points)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var back [][2]*float64
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%s: %v in %s", name, err, text)
		}
		if back[0][1] == nil || back[1][1] != nil || back[2][1] != nil {
			t.Errorf("%s: %s; want a number and two nulls", name, text)
		}
	}
}

// drawnOption is the part of a line's option that the tests look at.
type drawnOption struct {
	Series []struct {
		Name          string         `json:"name"`
		Stack         string         `json:"stack"`
		StackStrategy string         `json:"stackStrategy"`
		Symbol        string         `json:"symbol"`
		ConnectNulls  *bool          `json:"connectNulls"`
		Data          [][2]*float64  `json:"data"`
		LineStyle     map[string]any `json:"lineStyle"`
		MarkArea      struct {
			Data [][]struct {
				Name  string  `json:"name"`
				XAxis float64 `json:"xAxis"`
			} `json:"data"`
		} `json:"markArea"`
	} `json:"series"`
	XAxis struct {
		Min, Max  float64
		AxisLabel struct {
			Show      bool              `json:"show"`
			Formatter map[string]string `json:"formatter"`
		} `json:"axisLabel"`
	} `json:"xAxis"`
	Animation *bool          `json:"animation"`
	Legend    map[string]any `json:"legend"`
}

func readOption(t *testing.T, raw json.RawMessage, err error) drawnOption {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var o drawnOption
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return o
}

func TestLineOption(t *testing.T) {
	stop := plotStart.Add(100 * time.Minute)
	s := seriesAt("Humidity", append(upTo(30), 80, 81, 82), around)
	plot := plotSpan{plotStart, stop, time.Minute, 44}
	raw, err := lineOption(s, plot, true, false)
	o := readOption(t, raw, err)
	if len(o.Series) != 3 {
		t.Fatalf("%d series, want low, band and mean", len(o.Series))
	}
	low, band, mean := o.Series[0], o.Series[1], o.Series[2]
	if low.Stack == "" || low.Stack != band.Stack || low.StackStrategy != "all" || band.StackStrategy != "all" || mean.Stack != "" {
		t.Errorf("stacks %q %q %q", low.Stack, band.Stack, mean.Stack)
	}
	if *low.Data[5][1] != 4 || *band.Data[5][1] != 3 || *mean.Data[5][1] != 5 {
		t.Errorf("window 5 is %v %v %v", *low.Data[5][1], *band.Data[5][1], *mean.Data[5][1])
	}
	if mean.ConnectNulls == nil || *mean.ConnectNulls || mean.Symbol != "none" || mean.LineStyle["color"] != "--s2" || mean.Name != "Humidity" {
		t.Errorf("mean: %+v", mean)
	}
	if got := mean.MarkArea.Data; len(got) != 2 || got[0][0].Name != "no data" || got[0][0].XAxis != float64(plotStart.Add(30*time.Minute).UnixMilli()) ||
		got[0][1].XAxis != float64(plotStart.Add(80*time.Minute).UnixMilli()) {
		t.Errorf("gaps are marked as %+v", got)
	}
	if o.XAxis.Min != float64(plotStart.UnixMilli()) || o.XAxis.Max != float64(stop.UnixMilli()) || o.XAxis.AxisLabel.Show || o.XAxis.AxisLabel.Formatter["hour"] == "" {
		t.Errorf("time axis: %+v", o.XAxis)
	}
	if o.Animation == nil || *o.Animation || o.Legend != nil {
		t.Errorf("animation %v, legend %v", o.Animation, o.Legend)
	}
	raw, err = lineOption(s, plot, false, true)
	if o := readOption(t, raw, err); !o.XAxis.AxisLabel.Show || o.Series[2].MarkArea.Data[0][0].Name != "" {
		t.Errorf("the last strip: %+v", o)
	}
}

// TestPointsPerPixel: a plot of 800 px asks for 400 windows; what is drawn is at most two points a pixel.
func TestPointsPerPixel(t *testing.T) {
	const pixels = 800
	s := seriesAt("TVOC", upTo(pixels/2), around)
	raw, err := lineOption(s, plotSpan{plotStart, plotStart.Add(pixels / 2 * time.Minute), time.Minute, 44}, true, true)
	o := readOption(t, raw, err)
	sum := 0
	for _, one := range o.Series {
		sum += len(one.Data)
	}
	if sum == 0 || sum > 2*pixels {
		t.Errorf("%d points for %d pixels", sum, pixels)
	}
}

func TestLonelyPointsAreSeen(t *testing.T) {
	raw, err := lineOption(seriesAt("CO2", []int{0, 30, 60}, func(int) (float64, float64, float64) { return 1, 1, 1 }),
		plotSpan{plotStart, plotStart.Add(61 * time.Minute), time.Minute, 44}, true, true)
	if o := readOption(t, raw, err); o.Series[0].Symbol != "circle" {
		t.Errorf("single points have the symbol %q", o.Series[0].Symbol)
	}
}

func TestAxisRoom(t *testing.T) {
	for _, c := range []struct{ low, high float64 }{{0, 40}, {970, 1050}, {0, 1}, {-1e9, 1e9}, {math.NaN(), math.NaN()}, {0.00001, 0.00002}} {
		room := axisRoom([]telemetry.Series{seriesAt("x", upTo(1), func(int) (float64, float64, float64) { return c.low, c.low, c.high })})
		if room < 44 || room > 96 {
			t.Errorf("%v to %v: %d px", c.low, c.high, room)
		}
	}
}

package views

import (
	"encoding/json"
	"math"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"iotcenter/telemetry"
)

// gradient stands for the colours of a scale, from the left of the dial to its right; the page's script makes a
// gradient of the tokens.
type gradient struct {
	Tokens []string `json:"gradient"`
}

// Where the dial begins and ends, in degrees, and its measures for a dial 112 px high; the script scales the widths.
const (
	dialStart, dialEnd   = 212, -32
	dialRing, dialArc    = "116.4%", "104%" // radii, of half the height
	ringWidth, arcWidth  = 2.5, 8
	needleWidth          = 2.5
	needleLen, needleOff = "22.3%", "-82.3%" // of the arc's radius
	bandGap              = 0.006             // half the gap between two bands, of the whole scale
)

// scaleColors gives the colours of a field's scale: a gradient, or nil when it has bands.
func scaleColors(f telemetry.Field) *gradient {
	switch {
	case f.Scale == telemetry.ScaleBands && len(f.Bands) > 0:
		return nil
	case f.Scale == telemetry.ScaleCyanWarm:
		return &gradient{[]string{"--scale-cyan", "--scale-middle", "--scale-warm"}}
	default:
		return &gradient{[]string{"--scale-cool", "--scale-middle", "--scale-warm"}}
	}
}

// gaugeRange gives the ends of a field's dial. A field that the catalogue does not know gets round ones around its
// value, chosen so that they stay where they are while the value moves a little.
func gaugeRange(f telemetry.Field, value float64) (low, high float64) {
	if f.Min < f.Max {
		return f.Min, f.Max
	}
	if !finite(value) || value == 0 {
		return 0, 1
	}
	size := math.Abs(value)
	step := math.Pow(10, math.Floor(math.Log10(size)))
	for _, m := range [...]float64{1.5, 2, 3, 5, 7, 10} {
		if high = step * m; size <= high {
			break
		}
	}
	if !finite(high) || high == 0 {
		return min(value, 0), max(value, 0)
	}
	if value < 0 {
		return -high, 0
	}
	return 0, high
}

// gaugeOption is the option of a dial. Value and scale are words of the page over the canvas; NaN draws the track alone.
func gaugeOption(f telemetry.Field, low, high, value float64) (json.RawMessage, error) {
	part := 0.0
	if width := high - low; finite(value) && finite(width) && width > 0 {
		part = min(max((value-low)/width, 0), 1)
	}
	arc := any("--track")
	ringColors := [][]any{}
	switch colors := scaleColors(f); {
	case !finite(value):
		ringColors = append(ringColors, []any{1, "--track"})
	case colors != nil:
		arc = colors
		ringColors = append(ringColors, []any{1, colors})
	default:
		ringColors, arc = bandColors(f, low, high, value)
	}
	chart := charts.NewGauge()
	for _, radius := range [...]string{dialRing, dialArc} {
		chart.AddSeries(f.Title, []opts.GaugeData{}, func(s *charts.SingleSeries) {
			s.Radius, s.Center = radius, []string{"50%", "59%"}
			s.StartAngle, s.EndAngle = dialStart, dialEnd
			s.SplitLine = &opts.SplitLine{Show: opts.Bool(false)}
			s.AxisTick = &opts.AxisTick{Show: opts.Bool(false)}
			s.Detail = &opts.Detail{Show: opts.Bool(false)}
			s.Title = &opts.Title{Show: opts.Bool(false)}
			s.AxisLabel = &opts.AxisLabel{Show: opts.Bool(false)}
		})
	}
	series := []chartSeries{
		{Silent: true, Low: low, High: high, Needle: hidden, Data: []any{}, Ring: axisLine(ringWidth, ringColors)},
		{Silent: true, Low: low, High: high, Needle: hidden, Data: []any{}, Ring: axisLine(arcWidth, [][]any{{part, arc}, {1, "--track"}})},
	}
	if finite(value) {
		series[1].Data = []map[string]any{{"value": value}}
		series[1].Needle = map[string]any{"show": true, "icon": "rect", "width": needleWidth, "length": needleLen,
			"offsetCenter": []any{0, needleOff}, "itemStyle": map[string]any{"color": "--ink"}}
	}
	return optionOf(chart, series, nil)
}

func axisLine(width float64, colors [][]any) map[string]any {
	return map[string]any{"roundCap": false, "lineStyle": map[string]any{"width": width, "color": colors}}
}

// bandColors gives the ring of a banded scale, with small gaps between the bands, and the colour of the band in which
// the value is.
func bandColors(f telemetry.Field, low, high, value float64) (ring [][]any, arc any) {
	const clear = "rgba(0,0,0,0)"
	arc = f.Bands[len(f.Bands)-1].Color
	found := false
	for i, b := range f.Bands {
		end := min(max((b.Until-low)/(high-low), 0), 1)
		if !found && (value < b.Until || i == len(f.Bands)-1) {
			arc, found = b.Color, true
		}
		if i == len(f.Bands)-1 {
			ring = append(ring, []any{1, b.Color})
			break
		}
		ring = append(ring, []any{max(end-bandGap, 0), b.Color}, []any{min(end+bandGap, 1), clear})
	}
	return ring, arc
}

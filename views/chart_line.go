package views

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"iotcenter/telemetry"
)

// gapWindows is how many windows may be missing before a line is broken.
const gapWindows = 3

// gap is a span without data.
type gap struct{ From, To time.Time }

// line is a series as it is drawn: nulls where data are missing, and the gaps to shade.
type line struct {
	Mean, Low, Width timedPoints // Width is the height of the band above Low; Low and Width are empty without a band
	Gaps             []gap
}

// intervalOf is the usual distance of a series' points: its windows, or the middle of the distances of points as stored.
func intervalOf(times []time.Time, every time.Duration) time.Duration {
	if every > 0 || len(times) < 2 {
		return every
	}
	steps := make([]time.Duration, 0, len(times)-1)
	for i := 1; i < len(times); i++ {
		steps = append(steps, times[i].Sub(times[i-1]))
	}
	slices.Sort(steps)
	return steps[len(steps)/2]
}

// lineOf breaks a series where more than three intervals have no data, at the ends of the range as well. A value that
// is no number breaks the line too.
func lineOf(s telemetry.Series, start, stop time.Time, every time.Duration) line {
	interval := intervalOf(s.Times, every)
	if interval <= 0 {
		interval = stop.Sub(start) / 50
	}
	limit := gapWindows * interval
	out := line{Mean: make(timedPoints, 0, len(s.Times)+8)}
	band := false
	for i := range s.Times {
		band = band || s.Max[i] > s.Min[i]
	}
	put := func(at time.Time, mean, low, high float64) {
		out.Mean = append(out.Mean, timed{at, mean})
		if band {
			width := high - low
			if !finite(mean) || !finite(width) {
				low, width = math.NaN(), math.NaN()
			}
			out.Low, out.Width = append(out.Low, timed{at, low}), append(out.Width, timed{at, width})
		}
	}
	reached := start // data until here
	for i, at := range s.Times {
		if at.Sub(reached) > limit {
			out.Gaps = append(out.Gaps, gap{reached, at})
			if i > 0 {
				put(reached, math.NaN(), math.NaN(), math.NaN())
			}
		}
		put(at, s.Mean[i], s.Min[i], s.Max[i])
		reached = at.Add(every)
	}
	if stop.Sub(reached) > limit {
		out.Gaps = append(out.Gaps, gap{reached, stop})
	}
	return out
}

// plotSpan is what all strips of a dashboard share.
type plotSpan struct {
	Start, Stop time.Time
	Every       time.Duration // 0: points as stored
	Left        int           // room for the labels of the value axes, in px
}

// lineOption is the option of a strip. The first one of the page names the gaps; the last one bears the time axis.
func lineOption(s telemetry.Series, p plotSpan, first, last bool) (json.RawMessage, error) {
	l := lineOf(s, p.Start, p.Stop, p.Every)
	color := slotToken(s.Field.Slot)
	stroke := map[string]any{"width": 1.75, "color": color, "join": "round"}
	if s.Field.Dashed {
		stroke["type"] = "dashed"
	}
	area := map[string]any{"origin": "start", "color": map[string]any{"type": "linear", "x": 0, "y": 0, "x2": 0, "y2": 1,
		"colorStops": []map[string]any{{"offset": 0, "color": color + "/14/20"}, {"offset": 1, "color": color + "/0/0"}}}}

	chart := charts.NewLine()
	var series []chartSeries
	add := func(name string, more chartSeries) {
		chart.AddSeries(name, []opts.LineData{}, charts.WithLineChartOpts(opts.LineChart{
			Symbol: "none", ConnectNulls: opts.Bool(false), Stack: stackOf(more.StackStrategy)}))
		series = append(series, more)
	}
	if len(l.Low) > 0 {
		bare := map[string]any{"width": 0, "opacity": 0}
		add("min", chartSeries{Silent: true, StackStrategy: "all", Line: bare, Data: l.Low})
		add("max", chartSeries{Silent: true, StackStrategy: "all", Line: bare, Data: l.Width,
			Area: map[string]any{"color": color + "/22/30"}})
	}
	mean := chartSeries{Silent: true, Z: 4, Line: stroke, Area: area, Data: l.Mean, Marks: gapMarks(l.Gaps, p, first)}
	if lonely(l.Mean) {
		mean.Item = map[string]any{"color": color}
	}
	add(s.Field.Title, mean)
	if mean.Item != nil { // a line of single points would not be seen at all
		chart.MultiSeries[len(chart.MultiSeries)-1].Symbol = "circle"
		chart.MultiSeries[len(chart.MultiSeries)-1].SymbolSize = 5
	}
	bottom := 8
	if last {
		bottom = 30
	}
	axisText := map[string]any{"color": "--ink-3", "fontSize": 12, "hideOverlap": true, "margin": 8}
	timeText := map[string]any{"show": last, "color": "--ink-3", "fontSize": 12, "hideOverlap": true, "margin": 8, "showMinLabel": false,
		"formatter": map[string]any{"year": "{yyyy}", "month": "{MMM} {yyyy}", "day": "{d} {MMM}", "hour": "{HH}:{mm}",
			"minute": "{HH}:{mm}", "second": "{HH}:{mm}:{ss}"}}
	return optionOf(chart, series, map[string]any{
		"useUTC": false,
		"grid":   map[string]any{"left": p.Left, "right": 16, "top": 12, "bottom": bottom},
		"xAxis": map[string]any{"type": "time", "min": p.Start.UnixMilli(), "max": p.Stop.UnixMilli(), "splitNumber": 8,
			"axisLine":  map[string]any{"show": last, "onZero": false, "lineStyle": map[string]any{"color": "--line-strong"}},
			"axisTick":  map[string]any{"show": last, "length": 4, "lineStyle": map[string]any{"color": "--line-strong"}},
			"splitLine": map[string]any{"show": true, "lineStyle": map[string]any{"color": "--grid"}}, "axisLabel": timeText},
		"yAxis": map[string]any{"type": "value", "scale": true, "splitNumber": 2, "axisLine": hidden, "axisTick": hidden,
			"splitLine": map[string]any{"lineStyle": map[string]any{"color": "--grid"}}, "axisLabel": axisText},
	})
}

func stackOf(strategy string) string {
	if strategy == "" {
		return ""
	}
	return "band"
}

// lonely tells whether a point has no neighbour to draw a line to.
func lonely(points timedPoints) bool {
	for i, p := range points {
		before := i > 0 && finite(points[i-1].Value)
		after := i+1 < len(points) && finite(points[i+1].Value)
		if finite(p.Value) && !before && !after {
			return true
		}
	}
	return false
}

// gapMarks shades the gaps. Only those of some width have room for words.
func gapMarks(gaps []gap, p plotSpan, words bool) map[string]any {
	if len(gaps) == 0 {
		return nil
	}
	data := make([][]map[string]any, 0, len(gaps))
	for _, g := range gaps {
		from := map[string]any{"xAxis": g.From.UnixMilli()}
		if words && g.To.Sub(g.From) > p.Stop.Sub(p.Start)/12 {
			from["name"] = "no data"
		}
		data = append(data, []map[string]any{from, {"xAxis": g.To.UnixMilli()}})
	}
	return map[string]any{"silent": true, "data": data, "itemStyle": map[string]any{"color": "--ink/4/5"},
		"label": map[string]any{"show": words, "position": "insideTop", "distance": 4, "color": "--ink-2", "fontSize": 12, "lineHeight": 15, "formatter": "{b}"}}
}

// axisRoom is the width that the labels of the value axes need, the same for all strips so that their times align.
func axisRoom(all []telemetry.Series) int {
	most := 0
	for _, s := range all {
		low, high := extent(s)
		if !(low <= high) {
			continue
		}
		decimals := 0
		if width := high - low; width > 0 && width < 4 {
			decimals = min(int(math.Ceil(-math.Log10(width/2)))+1, 8)
		}
		for _, v := range [...]float64{low, high} {
			most = max(most, len([]rune(telemetry.FormatNumber(v, decimals)))+1)
		}
	}
	return min(max(44, 10+7*most), 96)
}

// extent gives the smallest minimum and the largest maximum of a series; low > high when it has no number.
func extent(s telemetry.Series) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for i := range s.Times {
		if finite(s.Min[i]) {
			low = min(low, s.Min[i])
		}
		if finite(s.Max[i]) {
			high = max(high, s.Max[i])
		}
	}
	return low, high
}

package views

import (
	"encoding/json"
	"math"
	"time"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"iotcenter/telemetry"
)

// trackPieces is the number of pieces of a track, each a little wider than the one before.
const trackPieces = 4

// mapView is the piece of the world that a map shows: the script fits it into the element, with the latitude's aspect.
type mapView struct {
	Lon     float64        `json:"lon"` // centre
	Lat     float64        `json:"lat"`
	LonSpan float64        `json:"lonSpan"` // at least
	LatSpan float64        `json:"latSpan"`
	Step    float64        `json:"step"` // of the graticule
	Parks   [][][2]float64 `json:"parks,omitempty"`
}

// trackOf unwraps a track that crosses the date line, so that it stays in one piece; values that are no position fall out.
func trackOf(positions []telemetry.Position) []telemetry.Position {
	out := make([]telemetry.Position, 0, len(positions))
	for _, p := range positions {
		if !finite(p.Lat) || !finite(p.Lon) || math.Abs(p.Lat) > 90 || math.Abs(p.Lon) > 180 {
			continue
		}
		if len(out) > 0 {
			p.Lon += 360 * math.Round((out[len(out)-1].Lon-p.Lon)/360)
		}
		out = append(out, p)
	}
	return out
}

// viewOf chooses the piece of the world around a track, some hundred metres at least.
func viewOf(track []telemetry.Position) mapView {
	west, east, south, north := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, p := range track {
		west, east = min(west, p.Lon), max(east, p.Lon)
		south, north = min(south, p.Lat), max(north, p.Lat)
	}
	v := mapView{Lon: (west + east) / 2, Lat: (south + north) / 2}
	aspect := max(math.Cos(v.Lat*math.Pi/180), 0.01)
	v.LatSpan = max((north-south)*1.3, 0.004)
	v.LonSpan = max((east-west)*1.3, 0.004/aspect)
	v.Step = niceStep(max(v.LatSpan, v.LonSpan*aspect/2) / 4)
	return v
}

// niceStep is the round number of 1, 2 or 5 at or below v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	switch {
	case v >= 5*power:
		return 5 * power
	case v >= 2*power:
		return 2 * power
	default:
		return power
	}
}

// mapOption is the option of a track of two positions or more. startLabel is the words beside its beginning.
func mapOption(track []telemetry.Position, startLabel string) (json.RawMessage, mapView, error) {
	view := viewOf(track)
	chart := charts.NewLine()
	var series []chartSeries
	add := func(kind string, symbol string, size int, more chartSeries) {
		chart.AddSeries("", []opts.LineData{}, func(s *charts.SingleSeries) {
			s.Type, s.Symbol = kind, symbol
			if size > 0 {
				s.SymbolSize = size
			}
		})
		more.Silent = true
		series = append(series, more)
	}
	if groundInView(view) {
		view.Parks = groundParks()
		add("line", "none", 0, chartSeries{Z: 2, Line: map[string]any{"width": 16, "color": "--map-water"}, Data: groundRiver()})
		chart.MultiSeries[0].Smooth = opts.Bool(true)
	}
	for piece := range trackPieces {
		from, to := piece*len(track)/trackPieces, min((piece+1)*len(track)/trackPieces+1, len(track))
		add("line", "none", 0, chartSeries{Z: 5, Data: lonLat(track[from:to]), Line: map[string]any{
			"width": 1.4 + 0.5*float64(piece+1), "color": "--s2", "opacity": 0.82 + 0.18*float64(piece+1)/trackPieces, "cap": "round", "join": "round"}})
	}
	words := func(text, color string, distance int) map[string]any {
		return map[string]any{"show": true, "formatter": text, "position": "right", "distance": distance, "color": color,
			"fontSize": 12, "textBorderColor": "--map", "textBorderWidth": 3}
	}
	first, now := lonLat(track[:1]), lonLat(track[len(track)-1:])
	nowWords := words("now", "--ink", 9)
	nowWords["fontWeight"] = 600
	add("scatter", "circle", 9, chartSeries{Z: 6, Data: first, Item: map[string]any{"color": "--surface", "borderColor": "--s2", "borderWidth": 2},
		Words: words(startLabel, "--ink-2", 8)})
	add("scatter", "circle", 24, chartSeries{Z: 7, Data: now, Item: map[string]any{"color": "--s1/22"}})
	add("scatter", "circle", 11, chartSeries{Z: 8, Data: now, Item: map[string]any{"color": "--s1", "borderColor": "--surface", "borderWidth": 2}, Words: nowWords})

	axis := map[string]any{"type": "value", "interval": view.Step, "axisLine": hidden, "axisTick": hidden, "axisLabel": hidden,
		"splitLine": map[string]any{"lineStyle": map[string]any{"color": "--grid"}}}
	option, err := optionOf(chart, series, map[string]any{
		"backgroundColor": "--map", "xAxis": axis, "yAxis": axis,
		"grid": map[string]any{"left": 0, "right": 0, "top": 0, "bottom": 0},
	})
	return option, view, err
}

// lonLat gives positions as x and y of a plot, with a precision of a metre.
func lonLat(track []telemetry.Position) [][2]float64 {
	out := make([][2]float64, len(track))
	for i, p := range track {
		out[i] = [2]float64{math.Round(p.Lon*1e5) / 1e5, math.Round(p.Lat*1e5) / 1e5}
	}
	return out
}

const earthRadius = 6_371_008.8 // metres, the mean one

// metres is the distance of two positions along the ground.
func metres(a, b telemetry.Position) float64 {
	const rad = math.Pi / 180
	dLat, dLon := (b.Lat-a.Lat)*rad, (b.Lon-a.Lon)*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(a.Lat*rad)*math.Cos(b.Lat*rad)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * earthRadius * math.Asin(math.Sqrt(min(h, 1)))
}

// journey sums up a track: how far it went, and how fast at its end.
func journey(track []telemetry.Position) (distance, speed float64, moving bool) {
	for i := 1; i < len(track); i++ {
		distance += metres(track[i-1], track[i])
	}
	// Over the newest quarter of an hour or the last two positions: single positions jitter.
	last := track[len(track)-1]
	for i := len(track) - 2; i >= 0; i-- {
		took := last.Time.Sub(track[i].Time)
		if i > 0 && took < time.Minute {
			continue
		}
		if took <= 0 || took > time.Hour {
			return distance, 0, false
		}
		return distance, metres(track[i], last) / took.Seconds() * 3.6, true
	}
	return distance, 0, false
}

// The ground of the map is our own drawing of the country where the virtual device travels: a river and two parks.
// Elsewhere the graticule stands alone.

func groundInView(v mapView) bool {
	return math.Abs(v.Lon-14.415) < 0.05+v.LonSpan/2 && math.Abs(v.Lat-50.085) < 0.04+v.LatSpan/2 && v.LatSpan < 0.5 && v.LonSpan < 0.8
}

func groundRiver() [][2]float64 {
	return [][2]float64{{14.398, 50.052}, {14.4075, 50.061}, {14.4128, 50.0705}, {14.4138, 50.0765}, {14.4118, 50.0818}, {14.4105, 50.0862},
		{14.4125, 50.0903}, {14.4178, 50.0932}, {14.4262, 50.0948}, {14.4345, 50.0962}, {14.4418, 50.0998}, {14.4452, 50.1045}, {14.4431, 50.112}, {14.436, 50.121}}
}

func groundParks() [][][2]float64 {
	return [][][2]float64{
		{{14.390, 50.0842}, {14.398, 50.0868}, {14.4015, 50.0832}, {14.3985, 50.0785}, {14.3915, 50.0790}},
		{{14.4105, 50.0962}, {14.418, 50.0985}, {14.4215, 50.1035}, {14.411, 50.1042}},
		{{14.433, 50.0738}, {14.4395, 50.0762}, {14.4432, 50.0731}, {14.4388, 50.0697}},
	}
}

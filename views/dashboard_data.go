package views

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// tableRows is how many rows a strip's table has at most; all of them are in the CSV.
const tableRows = 24

// Strip is one field over time: its words beside the plot, its plot, its table.
type Strip struct {
	Field  telemetry.Field
	Last   float64
	Low    float64
	High   float64
	Points int
	Option json.RawMessage
	Rows   []StripRow
	label  string
}

// StripRow is a row of a strip's table.
type StripRow struct {
	At             time.Time
	Mean, Low, Max float64
}

// Sentence describes the plot to who cannot see it.
func (s Strip) Sentence() string {
	if s.label == "" {
		return s.Field.Title + " over time"
	}
	return s.label
}

// span writes "4.4 to 28.4".
func (s Strip) span() string {
	return s.Field.Format(s.Low) + " to " + s.Field.Format(s.High)
}

// Track is where the device was, as the page says it.
type Track struct {
	Positions  int
	Start, End telemetry.Position
	Distance   string
	Speed      string
	Sensor     string
	Option     json.RawMessage
	View       mapView
}

// Sentence describes the map to who cannot see it.
func (t Track) Sentence() string {
	return "Track of " + telemetry.FormatCount(t.Positions) + " positions, " + t.Distance + " long, to " + t.place() + "."
}

func (t Track) place() string {
	return telemetry.FormatNumber(t.End.Lat, 4) + ", " + telemetry.FormatNumber(t.End.Lon, 4)
}

// DashboardData is everything below the gauges: the strips, the map, the queries.
type DashboardData struct {
	Device      devices.ID
	Measurement string // as addresses name it; "" stands for environment
	Span        DashboardSpan
	Now         time.Time
	Loading     bool // the data are on their way: only the shape is known
	Every       time.Duration
	Raw         bool
	Zoomed      bool // a part of the span that the page shows
	Strips      []Strip
	Missing     []telemetry.Field // known fields without data in the span
	HasTrack    bool
	Track       Track
	Queries     []telemetry.Explained
}

// NewDashboardData builds the view of an answer about a measurement. last are its newest values, for its sensors.
func NewDashboardData(id devices.ID, measurement string, span DashboardSpan, answer telemetry.SeriesAnswer, track telemetry.Track, last []telemetry.LastValue,
	queries []telemetry.Explained, now time.Time) (DashboardData, error) {
	d := DashboardData{Device: id, Measurement: measurement, Span: span, Now: now, Every: answer.Every, Raw: answer.Raw, Queries: queries}
	have := map[string]bool{}
	for _, s := range answer.Series {
		have[s.Field.Name] = true
	}
	var positions []telemetry.Position
	if HasTrack(measurement) {
		positions = trackOf(withNewest(track.Positions, last, span))
	}
	d.HasTrack = len(positions) > 0
	mapped := onMap(measurement, have)
	var shown []telemetry.Series
	for _, s := range answer.Series {
		if !(d.HasTrack && mapped(s.Field.Name)) && len(s.Times) > 0 {
			shown = append(shown, s)
		}
	}
	for _, name := range expected(measurement) {
		if !have[name] {
			d.Missing = append(d.Missing, telemetry.Lookup(name))
		}
	}
	plot := plotSpan{span.From, span.To, answer.Every, axisRoom(shown)}
	for i, s := range shown {
		strip, err := stripOf(s, plot, i == 0, i == len(shown)-1)
		if err != nil {
			return DashboardData{}, err
		}
		d.Strips = append(d.Strips, strip)
	}
	if !d.HasTrack {
		return d, nil
	}
	var err error
	d.Track, err = newTrack(positions, last, now)
	return d, err
}

func stripOf(s telemetry.Series, plot plotSpan, first, last bool) (Strip, error) {
	out := Strip{Field: s.Field, Points: len(s.Times), Last: math.NaN()}
	for i := len(s.Mean) - 1; i >= 0 && !finite(out.Last); i-- {
		out.Last = s.Mean[i]
	}
	if out.Low, out.High = extent(s); out.Low > out.High {
		out.Low, out.High = math.NaN(), math.NaN()
	}
	f := s.Field
	out.label = f.Title + " from " + utcTitle(plot.Start) + " to " + utcTitle(plot.Stop) + ": " + withUnit(out.span(), f.Unit) +
		", last " + withUnit(f.Format(out.Last), f.Unit) + "."
	for i := max(0, len(s.Times)-tableRows); i < len(s.Times); i++ {
		out.Rows = append(out.Rows, StripRow{s.Times[i], s.Mean[i], s.Min[i], s.Max[i]})
	}
	var err error
	out.Option, err = lineOption(s, plot, first, last)
	return out, err
}

// withNewest ends a thinned track with the device's newest position and its own time.
func withNewest(track []telemetry.Position, last []telemetry.LastValue, span DashboardSpan) []telemetry.Position {
	var lat, lon telemetry.LastValue
	for _, v := range last {
		switch {
		case v.Field.Name == "Lat" && v.Time.After(lat.Time):
			lat = v
		case v.Field.Name == "Lon" && v.Time.After(lon.Time):
			lon = v
		}
	}
	at := lat.Time
	if at.IsZero() || !at.Equal(lon.Time) || at.Before(span.From) || !at.Before(span.To) {
		return track
	}
	before := slices.IndexFunc(track, func(p telemetry.Position) bool { return !p.Time.Before(at) })
	if before < 0 {
		before = len(track)
	}
	return append(slices.Clip(track[:before]), telemetry.Position{Time: at, Lat: lat.Value, Lon: lon.Value})
}

func newTrack(positions []telemetry.Position, last []telemetry.LastValue, now time.Time) (Track, error) {
	out := Track{Positions: len(positions), Start: positions[0], End: positions[len(positions)-1]}
	distance, speed, moving := journey(positions)
	out.Distance, out.Speed = distanceWords(distance), "unknown"
	if moving {
		decimals := 0
		if speed < 10 {
			decimals = 1
		}
		out.Speed = telemetry.FormatNumber(speed, decimals) + " km/h"
	}
	for _, v := range last {
		if v.Field.Name == "Lat" || v.Field.Name == "Lon" {
			out.Sensor = v.Sensor
		}
	}
	start := "start"
	if now.Sub(out.Start.Time) >= 0 {
		start = "start, " + ageText(out.Start.Time, now)
	}
	var err error
	out.Option, out.View, err = mapOption(positions, start)
	return out, err
}

func distanceWords(m float64) string {
	switch {
	case m < 1000:
		return telemetry.FormatNumber(m, 0) + " m"
	case m < 100_000:
		return telemetry.FormatNumber(m/1000, 1) + " km"
	default:
		return telemetry.FormatNumber(m/1000, 0) + " km"
	}
}

// Empty tells that there is nothing at all in the span.
func (d DashboardData) Empty() bool { return !d.Loading && len(d.Strips) == 0 && !d.HasTrack }

// Shape names what the page has to have room for. While it stays, new data go into the old page.
func (d DashboardData) Shape() string {
	if d.Empty() {
		return "empty"
	}
	names := make([]string, 0, len(d.Strips)+1)
	for _, s := range d.Strips {
		names = append(names, strconv.Quote(s.Field.Name))
	}
	if d.HasTrack {
		names = append(names, "track")
	}
	return strings.Join(names, " ")
}

// note says what the lines are.
func (d DashboardData) note() string {
	const how = " Drag across a plot to zoom."
	switch {
	case d.Loading:
		return "Reading…"
	case d.Raw:
		return "Every point as stored." + how
	default:
		n, unit := spanUnit(d.Every)
		return strconv.FormatInt(n, 10) + "-" + unit + " means, band from min to max." + how
	}
}

// queryNote sums up the queries: "5 fields, 720 points, 21 ms", the time of all queries together.
func (d DashboardData) queryNote() string {
	points := 0
	for _, s := range d.Strips {
		points += s.Points
	}
	fields := strconv.Itoa(len(d.Strips)) + " fields, "
	if len(d.Strips) == 1 {
		fields = "1 field, "
	}
	return fields + telemetry.FormatCount(points) + " points, " + milliseconds(d.elapsed())
}

func (d DashboardData) elapsed() time.Duration {
	var sum time.Duration
	for _, q := range d.Queries {
		sum += q.Elapsed
	}
	return sum
}

// csvURL is the address of the same data as CSV.
func (d DashboardData) csvURL() string {
	return "/api/devices/" + string(d.Device) + "/series?format=csv&start=" + isoTime(d.Span.From) + "&stop=" + isoTime(d.Span.To) +
		measurementQuery(d.Measurement)
}

// missing writes "Pressure, CO2".
func (d DashboardData) missing() string {
	titles := make([]string, len(d.Missing))
	for i, f := range d.Missing {
		titles[i] = f.Title
	}
	return strings.Join(titles, ", ")
}

// slotToken is the token of a series colour.
func slotToken(slot int) string { return "--s" + strconv.Itoa(min(max(slot, 1), telemetry.Slots)) }

// swatchClass is the class that gives a swatch its colour.
func swatchClass(f telemetry.Field) string {
	class := "sw sw" + strconv.Itoa(min(max(f.Slot, 1), telemetry.Slots))
	if f.Dashed {
		class += " dashed"
	}
	return class
}

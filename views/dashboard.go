package views

import (
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// DashboardSpan is the time that a dashboard shows: one of the offered ranges, or a span that the person chose.
type DashboardSpan struct {
	Range    telemetry.Range // its Name is "" for a chosen span
	From, To time.Time
	ToNow    bool // the span ends now and moves on
}

// parameters are names and values of the span in an address.
func (s DashboardSpan) parameters() [][2]string {
	if s.Range.Name != "" {
		return [][2]string{{"range", s.Range.Name}}
	}
	from := [2]string{"from", isoTime(s.From)}
	if s.ToNow {
		return [][2]string{from}
	}
	return [][2]string{from, {"to", isoTime(s.To)}}
}

// Query is the span as it stands in an address.
func (s DashboardSpan) Query() string {
	q := url.Values{}
	for _, part := range s.parameters() {
		q.Set(part[0], part[1])
	}
	return q.Encode()
}

// Title names the span: "Past 1 day".
func (s DashboardSpan) Title() string {
	if s.Range.Name == "" {
		return "Chosen time"
	}
	return "Past " + spanWords(s.Range.Length)
}

// Refresh is how often a dashboard of this span asks for new data: about a hundred times while the span passes.
func (s DashboardSpan) Refresh() time.Duration {
	return min(max((s.To.Sub(s.From)/120).Round(time.Second), 10*time.Second), 10*time.Minute)
}

// spanWords writes a length of time: "15 minutes", "1 day".
func spanWords(d time.Duration) string {
	n, unit := spanUnit(d)
	if n == 1 {
		return "1 " + unit
	}
	return strconv.FormatInt(n, 10) + " " + unit + "s"
}

// spanUnit is a length of time in the largest unit that fits evenly.
func spanUnit(d time.Duration) (int64, string) {
	for _, u := range [...]struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= u.length && d%u.length == 0 {
			return int64(d / u.length), u.name
		}
	}
	return int64(math.Round(d.Seconds())), "second"
}

// Gauge is a field's newest value on a dial.
type Gauge struct {
	Field     telemetry.Field
	HasValue  bool
	Value     float64
	Time      time.Time
	Low, High float64
	Age       telemetry.Age
	Option    json.RawMessage
}

// Words is the value for a person.
func (g Gauge) Words() string {
	if !g.HasValue {
		return "No data"
	}
	return g.Field.Format(g.Value)
}

// Sentence describes the dial to who cannot see it.
func (g Gauge) Sentence() string {
	if !g.HasValue {
		return g.Field.Title + ": no data."
	}
	return g.Field.Title + ": " + withUnit(g.Words(), g.Field.Unit) + " on a scale from " + g.limit(g.Low) + " to " + g.limit(g.High) + "."
}

func (g Gauge) limit(v float64) string {
	decimals := 0
	if v != math.Trunc(v) {
		decimals = max(g.Field.Decimals, min(6, int(math.Ceil(-math.Log10(math.Abs(v))))+1))
	}
	return telemetry.FormatNumber(v, decimals)
}

// key names the field's parts in the page.
func (g Gauge) key() string { return g.Field.Name }

func withUnit(words, unit string) string {
	if unit == "" {
		return words
	}
	return words + " " + unit
}

// onMap tells which fields of a measurement a map shows: the position, when both of its parts are there.
func onMap(measurement string, names map[string]bool) func(string) bool {
	both := HasTrack(measurement) && names["Lat"] && names["Lon"]
	return func(name string) bool { return both && (name == "Lat" || name == "Lon") }
}

// expected are the fields that a dashboard shows even without data: those of a device of this app.
func expected(measurement string) []string {
	var names []string
	if !isEnvironment(measurement) {
		return nil // what another program writes is its own matter
	}
	for _, f := range telemetry.Catalogue() {
		if f.Name != "Lat" && f.Name != "Lon" {
			names = append(names, f.Name)
		}
	}
	return names
}

// Gauges makes the dials of a measurement of a device, "" for environment: the known fields of a device of this app even
// without data, and every further numeric field. A position is left to the map.
func Gauges(measurement string, last []telemetry.LastValue, now time.Time) ([]Gauge, error) {
	values := map[string]telemetry.LastValue{}
	have := map[string]bool{}
	for _, v := range last {
		values[v.Field.Name], have[v.Field.Name] = v, true
	}
	mapped := onMap(measurement, have)
	names := expected(measurement)
	for name := range have {
		if !mapped(name) {
			names = append(names, name)
		}
	}
	var out []Gauge
	for _, f := range telemetry.ArrangeIn(measurement, names) {
		g := Gauge{Field: f, Age: telemetry.Age{Words: "long time ago", Level: telemetry.AgeBad}, Value: math.NaN()}
		if v, ok := values[f.Name]; ok && finite(v.Value) {
			g.HasValue, g.Value, g.Time, g.Age = true, v.Value, v.Time, telemetry.AgeOf(v.Time, now)
		}
		g.Low, g.High = gaugeRange(f, g.Value)
		var err error
		if g.Option, err = gaugeOption(f, g.Low, g.High, g.Value); err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

// NewestOf is the time of the newest of the values; the zero time if there is none.
func NewestOf(last []telemetry.LastValue) time.Time {
	var newest time.Time
	for _, v := range last {
		if v.Time.After(newest) {
			newest = v.Time
		}
	}
	return newest
}

// DashboardPage is the page of a device's dashboard, before its data came.
type DashboardPage struct {
	Device     devices.ID
	Registered bool
	Now        time.Time
	Span       DashboardSpan
	Shown      ShownMeasurement
	LastEntry  time.Time // the zero time: never
	Suspended  bool
	Gauges     []Gauge
	Picker     DevicePicker
	Data       DashboardData // what is known of the data's shape, so that nothing jumps when they come
	From, To   string        // what the person typed into the from–to form
	SpanField  string        // the field of that form to blame: "from" or "to"
	SpanError  string        // and why
}

// State judges the device by its last entry.
func (p DashboardPage) State() devices.State {
	return devices.Device{Suspended: p.Suspended}.StateAt(p.LastEntry, p.Now)
}

// DataURL is where the page's script gets the data.
func (p DashboardPage) DataURL() string {
	return DashboardPath(p.Device) + "/data?" + p.Span.Query() + p.Shown.Query()
}

// lastURL is where it gets the newest values.
func (p DashboardPage) lastURL() string {
	return DashboardPath(p.Device) + "/last" + strings.Replace(p.Shown.Query(), "&", "?", 1)
}

// address is the dashboard of the same device and measurement for another span.
func (p DashboardPage) address(span string) string {
	return DashboardPath(p.Device) + "?" + span + p.Shown.Query()
}

// options gives the dials' options by field, for the page's script.
func (p DashboardPage) options() map[string]json.RawMessage {
	out := make(map[string]json.RawMessage, len(p.Gauges))
	for _, g := range p.Gauges {
		out[g.key()] = g.Option
	}
	return out
}

// field gives the value of a field of the from–to form: what was typed, or the span shown, in UTC.
func (p DashboardPage) spanValue(typed string, at time.Time) string {
	if typed != "" {
		return typed
	}
	return at.UTC().Format("2006-01-02T15:04")
}

// PickerLimit is how many devices a picker shows at once; a search finds the others.
const PickerLimit = 50

// DevicePicker is the choice of a device on a dashboard.
type DevicePicker struct {
	Current devices.ID
	Query   string // what was searched for
	Span    string // the query of the address, kept when another device is chosen
	IDs     []devices.ID
	Total   int // matching ones, shown or not
}

func (p DevicePicker) more() string {
	return telemetry.FormatCount(p.Total-len(p.IDs)) + " more; type the beginning of an id to find them."
}

// placeholderData gives the shape that the data will most likely have, by the newest values.
func placeholderData(measurement string, last []telemetry.LastValue, span DashboardSpan, now time.Time) DashboardData {
	d := DashboardData{Span: span, Now: now, Loading: true}
	have := map[string]bool{}
	var names []string
	for _, v := range last {
		have[v.Field.Name] = have[v.Field.Name] || !v.Time.Before(span.From)
	}
	for name, recent := range have {
		if recent {
			names = append(names, name)
		}
	}
	mapped := onMap(measurement, have)
	d.HasTrack = mapped("Lat")
	for _, f := range telemetry.ArrangeIn(measurement, names) {
		if !mapped(f.Name) {
			d.Strips = append(d.Strips, Strip{Field: f})
		}
	}
	return d
}

// NewDashboardPage builds the page of a registered device from the newest values of the measurement that it shows.
func NewDashboardPage(id devices.ID, shown ShownMeasurement, last []telemetry.LastValue, span DashboardSpan, picker DevicePicker, now time.Time) (DashboardPage, error) {
	gauges, err := Gauges(shown.Name, last, now)
	if err != nil {
		return DashboardPage{}, err
	}
	p := DashboardPage{Device: id, Registered: true, Now: now, Span: span, Shown: shown, LastEntry: NewestOf(last), Gauges: gauges, Picker: picker,
		Data: placeholderData(shown.Name, last, span, now)}
	p.Data.Device = id
	if shown.Given {
		p.Data.Measurement = shown.Name
	}
	return p, nil
}

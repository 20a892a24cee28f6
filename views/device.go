package views

import (
	"strconv"
	"strings"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// DevicePage is one device: its measurements, its configuration, how to connect it.
type DevicePage struct {
	Shell
	Device   devices.Device
	State    devices.State
	Last     time.Time              // zero: never
	Enrolled string                 // by what it was registered, in words; "" where a person did it
	LastUse  time.Time              // when its token was last used; zero: not known to have been
	Stats    []telemetry.FieldStats // of environment
	Further  []MeasuredFields       // of other measurements
	Left     int                    // how many measurements are not shown
	Unread   bool                   // the measurements could not be read
	Profile  ProfileForm
	Events   []EventRow // newest first
	Config   DeviceConfig
	Language string // of the shown snippet
}

// MeasuredFields are the statistics of a measurement, by field.
type MeasuredFields struct {
	Measurement string
	Stats       []telemetry.FieldStats
}

// DeviceConfig is what a device is told, without its token.
type DeviceConfig struct {
	AppURL        string // how the device reaches the app
	InfluxURL     string
	Org, Bucket   string
	WriteEndpoint string
	Interval      time.Duration // between measurements
	Refresh       time.Duration // until it asks for its settings again
}

// StatsDays is how far back the measurements go.
const StatsDays = 30

// measured are the measurements with statistics, environment first.
func (p DevicePage) measured() []MeasuredFields {
	var out []MeasuredFields
	for _, m := range append([]MeasuredFields{{telemetry.Environment, p.Stats}}, p.Further...) {
		if len(m.Stats) > 0 {
			out = append(out, m)
		}
	}
	return out
}

// dashboardOf is the dashboard of one of the device's measurements.
func (p DevicePage) dashboardOf(measurement string) string {
	return DashboardPath(p.Device.ID) + "?" + strings.TrimPrefix(measurementQuery(measurement), "&")
}

// interval says how often the device measures and asks.
func (c DeviceConfig) interval() string {
	every := strconv.Itoa(int(c.Refresh/time.Minute)) + " min"
	if c.Refresh == time.Hour {
		every = "hour"
	}
	return strconv.Itoa(int(c.Interval/time.Second)) + " s, refresh every " + every
}

// unit is a field's unit as it stands behind its name.
func unit(f telemetry.Field) string { return f.Unit }

// limit writes a minimum or maximum: two digits after the point.
func limit(v float64) string { return telemetry.FormatNumber(v, 2) }

// dotClass is the class of a field's colour in a range bar.
func dotClass(f telemetry.Field) string {
	return "sf" + strconv.Itoa(min(max(f.Slot, 1), telemetry.Slots))
}

// snippets are the ways to connect the device.
func (p DevicePage) snippets() []Snippet { return Snippets(p.Device.ID, p.Config) }

// snippet is the chosen one, or the first.
func (p DevicePage) chosen(name string) bool {
	for _, s := range p.snippets() {
		if s.Name == p.Language {
			return s.Name == name
		}
	}
	return p.snippets()[0].Name == name
}

package views

import (
	"net/url"
	"slices"
	"strings"

	"iotcenter/telemetry"
)

// ShownMeasurement is the measurement that a dashboard shows, and what there is to choose from.
type ShownMeasurement struct {
	Name    string
	Choices []string // those that the device has and Name, in the order of OrderMeasurements
	Given   bool     // addresses name it: without that they would lead to another one, or there is a choice
}

// ShowMeasurement decides what a dashboard shows: what was asked for, and if that is "" the first that the device has.
// A device that has none is taken for one that writes environment.
func ShowMeasurement(asked string, have []string) ShownMeasurement {
	m := ShownMeasurement{Name: asked, Choices: OrderMeasurements(have)}
	switch {
	case asked != "":
	case len(m.Choices) > 0:
		m.Name = m.Choices[0]
	default:
		m.Name = telemetry.Environment
	}
	if !slices.Contains(m.Choices, m.Name) {
		m.Choices = OrderMeasurements(append(m.Choices, m.Name))
	}
	m.Given = len(m.Choices) > 1 || m.Name != telemetry.Environment
	return m
}

// Query is the measurement as it stands in an address, behind other parameters; "" where it need not be named.
func (m ShownMeasurement) Query() string {
	if !m.Given {
		return ""
	}
	return measurementQuery(m.Name)
}

// measurementQuery is a measurement as it stands in an address, behind other parameters; "" stands for environment.
func measurementQuery(name string) string {
	if name == "" {
		return ""
	}
	return "&measurement=" + url.QueryEscape(name)
}

// OrderMeasurements gives measurements in the order of pages: those that the app knows, then the others by name.
func OrderMeasurements(names []string) []string {
	known := []string{telemetry.Environment, telemetry.Telemetry, telemetry.Helium, telemetry.Analysis}
	var first, others []string
	for _, name := range known {
		if slices.Contains(names, name) {
			first = append(first, name)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	return append(first, others...)
}

// measurementTitle is a measurement for a person. A name that the app does not know stays as it is, within reason.
func measurementTitle(name string) string {
	switch name {
	case "", telemetry.Environment:
		return "Environment"
	case telemetry.Telemetry:
		return "Telemetry"
	case telemetry.Analysis:
		return "Analysis"
	case telemetry.Helium:
		return "Helium ports"
	}
	const longest = 60
	title := []rune(Visible(name))
	if len(title) > longest {
		return strings.TrimSpace(string(title[:longest])) + "…"
	}
	return string(title)
}

// isEnvironment tells whether a measurement is the one that devices of this app write; "" stands for it.
func isEnvironment(name string) bool { return name == "" || name == telemetry.Environment }

// HasTrack tells whether the position of a measurement is drawn on a map. The ports of the Helium dialect are anybody's:
// two that are called Lat and Lon are no position.
func HasTrack(measurement string) bool { return measurement != telemetry.Helium }

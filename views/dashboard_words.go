package views

import (
	"strconv"
	"strings"

	"iotcenter/telemetry"
)

func unitNote(unit string) string {
	if unit == "" {
		return ""
	}
	return "in " + unit
}

func trackNote(d DashboardData) string {
	words := telemetry.FormatCount(d.Track.Positions) + " positions"
	if d.Track.Positions == 1 {
		words = "1 position"
	}
	return strings.ToLower(d.Span.Title()[:1]) + d.Span.Title()[1:] + ", " + words
}

func trackSentence(d DashboardData) string {
	if d.Loading {
		return "Map of the track"
	}
	return d.Track.Sentence()
}

func sensorWords(sensor string) string {
	if sensor == "" {
		return "unknown"
	}
	return sensor
}

func queryWords(q telemetry.Explained) string {
	language := "Flux"
	if q.Language == "influxql" {
		language = "InfluxQL"
	}
	rows := telemetry.FormatCount(q.Rows) + " rows"
	if q.Rows == 1 {
		rows = "1 row"
	}
	return language + ", " + rows + ", " + milliseconds(q.Elapsed)
}

func emptyTitle(d DashboardData) string {
	if d.Span.Range.Name == "" || d.Zoomed {
		return "No data in the chosen time"
	}
	return "No data in the past " + spanWords(d.Span.Range.Length)
}

// ofMeasurement says of which measurement a sentence is, where that has to be said.
func ofMeasurement(name string) string {
	if name == "" {
		return ""
	}
	return " in " + measurementTitle(name)
}

// countWords writes "1 point", "10,080 points".
func countWords(n int, noun string) string {
	if n == 1 {
		return strconv.Itoa(n) + " " + noun
	}
	return telemetry.FormatCount(n) + " " + noun + "s"
}

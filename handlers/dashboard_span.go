package handlers

import (
	"net/http"
	"strconv"
	"time"

	"iotcenter/telemetry"
	"iotcenter/views"
)

// dashboardSpan reads the time to show: from and to, or one of the ranges. Where they make no sense it is the default
// range, and the error, a *telemetry.QueryError, names the parameter.
func dashboardSpan(r *http.Request, now time.Time) (views.DashboardSpan, error) {
	q := r.URL.Query()
	from, to := q.Get("from"), q.Get("to")
	if from == "" && to == "" {
		return rangeSpan(q.Get("range"), now)
	}
	fallback, _ := rangeSpan("", now) // the default is one of the ranges
	start, err := spanTime("from", from, now)
	if err != nil {
		return fallback, err
	}
	stop, toNow := now, to == ""
	if !toNow {
		if stop, err = spanTime("to", to, now); err != nil {
			return fallback, err
		}
	}
	if !start.Before(stop) {
		return fallback, &telemetry.QueryError{Parameter: "from", Problem: "lies before to"}
	}
	return views.DashboardSpan{From: start, To: stop, ToNow: toNow}, nil
}

// rangeSpan is the span of one of the offered ranges, or of the default one with an error.
func rangeSpan(name string, now time.Time) (views.DashboardSpan, error) {
	chosen, err := telemetry.ParseRange("range", name)
	if err != nil {
		chosen, _ = telemetry.ParseRange("range", "")
	}
	return views.DashboardSpan{Range: chosen, From: now.Add(-chosen.Length), To: now, ToNow: true}, err
}

// spanTime reads a time of the API, or what a browser's field for times sends without a script: a time in UTC.
func spanTime(parameter, text string, now time.Time) (time.Time, error) {
	for _, layout := range [...]string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04:05.999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return telemetry.ParseTime(parameter, t.Format(time.RFC3339Nano), now) // checks the year
		}
	}
	return telemetry.ParseTime(parameter, text, now)
}

// typedTime is what was typed into a field, cut to what a field for times can hold.
func typedTime(r *http.Request, name string) string {
	const longest = 40
	text := r.URL.Query().Get(name)
	return text[:min(len(text), longest)]
}

// Bounds of the points that a plot asks for, in pixels of its width.
const (
	fewestPixels  = 60
	mostPixels    = 4000
	defaultPixels = 800
)

// plotPixels reads the width of the plots. What is missing or out of bounds is put right: it comes from our own script.
func plotPixels(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("points"))
	if err != nil {
		return defaultPixels
	}
	return min(max(n, fewestPixels), mostPixels)
}

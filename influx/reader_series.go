package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// Bounds of a series query.
const (
	minPoints = 10
	maxPoints = 10_000
	maxFields = 100 // in one answer
)

// Series answers with windows, or with the points themselves when there are at most two of them for a pixel. It runs
// two queries: one tells what there is (fields, how many rows, whether one series), the other reads it.
func (db *DB) Series(ctx context.Context, q telemetry.SeriesQuery) (telemetry.SeriesAnswer, error) {
	q, err := checkSeries(q)
	if err != nil {
		return telemetry.SeriesAnswer{}, err
	}
	out := telemetry.SeriesAnswer{Start: q.Start, Stop: q.Stop}
	sel := selection{db.cfg.Bucket, q.Measurement, string(q.Device), q.Start, q.Stop, q.Fields}
	err = db.op(ctx, "series", db.timing.query, func(ctx context.Context) error {
		what, explained, err := db.survey(ctx, sel, 2*q.Points)
		if err != nil {
			return err
		}
		out.Queries = append(out.Queries, explained)
		if sel.fields = what.fields; len(sel.fields) == 0 {
			return nil
		}
		c := collector{sel: sel, fields: map[string]map[int64]*window{}}
		if out.Raw = !what.many; !out.Raw {
			out.Every = telemetry.Window(q.Start, q.Stop, q.Points)
		}
		explained, err = db.fill(ctx, sel, out.Every, what.split, c)
		if err != nil {
			return err
		}
		out.Queries = append(out.Queries, explained)
		out.Series = c.series()
		return nil
	})
	if err != nil {
		return telemetry.SeriesAnswer{}, err
	}
	return out, nil
}

// checkSeries fills in defaults and says what makes no sense.
func checkSeries(q telemetry.SeriesQuery) (telemetry.SeriesQuery, error) {
	if q.Measurement == "" {
		q.Measurement = telemetry.Environment
	}
	if _, err := devices.ParseID(string(q.Device)); err != nil {
		return q, fmt.Errorf("%w: device: %w", telemetry.ErrBadQuery, err)
	}
	if !q.Start.Before(q.Stop) {
		return q, fmt.Errorf("%w: start must be before stop", telemetry.ErrBadQuery)
	}
	if q.Start.Before(minTime) || q.Stop.After(maxTime) {
		return q, fmt.Errorf("%w: start and stop must lie between %d and %d", telemetry.ErrBadQuery, minTime.Year()+1, maxTime.Year()-1)
	}
	if len(q.Fields) > maxFields {
		return q, fmt.Errorf("%w: fields: at most %d at once", telemetry.ErrBadQuery, maxFields)
	}
	q.Fields = slices.Compact(slices.Sorted(slices.Values(q.Fields)))
	q.Points = min(max(q.Points, minPoints), maxPoints)
	q.Start, q.Stop = q.Start.UTC(), q.Stop.UTC()
	return q, nil
}

// survey is what there is of a selection.
type survey struct {
	fields []string // numeric ones with a point in the range
	many   bool     // more rows than were asked about
	split  bool     // the device has more than one series, so that several values can fall into a window of a field
}

// survey looks without reading: the newest value of each field, a row far down the range, the index.
func (db *DB) survey(ctx context.Context, sel selection, rows int) (survey, telemetry.Explained, error) {
	var out survey
	explained := telemetry.Explained{Title: "Fields and amount of data", Language: "influxql"}
	start := time.Now()
	for i, part := range newestParts(sel) {
		if i > 0 && (out.many || len(out.fields) == 0) {
			break
		}
		text := rowQuery(part, rows)
		if i == 0 {
			text = strings.Join([]string{text, fieldsQuery(sel), secondSeriesQuery(sel)}, "; ")
		} else {
			explained.Text += "; "
		}
		explained.Text += text
		n, err := db.influxql(ctx, sel.bucket, text, false, func(s *qlSeries, row []json.RawMessage) error {
			switch s.Statement {
			case 0:
				out.many = true
			case 1:
				out.fields = append(out.fields, sel.numeric(s, row)...)
			case 2:
				out.split = true
			}
			return nil
		})
		explained.Rows, explained.Elapsed = explained.Rows+n, time.Since(start)
		if err != nil {
			return out, explained, err
		}
		out.fields = sorted(out.fields)
		if len(sel.fields) > 0 {
			out.fields = slices.DeleteFunc(out.fields, func(name string) bool { return !slices.Contains(sel.fields, name) })
		}
	}
	out.fields = out.fields[:min(len(out.fields), maxFields)]
	return out, explained, nil
}

// Where survey looks for a row far down: in the newest part of a range, then in a larger one, then in all of it. The
// database merges its shards, a week each, row by row, at a price for each row that grows with their number: with a
// point a minute, a year of shards takes fifty times as long as its last days to count a thousand rows.
const (
	firstPart  = 10 * 24 * time.Hour
	partGrowth = 6
)

// newestParts gives ranges that end like a selection's, the shortest first; the last is the whole.
func newestParts(sel selection) []selection {
	var parts []selection
	for d := firstPart; d < sel.stop.Sub(sel.start)/2; d *= partGrowth {
		part := sel
		part.start = sel.stop.Add(-d)
		parts = append(parts, part)
	}
	return append(parts, sel)
}

// rowQuery asks for a row far down the range. Ports have rows of their own: of several, it counts all.
func rowQuery(sel selection, rows int) string {
	return fmt.Sprintf("SELECT *::field FROM %s WHERE %s LIMIT 1 OFFSET %d", influxqlIdent(sel.measurement), sel.where(), rows)
}

// secondSeriesQuery asks for a second series of the device.
func secondSeriesQuery(sel selection) string {
	return "SHOW SERIES FROM " + influxqlIdent(sel.measurement) + " WHERE " + sel.whereDevice() + " LIMIT 1 OFFSET 1"
}

// where is the InfluxQL condition of a selection; fields are no part of it, and ports only where they fit.
func (s selection) where() string {
	where := s.whereDevice() + " AND " + within(s.start, s.stop)
	if s.ports() && len(s.fields) > 0 {
		if sets := tagSets(s.fields); len(sets) == 1 {
			where += " AND (" + portCondition(sets[0]) + ")"
		}
	}
	return where
}

func (s selection) whereDevice() string {
	return influxqlIdent(telemetry.ClientTag) + " = " + influxqlString(s.device)
}

// fill runs the chart's own query. every 0 reads the points as they are. A device of one series needs no counts: then
// a window has one mean.
func (db *DB) fill(ctx context.Context, sel selection, every time.Duration, split bool, c collector) (telemetry.Explained, error) {
	title, script := "Chart: the points as stored", rawFlux(sel)
	if every > 0 {
		functions := []string{"mean", "min", "max"}
		if split {
			functions = append(functions, "count")
		}
		title, script = "Chart: mean, minimum and maximum of each window", windowsFlux(sel, every, windowStart, functions...)
	}
	start := time.Now()
	rows, err := db.flux(ctx, script, c.add)
	return telemetry.Explained{Title: title, Language: "flux", Text: script, Rows: rows, Elapsed: time.Since(start)}, err
}

// collector gathers rows by field and time. The tables of a field's several series come together here: a window of
// two series is one window.
type collector struct {
	sel    selection
	fields map[string]map[int64]*window
}

type window struct {
	min, max float64
	means    []float64 // one for each series that has a point here
	counts   []float64 // of each series, in the same order; empty if not asked for
}

func (c collector) add(r *fluxRecord) error {
	t, err := r.time("_time")
	if err != nil {
		return err
	}
	v, ok := r.number("_value")
	if !ok || !t.Before(c.sel.stop) {
		return nil // an empty window, or a field that once was text
	}
	name := c.sel.name(r)
	windows := c.fields[name]
	if windows == nil {
		windows = map[int64]*window{}
		c.fields[name] = windows
	}
	w := windows[t.UnixNano()]
	if w == nil {
		w = &window{min: math.Inf(1), max: math.Inf(-1)}
		windows[t.UnixNano()] = w
	}
	w.add(r.text("result"), v)
	return nil
}

// add takes the value that a function has in the window, or a point as stored.
func (w *window) add(function string, v float64) {
	switch function {
	case "mean":
		w.means = append(w.means, v)
	case "count":
		w.counts = append(w.counts, v)
	case "min":
		w.min = min(w.min, v)
	case "max":
		w.max = max(w.max, v)
	default:
		w.means, w.min, w.max = append(w.means, v), min(w.min, v), max(w.max, v)
	}
}

// mean weighs the means of several series by their counts. Both come from the same tables in the same order.
func (w *window) mean() float64 {
	sum, weight := 0.0, 0.0
	for i, m := range w.means {
		n := 1.0
		if len(w.counts) == len(w.means) {
			n = w.counts[i]
		}
		sum, weight = sum+m*n, weight+n
	}
	return sum / weight
}

// series puts what was gathered in the order of the catalogue and of time.
func (c collector) series() []telemetry.Series {
	fields := arrange(c.sel.measurement, c.fields)
	out := make([]telemetry.Series, 0, len(fields))
	for _, f := range fields {
		windows := c.fields[f.Name]
		times := make([]int64, 0, len(windows))
		for t, w := range windows {
			if len(w.means) > 0 && w.min <= w.max {
				times = append(times, t)
			}
		}
		slices.Sort(times)
		s := telemetry.Series{Field: f, Times: make([]time.Time, len(times)), Mean: make([]float64, len(times)),
			Min: make([]float64, len(times)), Max: make([]float64, len(times))}
		for i, t := range times {
			w := windows[t]
			s.Times[i], s.Mean[i], s.Min[i], s.Max[i] = time.Unix(0, t).UTC(), w.mean(), w.min, w.max
		}
		if len(times) > 0 {
			out = append(out, s)
		}
	}
	return out
}

package handlers

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"iotcenter/people"
	"iotcenter/telemetry"
)

// Bounds and defaults of the series API.
const (
	defaultSeriesPoints = 600
	mostSeriesPoints    = 10_000
	mostSeriesFields    = 200
	longestName         = 1 << 10 // of a measurement or a field, in bytes
)

// series answers with a device's numeric fields over time, as JSON or CSV.
func (s *Server) series(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	query, err := seriesQuery(r, s.Clock())
	if err != nil {
		return err
	}
	asCSV, err := wantsCSV(r)
	if err != nil {
		return err
	}
	if _, err := s.Registry.Get(r.Context(), id); err != nil {
		return about(id, err)
	}
	query.Device = id
	answer, err := s.Reader.Series(r.Context(), query)
	if err != nil {
		return about(id, err)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	if asCSV {
		s.record(r, people.ActionExport, string(id), nil)
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", `attachment; filename="`+string(id)+`.csv"`)
		return writeSeriesCSV(w, answer)
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	return writeSeriesJSON(w, query, answer)
}

// seriesQuery reads the parameters: measurement, fields (commas or repeated), start, stop, points.
func seriesQuery(r *http.Request, now time.Time) (telemetry.SeriesQuery, error) {
	q := r.URL.Query()
	out := telemetry.SeriesQuery{Measurement: q.Get("measurement"), Points: defaultSeriesPoints}
	if err := checkMeasurement(out.Measurement); err != nil {
		return out, err
	}
	for _, list := range q["fields"] {
		for name := range strings.SplitSeq(list, ",") {
			if name = strings.TrimSpace(name); name != "" {
				out.Fields = append(out.Fields, name)
			}
			if len(name) > longestName {
				return out, &telemetry.QueryError{Parameter: "fields", Problem: "has a name that is too long"}
			}
		}
	}
	if len(out.Fields) > mostSeriesFields {
		return out, &telemetry.QueryError{Parameter: "fields", Problem: "has more than " + strconv.Itoa(mostSeriesFields) + " names"}
	}
	if text := q.Get("points"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostSeriesPoints {
			return out, &telemetry.QueryError{Parameter: "points", Problem: "is a number from 1 to " + strconv.Itoa(mostSeriesPoints)}
		}
		out.Points = n
	}
	start := q.Get("start")
	if start == "" {
		start = "-1d"
	}
	var err error
	out.Start, out.Stop, err = telemetry.ParseSpan(start, q.Get("stop"), now)
	return out, err
}

// wantsCSV decides by format, or else by Accept.
func wantsCSV(r *http.Request) (bool, error) {
	switch format := r.URL.Query().Get("format"); format {
	case "csv":
		return true, nil
	case "json":
		return false, nil
	case "":
	default:
		return false, &telemetry.QueryError{Parameter: "format", Problem: "is csv or json"}
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if q, qErr := strconv.ParseFloat(parameters["q"], 64); err != nil || qErr == nil && q == 0 {
			continue
		}
		switch media {
		case "text/csv":
			return true, nil
		case "application/json":
			return false, nil
		}
	}
	return false, nil
}

// writeSeriesCSV writes one row a window and field. Names could be read as formulas by a spreadsheet and are made safe.
func writeSeriesCSV(w http.ResponseWriter, a telemetry.SeriesAnswer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"time", "field", "unit", "mean", "min", "max"}) // the writer keeps its error for Flush
	for _, series := range a.Series {
		name, unit := safeCell(series.Field.Name), safeCell(series.Field.Unit)
		for i, at := range series.Times {
			_ = out.Write([]string{at.UTC().Format(time.RFC3339Nano), name, unit,
				number(series.Mean[i]), number(series.Min[i]), number(series.Max[i])})
		}
	}
	out.Flush()
	return nil // a client that is gone needs no rows
}

// safeCell keeps a text from being taken for a formula; the wide forms of the signs begin one, too, where East Asian
// languages are written.
func safeCell(text string) string {
	if first, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}

// number writes a value in full; what is no number is an empty cell.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// writeSeriesJSON streams the answer: a long one is never in memory twice. What is no number is null.
func writeSeriesJSON(w http.ResponseWriter, q telemetry.SeriesQuery, a telemetry.SeriesAnswer) error {
	head := struct {
		Device      string `json:"device"`
		Measurement string `json:"measurement"`
		Start       string `json:"start"`
		Stop        string `json:"stop"`
		Every       string `json:"every"` // Go's way of writing a duration; "0s" with raw
		Raw         bool   `json:"raw"`
	}{string(q.Device), q.Measurement, isoNano(a.Start), isoNano(a.Stop), a.Every.String(), a.Raw}
	if head.Measurement == "" {
		head.Measurement = telemetry.Environment
	}
	begin, err := json.Marshal(head)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 32<<10)
	_, _ = out.Write(bytes.TrimSuffix(begin, []byte("}"))) // bufio keeps the error for Flush
	_, _ = out.WriteString(`,"series":[`)
	for i, series := range a.Series {
		f := series.Field
		begin, err := json.Marshal(struct {
			Field string `json:"field"`
			Title string `json:"title"`
			Unit  string `json:"unit"`
		}{f.Name, f.Title, f.Unit})
		if err != nil {
			return err
		}
		if i > 0 {
			_ = out.WriteByte(',')
		}
		_, _ = out.WriteString("\n")
		_, _ = out.Write(bytes.TrimSuffix(begin, []byte("}")))
		_, _ = out.WriteString(`,"times":[`)
		for j, at := range series.Times {
			if j > 0 {
				_ = out.WriteByte(',')
			}
			_, _ = out.WriteString(`"` + isoNano(at) + `"`)
		}
		_ = out.WriteByte(']')
		writeNumbers(out, "mean", series.Mean)
		writeNumbers(out, "min", series.Min)
		writeNumbers(out, "max", series.Max)
		_ = out.WriteByte('}')
	}
	_, _ = out.WriteString("]}\n")
	_ = out.Flush() // a client that is gone needs no answer
	return nil
}

func isoNano(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func writeNumbers(out *bufio.Writer, name string, values []float64) {
	_, _ = out.WriteString(`,"` + name + `":[`)
	for i, v := range values {
		if i > 0 {
			_ = out.WriteByte(',')
		}
		text := number(v)
		if text == "" {
			text = "null"
		}
		_, _ = out.WriteString(text)
	}
	_ = out.WriteByte(']')
}

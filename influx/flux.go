package influx

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/domain"

	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// selection is what a chart reads: some or all fields of one device in one measurement. Of the Helium dialect's points it
// reads the numbers, and the ports stand for fields.
type selection struct {
	bucket, measurement, device string
	start, stop                 time.Time
	fields                      []string // empty: all
}

// ports tells whether ports stand for fields.
func (s selection) ports() bool { return s.measurement == helium.Measurement }

// flux is the head that all of the app's Flux queries share. Everything is in one filter, because that is the form
// that both InfluxDB 2.7 and the embedded one answer from the storage engine.
func (s selection) flux() string {
	var b strings.Builder
	fmt.Fprintf(&b, "from(bucket: %s)\n", fluxString(s.bucket))
	fmt.Fprintf(&b, "  |> range(start: %s, stop: %s)\n", fluxTime(clamp(s.start)), fluxTime(clamp(s.stop)))
	fmt.Fprintf(&b, "  |> filter(fn: (r) => r._measurement == %s and r.%s == %s", fluxString(s.measurement), telemetry.ClientTag, fluxString(s.device))
	column, names := "_field", s.fields
	if s.ports() {
		fmt.Fprintf(&b, " and r._field == %s", fluxString(helium.NumberField))
		column, names = helium.PortTag, nil
		for _, port := range s.fields {
			names = append(names, portTags(port)...)
		}
	}
	for i, name := range names {
		if i == 0 {
			b.WriteString(" and (")
		} else {
			b.WriteString(" or ")
		}
		b.WriteString("r." + column + " == " + fluxString(name))
	}
	if len(names) > 0 {
		b.WriteByte(')')
	}
	b.WriteByte(')')
	return b.String()
}

// name is the field, or the port, of a row.
func (s selection) name(r *fluxRecord) string {
	if s.ports() {
		return helium.UnescapePort(r.text(helium.PortTag))
	}
	return r.text("_field")
}

// keepValues drops the tags, which would be most of the answer's bytes. The tables of a field's several series become one.
func (s selection) keepValues() string {
	name := "_field"
	if s.ports() {
		name = helium.PortTag
	}
	return "\n  |> keep(columns: [\"_time\", \"_value\", \"" + name + "\"])"
}

// rawFlux gives the points as they are.
func rawFlux(s selection) string { return s.flux() + s.keepValues() + "\n" }

// The edge of a window that its row is stamped with.
const (
	windowStart = "_start"
	windowStop  = "_stop"
)

// windowsFlux gives one result for each of the functions, stamped with an edge of the windows.
func windowsFlux(s selection, every time.Duration, edge string, functions ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "data = () => %s\n", s.flux())
	for _, fn := range functions {
		fmt.Fprintf(&b, "\ndata()\n  |> aggregateWindow(every: %s, fn: %s, timeSrc: %q, createEmpty: false)%s\n  |> yield(name: %q)\n",
			fluxDuration(every), fn, edge, s.keepValues(), fn)
	}
	return b.String()
}

// lastFlux gives the newest point of each series, tags included: they name the sensors.
func lastFlux(s selection) string { return s.flux() + "\n  |> last()\n" }

// flux runs a script on behalf of the app and calls fn with each row; the record is valid during the call only.
func (db *DB) flux(ctx context.Context, script string, fn func(*fluxRecord) error) (rows int, err error) {
	annotations := []domain.DialectAnnotations{domain.DialectAnnotationsDatatype, domain.DialectAnnotationsDefault}
	header, comma := true, ","
	body, err := json.Marshal(domain.Query{Query: script, Dialect: &domain.Dialect{Annotations: &annotations, Header: &header, Delimiter: &comma}})
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, db.address("api/v2/query", url.Values{"org": {db.cfg.Org}}), bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("influx: request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/csv")
	err = db.send(req, nil, func(resp *http.Response) (err error) {
		rows, err = decodeFlux(resp.Body, fn)
		return err
	})
	if err == nil {
		err = ctx.Err() // an answer that was cut by the time limit is none
	}
	return rows, err
}

// fluxRecord is one row of an annotated CSV answer.
type fluxRecord struct {
	names, types, defaults, cells []string
}

// text is the value of a column, or its default; "" if there is no such column.
func (r *fluxRecord) text(column string) string {
	if i := r.index(column); i >= 0 {
		return r.cell(i)
	}
	return ""
}

func (r *fluxRecord) index(column string) int {
	for i, n := range r.names {
		if n == column {
			return i
		}
	}
	return -1
}

func (r *fluxRecord) cell(i int) string {
	if r.cells[i] == "" && i < len(r.defaults) {
		return r.defaults[i]
	}
	return r.cells[i]
}

// number is the value of a column that holds numbers; false for an empty cell or another type.
func (r *fluxRecord) number(column string) (float64, bool) {
	i := r.index(column)
	if i < 0 || i >= len(r.types) {
		return 0, false
	}
	switch r.types[i] {
	case "double", "long", "unsignedLong":
		v, err := strconv.ParseFloat(r.cell(i), 64)
		return v, err == nil
	}
	return 0, false
}

// time is the value of a time column.
func (r *fluxRecord) time(column string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, r.text(column))
	if err != nil {
		return t, fmt.Errorf("%w: Flux answer with time %q", errUnreadable, shorten(r.text(column)))
	}
	return t.UTC(), nil
}

// decodeFlux reads annotated CSV row by row. Tables of another shape start with new annotations; an error that came up
// after the answer had begun is a table of its own.
func decodeFlux(r io.Reader, fn func(*fluxRecord) error) (rows int, err error) {
	in := csv.NewReader(bufio.NewReaderSize(r, 64<<10))
	in.FieldsPerRecord, in.ReuseRecord = -1, true
	rec := &fluxRecord{}
	headerNext, failed := true, false
	for {
		cells, err := in.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			var syntax *csv.ParseError
			if errors.As(err, &syntax) {
				return rows, fmt.Errorf("%w: Flux answer: %w", errUnreadable, err)
			}
			return rows, err
		}
		switch {
		case strings.HasPrefix(cells[0], "#"):
			if !headerNext {
				*rec, headerNext = fluxRecord{}, true
			}
			if values := slices.Clone(cells); cells[0] == "#datatype" {
				rec.types = values
			} else if cells[0] == "#default" {
				rec.defaults = values
				rec.defaults[0] = ""
			}
		case headerNext || isErrorHead(cells):
			rec.names, headerNext = slices.Clone(cells), false
			failed = isErrorHead(cells)
		case len(cells) != len(rec.names):
			return rows, fmt.Errorf("%w: Flux answer with %d cells under %d columns", errUnreadable, len(cells), len(rec.names))
		default:
			rec.cells = cells
			if failed {
				return rows, &Error{Status: http.StatusOK, Code: "Flux", Message: rec.text("error")}
			}
			rows++
			if err := fn(rec); err != nil {
				return rows, err
			}
		}
	}
}

// isErrorHead recognises the head of an error table: "error" and "reference", with or without the empty first column.
func isErrorHead(cells []string) bool {
	if len(cells) > 0 && cells[0] == "" {
		cells = cells[1:]
	}
	return len(cells) == 2 && cells[0] == "error" && cells[1] == "reference"
}

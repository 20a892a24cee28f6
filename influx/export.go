package influx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Transferred counts what an export or import has moved so far.
type Transferred struct {
	Points int64 // lines
	Bytes  int64 // of line protocol, unpacked
}

// ExportOptions choose what is exported.
type ExportOptions struct {
	Bucket      string    // by name
	Start, Stop time.Time // from Start to before Stop; zero: unbounded
	Progress    func(Transferred)
}

// Slices of time are read whole into memory before their lines go out, so that
// one that has to be read again in smaller parts leaves no line twice.
const (
	sliceRows     = 100_000        // a slice aims at so many rows
	sliceBytes    = 32 << 20       // and is cut smaller beyond so much text
	firstSlice    = 24 * time.Hour // the first one of a measurement
	longestSlice  = 10 * 365 * firstSlice
	shortestSlice = time.Second // of which everything has to fit
	fieldsText    = 8 << 10     // length of the list of fields in one query
)

// The first time that a point can have, and the one after the last.
const (
	firstNano = math.MinInt64 + 2
	afterLast = math.MaxInt64
)

var errSliceTooLarge = errors.New("too much in one slice of time")

// Export writes all points of a bucket as line protocol with times in
// nanoseconds. Values are exact. The memory that it takes does not depend on
// the size of the bucket. A point whose fields are many may become several lines.
func (db *DB) Export(ctx context.Context, w io.Writer, o ExportOptions) (Transferred, error) {
	x := &exporter{db: db, ctx: ctx, out: w, o: o, start: firstNano, stop: afterLast}
	if !o.Start.IsZero() {
		x.start = clamp(o.Start).UnixNano()
	}
	if !o.Stop.IsZero() {
		x.stop = clamp(o.Stop).UnixNano()
	}
	measurements, err := x.fields()
	if err != nil {
		return x.sum, err
	}
	for _, m := range measurements {
		if err := x.measurement(m); err != nil {
			return x.sum, fmt.Errorf("measurement %q: %w", m.name, err)
		}
	}
	return x.sum, nil
}

type exporter struct {
	db          *DB
	ctx         context.Context
	out         io.Writer
	o           ExportOptions
	start, stop int64

	slice bytes.Buffer
	limit int // of slice
	lines int64
	sum   Transferred
}

// exportField is a field as one of its types.
type exportField struct{ name, kind string }

type exportMeasurement struct {
	name   string
	fields []exportField
}

// fields lists measurements and their fields with all types that a field has.
func (x *exporter) fields() ([]exportMeasurement, error) {
	var out []exportMeasurement
	_, err := x.db.influxql(x.ctx, x.o.Bucket, "SHOW FIELD KEYS", true, func(s *qlSeries, row []json.RawMessage) error {
		var name, kind string
		if len(row) != 2 || json.Unmarshal(row[0], &name) != nil || json.Unmarshal(row[1], &kind) != nil {
			return fmt.Errorf("%w: a list of fields with other columns", errUnreadable)
		}
		if strings.ContainsAny(s.Name+name, "\r\x00") {
			return fmt.Errorf("the field %q of %q cannot be asked for, because InfluxQL has no way to write its name", name, s.Name)
		}
		if len(out) == 0 || out[len(out)-1].name != s.Name {
			out = append(out, exportMeasurement{name: s.Name})
		}
		m := &out[len(out)-1]
		m.fields = append(m.fields, exportField{name, kind})
		return nil
	})
	return out, err
}

// numeric types are converted into one another by InfluxQL.
func numeric(kind string) bool { return kind == "float" || kind == "integer" || kind == "unsigned" }

// measurement exports one. A field that is a number of one type here and of
// another there goes by way of Flux, which tells them apart.
func (x *exporter) measurement(m exportMeasurement) error {
	kinds := map[string]int{}
	for _, f := range m.fields {
		if numeric(f.kind) {
			kinds[f.name]++
		}
	}
	var plain []exportField
	var mixed []string
	for _, f := range m.fields {
		switch {
		case !numeric(f.kind) || kinds[f.name] == 1:
			plain = append(plain, f)
		case !slices.Contains(mixed, f.name):
			mixed = append(mixed, f.name)
		}
	}
	for len(plain) > 0 {
		n, length := 0, 0
		for n < len(plain) && (n == 0 || length < fieldsText) {
			length += len(plain[n].name) + 16
			n++
		}
		part := plain[:n]
		plain = plain[n:]
		err := x.walk(selectList(part), m.name, func(from, to int64) (int, error) { return x.readPlain(m.name, part, from, to) })
		if err != nil {
			return err
		}
	}
	for _, name := range mixed {
		err := x.walk(influxqlIdent(name)+"::float", m.name, func(from, to int64) (int, error) { return x.readMixed(m.name, name, from, to) })
		if err != nil {
			return fmt.Errorf("field %q: %w", name, err)
		}
	}
	return nil
}

func selectList(fields []exportField) string {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(influxqlIdent(f.name) + "::" + f.kind)
	}
	return b.String()
}

// between is a condition on the time, from inclusive, to exclusive. The
// database refuses literals at the ends of time.
func between(from, to int64) string {
	var parts []string
	if from > firstNano+1 {
		parts = append(parts, "time >= "+strconv.FormatInt(from, 10))
	}
	if to < afterLast-1 {
		parts = append(parts, "time < "+strconv.FormatInt(to, 10))
	}
	if len(parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

// walk reads the time in slices, from point to point over gaps, and writes each
// slice once it is complete.
func (x *exporter) walk(list, measurement string, read func(from, to int64) (int, error)) error {
	length := int64(firstSlice)
	rows := 0
	for from := x.start; from < x.stop; {
		if rows == 0 {
			at, ok, err := x.first(list, measurement, from)
			if err != nil || !ok {
				return err
			}
			from = at
		}
		to := x.stop
		if uint64(x.stop)-uint64(from) > uint64(length) { // the whole of time does not fit into an int64
			to = from + length
		}
		x.slice.Reset()
		x.lines, x.limit = 0, sliceBytes
		if length <= int64(shortestSlice) {
			x.limit = math.MaxInt
		}
		var err error
		rows, err = read(from, to)
		if x.ctx.Err() != nil {
			return x.ctx.Err()
		}
		if err != nil {
			// It may have been too much at once, or a field's two types in one slice.
			if length <= int64(shortestSlice) {
				return err
			}
			length = max(length/8, int64(shortestSlice))
			rows = 1 // from is a point's time, or the end of the slice before
			continue
		}
		if err := x.flush(); err != nil {
			return err
		}
		switch {
		case rows > sliceRows:
			length = max(length/2, int64(shortestSlice))
		case rows < sliceRows/4:
			length = min(length*2, int64(longestSlice))
		}
		from = to
	}
	return nil
}

// first is the time of the first point at or after a time.
func (x *exporter) first(list, measurement string, from int64) (at int64, ok bool, err error) {
	text := "SELECT " + list + " FROM " + influxqlIdent(measurement) + between(from, x.stop) + " ORDER BY time ASC LIMIT 1"
	_, err = x.db.influxql(x.ctx, x.o.Bucket, text, false, func(_ *qlSeries, row []json.RawMessage) error {
		ok = true
		at, err = strconv.ParseInt(string(row[0]), 10, 64)
		return err
	})
	return at, ok, err
}

func (x *exporter) flush() error {
	n, err := x.out.Write(x.slice.Bytes())
	x.sum.Bytes += int64(n)
	if err != nil {
		return err
	}
	x.sum.Points += x.lines
	if x.o.Progress != nil {
		x.o.Progress(x.sum)
	}
	return nil
}

func (x *exporter) readPlain(measurement string, fields []exportField, from, to int64) (int, error) {
	text := "SELECT " + selectList(fields) + " FROM " + influxqlIdent(measurement) + between(from, to) + " GROUP BY *"
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = lineKey.Replace(f.name) + "="
	}
	var series *qlSeries
	var head string
	return x.db.influxql(x.ctx, x.o.Bucket, text, true, func(s *qlSeries, row []json.RawMessage) error {
		if len(row) != len(fields)+1 {
			return fmt.Errorf("%w: %d columns in place of %d", errUnreadable, len(row), len(fields)+1)
		}
		if series != s || head == "" {
			series, head = s, lineHead(s.Name, s.Tags)
		}
		begin := x.slice.Len()
		x.slice.WriteString(head)
		separator := byte(' ')
		for i, raw := range row[1:] {
			if string(raw) == "null" {
				continue
			}
			x.slice.WriteByte(separator)
			separator = ','
			x.slice.WriteString(keys[i])
			if err := x.value(fields[i].kind, raw); err != nil {
				return err
			}
		}
		if separator == ' ' { // nothing but nulls
			x.slice.Truncate(begin)
			return nil
		}
		return x.endLine(string(row[0]))
	})
}

// value writes a value in line protocol; numbers as the database wrote them.
func (x *exporter) value(kind string, raw json.RawMessage) error {
	switch kind {
	case "integer":
		x.slice.Write(raw)
		x.slice.WriteByte('i')
	case "unsigned":
		x.slice.Write(raw)
		x.slice.WriteByte('u')
	case "string":
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return fmt.Errorf("%w: %w", errUnreadable, err)
		}
		x.slice.WriteString(`"` + lineText.Replace(s) + `"`)
	case "float", "boolean":
		x.slice.Write(raw)
	default:
		return fmt.Errorf("%w: a field of type %q", errUnreadable, kind)
	}
	return nil
}

func (x *exporter) endLine(time string) error {
	x.slice.WriteString(" " + time + "\n")
	x.lines++
	if x.slice.Len() > x.limit {
		return errSliceTooLarge
	}
	return nil
}

// errMixed: the field's type changes within the slice.
var errMixed = errors.New("fewer numbers were read than there are")

// readMixed reads the numbers of one field by Flux. Where its type changes
// within the slice the database silently gives the first type only, so they are
// counted before, and the slice is made smaller until all are there.
func (x *exporter) readMixed(measurement, field string, from, to int64) (int, error) {
	script := fmt.Sprintf("from(bucket: %s) |> range(start: %s, stop: %s) |> filter(fn: (r) => r._measurement == %s and r._field == %s)",
		fluxString(x.o.Bucket), fluxTime(time.Unix(0, from)), fluxTime(time.Unix(0, to)), fluxString(measurement), fluxString(field))
	count := "SELECT count(" + influxqlIdent(field) + "::float) FROM " + influxqlIdent(measurement) + between(from, to)
	var want int64
	_, err := x.db.influxql(x.ctx, x.o.Bucket, count, false, func(_ *qlSeries, row []json.RawMessage) error {
		want = qlInt(row, 1)
		return nil
	})
	if err != nil {
		return 0, err
	}
	result, err := x.db.client.QueryAPI(x.db.cfg.Org).Query(x.ctx, script)
	if err != nil {
		return 0, err
	}
	defer result.Close()
	rows := 0
	for result.Next() {
		record := result.Record()
		at := record.Time().UnixNano()
		if at < from || at >= to { // the embedded database's Flux may include the point at the very stop
			continue
		}
		tags := map[string]string{}
		for key, value := range record.Values() {
			if text, ok := value.(string); ok && !strings.HasPrefix(key, "_") && key != "result" && key != "table" {
				tags[key] = text
			}
		}
		var number string
		switch v := record.Value().(type) {
		case float64:
			number = strconv.FormatFloat(v, 'g', -1, 64)
		case int64:
			number = strconv.FormatInt(v, 10) + "i"
		case uint64:
			number = strconv.FormatUint(v, 10) + "u"
		default:
			continue // texts and booleans are read with the fields of one type
		}
		x.slice.WriteString(lineHead(measurement, tags) + " " + lineKey.Replace(field) + "=" + number)
		rows++
		if err := x.endLine(strconv.FormatInt(at, 10)); err != nil {
			return rows, err
		}
	}
	if err := result.Err(); err != nil {
		return rows, err
	}
	if int64(rows) < want { // more is fine: somebody writes meanwhile
		return rows, errMixed
	}
	return rows, nil
}

// lineHead is a measurement with its tags, in order of their keys; a tag
// without a value is none.
func lineHead(measurement string, tags map[string]string) string {
	var b strings.Builder
	b.WriteString(lineMeasurement.Replace(measurement))
	keys := make([]string, 0, len(tags))
	for key, value := range tags {
		if value != "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		b.WriteString("," + lineKey.Replace(key) + "=" + lineKey.Replace(tags[key]))
	}
	return b.String()
}

// Names as the database's own parser reads them: a backslash before anything
// else stands for itself.
var (
	lineMeasurement = strings.NewReplacer(",", `\,`, " ", `\ `)
	lineKey         = strings.NewReplacer(",", `\,`, "=", `\=`, " ", `\ `)
)

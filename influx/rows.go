package influx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/influxql"

	"iotcenter/telemetry"
)

const (
	// rowsLimit is how long reading rows may take. The rows go to a spool beside the app, never to a slow client, so
	// this is the database's time; the embedded one ends an InfluxQL request after a minute of its own accord.
	rowsLimit = 100 * time.Second
	// maxRowFields is how many fields an answer has at most.
	maxRowFields = 500
)

// Rows streams rows of the data bucket. It runs two queries: one tells which fields there are and of which types, the
// other reads them.
//
// Points of several series of a device (other tags) are rows of their own, also where they share a time: InfluxQL does
// not merge them, and which of their values belong together nobody knows. In buckets they count together.
//
// A field that has had several types is read as the most general of those in the range; where some are numbers and
// some are not, each value has its own type, and a bucket counts the most general one's.
//
// With Every, a row's time is the beginning of its bucket, also of one that begins before the range, and a bucket
// without a value is null for every function, count too. Within a bucket, integral reaches from the value at its
// beginning to the one at its end, interpolated between the points on both sides, as InfluxQL has it; what lies
// in empty buckets between belongs to the later point's. Where the last point of the range lies at the very beginning of
// its bucket, that one has no integral, and what lies in empty buckets before it is in none.
func (db *DB) Rows(ctx context.Context, q telemetry.RowsQuery, to telemetry.Rows) error {
	if err := checkRows(q); err != nil {
		return err
	}
	where, err := rowsWhere(q)
	if err != nil {
		return err
	}
	var stopped error // to's own error: it is not the database's
	asking := ctx
	if q.Where != nil {
		asking = foreign(ctx)
	}
	err = db.op(asking, "rows", rowsLimit, func(ctx context.Context) error {
		fields, err := db.rowFields(ctx, q, where)
		if err != nil {
			return rowsFault(err)
		}
		names, texts := make([]string, len(fields)), 0
		for i, f := range fields {
			if names[i] = f.name; f.text {
				texts++
			}
		}
		if stopped = to.Begin(names); stopped != nil {
			return nil
		}
		out := newRowMaker(q.Function, fields)
		if len(out.columns) == 0 {
			return nil
		}
		text := rowsQuery(q, out.columns, where)
		if q.Every > 0 {
			text = bucketsQuery(q, out.columns, where)
		}
		_, err = db.influxqlBy(ctx, db.cfg.Bucket, text, rowsOfTexts(texts), func(s *qlSeries, row []json.RawMessage) error {
			stopped = to.Row(qlInt(row, 0), out.make(row))
			return stopped
		})
		if stopped != nil {
			return nil
		}
		return rowsFault(err)
	})
	if stopped != nil {
		return stopped
	}
	return tooSlow(ctx, err)
}

// checkRows says what makes no sense.
func checkRows(q telemetry.RowsQuery) error {
	switch {
	case len(q.Fields) > maxRowFields:
		return &telemetry.QueryError{Parameter: "fields", Problem: fmt.Sprintf("are at most %d", maxRowFields)}
	case q.Limit < 0:
		return &telemetry.QueryError{Parameter: "limit", Problem: "is 1 or more"}
	case q.Every < 0:
		return &telemetry.QueryError{Parameter: "ds_interval", Problem: "is longer than nothing"}
	case q.Every > 0 && !slices.Contains(telemetry.Functions(), q.Function):
		return &telemetry.QueryError{Parameter: "ds_function", Problem: "is none of the downsampling functions"}
	}
	return nil
}

// rowsWhere is the condition of a query for rows, its time included.
func rowsWhere(q telemetry.RowsQuery) (string, error) {
	tags := q.Tags
	if q.Device != "" {
		tags = append([]telemetry.Tag{{Key: telemetry.ClientTag, Value: string(q.Device)}}, tags...)
	}
	parts := make([]string, 0, len(tags)+2)
	for _, t := range tags {
		text, err := tagEquals(t)
		if err != nil {
			return "", err
		}
		parts = append(parts, text)
	}
	parts = append(parts, "time > "+influxqlTime(q.After)+" AND time < "+influxqlTime(q.Before))
	if q.Where != nil {
		text, err := influxqlCondition(q.Where)
		if err != nil {
			return "", err
		}
		parts = append(parts, "("+text+")")
	}
	return strings.Join(parts, " AND "), nil
}

// hasNoRows tells whether a query can have no answer, in words that InfluxQL would refuse: a measurement that cannot be,
// or a range without a time in it.
func hasNoRows(q telemetry.RowsQuery) bool {
	return unwritable(q.Measurement) || influxql.IsSystemName(q.Measurement) || clamp(q.Before).Sub(clamp(q.After)) <= 1
}

// rowField is a field of an answer and the expressions by which its value is asked for, the first that has one counts;
// none if the field cannot have a value.
type rowField struct {
	name  string
	exprs []string
	text  bool // its values can be texts
}

// rowFields finds the fields of an answer.
func (db *DB) rowFields(ctx context.Context, q telemetry.RowsQuery, where string) ([]rowField, error) {
	names, kinds := q.Fields, map[string][]telemetry.FieldKind{}
	if !hasNoRows(q) {
		text := kindsQuery(q.Measurement)
		if q.Fields == nil {
			text = presentQuery(q.Measurement, where)
		}
		present := map[string]bool{}
		_, err := db.influxql(ctx, db.cfg.Bucket, text, true, func(s *qlSeries, row []json.RawMessage) error {
			if s.Statement == 0 {
				addKind(kinds, s, row)
				return nil
			}
			for i, column := range s.Columns {
				if name, ok := strings.CutPrefix(column, "last_"); ok && i > 0 && string(row[i]) != "null" {
					present[name] = true
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if q.Fields == nil {
			// To leave some out would be to say that there are none.
			if names = presentNames(q, kinds, present); len(names) > maxRowFields {
				return nil, &telemetry.QueryError{Parameter: "fields", Problem: fmt.Sprintf("are %d here, and an answer has at most %d: name those that are wanted", len(names), maxRowFields)}
			}
		}
	}
	fields := make([]rowField, len(names))
	for i, name := range names {
		exprs, err := expressions(q, name, kinds[name])
		if err != nil {
			return nil, err
		}
		fields[i] = rowField{name, exprs, slices.Contains(kinds[name], telemetry.KindString)}
	}
	return fields, nil
}

// presentNames are the fields with a value, by name. One that has had numbers and others is there in any case: the
// database has looked for values of the most general type only.
func presentNames(q telemetry.RowsQuery, kinds map[string][]telemetry.FieldKind, present map[string]bool) []string {
	var names []string
	for name, ks := range kinds {
		numbers, others := kindsOf(ks)
		left := q.Every > 0 && q.Function.NumbersOnly() && !numbers
		if !left && !unwritable(name) && (present[name] || numbers && others || len(ks) > 1 && !numbers) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// kindsOf tells whether there are numbers among the kinds, and whether there is anything else.
func kindsOf(kinds []telemetry.FieldKind) (numbers, others bool) {
	for _, k := range kinds {
		if k == telemetry.KindString || k == telemetry.KindBoolean {
			others = true
		} else {
			numbers = true
		}
	}
	return numbers, others
}

// expressions are what a field's value is asked for by.
func expressions(q telemetry.RowsQuery, name string, kinds []telemetry.FieldKind) ([]string, error) {
	if len(kinds) == 0 || unwritable(name) {
		return nil, nil
	}
	ident := influxqlIdent(name)
	numbers, others := kindsOf(kinds)
	if q.Every > 0 {
		if !q.Function.NumbersOnly() {
			return []string{function(q.Function, ident+"::field")}, nil
		}
		if !numbers {
			return nil, &telemetry.QueryError{Parameter: "fields", Problem: fmt.Sprintf("has %s, which holds no numbers: %s is of numbers only", strconv.Quote(name), q.Function)}
		}
		if others {
			return []string{function(q.Function, ident+"::float")}, nil
		}
		return []string{function(q.Function, ident+"::field")}, nil
	}
	exprs := []string{ident + "::field"}
	if others && len(kinds) > 1 {
		for _, k := range []telemetry.FieldKind{telemetry.KindString, telemetry.KindBoolean} {
			if slices.Contains(kinds, k) {
				exprs = append(exprs, ident+"::"+string(k))
			}
		}
		if numbers {
			exprs = append(exprs, ident+"::float")
		}
	}
	return exprs, nil
}

// function applies a downsampling function.
func function(fn telemetry.Function, of string) string {
	if fn == telemetry.FnDistinct {
		return "count(distinct(" + of + "))"
	}
	return string(fn) + "(" + of + ")"
}

// rowMaker puts the columns of the database's rows into the order of an answer's fields.
type rowMaker struct {
	columns []string // the expressions, each once
	fields  [][]int  // of each field, the indexes of its columns in a row
	counts  bool     // 0 stands for no value
	row     []json.RawMessage
}

func newRowMaker(fn telemetry.Function, fields []rowField) *rowMaker {
	m := &rowMaker{fields: make([][]int, len(fields)), row: make([]json.RawMessage, len(fields)), counts: fn == telemetry.FnCount || fn == telemetry.FnDistinct}
	known := map[string]int{}
	for i, f := range fields {
		for _, expr := range f.exprs {
			at, ok := known[expr]
			if !ok {
				m.columns = append(m.columns, expr)
				at = len(m.columns) // the time is column 0
				known[expr] = at
			}
			m.fields[i] = append(m.fields[i], at)
		}
	}
	if fn == telemetry.FnIntegral {
		// InfluxQL leaves buckets at the end of a range out where no integral reaches; with a count beside it, it does not.
		for _, expr := range slices.Clone(m.columns) {
			m.columns = append(m.columns, "count"+strings.TrimPrefix(expr, string(fn)))
		}
	}
	return m
}

var null = json.RawMessage("null")

// make is valid until the next row.
func (m *rowMaker) make(row []json.RawMessage) []json.RawMessage {
	for i, columns := range m.fields {
		m.row[i] = null
		for _, at := range columns {
			if at < len(row) && string(row[at]) != "null" && !(m.counts && string(row[at]) == "0") {
				m.row[i] = row[at]
				break
			}
		}
	}
	return m.row
}

// rowsQuery reads points as they are.
func rowsQuery(q telemetry.RowsQuery, columns []string, where string) string {
	return "SELECT " + aliased(columns) + " FROM " + influxqlIdent(q.Measurement) + " WHERE " + where + " ORDER BY time ASC" + limited(q)
}

// bucketsQuery reads buckets. InfluxQL aligns them to the epoch.
func bucketsQuery(q telemetry.RowsQuery, columns []string, where string) string {
	return "SELECT " + aliased(columns) + " FROM " + influxqlIdent(q.Measurement) + " WHERE " + where +
		" GROUP BY time(" + strconv.FormatInt(int64(q.Every), 10) + "ns) fill(null) ORDER BY time ASC" + limited(q)
}

func aliased(columns []string) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s AS c%d", c, i)
	}
	return b.String()
}

func limited(q telemetry.RowsQuery) string {
	if q.Limit == 0 {
		return ""
	}
	return " LIMIT " + strconv.Itoa(q.Limit)
}

// presentQuery asks for the types of all fields and for those that have a value. The whole condition belongs to it:
// with `where`, rows can be few and have few of the fields.
func presentQuery(measurement, where string) string {
	return kindsQuery(measurement) + "; SELECT last(*::field) FROM " + influxqlIdent(measurement) + " WHERE " + where
}

// kindsQuery asks for the types of all fields, of all time. The index alone answers it.
func kindsQuery(measurement string) string {
	return "SHOW FIELD KEYS FROM " + influxqlIdent(measurement)
}

// generality is the order of the kinds, the most general first.
var generality = []telemetry.FieldKind{telemetry.KindFloat, telemetry.KindInteger, telemetry.KindUnsigned, telemetry.KindString, telemetry.KindBoolean}

// FieldKinds gives the types that the fields of a measurement have, the most general first.
func (db *DB) FieldKinds(ctx context.Context, measurement string) (map[string][]telemetry.FieldKind, error) {
	kinds := map[string][]telemetry.FieldKind{}
	if hasNoRows(telemetry.RowsQuery{Measurement: measurement, After: minTime, Before: maxTime}) {
		return kinds, nil
	}
	err := db.op(ctx, "field_kinds", db.timing.request, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.Bucket, kindsQuery(measurement), true, func(s *qlSeries, row []json.RawMessage) error {
			addKind(kinds, s, row)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return kinds, nil
}

// addKind takes over a row of the answer to kindsQuery.
func addKind(kinds map[string][]telemetry.FieldKind, s *qlSeries, row []json.RawMessage) {
	name, kind := qlString(row, s.column("fieldKey")), telemetry.FieldKind(qlString(row, s.column("fieldType")))
	if name == "" || !slices.Contains(generality, kind) || slices.Contains(kinds[name], kind) {
		return
	}
	kinds[name] = append(kinds[name], kind)
	slices.SortFunc(kinds[name], func(a, b telemetry.FieldKind) int {
		return slices.Index(generality, a) - slices.Index(generality, b)
	})
}

// rowsFault tells which parameter an error comes from; it leaves those alone that come from none.
func rowsFault(err error) error {
	if status := statusOf(err); status == 413 || status == 422 {
		return &telemetry.QueryError{Parameter: "fields", Problem: "and where are too much for the database at once"}
	}
	var answer *Error
	if !errors.As(err, &answer) || answer.Code != codeInfluxQL {
		return err
	}
	switch {
	case slow(answer.Message):
		return fmt.Errorf("%w: %w", telemetry.ErrTooSlow, err)
	case busy(answer.Message):
		return fmt.Errorf("%w: %w", telemetry.ErrUnavailable, err)
	case strings.HasPrefix(answer.Message, "max-select-"):
		return &telemetry.QueryError{Parameter: "ds_interval", Problem: "makes too many buckets of this range for the database"}
	case strings.HasPrefix(answer.Message, "unsupported "):
		return &telemetry.QueryError{Parameter: "ds_function", Problem: "has no meaning for a field of this query: " + shorten(answer.Message)}
	}
	return err
}

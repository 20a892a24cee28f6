package influx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"iotcenter/telemetry"
)

// qlSeries is the head of one series of an InfluxQL answer.
type qlSeries struct {
	Statement int // of the request, from 0
	Name      string
	Tags      map[string]string
	Columns   []string
}

// column is the index of a column; -1 if there is none.
func (s *qlSeries) column(name string) int {
	for i, c := range s.Columns {
		if c == name {
			return i
		}
	}
	return -1
}

// influxql runs statements (separated by semicolons) on a bucket, read by the app's token, and calls fn with each row
// as it arrives; a row is valid during the call only. Times are nanoseconds. chunked is for answers of many rows in
// few series: the database then sends them piece by piece instead of collecting them first. It counts the rows.
func (db *DB) influxql(ctx context.Context, bucket, text string, chunked bool, fn func(*qlSeries, []json.RawMessage) error) (int, error) {
	rows := 0
	if chunked {
		rows = chunkRows
	}
	return db.influxqlBy(ctx, bucket, text, rows, fn)
}

// influxqlBy is influxql in pieces of a number of rows; 0 is for an answer in one piece.
func (db *DB) influxqlBy(ctx context.Context, bucket, text string, rows int, fn func(*qlSeries, []json.RawMessage) error) (int, error) {
	form := url.Values{"q": {text}, "db": {bucket}, "epoch": {"ns"}}
	if rows > 0 {
		inChunks(form, rows)
	}
	return db.askInfluxQL(ctx, form, fn)
}

// The database collects the rows of a piece before it sends them, and the embedded one refuses a piece of more than
// 64 MB. A text has up to 64 KB, which JSON can make six times as much.
const (
	chunkRows = 5000 // of small values
	textRows  = 150  // of one text each
)

// rowsOfTexts is the size of a piece whose rows have a number of texts.
func rowsOfTexts(texts int) int {
	if texts == 0 {
		return chunkRows
	}
	return max(1, textRows/texts)
}

// inChunks asks for an answer piece by piece.
func inChunks(form url.Values, rows int) {
	form.Set("chunked", "true")
	form.Set("chunk_size", strconv.Itoa(rows))
}

// foreignHeader tells the embedded database that the conditions of a query are not the app's own, so that such queries
// cannot take all of its slots. Another InfluxDB does not look at it.
const foreignHeader = "X-Foreign-Query"

type foreignKey struct{}

// foreign marks the queries that are made with a context as somebody else's.
func foreign(ctx context.Context) context.Context {
	return context.WithValue(ctx, foreignKey{}, true)
}

// tooSlow tells a query that ran out of its own time from a database that cannot be reached: asking the same again may not
// help. ctx is the caller's.
func tooSlow(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", telemetry.ErrTooSlow, err)
	}
	return err
}

// askInfluxQL is influxql with the parameters of the request as they are.
func (db *DB) askInfluxQL(ctx context.Context, form url.Values, fn func(*qlSeries, []json.RawMessage) error) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, db.address("query", nil), strings.NewReader(form.Encode()))
	if err != nil {
		return 0, fmt.Errorf("influx: request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if ctx.Value(foreignKey{}) != nil {
		req.Header.Set(foreignHeader, "true")
	}
	rows := 0
	err = db.send(req, nil, func(resp *http.Response) error {
		return decodeInfluxQL(resp.Body, func(s *qlSeries, row []json.RawMessage) error {
			rows++
			return fn(s, row)
		})
	})
	if err == nil {
		err = ctx.Err() // an answer that was cut by the time limit is none
	}
	return rows, err
}

// each calls fn with the rows of a long answer from the auth bucket as they arrive. fn's own error stops it and is
// given back as it is: it is not the database's.
func (db *DB) each(ctx context.Context, op, text string, fn func(*qlSeries, []json.RawMessage) error) error {
	var stopped error
	err := db.op(ctx, op, db.timing.query, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.AuthBucket, text, true, func(s *qlSeries, row []json.RawMessage) error {
			stopped = fn(s, row)
			return stopped
		})
		if stopped != nil {
			return nil
		}
		return err
	})
	if stopped != nil {
		return stopped
	}
	return err
}

// decodeInfluxQL reads one JSON object, or one after another when the answer is chunked. It holds one row at a time in
// memory. An error of fn is given back as it is.
func decodeInfluxQL(r io.Reader, fn func(*qlSeries, []json.RawMessage) error) error {
	d := &qlDecoder{json: jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), fn: fn}
	for {
		tok, err := d.json.ReadToken()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return unreadable(err)
		}
		if tok.Kind() != '{' {
			return fmt.Errorf("%w: InfluxQL answer starts with %v", errUnreadable, tok)
		}
		if err := d.object(d.answer); err != nil {
			return err
		}
	}
}

type qlDecoder struct {
	json      *jsontext.Decoder
	fn        func(*qlSeries, []json.RawMessage) error
	statement int
	row       []json.RawMessage // of the latest row; used again for the next
}

// unreadable sorts the errors of reading JSON: the end of the stream inside an answer, text that is no JSON, and what
// the connection says.
func unreadable(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: InfluxQL answer: %w", errUnreadable, err)
	}
	return err
}

// object calls key with each key of the object whose brace was just read; key reads the value.
func (d *qlDecoder) object(key func(string) error) error {
	for {
		tok, err := d.json.ReadToken()
		if err != nil {
			return unreadable(err)
		}
		if tok.Kind() == '}' {
			return nil
		}
		if err := key(tok.String()); err != nil {
			return err
		}
	}
}

// array calls item before each item of the array that comes next; null is an empty one.
func (d *qlDecoder) array(item func() error) error {
	tok, err := d.json.ReadToken()
	if err != nil || tok.Kind() == 'n' {
		return unreadable(err)
	}
	if tok.Kind() != '[' {
		return fmt.Errorf("%w: InfluxQL answer has %v in place of a list", errUnreadable, tok)
	}
	for {
		switch d.json.PeekKind() {
		case ']':
			_, err := d.json.ReadToken()
			return unreadable(err)
		case 0: // the token that cannot be read tells why
			_, err := d.json.ReadToken()
			return unreadable(err)
		}
		if err := item(); err != nil {
			return err
		}
	}
}

// item reads an object of a list, or null.
func (d *qlDecoder) item(key func(string) error) error {
	tok, err := d.json.ReadToken()
	if err != nil || tok.Kind() == 'n' {
		return unreadable(err)
	}
	if tok.Kind() != '{' {
		return fmt.Errorf("%w: InfluxQL answer has %v in place of an object", errUnreadable, tok)
	}
	return d.object(key)
}

func (d *qlDecoder) answer(key string) error {
	switch key {
	case "results":
		return d.array(func() error { return d.item(d.result) })
	case "error":
		return d.failure()
	}
	return d.skip()
}

func (d *qlDecoder) result(key string) error {
	switch key {
	case "statement_id":
		return d.value(&d.statement)
	case "series":
		return d.array(d.series)
	case "error":
		return d.failure()
	}
	return d.skip()
}

func (d *qlDecoder) skip() error { return unreadable(d.json.SkipValue()) }

// value reads a value that is small.
func (d *qlDecoder) value(into any) error {
	text, err := d.json.ReadValue()
	if err != nil {
		return unreadable(err)
	}
	return json.Unmarshal(text, into)
}

func (d *qlDecoder) failure() error {
	var text string
	if err := d.value(&text); err != nil {
		return err
	}
	return &Error{Status: http.StatusOK, Code: codeInfluxQL, Message: text}
}

// codeInfluxQL marks an error that came inside an answer of InfluxQL.
const codeInfluxQL = "InfluxQL"

// series reads one series, whose values come after its name, tags and columns.
func (d *qlDecoder) series() error {
	head := &qlSeries{Statement: d.statement}
	return d.item(func(key string) error {
		switch key {
		case "name":
			return d.value(&head.Name)
		case "tags":
			return d.value(&head.Tags)
		case "columns":
			return d.value(&head.Columns)
		case "values":
			return d.array(func() error { return d.values(head) })
		}
		return d.skip()
	})
}

// values reads a row. The decoder reads and checks it in one go; its cells are then found by their commas, which is
// several times faster than to read each for itself.
func (d *qlDecoder) values(head *qlSeries) error {
	list, err := d.json.ReadValue()
	if err != nil {
		return unreadable(err)
	}
	if list.Kind() != '[' {
		return fmt.Errorf("%w: InfluxQL answer has %.20s in place of a row", errUnreadable, list)
	}
	d.row = appendCells(d.row[:0], list)
	if len(d.row) != len(head.Columns) {
		return fmt.Errorf("%w: InfluxQL row of %d values under %d columns", errUnreadable, len(d.row), len(head.Columns))
	}
	return d.fn(head, d.row)
}

// appendCells appends the items of a list, which is valid JSON.
func appendCells(cells []json.RawMessage, list []byte) []json.RawMessage {
	list = list[1 : len(list)-1]
	start, depth, quoted := 0, 0, false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 0:
			cells = append(cells, bytes.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	if last := bytes.TrimSpace(list[start:]); len(last) > 0 {
		cells = append(cells, last)
	}
	return cells
}

// qlString is the text in a column; "" for anything else, null and a missing column included.
func qlString(row []json.RawMessage, i int) string {
	if i < 0 || i >= len(row) || len(row[i]) == 0 || row[i][0] != '"' {
		return ""
	}
	var s string
	if json.Unmarshal(row[i], &s) != nil {
		return ""
	}
	return s
}

// qlFloat is the number in a column; false for anything else.
func qlFloat(row []json.RawMessage, i int) (float64, bool) {
	if i < 0 || i >= len(row) {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(row[i]), 64)
	return v, err == nil && isNumber(row[i])
}

// qlInt is the whole number in a column; 0 for anything else.
func qlInt(row []json.RawMessage, i int) int64 {
	if i < 0 || i >= len(row) {
		return 0
	}
	v, err := strconv.ParseInt(string(row[i]), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// qlBool is whether a column holds true.
func qlBool(row []json.RawMessage, i int) bool {
	return i >= 0 && i < len(row) && string(row[i]) == "true"
}

// qlTime is the time in a column.
func qlTime(row []json.RawMessage, i int) time.Time { return time.Unix(0, qlInt(row, i)).UTC() }

// isNumber tells a JSON number from null, text and true; ParseFloat would take NaN and Inf too.
func isNumber(v json.RawMessage) bool {
	return len(v) > 0 && (v[0] == '-' || '0' <= v[0] && v[0] <= '9')
}

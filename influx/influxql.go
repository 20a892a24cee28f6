package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
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
	form := url.Values{"q": {text}, "db": {bucket}, "epoch": {"ns"}}
	if chunked {
		form.Set("chunked", "true")
		form.Set("chunk_size", "5000")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, db.address("query", nil), strings.NewReader(form.Encode()))
	if err != nil {
		return 0, fmt.Errorf("influx: request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
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

// decodeInfluxQL reads one JSON object, or one after another when the answer is chunked. It holds one series at a
// time in memory (of a chunk: its part).
func decodeInfluxQL(r io.Reader, fn func(*qlSeries, []json.RawMessage) error) error {
	d := &qlDecoder{json: json.NewDecoder(r), fn: fn}
	for {
		tok, err := d.json.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if tok != json.Delim('{') {
			return fmt.Errorf("%w: InfluxQL answer starts with %v", errUnreadable, tok)
		}
		if err := d.object(d.answer); err != nil {
			return err
		}
	}
}

type qlDecoder struct {
	json      *json.Decoder
	fn        func(*qlSeries, []json.RawMessage) error
	statement int
}

// object calls key with each key of the object whose brace was just read; key reads the value.
func (d *qlDecoder) object(key func(string) error) error {
	for d.json.More() {
		tok, err := d.json.Token()
		if err != nil {
			return cut(err)
		}
		name, _ := tok.(string)
		if err := key(name); err != nil {
			return cut(err)
		}
	}
	_, err := d.json.Token()
	return cut(err)
}

// array calls item before each item of the array that comes next; null is an empty one.
func (d *qlDecoder) array(item func() error) error {
	tok, err := d.json.Token()
	if err != nil || tok == nil {
		return cut(err)
	}
	if tok != json.Delim('[') {
		return fmt.Errorf("%w: InfluxQL answer has %v in place of a list", errUnreadable, tok)
	}
	for d.json.More() {
		if err := item(); err != nil {
			return err
		}
	}
	_, err = d.json.Token()
	return cut(err)
}

// cut makes the end of the stream inside an answer an error of its own.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (d *qlDecoder) answer(key string) error {
	switch key {
	case "results":
		return d.array(func() error {
			if _, err := d.json.Token(); err != nil {
				return cut(err)
			}
			return d.object(d.result)
		})
	case "error":
		return d.failure()
	}
	return d.skip()
}

func (d *qlDecoder) result(key string) error {
	switch key {
	case "statement_id":
		return d.json.Decode(&d.statement)
	case "series":
		return d.array(d.series)
	case "error":
		return d.failure()
	}
	return d.skip()
}

func (d *qlDecoder) skip() error {
	var v json.RawMessage
	return d.json.Decode(&v)
}

func (d *qlDecoder) failure() error {
	var text string
	if err := d.json.Decode(&text); err != nil {
		return err
	}
	return &Error{Status: http.StatusOK, Code: "InfluxQL", Message: text}
}

func (d *qlDecoder) series() error {
	var s struct {
		Name    string              `json:"name"`
		Tags    map[string]string   `json:"tags"`
		Columns []string            `json:"columns"`
		Values  [][]json.RawMessage `json:"values"`
	}
	if err := d.json.Decode(&s); err != nil {
		return err
	}
	head := &qlSeries{Statement: d.statement, Name: s.Name, Tags: s.Tags, Columns: s.Columns}
	for _, row := range s.Values {
		if len(row) != len(s.Columns) {
			return fmt.Errorf("%w: InfluxQL row of %d values under %d columns", errUnreadable, len(row), len(s.Columns))
		}
		if err := d.fn(head, row); err != nil {
			return err
		}
	}
	return nil
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

package influx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"iotcenter/telemetry"
)

// maxStatementBytes bounds the answer to a statement, which is held until it is whole.
const maxStatementBytes = 16 << 20

// Statement runs one InfluxQL statement and gives the answer as it is, up to a number of rows and 16 MiB. Where there
// is more, cut is true and the last series says "partial":true, as InfluxDB 1.x does.
func (db *DB) Statement(ctx context.Context, text string, maxRows int, limit time.Duration) (json.RawMessage, bool, error) {
	form := url.Values{"q": {text}, "db": {db.cfg.Bucket}}
	inChunks(form, textRows) // so that the database sends what it has, and stops when nobody reads on
	answer := statementAnswer{rows: maxRows, bytes: maxStatementBytes}
	err := db.op(foreign(ctx), "statement", limit, func(ctx context.Context) error {
		_, err := db.askInfluxQL(ctx, form, answer.add)
		if errors.Is(err, errEnough) {
			return nil
		}
		return statementFault(err)
	})
	if err != nil {
		return nil, false, tooSlow(ctx, err)
	}
	return answer.end(), answer.cut, nil
}

// errEnough stops an answer.
var errEnough = errors.New("enough")

// statementAnswer puts the pieces of an answer together again.
type statementAnswer struct {
	rows, bytes int // how much more there may be
	cut         bool

	out  bytes.Buffer
	head *qlSeries // of the series that is being written; nil before the first
}

func (a *statementAnswer) add(s *qlSeries, row []json.RawMessage) error {
	size := 2 + len(row)
	for _, v := range row {
		size += len(v)
	}
	var head []byte
	if a.head == nil || !a.head.same(s) {
		var err error
		if head, err = json.Marshal(struct {
			Name    string            `json:"name,omitempty"`
			Tags    map[string]string `json:"tags,omitempty"`
			Columns []string          `json:"columns"`
		}{s.Name, s.Tags, s.Columns}); err != nil {
			return err
		}
		size += len(head)
	}
	if a.rows < 1 || a.bytes < size {
		a.cut = true
		return errEnough
	}
	a.rows, a.bytes = a.rows-1, a.bytes-size
	switch {
	case head == nil:
		a.out.WriteByte(',')
	case a.head != nil:
		a.out.WriteString("]},")
	}
	if head != nil {
		a.out.Write(head[:len(head)-1])
		a.out.WriteString(`,"values":[`)
		a.head = s
	}
	for i, v := range row {
		a.out.WriteByte("[,"[min(i, 1)])
		a.out.Write(v)
	}
	a.out.WriteByte(']')
	return nil
}

// end is the whole answer.
func (a *statementAnswer) end() json.RawMessage {
	if a.head == nil {
		return json.RawMessage(`{"results":[{"statement_id":0}]}`)
	}
	end := "]}]}]}"
	if a.cut {
		end = `],"partial":true}]}]}`
	}
	return slices.Concat([]byte(`{"results":[{"statement_id":0,"series":[`), a.out.Bytes(), []byte(end))
}

// same tells whether rows belong to one series. Chunks begin it anew.
func (s *qlSeries) same(other *qlSeries) bool {
	return s == other || s.Name == other.Name && maps.Equal(s.Tags, other.Tags) && slices.Equal(s.Columns, other.Columns)
}

// statementFault tells the mistakes of a statement, with the database's words, from what keeps the database from
// answering.
func statementFault(err error) error {
	var refused *ihttp.Error
	if errors.As(err, &refused) && refused.StatusCode != 0 { // it wraps other errors as well
		switch refused.StatusCode {
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			return &telemetry.QueryError{Parameter: "q", Problem: words(refused.Message)}
		}
		return err
	}
	var answer *Error
	if !errors.As(err, &answer) || answer.Code != codeInfluxQL || broken(answer.Message) {
		return err
	}
	if slow(answer.Message) {
		return fmt.Errorf("%w: %w", telemetry.ErrTooSlow, err)
	}
	if busy(answer.Message) {
		return fmt.Errorf("%w: %w", telemetry.ErrUnavailable, err)
	}
	return &telemetry.QueryError{Parameter: "q", Problem: words(answer.Message)}
}

// words continues a sentence with what the database says.
func words(message string) string {
	return "is refused by the database: " + strings.TrimSuffix(shorten(message), ".")
}

// An error inside an answer of InfluxQL is a text and no more. These are the ones that no other statement would mend.
func busy(message string) bool {
	for _, text := range []string{"query-timeout limit exceeded", "query interrupted", "max-concurrent-queries limit exceeded", "engine is closed", "shard is disabled"} {
		if strings.Contains(message, text) {
			return true
		}
	}
	return false
}

// slow tells whether the database gave the query up because of its time.
func slow(message string) bool {
	return strings.Contains(message, "query-timeout limit exceeded")
}

// broken tells whether the database says that it is at fault.
func broken(message string) bool {
	return strings.Contains(message, "[panic:") || strings.Contains(message, "internal error")
}

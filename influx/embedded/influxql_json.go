package embedded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/query"
)

// jsonResults is the JSON of InfluxDB 1.x. It writes rows as they come, so an
// answer is never held as a tree of Go values.
type jsonResults struct {
	results int // in the answer so far

	// The statement that is being written.
	id        int
	start     int // where it begins
	open      bool
	inSeries  bool
	inValues  bool
	anySeries bool
	last      models.Row // name and tags of the series
	seriesCut bool
	cut       bool
	messages  []*query.Message
	err       error
}

func (j *jsonResults) contentType() string { return "application/json" }

func (j *jsonResults) begin(out *bytes.Buffer) {
	*j = jsonResults{}
	out.WriteString(`{"results":[`)
}

func (j *jsonResults) end(out *bytes.Buffer) {
	j.closeStatement(out)
	out.WriteString("]}\n")
}

func (j *jsonResults) result(out *bytes.Buffer, res *query.Result, most int) error {
	if j.open && (j.id != res.StatementID || res.Err != nil) {
		if j.id == res.StatementID {
			out.Truncate(j.start)
			j.open, j.results = false, j.results-1
		} else {
			j.closeStatement(out)
		}
	}
	if !j.open {
		*j = jsonResults{results: j.results + 1, id: res.StatementID, start: out.Len(), open: true}
		if j.results > 1 {
			out.WriteByte(',')
		}
		out.WriteString(`{"statement_id":`)
		out.WriteString(strconv.Itoa(res.StatementID))
	}
	j.cut, j.err = res.Partial, res.Err
	j.messages = append(j.messages, res.Messages...)
	for _, row := range res.Series {
		if err := j.row(out, row, most); err != nil {
			return err
		}
	}
	return nil
}

func (j *jsonResults) row(out *bytes.Buffer, row *models.Row, most int) error {
	if !j.inSeries || !j.last.SameSeries(row) {
		j.closeSeries(out)
		if !j.anySeries {
			out.WriteString(`,"series":[`)
		} else {
			out.WriteByte(',')
		}
		j.inSeries, j.anySeries, j.inValues = true, true, false
		j.last = models.Row{Name: row.Name, Tags: row.Tags}
		head, err := json.Marshal(models.Row{Name: row.Name, Tags: row.Tags, Columns: row.Columns})
		if err != nil {
			return err
		}
		out.Write(head[:len(head)-1])
	}
	for _, values := range row.Values {
		if j.inValues {
			out.WriteByte(',')
		} else {
			out.WriteString(`,"values":[`) // after the columns, which every series has
			j.inValues = true
		}
		b := append(out.AvailableBuffer(), '[')
		for i, v := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, v)
		}
		out.Write(append(b, ']'))
		if out.Len() > most {
			return errTooLarge
		}
	}
	j.seriesCut = row.Partial
	return nil
}

func (j *jsonResults) closeSeries(out *bytes.Buffer) {
	if !j.inSeries {
		return
	}
	j.inSeries = false
	if j.inValues {
		out.WriteByte(']')
	}
	if j.seriesCut {
		out.WriteString(`,"partial":true`)
	}
	out.WriteByte('}')
}

func (j *jsonResults) closeStatement(out *bytes.Buffer) {
	if !j.open {
		return
	}
	j.closeSeries(out)
	if j.anySeries {
		out.WriteByte(']')
	}
	if len(j.messages) > 0 {
		out.WriteString(`,"messages":`)
		out.Write(appendAny(nil, j.messages))
	}
	if j.cut {
		out.WriteString(`,"partial":true`)
	}
	if j.err != nil {
		out.WriteString(`,"error":`)
		out.Write(appendAny(nil, j.err.Error()))
	}
	out.WriteByte('}')
	j.open = false
}

// appendJSON writes a value as InfluxDB does: integers with all their digits,
// also beyond what a float holds. JSON has no infinities: they are null, as NaN is.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return append(b, "null"...)
		}
		if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
			return appendAny(b, v)
		}
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case bool:
		return strconv.AppendBool(b, v)
	case time.Time:
		b = append(b, '"')
		b = v.AppendFormat(b, time.RFC3339Nano)
		return append(b, '"')
	}
	return appendAny(b, v)
}

func appendAny(b []byte, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		data, _ = json.Marshal(fmt.Sprint(v)) // a string cannot fail
	}
	return append(b, data...)
}

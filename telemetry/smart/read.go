package smart

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"iotcenter/telemetry"
)

// Read reads everything that a query asks for, by way of a bounded spool, so that an error still has its status and
// memory does not grow with the answer. Errors: *BadRequestError, ErrTooLarge, and those of telemetry.RowReader.
func (s *Store) Read(ctx context.Context, q Query) (*Answer, error) {
	c := collector{ctx: ctx, query: q, answer: &Answer{
		measurement: q.Measurement,
		tags:        answerTags(q),
		spool:       spool{open: s.options.Spool, most: s.most},
	}}
	c.zeroIsNull = q.Every > 0 && (q.Function == telemetry.FnCount || q.Function == telemetry.FnDistinct)
	err := s.options.Rows.Rows(ctx, q.RowsQuery, &c)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = c.answer.Close() // the error that matters is the first one
		return nil, err
	}
	c.finish()
	return c.answer, nil
}

// answerTags are the tags that were asked for.
func answerTags(q Query) []telemetry.Tag {
	var tags []telemetry.Tag
	for _, t := range q.Tags {
		if t.Key != telemetry.ClientTag && t.Key != imeiTag {
			tags = append(tags, t)
		}
	}
	if q.IMEI != "" {
		tags = append(tags, telemetry.Tag{Key: imeiTag, Value: q.IMEI})
	}
	slices.SortFunc(tags, func(a, b telemetry.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags
}

// collector takes the rows of an answer and spools them by field. It is a telemetry.Rows.
type collector struct {
	ctx        context.Context
	query      Query
	answer     *Answer
	columns    []*column // parallel to the values of a row; nil for one that the answer leaves out
	zeroIsNull bool      // an empty bucket counts nothing, and says so as every other function does
	rows       int
	element    []byte
	time       []byte
}

// Begin takes the names of the fields.
func (c *collector) Begin(fields []string) error {
	for _, name := range fields {
		if problem := checkField(name); problem != nil {
			// Only line protocol can write such a field, and only an answer with all fields has it.
			c.columns = append(c.columns, nil)
			continue
		}
		col := &column{name: name, spool: &c.answer.spool}
		c.columns = append(c.columns, col)
		c.answer.columns = append(c.answer.columns, col)
	}
	if n := len(c.answer.columns); n > MaxFields {
		return &BadRequestError{"fields", fmt.Sprintf("there are %d fields, and an answer has at most %d; name those that you want", n, MaxFields)}
	}
	return nil
}

// Row takes one row.
func (c *collector) Row(at int64, values []json.RawMessage) error {
	if c.rows++; c.rows%256 == 0 {
		if err := c.ctx.Err(); err != nil {
			return err
		}
	}
	c.time = append(c.time[:0], `,"`...)
	c.time = append(time.Unix(0, at).UTC().AppendFormat(c.time, time.RFC3339Nano), `"]`...)
	for i, col := range c.columns {
		if col == nil || i >= len(values) {
			continue
		}
		value := []byte(values[i])
		if len(value) == 0 || value[0] == 'n' || c.zeroIsNull && string(value) == "0" {
			value = null
		} else {
			col.hasValue = true
		}
		c.element = append(c.element[:0], ",["...)
		c.element = append(c.element, value...)
		c.element = append(c.element, c.time...)
		if err := col.add(c.element); err != nil {
			return err
		}
	}
	return nil
}

var null = []byte("null")

// finish settles which fields the answer has: those that were asked for by name, each once, and of all others those
// with a value.
func (c *collector) finish() {
	columns := c.answer.columns
	if !c.query.Named {
		c.answer.columns = slices.DeleteFunc(columns, func(col *column) bool { return !col.hasValue })
		return
	}
	for _, name := range c.query.Fields {
		if !slices.ContainsFunc(columns, func(col *column) bool { return col.name == name }) {
			columns = append(columns, &column{name: name, spool: &c.answer.spool})
		}
	}
	c.answer.columns = columns
}

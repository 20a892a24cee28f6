package embedded

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/query"
)

// csvResults is the CSV of InfluxDB 1.8: a line with the names of the columns
// for each statement, and again, after an empty line, where they change. Times
// are numbers. An error is a table of its own with the one column "error".
type csvResults struct {
	media   string
	id      int
	start   int // where the statement begins in the buffer
	open    bool
	any     bool // something has been written
	before  bool // something stands before the part that an error would replace
	columns []string
}

func (c *csvResults) contentType() string { return c.media }

// begin keeps what is known of the chunks before: they are one table.
func (c *csvResults) begin(*bytes.Buffer) { c.start, c.before = 0, c.any }

func (c *csvResults) end(*bytes.Buffer) {}

func (c *csvResults) result(out *bytes.Buffer, res *query.Result, most int) error {
	if !c.open || c.id != res.StatementID {
		c.id, c.open, c.start, c.columns, c.before = res.StatementID, true, out.Len(), nil, c.any
	}
	if res.Err != nil {
		out.Truncate(c.start)
		c.columns, c.any = nil, c.before
		return c.table(out, []string{"error"}, [][]string{{res.Err.Error()}})
	}
	for _, row := range res.Series {
		columns := append([]string{"name", "tags"}, row.Columns...)
		if !slices.Equal(columns, c.columns) {
			c.columns = columns
			if err := c.table(out, columns, nil); err != nil {
				return err
			}
		}
		if err := c.row(out, row, most); err != nil {
			return err
		}
	}
	return nil
}

func (c *csvResults) table(out *bytes.Buffer, head []string, lines [][]string) error {
	if c.any {
		out.WriteByte('\n')
	}
	c.any = true
	w := csv.NewWriter(out)
	_ = w.Write(head) // WriteAll tells of its error
	return w.WriteAll(lines)
}

func (c *csvResults) row(out *bytes.Buffer, row *models.Row, most int) error {
	w := csv.NewWriter(out)
	line := make([]string, len(c.columns))
	line[0] = row.Name
	if key := models.NewTags(row.Tags).HashKey(); len(key) > 0 {
		line[1] = string(key[1:])
	}
	for _, values := range row.Values {
		for i, v := range values {
			line[i+2] = csvValue(v)
		}
		if err := w.Write(line); err != nil {
			return err
		}
		if out.Len() > most {
			return errTooLarge
		}
	}
	w.Flush()
	return w.Error()
}

func csvValue(v any) string {
	switch v := v.(type) {
	case nil, *float64, *int64, *uint64, *string, *bool:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return v
	case time.Time:
		return strconv.FormatInt(v.UnixNano(), 10)
	}
	return fmt.Sprint(v)
}

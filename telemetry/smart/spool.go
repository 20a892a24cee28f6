package smart

import (
	"bufio"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"iotcenter/telemetry"
)

const (
	maxAnswer    = 1 << 30  // bytes that are kept for one answer
	columnBuffer = 16 << 10 // bytes of a field that stay in memory until they are written to the file
)

// spool is a temporary file that the columns of an answer share. It is made when the first of them outgrows its memory.
type spool struct {
	open func() (SpoolFile, error)
	most int64
	file SpoolFile
	end  int64 // of what is written
	held int64 // bytes of all columns, in memory and in the file
}

// write puts a piece at the end of the file.
func (s *spool) write(piece []byte) (extent, error) {
	if s.file == nil {
		file, err := s.open()
		if err != nil {
			return extent{}, fmt.Errorf("making a temporary file for an answer: %w", err)
		}
		s.file = file
	}
	if _, err := s.file.WriteAt(piece, s.end); err != nil {
		return extent{}, fmt.Errorf("writing to the temporary file of an answer: %w", err)
	}
	e := extent{s.end, len(piece)}
	s.end += int64(len(piece))
	return e, nil
}

// extent is a piece of the file.
type extent struct {
	at     int64
	length int
}

// column is a field of an answer: `,[value,"time"]` for each row.
type column struct {
	name     string
	spool    *spool
	hasValue bool
	extents  []extent
	buffer   []byte
}

func (c *column) add(element []byte) error {
	if c.spool.held += int64(len(element)); c.spool.held > c.spool.most {
		return ErrTooLarge
	}
	if len(c.buffer)+len(element) > columnBuffer && len(c.buffer) > 0 {
		e, err := c.spool.write(c.buffer)
		if err != nil {
			return err
		}
		c.extents = append(c.extents, e)
		c.buffer = c.buffer[:0]
	}
	c.buffer = append(c.buffer, element...)
	return nil
}

// writeTo writes the elements with commas between them.
func (c *column) writeTo(w io.Writer) error {
	skip := 1 // the comma before the first one
	for _, e := range c.extents {
		if _, err := io.Copy(w, io.NewSectionReader(c.spool.file, e.at+int64(skip), int64(e.length-skip))); err != nil {
			return err
		}
		skip = 0
	}
	if len(c.buffer) == 0 {
		return nil
	}
	_, err := w.Write(c.buffer[skip:])
	return err
}

// Answer is a read that is complete; Close it.
type Answer struct {
	measurement string
	tags        []telemetry.Tag
	columns     []*column
	spool       spool
}

// WriteTo writes the answer's `"measurement":…,"tags":{…},"<field>":[[value,"time"],…]` members as one JSON object. A
// field in which no row has a value is an empty list.
func (a *Answer) WriteTo(w io.Writer) (int64, error) {
	counted := &countingWriter{w: w}
	out := bufio.NewWriterSize(counted, 32<<10)
	_, _ = out.WriteString(`{"measurement":` + quoted(a.measurement) + `,"tags":{`) // a bufio.Writer keeps its error until Flush
	for i, t := range a.tags {
		if i > 0 {
			_ = out.WriteByte(',')
		}
		_, _ = out.WriteString(quoted(t.Key) + ":" + quoted(t.Value))
	}
	_ = out.WriteByte('}')
	for _, c := range a.columns {
		_, _ = out.WriteString("," + quoted(c.name) + ":[")
		if c.hasValue {
			if err := c.writeTo(out); err != nil {
				return counted.n, err
			}
		}
		_ = out.WriteByte(']')
	}
	_ = out.WriteByte('}')
	err := out.Flush()
	return counted.n, err
}

// quoted is a text as JSON. What is no UTF-8 is replaced: names in the database can be older than the rules of today.
func quoted(s string) string {
	text, _ := jsontext.AppendQuote(nil, s)
	return string(text)
}

// Close gives the spool back.
func (a *Answer) Close() error {
	file := a.spool.file
	a.spool.file, a.columns = nil, nil
	if file == nil {
		return nil
	}
	return file.Close()
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

package influx

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/klauspost/compress/gzip"

	"iotcenter/telemetry"
)

// Bounds of a batch and of its tries.
const (
	importLines  = 5_000
	importBytes  = 4 << 20
	longestLine  = 64 << 20
	importTries  = 60
	longestPause = 30 * time.Second
)

// ImportOptions say where points go.
type ImportOptions struct {
	Bucket   string // by name
	Progress func(Transferred)
}

// Import writes line protocol, packed with gzip or not, with times in
// nanoseconds, in batches. It stops at the first one that is refused; the error
// names the line of the input, and what came before it is stored.
func (db *DB) Import(ctx context.Context, r io.Reader, o ImportOptions) (Transferred, error) {
	plain := bufio.NewReaderSize(r, 64<<10)
	lines := bufio.NewScanner(plain)
	if magic, _ := plain.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(plain)
		if err != nil {
			return Transferred{}, fmt.Errorf("gzip: %w", err)
		}
		defer unpacked.Close()
		lines = bufio.NewScanner(unpacked)
	}
	lines.Buffer(make([]byte, 256<<10), longestLine)
	lines.Split(splitLine)

	m := &importer{db: db, ctx: ctx, o: o}
	number := 1
	for lines.Scan() {
		line := lines.Bytes()
		next := number + bytes.Count(line, []byte{'\n'})
		if text := bytes.TrimSpace(line); len(text) > 0 && text[0] != '#' {
			if len(m.ends) > 0 && (len(m.ends) == importLines || len(m.batch)+len(line) > importBytes) {
				if err := m.send(); err != nil {
					return m.sum, err
				}
			}
			m.batch = append(m.batch, line...)
			if line[len(line)-1] != '\n' { // the last one
				m.batch = append(m.batch, '\n')
			}
			m.ends, m.numbers = append(m.ends, len(m.batch)), append(m.numbers, number)
		}
		number = next
	}
	if err := lines.Err(); err != nil {
		return m.sum, fmt.Errorf("line %d: %w", number, err)
	}
	return m.sum, m.send()
}

// splitLine cuts input into lines with their line breaks, as the database does:
// a line break within a quoted value ends no line, and quotes mean something
// only where a value of a field stands.
func splitLine(data []byte, atEOF bool) (advance int, token []byte, err error) {
	rest := func() (int, []byte, error) {
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	}
	start := bytes.TrimLeft(data, " \t\r\x00")
	if len(start) == 0 {
		return rest()
	}
	if start[0] == '#' {
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			return i + 1, data[:i+1], nil
		}
		return rest()
	}
	fields, quoted, equals, commas := false, false, 0, 0
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '\\':
			i++
		case c == '\n' && !quoted:
			return i + 1, data[:i+1], nil
		case c == ' ':
			fields = true
		case !fields:
		case c == '=' && !quoted:
			equals++
		case c == ',' && !quoted:
			commas++
		case c == '"' && equals > commas:
			quoted = !quoted
		}
	}
	return rest()
}

type importer struct {
	db  *DB
	ctx context.Context
	o   ImportOptions

	batch   []byte
	ends    []int // where each line of the batch ends
	numbers []int // of the input, of each line's beginning
	sum     Transferred
}

// send writes the batch, and waits as long as the database asks for it.
func (m *importer) send() error {
	if len(m.ends) == 0 {
		return nil
	}
	err := m.patiently(m.batch)
	var refused *telemetry.WriteError
	if errors.As(err, &refused) && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusUnprocessableEntity) {
		return m.blame(err)
	}
	if err != nil {
		return fmt.Errorf("line %d and after: %w", m.numbers[0], err)
	}
	m.sum.Points += int64(len(m.ends))
	m.sum.Bytes += int64(len(m.batch))
	m.batch, m.ends, m.numbers = m.batch[:0], m.ends[:0], m.numbers[:0]
	if m.o.Progress != nil {
		m.o.Progress(m.sum)
	}
	return nil
}

// blame finds the first line that is refused by writing ever smaller parts;
// writing a point twice changes nothing.
func (m *importer) blame(whole error) error {
	low, high := 0, len(m.ends) // lines before low are taken, and not all before high
	for high-low > 1 {
		middle := (low + high) / 2
		err := m.patiently(m.batch[m.begin(low):m.begin(middle)])
		var refused *telemetry.WriteError
		switch {
		case err == nil:
			low = middle
		case errors.As(err, &refused):
			whole, high = err, middle
		default:
			return err
		}
	}
	m.sum.Points, m.sum.Bytes = m.sum.Points+int64(low), m.sum.Bytes+int64(m.begin(low))
	return fmt.Errorf("line %d: %w", m.numbers[low], whole)
}

// begin is where line i of the batch begins.
func (m *importer) begin(i int) int {
	if i == 0 {
		return 0
	}
	return m.ends[i-1]
}

// patiently writes lines, again and again while the database is busy.
func (m *importer) patiently(lines []byte) error {
	pause := 100 * time.Millisecond
	for try := 1; ; try++ {
		err := m.write(lines)
		var refused *telemetry.WriteError
		if err == nil || !errors.As(err, &refused) || try == importTries ||
			refused.Status != http.StatusTooManyRequests && refused.Status != http.StatusServiceUnavailable {
			return err
		}
		wait := pause
		if refused.RetryAfter > 0 {
			wait = refused.RetryAfter
		}
		pause = min(2*pause, longestPause)
		timer := time.NewTimer(min(wait, longestPause))
		select {
		case <-timer.C:
		case <-m.ctx.Done():
			timer.Stop()
			return m.ctx.Err()
		}
	}
}

func (m *importer) write(lines []byte) error {
	body, encoding, err := m.db.pack(lines)
	if err != nil {
		return err
	}
	query := url.Values{"org": {m.db.cfg.Org}, "bucket": {m.o.Bucket}, "precision": {"ns"}}
	req, err := http.NewRequestWithContext(m.ctx, http.MethodPost, m.db.address("api/v2/write", query), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("influx: request: %w", err)
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	return writeError(m.db.send(req, nil, func(*http.Response) error { return nil }))
}

package smart

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testNow is the clock of the tests: the example data of the original are within its last seven days.
var testNow = time.Date(2016, 1, 3, 12, 0, 0, 0, time.UTC)

// fakeDatabase is a writer, a source of tokens and a row reader in memory.
type fakeDatabase struct {
	mu      sync.Mutex
	lines   []string // of each write
	tokens  []string
	refuse  []error // of the next writes
	kinds   map[string][]telemetry.FieldKind
	asked   int // for kinds
	rows    func(q telemetry.RowsQuery, to telemetry.Rows) error
	queried telemetry.RowsQuery
	onKinds func()
}

func (f *fakeDatabase) WriteLines(_ context.Context, token string, lines []byte, _ telemetry.Precision) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines, f.tokens = append(f.lines, string(lines)), append(f.tokens, token)
	if len(f.refuse) > 0 {
		err := f.refuse[0]
		f.refuse = f.refuse[1:]
		return err
	}
	return nil
}

func (f *fakeDatabase) WriteOwn(ctx context.Context, lines []byte, p telemetry.Precision) error {
	return f.WriteLines(ctx, "own", lines, p)
}

func (f *fakeDatabase) WriteToken(_ context.Context, id devices.ID, _ bool) (string, error) {
	return "token of " + string(id), nil
}

func (f *fakeDatabase) FieldKinds(context.Context, string) (map[string][]telemetry.FieldKind, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	kinds := f.kinds
	if f.onKinds != nil {
		f.onKinds()
	}
	return kinds, nil
}

func (f *fakeDatabase) Rows(_ context.Context, q telemetry.RowsQuery, to telemetry.Rows) error {
	f.queried = q
	return f.rows(q, to)
}

func (f *fakeDatabase) Statement(context.Context, string, int, time.Duration) (json.RawMessage, bool, error) {
	return nil, false, errors.New("not here")
}

// newTestStore makes a store on a fake; files counts the open spool files.
func newTestStore(t testing.TB, f *fakeDatabase, now func() time.Time) (s *Store, files *int) {
	t.Helper()
	files = new(int)
	s = NewStore(StoreOptions{
		Intake: &telemetry.Intake{Writer: f, Tokens: f, Clock: now},
		Rows:   f,
		Clock:  now,
		Spool: func() (SpoolFile, error) {
			file, err := os.CreateTemp(t.TempDir(), "spool")
			if err != nil {
				return nil, err
			}
			*files++
			return &countedFile{file, files}, nil
		},
	})
	return s, files
}

type countedFile struct {
	*os.File
	open *int
}

func (c *countedFile) Close() error { *c.open--; return c.File.Close() }

func fixed() time.Time { return testNow }

// mustParse parses a batch that is right.
func mustParse(t testing.TB, body string) *Batch {
	t.Helper()
	b, err := ParseBatch(strings.NewReader(body))
	if err != nil {
		t.Fatalf("ParseBatch(%.200s): %v", body, err)
	}
	return b
}

// wantBad checks that an error is a *BadRequestError whose text has all the words.
func wantBad(t testing.TB, err error, words ...string) {
	t.Helper()
	var bad *BadRequestError
	if !errors.As(err, &bad) {
		t.Fatalf("error %v (%T), want a *BadRequestError with %q", err, err, words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q is without %q", err, w)
		}
	}
	if len(err.Error()) > 1000 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

func answerText(t testing.TB, a *Answer) string {
	t.Helper()
	var b strings.Builder
	n, err := a.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo: %d of %d bytes, %v", n, b.Len(), err)
	}
	if !json.Valid([]byte(b.String())) {
		t.Fatalf("the answer is no JSON: %.300s", b.String())
	}
	return b.String()
}

func TestIMEIHasAtMost15OfItsCharacters(t *testing.T) {
	for id, want := range map[devices.ID]bool{
		"000000000000000": true, "a-b_C9": true, "0000000000000000": false, "": false, "a.b": false, "a b": false, "é": false,
	} {
		if got := IMEI(id); got != want {
			t.Errorf("IMEI(%q) = %v, want %v", id, got, want)
		}
	}
}

var _ io.WriterTo = (*Answer)(nil)

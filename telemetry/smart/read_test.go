package smart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
)

// seedRow is a row of the original's example data.
type seedRow struct {
	at                            string
	current, voltage, temperature string
}

var seedRows = []seedRow{
	{"2016-01-01T00:00:00Z", "1.234", "14.243", "21.345"}, {"2016-01-01T04:00:00Z", "2.234", "14.723", ""},
	{"2016-01-01T08:00:00Z", "3.234", "14.826", "21.345"}, {"2016-01-01T12:00:00Z", "1.234", "13.284", ""},
	{"2016-01-01T16:00:00Z", "2.345", "12.345", "21.345"}, {"2016-01-01T20:00:00Z", "2.678", "12.678", ""},
	{"2016-01-02T00:00:00Z", "2.91", "12.91", "21.91"}, {"2016-01-02T04:00:00Z", "2.345", "12.345", ""},
	{"2016-01-02T08:00:00Z", "2.678", "12.678", "21.678"}, {"2016-01-02T12:00:00Z", "2.91", "12.91", ""},
	{"2016-01-02T16:00:00Z", "2.345", "12.345", "21.345"}, {"2016-01-02T20:00:00Z", "2.678", "12.678", ""},
	{"2016-01-03T00:00:00Z", "2.91", "12.91", "21.91"},
}

func (r seedRow) value(field string) json.RawMessage {
	text := map[string]string{"current": r.current, "voltage": r.voltage, "temperature": r.temperature}[field]
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

// seedDatabase filters the example data as the database does, as far as the examples ask.
func seedDatabase() *fakeDatabase {
	return &fakeDatabase{rows: func(q telemetry.RowsQuery, to telemetry.Rows) error {
		fields := q.Fields
		if fields == nil {
			fields = []string{"current", "never", "temperature", "voltage"}
		}
		if err := to.Begin(fields); err != nil {
			return err
		}
		n := 0
		for _, r := range seedRows {
			at, _ := time.Parse(time.RFC3339, r.at)
			if !at.After(q.After) || !at.Before(q.Before) || q.Limit > 0 && n == q.Limit {
				continue
			}
			if w := q.Where; w != nil {
				have, _ := strconv.ParseFloat(string(r.value(w.Name)), 64)
				than, _ := strconv.ParseFloat(w.With.Text, 64)
				if w.Op != ">" || !(have > than) {
					continue
				}
			}
			n++
			var values []json.RawMessage
			for _, f := range fields {
				values = append(values, r.value(f))
			}
			if err := to.Row(at.UnixNano(), values); err != nil {
				return err
			}
		}
		return nil
	}}
}

// read reads with a query string, for the example's product.
func read(t *testing.T, f *fakeDatabase, query string) string {
	t.Helper()
	s, files := newTestStore(t, f, fixed)
	q := mustAsk(t, query)
	if q.IMEI == "" {
		q.IMEI = "000000000000000"
	}
	a, err := s.Read(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	text := answerText(t, a)
	if err := a.Close(); err != nil || *files != 0 {
		t.Errorf("%d files are open, %v", *files, err)
	}
	return text
}

const seedHead = `{"measurement":"telemetry","tags":{"product_imei":"000000000000000"}`

// column writes what the example prints for a field.
func seedColumn(field string, rows []seedRow) string {
	var all []string
	for _, r := range rows {
		v := string(r.value(field))
		if v == "" {
			v = "null"
		}
		all = append(all, fmt.Sprintf(`[%s,"%s"]`, v, r.at))
	}
	return `,"` + field + `":[` + strings.Join(all, ",") + `]`
}

func TestSeedExampleOfAReadWithoutParameters(t *testing.T) {
	want := seedHead + seedColumn("current", seedRows) + seedColumn("temperature", seedRows) + seedColumn("voltage", seedRows) + "}"
	if got := read(t, seedDatabase(), ""); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestSeedExampleOfAReadFromAStart(t *testing.T) {
	last := seedRows[12:]
	want := seedHead + seedColumn("current", last) + seedColumn("temperature", last) + seedColumn("voltage", last) + "}"
	if got := read(t, seedDatabase(), "start=2016-01-02+23:00:00"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestSeedExampleOfAReadWithWhereAndStartIsExclusive(t *testing.T) {
	want := seedHead + `,"current":[[2.234,"2016-01-01T04:00:00Z"],[3.234,"2016-01-01T08:00:00Z"]],"temperature":[[null,"2016-01-01T04:00:00Z"],[21.345,"2016-01-01T08:00:00Z"]]}`
	for _, where := range []string{"voltage > 14.0", "'voltage' > 14.0"} {
		query := "start=2016-01-01&end=2016-01-02&limit=100&where=" + strings.ReplaceAll(where, " ", "+") + "&fields=current&fields=temperature"
		if got := read(t, seedDatabase(), query); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

func TestFieldByNameIsThereWithoutAValueAndWithAllItIsLeftOut(t *testing.T) {
	if got, want := read(t, seedDatabase(), "fields=never,temperature&start=2016-01-02+13:00:00&end=2016-01-02+21:00:00"),
		seedHead+`,"never":[],"temperature":[[21.345,"2016-01-02T16:00:00Z"],[null,"2016-01-02T20:00:00Z"]]}`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if got := read(t, seedDatabase(), ""); strings.Contains(got, "never") {
		t.Error(got)
	}
	if got, want := read(t, seedDatabase(), "fields=a&end=2015-12-31"), seedHead+`,"a":[]}`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestTagsOfTheAnswerAreThoseAskedForAndNeverClientId(t *testing.T) {
	f := seedDatabase()
	got := read(t, f, `tags={"z":"1","a":"\"<é","product_imei":7}&fields=a`)
	if want := `{"measurement":"telemetry","tags":{"a":"\"<é","product_imei":"7","z":"1"},"a":[]}`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if fmt.Sprint(f.queried.Tags) != `[{a "<é} {z 1}]` {
		t.Errorf("product_imei is left to the caller: %v", f.queried.Tags)
	}
}

// rowsOf gives rows to whoever asks.
func rowsOf(fields []string, rows ...[]string) *fakeDatabase {
	return &fakeDatabase{rows: func(q telemetry.RowsQuery, to telemetry.Rows) error {
		if err := to.Begin(fields); err != nil {
			return err
		}
		for i, row := range rows {
			var values []json.RawMessage
			for _, v := range row {
				values = append(values, json.RawMessage(v))
			}
			if err := to.Row(int64(i)*1_500_000_000, values); err != nil {
				return err
			}
		}
		return nil
	}}
}

func TestFieldsWithTheNamesOfMembersAndOwnTagsAreLeftOut(t *testing.T) {
	f := rowsOf([]string{"clientId", "measurement", "ok", "product_imei", "tags"}, []string{"1", "2", `"x"`, "4", "5"}, []string{"1", "2", "true", "4", "5"})
	if got, want := read(t, f, ""), seedHead+`,"ok":[["x","1970-01-01T00:00:00Z"],[true,"1970-01-01T00:00:01.5Z"]]}`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestEmptyBucketIsANullRow(t *testing.T) {
	for function, want := range map[string]string{"count": "null", "distinct": "null", "sum": "0", "mean": "0"} {
		f := rowsOf([]string{"a"}, []string{"0"}, []string{"3"})
		got := read(t, f, "ds_interval=1h&ds_function="+function)
		if want := seedHead + `,"a":[[` + want + `,"1970-01-01T00:00:00Z"],[3,"1970-01-01T00:00:01.5Z"]]}`; got != want {
			t.Errorf("%s: %s\nwant\n%s", function, got, want)
		}
	}
}

func TestErrorOfTheDatabaseClosesTheSpool(t *testing.T) {
	f := &fakeDatabase{rows: func(q telemetry.RowsQuery, to telemetry.Rows) error {
		_ = to.Begin([]string{"a"})
		for i := range 10_000 {
			if err := to.Row(int64(i), []json.RawMessage{json.RawMessage("1")}); err != nil {
				return err
			}
		}
		return telemetry.ErrUnavailable
	}}
	s, files := newTestStore(t, f, fixed)
	a, err := s.Read(context.Background(), mustAsk(t, ""))
	if a != nil || !errors.Is(err, telemetry.ErrUnavailable) || *files != 0 {
		t.Errorf("%v, %v, %d files are open", a, err, *files)
	}
}

// endless gives rows until it is told to stop.
func endless(each func(i int)) *fakeDatabase {
	return &fakeDatabase{rows: func(q telemetry.RowsQuery, to telemetry.Rows) error {
		if err := to.Begin([]string{"a", "b"}); err != nil {
			return err
		}
		values := []json.RawMessage{json.RawMessage("1.5"), json.RawMessage("null")}
		for i := 0; ; i++ {
			each(i)
			if err := to.Row(int64(i), values); err != nil {
				return err
			}
		}
	}}
}

func TestEndOfTheContextStopsARead(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s, files := newTestStore(t, endless(func(i int) {
		if i == 5000 {
			cancel()
		}
	}), fixed)
	if _, err := s.Read(ctx, mustAsk(t, "")); !errors.Is(err, context.Canceled) || *files != 0 {
		t.Errorf("%v, %d files are open", err, *files)
	}
}

func TestAnswerBeyondItsBoundIsTooLarge(t *testing.T) {
	s, files := newTestStore(t, endless(func(int) {}), fixed)
	s.most = 1 << 20
	if _, err := s.Read(context.Background(), mustAsk(t, "")); !errors.Is(err, ErrTooLarge) || *files != 0 {
		t.Errorf("%v, %d files are open", err, *files)
	}
}

func TestTooManyFieldsAreRefused(t *testing.T) {
	var names []string
	for i := range MaxFields + 1 {
		names = append(names, fmt.Sprint("f", i))
	}
	s, _ := newTestStore(t, rowsOf(names), fixed)
	_, err := s.Read(context.Background(), mustAsk(t, ""))
	wantBad(t, err, "fields: there are 501 fields")
}

func TestSmallAnswerNeedsNoFile(t *testing.T) {
	s := NewStore(StoreOptions{Rows: seedDatabase(), Clock: fixed, Spool: func() (SpoolFile, error) { return nil, errors.New("disk full") }})
	a, err := s.Read(context.Background(), mustAsk(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	s.options.Rows = endless(func(int) {})
	if _, err := s.Read(context.Background(), mustAsk(t, "")); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Error(err)
	}
}

func TestSpoolGivesBackEachRowInOrder(t *testing.T) {
	const rows = 20_000
	f := &fakeDatabase{rows: func(q telemetry.RowsQuery, to telemetry.Rows) error {
		if err := to.Begin([]string{"a", "b", "c"}); err != nil {
			return err
		}
		for i := range rows {
			long := json.RawMessage(`"` + strings.Repeat("x", i%50*(i%7)) + `"`)
			if i%10_000 == 9_999 {
				long = json.RawMessage(`"` + strings.Repeat("y", 3*columnBuffer) + `"`)
			}
			if err := to.Row(int64(i), []json.RawMessage{json.RawMessage(strconv.Itoa(i)), json.RawMessage("null"), long}); err != nil {
				return err
			}
		}
		return nil
	}}
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(read(t, f, "fields=a,b,c")), &got); err != nil {
		t.Fatal(err)
	}
	var a [][2]any
	if err := json.Unmarshal(got["a"], &a); err != nil || len(a) != rows {
		t.Fatal(err, len(a))
	}
	for i, row := range a {
		if row[0] != float64(i) || row[1] != time.Unix(0, int64(i)).UTC().Format(time.RFC3339Nano) {
			t.Fatalf("row %d is %v", i, row)
		}
	}
	var c []json.RawMessage
	if err := json.Unmarshal(got["c"], &c); err != nil || len(c) != rows || string(got["b"]) != "[]" {
		t.Errorf("%v, %d rows, b is %.50s", err, len(c), got["b"])
	}
}

func TestMillionRowsKeepMemoryFlat(t *testing.T) {
	const rows = 1_000_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	start := heap()
	var high uint64
	f := &fakeDatabase{rows: func(q telemetry.RowsQuery, to telemetry.Rows) error {
		if err := to.Begin([]string{"current", "temperature", "voltage"}); err != nil {
			return err
		}
		values := []json.RawMessage{json.RawMessage("1.234"), json.RawMessage("null"), json.RawMessage("14.243")}
		for i := range rows {
			if err := to.Row(1451606400000000000+int64(i)*1e9, values); err != nil {
				return err
			}
			if i%250_000 == 0 {
				high = max(high, heap())
			}
		}
		high = max(high, heap())
		return nil
	}}
	s, _ := newTestStore(t, f, fixed)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a, err := s.Read(context.Background(), mustAsk(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	n, err := a.WriteTo(io.Discard)
	high = max(high, heap())
	if err != nil || n < rows*2*30 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if grown := int64(high) - int64(start); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	if each := (after.Mallocs - before.Mallocs) / rows; each > 0 {
		t.Errorf("%d allocations a row", each)
	}
}

func BenchmarkRead(b *testing.B) {
	f := &fakeDatabase{rows: func(q telemetry.RowsQuery, to telemetry.Rows) error {
		_ = to.Begin([]string{"current", "temperature", "voltage"})
		values := []json.RawMessage{json.RawMessage("1.234"), json.RawMessage("null"), json.RawMessage("14.243")}
		for i := range 100_000 {
			if err := to.Row(1451606400000000000+int64(i)*1e9, values); err != nil {
				return err
			}
		}
		return nil
	}}
	s, _ := newTestStore(b, f, fixed)
	var out bytes.Buffer
	for b.Loop() {
		a, err := s.Read(context.Background(), mustAsk(b, ""))
		if err != nil {
			b.Fatal(err)
		}
		out.Reset()
		if _, err := a.WriteTo(&out); err != nil {
			b.Fatal(err)
		}
		_ = a.Close()
	}
}

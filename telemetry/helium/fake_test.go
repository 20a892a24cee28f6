package helium

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// sensor is the device of most tests, and testNow the time of their clock.
const sensor = devices.ID("sensor-1")

var testNow = time.Date(2026, 11, 21, 19, 5, 0, 123456789, time.UTC)

// fakeDatabase keeps the points of the lines that it is given, as InfluxDB does: one value a series, field and time.
// What the contract of Store leaves open, the order of ports of one stored time, it gives backwards.
type fakeDatabase struct {
	mu       sync.Mutex
	points   map[devices.ID]map[fakeKey]map[string]any
	fail     error  // of the next write
	asked    int    // questions about taken slots and ports
	duringIt func() // called in each write
}

type fakeKey struct {
	at  int64
	tag string
}

func newFake() *fakeDatabase {
	return &fakeDatabase{points: map[devices.ID]map[fakeKey]map[string]any{}}
}

// series makes a Timeseries on a database, with a clock that stands still.
func series(db *fakeDatabase) *Timeseries {
	return seriesAt(db, func() time.Time { return testNow })
}

func seriesAt(db *fakeDatabase, clock func() time.Time) *Timeseries {
	return New(Options{Store: db, Clock: clock, Intake: &telemetry.Intake{Writer: db, Tokens: fakeTokens{}, Clock: clock}})
}

// fakeTokens gives each device but one its own id for a token.
type fakeTokens struct{}

func (fakeTokens) WriteToken(_ context.Context, id devices.ID, _ bool) (string, error) {
	if id == "unregistered" {
		return "", devices.ErrNotFound
	}
	return string(id), nil
}

func (db *fakeDatabase) WriteLines(ctx context.Context, token string, lines []byte, _ telemetry.Precision) error {
	return db.write(ctx, token, lines)
}

func (db *fakeDatabase) WriteOwn(ctx context.Context, lines []byte, _ telemetry.Precision) error {
	return db.write(ctx, string(telemetry.OrganizationClient), lines)
}

func (db *fakeDatabase) write(ctx context.Context, owner string, lines []byte) error {
	if db.duringIt != nil {
		db.duringIt()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.fail != nil {
		err := db.fail
		db.fail = nil
		return err
	}
	d := lineprotocol.NewDecoderWithBytes(lines)
	for d.Next() {
		key, client, values, err := decodeLine(d)
		if err != nil {
			return fmt.Errorf("%w: %v", telemetry.ErrMalformed, err)
		}
		if client != owner {
			return errors.New("another's clientId")
		}
		id := devices.ID(client)
		if db.points[id] == nil {
			db.points[id] = map[fakeKey]map[string]any{}
		}
		if db.points[id][key] == nil {
			db.points[id][key] = map[string]any{}
		}
		maps.Copy(db.points[id][key], values)
	}
	return nil
}

func decodeLine(d *lineprotocol.Decoder) (key fakeKey, client string, values map[string]any, err error) {
	name, err := d.Measurement()
	if err != nil || string(name) != Measurement {
		return key, "", nil, fmt.Errorf("measurement %q: %v", name, err)
	}
	for {
		tag, value, err := d.NextTag()
		if err != nil {
			return key, "", nil, err
		}
		switch string(tag) {
		case telemetry.ClientTag:
			client = string(value)
		case PortTag:
			key.tag = string(value)
		}
		if tag == nil {
			break
		}
	}
	values = map[string]any{}
	for {
		field, value, err := d.NextField()
		if err != nil {
			return key, "", nil, err
		}
		if field == nil {
			break
		}
		values[string(field)] = value.Interface()
	}
	at, err := d.Time(lineprotocol.Nanosecond, time.Time{})
	key.at = at.UnixNano()
	return key, client, values, err
}

// put stores points as a second replica could have: their slots are given.
func (db *fakeDatabase) put(owner devices.ID, port string, at int64, value string) {
	line := encode(port, split([]byte(value)), at/1000, at)
	line = []byte(strings.Replace(string(line), Measurement+",", Measurement+",clientId="+string(owner)+",", 1))
	if err := db.write(context.Background(), string(owner), line); err != nil {
		panic(err)
	}
}

// row is a stored point as a Store reads it.
func row(key fakeKey, values map[string]any) Stored {
	s := Stored{At: key.at, Port: UnescapePort(key.tag), Created: time.UnixMicro(values[CreatedField].(int64)).UTC()}
	if text, ok := values[JSONField].(string); ok {
		s.Value = json.RawMessage(text)
	} else if n, ok := values[NumberField].(float64); ok {
		s.Value = strconv.AppendFloat(nil, n, 'g', -1, 64)
	} else if b, ok := values[BooleanField].(bool); ok {
		s.Value = strconv.AppendBool(nil, b)
	} else if text, ok := values[TextField].(string); ok {
		s.Value, _ = json.Marshal(text)
	}
	return s
}

// selected gives the points of a selection, newest first.
func (db *fakeDatabase) selected(s Selection) []Stored {
	db.mu.Lock()
	defer db.mu.Unlock()
	tags := map[string]bool{}
	for _, port := range s.Ports {
		tags[EscapePort(port)] = true
	}
	var rows []Stored
	for key, values := range db.points[s.Owner] {
		switch {
		case len(tags) > 0 && !tags[key.tag]:
		case !s.Start.IsZero() && key.at < s.Start.UnixNano():
		case !s.End.IsZero() && key.at >= s.End.UnixNano():
		default:
			rows = append(rows, row(key, values))
		}
	}
	slices.SortFunc(rows, func(a, b Stored) int {
		return cmp.Or(cmp.Compare(b.At, a.At), strings.Compare(b.Port, a.Port))
	})
	return rows
}

func (db *fakeDatabase) HeliumPoints(_ context.Context, s Selection, upTo int64, limit int) ([]Stored, error) {
	rows := db.selected(s)
	if upTo != 0 {
		rows = slices.DeleteFunc(rows, func(r Stored) bool { return r.At > upTo })
	}
	return rows[:min(limit, len(rows))], nil
}

func (db *fakeDatabase) HeliumNewer(_ context.Context, s Selection, after int64, n int) (int64, string, bool, error) {
	rows := slices.DeleteFunc(db.selected(s), func(r Stored) bool { return r.At <= after })
	if len(rows) == 0 {
		return 0, "", false, nil
	}
	r := rows[max(0, len(rows)-n)]
	return r.At, r.Port, true, nil
}

func (db *fakeDatabase) HeliumTaken(_ context.Context, owner devices.ID, from, to int64) (at int64, found bool, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.asked++
	for key := range db.points[owner] {
		if from <= key.at && key.at < to && (!found || key.at > at) {
			at, found = key.at, true
		}
	}
	return at, found, nil
}

// buckets computes what the database would, newest first and then by port.
func (db *fakeDatabase) buckets(s Selection, size time.Duration) []Bucket {
	db.mu.Lock()
	numbers := map[fakeKey]float64{}
	for key, values := range db.points[s.Owner] {
		if n, ok := values[NumberField].(float64); ok {
			numbers[key] = n
		}
	}
	db.mu.Unlock()
	type place struct {
		start int64
		port  string
	}
	all, counts := map[place]*Bucket{}, map[place]int{}
	for _, r := range db.selected(s) {
		n, ok := numbers[fakeKey{r.At, EscapePort(r.Port)}]
		if !ok {
			continue
		}
		at := place{floor(r.At, int64(size)), r.Port}
		b := all[at]
		if b == nil {
			b = &Bucket{
				Start: time.Unix(0, at.start).UTC(), Port: r.Port, Min: math.Inf(1), Max: math.Inf(-1), NewestAt: r.At, Created: r.Created,
			}
			all[at] = b
		}
		b.Min, b.Max, b.Avg = min(b.Min, n), max(b.Max, n), b.Avg+n
		counts[at]++
	}
	var out []Bucket
	for at, b := range all {
		b.Avg /= float64(counts[at])
		out = append(out, *b)
	}
	slices.SortFunc(out, compareBuckets)
	return out
}

func compareBuckets(a, b Bucket) int {
	return cmp.Or(b.Start.Compare(a.Start), strings.Compare(a.Port, b.Port))
}

func (db *fakeDatabase) HeliumBuckets(_ context.Context, s Selection, size time.Duration, upTo time.Time, limit int) ([]Bucket, error) {
	all := db.buckets(s, size)
	if !upTo.IsZero() {
		all = slices.DeleteFunc(all, func(b Bucket) bool { return b.Start.After(upTo) })
	}
	return all[:min(limit, len(all))], nil
}

func (db *fakeDatabase) HeliumNewerBucket(_ context.Context, s Selection, size time.Duration, after Bucket, n int) (Bucket, bool, error) {
	all := slices.DeleteFunc(db.buckets(s, size), func(b Bucket) bool { return compareBuckets(b, after) >= 0 })
	if len(all) == 0 {
		return Bucket{}, false, nil
	}
	return all[max(0, len(all)-n)], true, nil
}

func (db *fakeDatabase) HeliumPorts(_ context.Context, owner devices.ID) ([]string, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.asked++
	names := map[string]bool{}
	for key := range db.points[owner] {
		names[UnescapePort(key.tag)] = true
	}
	return slices.Sorted(maps.Keys(names)), nil
}

func (db *fakeDatabase) AllHeliumPorts(context.Context) (map[devices.ID][]string, error) {
	return nil, nil
}

// post writes a point that has to be accepted. An empty timestamp is now.
func post(t testing.TB, ts *Timeseries, owner devices.ID, port, value, timestamp string) Point {
	t.Helper()
	p, err := ts.Post(t.Context(), owner, NewPoint{Port: port, Value: json.RawMessage(value), Timestamp: moment(t, timestamp)})
	if err != nil {
		t.Fatalf("%s %s %s: %v", port, value, timestamp, err)
	}
	return p
}

// moment is the time of a text; "" is the zero time.
func moment(t testing.TB, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	at, problem := parseTimestamp(text)
	if problem != "" {
		t.Fatalf("%s %s", text, problem)
	}
	return at
}

// read answers a query that has to be in order.
func read(t testing.TB, ts *Timeseries, q Query) Page {
	t.Helper()
	page, err := ts.Read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// wantParameter asserts that an error is a *ParameterError of a parameter, with these words in it.
func wantParameter(t testing.TB, err error, parameter, words string) {
	t.Helper()
	var bad *ParameterError
	if !errors.As(err, &bad) || bad.Parameter != parameter || !strings.Contains(bad.Problem, words) {
		t.Errorf("%v, want an error of %q with %q", err, parameter, words)
	}
}

// fixedRows gives the same points each time. What it gave is the caller's own.
type fixedRows struct {
	*fakeDatabase
	rows []Stored
}

func (f fixedRows) HeliumPoints(context.Context, Selection, int64, int) ([]Stored, error) {
	return slices.Clone(f.rows), nil
}

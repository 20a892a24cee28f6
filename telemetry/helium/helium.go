// Package helium is the Helium-style time series dialect: data points of any JSON value on named ports, with stable ids,
// exact paging, aggregation and live streams. It decides what is asked and how points lie in InfluxDB, and calls the one
// write path (telemetry.Intake) and its store; HTTP and the database are left to others. The behaviour is that of
// docs/helium-api.md.
package helium

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// How points lie in InfluxDB: one measurement with the tags clientId and port, a field for each kind of JSON value, and
// the time of their making. A stored time is the point's time in microseconds and, below that, a slot that tells points
// of one sensor and microsecond apart, in the order in which they were made.
const (
	Measurement  = "helium"
	PortTag      = "port"   // escaped, see EscapePort
	NumberField  = "number" // float
	BooleanField = "boolean"
	TextField    = "string"
	JSONField    = "json"    // anything else as JSON text; also beside number, where a float cannot hold the number exactly
	CreatedField = "created" // integer, Unix microseconds
	AtField      = "at"      // integer, the stored time once more; of points with a number
)

// Bounds of the dialect.
const (
	DefaultPage     = 1000
	MaxPage         = 10_000
	Slots           = 1000                       // points of one sensor in one microsecond
	MaxPort         = 128                        // bytes of a port's name
	MaxPorts        = 1000                       // of one sensor
	MaxValue        = 64 << 10                   // bytes of a value as JSON
	MaxPageBytes    = 2 * DefaultPage * MaxValue // bytes of the values that are read for a page; one of the default size can always be read
	EventPort       = "_e"                       // Helium network events
	SensorEventPort = "_se"                      // sensor events
)

// Errors of this dialect.
var (
	// ErrNoSuchPoint: page[id] names no point of this time series.
	ErrNoSuchPoint = errors.New("no such data point")
	// ErrTooLarge: the values of the points are more than MaxPageBytes together; fewer points can be read.
	ErrTooLarge = errors.New("the values of these points are too large for one page")
	// ErrFull: all slots of a microsecond are taken; a later time can be written.
	ErrFull = errors.New("too many points of one sensor at one time")
)

// ParameterError says what of a request can never succeed.
type ParameterError struct {
	Parameter string // filter[start], page[size], data.attributes.port, …; may be ""
	Problem   string // a sentence's end: "filter[start] is no time …"
}

func (e *ParameterError) Error() string {
	if e.Parameter == "" {
		return e.Problem
	}
	return e.Parameter + " " + e.Problem
}

// Point is a data point. Times are UTC in microseconds.
type Point struct {
	ID        uuid.UUID
	Owner     devices.ID // a device, or telemetry.OrganizationClient
	Port      string
	Value     json.RawMessage
	Timestamp time.Time
	Created   time.Time
}

// Stored is a point as it lies in InfluxDB.
type Stored struct {
	At      int64  // Unix nanoseconds, slot included
	Port    string // unescaped
	Value   json.RawMessage
	Created time.Time
}

// Selection is the points of one owner that a request is about.
type Selection struct {
	Owner      devices.ID
	Ports      []string  // unescaped; nil: all
	Start, End time.Time // from Start to before End; zero: unbounded
}

// Bucket is what the database computed of the numbers of one port in one bucket of time.
type Bucket struct {
	Start         time.Time
	Port          string // unescaped
	Min, Max, Avg float64
	NewestAt      int64 // stored time of the newest number
	Created       time.Time
}

// Store reads the points of time series. Errors wrap telemetry.ErrUnavailable.
type Store interface {
	// HeliumPoints gives at most limit points, newest first, of a stored time up to and including upTo (0: no bound).
	// Its error is ErrTooLarge where their values are more than MaxPageBytes together.
	HeliumPoints(ctx context.Context, s Selection, upTo int64, limit int) ([]Stored, error)
	// HeliumNewer gives stored time and port of the n-th point after a stored time, counted from 1, or of the newest one
	// if there are fewer; found is false if there is none.
	HeliumNewer(ctx context.Context, s Selection, after int64, n int) (at int64, port string, found bool, err error)
	// HeliumTaken gives the largest stored time of the owner within from to before to, on any port; found is false
	// if there is none.
	HeliumTaken(ctx context.Context, owner devices.ID, from, to int64) (at int64, found bool, err error)
	// HeliumBuckets gives at most limit buckets with numbers, newest first and then by port, with a start up to and
	// including upTo (zero: no bound).
	HeliumBuckets(ctx context.Context, s Selection, size time.Duration, upTo time.Time, limit int) ([]Bucket, error)
	// HeliumNewerBucket gives the n-th bucket after those that start at a time and the given port or later ports, in
	// ascending order, or the newest one if there are fewer.
	HeliumNewerBucket(ctx context.Context, s Selection, size time.Duration, after Bucket, n int) (b Bucket, found bool, err error)
	// HeliumPorts gives the names of an owner's ports, sorted; AllHeliumPorts those of all owners.
	HeliumPorts(ctx context.Context, owner devices.ID) ([]string, error)
	AllHeliumPorts(ctx context.Context) (map[devices.ID][]string, error)
}

// Timeseries reads and writes time series and tells live streams of what is written. Make one with New; it is safe for
// concurrent use.
type Timeseries struct {
	store  Store
	intake *telemetry.Intake
	clock  func() time.Time
	lane   int64 // see slots.go
	lines  [stripes]*stripe
	ports  knownPorts
	live   streams
}

// Options is what Timeseries works with.
type Options struct {
	Store  Store
	Intake *telemetry.Intake
	Clock  func() time.Time // optional: time.Now
}

// New makes a Timeseries.
func New(o Options) *Timeseries {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	t := &Timeseries{store: o.Store, intake: o.Intake, clock: o.Clock, lane: rand.Int64N(lanes)}
	for i := range t.lines {
		t.lines[i] = &stripe{turn: make(chan struct{}, 1)}
	}
	t.live.open = map[devices.ID]map[*Live]struct{}{}
	return t
}

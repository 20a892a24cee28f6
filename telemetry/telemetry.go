// Package telemetry is points in and out: line protocol and its fence around a
// device, series and their windows, the catalogue of known fields. Its
// functions are pure; the interfaces to a database stand here and package
// influx fills them.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"iotcenter/devices"
)

// Environment is the measurement that devices of this app write.
const Environment = "environment"

// ClientTag is the tag that every point carries: the id of the device that wrote it.
const ClientTag = "clientId"

// Errors of this room; adapters translate theirs into these.
var (
	// ErrUnavailable: the database cannot be reached, is busy, or is not set up yet; trying again later can succeed.
	ErrUnavailable = devices.ErrUnavailable
	// ErrTooSlow: a query did not end in its time; a smaller one can. It is an ErrUnavailable.
	ErrTooSlow = fmt.Errorf("the query took too long: %w", ErrUnavailable)
	// ErrMalformed: a body that can never be written; its text names the line.
	ErrMalformed = errors.New("malformed line protocol")
	// ErrForeignTag: a point names another device in clientId or product_imei.
	ErrForeignTag = errors.New("tag names another device")
	// ErrRejected: the database refuses the points for good (type conflict, beyond retention).
	ErrRejected = errors.New("rejected by the database")
	// ErrUnauthorized: the token is no active device's.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrBadQuery: a series query that makes no sense; its text says which parameter.
	ErrBadQuery = errors.New("bad query")
	// ErrBucketNotFound and ErrBucketExists: as they say; ErrBucketInUse: the app's own bucket cannot be removed.
	ErrBucketNotFound = errors.New("bucket not found")
	ErrBucketExists   = errors.New("bucket exists already")
	ErrInvalidBucket  = errors.New("invalid bucket")
)

// Writer writes line protocol to the data bucket with the device's own token. After nil the points are durable.
// Errors wrap ErrUnavailable, ErrMalformed, ErrRejected or ErrUnauthorized; *WriteError carries the database's words.
type Writer interface {
	WriteLines(ctx context.Context, token string, lines []byte, precision Precision) error
	// WriteOwn is WriteLines with the app's own token, for points that no device owns.
	WriteOwn(ctx context.Context, lines []byte, precision Precision) error
}

// WriteError is what the database answered to a write.
type WriteError struct {
	Status     int           // HTTP status of the database; 0 if it did not answer
	Code       string        // InfluxDB's error code, such as "unprocessable entity"
	Message    string        // its message
	RetryAfter time.Duration // its Retry-After; 0 if none
	Kind       error         // one of the errors above
}

func (e *WriteError) Error() string { return e.Message }

// Unwrap gives the error's kind.
func (e *WriteError) Unwrap() error { return e.Kind }

// Precision is the unit of a line's time stamp: "ns" (default), "us", "ms", "s".
type Precision string

// SeriesQuery asks for numeric series of one device.
type SeriesQuery struct {
	Device      devices.ID
	Measurement string   // "" means Environment
	Fields      []string // empty means all numeric fields
	Start, Stop time.Time
	Points      int // pixels of the plot; the answer has at most two points a pixel for each field
}

// Series is one field over time. Times are ascending window starts (or the points' own times when Raw); the value
// slices run parallel to it. A missing window has no entry: a gap is a distance of more than three windows.
type Series struct {
	Field Field
	Times []time.Time
	Mean  []float64
	Min   []float64
	Max   []float64
}

// Explained is one query that was run for an answer.
type Explained struct {
	Title    string // what it is for
	Language string // "flux" or "influxql"
	Text     string // exactly as sent
	Rows     int
	Elapsed  time.Duration
}

// SeriesAnswer is the result of a SeriesQuery.
type SeriesAnswer struct {
	Start, Stop time.Time
	Every       time.Duration // width of a window; 0 when Raw
	Raw         bool          // points as stored: there are no more of them than the plot can show
	Series      []Series      // known fields in catalogue order, then the others by name
	Queries     []Explained
}

// LastValue is the newest value of a field.
type LastValue struct {
	Field  Field
	Time   time.Time
	Value  float64
	Sensor string // from the <Field>Sensor tag; "" if there is none
}

// FieldStats is one row of a device's measurement table.
type FieldStats struct {
	Field    Field
	Min, Max float64
	Last     float64
	LastTime time.Time
	Count    int64
	Sensor   string
}

// Position is one point of a track, in degrees (WGS 84).
type Position struct {
	Time     time.Time
	Lat, Lon float64
}

// Track is where a device was; aggregated to at most MaxPositions.
type Track struct {
	Positions []Position
	Queries   []Explained
}

// Reader reads a device's data from the data bucket. Each method runs a fixed number of queries.
type Reader interface {
	// Series answers with the fields' windows; see SeriesAnswer. Fields without data in the range are left out.
	Series(ctx context.Context, q SeriesQuery) (SeriesAnswer, error)
	// Last gives the newest value of every numeric field of the device's measurement since a time.
	Last(ctx context.Context, id devices.ID, measurement string, since time.Time) ([]LastValue, Explained, error)
	// Stats gives min, max, last and count of every numeric field from since to until.
	Stats(ctx context.Context, id devices.ID, measurement string, since, until time.Time) ([]FieldStats, error)
	// Track gives Lat and Lon over a range, thinned to at most max positions.
	Track(ctx context.Context, id devices.ID, measurement string, start, stop time.Time, max int) (Track, error)
	// Measurements names the measurements in which the device has points.
	Measurements(ctx context.Context, id devices.ID) ([]string, error)
	// LastEntry is the time of the device's newest point in the measurement, the zero time if there is none since then.
	LastEntry(ctx context.Context, id devices.ID, measurement string, since time.Time) (time.Time, error)
}

// Bucket is a bucket of the organisation.
type Bucket struct {
	ID        string
	Name      string
	Retention time.Duration // 0 keeps data forever
	System    bool          // InfluxDB's own
	Registry  bool          // holds the app's registrations, and keeps everything
	CreatedAt time.Time
	Bytes     int64 // disk use; -1 where the database does not tell
}

// BucketStore manages buckets. Errors: ErrBucketNotFound, ErrBucketExists, ErrInvalidBucket, ErrUnavailable.
type BucketStore interface {
	Buckets(ctx context.Context) ([]Bucket, error)
	CreateBucket(ctx context.Context, name string, retention time.Duration) (Bucket, error)
	SetRetention(ctx context.Context, id string, retention time.Duration) (Bucket, error)
}

// DatabaseStatus is what a page says about the database.
type DatabaseStatus struct {
	Ready    bool
	Problem  string        // a sentence without secrets; "" when ready
	Latency  time.Duration // of the last successful check
	LastOK   time.Time     // zero if there was none yet
	NextTry  time.Time     // of the next check while not ready
	Embedded bool
	URL      string // the database's address; "" when embedded
	Org      string
	Bucket   string // the data bucket
	// Retention is how long the data bucket keeps points, as the last check found it; 0 is for ever.
	Retention time.Duration
	Version   string // of the database, as /health tells it
}

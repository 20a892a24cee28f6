package influx

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"iotcenter/devices"
)

// The auth bucket holds each record twice, written in one batch. `deviceauth` is the record of a device, one series
// for each device, so that a lookup by id reads one series. `deviceauth_log` is the same without the sealed token in
// one series for each process that writes, so that "what changed since" reads a handful of series however many
// devices there are: InfluxDB visits every series of a measurement to answer that.
const (
	recordMeasurement = "deviceauth"
	logMeasurement    = "deviceauth_log"
	deviceTag         = "deviceId"
	writerTag         = "writer"
)

// logTime makes the times of log points unique within this process; the writer tag keeps processes apart. Without it
// two records of one nanosecond would be one point.
type logTime struct {
	mu     sync.Mutex
	writer string
	last   int64
}

// next gives this process' name and a time not before t that no other log point of the process has.
func (l *logTime) next(t time.Time) (writer string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writer == "" {
		l.writer = rand.Text()[:8]
	}
	l.last = max(clamp(t).UnixNano(), l.last+1)
	return l.writer, time.Unix(0, l.last)
}

// PutRecord writes one record; after it returns, reads on every replica see it.
func (db *DB) PutRecord(ctx context.Context, r devices.Record) error {
	lines := db.recordLines(r)
	return db.op(ctx, "record_put", db.timing.request, func(ctx context.Context) error { return db.writeAuth(ctx, lines) })
}

func (db *DB) recordLines(r devices.Record) string {
	created := r.CreatedAt.UTC().Format(time.RFC3339Nano)
	life := lifeField(r)
	record := point{
		measurement: recordMeasurement,
		tags:        []tag{{deviceTag, string(r.ID)}},
		fields:      append([]field{{"createdAt", created}, {"key", r.Key}, {"token", r.Sealed}, {"tokenHash", r.TokenHash}}, life...),
		time:        r.Stamp,
	}
	writer, at := db.logTime.next(r.Stamp)
	entry := point{
		measurement: logMeasurement,
		tags:        []tag{{writerTag, writer}},
		fields: append([]field{{deviceTag, string(r.ID)}, {"createdAt", created}, {"key", r.Key}, {"tokenHash", r.TokenHash},
			{"stamp", clamp(r.Stamp).UnixNano()}}, life...),
		time: at,
	}
	return record.line() + entry.line()
}

// tokenLife is what a record says beyond its token. It is one field, in JSON: InfluxDB reads each field of each device
// on its own, and most devices have little to say here; those of former versions have nothing.
type tokenLife struct {
	TokenAt    int64  `json:"tokenAt,omitempty"` // Unix nanoseconds, as the other times
	PrevKey    string `json:"prevKey,omitempty"`
	PrevHash   string `json:"prevHash,omitempty"`
	PrevUntil  int64  `json:"prevUntil,omitempty"`
	Leftover   string `json:"leftover,omitempty"`
	Suspended  bool   `json:"suspended,omitempty"`
	EnrolledBy string `json:"enrolledBy,omitempty"`
}

// lifeField is a record's tokenLife, if there is any.
func lifeField(r devices.Record) []field {
	life := tokenLife{
		TokenAt: unixNano(r.TokenAt), PrevKey: r.PrevKey, PrevHash: r.PrevHash, PrevUntil: unixNano(r.PrevUntil),
		Leftover: r.Leftover, Suspended: r.Suspended, EnrolledBy: r.EnrolledBy,
	}
	if life == (tokenLife{}) {
		return nil
	}
	text, err := json.Marshal(life)
	if err != nil {
		panic("a record is no JSON: " + err.Error()) // it has texts and numbers only
	}
	return []field{{"life", string(text)}}
}

// readLife takes in what lifeField wrote. A text that is none says nothing.
func readLife(r *devices.Record, text string) {
	var life tokenLife
	if text != "" && json.Unmarshal([]byte(text), &life) != nil {
		life = tokenLife{}
	}
	r.TokenAt, r.PrevUntil = nanoTime(life.TokenAt), nanoTime(life.PrevUntil)
	r.PrevKey, r.PrevHash, r.Leftover = life.PrevKey, life.PrevHash, life.Leftover
	r.Suspended, r.EnrolledBy = life.Suspended, life.EnrolledBy
	if r.TokenAt.IsZero() && r.Registered() {
		r.TokenAt = r.Stamp
	}
}

// unixNano and nanoTime are a time that may be missing as a number, and back.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return clamp(t).UnixNano()
}

func nanoTime(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// RecordsSince calls fn with every record stamped at or after since, oldest first, without their sealed tokens. From
// the beginning it reads the records themselves, else the log of changes. It streams; fn's error stops it.
func (db *DB) RecordsSince(ctx context.Context, since time.Time, fn func(devices.Record) error) error {
	text, stamp := recordsAllQuery(), "time"
	if !since.IsZero() {
		text, stamp = recordsSinceQuery(since), "stamp"
	}
	return db.each(ctx, "records_since", text, func(s *qlSeries, row []json.RawMessage) error {
		r, ok := recordOf(s, row, stamp)
		if !ok || r.Stamp.Before(since) {
			return nil
		}
		return fn(r)
	})
}

// Record reads the newest record of exactly this id, sealed token included.
func (db *DB) Record(ctx context.Context, id devices.ID) (devices.Record, error) {
	var out devices.Record
	found := false
	err := db.op(ctx, "record", db.timing.request, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.AuthBucket, recordQuery(id), false, func(s *qlSeries, row []json.RawMessage) error {
			out, found = recordOf(s, row, "time")
			out.Sealed = qlString(row, s.column("token"))
			return nil
		})
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: %s", devices.ErrNotFound, id)
	}
	return out, err
}

// recordOf reads a row. A row whose id is none, which this app never writes, is passed over.
func recordOf(s *qlSeries, row []json.RawMessage, stamp string) (devices.Record, bool) {
	id, err := devices.ParseID(qlString(row, s.column(deviceTag)))
	if err != nil {
		return devices.Record{}, false
	}
	r := devices.Record{
		ID: id, Stamp: qlTime(row, s.column(stamp)),
		Key: qlString(row, s.column("key")), TokenHash: qlString(row, s.column("tokenHash")),
	}
	created, err := time.Parse(time.RFC3339Nano, qlString(row, s.column("createdAt")))
	if err != nil {
		created = r.Stamp
	}
	r.CreatedAt = created.UTC()
	readLife(&r, qlString(row, s.column("life")))
	return r, true
}

func recordsAllQuery() string {
	return "SELECT " + idents("createdAt", deviceTag, "key", "tokenHash", "life") + " FROM " + influxqlIdent(recordMeasurement)
}

func recordsSinceQuery(since time.Time) string {
	return "SELECT " + idents("createdAt", deviceTag, "key", "tokenHash", "stamp", "life") + " FROM " + influxqlIdent(logMeasurement) +
		" WHERE time >= " + influxqlTime(since)
}

func recordQuery(id devices.ID) string {
	return "SELECT " + idents("createdAt", deviceTag, "key", "token", "tokenHash", "life") + " FROM " + influxqlIdent(recordMeasurement) +
		" WHERE " + influxqlIdent(deviceTag) + " = " + influxqlString(string(id)) + " ORDER BY time DESC LIMIT 1"
}

// idents is a list of InfluxQL identifiers.
func idents(names ...string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = influxqlIdent(n)
	}
	return strings.Join(quoted, ", ")
}

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
	record := point{
		measurement: recordMeasurement,
		tags:        []tag{{deviceTag, string(r.ID)}},
		fields:      []field{{"createdAt", created}, {"key", r.Key}, {"token", r.Sealed}, {"tokenHash", r.TokenHash}},
		time:        r.Stamp,
	}
	writer, at := db.logTime.next(r.Stamp)
	entry := point{
		measurement: logMeasurement,
		tags:        []tag{{writerTag, writer}},
		fields: []field{{deviceTag, string(r.ID)}, {"createdAt", created}, {"key", r.Key}, {"tokenHash", r.TokenHash},
			{"stamp", clamp(r.Stamp).UnixNano()}},
		time: at,
	}
	return record.line() + entry.line()
}

// RecordsSince calls fn with every record stamped at or after since, oldest first, without their sealed tokens. From
// the beginning it reads the records themselves, else the log of changes. It streams; fn's error stops it.
func (db *DB) RecordsSince(ctx context.Context, since time.Time, fn func(devices.Record) error) error {
	text, stamp := recordsAllQuery(), "time"
	if !since.IsZero() {
		text, stamp = recordsSinceQuery(since), "stamp"
	}
	var stopped error // fn's own error is not the database's, and is given back as it is
	err := db.op(ctx, "records_since", db.timing.query, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.AuthBucket, text, true, func(s *qlSeries, row []json.RawMessage) error {
			r, ok := recordOf(s, row, stamp)
			if !ok || r.Stamp.Before(since) {
				return nil
			}
			stopped = fn(r)
			return stopped
		})
		if stopped != nil {
			return nil
		}
		return err
	})
	if stopped != nil {
		return stopped
	}
	return err
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
	return r, true
}

func recordsAllQuery() string {
	return "SELECT " + idents("createdAt", deviceTag, "key", "tokenHash") + " FROM " + influxqlIdent(recordMeasurement)
}

func recordsSinceQuery(since time.Time) string {
	return "SELECT " + idents("createdAt", deviceTag, "key", "tokenHash", "stamp") + " FROM " + influxqlIdent(logMeasurement) +
		" WHERE time >= " + influxqlTime(since)
}

func recordQuery(id devices.ID) string {
	return "SELECT " + idents("createdAt", deviceTag, "key", "token", "tokenHash") + " FROM " + influxqlIdent(recordMeasurement) +
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

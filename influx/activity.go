package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/domain"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// everyMeasurement is an InfluxQL source: a device writes into any measurement it likes.
const everyMeasurement = "/.+/"

// idsAtOnce bounds the conditions of a query; the rows of any page fit in one.
const idsAtOnce = 150

// LastEntries gives the time of the newest point of each of ids that has one.
func (db *DB) LastEntries(ctx context.Context, ids []devices.ID) (map[devices.ID]time.Time, error) {
	out := make(map[devices.ID]time.Time, len(ids))
	for some := range slices.Chunk(ids, idsAtOnce) {
		found, err := db.newest(ctx, "last_entries", newestQuery(anyOf(some), 0), len(some))
		if err != nil {
			return nil, err
		}
		maps.Copy(out, found)
	}
	return out, nil
}

// SeenSince gives the last entry of every device that wrote at or after since; at most limit devices.
func (db *DB) SeenSince(ctx context.Context, since time.Time, limit int) (map[devices.ID]time.Time, error) {
	if limit <= 0 {
		return map[devices.ID]time.Time{}, nil
	}
	return db.newest(ctx, "seen_since", newestQuery("time >= "+influxqlTime(since), limit), limit)
}

// newest reads rows whose time column is the newest of a device in a measurement.
func (db *DB) newest(ctx context.Context, op, text string, limit int) (map[devices.ID]time.Time, error) {
	out := map[devices.ID]time.Time{}
	err := db.op(ctx, op, db.timing.query, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.Bucket, text, false, func(s *qlSeries, row []json.RawMessage) error {
			id, err := devices.ParseID(s.Tags[telemetry.ClientTag])
			if err != nil {
				return nil // written past the gateway, by nobody that is registered
			}
			t := qlTime(row, s.column("time"))
			if before, ok := out[id]; (ok || len(out) < limit) && t.After(before) {
				out[id] = t
			}
			return nil
		})
		return err
	})
	return out, err
}

// EverSeen gives the ids of all devices that have any point; at most limit. The index alone answers it.
func (db *DB) EverSeen(ctx context.Context, limit int) (map[devices.ID]struct{}, error) {
	out := map[devices.ID]struct{}{}
	if limit <= 0 {
		return out, nil
	}
	err := db.op(ctx, "ever_seen", db.timing.query, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.Bucket, everSeenQuery(limit), false, func(s *qlSeries, row []json.RawMessage) error {
			id, err := devices.ParseID(qlString(row, s.column("value")))
			if err == nil && len(out) < limit {
				out[id] = struct{}{}
			}
			return nil
		})
		return err
	})
	return out, err
}

// HourlyCounts gives the points of each of ids in each of the 24 hours that end with now; the last is the current one.
// InfluxQL counts the values of a field, not points: a device's points are taken to be the values of the field that it
// wrote most often in that hour, summed over its measurements.
func (db *DB) HourlyCounts(ctx context.Context, ids []devices.ID, now time.Time) (map[devices.ID][devices.Hours]int, error) {
	out := make(map[devices.ID][devices.Hours]int, len(ids))
	start := now.UTC().Truncate(time.Hour).Add(-(devices.Hours - 1) * time.Hour)
	for some := range slices.Chunk(ids, idsAtOnce) {
		text := hourlyQuery(start, start.Add(devices.Hours*time.Hour), some)
		err := db.op(ctx, "hourly_counts", db.timing.query, func(ctx context.Context) error {
			_, err := db.influxql(ctx, db.cfg.Bucket, text, false, func(s *qlSeries, row []json.RawMessage) error {
				id, err := devices.ParseID(s.Tags[telemetry.ClientTag])
				i := int(qlTime(row, 0).Sub(start) / time.Hour)
				if err == nil && i >= 0 && i < devices.Hours {
					hours := out[id]
					hours[i] += largest(row)
					out[id] = hours
				}
				return nil
			})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// countedFields is how many fields MinuteCounts looks at: known ones first.
const countedFields = 16

// MinuteCounts gives the number of points of all devices together in each whole minute from start (inclusive, aligned)
// to stop (exclusive), oldest first. For the number of points in a measurement it takes the field written most often,
// as HourlyCounts does. It asks twice: for the fields' names, then for their counts.
func (db *DB) MinuteCounts(ctx context.Context, start, stop time.Time) ([]int, error) {
	start = start.UTC().Truncate(time.Minute)
	out := make([]int, max(0, int((stop.Sub(start)+time.Minute-1)/time.Minute)))
	if len(out) == 0 {
		return out, nil
	}
	err := db.op(ctx, "minute_counts", db.timing.query, func(ctx context.Context) error {
		fields, err := db.fieldNames(ctx)
		if err != nil || len(fields) == 0 {
			return err
		}
		counts := map[string][]int{} // by measurement
		_, err = db.influxql(ctx, db.cfg.Bucket, minutesQuery(start, stop, fields), false, func(s *qlSeries, row []json.RawMessage) error {
			if counts[s.Name] == nil {
				counts[s.Name] = make([]int, len(out))
			}
			if i := int(qlTime(row, 0).Sub(start) / time.Minute); i >= 0 && i < len(out) {
				counts[s.Name][i] = max(counts[s.Name][i], largest(row))
			}
			return nil
		})
		for _, minutes := range counts {
			for i, n := range minutes {
				out[i] += n
			}
		}
		return err
	})
	return out, err
}

// fieldNames gives the names of fields in any measurement, the catalogue's first; at most countedFields.
func (db *DB) fieldNames(ctx context.Context) ([]string, error) {
	seen := map[string]bool{}
	_, err := db.influxql(ctx, db.cfg.Bucket, "SHOW FIELD KEYS FROM "+everyMeasurement, false, func(s *qlSeries, row []json.RawMessage) error {
		seen[qlString(row, s.column("fieldKey"))] = true
		return nil
	})
	var out []string
	for _, f := range arrange(telemetry.Environment, seen) {
		if f.Name != "" && len(out) < countedFields {
			out = append(out, f.Name)
		}
	}
	return out, err
}

// largest is the largest of a row's counts.
func largest(row []json.RawMessage) int {
	n := int64(0)
	for i := 1; i < len(row); i++ {
		n = max(n, qlInt(row, i))
	}
	return int(n)
}

// DeleteData removes every point of the device from the data bucket.
func (db *DB) DeleteData(ctx context.Context, id devices.ID) error {
	return db.op(ctx, "delete_data", db.timing.query, func(ctx context.Context) error {
		predicate := telemetry.ClientTag + "=" + predicateString(string(id))
		in := domain.DeletePredicateRequest{Predicate: &predicate, Start: minTime, Stop: maxTime}
		return db.call(ctx, http.MethodPost, "api/v2/delete", url.Values{"org": {db.cfg.Org}, "bucket": {db.cfg.Bucket}}, in, nil)
	})
}

// newestQuery asks for the newest row of each device in each measurement, whatever its fields. Read backwards with a
// limit, each series gives up its last block only.
func newestQuery(condition string, limit int) string {
	text := "SELECT *::field FROM " + everyMeasurement + " WHERE " + condition + " GROUP BY " + influxqlIdent(telemetry.ClientTag) +
		" ORDER BY time DESC LIMIT 1"
	if limit > 0 {
		text += fmt.Sprintf(" SLIMIT %d", limit)
	}
	return text
}

func everSeenQuery(limit int) string {
	return fmt.Sprintf("SHOW TAG VALUES FROM %s WITH KEY = %s LIMIT %d", everyMeasurement, influxqlIdent(telemetry.ClientTag), limit)
}

// hourlyQuery counts the values of each field of each device in each hour.
func hourlyQuery(start, stop time.Time, ids []devices.ID) string {
	return "SELECT count(*::field) FROM " + everyMeasurement + " WHERE " + within(start, stop) + " AND " + anyOf(ids) +
		" GROUP BY time(1h), " + influxqlIdent(telemetry.ClientTag) + " fill(none)"
}

// minutesQuery has a statement for each field that counts its values in each minute. Over very many series a count of
// a subquery takes a fifth of the time of a plain one: its windows are made once, not for every series.
func minutesQuery(start, stop time.Time, fields []string) string {
	statements := make([]string, len(fields))
	for i, f := range fields {
		name, when := influxqlIdent(f), within(start, stop)
		statements[i] = "SELECT count(" + name + ") FROM (SELECT " + name + " FROM " + everyMeasurement + " WHERE " + when + ") WHERE " + when +
			" GROUP BY time(1m) fill(none)"
	}
	return strings.Join(statements, "; ")
}

// within is an InfluxQL condition: from start to stop, which is excluded.
func within(start, stop time.Time) string {
	return "time >= " + influxqlTime(start) + " AND time < " + influxqlTime(stop)
}

// anyOf is an InfluxQL condition: the device is one of ids.
func anyOf(ids []devices.ID) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = influxqlIdent(telemetry.ClientTag) + " = " + influxqlString(string(id))
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

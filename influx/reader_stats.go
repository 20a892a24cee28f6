package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// futureLimit is how far ahead of the clock a point may be: what the gateway lets through is not hidden.
const futureLimit = 24 * time.Hour

// Last gives the newest value of every numeric field of the device's measurement since a time.
func (db *DB) Last(ctx context.Context, id devices.ID, measurement string, since time.Time) ([]telemetry.LastValue, telemetry.Explained, error) {
	sel := selection{bucket: db.cfg.Bucket, measurement: orEnvironment(measurement), device: string(id), start: since, stop: db.now().Add(futureLimit)}
	explained := telemetry.Explained{Title: "Gauges: the newest values", Language: "flux", Text: lastFlux(sel)}
	newest := map[string]telemetry.LastValue{}
	err := db.op(ctx, "last", db.timing.query, func(ctx context.Context) (err error) {
		start := time.Now()
		explained.Rows, err = db.flux(ctx, explained.Text, func(r *fluxRecord) error {
			v, ok := r.number("_value")
			if !ok {
				return nil
			}
			t, err := r.time("_time")
			if err != nil {
				return err
			}
			name := sel.name(r)
			if before, ok := newest[name]; ok && !t.After(before.Time) {
				return nil // of another series of the field
			}
			newest[name] = telemetry.LastValue{Time: t, Value: v, Sensor: sel.sensor(r, name)}
			return nil
		})
		explained.Elapsed = time.Since(start)
		return err
	})
	if err != nil {
		return nil, explained, err
	}
	out := make([]telemetry.LastValue, 0, len(newest))
	for _, f := range arrange(sel.measurement, newest) {
		v := newest[f.Name]
		v.Field = f
		out = append(out, v)
	}
	return out, explained, nil
}

// sensor is the sensor that a row's tags name for a field. Ports have none.
func (s selection) sensor(r *fluxRecord, name string) string {
	if tag := telemetry.LookupIn(s.measurement, name).Sensor; tag != "" && !s.ports() {
		return r.text(tag)
	}
	return ""
}

// arrange puts the fields of a map by name in the order of the measurement's catalogue.
func arrange[V any](measurement string, byName map[string]V) []telemetry.Field {
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	return telemetry.ArrangeIn(measurement, names)
}

func orEnvironment(measurement string) string {
	if measurement == "" {
		return telemetry.Environment
	}
	return measurement
}

// Stats gives min, max, last and count of every numeric field from since to until. It runs two queries: the first
// tells which fields the device has, the second reads the range once.
func (db *DB) Stats(ctx context.Context, id devices.ID, measurement string, since, until time.Time) ([]telemetry.FieldStats, error) {
	sel := selection{bucket: db.cfg.Bucket, measurement: orEnvironment(measurement), device: string(id), start: since, stop: until}
	byName := map[string]telemetry.FieldStats{}
	err := db.op(ctx, "stats", db.timing.query, func(ctx context.Context) error {
		if sel.ports() {
			return db.readPortStats(ctx, sel, byName)
		}
		var names []string
		_, err := db.influxql(ctx, sel.bucket, fieldsQuery(sel), false, func(s *qlSeries, row []json.RawMessage) error {
			names = sel.numeric(s, row)
			return nil
		})
		if err != nil {
			return err
		}
		names = sorted(names)
		fields := telemetry.ArrangeIn(sel.measurement, names[:min(len(names), maxFields)])
		for some := range slices.Chunk(fields, fieldsAtOnce) {
			if err := db.readStats(ctx, sel, some, byName); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]telemetry.FieldStats, 0, len(byName))
	for _, f := range arrange(sel.measurement, byName) {
		st := byName[f.Name]
		st.Field = f
		out = append(out, st)
	}
	return out, nil
}

// fieldsAtOnce bounds the text of a query; the fields of any ordinary device fit in one.
const fieldsAtOnce = 40

// readStats runs one statsQuery.
func (db *DB) readStats(ctx context.Context, sel selection, fields []telemetry.Field, into map[string]telemetry.FieldStats) error {
	_, err := db.influxql(ctx, sel.bucket, statsQuery(sel, fields), false, func(s *qlSeries, row []json.RawMessage) error {
		if s.Statement == 0 {
			for i, f := range fields {
				lo, okLo := qlFloat(row, 1+3*i)
				hi, okHi := qlFloat(row, 2+3*i)
				if count := qlInt(row, 3+3*i); count > 0 && okLo && okHi {
					into[f.Name] = telemetry.FieldStats{Min: lo, Max: hi, Count: count}
				}
			}
			return nil
		}
		name := fields[s.Statement-1].Name
		if st, ok := into[name]; ok {
			st.LastTime = qlTime(row, 0)
			st.Last, _ = qlFloat(row, 1)
			st.Sensor = qlString(row, 2)
			into[name] = st
		}
		return nil
	})
	return err
}

// readPortStats runs the query of both statements that tell everything of every port.
func (db *DB) readPortStats(ctx context.Context, sel selection, into map[string]telemetry.FieldStats) error {
	_, err := db.influxql(ctx, sel.bucket, portStatsQuery(sel), false, func(s *qlSeries, row []json.RawMessage) error {
		name := helium.UnescapePort(s.Tags[helium.PortTag])
		st, known := into[name]
		if s.Statement == 0 {
			lo, okLo := qlFloat(row, 1)
			hi, okHi := qlFloat(row, 2)
			if count := qlInt(row, 3); name != "" && count > 0 && okLo && okHi && (known || len(into) < maxFields) {
				if known { // a port that lies under two tags
					lo, hi = min(lo, st.Min), max(hi, st.Max)
				}
				into[name] = telemetry.FieldStats{Min: lo, Max: hi, Count: st.Count + count}
			}
			return nil
		}
		if at := qlTime(row, 0); known && (st.LastTime.IsZero() || at.After(st.LastTime)) {
			st.LastTime = at
			st.Last, _ = qlFloat(row, 1)
			into[name] = st
		}
		return nil
	})
	return err
}

// portStatsQuery asks for statistics of the numbers of each port.
func portStatsQuery(sel selection) string {
	from := " FROM " + influxqlIdent(sel.measurement) + " WHERE " + sel.where() + " GROUP BY " + influxqlIdent(helium.PortTag)
	number := influxqlIdent(helium.NumberField)
	return "SELECT min(" + number + "), max(" + number + "), count(" + number + ")" + from + "; SELECT last(" + number + ") AS newest" + from
}

// numeric reads a row of the answer to fieldsQuery: the names of the fields whose newest value is a number, or the port
// that the row is about.
func (s selection) numeric(head *qlSeries, row []json.RawMessage) []string {
	var names []string
	if s.ports() {
		if name := helium.UnescapePort(head.Tags[helium.PortTag]); name != "" {
			names = append(names, name)
		}
		return names
	}
	for i, column := range head.Columns {
		if name, ok := strings.CutPrefix(column, "last_"); ok && i > 0 && isNumber(row[i]) {
			names = append(names, name)
		}
	}
	return names
}

// sorted puts names in order, each once.
func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }

// fieldsQuery asks for the newest value of every field of the device in the range, or for the newest number of every
// port. It reads one block of each.
func fieldsQuery(sel selection) string {
	if sel.ports() {
		return "SELECT last(" + influxqlIdent(helium.NumberField) + ") FROM " + influxqlIdent(sel.measurement) + " WHERE " + sel.where() +
			" GROUP BY " + influxqlIdent(helium.PortTag)
	}
	return "SELECT last(*::field) FROM " + influxqlIdent(sel.measurement) + " WHERE " + sel.where()
}

// statsQuery has one statement for minimum, maximum and count of all fields, and one for the newest value of each
// field: with a single selector InfluxQL gives its time, and the tag that names the sensor.
func statsQuery(sel selection, fields []telemetry.Field) string {
	from := " FROM " + influxqlIdent(sel.measurement) + " WHERE " + sel.where()
	columns := make([]string, 0, 3*len(fields))
	statements := make([]string, 1, 1+len(fields))
	for i, f := range fields {
		name := influxqlIdent(f.Name)
		for _, fn := range []string{"min", "max", "count"} {
			columns = append(columns, fmt.Sprintf("%s(%s) AS %s%d", fn, name, fn, i))
		}
		sensor := ""
		if f.Sensor != "" {
			sensor = ", " + influxqlIdent(f.Sensor) + "::tag AS sensor"
		}
		statements = append(statements, "SELECT last("+name+") AS newest"+sensor+from)
	}
	statements[0] = "SELECT " + strings.Join(columns, ", ") + from
	return strings.Join(statements, "; ")
}

// fewMeasurements is how many measurements a bucket can have for a question to each of them to be the quicker way.
const fewMeasurements = 50

// Measurements names the measurements in which the device has points. The index alone answers it. It asks each measurement
// of the bucket for a series of the device, in one request: asked for the measurements themselves, the database walks over
// the ids of all devices.
func (db *DB) Measurements(ctx context.Context, id devices.ID) ([]string, error) {
	var out []string
	where := " WHERE " + selection{device: string(id)}.whereDevice()
	err := db.op(ctx, "measurements", db.timing.request, func(ctx context.Context) error {
		all, err := db.measurementNames(ctx, fmt.Sprintf("SHOW MEASUREMENTS LIMIT %d", fewMeasurements+1))
		if err != nil || len(all) == 0 {
			return err
		}
		if len(all) > fewMeasurements {
			out, err = db.measurementNames(ctx, "SHOW MEASUREMENTS"+where)
			return err
		}
		statements := make([]string, len(all))
		for i, name := range all {
			statements[i] = "SHOW SERIES FROM " + influxqlIdent(name) + where + " LIMIT 1"
		}
		_, err = db.influxql(ctx, db.cfg.Bucket, strings.Join(statements, "; "), false, func(s *qlSeries, _ []json.RawMessage) error {
			out = append(out, all[s.Statement])
			return nil
		})
		return err
	})
	slices.Sort(out)
	return out, err
}

// measurementNames is the answer to a question for measurements.
func (db *DB) measurementNames(ctx context.Context, text string) (out []string, err error) {
	_, err = db.influxql(ctx, db.cfg.Bucket, text, false, func(s *qlSeries, row []json.RawMessage) error {
		if name := qlString(row, s.column("name")); name != "" {
			out = append(out, name)
		}
		return nil
	})
	return out, err
}

// LastEntry is the time of the device's newest point in the measurement, the zero time if there is none since then.
func (db *DB) LastEntry(ctx context.Context, id devices.ID, measurement string, since time.Time) (time.Time, error) {
	var out time.Time
	text := lastEntryQuery(orEnvironment(measurement), id, since)
	err := db.op(ctx, "last_entry", db.timing.request, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.Bucket, text, false, func(s *qlSeries, row []json.RawMessage) error {
			out = qlTime(row, s.column("time"))
			return nil
		})
		return err
	})
	return out, err
}

func lastEntryQuery(measurement string, id devices.ID, since time.Time) string {
	text := "SELECT *::field FROM " + influxqlIdent(measurement) + " WHERE " + selection{device: string(id)}.whereDevice()
	if !since.IsZero() {
		text += " AND time >= " + influxqlTime(since)
	}
	return text + " ORDER BY time DESC LIMIT 1"
}

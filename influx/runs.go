package influx

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"iotcenter/devices"
	"iotcenter/emulator"
)

// runMeasurement holds what backfills did: in the auth bucket, because it is the app's own data and no device's.
const runMeasurement = "emulator_run"

var _ emulator.RunStore = (*DB)(nil)

// SaveRun keeps a run of the emulator.
func (db *DB) SaveRun(ctx context.Context, r emulator.Run) error {
	run := point{
		measurement: runMeasurement,
		tags:        []tag{{deviceTag, string(r.Device)}},
		fields: []field{{"took", int64(r.Took)}, {"written", int64(r.Written)}, {"result", r.Result},
			{"message", r.Message}, {"by", r.By}},
		time: r.Started,
	}
	return db.op(ctx, "run_put", db.timing.request, func(ctx context.Context) error { return db.writeAuth(ctx, run.line()) })
}

// Runs gives the newest n runs of a device, newest first.
func (db *DB) Runs(ctx context.Context, id devices.ID, n int) ([]emulator.Run, error) {
	if n <= 0 {
		return nil, nil
	}
	var out []emulator.Run
	err := db.op(ctx, "runs", db.timing.request, func(ctx context.Context) error {
		_, err := db.influxql(ctx, db.cfg.AuthBucket, runsQuery(id, n), false, func(s *qlSeries, row []json.RawMessage) error {
			out = append(out, emulator.Run{
				Device: id, Started: qlTime(row, s.column("time")),
				Took:    time.Duration(qlInt(row, s.column("took"))),
				Written: int(qlInt(row, s.column("written"))),
				Result:  qlString(row, s.column("result")),
				Message: qlString(row, s.column("message")),
				By:      qlString(row, s.column("by")),
			})
			return nil
		})
		return err
	})
	return out, err
}

func runsQuery(id devices.ID, n int) string {
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s = %s ORDER BY time DESC LIMIT %d", idents("took", "written", "result", "message", "by"),
		influxqlIdent(runMeasurement), influxqlIdent(deviceTag), influxqlString(string(id)), n)
}

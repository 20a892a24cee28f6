package influx

import (
	"context"
	"encoding/json"
	"time"
)

// Hurry shortens the waits for tests. Call it before Run.
func (db *DB) Hurry() *DB {
	db.timing = timing{every: 20 * time.Millisecond, first: 5 * time.Millisecond, longest: 20 * time.Millisecond, gap: time.Millisecond,
		check: 5 * time.Second, request: 5 * time.Second, query: 5 * time.Second}
	return db
}

// Ask runs a statement and reads its rows.
func (db *DB) Ask(ctx context.Context, text string) (int, error) {
	return db.influxql(ctx, db.cfg.Bucket, text, true, func(*qlSeries, []json.RawMessage) error { return nil })
}

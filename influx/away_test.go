package influx_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/influx"
	"iotcenter/influx/influxtest"
	"iotcenter/ledger"
	"iotcenter/people"
)

// Whatever the rooms ask of a database that is away, they hear that trying again can help, and the operation is counted.
func TestStoresOfTheRoomsWithoutADatabase(t *testing.T) {
	cfg, f := faulty(t)
	var mu sync.Mutex
	failed := map[string]int{}
	cfg.Observe = func(op string, _ time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed[op]++
		}
	}
	at := time.Now()
	for op, call := range map[string]func(context.Context, *influx.DB) error{
		"ledger_put": func(ctx context.Context, db *influx.DB) error {
			return db.PutEntries(ctx, []ledger.Entry{{Kind: "k", ID: "x", Stamp: at}})
		},
		"ledger_since": func(ctx context.Context, db *influx.DB) error {
			return db.EntriesSince(ctx, at, func(ledger.Entry) error { return nil })
		},
		"ledger_forget": func(ctx context.Context, db *influx.DB) error { return db.ForgetEntries(ctx) },
		"audit_put": func(ctx context.Context, db *influx.DB) error {
			return db.PutEvents(ctx, []people.Event{{At: at, Action: "x"}})
		},
		"audit_events": func(ctx context.Context, db *influx.DB) error {
			return db.Events(ctx, people.EventFilter{}, func(people.Event) error { return nil })
		},
		"uses_put": func(ctx context.Context, db *influx.DB) error {
			return db.PutUses(ctx, "key", map[string]time.Time{"k1": at})
		},
		"uses": func(ctx context.Context, db *influx.DB) error { _, err := db.Uses(ctx, "key"); return err },
		"inbox_put": func(ctx context.Context, db *influx.DB) error {
			return db.PutApplicants(ctx, map[int]devices.Applicant{1: {ID: "dev1"}})
		},
		"inbox": func(ctx context.Context, db *influx.DB) error { _, err := db.Applicants(ctx); return err },
	} {
		f.set("")
		db := influxtest.Connect(t, cfg).DB // a fresh one, which takes the database for ready
		if err := call(t.Context(), db); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		f.set("500")
		if err := call(t.Context(), db); !errors.Is(err, devices.ErrUnavailable) {
			t.Errorf("%s of a database that is away: %v, want ErrUnavailable", op, err)
		}
		mu.Lock()
		if failed[op] != 1 {
			t.Errorf("%s was counted %d times: %v", op, failed[op], failed)
		}
		mu.Unlock()
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"iotcenter/influx/embedded"
)

// queries measures windows that are computed while reading against the stock plan of the same engine, which makes a
// table of each window. Of the
// year it is one field and few windows: for more the stock plan needs too much memory.
func queries(ctx context.Context, b *bench) error {
	const name = "queries"
	stop := time.Now().Truncate(time.Hour)
	db, err := engineHere(ctx, b, name)
	if err != nil {
		return err
	}
	if _, err := pour(ctx, yearOf(yearDevice, stop), func(ctx context.Context, lines string) error { return db.write(ctx, bucket, "s", lines) }); err != nil {
		return errors.Join(err, db.close())
	}
	cases := []struct {
		name   string
		days   int
		fields string // a condition
		every  string
		times  int
	}{
		{"10-minute means of a week × 5 fields", 7, "true", "10m", 5},
		{"7-day means of a year × 1 field", 365, `r._field == "Temperature"`, "7d", 3},
	}
	// Both plans run on a database that was opened just now: neither finds the other's caches.
	took := map[bool][]time.Duration{}
	answers := map[bool][]string{}
	for _, stock := range []bool{false, true} {
		if err := db.close(); err != nil {
			return err
		}
		if db, err = openEngine(ctx, embedded.Options{Dir: filepath.Join(b.dir, name), NoPushdown: stock}); err != nil {
			return err
		}
		for _, c := range cases {
			script := fmt.Sprintf(`from(bucket: "%s") |> range(start: %s, stop: %s)
  |> filter(fn: (r) => r._measurement == "environment" and r.clientId == "%s")
  |> filter(fn: (r) => %s)
  |> aggregateWindow(every: %s, fn: mean, createEmpty: false)`,
				bucket, stop.AddDate(0, 0, -c.days).UTC().Format(time.RFC3339), stop.UTC().Format(time.RFC3339), yearDevice, c.fields, c.every)
			var times []time.Duration
			var answer []byte
			for range c.times {
				begin := time.Now()
				if answer, err = db.flux(ctx, script); err != nil {
					return errors.Join(fmt.Errorf("%s: %w", c.name, err), db.close())
				}
				times = append(times, time.Since(begin))
			}
			took[stock], answers[stock] = append(took[stock], median(times)), append(answers[stock], string(bytes.TrimSpace(answer)))
		}
	}
	for i, c := range cases {
		if answers[false][i] != answers[true][i] || strings.Count(answers[false][i], "\n") < 50 {
			return errors.Join(fmt.Errorf("%s: the plans do not agree", c.name), db.close())
		}
		b.table.atMost(c.name, millis(took[false][i]), "stock plan "+millis(took[true][i]), ratio(took[false][i], took[true][i]), 0.2)
	}
	return db.close()
}

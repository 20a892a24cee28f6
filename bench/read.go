package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// pixels is the width of the plots that the data are asked for.
const pixels = 600

// devicePage measures the device page's first byte, against the InfluxQL statistics that it shows.
func devicePage(ctx context.Context, b *bench, a *app) error {
	if err := a.yearOnce(ctx); err != nil {
		return err
	}
	const device = "bench-page"
	if _, err := a.register(ctx, device); err != nil {
		return err
	}
	if _, _, err := a.call(ctx, "POST", "/api/devices/"+device+"/backfill", "", nil, 200); err != nil {
		return err
	}
	fields := []string{"Temperature", "Humidity", "Pressure", "CO2", "TVOC", "Lat", "Lon"}
	statement := "SELECT "
	for i, f := range fields {
		if i > 0 {
			statement += ", "
		}
		statement += fmt.Sprintf("min(%[1]s), max(%[1]s), count(%[1]s), last(%[1]s)", f)
	}
	statement += " FROM environment WHERE clientId = '" + device + "' AND time >= now() - 30d"
	var first []time.Duration
	_, theirs, err := alternate(15, func() error {
		d, err := a.firstByte(ctx, "/devices/"+device)
		first = append(first, d)
		return err
	}, func() error {
		_, _, err := a.raw.influxql(ctx, statement)
		return err
	})
	if err != nil {
		return err
	}
	mine := median(first)
	b.table.atMost("device page, time to first byte", millis(mine), "InfluxQL of the same statistics "+millis(theirs), ratio(mine, theirs), 2)
	return nil
}

// series measures the data of a dashboard over a week, a month and a year of one-minute points, against a raw scan of the
// same range in the same database. It waits until the database has put away what was written: a year is no year that
// arrived a moment ago.
func series(ctx context.Context, b *bench, a *app) error {
	if err := errors.Join(a.yearOnce(ctx), a.calm(ctx)); err != nil {
		return err
	}
	var week time.Duration
	for _, span := range []struct {
		name, start string
		times       int
	}{{"7 days", "-7d", 9}, {"30 days", "-30d", 7}, {"1 year", "-365d", 3}} {
		path := fmt.Sprintf("/api/devices/%s/series?start=%s&points=%d", yearDevice, span.start, pixels)
		script := fmt.Sprintf(`from(bucket: "%s") |> range(start: %s)
  |> filter(fn: (r) => r._measurement == "environment" and r.clientId == "%s")
  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")`, bucket, span.start, yearDevice)
		var answer []byte
		mine, theirs, err := alternate(span.times, func() error {
			body, err := a.get(ctx, path)
			answer = body
			return err
		}, func() error {
			_, err := a.raw.flux(ctx, script)
			return err
		})
		if err != nil {
			return err
		}
		b.table.atMost("dashboard data, "+span.name+" × 5 fields", millis(mine), "raw scan "+millis(theirs), ratio(mine, theirs), 1)
		switch span.start {
		case "-7d":
			week = mine
		case "-365d":
			b.table.atMost("dashboard data, 1 year", millis(mine), "1 week "+millis(week), ratio(mine, week), 5)
		}
		if err := perPixel(b, span.name, answer); err != nil {
			return err
		}
	}
	return nil
}

// perPixel counts the points that were sent for a series.
func perPixel(b *bench, span string, answer []byte) error {
	var parsed struct {
		Series []struct {
			Times []json.RawMessage `json:"times"`
		} `json:"series"`
	}
	if err := json.Unmarshal(answer, &parsed); err != nil {
		return err
	}
	most := 0
	for _, s := range parsed.Series {
		most = max(most, 2*len(s.Times)) // a minimum and a maximum each
	}
	if most == 0 {
		return fmt.Errorf("no series in %.300s", answer)
	}
	b.table.atMost("points sent for a series, "+span, fmt.Sprint(most), fmt.Sprintf("%d pixels", pixels), float64(most)/pixels, 2)
	return nil
}

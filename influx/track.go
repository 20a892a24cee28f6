package influx

import (
	"context"
	"fmt"
	"slices"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// The fields of a position.
const (
	latField = "Lat"
	lonField = "Lon"
)

// Track gives Lat and Lon over a range, thinned to at most limit positions: of each window the newest, because a mean
// of positions lies where the device never was. Its time is the end of the window, which is near.
func (db *DB) Track(ctx context.Context, id devices.ID, measurement string, start, stop time.Time, limit int) (telemetry.Track, error) {
	if limit < 2 || !start.Before(stop) {
		return telemetry.Track{}, fmt.Errorf("%w: a track needs a range and two positions at least", telemetry.ErrBadQuery)
	}
	sel := selection{db.cfg.Bucket, orEnvironment(measurement), string(id), start, stop, []string{latField, lonField}}
	every := telemetry.Window(start, stop, limit)
	script := windowsFlux(sel, every, windowStop, "last")
	explained := telemetry.Explained{Title: "Map: the newest position of each window", Language: "flux", Text: script}
	at := map[int64]*telemetry.Position{}
	have := map[int64]int{} // 1: latitude, 2: longitude
	err := db.op(ctx, "track", db.timing.query, func(ctx context.Context) (err error) {
		began := time.Now()
		explained.Rows, err = db.flux(ctx, script, func(r *fluxRecord) error {
			v, ok := r.number("_value")
			t, err := r.time("_time")
			if err != nil || !ok {
				return err
			}
			p := at[t.UnixNano()]
			if p == nil {
				p = &telemetry.Position{Time: t}
				at[t.UnixNano()] = p
			}
			if sel.name(r) == latField {
				p.Lat = v
				have[t.UnixNano()] |= 1
			} else {
				p.Lon = v
				have[t.UnixNano()] |= 2
			}
			return nil
		})
		explained.Elapsed = time.Since(began)
		return err
	})
	if err != nil {
		return telemetry.Track{}, err
	}
	out := telemetry.Track{Queries: []telemetry.Explained{explained}}
	for t, p := range at {
		if have[t] == 3 && p.Lat >= -90 && p.Lat <= 90 && p.Lon >= -180 && p.Lon <= 180 {
			out.Positions = append(out.Positions, *p)
		}
	}
	slices.SortFunc(out.Positions, func(a, b telemetry.Position) int { return a.Time.Compare(b.Time) })
	if len(out.Positions) > limit { // windows are aligned: the ends can add one
		out.Positions = out.Positions[len(out.Positions)-limit:]
	}
	return out, nil
}

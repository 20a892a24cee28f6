package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"iotcenter/influx/embedded"
)

// The device whose year is written once and then read by the dashboards.
const (
	yearDevice = "bench-year"
	batch      = 5000
	writers    = 2
)

// yearOf makes one point a minute for a year that ends at stop, in batches of lines.
func yearOf(device string, stop time.Time) []string {
	start := stop.AddDate(-1, 0, 0)
	var batches []string
	var b strings.Builder
	n := 0
	for at := start; !at.After(stop); at = at.Add(time.Minute) {
		day := float64(at.Unix()%86400) / 86400 * 2 * math.Pi
		fmt.Fprintf(&b, "environment,CO2Sensor=a,TemperatureSensor=b,clientId=%s CO2=%d,Humidity=%.1f,Pressure=%.1f,TVOC=%d,Temperature=%.1f %d\n",
			device, 900+n%700, 50+30*math.Sin(day), 1010+20*math.Cos(day/3), 400+n%300, 20+8*math.Sin(day), at.Unix())
		if n++; n%batch == 0 {
			batches = append(batches, b.String())
			b.Reset()
		}
	}
	return append(batches, b.String())
}

// pour writes batches with some writers at a time, and gives how long it took.
func pour(ctx context.Context, batches []string, write func(context.Context, string) error) (time.Duration, error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	begin := time.Now()
	for _, lines := range batches {
		g.Go(func() error { return write(ctx, lines) })
	}
	err := g.Wait()
	return time.Since(begin), err
}

// yearOnce writes the year through the app, unless it is there.
func (a *app) yearOnce(ctx context.Context) error {
	body, err := a.get(ctx, "/api/devices")
	if err != nil || strings.Contains(string(body), `"`+yearDevice+`"`) {
		return err
	}
	token, err := a.register(ctx, yearDevice)
	if err != nil {
		return err
	}
	_, err = pour(ctx, yearOf(yearDevice, time.Now()), func(ctx context.Context, lines string) error { return a.write(ctx, token, lines) })
	return err
}

// ingest measures bulk writes and single points, through the app and on the engine in this process. The two take turns
// with the same lines, so that their compactions and the machine's moods meet both.
func ingest(ctx context.Context, b *bench, a *app) error {
	here, err := engineHere(ctx, b, "engine")
	if err != nil {
		return err
	}
	defer func() { _ = here.close() }()
	token, err := a.register(ctx, yearDevice)
	if err != nil {
		return err
	}

	var through, direct time.Duration
	lines := 0
	for part := range slices.Chunk(yearOf(yearDevice, time.Now()), 4*writers) {
		took, err := pour(ctx, part, func(ctx context.Context, lines string) error { return a.write(ctx, token, lines) })
		if err != nil {
			return err
		}
		through += took
		took, err = pour(ctx, part, func(ctx context.Context, lines string) error { return here.write(ctx, bucket, "s", lines) })
		if err != nil {
			return err
		}
		direct += took
		for _, p := range part {
			lines += strings.Count(p, "\n")
		}
	}
	perSecond := func(d time.Duration) string { return fmt.Sprintf("%.0f lines/s", float64(lines)/d.Seconds()) }
	b.table.atLeast("bulk ingest through the app, 2 writers × 5,000 lines of 5 fields",
		perSecond(through), "engine in process "+perSecond(direct), ratio(direct, through), 0.9)
	return singles(ctx, b, a)
}

// singles measures one-line writes, each a request of its own: through the app, and on the engine without it, where
// writes share commits, against the same engine where each has an fsync of its own.
func singles(ctx context.Context, b *bench, a *app) error {
	token, err := a.register(ctx, "bench-single")
	if err != nil {
		return err
	}
	through, err := perSecond(ctx, 64, singleTime, func(ctx context.Context) error {
		return a.write(ctx, token, fmt.Sprintf("environment Temperature=21.5 %d\n", pastSecond()))
	})
	if err != nil {
		return err
	}
	grouped, err := engineHere(ctx, b, "engine-grouped")
	if err != nil {
		return err
	}
	defer func() { _ = grouped.close() }()
	alone, err := engineHere(ctx, b, "engine-alone", func(o *embedded.Options) { o.NoGrouping = true })
	if err != nil {
		return err
	}
	defer func() { _ = alone.close() }()
	var servers [2]*influx
	for i, db := range []*influx{grouped, alone} {
		server, stop, err := db.serve()
		if err != nil {
			return err
		}
		defer stop()
		servers[i] = server
	}
	for _, m := range []struct {
		connections int
		least       float64
	}{{1, 0.9}, {8, 1}, {64, 3}} {
		var rates [2]float64
		for range 2 { // they take turns, so that the machine's moods meet both
			for i, server := range servers {
				n, err := server.singles(ctx, m.connections)
				if err != nil {
					return err
				}
				rates[i] += n / 2
			}
		}
		b.table.atLeast(fmt.Sprintf("one-line POSTs to the engine, connections: %d", m.connections),
			fmt.Sprintf("%.0f /s", rates[0]), fmt.Sprintf("an fsync for each %.0f /s", rates[1]), rates[0]/rates[1], m.least)
		if m.connections == 1 {
			b.table.atLeast("one-line POSTs through the app, 64 connections",
				fmt.Sprintf("%.0f /s", through), fmt.Sprintf("engine, one fsync a write %.0f /s", rates[1]), through/rates[1], 3)
		}
	}
	return nil
}

// singleTime is how long one-line writes are counted.
const singleTime = 3 * time.Second

// singles counts the one-line writes a second that some connections get through at a database.
func (db *influx) singles(ctx context.Context, connections int) (float64, error) {
	return perSecond(ctx, connections, singleTime, func(ctx context.Context) error {
		return db.write(ctx, bucket, "s", fmt.Sprintf("environment,clientId=bench-single Temperature=21.5 %d\n", pastSecond()))
	})
}

// pastSecond is another second of the past each time, so that no write meets a point of another.
var pastSecond = func() func() int64 {
	var clock atomic.Int64
	clock.Store(time.Now().Add(-24 * time.Hour).Unix())
	return func() int64 { return clock.Add(-1) }
}()

// perSecond runs f on n goroutines for a while and gives the number of calls a second.
func perSecond(ctx context.Context, n int, limit time.Duration, f func(context.Context) error) (float64, error) {
	var done atomic.Int64
	stop := make(chan struct{})
	time.AfterFunc(limit, sync.OnceFunc(func() { close(stop) }))
	g, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for range n {
		g.Go(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if err := f(ctx); err != nil {
					return err
				}
				done.Add(1)
			}
		})
	}
	err := g.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds(), err
}

// backfill measures "write missing data" of seven days from the request to its answer, against a raw write of the very
// same lines to the same database. The answer of the app comes when the last line is on disk, and so does the raw one.
func backfill(ctx context.Context, b *bench, a *app) error {
	const times = 5
	n := 0
	ours := func() error {
		n++
		_, _, err := a.call(ctx, http.MethodPost, fmt.Sprintf("/api/devices/bench-virtual-%d/backfill", n), "", nil, http.StatusOK)
		return err
	}
	for i := range times + 1 {
		if _, err := a.register(ctx, fmt.Sprintf("bench-virtual-%d", i)); err != nil {
			return err
		}
	}
	if _, _, err := a.call(ctx, http.MethodPost, "/api/devices/bench-virtual-0/backfill", "", nil, http.StatusOK); err != nil {
		return err
	}
	raw := 0
	var lines []string
	peer := func() error {
		for part := range chunks(lines, batch) {
			if err := a.raw.write(ctx, bucket, "s", strings.ReplaceAll(part, "bench-raw", fmt.Sprintf("bench-raw-%d", raw))); err != nil {
				return err
			}
		}
		raw++
		return nil
	}
	var err error
	if lines, err = a.raw.linesOf(ctx, "bench-virtual-0", "bench-raw"); err != nil {
		return err
	}
	if len(lines) < 10000 {
		return fmt.Errorf("a week of virtual data has %d points, not about 10,080", len(lines))
	}
	mine, theirs, err := alternate(times, ours, peer)
	if err != nil {
		return err
	}
	b.table.atMost(fmt.Sprintf("7-day backfill (%d points), request to done", len(lines)), millis(mine), "raw write of the same lines "+millis(theirs), ratio(mine, theirs), 2)
	return nil
}

// chunks joins lines into bodies of n lines.
func chunks(lines []string, n int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for len(lines) > 0 {
			part := lines[:min(n, len(lines))]
			lines = lines[len(part):]
			if !yield(strings.Join(part, "\n") + "\n") {
				return
			}
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"iotcenter/influx/embedded"
)

// What "memory" writes: 20 devices, a line a minute over a year, five fields a line. That is 10.5 million lines, or
// 52.6 million values.
const (
	bigDevices = 20
	bigMinutes = 365 * 24 * 60
)

// tenMillion measures the start, the idle memory and a year's dashboard beside ten million points of a year.
func tenMillion(ctx context.Context, b *bench) (err error) {
	if runtime.GOOS != "linux" {
		fmt.Fprint(b.out, " skipped: it needs Linux's /proc;")
		return nil
	}
	const name = "memory"
	db, err := engineHere(ctx, b, name)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := errors.Join(writeBig(ctx, db, begin), db.close()); err != nil {
		return err
	}
	wrote := fmt.Sprintf("%d lines of 5 fields, written in %.0f s", bigDevices*bigMinutes, time.Since(begin).Seconds())

	const limit = 4 * time.Second
	begin = time.Now()
	if db, err = openEngine(ctx, embedded.Options{Dir: filepath.Join(b.dir, name)}); err != nil {
		return err
	}
	opened := time.Since(begin)
	if err := db.close(); err != nil {
		return err
	}
	b.table.limit("open the engine on 10.5 M points over a year", seconds(opened), "4 s; "+wrote, ratio(opened, limit))

	a, err := b.start(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Stop()) }()
	b.table.limit("start to ready with 10.5 M points over a year", seconds(a.Started), "4 s", ratio(a.Started, limit))

	const device = bigPrefix + "0"
	if _, err := a.register(ctx, device); err != nil {
		return err
	}
	data := func(days int) func() error {
		return func() error {
			_, err := a.get(ctx, fmt.Sprintf("/api/devices/%s/series?start=-%dd&points=%d", device, days, pixels))
			return err
		}
	}
	// The log of the last writes is put away within a minute of the start.
	if err := a.calm(ctx); err != nil {
		return err
	}
	all, anonymous, err := a.memory()
	if err != nil {
		return err
	}
	const most = 300 << 20
	b.table.limit("idle memory beside 10.5 M points (RSS)", fmt.Sprintf("%d MiB, %d MiB of it anonymous", all>>20, anonymous>>20), "300 MiB", float64(all)/most)
	year, week, err := alternate(9, data(365), data(7))
	if err != nil {
		return err
	}
	b.table.atMost("dashboard data, 1 year beside 10.5 M points", millis(year), "1 week "+millis(week), ratio(year, week), 5)
	return nil
}

// bigPrefix starts the names of the devices that writeBig writes for.
const bigPrefix = "bench-big-"

// writeBig writes the points of all devices in the order of time, as a fleet sends them.
func writeBig(ctx context.Context, db *influx, stop time.Time) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	lines := make([]byte, 0, batch*100)
	for i := range bigMinutes {
		at := stop.Add(-time.Duration(bigMinutes-i) * time.Minute).Unix()
		wave := math.Sin(float64(at%86400) / 86400 * 2 * math.Pi)
		for d := range bigDevices {
			lines = fmt.Appendf(lines, "environment,CO2Sensor=a,TemperatureSensor=b,clientId=%s%d CO2=%d,Humidity=%.1f,Pressure=%.1f,TVOC=%d,Temperature=%.1f %d\n",
				bigPrefix, d, 900+i%700, 50+30*wave, 1010+20*wave, 400+i%300, 20+8*wave, at)
		}
		if (i+1)%(batch/bigDevices) == 0 || i+1 == bigMinutes {
			body := string(lines)
			lines = lines[:0]
			g.Go(func() error { return db.write(ctx, bucket, "s", body) })
			if ctx.Err() != nil {
				break
			}
		}
	}
	return g.Wait()
}

// calm waits until the program has used next to no processor time for a while: snapshots and compactions are over.
// Where that cannot be seen it waits for as long as that takes.
func (a *app) calm(ctx context.Context) error {
	const (
		look  = 5 * time.Second
		quiet = 8 // looks in a row: what is written becomes cold within 30 seconds
	)
	if runtime.GOOS != "linux" {
		select {
		case <-ctx.Done():
		case <-time.After(2 * quiet * look):
		}
		return ctx.Err()
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	end := time.After(3 * time.Minute)
	last, err := a.processorTime()
	for still := 0; err == nil && still < quiet; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return errors.New("the program does not come to rest")
		case <-tick.C:
		}
		var now time.Duration
		if now, err = a.processorTime(); now-last < look/20 {
			still++
		} else {
			still = 0
		}
		last = now
	}
	return err
}

// processorTime is what the program has used of the processors since its start.
func (a *app) processorTime() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.PID()))
	if err != nil {
		return 0, err
	}
	// The second field is the name in brackets; user and system time are the 14th and 15th, in hundredths of a second.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("unknown form of /proc/…/stat: %q", text)
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(errUser, errSystem)
}

// memory is what the program holds of the machine's memory, in bytes: all of it, mapped files included, and what is its own.
func (a *app) memory() (all, anonymous int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.PID()))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		var kib int64
		if _, err := fmt.Sscanf(value, "%d kB", &kib); err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			all = kib << 10
		case "RssAnon":
			anonymous = kib << 10
		}
	}
	if all == 0 {
		return 0, 0, errors.New("/proc/…/status tells no memory")
	}
	return all, anonymous, nil
}

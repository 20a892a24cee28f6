// Package main measures the program against the numbers that the project wants
// to hold, and prints one table: what was measured, ours, what it is measured
// against, their ratio, and the target. Machines differ, so wherever possible
// both sides are measured in the same run on the same machine; `make bench`
// runs it. It starts the real binary on fresh data folders of its own and
// leaves nothing behind.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"iotcenter/e2e/program"
)

func main() {
	only := flag.String("only", "", "comma list of groups to run: start, ingest, backfill, pages, series, weight, dialects, queries, memory, fleet (default all)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run: where it works and what it found.
type bench struct {
	dir   string
	bin   string
	table *table
	out   io.Writer
}

// group is a part of the run that can be chosen by name. It measures on the main program.
type group struct {
	name string
	run  func(context.Context, *bench, *app) error
}

func run(ctx context.Context, out io.Writer, only string) error {
	begin := time.Now()
	dir, err := os.MkdirTemp("", "iot-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{dir: dir, table: &table{}, out: out}
	if b.bin, err = program.Build(ctx, dir); err != nil {
		return err
	}

	wanted := func(name string) bool {
		return only == "" || strings.Contains(","+only+",", ","+name+",")
	}
	if wanted("start") {
		if err := b.say("start", func() error { return startTime(ctx, b) }); err != nil {
			return err
		}
	}
	if err := b.onMain(ctx, wanted, []group{
		{"ingest", ingest}, {"backfill", backfill}, {"pages", devicePage}, {"series", series}, {"weight", weights}, {"dialects", dialects},
	}); err != nil {
		return err
	}
	for _, g := range []struct {
		name string
		run  func(context.Context, *bench) error
	}{{"queries", queries}, {"memory", tenMillion}, {"fleet", fleets}} {
		if !wanted(g.name) {
			continue
		}
		if err := b.say(g.name, func() error { return g.run(ctx, b) }); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\n%s, %d cores, %v in all\n\n", runtime.Version(), runtime.NumCPU(), time.Since(begin).Round(time.Second))
	return b.table.print(out)
}

// onMain runs the wanted groups on one program.
func (b *bench) onMain(ctx context.Context, wanted func(string) bool, groups []group) (err error) {
	var chosen []group
	for _, g := range groups {
		if wanted(g.name) {
			chosen = append(chosen, g)
		}
	}
	if len(chosen) == 0 {
		return nil
	}
	a, err := b.start(ctx, "main")
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := a.Stop(); err == nil {
			err = stopErr
		}
	}()
	for _, g := range chosen {
		if err := b.say(g.name, func() error { return g.run(ctx, b, a) }); err != nil {
			return fmt.Errorf("%w\nthe program's log:\n%s", err, a.Log())
		}
	}
	return nil
}

// say tells what is being measured, for it takes minutes.
func (b *bench) say(name string, measure func() error) error {
	begin := time.Now()
	fmt.Fprintf(b.out, "%-9s", name)
	if err := measure(); err != nil {
		fmt.Fprintln(b.out, "failed")
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(b.out, " %6.1f s\n", time.Since(begin).Seconds())
	return nil
}

// startTime measures from exec to the first 200 of /readyz, on an empty folder.
func startTime(ctx context.Context, b *bench) error {
	var took []time.Duration
	for i := range 3 {
		p, err := program.Start(ctx, program.Options{Bin: b.bin, DataDir: filepath.Join(b.dir, fmt.Sprintf("start-%d", i))})
		if err != nil {
			return err
		}
		took = append(took, p.Started)
		if err := p.Stop(); err != nil {
			return err
		}
	}
	b.table.limit("start to ready, empty", seconds(median(took)), "2.5 s", median(took).Seconds()/2.5)
	return nil
}

// quiet is the log of engines in this process.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// row is a measured number beside what it is measured against.
type row struct {
	metric, ours, against string
	ratio                 float64
	target                string
	met                   bool
}

// table collects rows.
type table struct{ rows []row }

// atMost adds a row whose ratio may not exceed most.
func (t *table) atMost(metric, ours, against string, ratio, most float64) {
	t.rows = append(t.rows, row{metric, ours, against, ratio, fmt.Sprintf("≤ %g", most), ratio <= most})
}

// atLeast adds a row whose ratio may not stay under least.
func (t *table) atLeast(metric, ours, against string, ratio, least float64) {
	t.rows = append(t.rows, row{metric, ours, against, ratio, fmt.Sprintf("≥ %g", least), ratio >= least})
}

// limit adds a row that is measured against a fixed limit.
func (t *table) limit(metric, ours, limit string, ratio float64) {
	t.rows = append(t.rows, row{metric, ours, "limit " + limit, ratio, "≤ 1", ratio <= 1})
}

func (t *table) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "metric\tours\tagainst\tratio\ttarget\t")
	missed := 0
	for _, r := range t.rows {
		verdict := "met"
		if !r.met {
			verdict = "MISSED"
			missed++
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%.2f\t%s\t%s\n", r.metric, r.ours, r.against, r.ratio, r.target, verdict)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d of %d targets met\n", len(t.rows)-missed, len(t.rows))
	return err
}

// median of durations; it sorts them.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// alternate measures two things n times each in turn, so that a slow moment of the machine meets both, and gives the medians.
func alternate(n int, ours, peer func() error) (time.Duration, time.Duration, error) {
	var a, b []time.Duration
	for range n {
		for _, side := range []struct {
			f    func() error
			into *[]time.Duration
		}{{ours, &a}, {peer, &b}} {
			begin := time.Now()
			if err := side.f(); err != nil {
				return 0, 0, err
			}
			*side.into = append(*side.into, time.Since(begin))
		}
	}
	return median(a), median(b), nil
}

func millis(d time.Duration) string  { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
func kib(n int) string               { return fmt.Sprintf("%.1f KiB", float64(n)/1024) }

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }

//go:build race

package influx_test

// million is a tenth of one with the race detector, which makes all of it ten times as slow.
const million = 100_000

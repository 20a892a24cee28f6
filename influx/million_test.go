//go:build !race

package influx_test

// million is how many rows are streamed.
const million = 1_000_000

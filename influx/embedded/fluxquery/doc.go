// Package fluxquery compiles and runs Flux scripts over a time-series store on this disk and streams their
// results as annotated CSV, the way an InfluxDB 2.x answers POST /api/v2/query.
//
// A script reaches nothing but the buckets that its Request resolves: there is no HTTP client, no file, no
// secret and no socket behind the Flux runtime. Scripts are bounded in length and nesting, queries in number,
// memory and time.
//
// aggregateWindow over numbers is computed while reading (see windowRule): the stock plan builds a table for
// every window, which takes seconds and hundreds of megabytes where the rule takes milliseconds. Both give
// equal results; Options.NoPushdown turns the rule off for comparisons.
package fluxquery

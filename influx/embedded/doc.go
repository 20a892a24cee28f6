// Package embedded is an InfluxDB inside this process, for a machine that has
// none. It puts library parts of InfluxDB 1.8 (storage engine, InfluxQL, Flux)
// behind the HTTP API of InfluxDB 2.x, with organisations, buckets and
// authorizations of its own, so that the rest of the program talks to it as to
// any other InfluxDB. Flux itself lives in the package fluxquery below it; who
// may ask what is decided here.
package embedded

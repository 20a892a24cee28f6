// Package differential asks the embedded InfluxDB and a real one the same questions over the same data and compares the
// answers. It has tests only; they need TEST_INFLUX_URL, and `make test-influx2` sets it. docs/conformance.md lists the
// differences that they know.
package differential

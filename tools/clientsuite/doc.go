// Package clientsuite pins the tests of influxdb-client-go and what they import.
// TestClientLibrarySuite in influx/embedded runs them from this folder.
package clientsuite

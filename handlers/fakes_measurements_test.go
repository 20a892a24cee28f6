package handlers

import (
	"context"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// measured is what the fake database knows of a measurement.
type measured struct {
	last  []telemetry.LastValue
	stats []telemetry.FieldStats
}

// otherMeasurements is a reader of devices that write more than environment. What it does not know, the memory answers.
type otherMeasurements struct {
	*memory
	names []string
	known map[string]measured
}

func (o *otherMeasurements) Measurements(context.Context, devices.ID) ([]string, error) {
	return o.names, o.ask("Measurements")
}

func (o *otherMeasurements) Last(ctx context.Context, id devices.ID, measurement string, since time.Time) ([]telemetry.LastValue, telemetry.Explained, error) {
	m, known := o.known[measurement]
	if !known {
		return o.memory.Last(ctx, id, measurement, since)
	}
	return m.last, telemetry.Explained{Title: "Newest values"}, o.ask("Last " + measurement)
}

func (o *otherMeasurements) Stats(ctx context.Context, id devices.ID, measurement string, since, until time.Time) ([]telemetry.FieldStats, error) {
	m, known := o.known[measurement]
	if !known {
		return o.memory.Stats(ctx, id, measurement, since, until)
	}
	return m.stats, o.ask("Stats " + measurement)
}

// measuring is an app with the device dev1, which has the measurements of these names; telemetry has a voltage.
func measuring(t *testing.T, names ...string) *testApp {
	t.Helper()
	var reader *otherMeasurements
	app := newTestApp(t, func(o *Options) {
		voltage, charge := telemetry.LookupIn(telemetry.Telemetry, "voltage"), telemetry.LookupIn(telemetry.Telemetry, "state_of_charge_percent")
		reader = &otherMeasurements{memory: o.Reader.(*memory), names: names, known: map[string]measured{telemetry.Telemetry: {
			last:  []telemetry.LastValue{{Field: voltage, Time: testNow.Add(-time.Minute), Value: 12.5}, {Field: charge, Time: testNow.Add(-time.Minute), Value: 80}},
			stats: []telemetry.FieldStats{{Field: voltage, Min: 11, Max: 13, Last: 12.5, LastTime: testNow, Count: 7}},
		}}}
		o.Reader = reader
	})
	app.register(t, "dev1")
	return app
}

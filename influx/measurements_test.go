package influx_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"iotcenter/influx/influxtest"
)

// A device's measurements are found among few, by asking each, and among many.
func TestMeasurementsAmongFewAndMany(t *testing.T) {
	i := influxtest.Start(t)
	i.Write("telemetry,clientId=dev1 a=1 1000", "helium,clientId=dev1,port=t number=1 1000", `odd\ "one",clientId=dev1 a=1 1000`, "environment,clientId=dev10 a=1 1000")
	want := []string{"helium", `odd "one"`, "telemetry"}
	check := func(what string) {
		t.Helper()
		got, err := i.DB.Measurements(t.Context(), "dev1")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	check("among few")
	if got, err := i.DB.Measurements(t.Context(), "nobody"); err != nil || len(got) != 0 {
		t.Errorf("of nobody: %q, %v", got, err)
	}
	var lines strings.Builder
	for n := range 60 {
		fmt.Fprintf(&lines, "other%d,clientId=dev2 a=1 1000\n", n)
	}
	i.Write(lines.String())
	check("among many")
}

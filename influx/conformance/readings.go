package conformance

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// Readings tests the rest of telemetry.Reader.
func Readings(t *testing.T, s Subject) {
	ctx := start(t)
	at := moment()
	s.Write(
		line("environment", "clientId=dev1,TemperatureSensor=dht22,GPSSensor=neo6", "Temperature=21.25,Lat=50.5,Lon=14.25,CO2=400i", at),
		line("environment", "clientId=dev1,TemperatureSensor=dht22,GPSSensor=neo6", "Temperature=25,Lat=50.6,Lon=14.35,CO2=500i", at.Add(time.Minute)),
		line("environment", "clientId=dev1,TemperatureSensor=bme280", "Temperature=-3", at.Add(2*time.Minute)),
		line("environment", "clientId=dev1", `note="text",on=true,custom=9i`, at.Add(3*time.Minute)),
		line("environment", "clientId=dev10,TemperatureSensor=wrong", "Temperature=1000", at.Add(4*time.Minute)),
		line("other\\ one", "clientId=dev1", "Temperature=5", at.Add(5*time.Minute)),
	)
	t.Run("statistics", func(t *testing.T) {
		got, err := s.DB.Stats(ctx, "dev1", "", at, at.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		type row struct {
			Min, Max, Last float64
			At             time.Time
			Count          int64
			Sensor         string
		}
		have := map[string]row{}
		for _, st := range got {
			have[st.Field.Name] = row{st.Min, st.Max, st.Last, st.LastTime, st.Count, st.Sensor}
		}
		want := map[string]row{
			"Temperature": {-3, 25, -3, at.Add(2 * time.Minute), 3, "bme280"},
			"Lat":         {50.5, 50.6, 50.6, at.Add(time.Minute), 2, "neo6"},
			"Lon":         {14.25, 14.35, 14.35, at.Add(time.Minute), 2, "neo6"},
			"CO2":         {400, 500, 500, at.Add(time.Minute), 2, ""},
			"custom":      {9, 9, 9, at.Add(3 * time.Minute), 1, ""},
		}
		if d := cmp.Diff(want, have); d != "" {
			t.Error(d)
		}
		got, err = s.DB.Stats(ctx, "dev1", "", at, at.Add(time.Minute)) // until does not count
		if err != nil || len(got) != 4 || got[0].Count != 1 {
			t.Errorf("the first minute: %+v, %v", got, err)
		}
		if got, err = s.DB.Stats(ctx, "nobody", "", at, at.Add(time.Hour)); err != nil || len(got) != 0 {
			t.Errorf("of nobody: %+v, %v", got, err)
		}
	})
	t.Run("newest values", func(t *testing.T) {
		got, explained, err := s.DB.Last(ctx, "dev1", "", at)
		if err != nil {
			t.Fatal(err)
		}
		type value struct {
			Value  float64
			At     time.Time
			Sensor string
		}
		have := map[string]value{}
		for _, v := range got {
			have[v.Field.Name] = value{v.Value, v.Time, v.Sensor}
		}
		want := map[string]value{
			"Temperature": {-3, at.Add(2 * time.Minute), "bme280"}, "Lat": {50.6, at.Add(time.Minute), "neo6"},
			"Lon": {14.35, at.Add(time.Minute), "neo6"}, "CO2": {500, at.Add(time.Minute), ""}, "custom": {9, at.Add(3 * time.Minute), ""},
		}
		if d := cmp.Diff(want, have); d != "" {
			t.Error(d)
		}
		if explained.Language != "flux" || explained.Rows < 5 || explained.Text == "" {
			t.Errorf("explained: %+v", explained)
		}
		if got, _, err = s.DB.Last(ctx, "dev1", "", at.Add(3*time.Minute)); err != nil || len(got) != 1 {
			t.Errorf("since the last point: %+v, %v", got, err)
		}
		if got, _, err = s.DB.Last(ctx, "nobody", "", at); err != nil || len(got) != 0 {
			t.Errorf("of nobody: %+v, %v", got, err)
		}
	})
	t.Run("track", func(t *testing.T) {
		got, err := s.DB.Track(ctx, "dev1", "", at, at.Add(10*time.Minute), 100)
		if err != nil {
			t.Fatal(err)
		}
		// A window is 10 s long: its end is the position's time.
		end := at.Add(10 * time.Second)
		want := []telemetry.Position{{Time: end, Lat: 50.5, Lon: 14.25}, {Time: end.Add(time.Minute), Lat: 50.6, Lon: 14.35}}
		if d := cmp.Diff(want, got.Positions); d != "" || len(got.Queries) != 1 {
			t.Errorf("%d queries, %s", len(got.Queries), d)
		}
		var lines []string
		for i := range 2000 {
			lines = append(lines, line("environment", "clientId=walker", fmt.Sprintf("Lat=%g,Lon=%g", 50+float64(i)/1e4, 14+float64(i)/1e4), at.Add(time.Duration(i)*time.Second)))
		}
		s.Write(strings.Join(lines, "\n"))
		got, err = s.DB.Track(ctx, "walker", "", at, at.Add(2000*time.Second), 50)
		if n := len(got.Positions); err != nil || n < 10 || n > 50 {
			t.Fatalf("%d positions, %v; want at most 50", n, err)
		}
		for i, p := range got.Positions {
			if math.Abs((p.Lat-50)-(p.Lon-14)) > 1e-9 {
				t.Errorf("position %d was never there: %+v", i, p)
			}
		}
		if got, err = s.DB.Track(ctx, "dev10", "", at, at.Add(time.Hour), 100); err != nil || len(got.Positions) != 0 {
			t.Errorf("a device without positions: %+v, %v", got, err)
		}
	})
	t.Run("measurements", func(t *testing.T) {
		for id, want := range map[devices.ID][]string{"dev1": {"environment", "other one"}, "dev10": {"environment"}, "nobody": nil} {
			got, err := s.DB.Measurements(ctx, id)
			if d := cmp.Diff(want, got); err != nil || d != "" {
				t.Errorf("%s: %v %s", id, err, d)
			}
		}
	})
	t.Run("last entry", func(t *testing.T) {
		for _, c := range []struct {
			id          devices.ID
			measurement string
			since       time.Time
			want        time.Time
		}{
			{"dev1", "", time.Time{}, at.Add(3 * time.Minute)},
			{"dev1", "environment", at.Add(3 * time.Minute), at.Add(3 * time.Minute)},
			{"dev1", "", at.Add(3*time.Minute + 1), time.Time{}},
			{"dev1", "other one", time.Time{}, at.Add(5 * time.Minute)},
			{"dev10", "", time.Time{}, at.Add(4 * time.Minute)},
			{"dev", "", time.Time{}, time.Time{}},
			{"dev1", hostile[5], time.Time{}, time.Time{}},
		} {
			got, err := s.DB.LastEntry(ctx, c.id, c.measurement, c.since)
			if err != nil || !got.Equal(c.want) {
				t.Errorf("%s in %q since %v: %v, %v; want %v", c.id, c.measurement, c.since, got, err, c.want)
			}
		}
	})
}

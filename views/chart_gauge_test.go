package views

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
)

type dialOption struct {
	Series []struct {
		Min, Max             float64
		StartAngle, EndAngle float64
		AxisLine             struct {
			LineStyle struct {
				Color [][2]any
			}
		}
		Pointer struct{ Show bool }
		Data    []struct{ Value float64 }
	}
}

func dial(t *testing.T, f telemetry.Field, value float64) dialOption {
	t.Helper()
	low, high := gaugeRange(f, value)
	raw, err := gaugeOption(f, low, high, value)
	if err != nil {
		t.Fatal(err)
	}
	var o dialOption
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if len(o.Series) != 2 {
		t.Fatalf("%d series, want ring and arc", len(o.Series))
	}
	return o
}

func TestGaugeOption(t *testing.T) {
	temperature, humidity := telemetry.Lookup("Temperature"), telemetry.Lookup("Humidity")
	for _, c := range []struct {
		name  string
		field telemetry.Field
		value float64
		part  float64
		color string
	}{
		{"a quarter", temperature, 10, 0.25, ""},
		{"below the scale", temperature, -5, 0, ""},
		{"above the scale", temperature, 99, 1, ""},
		{"first band", humidity, 10, 0.1, "--offline-mark"},
		{"second band", humidity, 35, 0.35, "--band-yellow"},
		{"middle band", humidity, 50, 0.5, "--online-mark"},
		{"last band", humidity, 100, 1, "--offline-mark"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := dial(t, c.field, c.value)
			arc := o.Series[1].AxisLine.LineStyle.Color
			if got := arc[0][0].(float64); math.Abs(got-c.part) > 1e-9 {
				t.Errorf("the arc ends at %v, want %v", got, c.part)
			}
			if c.color != "" && arc[0][1] != c.color {
				t.Errorf("the arc is %v, want %v", arc[0][1], c.color)
			}
			if c.color == "" {
				if _, ok := arc[0][1].(map[string]any)["gradient"]; !ok {
					t.Errorf("the arc is %v, want a gradient", arc[0][1])
				}
			}
			if len(o.Series[1].Data) != 1 || o.Series[1].Data[0].Value != c.value || !o.Series[1].Pointer.Show {
				t.Errorf("the needle: %+v", o.Series[1])
			}
			if o.Series[0].StartAngle != 212 || o.Series[0].EndAngle != -32 || o.Series[0].Max != c.field.Max {
				t.Errorf("the ring: %+v", o.Series[0])
			}
		})
	}
	if ring := dial(t, humidity, 50).Series[0].AxisLine.LineStyle.Color; len(ring) != 9 {
		t.Errorf("five bands with gaps are %d pieces", len(ring))
	}
}

func TestGaugeWithoutValue(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		o := dial(t, telemetry.Lookup("CO2"), v)
		if o.Series[1].Pointer.Show || len(o.Series[1].Data) != 0 || o.Series[0].AxisLine.LineStyle.Color[0][1] != "--track" {
			t.Errorf("%v: %+v", v, o)
		}
	}
}

func TestGaugeRange(t *testing.T) {
	unknown := telemetry.Lookup("SoilMoisture")
	for value, want := range map[float64][2]float64{
		42: {0, 50}, 46: {0, 50}, 0.3: {0, 0.3}, 1013: {0, 1500}, -7: {-7, 0}, 0: {0, 1}, math.NaN(): {0, 1}, 12: {0, 15},
	} {
		low, high := gaugeRange(unknown, value)
		if math.Abs(low-want[0]) > 1e-9 || math.Abs(high-want[1]) > 1e-9 {
			t.Errorf("%v: %v to %v, want %v", value, low, high, want)
		}
	}
	for _, value := range []float64{math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1e300, 1e-300} {
		low, high := gaugeRange(unknown, value)
		if !finite(low) || !finite(high) || !(low < high) || value < low || value > high {
			t.Errorf("%v: %v to %v", value, low, high)
		}
		dial(t, unknown, value)
	}
}

func TestGauges(t *testing.T) {
	now := plotStart
	last := []telemetry.LastValue{
		{Field: telemetry.Lookup("Temperature"), Time: now.Add(-20 * time.Second), Value: 24.34},
		{Field: telemetry.Lookup("CO2"), Time: now.Add(-6 * time.Minute), Value: 1980},
		{Field: telemetry.Lookup("Zinc"), Time: now, Value: 3},
		{Field: telemetry.Lookup("Lat"), Time: now, Value: 50}, {Field: telemetry.Lookup("Lon"), Time: now, Value: 14},
	}
	gauges, err := Gauges("", last, now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range gauges {
		got = append(got, g.Field.Name+" "+g.Words()+" "+g.Age.Words)
	}
	want := "Temperature 24.3 just now|Humidity No data long time ago|Pressure No data long time ago|CO2 1980 more than 5 min ago|TVOC No data long time ago|Zinc 3.00 just now"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	if s := gauges[0].Sentence(); s != "Temperature: 24.3 °C on a scale from 0 to 40." {
		t.Errorf("sentence %q", s)
	}
	// A latitude alone is no position: it is a field like any other.
	if gauges, err = Gauges("", last[3:4], now); err != nil || gauges[len(gauges)-1].Field.Name != "Lat" {
		t.Errorf("%+v, %v", gauges, err)
	}
}

package telemetry

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCatalogueIsTheSpecs(t *testing.T) {
	want := []Field{
		{Name: "Temperature", Unit: "°C", Decimals: 1, Min: 0, Max: 40, Scale: ScaleCoolWarm, Sensor: "TemperatureSensor"},
		{Name: "Humidity", Unit: "%", Decimals: 1, Min: 0, Max: 100, Scale: ScaleBands, Sensor: "HumiditySensor", Bands: []Band{
			{30, "--offline-mark"}, {40, "--band-yellow"}, {60, "--online-mark"}, {70, "--band-yellow"}, {100, "--offline-mark"}}},
		{Name: "Pressure", Unit: "hPa", Min: 970, Max: 1050, Scale: ScaleCyanWarm, Sensor: "PressureSensor"},
		{Name: "CO2", Unit: "ppm", Min: 400, Max: 3000, Scale: ScaleCoolWarm, Sensor: "CO2Sensor"},
		{Name: "TVOC", Unit: "ppb", Min: 250, Max: 2000, Scale: ScaleCoolWarm, Sensor: "TVOCSensor"},
		{Name: "Lat", Title: "Latitude", Unit: "°", Decimals: 4, Min: -90, Max: 90, Scale: ScaleCoolWarm, Sensor: "GPSSensor"},
		{Name: "Lon", Title: "Longitude", Unit: "°", Decimals: 4, Min: -180, Max: 180, Scale: ScaleCoolWarm, Sensor: "GPSSensor"},
	}
	for i := range want {
		want[i].Known, want[i].Slot = true, i+1
		if want[i].Title == "" {
			want[i].Title = want[i].Name
		}
	}
	if diff := cmp.Diff(want, Catalogue()); diff != "" {
		t.Error(diff)
	}
	Catalogue()[1].Bands[0].Until = 99
	if Catalogue()[1].Bands[0].Until != 30 {
		t.Error("a caller can change the catalogue")
	}
	for _, f := range want {
		if diff := cmp.Diff(f, Lookup(f.Name)); diff != "" {
			t.Error(diff)
		}
		if got := f.Ranged(-1e6, 1e6); got.Min != f.Min || got.Max != f.Max {
			t.Errorf("%s has a range of its own, and gets %v to %v", f.Name, got.Min, got.Max)
		}
	}
}

func TestLookupOfUnknownFields(t *testing.T) {
	for _, name := range []string{"Noise", "temperature", "Temperature ", ""} {
		want := Field{Name: name, Title: name, Decimals: 2, Scale: ScaleCoolWarm, Slot: Slots, Sensor: name + "Sensor"}
		f := Lookup(name)
		if diff := cmp.Diff(want, f); diff != "" {
			t.Error(diff)
		}
		if r := f.Ranged(0.3, 9.7); r.Min != 0 || r.Max != 10 || f.Max != 0 {
			t.Errorf("%q: %v to %v", name, r.Min, r.Max)
		}
	}
}

func TestArrange(t *testing.T) {
	for _, c := range []struct{ names, want string }{
		{"", ""},
		{"Lon Temperature CO2 Lat", "Temperature:1 CO2:4 Lat:6 Lon:7"},
		{"CO2 CO2 CO2", "CO2:4"},
		{"zeta Humidity alpha", "Humidity:2 alpha:1 zeta:3"},
		{"b a b a", "a:1 b:2"},
		{"Temperature Humidity Pressure CO2 TVOC Lat Lon x", "Temperature:1 Humidity:2 Pressure:3 CO2:4 TVOC:5 Lat:6 Lon:7 x:8"},
		{"Temperature Humidity Pressure CO2 TVOC Lat Lon x y z", "Temperature:1 Humidity:2 Pressure:3 CO2:4 TVOC:5 Lat:6 Lon:7 x:8 y:1' z:2'"},
		{"a b c d e f g h i j k l m n o p q", "a:1 b:2 c:3 d:4 e:5 f:6 g:7 h:8 i:1' j:2' k:3' l:4' m:5' n:6' o:7' p:8' q:1'"},
	} {
		names := strings.Fields(c.names)
		given := slices.Clone(names)
		var got []string
		for _, f := range Arrange(names) {
			one := f.Name + ":" + FormatCount(f.Slot)
			if f.Dashed {
				one += "'"
			}
			got = append(got, one)
			plain := Lookup(f.Name)
			plain.Slot, plain.Dashed = f.Slot, f.Dashed
			if diff := cmp.Diff(plain, f); diff != "" {
				t.Error(diff)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.names, s, c.want)
		}
		if !slices.Equal(names, given) {
			t.Errorf("%s: the caller's names were changed: %v", c.names, names)
		}
	}
}

func FuzzArrange(f *testing.F) {
	f.Add("environment", "Lon Temperature x x y")
	f.Add("telemetry", "voltage current x")
	f.Add("helium", "t h p l b d m _e _se x y")
	f.Add("", "a b c d e f g h i j k l m n o p q CO2")
	f.Fuzz(func(t *testing.T, measurement, text string) {
		names := strings.Split(text, " ")
		fields := ArrangeIn(measurement, names)
		solid := make(map[int]string)
		seen := make(map[string]bool)
		for _, f := range fields {
			if f.Slot < 1 || f.Slot > Slots || seen[f.Name] || !slices.Contains(names, f.Name) {
				t.Fatalf("%+v", f)
			}
			seen[f.Name] = true
			if other, taken := solid[f.Slot]; taken && !f.Dashed {
				t.Errorf("%s and %s look the same", other, f.Name)
			}
			if !f.Dashed {
				solid[f.Slot] = f.Name
			}
		}
		for _, name := range names {
			if !seen[name] {
				t.Errorf("%q is lost", name)
			}
		}
	})
}

func TestReservedPortsHaveTitlesAndUnits(t *testing.T) {
	for port, want := range map[string][2]string{
		"t": {"Temperature", "°C"}, "d": {"Door", ""}, "b": {"Battery", "mV"}, "p": {"Pressure", "Pa"}, "h": {"Humidity", "%"},
		"l": {"Light", "%"}, "m": {"Motion", ""}, "_e": {"Helium network event", ""}, "_se": {"Sensor event", ""},
	} {
		title, unit, ok := ReservedPort(port)
		if f := LookupIn(Helium, port); !ok || title != want[0] || unit != want[1] || f.Title != title || f.Unit != unit || !f.Known {
			t.Errorf("%s: %q %q %v, %+v", port, title, unit, ok, f)
		}
	}
	for _, port := range []string{"", "T", "temperature", "Temperature", "t "} {
		if _, _, ok := ReservedPort(port); ok || LookupIn(Helium, port).Known {
			t.Errorf("%q is reserved", port)
		}
	}
}

func TestSchemaGivesTitlesUnitsAndRanges(t *testing.T) {
	for _, m := range []string{Telemetry, Analysis} {
		for _, s := range Schema(m) {
			f := LookupIn(m, s.Name)
			if !f.Known || f.Name != s.Name || f.Title != s.Title || f.Unit != s.Unit || f.Sensor != "" || f.Slot < 1 || f.Slot > Slots {
				t.Errorf("%s: %+v", s.Name, f)
			}
			if wantMax := map[string]float64{"%": 100}[s.Unit]; f.Min != 0 || f.Max != wantMax {
				t.Errorf("%s has a range from %v to %v", s.Name, f.Min, f.Max)
			}
			if s.Kind == KindInteger && f.Decimals != 0 || f.Decimals > 2 {
				t.Errorf("%s has %d decimals", s.Name, f.Decimals)
			}
		}
	}
}

func TestLookupInKnowsEachMeasurementApart(t *testing.T) {
	unknown := func(name string) Field {
		return Field{Name: name, Title: name, Decimals: 2, Scale: ScaleCoolWarm, Slot: Slots, Sensor: name + "Sensor"}
	}
	for _, c := range []struct {
		measurement, name string
		want              Field
	}{
		{Environment, "Pressure", Lookup("Pressure")}, {"", "Pressure", Lookup("Pressure")}, {"elsewhere", "Pressure", Lookup("Pressure")},
		{Telemetry, "Pressure", unknown("Pressure")}, {Helium, "Pressure", unknown("Pressure")}, {Analysis, "current", unknown("current")},
		{"elsewhere", "current", unknown("current")}, {Environment, "t", unknown("t")},
	} {
		if diff := cmp.Diff(c.want, LookupIn(c.measurement, c.name)); diff != "" {
			t.Errorf("%s of %q: %s", c.name, c.measurement, diff)
		}
	}
}

func TestArrangeIn(t *testing.T) {
	for _, c := range []struct{ measurement, names, want string }{
		{Telemetry, "voltage current", "current:1 voltage:2"},
		{Telemetry, "x voltage_cell_4 a", "voltage_cell_4:1 a:2 x:3"},
		{Telemetry, "current voltage active_power state_of_charge_percent state_of_charge_wh temperature energy current_in current_out charge_current zz",
			"current:1 voltage:2 active_power:3 state_of_charge_percent:4 state_of_charge_wh:5 temperature:6 energy:7 current_in:8 current_out:1' charge_current:2' zz:3'"},
		{Helium, "my h t", "t:1 h:2 my:3"},
		{Helium, "t h p l b d m _e _se x", "t:1 h:2 p:3 l:4 b:5 d:6 m:7 _e:8 _se:1' x:2'"},
		{"elsewhere", "CO2 a", "CO2:4 a:1"},
	} {
		var got []string
		for _, f := range ArrangeIn(c.measurement, strings.Fields(c.names)) {
			one := f.Name + ":" + FormatCount(f.Slot)
			if f.Dashed {
				one += "'"
			}
			got = append(got, one)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s:\n%s, want\n%s", c.measurement, c.names, s, c.want)
		}
	}
}

package telemetry

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestASchemedFieldHasToHaveItsType(t *testing.T) {
	for _, c := range []struct {
		name, line string
		problem    string // "" passes
	}{
		{"a float", "telemetry current=1.5", ""},
		{"a float without digits after the point", "telemetry current=1.", ""},
		{"a float without digits before it", "telemetry current=.5", ""},
		{"a whole float", "telemetry current=-7", ""},
		{"a float with an exponent", "telemetry current=1e5", ""},
		{"an integer for a float", "telemetry current=1i", "current has the type float, and this value is of type integer"},
		{"an unsigned for a float", "telemetry current=1u", "current has the type float, and this value is of type unsigned"},
		{"text for a float", `telemetry current="1"`, "current has the type float, and this value is of type string"},
		{"empty text for a float", `telemetry current=""`, "of type string"},
		{"text that ends like a number", `telemetry current="1i"`, "of type string"},
		{"a boolean for a float", "telemetry current=t", "current has the type float, and this value is of type boolean"},
		{"a long boolean for a float", "telemetry current=FALSE", "of type boolean"},
		{"an integer", "telemetry state_of_charge_percent=55i", ""},
		{"a negative integer", "telemetry pulse_count=-55i", ""},
		{"a float for an integer", "telemetry state_of_charge_percent=55", "state_of_charge_percent has the type integer, and this value is of type float"},
		{"an unsigned for an integer", "telemetry state_of_charge_percent=55u", "state_of_charge_percent has the type integer, and this value is of type unsigned"},
		{"a boolean for an integer", "telemetry state_of_charge_percent=true", "of type boolean"},
		{"one of several", "telemetry,a=b voltage=1,current=2i,other=3i 5", "current has the type float"},
		{"the last of several", `telemetry voltage=1,note="x",energy=t`, "energy has the type float"},
		{"a field that the schema does not know", "telemetry other=1i,current_x=\"x\",Current=t", ""},
		{"analysis", "analysis discharge_end=1i,energy_in=2", ""},
		{"analysis, of a wrong type", "analysis discharge_end=1", "discharge_end has the type integer"},
		// One device must not choose types for the time series of all sensors.
		{"a field of the other measurement", "analysis current=1i", ""},
		{"another measurement", "environment current=1i", ""},
		{"one whose name begins so", "telemetry2 current=1i", ""},
		{"one that it begins with", "telemetr current=1i", ""},
		{"in other case", "Telemetry current=1i", ""},
		// To every parser that we know a backslash stays where it escapes nothing: other names.
		{"a backslash in the measurement", `tele\metry current=1i`, ""},
		{"a backslash in the field", `telemetry curr\ent=1i`, ""},
		{"an escaped space in the field", `telemetry current\ =1i`, ""},
		{"an escaped comma in the measurement", `telemetry\,a=b current=1i`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := "m f=1\n" + c.line
			lines, n, err := Fence([]byte(body), dev)
			if c.problem == "" {
				if err != nil || n != 2 {
					t.Fatalf("%d points, %v", n, err)
				}
				checkSchemed(t, lines)
				return
			}
			var bad *LineError
			if !errors.As(err, &bad) || !errors.Is(err, ErrRejected) || bad.Line != 2 || !strings.Contains(bad.Problem, c.problem) || lines != nil || n != 0 {
				t.Errorf("%q, %d, %v", lines, n, err)
			}
		})
	}
}

// A device's own lines could replace points of the dialect, take all its ports, or give its fields types of their own.
func TestOnlyItsDialectWritesTimeSeries(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	_, _, err := FenceAt([]byte("m f=1 5\nhelium,port=t number=1 5"), dev, Nanoseconds, now)
	var bad *LineError
	if !errors.As(err, &bad) || !errors.Is(err, ErrRejected) || bad.Line != 2 || !strings.Contains(bad.Problem, "timeseries") {
		t.Errorf("%v", err)
	}
	for _, line := range []string{"helium2,port=t number=1 5", "Helium,port=t number=1 5", `heliu\m,port=t number=1 5`, "m,helium=1 helium=1 5"} {
		if _, n, err := FenceAt([]byte(line), dev, Nanoseconds, now); n != 1 || err != nil {
			t.Errorf("%s: %d, %v", line, n, err)
		}
	}
	if _, n, err := fenceDialect([]byte("helium,port=t number=1 5"), dev, Nanoseconds, now); n != 1 || err != nil {
		t.Errorf("the dialect itself: %d, %v", n, err)
	}
}

// checkSchemed asserts that no parser sees a value of a wrong type in a field of the schema.
func checkSchemed(t *testing.T, lines []byte) {
	t.Helper()
	for name, read := range parsers {
		points, _ := read(lines)
		for _, p := range points {
			for _, f := range p.Fields {
				want, known := Expected(p.Measurement, f[0])
				if is := kindOf(f[1]); known && is != want.Kind {
					t.Errorf("%s sees %s of type %s in %s: %q", name, f[0], is, p.Measurement, lines)
				}
			}
		}
	}
}

// kindOf is the type of a value as a parser names it.
func kindOf(value string) FieldKind {
	word, _, _ := strings.Cut(strings.ToLower(value), " ")
	switch word {
	case "int":
		return KindInteger
	case "uint":
		return KindUnsigned
	case "bool":
		return KindBoolean
	}
	return FieldKind(word)
}

func TestTheSchemaIsComplete(t *testing.T) {
	for _, m := range []string{Telemetry, Analysis} {
		seen := map[string]bool{}
		for _, f := range Schema(m) {
			if seen[f.Name] || f.Title == "" || f.Kind != KindFloat && f.Kind != KindInteger {
				t.Errorf("%s: %+v", m, f)
			}
			seen[f.Name] = true
			if got, known := Expected(m, f.Name); !known || got != f {
				t.Errorf("%s: %+v, %v", m, got, known)
			}
		}
	}
	if Schema(Environment) != nil {
		t.Error("the environment has a schema")
	}
	if f, known := Expected(Environment, "current"); known {
		t.Errorf("%+v", f)
	}
}

package views

import (
	"slices"
	"strings"
	"testing"
)

func TestShowMeasurement(t *testing.T) {
	for _, row := range []struct {
		asked   string
		have    []string
		name    string
		choices string
		query   string
	}{
		{"", nil, "environment", "environment", ""},
		{"", []string{"environment"}, "environment", "environment", ""},
		{"", []string{"environment", "telemetry"}, "environment", "environment telemetry", "&measurement=environment"},
		{"", []string{"zoo", "analysis", "helium", "telemetry"}, "telemetry", "telemetry helium analysis zoo", "&measurement=telemetry"},
		{"", []string{"zoo", "bar"}, "bar", "bar zoo", "&measurement=bar"},
		{"environment", []string{"telemetry"}, "environment", "environment telemetry", "&measurement=environment"},
		{"a b&c", nil, "a b&c", "a b&c", "&measurement=a+b%26c"},
	} {
		m := ShowMeasurement(row.asked, slices.Clone(row.have))
		if m.Name != row.name || strings.Join(m.Choices, " ") != row.choices || m.Query() != row.query {
			t.Errorf("%q of %q: %+v, query %q", row.asked, row.have, m, m.Query())
		}
	}
}

func TestMeasurementTitle(t *testing.T) {
	for name, want := range map[string]string{
		"": "Environment", "environment": "Environment", "telemetry": "Telemetry", "analysis": "Analysis", "helium": "Helium ports", "my rack": "my rack",
		strings.Repeat("ä", 61): strings.Repeat("ä", 60) + "…", "a\u202eb": `a\u202Eb`,
	} {
		if got := measurementTitle(name); got != want {
			t.Errorf("%q is called %q, want %q", name, got, want)
		}
	}
}

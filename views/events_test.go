package views

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry/helium"
)

func TestEventsAreReadAsTheDialectDescribesThem(t *testing.T) {
	at := noon.Add(123 * time.Microsecond)
	for value, want := range map[string]EventRow{
		`{"kind":"k","details":{},"message":"m"}`:        {Kind: "k", Message: "m"},
		`{"kind":"k","details":{"a":1.50}}`:              {Kind: "k", Details: "{\n  \"a\": 1.50\n}"},
		`{"kind":7,"message":"m"}`:                       {Message: "m", Details: "{\n  \"kind\": 7,\n  \"message\": \"m\"\n}"},
		`{"kind":null,"details":null}`:                   {Details: "{\n  \"kind\": null,\n  \"details\": null\n}"},
		`{"message":"m","extra":true,"details":{"a":1}}`: {Message: "m", Details: "{\n  \"message\": \"m\",\n  \"extra\": true,\n  \"details\": {\n    \"a\": 1\n  }\n}"},
		`"text"`: {Details: `"text"`}, `[1]`: {Details: "[\n  1\n]"}, `null`: {Details: "null"},
	} {
		want.At, want.Port = at, "Helium network event"
		// The stored time has a slot below the microsecond.
		got := NewEventRows([]helium.Stored{{At: at.UnixNano() + 7, Port: helium.EventPort, Value: json.RawMessage(value)}})
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v, want %+v", value, got, want)
		}
	}
}

func TestLongEventDetailsAreCut(t *testing.T) {
	rows := NewEventRows([]helium.Stored{{Port: "_se", Value: json.RawMessage(`"` + strings.Repeat("ä", longestDetails) + `"`)}})
	if r := rows[0]; !r.Cut || len(r.Details) > longestDetails || strings.ContainsRune(r.Details, '\ufffd') {
		t.Errorf("%d bytes, cut: %v", len(rows[0].Details), rows[0].Cut)
	}
}

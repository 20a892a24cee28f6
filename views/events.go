package views

import (
	"encoding/json"
	"strings"
	"time"

	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// ShownEvents is how many events the page of a device shows.
const ShownEvents = 20

// longestDetails bounds what a page shows of one event's details, in bytes.
const longestDetails = 8 << 10

// EventRow is an event that came in by the Helium dialect.
type EventRow struct {
	At            time.Time
	Port          string // what the port is for
	Kind, Message string
	Details       string // JSON; "" if there is nothing further
	Cut           bool   // Details is the beginning only
}

// NewEventRows reads events as the dialect describes them: objects with a kind, a message and details. What is something
// else, or has further members, is shown whole.
func NewEventRows(points []helium.Stored) []EventRow {
	rows := make([]EventRow, 0, len(points))
	for _, p := range points {
		row := EventRow{At: time.Unix(0, p.At).UTC().Truncate(time.Microsecond), Port: p.Port}
		if title, _, ok := helium.ReservedPort(p.Port); ok {
			row.Port = title
		}
		row.read(p.Value)
		if len(row.Details) > longestDetails {
			row.Details, row.Cut = strings.ToValidUTF8(row.Details[:longestDetails], ""), true
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *EventRow) read(value json.RawMessage) {
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) != nil || members == nil {
		r.Details = indented(value)
		return
	}
	whole := false
	for name, member := range members {
		switch text := (*string)(nil); {
		case name == "details":
		case name != "kind" && name != "message", json.Unmarshal(member, &text) != nil, text == nil:
			whole = true
		case name == "kind":
			r.Kind = *text
		default:
			r.Message = *text
		}
	}
	details := members["details"]
	switch {
	case whole:
		r.Details = indented(value)
	case len(details) > 0 && string(details) != "null" && string(details) != "{}":
		r.Details = indented(details)
	}
}

// note says how many events are shown.
func (p DevicePage) eventNote() string {
	if len(p.Events) < ShownEvents {
		return ""
	}
	return "the newest " + telemetry.FormatCount(ShownEvents)
}

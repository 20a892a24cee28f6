package influx

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// lastNano is the last stored time that a point can have.
const lastNano int64 = math.MaxInt64 - 1

// span is stored times, both ends included.
type span struct{ from, to int64 }

func (s span) empty() bool { return s.from > s.to }

// length is how long the span is; a length that no Duration can hold is the longest one.
func (s span) length() time.Duration {
	if n := uint64(s.to) - uint64(s.from); n < math.MaxInt64 {
		return time.Duration(n)
	}
	return math.MaxInt64
}

// last is the part of the span that is at most d long and ends with it; first is the one that starts with it.
func (s span) last(d time.Duration) span {
	if s.length() > d {
		s.from = s.to - int64(d)
	}
	return s
}

func (s span) first(d time.Duration) span {
	if s.length() > d {
		s.to = s.from + int64(d)
	}
	return s
}

// backwards cuts a span into parts that follow each other, the newest first, each longer than the one before. The first
// reaches back from top by length.
func backwards(in span, top int64, length time.Duration) []span {
	var out []span
	for {
		part := span{span{in.from, top}.last(length).from, in.to}
		out = append(out, part)
		if part.from <= in.from {
			return out
		}
		in.to, top = part.from-1, part.from-1
		length = longer(length)
	}
}

// oldestSpans gives parts of a span that start like it, each longer than the one before; the last is the whole.
func oldestSpans(in span) []span {
	var out []span
	for d := firstPart; d < in.length()/2; d *= partGrowth {
		out = append(out, in.first(d))
	}
	return append(out, in)
}

// longer is the length of the next part.
func longer(d time.Duration) time.Duration {
	if d > math.MaxInt64/partGrowth {
		return math.MaxInt64
	}
	return d * partGrowth
}

// nano is t as a stored time, held to those that there are.
func nano(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, firstNano)):
		return firstNano
	case t.After(time.Unix(0, lastNano)):
		return lastNano
	}
	return t.UnixNano()
}

// spanOf is the times of a selection. Its end is not one of them.
func spanOf(s helium.Selection) span {
	out := span{firstNano, lastNano}
	if !s.Start.IsZero() {
		if s.Start.After(time.Unix(0, lastNano)) {
			return span{1, 0}
		}
		out.from = nano(s.Start)
	}
	if !s.End.IsZero() && !s.End.After(time.Unix(0, lastNano)) {
		if !s.End.After(time.Unix(0, firstNano)) {
			return span{1, 0}
		}
		out.to = nano(s.End) - 1
	}
	return out
}

// portTags gives the tags under which points of a port may lie: as the dialect escapes it, and as a device wrote it that
// speaks line protocol, unless that is how the dialect escapes another port.
func portTags(port string) []string {
	escaped := helium.EscapePort(port)
	if escaped == port || helium.UnescapePort(port) != port {
		return []string{escaped}
	}
	return []string{escaped, port}
}

// portSets gives the ports of a selection in sets that fit into a query each. A set of nil is all ports.
func portSets(ports []string) [][]string {
	if ports == nil {
		return [][]string{nil}
	}
	return slices.Collect(slices.Chunk(sorted(ports), tagsAtOnce/2))
}

// tagsAtOnce bounds the comparisons of a statement: the planner's price grows with their square.
const tagsAtOnce = 100

// tagSets gives the port tags of a selection in sets that fit into a statement each. A set of nil is all ports.
func tagSets(ports []string) [][]string {
	if ports == nil {
		return [][]string{nil}
	}
	var out [][]string
	seen := map[string]bool{}
	for _, p := range ports {
		for _, tag := range portTags(p) {
			if seen[tag] {
				continue
			}
			seen[tag] = true
			if n := len(out); n == 0 || len(out[n-1]) == tagsAtOnce {
				out = append(out, nil)
			}
			out[len(out)-1] = append(out[len(out)-1], tag)
		}
	}
	return out
}

// heliumWhere is the condition of an owner's points on the ports of a set within a span. The names are told to be tags:
// a field of the same name cannot take their place.
func heliumWhere(owner devices.ID, tags []string, in span) string {
	var b strings.Builder
	b.WriteString(` FROM ` + influxqlIdent(helium.Measurement) + ` WHERE ` + influxqlIdent(telemetry.ClientTag) + `::tag = ` + influxqlString(string(owner)))
	if tags != nil {
		b.WriteString(` AND (` + portCondition(tags) + `)`)
	}
	b.WriteString(` AND time >= ` + strconv.FormatInt(in.from, 10) + ` AND time <= ` + strconv.FormatInt(in.to, 10))
	return b.String()
}

func portCondition(tags []string) string {
	conditions := make([]string, len(tags))
	for i, tag := range tags {
		conditions[i] = influxqlIdent(helium.PortTag) + `::tag = ` + influxqlString(tag)
	}
	return strings.Join(conditions, " OR ")
}

// heliumValues are the fields of which a point has one, or a number and its exact text. A statement that names these
// and no others passes points over that have none of them.
const heliumValues = `"` + helium.NumberField + `", "` + helium.BooleanField + `", "` + helium.TextField + `", "` + helium.JSONField + `"`

// heliumValue is the value in the columns of heliumValues, which start at column i; nil if there is none. The text of
// other JSON is taken if it is JSON: a device that speaks line protocol can have written anything.
func heliumValue(row []json.RawMessage, i int) json.RawMessage {
	if text := qlString(row, i+3); text != "" && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	if isNumber(row[i]) {
		return append(json.RawMessage(nil), row[i]...)
	}
	if v := string(row[i+1]); v == "true" || v == "false" {
		return json.RawMessage(v)
	}
	for _, column := range []int{i + 2, i + 3} {
		if len(row[column]) > 0 && row[column][0] == '"' {
			return plainText(qlString(row, column))
		}
	}
	return nil
}

// plainText is a text as JSON, as short as it can be written.
func plainText(s string) json.RawMessage {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return nil // a string can always be encoded
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}

// madeAt is when a point was made: what its field says, or else its own time, where it came by line protocol.
func madeAt(row []json.RawMessage, i int, at int64) time.Time {
	if i < len(row) && isNumber(row[i]) {
		if t := time.UnixMicro(qlInt(row, i)).UTC(); t.Year() >= 1 && t.Year() <= 9999 {
			return t
		}
	}
	return time.Unix(0, at).UTC().Truncate(time.Microsecond)
}

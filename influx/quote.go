package influx

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The functions of this file are the only way by which a value from outside enters Flux, InfluxQL or a delete
// predicate. Each makes one literal that means exactly the value, whatever the value holds.

// fluxString is s as a Flux string literal. It writes `$` as an escape because Flux interpolates ${…}. A byte that is
// no UTF-8 becomes U+FFFD, which InfluxDB stores in no name and no value that came through line protocol.
func fluxString(s string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for _, r := range s { // an invalid byte arrives here as U+FFFD
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == '$' || r == 0x7f:
			b.WriteString(`\x`)
			b.WriteByte(hex[r>>4])
			b.WriteByte(hex[r&15])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// fluxTime is t as a Flux time literal.
func fluxTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// fluxDuration is d as a Flux duration literal of one unit; d is positive.
func fluxDuration(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}} {
		if d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(d), 10) + "ns"
}

// influxqlIdent is s as a quoted InfluxQL identifier.
func influxqlIdent(s string) string { return `"` + influxqlText(s, '"') + `"` }

// influxqlString is s as an InfluxQL string literal.
func influxqlString(s string) string { return `'` + influxqlText(s, '\'') + `'` }

// influxqlText escapes what InfluxQL can escape. It has no way to write NUL, which ends its input, or a carriage
// return, which it reads as a line break: both become U+FFFD, so that the text then matches nothing.
func influxqlText(s string, quote rune) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		switch r {
		case quote, '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case 0, '\r':
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// influxqlEquals is the condition that a field's text is exactly s. A text that no string literal can hold goes into a
// regular expression, which has escapes for all of it.
func influxqlEquals(name, s string) string {
	if !strings.ContainsAny(s, "\x00\r") {
		return influxqlIdent(name) + " = " + influxqlString(s)
	}
	return influxqlIdent(name) + " =~ " + exactly(s)
}

// exactly is a regular expression that s matches and nothing else.
func exactly(s string) string { return "/^" + influxqlRegex.Replace(regexp.QuoteMeta(s)) + "$/" }

// influxqlRegex writes what would end a regular expression, or InfluxQL's input, in another way.
var influxqlRegex = strings.NewReplacer("/", `\/`, "\x00", `\x00`, "\n", `\n`, "\r", `\r`)

// validText is s as InfluxDB gives it back: each byte that is no UTF-8 becomes U+FFFD. Everything else, NUL included,
// it stores as it is.
func validText(s string) string { return strings.Map(func(r rune) rune { return r }, s) }

// influxqlTime is t as an InfluxQL integer literal of nanoseconds, held to the times that InfluxDB can store.
func influxqlTime(t time.Time) string { return strconv.FormatInt(clamp(t).UnixNano(), 10) }

// predicateString is s as a string of a delete predicate.
func predicateString(s string) string { return `"` + influxqlText(s, '"') + `"` }

// The times that an InfluxDB point can have, with a margin of a day.
var (
	minTime = time.Unix(0, -1<<63).UTC().AddDate(0, 0, 1)
	maxTime = time.Unix(0, 1<<63-1).UTC().AddDate(0, 0, -1)
)

func clamp(t time.Time) time.Time {
	if t.Before(minTime) {
		return minTime
	}
	if t.After(maxTime) {
		return maxTime
	}
	return t.UTC()
}

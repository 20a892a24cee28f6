package telemetry

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Range is one of the time ranges that a dashboard offers: from a length of time ago until now.
type Range struct {
	Name   string // in addresses: "5m", "1d"
	Length time.Duration
}

const day = 24 * time.Hour

// DefaultRange is the range of a dashboard that nobody chose one for.
const DefaultRange = "1d"

// Ranges are the offered time ranges, shortest first.
func Ranges() []Range {
	return []Range{
		{"5m", 5 * time.Minute},
		{"15m", 15 * time.Minute},
		{"1h", time.Hour},
		{"6h", 6 * time.Hour},
		{"1d", day},
		{"3d", 3 * day},
		{"7d", 7 * day},
		{"30d", 30 * day},
	}
}

// Title names a range for a person.
func (r Range) Title() string { return "Past " + r.Name }

// ParseRange finds an offered range by its name; "" is the default one. Its error is a *QueryError.
func ParseRange(parameter, name string) (Range, error) {
	if name == "" {
		name = DefaultRange
	}
	var names []string
	for _, r := range Ranges() {
		if r.Name == name {
			return r, nil
		}
		names = append(names, r.Name)
	}
	return Range{}, &QueryError{parameter, "is one of " + strings.Join(names, ", ")}
}

// QueryError says which parameter of a query makes no sense, and why. It matches ErrBadQuery.
type QueryError struct {
	Parameter string
	Problem   string // continues a sentence that begins with the parameter's name
}

func (e *QueryError) Error() string { return e.Parameter + " " + e.Problem + "." }

// Unwrap gives ErrBadQuery.
func (e *QueryError) Unwrap() error { return ErrBadQuery }

// Times that can be asked for: what fits into the nanoseconds of an int64, with a margin for windows.
var (
	earliest = time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2261, 1, 1, 0, 0, 0, 0, time.UTC)
)

// ParseTime reads a time as RFC 3339 ("2026-11-18T09:00:00Z", with or without seconds' fraction) or as an age such as
// "-30d" or "-1h30m" (units s, m, h, d, w); "now" and "now()" are now. Its error is a *QueryError that names the parameter.
func ParseTime(parameter, text string, now time.Time) (time.Time, error) {
	t, err := parseTime(text, now)
	if err != nil {
		return time.Time{}, &QueryError{parameter, err.Error()}
	}
	return t, nil
}

func parseTime(text string, now time.Time) (time.Time, error) {
	wanted := fmt.Errorf("is a time such as 2026-11-18T09:00:00Z, or an age such as -30d")
	switch {
	case text == "", len(text) > 40:
		return time.Time{}, wanted
	case text == "now", text == "now()":
		return now, nil
	case text[0] == '-':
		age, ok := parseAge(text[1:])
		if !ok {
			return time.Time{}, wanted
		}
		t := now.Add(-age)
		if t.Before(earliest) {
			return time.Time{}, fmt.Errorf("lies too far back")
		}
		return t, nil
	}
	// A plus sign in an address arrives as a space when nobody escaped it.
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	if err != nil {
		return time.Time{}, wanted
	}
	if t.Before(earliest) || t.After(latest) {
		return time.Time{}, fmt.Errorf("lies outside of the years 1678 to 2260")
	}
	return t.UTC(), nil
}

// parseAge reads "30d", "1h30m".
func parseAge(s string) (time.Duration, bool) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': day, 'w': 7 * day}
	var sum time.Duration
	for s != "" {
		digits := 0
		for digits < len(s) && '0' <= s[digits] && s[digits] <= '9' {
			digits++
		}
		if digits == 0 || digits == len(s) {
			return 0, false
		}
		n, err := strconv.ParseInt(s[:digits], 10, 64)
		unit, ok := units[s[digits]]
		if err != nil || !ok || n > int64(math.MaxInt64/unit) {
			return 0, false
		}
		if sum += time.Duration(n) * unit; sum < 0 {
			return 0, false
		}
		s = s[digits+1:]
	}
	return sum, sum > 0
}

// ParseSpan reads the ends of a span of time; stop "" means now. The span is not empty.
// Its error is a *QueryError that names the parameter "start" or "stop".
func ParseSpan(start, stop string, now time.Time) (from, to time.Time, err error) {
	to = now
	if stop != "" {
		if to, err = ParseTime("stop", stop, now); err != nil {
			return time.Time{}, time.Time{}, err
		}
	}
	if from, err = ParseTime("start", start, now); err != nil {
		return time.Time{}, time.Time{}, err
	}
	if !from.Before(to) {
		return time.Time{}, time.Time{}, &QueryError{"start", "lies before stop"}
	}
	return from, to, nil
}

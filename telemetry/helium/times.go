package helium

import "time"

// The years whose times fit into the nanoseconds of an int64 from end to end.
const (
	firstYear = 1678
	lastYear  = 2261
)

const outsideYears = "is outside of the years 1678 to 2261, which can be stored"

// parseTimestamp reads YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS[.fraction]Z, in UTC; what is finer than a microsecond is cut.
// The fraction may be a mere dot: the documentation of the service writes so. The problem continues a sentence that
// begins with the parameter's name; it is "" if the text is a time.
func parseTimestamp(text string) (t time.Time, problem string) {
	const form = "is no time such as 2016-04-07 or 2016-04-07T19:12:06.125Z"
	year, month, day, rest, ok := parseDate(text)
	if !ok {
		return t, form
	}
	var hour, minute, second, micros int
	if rest != "" {
		if hour, minute, second, rest, ok = parseClock(rest); !ok {
			return t, form
		}
		if len(rest) > 0 && rest[0] == '.' {
			micros, rest = parseFraction(rest[1:])
		}
		switch {
		case rest == "":
			return t, "has no Z at its end: times are in UTC"
		case rest[0] == '+' || rest[0] == '-' || rest[0] == ' ': // a plus sign in an address is a space
			return t, "has an offset: times are in UTC and end with Z"
		case rest != "Z":
			return t, form
		}
	}
	switch {
	case second == 60:
		return t, "is a leap second, which cannot be stored: take second 59"
	case hour > 23 || minute > 59 || second > 59:
		return t, "is no time of a day"
	case year < firstYear || year > lastYear:
		return t, outsideYears
	}
	t = time.Date(year, time.Month(month), day, hour, minute, second, micros*1000, time.UTC)
	if t.Day() != day || int(t.Month()) != month {
		return time.Time{}, "is no day of the calendar"
	}
	return t, ""
}

// parseDate reads YYYY-MM-DD at the beginning.
func parseDate(text string) (year, month, day int, rest string, ok bool) {
	if len(text) < 10 || text[4] != '-' || text[7] != '-' {
		return 0, 0, 0, "", false
	}
	year, a := digits(text[:4])
	month, b := digits(text[5:7])
	day, c := digits(text[8:10])
	return year, month, day, text[10:], a && b && c
}

// parseClock reads THH:MM:SS at the beginning.
func parseClock(text string) (hour, minute, second int, rest string, ok bool) {
	if len(text) < 9 || text[0] != 'T' || text[3] != ':' || text[6] != ':' {
		return 0, 0, 0, "", false
	}
	hour, a := digits(text[1:3])
	minute, b := digits(text[4:6])
	second, c := digits(text[7:9])
	return hour, minute, second, text[9:], a && b && c
}

// parseFraction reads the digits at the beginning as a fraction of a second.
func parseFraction(text string) (micros int, rest string) {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		if n < 6 {
			micros = micros*10 + int(text[n]-'0')
		}
		n++
	}
	for i := n; i < 6; i++ {
		micros *= 10
	}
	return micros, text[n:]
}

// digits reads a text of digits only.
func digits(text string) (n int, ok bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = n*10 + int(text[i]-'0')
	}
	return n, true
}

// floor is the largest multiple of step up to n, also below zero.
func floor(n, step int64) int64 {
	rest := n % step
	if rest < 0 {
		rest += step
	}
	return n - rest
}

// storedTime is the first stored time of a microsecond.
func storedTime(micros int64) int64 { return micros * Slots }

// pointTime is the time of a point of a stored time.
func pointTime(at int64) time.Time { return time.Unix(0, floor(at, Slots)).UTC() }

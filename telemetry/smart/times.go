package smart

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxTime is the longest text that is read as a time, in bytes.
const MaxTime = 64

// Times that can be stored, by whole years: the nanoseconds of an int64 count from the epoch.
const (
	firstYear = 1678
	lastYear  = 2261
)

// Years that a number of milliseconds is believed in. Beyond them it is more likely in another unit.
var (
	firstMilli = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	endMilli   = time.Date(2101, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// ParseTime reads a time of the dialect: RFC 3339 with up to nine digits of fraction, `yyyy-mm-dd[ HH:MM:SS[.n]]`, and
// readable dates such as "Thu, September 1st 2016". No zone means UTC. What can be read in two ways is refused: names
// of zones other than UTC and GMT, numbers alone, days and months as numbers in any order but year, month, day, and a
// weekday that is not that of the date. Its error is a *BadRequestError without a place.
func ParseTime(text string) (time.Time, error) {
	at, problem := parseTime(text)
	if problem != nil {
		return time.Time{}, problem
	}
	return time.Unix(0, at).UTC(), nil
}

// ParseMillis reads an integer time, milliseconds since the epoch. One that can only be meant in another unit is
// refused: a year outside 1990 to 2100. Its error is a *BadRequestError without a place.
func ParseMillis(text string) (time.Time, error) {
	at, problem := parseMillis(text)
	if problem != nil {
		return time.Time{}, problem
	}
	return time.Unix(0, at).UTC(), nil
}

func parseMillis(text string) (int64, *BadRequestError) {
	for i := range len(text) {
		if !isDigit(text[i]) && (i > 0 || text[0] != '-') {
			return 0, bad("a time as a number is a whole number of milliseconds since 1970, without fraction and exponent")
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil && (text == "" || text == "-"):
		return 0, bad("a time as a number is a whole number of milliseconds since 1970")
	case err != nil:
		return 0, bad("the number is too large to be a time in milliseconds")
	case n >= firstMilli && n < endMilli:
		return n * int64(time.Millisecond), nil
	}
	const outside = "as milliseconds it lies outside of the years 1990 to 2100"
	switch {
	case n >= firstMilli/1000 && n < endMilli/1000:
		return 0, bad(outside + "; it looks like seconds: multiply by 1000")
	case n/1000 >= firstMilli && n/1000 < endMilli:
		return 0, bad(outside + "; it looks like microseconds: divide by 1000")
	case n/1_000_000 >= firstMilli && n/1_000_000 < endMilli:
		return 0, bad(outside + "; it looks like nanoseconds: divide by 1000000")
	}
	return 0, bad(outside + "; write such a time as text")
}

// parseTime gives Unix nanoseconds.
func parseTime(text string) (int64, *BadRequestError) {
	if len(text) > MaxTime {
		return 0, bad(fmt.Sprintf("a time as text has at most %d bytes", MaxTime))
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return 0, bad("a time cannot be empty")
	case strings.Trim(text, "0123456789") == "":
		return 0, bad("a time of digits alone is a number of milliseconds: write it as a number, without quotes")
	case isISO(text):
		return isoTime(text)
	}
	return readableTime(text)
}

// isISO tells whether a text starts as yyyy-mm-dd.
func isISO(s string) bool {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	_, year := number(s[:4])
	_, month := number(s[5:7])
	_, day := number(s[8:10])
	return year && month && day
}

// number reads decimal digits.
func number(s string) (int, bool) {
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, s != ""
}

// isoTime reads yyyy-mm-dd[(T| )hh:mm[:ss[.n]][zone]] by hand: it is the common form, and a batch has many.
func isoTime(s string) (int64, *BadRequestError) {
	year, _ := number(s[:4])
	month, _ := number(s[5:7])
	day, _ := number(s[8:10])
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, bad("there is no such day")
	}
	rest := s[10:]
	var clock clockTime
	var zone int
	if rest != "" {
		if c := rest[0] | 0x20; c != 't' && c != ' ' {
			return 0, bad("after the day comes a T or a space, and the time of day")
		}
		var problem *BadRequestError
		if clock, rest, problem = isoClock(rest[1:]); problem != nil {
			return 0, problem
		}
		if zone, problem = isoZone(rest); problem != nil {
			return 0, problem
		}
	}
	t := time.Date(year, time.Month(month), day, clock.hour, clock.minute, clock.second, clock.nanos, time.UTC)
	return stored(t.Add(-time.Duration(zone) * time.Second))
}

// stored gives the nanoseconds of a time that the database can hold.
func stored(t time.Time) (int64, *BadRequestError) {
	if t = t.UTC(); t.Year() < firstYear || t.Year() > lastYear {
		return 0, bad(fmt.Sprintf("the time lies outside of the years %d to %d, which are those that can be stored", firstYear, lastYear))
	}
	return t.UnixNano(), nil
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

type clockTime struct{ hour, minute, second, nanos int }

// isoClock reads hh:mm[:ss[.n]]; a comma can stand for the point, as ISO 8601 has it.
func isoClock(s string) (c clockTime, rest string, problem *BadRequestError) {
	const wanted = "the time of day is hh:mm:ss, with a fraction or without"
	two := func(name string, most int) (n int) {
		if problem != nil {
			return 0
		}
		if len(s) < 2 {
			problem = bad(wanted)
			return 0
		}
		n, ok := number(s[:2])
		switch {
		case !ok:
			problem = bad(wanted)
		case n > most && name == "second" && n == 60:
			problem = bad("a leap second has no place of its own in the database; write it as second 59")
		case n > most:
			problem = bad(fmt.Sprintf("there is no %s %d", name, n))
		}
		s = s[2:]
		return n
	}
	c.hour = two("hour", 23)
	if problem == nil && (s == "" || s[0] != ':') {
		problem = bad(wanted)
	}
	if problem != nil {
		return c, "", problem
	}
	s = s[1:]
	c.minute = two("minute", 59)
	if problem != nil || s == "" || s[0] != ':' {
		return c, s, problem
	}
	s = s[1:]
	c.second = two("second", 59)
	if problem != nil || s == "" || s[0] != '.' && s[0] != ',' {
		return c, s, problem
	}
	digits := 1
	for digits < len(s) && isDigit(s[digits]) {
		digits++
	}
	if digits == 1 {
		return c, "", bad("there are no digits after the point")
	}
	if digits > 10 {
		return c, "", bad("a second has at most nine digits of fraction: a nanosecond")
	}
	c.nanos, _ = number(s[1:digits])
	for range 10 - digits {
		c.nanos *= 10
	}
	return c, s[digits:], nil
}

// isoZone reads the rest of a time: nothing, Z, UTC, GMT or an offset, in seconds east of UTC.
func isoZone(s string) (int, *BadRequestError) {
	s = strings.TrimPrefix(s, " ")
	switch s {
	case "", "Z", "z", "UTC", "GMT":
		return 0, nil
	}
	wanted := bad("after the time of day comes Z or an offset such as +02:00; names of zones other than UTC and GMT are not known here")
	digits := strings.Replace(s[1:], ":", "", 1)
	if s[0] != '+' && s[0] != '-' || len(s) == 6 && s[3] != ':' || len(s) != 3 && len(s) != 5 && len(s) != 6 || len(digits) != 2 && len(digits) != 4 {
		return 0, wanted
	}
	hours, ok := number(digits[:2])
	if !ok {
		return 0, wanted
	}
	minutes := 0
	if len(digits) == 4 {
		if minutes, ok = number(digits[2:]); !ok {
			return 0, wanted
		}
	}
	if hours > 23 || minutes > 59 {
		return 0, bad("there is no such offset from UTC")
	}
	offset := hours*3600 + minutes*60
	if s[0] == '-' {
		offset = -offset
	}
	return offset, nil
}

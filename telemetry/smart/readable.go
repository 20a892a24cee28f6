package smart

import (
	"strings"
	"time"

	"github.com/itlightning/dateparse"
)

// readableTime reads dates as people write them: "Thu, September 1st 2016". The library that does it is generous: it
// reads unknown zone names as UTC, and more. So the text is held to known words before, and the answer to the text after.
func readableTime(text string) (int64, *BadRequestError) {
	words, problem := readWords(text)
	if problem != nil {
		return 0, problem
	}
	t, err := dateparse.ParseStrict(words.text)
	if err != nil || words.month != 0 && t.Month() != words.month || t.Year() != words.year || !words.hasDay(t.Day()) {
		return 0, bad("this is no time that can be read; write it as 2016-09-01T12:30:00Z")
	}
	if words.hasWeekday && t.Weekday() != words.weekday {
		// One of the two is wrong, and nobody here can tell which.
		return 0, bad("the weekday is not that of the date, which is a " + t.Weekday().String())
	}
	return stored(t)
}

// words are what a readable date is made of.
type words struct {
	text       string // with the words that the library does not know replaced
	month      time.Month
	weekday    time.Weekday
	hasWeekday bool
	year       int
	days       []int // numbers of one or two digits
}

func (w words) hasDay(day int) bool {
	for _, d := range w.days {
		if d == day {
			return true
		}
	}
	return false
}

// readWords takes a text apart and refuses what is not known or can be read in two ways.
func readWords(text string) (words, *BadRequestError) {
	var w words
	var out strings.Builder
	years := 0
	for i := 0; i < len(text); {
		start := i
		switch c := text[i]; {
		case isLetter(c):
			for i < len(text) && isLetter(text[i]) {
				i++
			}
			word, problem := w.word(text[start:i], start > 0 && isDigit(text[start-1]))
			if problem != nil {
				return w, problem
			}
			out.WriteString(word)
			continue
		case isDigit(c):
			for i < len(text) && isDigit(text[i]) {
				i++
			}
			run := text[start:i]
			n, _ := number(run)
			before := byte(0)
			if start > 0 {
				before = text[start-1]
			}
			switch {
			case before == ':' && n == 60:
				return w, bad("a leap second has no place of its own in the database; write it as second 59")
			case len(run) > 9:
				return w, bad("a second has at most nine digits of fraction: a nanosecond")
			case len(run) <= 2:
				w.days = append(w.days, n)
			case len(run) == 4 && before != '.' && before != '+' && before != '-':
				w.year = n
				years++
			case len(run) == 4 && before == '-' && years == 0: // 01-Sep-2016
				w.year = n
				years++
			}
			out.WriteString(run)
			continue
		case strings.IndexByte(" ,:./+-", c) < 0:
			return w, bad("there is a character that no time has; write it as 2016-09-01T12:30:00Z")
		}
		out.WriteByte(text[i])
		i++
	}
	switch {
	case w.month == 0 && !yearFirst(text):
		return w, bad("day and month as numbers can be read in two ways; write the time as 2016-09-01T12:30:00Z, or the month by its name")
	case years != 1:
		return w, bad("a time has one year of four digits")
	}
	w.text = strings.Join(strings.Fields(out.String()), " ")
	return w, nil
}

// yearFirst tells whether a text starts with four digits and no more: year, month, day is the one order of numbers
// that is nowhere read in another way.
func yearFirst(text string) bool {
	if len(text) < 5 || isDigit(text[4]) {
		return false
	}
	_, ok := number(text[:4])
	return ok
}

func isLetter(c byte) bool { c |= 0x20; return 'a' <= c && c <= 'z' }

// word judges a word, and gives what the library knows in its place.
func (w *words) word(word string, afterDigit bool) (string, *BadRequestError) {
	lower := strings.ToLower(word)
	if afterDigit {
		switch lower {
		case "st", "nd", "rd", "th", "am", "pm", "z", "t":
			return word, nil
		}
	}
	switch lower {
	case "am", "pm", "utc", "gmt", "z":
		return word, nil
	case "of": // the 1st of September
		return "", nil
	case "sept":
		lower = "sep"
	}
	for m := time.January; m <= time.December; m++ {
		if short, ok := nameOf(lower, m.String()); ok {
			if w.month != 0 {
				return "", bad("a time has one month")
			}
			w.month = m
			return short, nil
		}
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if short, ok := nameOf(lower, d.String()); ok {
			if w.hasWeekday {
				return "", bad("a time has one weekday")
			}
			w.weekday, w.hasWeekday = d, true
			return short, nil
		}
	}
	return "", bad("the word " + shown(word) + " is not known; names of zones other than UTC and GMT are not: write an offset such as +02:00")
}

// nameOf tells whether a word is a name, whole or by its first three letters, and gives it in the same length.
func nameOf(lower, name string) (string, bool) {
	return name[:min(len(name), max(3, len(lower)))], lower == strings.ToLower(name) || lower == strings.ToLower(name[:3])
}

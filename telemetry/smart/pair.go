package smart

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"iotcenter/telemetry"
)

// parsePair reads `[time, value]`. The text is valid JSON already, so that it can be cut without a parser's care; a
// batch is mostly pairs, and this is where its time goes.
func parsePair(text []byte) (Pair, *BadRequestError) {
	rest := skipSpace(text[1:])
	if rest[0] == ']' {
		return Pair{}, bad("a data point is [time, value], and this list is empty")
	}
	when, rest := cutValue(rest)
	rest = skipSpace(rest)
	if rest[0] == ']' {
		return Pair{}, bad("a data point is [time, value], and there is no value")
	}
	what, rest := cutValue(skipSpace(rest[1:]))
	if skipSpace(rest)[0] != ']' {
		return Pair{}, bad("a data point is [time, value], and there is more")
	}
	at, problem := pairTime(when)
	if problem != nil {
		return Pair{}, problem
	}
	value, problem := parseValue(what)
	return Pair{at, value}, problem
}

// skipSpace steps over JSON's white space.
func skipSpace(b []byte) []byte {
	for b[0] == ' ' || b[0] == '\n' || b[0] == '\t' || b[0] == '\r' {
		b = b[1:]
	}
	return b
}

// cutValue cuts the value off that valid JSON starts with. Of a list or an object it gives the bracket alone as the
// value, and the rest to its end.
func cutValue(b []byte) (value, rest []byte) {
	switch b[0] {
	case '"':
		end := stringEnd(b)
		return b[:end], b[end:]
	case '[', '{':
		depth := 0
		for i := 0; ; i++ {
			switch b[i] {
			case '"':
				i += stringEnd(b[i:]) - 1
			case '[', '{':
				depth++
			case ']', '}':
				if depth--; depth == 0 {
					return b[:1], b[i+1:]
				}
			}
		}
	}
	end := 0
	for b[end] > ' ' && b[end] != ',' && b[end] != ']' {
		end++
	}
	return b[:end], b[end:]
}

// stringEnd is the length of the JSON string that b starts with.
func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
}

func pairTime(text []byte) (int64, *BadRequestError) {
	switch c := text[0]; {
	case c == '"' && bytes.IndexByte(text, '\\') < 0:
		return parseTime(string(text[1 : len(text)-1]))
	case c == '"':
		plain, _ := jsontext.AppendUnquote(nil, text) // the decoder has seen that it is valid
		return parseTime(string(plain))
	case c == '-', isDigit(c):
		return parseMillis(string(text))
	}
	return 0, bad("the time of a data point is a whole number of milliseconds, or a text")
}

func parseValue(text []byte) (Value, *BadRequestError) {
	switch c := text[0]; {
	case c == 't', c == 'f':
		return Value{Kind: telemetry.KindBoolean, Bool: c == 't'}, nil
	case c == '"':
		if len(text) > 6*MaxText+2 { // not even escapes make it small enough
			return Value{}, textTooLong()
		}
		var plain string
		if bytes.IndexByte(text, '\\') < 0 {
			plain = string(text[1 : len(text)-1])
		} else {
			unquoted, _ := jsontext.AppendUnquote(nil, text)
			plain = string(unquoted)
		}
		if len(plain) > MaxText {
			return Value{}, textTooLong()
		}
		return Value{Kind: telemetry.KindString, Text: plain}, nil
	case c == '-', isDigit(c):
		return parseNumber(text)
	case c == 'n':
		return Value{}, bad("the value is null; leave the data point out")
	}
	return Value{}, bad("a value is a number, a boolean or a text")
}

func textTooLong() *BadRequestError {
	return bad(fmt.Sprintf("a text has at most %d bytes", MaxText))
}

// parseNumber reads a JSON number. A whole number that no type can hold exactly is refused; a fraction is rounded to
// the nearest float, as everywhere.
func parseNumber(text []byte) (Value, *BadRequestError) {
	v := Value{Kind: telemetry.KindFloat}
	digits := text
	if digits[0] == '-' {
		digits = digits[1:]
	}
	whole := true
	for _, c := range digits {
		if !isDigit(c) {
			whole = false
			break
		}
	}
	if whole {
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			v.Whole, v.Integer, v.Number = true, n, float64(n)
			if n == 0 && text[0] == '-' {
				v.Number = math.Copysign(0, -1)
			}
			return v, nil
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	switch {
	case err != nil:
		return Value{}, bad("the number is too large to be stored")
	case whole && strconv.FormatFloat(f, 'f', 0, 64) != string(text):
		return Value{}, bad("the number has more digits than can be stored; send it as a text")
	}
	v.Number = f
	if f == math.Trunc(f) && f >= -(1<<63) && f < 1<<63 {
		v.Whole, v.Integer = true, int64(f)
	}
	return v, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

package telemetry

import (
	"bytes"
	"math"
	"strconv"
)

// section says which bytes end a name.
type section uint8

const (
	inMeasurement section = 1 << iota // ends at a comma or a space
	inKey                             // also at an equals sign
	control                           // never allowed in a name
	beyond                            // beyond ASCII
)

// classes says of each byte in which sections it ends a name, and whether it is a control character.
var classes = func() (c [256]section) {
	for i := range c {
		switch {
		case i < 0x20, i == 0x7f:
			c[i] = inMeasurement | inKey | control
		case i >= 0x80:
			c[i] = beyond
		}
	}
	c[','] = inMeasurement | inKey
	c[' '] = inMeasurement | inKey
	c['='] = inKey
	return c
}()

// token reads a measurement, a tag's name or value, or a field's name, up to the byte that ends it, escapes as they are.
func (s *scanner) token(in section) ([]byte, error) {
	body, i, start := s.body, s.at, s.at
	for i < len(body) {
		c := body[i]
		if c == '\\' {
			run := i
			for i < len(body) && body[i] == '\\' {
				i++
			}
			if i == len(body) {
				break
			}
			if next := body[i]; next == ',' || next == '=' || next == ' ' {
				if (i-run)%2 == 0 {
					// For some parsers the last backslash escapes this byte, for others the one before it escapes the last.
					s.at = i
					return nil, s.fail("there are two backslashes before a comma, a space or an equals sign")
				}
				i++
			}
			continue
		}
		class := classes[c]
		if class == 0 {
			i++
			continue
		}
		if class&in != 0 {
			if class&control != 0 && c != '\n' && c != '\r' {
				s.at = i
				return nil, s.fail("there is a control character in a name")
			}
			break
		}
		if class&beyond != 0 {
			s.high = true
		}
		i++
	}
	s.at = i
	return body[start:i], nil
}

// value reads a field's value.
func (s *scanner) value(key []byte) error {
	if s.at == len(s.body) {
		return s.fail("the field " + quote(key) + " has no value")
	}
	if s.body[s.at] == '"' {
		return s.text(key)
	}
	start := s.at
	for s.at < len(s.body) {
		if c := s.body[s.at]; c == ',' || c <= ' ' {
			break
		}
		s.at++
	}
	value := s.body[start:s.at]
	if len(value) == 0 {
		return s.fail("the field " + quote(key) + " has no value")
	}
	if !validNumber(value) && !validBool(value) {
		return s.fail("the value " + quote(value) + " of the field " + quote(key) + " is no number, no text in quotes and no boolean")
	}
	return nil
}

// text reads a value in quotes. It may have line breaks.
func (s *scanner) text(key []byte) error {
	line := s.line
	for i := s.at + 1; i < len(s.body); i++ {
		switch c := s.body[i]; {
		case c == '"':
			s.at = i + 1
			return nil
		case c == '\\':
			if i+1 < len(s.body) && (s.body[i+1] == '"' || s.body[i+1] == '\\') {
				i++
			}
		case c == '\n':
			s.line++
		case c >= 0x80:
			s.high = true
		}
	}
	s.line = line
	return s.fail("the text of the field " + quote(key) + " has no closing quote")
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// validNumber tells whether b is a float, an integer (i) or an unsigned integer (u) that fits its type.
func validNumber(b []byte) bool {
	rest := bytes.TrimPrefix(b, []byte{'-'})
	whole := countDigits(rest)
	rest = rest[whole:]
	switch {
	case len(rest) == 1 && rest[0] == 'i':
		if whole < 18 {
			return whole > 0
		}
		_, err := strconv.ParseInt(string(b[:len(b)-1]), 10, 64)
		return err == nil
	case len(rest) == 1 && rest[0] == 'u':
		_, err := strconv.ParseUint(string(b[:len(b)-1]), 10, 64)
		return err == nil
	}
	digits := whole
	if len(rest) > 0 && rest[0] == '.' {
		n := countDigits(rest[1:])
		digits += n
		rest = rest[1+n:]
	}
	if digits == 0 {
		return false
	}
	if len(rest) == 0 && digits < 300 {
		return true
	}
	if len(rest) > 0 && rest[0] != 'e' && rest[0] != 'E' {
		return false // hexadecimal floats, underscores, and the like
	}
	f, err := strconv.ParseFloat(string(b), 64)
	return err == nil && !math.IsInf(f, 0)
}

func countDigits(b []byte) int {
	n := 0
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	return n
}

func validBool(b []byte) bool {
	switch string(b) {
	case "t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE":
		return true
	}
	return false
}

// quote shows a piece of input in a message, cut to a length that a person can read.
func quote(b []byte) string {
	const most = 64
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "…"
	}
	return strconv.Quote(string(b))
}

package embedded

import (
	"bytes"
	"time"

	"github.com/influxdata/influxdb/models"
)

// enginePrecision translates a precision of the 2.x API into the engine's word.
func enginePrecision(p string) (string, error) {
	switch p {
	case "", "ns", "n":
		return "n", nil
	case "us", "u":
		return "u", nil
	case "ms", "s":
		return p, nil
	}
	return "", errInvalid("invalid precision; valid precision units are ns, us, ms, and s")
}

// parsePoints reads line protocol. One malformed line refuses the whole body,
// and the error names the line.
func parsePoints(body []byte, now time.Time, precision string) ([]models.Point, error) {
	points, err := models.ParsePointsWithPrecision(body, now, precision)
	if err != nil {
		return nil, firstBadLine(body, now, precision, err)
	}
	if len(points) == 0 {
		return nil, errInvalid("writing requires points")
	}
	return points, nil
}

// firstBadLine looks for the line to blame: the parser only tells what is
// wrong. It runs when there is an error, so it may take its time.
func firstBadLine(body []byte, now time.Time, precision string, whole error) error {
	number := 1
	for len(body) > 0 {
		length := lineLength(body)
		line := body[:length]
		if _, err := models.ParsePointsWithPrecision(line, now, precision); err != nil {
			e := errInvalid("line %d: %s", number, shorten(err.Error()))
			e.line = number
			return e
		}
		number += bytes.Count(line, []byte{'\n'}) // a quoted value may span lines
		body = body[length:]
	}
	return errInvalid("%s", shorten(whole.Error()))
}

// shorten keeps a megabyte line out of the answer.
func shorten(s string) string {
	const most = 512
	if len(s) <= most {
		return s
	}
	return s[:most/2] + " … " + s[len(s)-most/2:]
}

// lineLength is the length of the first line, its newline included, by the
// parser's own rule: a newline inside a quoted field value does not end it, and
// quotes mean nothing in tags and in names of fields.
func lineLength(body []byte) int {
	if start := bytes.TrimLeft(body, " \t\r\x00"); len(start) > 0 && start[0] == '#' {
		if i := bytes.IndexByte(body, '\n'); i >= 0 {
			return i + 1
		}
		return len(body)
	}
	inFields, quoted, equals, commas := false, false, 0, 0
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '\\' && i+2 < len(body):
			i++
		case c == '\n' && !quoted:
			return i + 1
		case c == ' ':
			inFields = true
		case !inFields:
		case c == '=' && !quoted:
			equals++
		case c == ',' && !quoted:
			commas++
		case c == '"' && equals > commas:
			quoted = !quoted
		}
	}
	return len(body)
}

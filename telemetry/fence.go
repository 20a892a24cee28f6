package telemetry

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"iotcenter/devices"
)

// MaxPoints is how many points one body may have: the fence makes each of them longer.
const MaxPoints = 1_000_000

// FutureLimit is how far ahead of the clock a point's time may lie.
const FutureLimit = 24 * time.Hour

// imeiTag is another tag that names the device that writes.
const imeiTag = "product_imei"

// LineError says what is wrong with a line of line protocol. It matches its Kind: ErrMalformed, ErrForeignTag or ErrRejected.
type LineError struct {
	Line    int // counted from 1
	Problem string
	Kind    error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

// Unwrap gives the error's kind.
func (e *LineError) Unwrap() error { return e.Kind }

// Fence makes sure that a body of line protocol has points of this device only: it adds the tag clientId where it is
// missing, and refuses a clientId or a product_imei that is another's. It gives the lines to write, without comments
// and blank lines, otherwise with every byte as it came, and the number of points. body is not changed.
//
// The grammar is stricter than a database's, and on purpose: what the known parsers of line protocol read in
// different ways is refused, or a line could look fenced here and be two lines there. Fields and values stay the
// database's to judge where they do no harm.
//
// Points of no device (id "") get no clientId and may have none; their product_imei is anybody's. A field of the schema
// (see Schema) has to have the type that it has there.
//
// Errors are *LineError with ErrMalformed, ErrForeignTag or ErrRejected; nothing of the body is to be written then.
func Fence(body []byte, id devices.ID) (lines []byte, points int, err error) {
	return fence(body, id, 0, math.MaxInt64, false)
}

// FenceAt is Fence, and also refuses points more than FutureLimit after now (ErrRejected); points of any past time pass.
// A line without a time stamp is of now. Points of the measurement Helium are refused (ErrRejected): only its dialect knows
// how they have to lie, so that none replaces another and their ports stay few.
func FenceAt(body []byte, id devices.ID, precision Precision, now time.Time) (lines []byte, points int, err error) {
	return fence(body, id, precision.Unit(), now.Add(FutureLimit).UnixNano(), true)
}

// fenceDialect is FenceAt for lines that the app makes itself.
func fenceDialect(body []byte, id devices.ID, precision Precision, now time.Time) (lines []byte, points int, err error) {
	return fence(body, id, precision.Unit(), now.Add(FutureLimit).UnixNano(), false)
}

// fence does the work; unit 0 lets any time pass.
func fence(body []byte, id devices.ID, unit time.Duration, latest int64, plain bool) ([]byte, int, error) {
	s := scanner{body: body, line: 1, id: string(id), unit: int64(unit), latest: latest, plain: plain}
	insert := "," + ClientTag + "=" + s.id
	out := make([]byte, 0, len(body)+len(body)/8+len(insert)+1)
	points := 0
	for s.nextLine() {
		start, line := s.at, s.line
		cut, end, err := s.point()
		if err != nil {
			return nil, 0, err
		}
		if s.high && !utf8.Valid(body[start:end]) {
			return nil, 0, &LineError{line, "it is not valid UTF-8", ErrMalformed}
		}
		if points++; points > MaxPoints {
			return nil, 0, &LineError{line, fmt.Sprintf("a request has at most %d points", MaxPoints), ErrMalformed}
		}
		if cut < 0 { // it has the tag
			out = append(out, body[start:end]...)
		} else {
			out = append(out, body[start:cut]...)
			out = append(out, insert...)
			out = append(out, body[cut:end]...)
		}
		out = append(out, '\n')
	}
	return out, points, nil
}

// scanner reads line protocol once, from front to back.
type scanner struct {
	body   []byte
	at     int
	line   int // of body[at]
	id     string
	unit   int64
	latest int64
	high   bool               // the line has bytes beyond ASCII
	plain  bool               // no dialect of the app's made the lines
	schema map[string]Schemed // of the line's measurement; nil for most
}

func (s *scanner) fail(problem string) error { return &LineError{s.line, problem, ErrMalformed} }

// nextLine moves to the first byte of the next point; false at the end.
func (s *scanner) nextLine() bool {
	for s.at < len(s.body) {
		switch c := s.body[s.at]; {
		case c == ' ':
			s.at++
		case c == '#':
			for s.at < len(s.body) && s.body[s.at] != '\n' {
				s.at++
			}
		case s.endOfLine():
		default:
			s.high = false
			return true
		}
	}
	return false
}

// endOfLine steps over LF, CR LF, or a CR before the end; it tells whether there was one, or the end itself.
func (s *scanner) endOfLine() bool {
	i := s.at
	if i < len(s.body) && s.body[i] == '\r' {
		i++
	}
	if i < len(s.body) {
		if s.body[i] != '\n' {
			return false
		}
		i++
		s.line++
	}
	s.at = i
	return true
}

// point reads a point and its end of line. cut is where the tag belongs, or -1 if the point has it; end is the end of
// what is to be written.
func (s *scanner) point() (cut, end int, err error) {
	measurement, err := s.token(inMeasurement)
	if err != nil {
		return 0, 0, err
	}
	if len(measurement) == 0 {
		return 0, 0, s.fail("it does not start with a measurement")
	}
	if s.schema = schemas[string(measurement)]; s.plain && string(measurement) == Helium {
		return 0, 0, &LineError{s.line, "the measurement " + Helium + " is written by way of /v1/sensor/…/timeseries alone", ErrRejected}
	}
	if cut, err = s.tags(); err != nil {
		return 0, 0, err
	}
	s.spaces()
	if end, err = s.fields(); err != nil {
		return 0, 0, err
	}
	return cut, end, nil
}

// tags reads `,key=value…` up to the space before the fields, and checks those that name the device.
func (s *scanner) tags() (cut int, err error) {
	cut = s.at
	own, imei, passed := false, false, false
	for s.at < len(s.body) && s.body[s.at] == ',' {
		s.at++
		key, err := s.token(inKey)
		if err != nil {
			return 0, err
		}
		if len(key) == 0 {
			return 0, s.fail("a tag has no name")
		}
		if s.at == len(s.body) || s.body[s.at] != '=' {
			return 0, s.fail("there is no = after the tag " + quote(key))
		}
		s.at++
		value, err := s.token(inKey)
		if err != nil {
			return 0, err
		}
		if len(value) == 0 {
			return 0, s.fail("the tag " + quote(key) + " has no value")
		}
		switch string(key) {
		case ClientTag, imeiTag:
			if string(value) != s.id && (s.id != "" || string(key) == ClientTag) {
				if s.id == "" {
					return 0, &LineError{s.line, "the tag clientId is the app's own, and these points are of no device", ErrForeignTag}
				}
				return 0, &LineError{s.line, fmt.Sprintf("the tag %s is %s, and the token is that of %s", key, quote(value), s.id), ErrForeignTag}
			}
			seen := &own
			if string(key) == imeiTag {
				seen = &imei
			}
			if *seen {
				return 0, s.fail("the tag " + string(key) + " occurs twice")
			}
			*seen = true
		case "_measurement", "_field", "_value", "_time", "_start", "_stop", "time":
			// Queries over all devices have columns of these names.
			return 0, s.fail("the tag name " + quote(key) + " is reserved")
		}
		// In its place by name, where the others are sorted as they should be.
		if !passed && string(key) < ClientTag {
			cut = s.at
		} else {
			passed = true
		}
	}
	switch {
	case s.at == len(s.body) || s.body[s.at] == '\n' || s.body[s.at] == '\r':
		return 0, s.fail("it has no fields")
	case s.body[s.at] != ' ':
		return 0, s.fail("there is a " + quote(s.body[s.at:s.at+1]) + " where a comma or a space should be")
	case own, s.id == "":
		cut = -1
	}
	return cut, nil
}

func (s *scanner) spaces() {
	for s.at < len(s.body) && s.body[s.at] == ' ' {
		s.at++
	}
}

// fields reads the fields, the time stamp and the end of the line.
func (s *scanner) fields() (end int, err error) {
	for {
		key, err := s.token(inKey)
		if err != nil {
			return 0, err
		}
		if len(key) == 0 {
			return 0, s.fail("it has no field, or one without a name")
		}
		if s.at == len(s.body) || s.body[s.at] != '=' {
			return 0, s.fail("there is no = after the field " + quote(key))
		}
		if name := string(key); name == ClientTag || name == imeiTag {
			// A field of this name would stand for the tag in queries that compare it.
			return 0, s.fail(name + " is a tag and cannot be a field")
		}
		s.at++
		start := s.at
		if err := s.value(key); err != nil {
			return 0, err
		}
		if s.schema != nil {
			if err := s.expect(key, s.body[start:s.at]); err != nil {
				return 0, err
			}
		}
		if s.at < len(s.body) && s.body[s.at] == ',' {
			s.at++
			continue
		}
		break
	}
	end = s.at
	if s.endOfLine() {
		return end, nil
	}
	if s.body[s.at] != ' ' {
		return 0, s.fail("there is a " + quote(s.body[s.at:s.at+1]) + " after a field's value")
	}
	s.spaces()
	if s.endOfLine() {
		return end, nil
	}
	if err := s.time(); err != nil {
		return 0, err
	}
	end = s.at
	s.spaces()
	if !s.endOfLine() {
		return 0, s.fail("there is text after the time stamp")
	}
	return end, nil
}

// expect holds a field's value, which is in order, to the schema of its measurement. An unsigned integer is no integer: the
// database keeps them as types of their own, and the first one would decide for all that follow.
func (s *scanner) expect(key, value []byte) error {
	want, known := s.schema[string(key)]
	if !known {
		return nil
	}
	is := KindFloat
	switch last := value[len(value)-1]; {
	case last == '"':
		is = KindString
	case last == 'i':
		is = KindInteger
	case last == 'u':
		is = KindUnsigned
	case !isDigit(last) && last != '.':
		is = KindBoolean
	}
	if is == want.Kind {
		return nil
	}
	return &LineError{s.line, fmt.Sprintf("the field %s has the type %s, and this value is of type %s", want.Name, want.Kind, is), ErrRejected}
}

// time reads a time stamp.
func (s *scanner) time() error {
	start, negative := s.at, s.body[s.at] == '-'
	if negative {
		s.at++
	}
	var n uint64
	digits := s.at
	for s.at < len(s.body) && isDigit(s.body[s.at]) {
		d := uint64(s.body[s.at] - '0')
		if n > (math.MaxInt64-d)/10 {
			return s.fail("the time stamp is out of range")
		}
		n = n*10 + d
		s.at++
	}
	if s.at == digits {
		return s.fail("there is " + quote(s.body[start:min(start+20, len(s.body))]) + " where a time stamp should be")
	}
	if s.unit == 0 {
		return nil
	}
	switch {
	case negative && int64(n) > math.MaxInt64/s.unit:
		return s.fail("the time stamp is out of range for its precision")
	case !negative && int64(n) > s.latest/s.unit:
		return &LineError{s.line, "its time is more than a day in the future; is the clock right, and the precision?", ErrRejected}
	}
	return nil
}

package helium

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep objects and arrays of a value may be nested.
const maxDepth = 100

// compact checks a value and takes the whitespace out. Texts get their shortest form; numbers stay as they were written.
// The problem continues a sentence that begins with the parameter's name; it is "" if the value is in order.
func compact(raw []byte) (value json.RawMessage, problem string) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, "is missing"
	}
	value, err := jsontext.AppendFormat(nil, raw)
	if err != nil {
		return nil, "is " + jsonProblem(err)
	}
	if len(value) > MaxValue {
		return nil, fmt.Sprintf("is longer than %d bytes", MaxValue)
	}
	if deeper(value, maxDepth) {
		return nil, fmt.Sprintf("is nested deeper than %d levels", maxDepth)
	}
	return value, ""
}

// jsonProblem says what is wrong with JSON, in words that fit after "is".
func jsonProblem(err error) string {
	var syntax *jsontext.SyntacticError
	where := ""
	if errors.As(err, &syntax) && syntax.ByteOffset > 0 {
		where = fmt.Sprintf(" (at byte %d)", syntax.ByteOffset)
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return "JSON with an object that has a name twice" + where
	}
	return "no valid JSON" + where
}

// deeper tells whether valid JSON is nested deeper than a number of levels.
func deeper(value []byte, levels int) bool {
	depth, text := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			if depth++; depth > levels {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// fields is a value as it is written: each part in the field that fits it.
type fields struct {
	number  float64
	boolean bool
	text    string

	hasNumber, hasBoolean, hasText bool
	json                           []byte // nil: none
}

// split finds the fields for a compact value. A number goes into `number`, so that the database can compute with it, and
// its text into `json` too where a float64 is not exactly that number.
func split(value []byte) (f fields) {
	switch value[0] {
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return fields{json: value} // compact has let pass valid texts only
		}
		f.text, f.hasText = string(text), true
	case 't', 'f':
		f.boolean, f.hasBoolean = value[0] == 't', true
	case '{', '[', 'n':
		f.json = value
	default:
		number, err := strconv.ParseFloat(string(value), 64)
		f.hasNumber = err == nil && !math.IsInf(number, 0)
		if f.hasNumber {
			f.number = number
		}
		if !f.hasNumber || !sameDecimal(string(value), strconv.FormatFloat(number, 'e', -1, 64)) {
			f.json = value
		}
	}
	return f
}

// sameDecimal tells whether two JSON numbers are the same number: 1.50 is 15e-1.
func sameDecimal(a, b string) bool {
	aNegative, aDigits, aExponent := decimal(a)
	bNegative, bDigits, bExponent := decimal(b)
	return aNegative == bNegative && aDigits == bDigits && aExponent == bExponent
}

// decimal takes a JSON number apart: the digits without zeros at the ends, and the power of ten that a decimal point
// before the first digit has to be moved by. Zero has no digits.
func decimal(number string) (negative bool, digits string, exponent int) {
	number, negative = strings.CutPrefix(number, "-")
	mantissa := number
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		mantissa = number[:i]
		exponent = smallInt(number[i+1:])
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent += len(whole)
	digits = whole + fraction
	trimmed := strings.TrimLeft(digits, "0")
	exponent -= len(digits) - len(trimmed)
	trimmed = strings.TrimRight(trimmed, "0")
	if trimmed == "" {
		return negative, "", 0
	}
	return negative, trimmed, exponent
}

// smallInt reads an exponent of any length; one far beyond every float is as good as another.
func smallInt(text string) int {
	const far = 1 << 40
	text, negative := strings.CutPrefix(text, "-")
	n := 0
	for _, c := range strings.TrimPrefix(text, "+") {
		n = min(n*10+int(c-'0'), far)
	}
	if negative {
		return -n
	}
	return n
}

package handlers

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"iotcenter/devices"
)

// metadataFilter is filter[metadata]: it keeps the sensors whose metadata contain a JSON object. Without one it keeps all.
func metadataFilter(q url.Values) (keep func(devices.Profile) bool, err error) {
	if !q.Has("filter[metadata]") {
		return func(devices.Profile) bool { return true }, nil
	}
	text := jsontext.Value(q.Get("filter[metadata]"))
	refused := badRequest("filter[metadata]", "filter[metadata] is a JSON object.")
	if !text.IsValid() { // names that stand twice are none
		return nil, refused
	}
	decoded, err := exactly(text)
	if err != nil {
		return nil, refused
	}
	want, isObject := byValue(decoded).(map[string]any)
	if !isObject {
		return nil, refused
	}
	return func(p devices.Profile) bool {
		if len(p.Attributes) == 0 {
			return len(want) == 0
		}
		have, err := exactly(p.Attributes)
		return err == nil && contains(byValue(have), want)
	}, nil
}

// contains tells whether JSON contains other JSON, as PostgreSQL's @> does: of an object every wanted member is there, of
// an array every wanted element is contained in one that is there, wherever it stands and however often it is wanted;
// anything else is equal.
func contains(have, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for name, value := range want {
			if inner, found := object[name]; !found || !contains(inner, value) {
				return false
			}
		}
		return true
	case []any:
		list, ok := have.([]any)
		if !ok {
			return false
		}
		for _, value := range want {
			if !anyContains(list, value) {
				return false
			}
		}
		return true
	default:
		switch have.(type) {
		case map[string]any, []any:
			return false
		}
		return have == want
	}
}

func anyContains(list []any, want any) bool {
	for _, have := range list {
		if contains(have, want) {
			return true
		}
	}
	return false
}

// decimal is a JSON number by its value, whatever way it was written in: 1, 1.0 and 10e-1 are one.
type decimal struct {
	negative bool
	digits   string // without zeros at either end; "" is 0
	exponent int64  // of ten, behind the last digit
}

// byValue makes the numbers of decoded JSON comparable. It changes what it is given.
func byValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = byValue(v[name])
		}
	case []any:
		for i := range v {
			v[i] = byValue(v[i])
		}
	case json.Number:
		return decimalOf(string(v))
	}
	return v
}

// decimalOf reads a number in JSON's form.
func decimalOf(text string) decimal {
	var n decimal
	text, n.negative = strings.CutPrefix(text, "-")
	mantissa, power := text, "0"
	if e := strings.IndexAny(text, "eE"); e >= 0 {
		mantissa, power = text[:e], text[e+1:]
	}
	exponent, err := strconv.ParseInt(power, 10, 64)
	if err != nil || exponent > 1<<40 || exponent < -1<<40 {
		n.digits = text // beyond what anybody counts: equal if it is written the same way
		return n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	n.digits = strings.TrimRight(digits, "0")
	if n.digits == "" {
		return decimal{}
	}
	n.exponent = exponent - int64(len(fraction)) + int64(len(digits)-len(n.digits))
	return n
}

package telemetry

import (
	"math"
	"strconv"
	"strings"
)

// FormatNumber writes a number for a person: so many digits after the point, and commas between thousands from
// 10,000 up. What is no number is a dash.
func FormatNumber(v float64, decimals int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	if math.Abs(v) >= 1e15 {
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	s := strconv.FormatFloat(v, 'f', max(decimals, 0), 64)
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	sign := ""
	if s[0] == '-' && strings.Trim(whole+fraction, "0") != "" { // there is no minus zero for people
		sign = "−"
	}
	if len(whole) > 4 {
		whole = group(whole)
	}
	if fraction != "" {
		fraction = "." + fraction
	}
	return sign + whole + fraction
}

// FormatCount writes a count for a person, with commas between thousands: "13,284".
func FormatCount(n int) string {
	if n < 0 {
		return "−" + group(strconv.Itoa(n)[1:])
	}
	return group(strconv.Itoa(n))
}

// Format writes a value of the field for a person, without its unit.
func (f Field) Format(v float64) string { return FormatNumber(v, f.Decimals) }

// group puts commas between thousands.
func group(digits string) string {
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

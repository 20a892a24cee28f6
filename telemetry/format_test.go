package telemetry

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestFormatNumber(t *testing.T) {
	for _, c := range []struct {
		v        float64
		decimals int
		want     string
	}{
		{0, 0, "0"}, {0, 2, "0.00"}, {21.456, 1, "21.5"}, {21.456, 2, "21.46"}, {21, 2, "21.00"},
		{-3.14159, 2, "−3.14"}, {-0.001, 2, "0.00"}, {-0.006, 2, "−0.01"}, {math.Copysign(0, -1), 1, "0.0"},
		{999, 0, "999"}, {9999, 0, "9999"}, {9999.6, 0, "10,000"}, {10000, 0, "10,000"}, {-12345.6, 1, "−12,345.6"},
		{1234567.891, 2, "1,234,567.89"}, {123456, 4, "123,456.0000"}, {1013.25, 0, "1013"}, {7.5, -1, "8"},
		{999999999999999, 0, "999,999,999,999,999"}, {1e15, 2, "1e+15"}, {1.5e300, 2, "1.5e+300"},
		{math.NaN(), 2, "–"}, {math.Inf(1), 2, "–"}, {math.Inf(-1), 0, "–"},
	} {
		if got := FormatNumber(c.v, c.decimals); got != c.want {
			t.Errorf("%v with %d decimals: %q, want %q", c.v, c.decimals, got, c.want)
		}
	}
	for name, want := range map[string]string{"Temperature": "21.5", "Pressure": "21", "CO2": "21", "TVOC": "21", "Lat": "21.4560", "other": "21.46"} {
		if got := Lookup(name).Format(21.456); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestFormatCount(t *testing.T) {
	for n, want := range map[int]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 10080: "10,080", 1234567: "1,234,567", -1: "−1", -10080: "−10,080",
		math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "−9,223,372,036,854,775,808",
	} {
		if got := FormatCount(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func FuzzFormatNumber(f *testing.F) {
	for _, v := range []float64{0, -0.001, 9999.5, 1e15, 123456.789, math.NaN(), math.Inf(-1), 5e-324} {
		f.Add(v, 2)
	}
	f.Fuzz(func(t *testing.T, v float64, decimals int) {
		decimals %= 20
		s := FormatNumber(v, decimals)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		plain := strings.NewReplacer(",", "", "−", "-").Replace(s)
		back, err := strconv.ParseFloat(plain, 64)
		limit := 0.500001*math.Pow(10, -float64(max(decimals, 0))) + math.Abs(v)*1e-15
		if math.Abs(v) >= 1e15 {
			limit = math.Abs(v) * 1e-5
		}
		if err != nil || math.Abs(back-v) > limit {
			t.Errorf("%v with %d decimals: %q", v, decimals, s)
		}
	})
}

func TestAges(t *testing.T) {
	for _, c := range []struct {
		age   time.Duration
		words string
		level AgeLevel
	}{
		{-time.Hour, "just now", AgeOK},
		{0, "just now", AgeOK},
		{time.Minute - 1, "just now", AgeOK},
		{time.Minute, "less than 5 min ago", AgeOK},
		{5*time.Minute - 1, "less than 5 min ago", AgeOK},
		{5 * time.Minute, "more than 5 min ago", AgeWarn},
		{15*time.Minute - 1, "more than 5 min ago", AgeWarn},
		{15 * time.Minute, "long time ago", AgeBad},
		{1000 * day, "long time ago", AgeBad},
	} {
		if got := AgeOf(testNow.Add(-c.age), testNow); got != (Age{c.words, c.level}) {
			t.Errorf("%v: %+v", c.age, got)
		}
	}
	if got := AgeOf(time.Time{}, testNow); got.Level != AgeBad {
		t.Errorf("no time at all: %+v", got)
	}
}

func TestPrecision(t *testing.T) {
	for text, unit := range map[string]time.Duration{"": 1, "ns": 1, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second} {
		p, err := ValidPrecision(text)
		if err != nil || p.Unit() != unit || text != "" && string(p) != text {
			t.Errorf("%q: %q of %v, %v", text, p, p.Unit(), err)
		}
	}
	for _, text := range []string{"n", "u", "m", "h", "S", " s", "µs", "sec"} {
		_, err := ValidPrecision(text)
		if !errors.Is(err, ErrBadQuery) || err.Error() != "precision is ns, us, ms or s." {
			t.Errorf("%q: %v", text, err)
		}
	}
	if Precision("").Unit() != time.Nanosecond {
		t.Error("the empty precision is not that of nanoseconds")
	}
}

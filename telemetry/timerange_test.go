package telemetry

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRanges(t *testing.T) {
	want := map[string]time.Duration{
		"5m": 5 * time.Minute, "15m": 15 * time.Minute, "1h": time.Hour, "6h": 6 * time.Hour,
		"1d": 24 * time.Hour, "3d": 72 * time.Hour, "7d": 168 * time.Hour, "30d": 720 * time.Hour,
	}
	var shorter time.Duration
	for _, r := range Ranges() {
		if want[r.Name] != r.Length || r.Length <= shorter || r.Title() != "Past "+r.Name {
			t.Errorf("%+v, %q", r, r.Title())
		}
		shorter = r.Length
		if got, err := ParseRange("range", r.Name); err != nil || got != r {
			t.Errorf("%s: %+v, %v", r.Name, got, err)
		}
		// A range's name is an age as well.
		if from, to, err := ParseSpan("-"+r.Name, "", testNow); err != nil || to.Sub(from) != r.Length {
			t.Errorf("-%s: %v to %v, %v", r.Name, from, to, err)
		}
		delete(want, r.Name)
	}
	if len(want) != 0 {
		t.Errorf("not offered: %v", want)
	}
	if r, err := ParseRange("range", ""); err != nil || r.Name != "1d" {
		t.Errorf("the default is %+v, %v", r, err)
	}
	for _, name := range []string{"2d", "1D", " 1d", "1d ", "-1d", "forever"} {
		_, err := ParseRange("range", name)
		if !errors.Is(err, ErrBadQuery) || err.Error() != "range is one of 5m, 15m, 1h, 6h, 1d, 3d, 7d, 30d." {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]time.Time{
		"now":                       testNow,
		"now()":                     testNow,
		"-1s":                       testNow.Add(-time.Second),
		"-90m":                      testNow.Add(-90 * time.Minute),
		"-1h30m":                    testNow.Add(-90 * time.Minute),
		"-1w":                       testNow.Add(-7 * 24 * time.Hour),
		"-1w2d3h4m5s":               testNow.Add(-(9*24*time.Hour + 3*time.Hour + 4*time.Minute + 5*time.Second)),
		"-007d":                     testNow.Add(-7 * 24 * time.Hour),
		"2026-11-18T09:00:00Z":      time.Date(2026, 11, 18, 9, 0, 0, 0, time.UTC),
		"2026-11-18T09:00:00.25Z":   time.Date(2026, 11, 18, 9, 0, 0, 250e6, time.UTC),
		"2026-11-18T09:00:00+01:00": time.Date(2026, 11, 18, 8, 0, 0, 0, time.UTC),
		"2026-11-18T09:00:00 01:00": time.Date(2026, 11, 18, 8, 0, 0, 0, time.UTC), // a + that nobody escaped
		"1678-01-01T00:00:00Z":      earliest,
		"2261-01-01T00:00:00Z":      latest,
	} {
		if got, err := ParseTime("start", text, testNow); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for text, problem := range map[string]string{
		"":                            "is a time such as",
		"yesterday":                   "is a time such as",
		"2026-11-18":                  "is a time such as",
		"2026-11-18T09:00:00":         "is a time such as",
		"2026-11-18 09:00:00Z":        "is a time such as",
		"2026-13-18T09:00:00Z":        "is a time such as",
		"1h":                          "is a time such as",
		"+1h":                         "is a time such as",
		"-":                           "is a time such as",
		"-1":                          "is a time such as",
		"-h":                          "is a time such as",
		"-0s":                         "is a time such as",
		"--1h":                        "is a time such as",
		"-1h-1m":                      "is a time such as",
		"-1.5h":                       "is a time such as",
		"-1y":                         "is a time such as",
		"-1H":                         "is a time such as",
		"-9999999999999999999s":       "is a time such as", // more than an int64
		"-9999999999w":                "is a time such as", // more than a Duration
		"-106751d106751d":             "is a time such as", // their sum is
		"-106751d":                    "",                  // some 292 years
		"-127000d":                    "is a time such as",
		"-18000w":                     "is a time such as",
		"1677-12-31T23:59:59Z":        "lies outside",
		"2261-01-01T00:00:00.1Z":      "lies outside",
		"9999-01-01T00:00:00Z":        "lies outside",
		strings.Repeat("0", 1<<16):    "is a time such as",
		"-" + strings.Repeat("1", 60): "is a time such as",
	} {
		_, err := ParseTime("start", text, testNow)
		if problem == "" {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		var bad *QueryError
		if !errors.As(err, &bad) || !errors.Is(err, ErrBadQuery) || bad.Parameter != "start" || !strings.HasPrefix(bad.Problem, problem) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ParseTime("start", "-1w", earliest.Add(day)); err == nil || !strings.Contains(err.Error(), "too far back") {
		t.Errorf("before the earliest time: %v", err)
	}
}

func TestParseSpan(t *testing.T) {
	for _, c := range []struct {
		start, stop string
		length      time.Duration
		before      time.Duration // from stop to now
		parameter   string        // of the error
	}{
		{"-1h", "", time.Hour, 0, ""},
		{"-1h", "now()", time.Hour, 0, ""},
		{"-2h", "-1h", time.Hour, time.Hour, ""},
		{"2026-11-18T09:00:00Z", "2026-11-18T09:30:00Z", 30 * time.Minute, 15 * time.Second, ""},
		{"-1h", "2027-11-18T09:30:15Z", 365*24*time.Hour + time.Hour, -365 * 24 * time.Hour, ""}, // a plan
		{"", "", 0, 0, "start"},
		{"", "-1h", 0, 0, "start"},
		{"now", "", 0, 0, "start"},
		{"-1h", "-1h", 0, 0, "start"},
		{"-1h", "-2h", 0, 0, "start"},
		{"2027-01-01T00:00:00Z", "", 0, 0, "start"},
		{"x", "-1h", 0, 0, "start"},
		{"-1h", "x", 0, 0, "stop"},
		{"x", "y", 0, 0, "stop"},
	} {
		from, to, err := ParseSpan(c.start, c.stop, testNow)
		if c.parameter != "" {
			var bad *QueryError
			if !errors.As(err, &bad) || !errors.Is(err, ErrBadQuery) || bad.Parameter != c.parameter || !from.IsZero() || !to.IsZero() {
				t.Errorf("%q to %q: %v, %v, %v", c.start, c.stop, from, to, err)
			}
			continue
		}
		if err != nil || to.Sub(from) != c.length || testNow.Sub(to) != c.before {
			t.Errorf("%q to %q: %v, %v, %v", c.start, c.stop, from, to, err)
		}
	}
}

func FuzzParseSpan(f *testing.F) {
	for _, s := range [][2]string{
		{"-1h", ""}, {"-30d", "now()"}, {"-1w2d3h4m5s", "-1s"}, {"2026-11-18T09:00:00Z", "2026-11-18T09:30:00.5+01:00"},
		{"1678-01-01T00:00:00Z", "2261-01-01T00:00:00Z"}, {"-106751d", "now"}, {"-9223372036s", ""}, {"", ""}, {"-", "--"}, {"x", "2026-11-18T09:00:00 01:00"},
	} {
		f.Add(s[0], s[1], testNow.Unix())
	}
	f.Fuzz(func(t *testing.T, start, stop string, unix int64) {
		// Clocks of the years in which somebody may run this.
		now := time.Unix(unix%(200*365*86400), 0).UTC()
		from, to, err := ParseSpan(start, stop, now)
		if err != nil {
			var bad *QueryError
			if !errors.As(err, &bad) || !errors.Is(err, ErrBadQuery) || bad.Parameter != "start" && bad.Parameter != "stop" {
				t.Fatalf("what error is this: %v", err)
			}
			if len(err.Error()) > 200 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
			return
		}
		if !from.Before(to) || from.Before(earliest) || to.After(latest) {
			t.Fatalf("%v to %v", from, to)
		}
		// Both ends fit into nanoseconds, and a second look gives the same.
		if !time.Unix(0, from.UnixNano()).Equal(from) || !time.Unix(0, to.UnixNano()).Equal(to) {
			t.Errorf("%v to %v do not fit into nanoseconds", from, to)
		}
		a, b, err := ParseSpan(from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano), now)
		if err != nil || !a.Equal(from) || !b.Equal(to) {
			t.Errorf("%v to %v again: %v to %v, %v", from, to, a, b, err)
		}
		checkWindow(t, from, to, 800)
	})
}

func FuzzParseRange(f *testing.F) {
	for _, s := range []string{"", "1d", "30d", "-1d", "1 d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r, err := ParseRange("range", name)
		if err != nil {
			if !errors.Is(err, ErrBadQuery) || r != (Range{}) {
				t.Errorf("%+v, %v", r, err)
			}
		} else if r.Length <= 0 || name != "" && r.Name != name {
			t.Errorf("%q: %+v", name, r)
		}
	})
}

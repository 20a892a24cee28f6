package helium

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimestampForms(t *testing.T) {
	for _, c := range []struct {
		text string
		want time.Time
	}{
		{"2016-05-05", time.Date(2016, 5, 5, 0, 0, 0, 0, time.UTC)},
		{"2016-04-07T19:12:06Z", time.Date(2016, 4, 7, 19, 12, 6, 0, time.UTC)},
		{"2016-04-07T19:12:06.15Z", time.Date(2016, 4, 7, 19, 12, 6, 150_000_000, time.UTC)},
		{"2016-04-07T00:00:00Z", time.Date(2016, 4, 7, 0, 0, 0, 0, time.UTC)},
		{"2016-04-07T19:12:06.125Z", time.Date(2016, 4, 7, 19, 12, 6, 125_000_000, time.UTC)},
		{"2016-05-11T19:47:57.Z", time.Date(2016, 5, 11, 19, 47, 57, 0, time.UTC)},
		{"2016-02-29", time.Date(2016, 2, 29, 0, 0, 0, 0, time.UTC)},
		{"1678-01-01", time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"2261-12-31T23:59:59.999999999Z", time.Date(2261, 12, 31, 23, 59, 59, 999_999_000, time.UTC)},
	} {
		if got, problem := parseTimestamp(c.text); problem != "" || !got.Equal(c.want) || got.Location() != time.UTC {
			t.Errorf("%s is %v (%s), want %v", c.text, got, problem, c.want)
		}
	}
}

func TestTimesAreCutToMicroseconds(t *testing.T) {
	for _, text := range []string{"2016-04-07T19:12:06.1234569Z", "2016-04-07T19:12:06.123456999999999999999999Z"} {
		if got, problem := parseTimestamp(text); problem != "" || got.Nanosecond() != 123_456_000 {
			t.Errorf("%s is %v (%s)", text, got, problem)
		}
	}
}

func TestTimestampsThatAreRefused(t *testing.T) {
	const (
		form   = "is no time such as"
		offset = "has an offset: times are in UTC"
	)
	for _, c := range []struct{ text, problem string }{
		{"2016-04-07T19:12:06+00:00", offset},
		{"2016-04-07T19:12:06-07:00", offset},
		{"2016-04-07T19:12:06.5+02:00", offset},
		{"2016-04-07T19:12:06 02:00", offset}, // a plus sign that nobody escaped
		{"2016-04-07T19:12:06", "has no Z at its end"},
		{"2016-12-31T23:59:60Z", "is a leap second"},
		{"2016-12-31T23:59:61Z", "is no time of a day"},
		{"2016-12-31T24:00:00Z", "is no time of a day"},
		{"2016-12-31T23:60:00Z", "is no time of a day"},
		{"2015-02-29", "is no day of the calendar"},
		{"2016-13-01", "is no day of the calendar"},
		{"2016-00-10", "is no day of the calendar"},
		{"2016-01-00", "is no day of the calendar"},
		{"0001-01-01", "years 1678 to 2261"},
		{"1677-12-31", "years 1678 to 2261"},
		{"2262-01-01", "years 1678 to 2261"},
		{"9999-12-31T23:59:59Z", "years 1678 to 2261"},
		{"", form}, {"now", form}, {"1457561078", form}, {"2016", form}, {"2016-4-7", form}, {"2016/04/07", form},
		{"2016-04-07 19:12:06Z", form}, {"2016-04-07t19:12:06z", form}, {"2016-04-07T19:12Z", form}, {"2016-04-07Z", form},
		{"2016-04-07T19:12:06,5Z", form}, {"2016-04-07T19:12:06ZZ", form}, {"+2016-04-07", form}, {"-016-04-07", form},
		{"２016-04-07", form}, {"2016-04-07T", form},
	} {
		got, problem := parseTimestamp(c.text)
		if problem == "" || len(problem) < len(c.problem) {
			t.Errorf("%s is %v (%s), want %s", c.text, got, problem, c.problem)
			continue
		}
		if !strings.Contains(problem, c.problem) {
			t.Errorf("%s %s, want %s", c.text, problem, c.problem)
		}
	}
}

func TestEveryTimeOfAPointCanBeSent(t *testing.T) {
	first := time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	last := time.Date(2261, 12, 31, 23, 59, 59, 999_999_999, time.UTC).UnixMicro()
	rapid.Check(t, func(t *rapid.T) {
		micros := rapid.Int64Range(first, last).Draw(t, "micros")
		at := time.UnixMicro(micros).UTC()
		got, problem := parseTimestamp(at.Format("2006-01-02T15:04:05.999999Z"))
		if problem != "" || !got.Equal(at) {
			t.Fatalf("%v is %v (%s)", at, got, problem)
		}
		if stored := storedTime(floor(at.UnixNano(), Slots)/Slots) + 999; !pointTime(stored).Equal(at) {
			t.Fatalf("%v is stored as %d, which is %v", at, stored, pointTime(stored))
		}
	})
}

func FuzzTimestamp(f *testing.F) {
	for _, s := range []string{"2016-05-05", "2016-04-07T19:12:06.15Z", "2016-05-11T19:47:57.Z", "2016-12-31T23:59:60Z", "2016-04-07T19:12:06+01:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, problem := parseTimestamp(s)
		if problem != "" {
			if !at.IsZero() {
				t.Errorf("%q is %v and %s", s, at, problem)
			}
			return
		}
		if at.Year() < firstYear || at.Year() > lastYear || at.Nanosecond()%1000 != 0 {
			t.Errorf("%q is %v", s, at)
		}
		if len(s) == len("2006-01-02") {
			s += "T00:00:00Z"
		}
		if want := at.Format("2006-01-02T15:04:05"); s[:len(want)] != want {
			t.Errorf("%q is %s", s, want)
		}
	})
}

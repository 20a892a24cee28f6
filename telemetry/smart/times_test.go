package smart

import (
	"strings"
	"testing"
	"time"
)

func TestTimeInEachFormOfTheSpec(t *testing.T) {
	for text, want := range map[string]string{
		"2016-09-01T00:00:00Z":           "2016-09-01T00:00:00Z",
		"2016-09-01 00:00:00":            "2016-09-01T00:00:00Z",
		"2016-09-01":                     "2016-09-01T00:00:00Z",
		"2016-01-01T00:01:20":            "2016-01-01T00:01:20Z", // no zone means UTC
		"2016-01-01T00:01":               "2016-01-01T00:01:00Z",
		"2016-09-01T01:02:03.123456789Z": "2016-09-01T01:02:03.123456789Z",
		"2016-09-01 01:02:03.5":          "2016-09-01T01:02:03.5Z",
		"2016-09-01 01:02:03,5":          "2016-09-01T01:02:03.5Z",
		"2016-09-01T01:00:00+02:00":      "2016-08-31T23:00:00Z",
		"2016-09-01T01:00:00-0230":       "2016-09-01T03:30:00Z",
		"2016-09-01t01:00:00z":           "2016-09-01T01:00:00Z",
		"2016-09-01 01:00:00 UTC":        "2016-09-01T01:00:00Z",
		"2016-02-29":                     "2016-02-29T00:00:00Z",
		"1678-01-01":                     "1678-01-01T00:00:00Z",
		"2261-12-31T23:59:59.999999999Z": "2261-12-31T23:59:59.999999999Z",
		"1969-12-31T23:59:59.5Z":         "1969-12-31T23:59:59.5Z",
		// The original's readable dates.
		"Thu, September 1st 2016": "2016-09-01T00:00:00Z",
		"Fri, September 2nd 2016": "2016-09-02T00:00:00Z",
		"Sat, September 3rd 2016": "2016-09-03T00:00:00Z",
		"Tue, October 4th 2016":   "2016-10-04T00:00:00Z",
		// Others like them.
		"September 1st, 2016":             "2016-09-01T00:00:00Z",
		"Thursday, 1st September 2016":    "2016-09-01T00:00:00Z",
		"1st of September 2016":           "2016-09-01T00:00:00Z",
		"1 Sept 2016":                     "2016-09-01T00:00:00Z",
		"oct 7, 1970":                     "1970-10-07T00:00:00Z",
		"Thu, 01 Sep 2016 00:00:00 GMT":   "2016-09-01T00:00:00Z",
		"Thu, 01 Sep 2016 00:00:00 +0200": "2016-08-31T22:00:00Z",
		"Mon Jan  2 15:04:05 2006":        "2006-01-02T15:04:05Z",
		"2016/09/01":                      "2016-09-01T00:00:00Z",
		"2016/09/01 10:00:00.123":         "2016-09-01T10:00:00.123Z",
	} {
		got, err := ParseTime(text)
		if err != nil {
			t.Errorf("ParseTime(%q): %v", text, err)
		} else if s := got.Format(time.RFC3339Nano); s != want {
			t.Errorf("ParseTime(%q) = %s, want %s", text, s, want)
		}
	}
}

func TestTimeThatIsRefused(t *testing.T) {
	for text, word := range map[string]string{
		"":                                 "empty",
		" ":                                "empty",
		"1472688000000":                    "write it as a number",
		"20160901":                         "write it as a number",
		"2016-09-01T00:00:60Z":             "leap second",
		"1 Sep 2016 23:59:60":              "leap second",
		"2016-09-01T00:00:00.1234567890Z":  "nine digits",
		"1 Sep 2016 10:00:00.1234567890":   "nine digits",
		"2016-09-01T24:00:00Z":             "no hour 24",
		"2016-09-01T23:60:00Z":             "no minute 60",
		"2016-09-01T23:00:61Z":             "no second 61",
		"2016-02-30":                       "no such day",
		"2015-02-29":                       "no such day",
		"2016-13-01":                       "no such day",
		"2016-09-01T00:00:00 CEST":         "zones",
		"2016-09-01T00:00:00 Europe/Paris": "zones",
		"2016-09-01T00:00:00+25:00":        "offset",
		"2016-09-01T00:00:00.Z":            "digits after",
		"2016-09-01x":                      "T or a space",
		"2016-09-01T":                      "time of day",
		"Mon Jan 2 15:04:05 MST 2006":      "zones",
		"Thu Sep 1 2016 10:00:00 CEST":     "zones",
		"01/02/2016":                       "two ways",
		"13/02/2016":                       "two ways",
		"01.02.2016":                       "two ways",
		"Mon, September 1st 2016":          "weekday",
		"Feb 30 2016":                      "no time that can be read",
		"Sep 1 16":                         "year",
		"September 2016":                   "no time that can be read",
		"yesterday":                        "not known",
		"0001-01-01T00:00:00Z":             "years 1678 to 2261",
		"9999-12-31T23:59:59Z":             "years 1678 to 2261",
		"1677-12-31":                       "years 1678 to 2261",
		"2262-01-01":                       "years 1678 to 2261",
		"Jan 1 9999":                       "years 1678 to 2261",
		"NaN":                              "not known",
		"2016-09-01'; DROP":                "T or a space",
		"Sep 1; 2016":                      "character",
		strings.Repeat("9", 10<<20):        "at most 64 bytes",
		"2016-09-01T00:00:00Z\x00":         "zones",
	} {
		_, err := ParseTime(text)
		wantBad(t, err, word)
	}
}

func TestIntegerIsMilliseconds(t *testing.T) {
	for text, want := range map[string]string{
		"1472688000000": "2016-09-01T00:00:00Z",
		"1475685693839": "2016-10-05T16:41:33.839Z",
		"631152000000":  "1990-01-01T00:00:00Z",
		"4133980799999": "2100-12-31T23:59:59.999Z",
	} {
		got, err := ParseMillis(text)
		if err != nil || got.Format(time.RFC3339Nano) != want {
			t.Errorf("ParseMillis(%s) = %v, %v, want %s", text, got, err, want)
		}
	}
}

func TestIntegerInAnotherUnitIsRefusedWithAHint(t *testing.T) {
	for text, word := range map[string]string{
		"1472688000":          "looks like seconds: multiply by 1000",
		"1472688000000000":    "looks like microseconds: divide by 1000",
		"1472688000000000000": "looks like nanoseconds: divide by 1000000",
		"0":                   "1990 to 2100",
		"-1":                  "1990 to 2100",
		"631151999999":        "1990 to 2100",
		"4133980800000":       "1990 to 2100",
		"1472688000000.0":     "without fraction and exponent",
		"1.472688e12":         "without fraction and exponent",
		"9223372036854775807": "1990 to 2100",
		"9223372036854775808": "too large",
		"":                    "milliseconds",
		"-":                   "milliseconds",
	} {
		_, err := ParseMillis(text)
		wantBad(t, err, word)
	}
}

func FuzzTime(f *testing.F) {
	for _, seed := range []string{"2016-09-01T00:00:00Z", "Thu, September 1st 2016", "2016-09-01 01:02:03.123456789 +02:00", "1st of Sept 2016 3pm", "2016/09/01", "01-Sep-2016 10:00:00 GMT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseTime(text)
		if err != nil {
			wantBad(t, err)
			return
		}
		if at.Year() < firstYear || at.Year() > lastYear {
			t.Errorf("ParseTime(%q) = %v", text, at)
		}
		again, err := ParseTime(at.Format(time.RFC3339Nano))
		if err != nil || !again.Equal(at) {
			t.Errorf("ParseTime(%q) = %v, and then %v, %v", text, at, again, err)
		}
		if strings.HasPrefix(text, "2") && len(text) >= len("2016-09-01T00:00:00Z") {
			if want, err := time.Parse(time.RFC3339Nano, text); err == nil && !want.Equal(at) {
				t.Errorf("ParseTime(%q) = %v, want %v", text, at, want)
			}
		}
		_, _ = ParseMillis(text)
	})
}

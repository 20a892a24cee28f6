package views

import (
	"strconv"
	"time"

	"github.com/a-h/templ"
)

// TimeStyle is how a time is written. app.js writes the same in the viewer's zone; until then, and without scripts, it
// is UTC and says so.
type TimeStyle string

// The styles of a time.
const (
	TimeClock TimeStyle = "clock" // 14:02
	TimeDate  TimeStyle = "date"  // 12 Aug 2026
	TimeDay   TimeStyle = "day"   // 18 Nov
	TimeStamp TimeStyle = "stamp" // 18 Nov, 09:12
	TimeEntry TimeStyle = "entry" // 14:04:52, and the day unless it is today
	TimeFull  TimeStyle = "full"  // 6 Jun 2026, 10:22
	TimeLong  TimeStyle = "long"  // Friday, 20 November 2026, 14:05
	TimeAge   TimeStyle = "age"   // 9 min ago
	TimeNow   TimeStyle = "now"   // as TimeLong, and app.js keeps it going
)

// timeText writes a time in UTC.
func timeText(t, now time.Time, style TimeStyle) string {
	t = t.UTC()
	switch style {
	case TimeClock:
		return t.Format("15:04 UTC")
	case TimeDate:
		return t.Format("2 Jan 2006")
	case TimeDay:
		return t.Format("2 Jan")
	case TimeStamp:
		return t.Format("2 Jan, 15:04 UTC")
	case TimeEntry:
		if t.Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
			return t.Format("15:04:05 UTC")
		}
		return t.Format("2 Jan, 15:04 UTC")
	case TimeAge:
		return ageText(t, now)
	case TimeLong, TimeNow:
		return t.Format("Monday, 2 January 2006, 15:04 UTC")
	default:
		return t.Format("2 Jan 2006, 15:04 UTC")
	}
}

// ageText says how long ago a time was; what is older than a week is a date. A time after now counts as now.
func ageText(t, now time.Time) string {
	switch age := now.Sub(t); {
	case age < time.Minute:
		return "just now"
	case age < time.Hour:
		return strconv.Itoa(int(age/time.Minute)) + " min ago"
	case age < 24*time.Hour:
		return strconv.Itoa(int(age/time.Hour)) + " h ago"
	case age < 48*time.Hour:
		return "yesterday"
	case age < 7*24*time.Hour:
		return strconv.Itoa(int(age/(24*time.Hour))) + " days ago"
	default:
		return t.UTC().Format("2 Jan 2006")
	}
}

// isoTime is a time for the datetime attribute.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// utcTitle is the full time shown on hover.
func utcTitle(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") }

// Ago writes how long ago a time was, in a <time>; the zero time is "never".
func Ago(t, now time.Time) templ.Component {
	if t.IsZero() {
		return templ.Raw("never")
	}
	return Time(t, now, TimeAge)
}

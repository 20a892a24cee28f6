package telemetry

import "time"

// AgeLevel says how far an age is from what is expected; it chooses the colour of an age.
type AgeLevel string

// The levels of an age.
const (
	AgeOK   AgeLevel = "ok"
	AgeWarn AgeLevel = "warn"
	AgeBad  AgeLevel = "bad"
)

// Age is how old a value is, in words.
type Age struct {
	Words string
	Level AgeLevel
}

// AgeOf judges the time of a value. A time after now, from a clock that runs ahead, counts as now.
func AgeOf(at, now time.Time) Age {
	switch age := now.Sub(at); {
	case age < time.Minute:
		return Age{"just now", AgeOK}
	case age < 5*time.Minute:
		return Age{"less than 5 min ago", AgeOK}
	case age < 15*time.Minute:
		return Age{"more than 5 min ago", AgeWarn}
	default:
		return Age{"long time ago", AgeBad}
	}
}

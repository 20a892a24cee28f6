package views

import (
	"strconv"
	"time"
)

// windowOpen tells whether unknown devices may enrol by asking.
func (s Shell) windowOpen() bool { return s.SignedIn() && s.WindowUntil.After(s.Now) }

// leftText writes the time until something ends: "4 min 12 s". app.js writes the same as time goes by.
func leftText(until, now time.Time) string {
	left := int((until.Sub(now) + time.Second - 1) / time.Second)
	switch {
	case left <= 0:
		return "0 s"
	case left < 60:
		return strconv.Itoa(left) + " s"
	default:
		return strconv.Itoa(left/60) + " min " + strconv.Itoa(left%60) + " s"
	}
}

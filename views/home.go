package views

import (
	"strconv"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// HomePage is the fleet at a glance.
type HomePage struct {
	Shell
	Fleet  devices.Snapshot
	Known  bool // Fleet holds something that was read, now or earlier
	Stale  bool // reading it anew failed just now
	Steps  []Step
	Points int // of the last hour
}

// Step is one of the first steps of a new app.
type Step struct {
	Title, Text string
	Done        bool
	Action      string // the button's word
	Icon        string // of the button; may be ""
	Href        string
	Primary     bool // the first step that is open
	Waits       bool // an earlier step comes first: no button to press yet
	Dialog      bool // scripts show the page in a dialog
}

// NewHomePage makes the model from a snapshot of the fleet and the error of reading it.
func NewHomePage(s Shell, fleet devices.Snapshot, err error) HomePage {
	p := HomePage{Shell: s, Fleet: fleet, Known: !fleet.At.IsZero(), Stale: err != nil}
	for _, n := range fleet.Minutes {
		p.Points += n
	}
	if s.CanManage() {
		p.Steps = firstSteps(p.Known, fleet)
	}
	return p
}

// firstSteps are the way to the first dashboard; none are left once a device has written.
func firstSteps(known bool, fleet devices.Snapshot) []Step {
	wrote := fleet.Total > fleet.Counts[devices.Never]
	if !known || wrote {
		return nil
	}
	steps := []Step{
		{Title: "Register a device", Text: "Give it an id; it gets a write token of its own.", Action: "Register device", Icon: "plus", Href: "/devices/new", Done: fleet.Total > 0, Dialog: true},
		{Title: "Or try without hardware", Text: "The virtual device writes a week of data in about a second.", Action: "Virtual device", Icon: "waves", Href: "/virtual"},
		{Title: "Open the dashboard", Text: "Gauges and plots appear with the first point.", Action: "Dashboard", Href: "/dashboard", Waits: true},
	}
	for i := range steps {
		if !steps[i].Done {
			steps[i].Primary = true
			break
		}
	}
	return steps
}

// stepsDone says how far the first steps went.
func (p HomePage) stepsDone() string {
	done := 0
	for _, s := range p.Steps {
		if s.Done {
			done++
		}
	}
	return strconv.Itoa(done) + " of " + strconv.Itoa(len(p.Steps)) + " done"
}

// pointsNote is the mean of the last hour.
func (p HomePage) pointsNote() string {
	if p.Points == 0 || len(p.Fleet.Minutes) == 0 {
		return ""
	}
	mean := float64(p.Points) / float64(len(p.Fleet.Minutes))
	if mean < 1 {
		return "less than one a minute"
	}
	return telemetry.FormatNumber(mean, 0) + " a minute"
}

// pointsWords is the drawing of the last hour in words.
func (p HomePage) pointsWords() string {
	low, high := 0, 0
	for i, n := range p.Fleet.Minutes {
		if i == 0 {
			low = n
		}
		low, high = min(low, n), max(high, n)
	}
	return "Points of all devices in each of the last " + strconv.Itoa(len(p.Fleet.Minutes)) + " minutes: from " +
		telemetry.FormatCount(low) + " to " + telemetry.FormatCount(high)
}

// fleetWords is the drawing of the fleet in words.
func fleetWords(counts map[devices.State]int, total int) string {
	words := make([]string, 0, 4)
	for _, s := range allStates() {
		if n := counts[s]; n > 0 {
			words = append(words, telemetry.FormatCount(n)+" "+lowerFirst(StateWord(s)))
		}
	}
	return telemetry.FormatCount(total) + " devices: " + joinWords(words...)
}

// lowerFirst makes a word of this package's own fit into a sentence.
func lowerFirst(s string) string {
	if s == "" || s[0] < 'A' || s[0] > 'Z' {
		return s
	}
	return string(s[0]+'a'-'A') + s[1:]
}

// eventIcon is the icon of an event, and the class of its colour.
func eventIcon(k devices.EventKind) (icon, class string) {
	switch k {
	case devices.EventRegistered:
		return "circle-plus", "ic-plain"
	case devices.EventRemoved:
		return "circle-minus", "ic-plain"
	case devices.EventLate:
		return "clock", "ic-late"
	case devices.EventOffline:
		return "circle-x", "ic-offline"
	case devices.EventSuspended:
		return "circle-pause", "ic-plain"
	case devices.EventResumed:
		return "play", "ic-plain"
	case devices.EventRotated:
		return "rotate-cw", "ic-plain"
	default:
		return "info", "ic-plain"
	}
}

// eventWords says what happened, after the device's id.
func eventWords(e devices.Event) string {
	switch e.Kind {
	case devices.EventRegistered:
		return "was registered"
	case devices.EventRemoved:
		return "was unregistered"
	case devices.EventLate:
		return "is late, " + minutesOf(devices.LateAfter) + " without a point"
	case devices.EventOffline:
		return "is offline, " + minutesOf(devices.OfflineAfter) + " without a point"
	case devices.EventSuspended:
		return "was suspended"
	case devices.EventResumed:
		return "was resumed"
	case devices.EventRotated:
		return "got a new token"
	default:
		return e.Detail
	}
}

func minutesOf(d time.Duration) string { return strconv.Itoa(int(d/time.Minute)) + " min" }

// sameDay tells whether the clock is enough to name a time.
func sameDay(t, now time.Time) bool { return now.Sub(t) < 20*time.Hour }

package views

import (
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// allStates are the states in the order in which pages list them.
func allStates() []devices.State {
	return []devices.State{devices.Online, devices.Late, devices.Offline, devices.Never, devices.Suspended}
}

// StateWord is a state for people.
func StateWord(s devices.State) string {
	switch s {
	case devices.Online:
		return "Online"
	case devices.Late:
		return "Late"
	case devices.Offline:
		return "Offline"
	case devices.Suspended:
		return "Suspended"
	default:
		return "Never seen"
	}
}

// stateIcon is a state's icon.
func stateIcon(s devices.State) string {
	switch s {
	case devices.Online:
		return "circle-check"
	case devices.Late:
		return "clock"
	case devices.Offline:
		return "circle-x"
	case devices.Suspended:
		return "circle-pause"
	default:
		return "circle-dashed"
	}
}

// ageIcon is the icon of an age.
func ageIcon(l telemetry.AgeLevel) string {
	switch l {
	case telemetry.AgeOK:
		return "check"
	case telemetry.AgeWarn:
		return "clock"
	default:
		return "circle-x"
	}
}

// levelAt judges the age of a value.
func levelAt(t, now time.Time) telemetry.AgeLevel { return telemetry.AgeOf(t, now).Level }

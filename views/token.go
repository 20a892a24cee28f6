package views

import (
	"time"

	"iotcenter/devices"
)

// RotatePage asks before a device's token is rotated.
type RotatePage struct {
	Shell
	Device devices.Device
}

// SuspendPage asks before a device is suspended.
type SuspendPage struct {
	Shell
	Device devices.Device
}

// RotatePath is the address at which a device's token is rotated: GET asks, POST does it.
func RotatePath(id devices.ID) string { return deviceBase(id) + "/rotate" }

// SuspendPath is the address at which a device is suspended: GET asks, POST does it.
func SuspendPath(id devices.ID) string { return deviceBase(id) + "/suspend" }

// ResumePath is the address at which a suspended device is resumed, by POST.
func ResumePath(id devices.ID) string { return deviceBase(id) + "/resume" }

// formerWorks tells whether the token before this one still works.
func (p DevicePage) formerWorks() bool { return p.Device.PrevUntil.After(p.Now) }

// state is the device's state; a suspended one is that and nothing else.
func (p DevicePage) state() devices.State { return stateOf(p.Device, p.State) }

func stateOf(d devices.Device, s devices.State) devices.State {
	if d.Suspended {
		return devices.Suspended
	}
	return s
}

// hoursWords writes a number of hours for a person.
func hoursWords(d time.Duration) string { return plural(int(d/time.Hour), "hour") }

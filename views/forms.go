package views

import (
	"iotcenter/devices"
)

// RegisterPage is the form for a new device.
type RegisterPage struct {
	Shell
	ID      string // as typed
	Problem string // a sentence; "" when nothing is wrong with it
}

// NewRegisterPage makes the form, with what was typed and why it was refused.
func NewRegisterPage(s Shell, typed, problem string) RegisterPage {
	if problem != "" {
		if better := devices.SuggestID(typed); better != "" && better != typed {
			problem += " “" + better + "” would do."
		}
	}
	return RegisterPage{Shell: s, ID: typed, Problem: problem}
}

// RemovePage asks before a device is removed.
type RemovePage struct {
	Shell
	ID devices.ID
}

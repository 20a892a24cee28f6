package views

import (
	"time"

	"iotcenter/people"
)

// KeysPage is the list of API keys.
type KeysPage struct {
	Shell
	Rows []people.APIKey
}

// NewKeyPage is the form for an API key: POST /keys/new (name, level, days).
type NewKeyPage struct {
	Shell
	Name  string       // as typed
	Level people.Level // chosen; NoLevel counts as Overview
	Days  int          // one of KeyDays, in a fresh form DefaultKeyDays; 0 means that it never ends

	NameProblem, LevelProblem, ExpiresProblem string // sentences; "" when nothing is wrong
}

// KeyDays are the lives that are offered for an API key, in days; 0 means that it never ends.
func KeyDays() []int { return []int{30, DefaultKeyDays, 365, 0} }

// DefaultKeyDays is the life that a fresh form offers.
const DefaultKeyDays = 90

// RevokeKeyPage asks before an API key is revoked.
type RevokeKeyPage struct {
	Shell
	Key people.APIKey
}

// RevokeKeyPath is the address of that question.
func RevokeKeyPath(id string) string { return "/keys/" + pathEscape(id) + "/revoke" }

// level is the chosen level.
func (p NewKeyPage) level() people.Level {
	if p.Level == people.NoLevel {
		return people.Overview
	}
	return p.Level
}

// runOut tells whether a key has come to its end.
func runOut(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }

package people

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// nobody is the ActorKind of strangers.
const nobody = "nobody"

// Bounds of what strangers can have written to the audit log.
const (
	strangerEvents = 60 // events of an action within the window
	strangerWindow = time.Minute
)

// strangers counts the events of nobody of one action.
type strangers struct {
	since   time.Time
	written int
	left    int    // how many were only counted
	result  string // of the last of those
}

// admit tells whether an event of nobody is written; if not, it is counted. Called with mu held.
func (a *Audit) admit(e Event, now time.Time) bool {
	s := a.strangers[e.Action]
	if s != nil && now.Sub(s.since) >= strangerWindow {
		a.sumUpOne(e.Action, now)
		s = nil
	}
	if s == nil {
		s = &strangers{since: now}
		a.strangers[e.Action] = s
	}
	if s.written < strangerEvents {
		s.written++
		return true
	}
	s.left++
	s.result = e.Result
	return false
}

// sumUp writes the counts of windows that are over, or of all.
func (a *Audit) sumUp(all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.Clock()
	for _, action := range slices.Sorted(maps.Keys(a.strangers)) {
		if all || now.Sub(a.strangers[action].since) >= strangerWindow {
			a.sumUpOne(action, now)
		}
	}
}

// sumUpOne ends the window of an action. Called with mu held.
func (a *Audit) sumUpOne(action string, now time.Time) {
	s := a.strangers[action]
	delete(a.strangers, action)
	if s.left == 0 {
		return
	}
	a.add(Event{
		At: now.UTC().Round(0), ActorKind: nobody, Action: action, Result: s.result,
		Detail: fmt.Sprintf("%d more since %s", s.left, s.since.UTC().Format(time.RFC3339)),
	}, now)
}

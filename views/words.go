package views

import (
	"strings"

	"iotcenter/people"
)

// RoleWord is a role for people.
func RoleWord(r people.Role) string {
	switch r {
	case people.Viewer:
		return "Viewer"
	case people.Operator:
		return "Operator"
	case people.Admin:
		return "Admin"
	default:
		return "None"
	}
}

// roleSentence says what a role may do.
func roleSentence(r people.Role) string {
	switch r {
	case people.Viewer:
		return "Sees everything but people, keys and the audit log."
	case people.Operator:
		return "Also manages devices, enrolment, buckets and the virtual device."
	case people.Admin:
		return "Also manages people and API keys, and reads the audit log."
	default:
		return "May do nothing."
	}
}

// roles are the roles that an account can have.
func roles() []people.Role { return []people.Role{people.Viewer, people.Operator, people.Admin} }

// levelSentence says what a key of a level may do.
func levelSentence(l people.Level) string {
	switch l {
	case people.Overview:
		return "Reads devices, measurements and metrics."
	case people.Technical:
		return "Also writes data of any device."
	case people.Administer:
		return "Also does what an operator may, and gets the token of any device."
	default:
		return "May do nothing."
	}
}

// levels are the levels that a key can have.
func levels() []people.Level {
	return []people.Level{people.Overview, people.Technical, people.Administer}
}

// describedBy is the value of aria-describedby for a field with the id, whose problem and hint, where there are any,
// are called after it.
func describedBy(id, problem, hint string) string {
	var ids []string
	if problem != "" {
		ids = append(ids, id+"-problem")
	}
	if hint != "" {
		ids = append(ids, id+"-hint")
	}
	return strings.Join(ids, " ")
}

// daysWords writes a life in days for a person; 0 is one that never ends.
func daysWords(days int) string {
	switch days {
	case 0:
		return "Never"
	case 365:
		return "1 year"
	default:
		return plural(days, "day")
	}
}

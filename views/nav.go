package views

import (
	"iotcenter/telemetry"
)

// navEntry is one line of the navigation.
type navEntry struct {
	Key, Icon, Name, Short, Href string
	Counts                       string // what the number behind the entry counts; "" for none
}

// mainNav is what the app is for. Who has to change the password first sees none of it.
func (s Shell) mainNav() []navEntry {
	if s.Person.MustChange {
		return nil
	}
	return []navEntry{
		{"home", "house", "Home", "Home", "/", ""},
		{"devices", "router", "Device Registrations", "Devices", "/devices", "registered"},
		{"dashboard", "chart-line", "Dashboard", "Dashboard", "/dashboard", ""},
	}
}

// toolNav is what stands beside it.
func (s Shell) toolNav() []navEntry {
	if s.Person.MustChange {
		return nil
	}
	entries := []navEntry{{"virtual", "waves", "Virtual Device", "Virtual", "/virtual", ""}}
	if s.CanManage() {
		entries = append(entries,
			navEntry{"enrolment", "inbox", "Enrolment", "Enrolment", "/enrolment", "waiting"},
			navEntry{"product-types", "blocks", "Product types", "Types", "/product-types", ""})
	}
	return append(entries,
		navEntry{"buckets", "database", "Buckets", "Buckets", "/buckets", ""},
		navEntry{"api", "braces", "API", "API", "/api-docs", ""},
		navEntry{"about", "info", "About", "About", "/about", ""})
}

// adminNav is for admins only.
func (s Shell) adminNav() []navEntry {
	if !s.CanAdminister() || s.Person.MustChange {
		return nil
	}
	return []navEntry{
		{"people", "users", "People", "People", "/people", ""},
		{"keys", "key-round", "API keys", "API keys", "/keys", ""},
		{"audit", "clipboard-list", "Audit log", "Audit", "/audit", ""},
	}
}

// phoneNav is the bottom bar; the rest is behind More.
func (s Shell) phoneNav() []navEntry {
	entries := s.mainNav()
	if tools := s.toolNav(); len(tools) > 0 {
		entries = append(entries, tools[0])
	}
	return entries
}

// moreNav is what a phone shows behind More.
func (s Shell) moreNav() []navEntry {
	tools := s.toolNav()
	if len(tools) == 0 {
		return nil
	}
	return append(tools[1:], s.adminNav()...)
}

// behindMore tells whether the current page is one of those.
func (s Shell) behindMore() bool {
	for _, e := range s.moreNav() {
		if e.Key == s.Nav {
			return true
		}
	}
	return s.Nav == "account"
}

// count is the number behind an entry: of registered devices, or of those that wait for approval.
func (s Shell) count(e navEntry) string {
	switch {
	case e.Key == "devices" && s.Devices >= 0:
		return telemetry.FormatCount(s.Devices)
	case e.Key == "enrolment" && s.Waiting > 0:
		return telemetry.FormatCount(s.Waiting)
	default:
		return ""
	}
}

package views

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"iotcenter/people"
)

// AuditRows is the number of events on a page of the audit log.
const AuditRows = 100

// AuditPage is a page of the audit log, newest first.
type AuditPage struct {
	Shell
	Filter AuditFilter
	Rows   []people.Event
	More   bool // there are older events
	Unread bool // the log could not be read
}

// AuditFilter is what of the audit log is shown. Make one with ParseAuditFilter.
type AuditFilter struct {
	Actor, Action, Target, Result string    // exactly; "" for all
	From, To                      time.Time // days in UTC, both included; zero for no bound
	Before                        time.Time // only older events; zero for the newest
}

// longestAudit bounds the texts of a filter, in bytes: no event has longer ones.
const longestAudit = 200

// ParseAuditFilter reads an address's query (actor, action, target, result, from, to, before). What makes no sense is
// left out.
func ParseAuditFilter(v url.Values) AuditFilter {
	text := func(name string) string {
		s := strings.TrimSpace(v.Get(name))
		if len(s) > longestAudit {
			s = s[:longestAudit]
		}
		if !utf8.ValidString(s) {
			s = strings.ToValidUTF8(s, "")
		}
		return s
	}
	on := func(name string) time.Time {
		t, err := time.Parse(time.DateOnly, v.Get(name))
		if err != nil {
			return time.Time{}
		}
		return t
	}
	f := AuditFilter{Actor: text("actor"), Target: text("target"), From: on("from"), To: on("to")}
	for _, a := range people.Actions() {
		if v.Get("action") == a {
			f.Action = a
		}
	}
	for _, r := range auditResults() {
		if v.Get("result") == r {
			f.Result = r
		}
	}
	if t, err := time.Parse(time.RFC3339Nano, v.Get("before")); err == nil {
		f.Before = t.UTC()
	}
	return f
}

func auditResults() []string { return []string{"ok", "refused", "failed"} }

// Events is the filter for the log, with at most limit events; 0 means all.
func (f AuditFilter) Events(limit int) people.EventFilter {
	out := people.EventFilter{From: f.From, Actor: f.Actor, Action: f.Action, Target: f.Target, Result: f.Result, Limit: limit}
	if !f.To.IsZero() {
		out.To = f.To.AddDate(0, 0, 1)
	}
	if !f.Before.IsZero() && (out.To.IsZero() || f.Before.Before(out.To)) {
		out.To = f.Before
	}
	return out
}

// Filtered tells whether some events may be left out.
func (f AuditFilter) Filtered() bool {
	f.Before = time.Time{}
	return f != AuditFilter{}
}

// Path is the log's address with this filter; what is not set is left out.
func (f AuditFilter) Path() string { return "/audit" + f.query() }

// CSVPath is the address of the same events as a file, from the newest on.
func (f AuditFilter) CSVPath() string {
	f.Before = time.Time{}
	return "/audit.csv" + f.query()
}

func (f AuditFilter) query() string {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("actor", f.Actor)
	set("action", f.Action)
	set("target", f.Target)
	set("result", f.Result)
	set("from", dayValue(f.From))
	set("to", dayValue(f.To))
	if !f.Before.IsZero() {
		v.Set("before", f.Before.UTC().Format(time.RFC3339Nano))
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// dayValue is a day in a date field; "" for none.
func dayValue(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// older is the address of the events before those that are shown.
func (p AuditPage) older() string {
	f := p.Filter
	f.Before = p.Rows[len(p.Rows)-1].At
	return f.Path()
}

// newest is the address of the first page.
func (p AuditPage) newest() string {
	f := p.Filter
	f.Before = time.Time{}
	return f.Path()
}

package views

import (
	"strconv"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// DevicesPage is a page of the list of registered devices.
type DevicesPage struct {
	Shell
	Query   ListQuery
	Rows    []DeviceRow
	Total   int                   // matching devices on all pages
	All     int                   // devices without any filter
	Counts  map[devices.State]int // nil where the database could not be asked
	Close   []devices.ID          // ids that resemble a search without a match
	Unread  bool                  // the list itself could not be read
	Partial bool                  // last entries could not be read
}

// DeviceRow is one device of the list.
type DeviceRow struct {
	ID      devices.ID
	Name    string // that people gave it; may be ""
	Created time.Time
	State   devices.State
	Last    time.Time // zero: never
	Hours   [devices.Hours]int
}

// NewDeviceRows joins a page of devices with what is known of their entries.
func NewDeviceRows(list []devices.Device, last map[devices.ID]time.Time, hours map[devices.ID][devices.Hours]int, now time.Time) []DeviceRow {
	rows := make([]DeviceRow, 0, len(list))
	for _, d := range list {
		rows = append(rows, DeviceRow{ID: d.ID, Created: d.CreatedAt, State: stateOf(d, devices.StateAt(last[d.ID], now)), Last: last[d.ID], Hours: hours[d.ID]})
	}
	return rows
}

// span says which rows are shown: "1–12 of 48".
func (p DevicesPage) span() string {
	if len(p.Rows) == 0 {
		return ""
	}
	first := p.Query.Offset() + 1
	return telemetry.FormatCount(first) + "–" + telemetry.FormatCount(first+len(p.Rows)-1) + " of " + telemetry.FormatCount(p.Total)
}

func (p DevicesPage) hasNext() bool { return p.Query.Offset()+len(p.Rows) < p.Total }

// lastPage is the number of the last page that has rows.
func (p DevicesPage) lastPage() int { return max(1, (p.Total+p.Query.Rows-1)/p.Query.Rows) }

// beyond tells whether the address asks for a page behind the last one.
func (p DevicesPage) beyond() bool { return len(p.Rows) == 0 && p.Total > 0 }

// tab is one of the filters by state.
type tab struct {
	Name, Count, Icon, Class, Href string
	Current                        bool
}

func (p DevicesPage) tabs() []tab {
	tabs := []tab{{Name: "All", Count: telemetry.FormatCount(p.All), Href: p.Query.withState(""), Current: p.Query.State == ""}}
	for _, s := range allStates() {
		t := tab{Name: StateWord(s), Icon: stateIcon(s), Class: "ic-" + s.String(), Href: p.Query.withState(s.String()), Current: p.Query.State == s.String()}
		if p.Counts != nil {
			t.Count = telemetry.FormatCount(p.Counts[s])
		}
		tabs = append(tabs, t)
	}
	return tabs
}

// filterWord is the chosen filter.
func (p DevicesPage) filterWord() string {
	if s, ok := p.Query.Only(); ok {
		return StateWord(s)
	}
	return "All"
}

// noMatch is the heading of a list that a filter emptied.
func (p DevicesPage) noMatch() string {
	what := "No device"
	if s, ok := p.Query.Only(); ok {
		what = "No device that is " + lowerFirst(StateWord(s))
		if s == devices.Never {
			what = "No device without a point"
		}
	}
	if p.Query.Prefix == "" {
		return what
	}
	return what + " matches “" + Visible(p.Query.Prefix) + "”"
}

// pageNote is the number of the page, for the pager's label.
func (p DevicesPage) pageNote() string {
	return "Page " + strconv.Itoa(p.Query.Page) + " of " + strconv.Itoa(p.lastPage())
}

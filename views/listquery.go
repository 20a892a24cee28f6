package views

import (
	"net/url"
	"strconv"
	"strings"

	"iotcenter/devices"
)

// Rows of a page of the list of devices.
const (
	RowsDefault = 12
	RowsMost    = 96
)

// ListQuery is what of the list of devices is shown. Make one with ParseListQuery.
type ListQuery struct {
	Prefix string
	State  string // name of a state, or "" for all
	Sort   devices.SortKey
	Desc   bool
	Page   int // from 1
	Rows   int // of a page
}

// ParseListQuery reads an address's query. What makes no sense is left at its default: an old bookmark still works.
func ParseListQuery(v url.Values) ListQuery {
	q := ListQuery{Sort: devices.SortID, Page: 1, Rows: RowsDefault}
	q.Prefix = v.Get("q")
	if len(q.Prefix) > devices.MaxIDLength {
		q.Prefix = strings.ToValidUTF8(q.Prefix[:devices.MaxIDLength], "") // no id is longer, so nothing matches
	}
	for _, s := range allStates() {
		if v.Get("state") == s.String() {
			q.State = s.String()
		}
	}
	if v.Get("sort") == string(devices.SortCreated) {
		q.Sort = devices.SortCreated
	}
	q.Desc = v.Get("order") == "desc"
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 0 && n < 1<<30/RowsMost {
		q.Page = n
	}
	if n, err := strconv.Atoi(v.Get("rows")); err == nil && n > 0 {
		q.Rows = min(n, RowsMost)
	}
	return q
}

// Only is the state that is asked for; ok is false for all.
func (q ListQuery) Only() (state devices.State, ok bool) {
	for _, s := range allStates() {
		if s.String() == q.State {
			return s, true
		}
	}
	return 0, false
}

// Filtered tells whether some devices may be left out.
func (q ListQuery) Filtered() bool { return q.Prefix != "" || q.State != "" }

// Offset is the number of rows on the pages before.
func (q ListQuery) Offset() int { return (q.Page - 1) * q.Rows }

// Path is the list's address with this query; defaults are left out.
func (q ListQuery) Path() string {
	v := url.Values{}
	set := func(name, value string, is bool) {
		if is {
			v.Set(name, value)
		}
	}
	set("q", q.Prefix, q.Prefix != "")
	set("state", q.State, q.State != "")
	set("sort", string(q.Sort), q.Sort == devices.SortCreated)
	set("order", "desc", q.Desc)
	set("page", strconv.Itoa(q.Page), q.Page > 1)
	set("rows", strconv.Itoa(q.Rows), q.Rows != RowsDefault)
	if len(v) == 0 {
		return "/devices"
	}
	return "/devices?" + v.Encode()
}

func (q ListQuery) atPage(n int) string { q.Page = n; return q.Path() }

func (q ListQuery) withState(s string) string { q.State, q.Page = s, 1; return q.Path() }

func (q ListQuery) withPrefix(p string) string { q.Prefix, q.State, q.Page = p, "", 1; return q.Path() }

// sortedBy is the address that a column's head leads to: a second press turns the order round.
func (q ListQuery) sortedBy(key devices.SortKey) string {
	q.Desc = q.Sort == key && !q.Desc
	q.Sort, q.Page = key, 1
	return q.Path()
}

// ariaSort is a column's order for screen readers; "" where it is not the sorted one.
func (q ListQuery) ariaSort(key devices.SortKey) string {
	switch {
	case q.Sort != key:
		return ""
	case q.Desc:
		return "descending"
	default:
		return "ascending"
	}
}

package devices

import (
	"slices"
	"strings"
)

// prefixed gives the range of the sorted ids that start with prefix.
func prefixed(ids []ID, prefix string) (from, to int) {
	if prefix == "" {
		return 0, len(ids)
	}
	from, _ = slices.BinarySearch(ids, ID(prefix))
	n, _ := slices.BinarySearchFunc(ids[from:], prefix, func(id ID, prefix string) int {
		if strings.HasPrefix(string(id), prefix) {
			return -1
		}
		return 1
	})
	return from, from + n
}

// page answers a List. Without a further condition it touches the rows of the page and no more, unless it has to find
// a prefix in the order of registration.
func (m *readModel) page(o ListOptions) ListPage {
	o.Offset = max(o.Offset, 0)
	if o.Only != nil {
		return m.pageOnly(o)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	from, to := prefixed(m.ids, o.Prefix)
	total := to - from
	var chosen []ID
	switch {
	case o.Sort != SortCreated:
		chosen = make([]ID, 0, o.rows(total))
		for i := o.Offset; i < total && len(chosen) < cap(chosen); i++ {
			at := from + i
			if o.Desc {
				at = to - 1 - i
			}
			chosen = append(chosen, m.ids[at])
		}
	default:
		chosen = m.byCreation(o, o.rows(total), func(id ID) bool { return strings.HasPrefix(string(id), o.Prefix) })
	}
	return m.pageOf(chosen, total)
}

// rows is how many rows a page of total matching devices has.
func (o ListOptions) rows(total int) int {
	n := max(total-o.Offset, 0)
	if o.Limit > 0 {
		n = min(n, o.Limit)
	}
	return n
}

// byCreation walks the order of registration until it has n matching ids beyond the offset.
func (m *readModel) byCreation(o ListOptions, n int, match func(ID) bool) []ID {
	chosen := make([]ID, 0, n)
	skip, start := o.Offset, 0
	if o.Prefix == "" && o.Only == nil {
		skip, start = 0, o.Offset
	}
	for i := start; i < len(m.created) && len(chosen) < n; i++ {
		at := i
		if o.Desc {
			at = len(m.created) - 1 - i
		}
		id := m.created[at].id
		if !match(id) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		chosen = append(chosen, id)
	}
	return chosen
}

// pageOnly answers a List with a further condition. The condition is foreign code, so it is asked without the lock.
func (m *readModel) pageOnly(o ListOptions) ListPage {
	m.mu.RLock()
	from, to := prefixed(m.ids, o.Prefix)
	candidates := slices.Clone(m.ids[from:to])
	m.mu.RUnlock()

	matching := candidates[:0]
	for _, id := range candidates {
		if o.Only(id) {
			matching = append(matching, id)
		}
	}
	total := len(matching)

	m.mu.RLock()
	defer m.mu.RUnlock()
	if o.Sort == SortCreated {
		wanted := make(map[ID]bool, total)
		for _, id := range matching {
			wanted[id] = true
		}
		return m.pageOf(m.byCreation(o, o.rows(total), func(id ID) bool { return wanted[id] }), total)
	}
	if o.Desc {
		slices.Reverse(matching)
	}
	first := min(o.Offset, total)
	return m.pageOf(matching[first:first+o.rows(total)], total)
}

// pageOf fills in the devices. One that was removed since it was chosen is left out.
func (m *readModel) pageOf(ids []ID, total int) ListPage {
	page := ListPage{Devices: make([]Device, 0, len(ids)), Total: total}
	for _, id := range ids {
		if r := m.rows[id]; r != nil && r.key != "" {
			page.Devices = append(page.Devices, m.deviceOf(id, r))
		}
	}
	return page
}

// after gives up to n registered devices whose ids follow id; "" is before all.
func (m *readModel) after(id ID, n int) []Device {
	m.mu.RLock()
	defer m.mu.RUnlock()
	at, found := slices.BinarySearch(m.ids, id)
	if found {
		at++
	}
	return m.pageOf(m.ids[at:min(at+n, len(m.ids))], 0).Devices
}

// count gives the number of registered devices.
func (m *readModel) count() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.ids)
}

// recent gives the newest n events.
func (m *readModel) recent(n int) []Event {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.events[:min(max(n, 0), len(m.events))])
}

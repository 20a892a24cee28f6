package devices

import (
	"cmp"
	"container/list"
	"maps"
	"slices"
	"sync"
	"time"
)

// inbox is the applicants in memory: those that this process saw, and those of the other replicas as of the last time
// that they were read. The zero value is ready for use.
type inbox struct {
	mu       sync.Mutex
	entries  map[applicantKey]*applicant
	groups   map[string][]*applicant // by group of addresses; few each
	wide     map[string]int          // entries of a neighbourhood of groups
	order    list.List               // of *applicant, the one that was silent for longest first
	removed  map[applicantKey]time.Time
	clearing []applicantKey // of removed, what merge has taken into account
	looked   bool
}

type applicantKey struct {
	id      ID
	address string
}

// applicant is one entry. Its Count is what the database says; fresh is what came since, and sent the part of it that
// is being written.
type applicant struct {
	Applicant
	fresh, sent int
	place       int           // in the database; -1: none yet
	confirmed   bool          // it was read from the database since it was written
	group       string        // see groupOf
	wide        string        // see neighbourhoodOf
	at          *list.Element // in the order
}

func (a *applicant) key() applicantKey { return applicantKey{a.ID, a.Address} }

// older orders entries by their last request, the same way on every replica.
func older(a, b *applicant) int {
	return cmp.Or(a.Last.Compare(b.Last), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Address, b.Address))
}

// note remembers a request. If there is no room, one of the largest neighbourhood gives way: whoever has many addresses
// has them side by side, and pushes out their own first.
func (b *inbox) note(id ID, address string, known bool, now time.Time) {
	now = now.UTC().Round(0)
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.entries[applicantKey{id, address}]
	if a == nil {
		if group := b.groups[groupOf(address)]; len(group) >= InboxPerAddress {
			b.drop(slices.MinFunc(group, older))
		}
		if len(b.entries) >= InboxSize {
			b.drop(b.widest())
		}
		a = &applicant{Applicant: Applicant{ID: ownID(id), Address: address, First: now}, place: -1}
		b.add(a)
	}
	a.Last, a.Known = now, known
	a.fresh++
	b.order.MoveToBack(a.at)
}

// widest is the entry that was silent for longest, of those in the neighbourhood that has most entries.
func (b *inbox) widest() *applicant {
	most := 0
	for _, n := range b.wide {
		most = max(most, n)
	}
	for e := b.order.Front(); ; e = e.Next() {
		if a := e.Value.(*applicant); b.wide[a.wide] == most {
			return a
		}
	}
}

func (b *inbox) add(a *applicant) {
	if b.entries == nil {
		b.entries, b.groups, b.wide = make(map[applicantKey]*applicant), make(map[string][]*applicant), make(map[string]int)
	}
	a.group, a.wide = groupOf(a.Address), neighbourhoodOf(a.Address)
	b.wide[a.wide]++
	a.at = b.order.PushBack(a)
	b.entries[a.key()] = a
	b.groups[a.group] = append(b.groups[a.group], a)
}

func (b *inbox) drop(a *applicant) {
	b.order.Remove(a.at)
	delete(b.entries, a.key())
	if b.wide[a.wide]--; b.wide[a.wide] == 0 {
		delete(b.wide, a.wide)
	}
	rest := slices.DeleteFunc(b.groups[a.group], func(other *applicant) bool { return other == a })
	if b.groups[a.group] = rest; len(rest) == 0 {
		delete(b.groups, a.group)
	}
}

// remove takes an entry out, if there is one.
func (b *inbox) remove(id ID, address string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.entries[applicantKey{id, address}]
	if a == nil {
		return
	}
	b.drop(a)
	if b.removed == nil {
		b.removed = make(map[applicantKey]time.Time)
	}
	b.removed[a.key()] = now
}

func (b *inbox) has(id ID, address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.entries[applicantKey{id, address}] != nil
}

// look notes that somebody is interested in what other replicas have.
func (b *inbox) look() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looked = true
}

// needsSync tells whether somebody looked, or there is something to write or to make sure of.
func (b *inbox) needsSync() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.looked || len(b.removed) > 0 {
		return true
	}
	for _, a := range b.entries {
		if a.fresh > 0 || !a.confirmed {
			return true
		}
	}
	return false
}

func (b *inbox) count(now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, a := range b.entries {
		if now.Sub(a.Last) < InboxAge {
			n++
		}
	}
	return n
}

// list gives the entries, newest first.
func (b *inbox) list() []Applicant {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Applicant, 0, len(b.entries))
	for _, a := range slices.SortedFunc(maps.Values(b.entries), func(a, b *applicant) int { return older(b, a) }) {
		out = append(out, a.shown())
	}
	return out
}

// shown is the entry with all its requests.
func (a *applicant) shown() Applicant {
	out := a.Applicant
	out.Count += a.fresh
	return out
}

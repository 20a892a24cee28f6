package devices

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// How the inbox here and its places in the database come together. What has to be written is the difference between what
// the places say and what they should say, so that a write that failed is made up for by the next one.

// merge takes in the places of the database and gives those that have to be written.
//
// An entry that was seen in the database and is not there any more was taken out by another replica; one that was only
// written and is not there lost its place to another replica that wrote there at the same moment, and gets a new one.
func (b *inbox) merge(stored map[int]Applicant, now time.Time) (changes map[int]Applicant) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looked = false
	b.clearing = slices.Collect(maps.Keys(b.removed))
	there := make(map[applicantKey]int)
	for place, s := range stored {
		if place < 0 || place >= InboxSize || s.ID == "" {
			continue
		}
		key := applicantKey{s.ID, s.Address}
		if at, ok := b.removed[key]; ok && !s.Last.After(at) {
			continue
		}
		if other, twice := there[key]; !twice || s.Last.After(stored[other].Last) {
			there[key] = place
		}
	}
	for key, a := range b.entries {
		if _, ok := there[key]; !ok {
			b.missing(a)
		}
	}
	for key, place := range there {
		b.take(key, stored[place], place)
	}
	b.bound(now)
	b.settle()
	return b.changes(stored)
}

// missing judges an entry that is not in the database.
func (b *inbox) missing(a *applicant) {
	switch {
	case a.confirmed && a.fresh == 0:
		b.drop(a)
	case a.confirmed: // taken out elsewhere, and come again since
		a.Count, a.First, a.confirmed = 0, a.Last, false
	}
	a.place = -1
}

// take takes in an entry of the database.
func (b *inbox) take(key applicantKey, s Applicant, place int) {
	a := b.entries[key]
	if a == nil {
		a = &applicant{Applicant: s}
		b.add(a)
	}
	if s.First.Before(a.First) {
		a.First = s.First
	}
	if s.Last.After(a.Last) {
		a.Last, a.Known = s.Last, s.Known
	}
	a.Count, a.place, a.confirmed = s.Count, place, true
}

// bound drops entries that are too old or too many, and puts the others in order.
func (b *inbox) bound(now time.Time) {
	newestFirst := slices.SortedFunc(maps.Values(b.entries), func(a, b *applicant) int { return older(b, a) })
	groups := make(map[string]int)
	for _, a := range newestFirst {
		if groups[a.group] == InboxPerAddress || now.Sub(a.Last) >= InboxAge {
			b.drop(a)
			continue
		}
		groups[a.group]++
		b.order.MoveToFront(a.at)
	}
	for len(b.entries) > InboxSize {
		b.drop(b.widest())
	}
}

// settle gives a place to each entry that has none. They are drawn by lot, so that two replicas rarely take the same.
func (b *inbox) settle() {
	var homeless []*applicant
	taken := make([]bool, InboxSize)
	for _, a := range b.entries {
		if a.place < 0 {
			homeless = append(homeless, a)
		} else {
			taken[a.place] = true
		}
	}
	if len(homeless) == 0 {
		return
	}
	for _, place := range rand.Perm(InboxSize) {
		if taken[place] {
			continue
		}
		homeless[0].place = place
		if homeless = homeless[1:]; len(homeless) == 0 {
			return
		}
	}
}

// changes are the places in which the database does not say what it should.
func (b *inbox) changes(stored map[int]Applicant) map[int]Applicant {
	changes := make(map[int]Applicant)
	wanted := make(map[int]Applicant, len(b.entries))
	for _, a := range b.entries {
		a.sent = a.fresh
		wanted[a.place] = a.shown()
		if !same(wanted[a.place], stored[a.place]) {
			changes[a.place] = wanted[a.place]
		}
	}
	for place, s := range stored {
		if _, ok := wanted[place]; !ok && s.ID != "" && place >= 0 && place < InboxSize {
			changes[place] = Applicant{}
		}
	}
	return changes
}

func same(a, b Applicant) bool {
	return a.ID == b.ID && a.Address == b.Address && a.Count == b.Count && a.Known == b.Known && a.First.Equal(b.First) && a.Last.Equal(b.Last)
}

// stored notes that what merge gave has been written.
func (b *inbox) stored() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.entries {
		a.Count += a.sent
		a.fresh -= a.sent
		a.sent = 0
	}
	for _, key := range b.clearing {
		delete(b.removed, key)
	}
	b.clearing = nil
}

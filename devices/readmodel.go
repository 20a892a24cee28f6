package devices

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// readModel is the registry in memory: what the newest record of each id says, kept in the orders in which lists
// want it, so that a page of a long list costs what a page of a short one does. Applying a record twice, or an older
// one after a newer one, changes nothing.
type readModel struct {
	mu      sync.RWMutex
	rows    map[ID]*row        // every id that ever had a record
	tokens  map[tokenHash]ID   // of registered devices, replaced ones that still work included
	refused map[tokenHash]bool // tokens of devices that are being removed
	ids     []ID               // registered, sorted
	created []createdID        // registered, sorted by time and id
	events  []Event            // newest first, at most keptEvents
	version uint64             // counts changes
	uuids   uuidIndex

	// What few devices have stands beside the rows.
	replaced  map[ID]*replaced // tokens that were replaced and still work
	leftovers map[ID]string    // authorizations that are still to be revoked
	halted    map[ID]bool      // devices that are being suspended, or whose suspending failed half-way
	enrolment enrolmentCounts
}

// row is the newest record of an id. Times are Unix nanoseconds: there may be many rows.
type row struct {
	used    int64 // last use of a token; changed atomically, by holders of the read lock as well
	stamp   int64
	created int64
	tokenAt int64
	key     string // "" means not registered
	hash    tokenHash
	by      uint32 // the enrolment key, see enrolmentCounts
	unsaved uint32 // used was changed here and is not stored yet; changed atomically

	own       bool // written by this process
	suspended bool
	replaced  bool // there is a replaced token
}

// replaced is a token that works besides the one that is in the row.
type replaced struct {
	key   string
	hash  tokenHash
	of    tokenHash // the token that replaces it
	until int64
	// picked tells that the device has used the new token, so that this one ends.
	picked atomic.Bool
}

type createdID struct {
	at int64
	id ID
}

func (a createdID) compare(b createdID) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id))
}

const (
	keptEvents = 64 // events in memory
	fewChanges = 64 // up to so many, sorted slices are changed in place instead of built anew
)

func newReadModel() *readModel {
	return &readModel{
		rows: make(map[ID]*row), tokens: make(map[tokenHash]ID), refused: make(map[tokenHash]bool),
		replaced: make(map[ID]*replaced), leftovers: make(map[ID]string), halted: make(map[ID]bool),
	}
}

// superseded is an authorization of this process that a record of another process replaced.
type superseded struct {
	ID  ID
	Key string
}

// apply takes in records, oldest first. own tells that this process wrote them. It returns this process's
// authorizations that lost against another's record.
func (m *readModel) apply(records []Record, own bool) (lost []superseded) {
	if len(records) == 0 {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := make(map[ID]row, min(len(records), fewChanges+1)) // as it was, of the ids that changed
	for _, r := range records {
		old, changed := m.set(r, own)
		if !changed {
			continue
		}
		if _, known := before[r.ID]; !known {
			before[r.ID] = old
		}
		if old.own && !own && old.key != "" && !r.names(old.key) {
			lost = append(lost, superseded{r.ID, old.key})
		}
	}
	if len(before) == 0 {
		return lost
	}
	m.version++
	if len(before) > fewChanges {
		m.sortAll()
		return lost
	}
	for id, old := range before {
		if old.key != "" {
			m.unlist(id, old.created)
		}
		if r := m.rows[id]; r.key != "" {
			m.list(id, r.created)
		}
	}
	return lost
}

// names tells whether the record holds an authorization in any place, so that it is looked after.
func (r Record) names(key string) bool { return key == r.Key || key == r.PrevKey || key == r.Leftover }

// set applies one record to rows, tokens and events; the sorted slices are the caller's to mend. It returns what was there.
func (m *readModel) set(r Record, own bool) (old row, changed bool) {
	stamp := r.Stamp.UnixNano()
	now := m.rows[r.ID]
	if now != nil {
		if old = *now; stamp < old.stamp {
			return old, false
		}
	}
	next := row{stamp: stamp, created: stamp, key: r.Key, own: own}
	if !r.CreatedAt.IsZero() {
		next.created = r.CreatedAt.UnixNano()
	}
	hashed := false
	if r.Registered() {
		next.hash, hashed = parseHash(r.TokenHash)
		next.used, next.unsaved = old.used, old.unsaved
		next.suspended, next.replaced = r.Suspended, r.PrevKey != ""
		if next.tokenAt = stamp; !r.TokenAt.IsZero() {
			next.tokenAt = r.TokenAt.UnixNano()
		}
	}
	if now == nil {
		now = new(row)
		id := ownID(r.ID)
		m.rows[id] = now
		m.uuids.note(id)
	} else if stamp == old.stamp && next.key == old.key && next.hash == old.hash {
		return old, false
	}
	gone := m.drop(r.ID, old, next)
	next.by = m.enrolment.move(old.by, r.EnrolledBy)
	*now = next
	if hashed {
		m.tokens[next.hash] = r.ID
	}
	m.keep(r, gone)
	if kind, what := told(old, next); kind != "" {
		m.note(Event{At: time.Unix(0, stamp).UTC(), Kind: kind, Device: r.ID, Detail: what})
	}
	return old, true
}

// drop takes away what is known of a row besides the row itself, and gives its replaced token, if it had one.
func (m *readModel) drop(id ID, old, next row) *replaced {
	hashes := []tokenHash{old.hash}
	gone := m.replaced[id]
	if gone != nil {
		hashes = append(hashes, gone.hash)
		delete(m.replaced, id)
	}
	for _, h := range hashes {
		if m.tokens[h] == id {
			delete(m.tokens, h)
		}
		if h != next.hash {
			delete(m.refused, h)
		}
	}
	delete(m.leftovers, id)
	if old.suspended && !next.suspended {
		delete(m.halted, id) // resumed, here or elsewhere
	}
	return gone
}

// keep takes in what few records have; gone is the replaced token that the record before had.
func (m *readModel) keep(r Record, gone *replaced) {
	id := ownID(r.ID)
	if r.Leftover != "" {
		m.leftovers[id] = strings.Clone(r.Leftover)
	}
	if !r.Registered() {
		delete(m.halted, id)
		return
	}
	if r.PrevKey == "" {
		return
	}
	p := &replaced{key: strings.Clone(r.PrevKey), until: r.PrevUntil.UnixNano()}
	if h, ok := parseHash(r.PrevHash); ok {
		p.hash = h
		m.tokens[h] = id
	}
	p.of = m.rows[id].hash
	if gone != nil && gone.key == p.key && gone.of == p.of {
		p.picked.Store(gone.picked.Load())
	}
	m.replaced[id] = p
}

// told says which event lies between two rows of an id; "" for none.
func told(old, next row) (EventKind, string) {
	switch {
	case old.key == "" && next.key != "":
		return EventRegistered, "Registered"
	case old.key != "" && next.key == "":
		return EventRemoved, "Removed"
	case next.key == "":
		return "", ""
	case !old.suspended && next.suspended:
		return EventSuspended, "Suspended"
	case old.suspended && !next.suspended:
		return EventResumed, "Resumed"
	case old.key != next.key && next.replaced && next.tokenAt > old.tokenAt:
		return EventRotated, "New token"
	}
	return "", ""
}

// ownID is a copy of an id that does not keep a larger text, such as a database's answer, in memory.
func ownID(id ID) ID { return ID(strings.Clone(string(id))) }

// note keeps an event in its place by time.
func (m *readModel) note(e Event) {
	at := 0
	for at < len(m.events) && m.events[at].At.After(e.At) {
		at++
	}
	if at == keptEvents {
		return
	}
	if len(m.events) == keptEvents {
		m.events = m.events[:keptEvents-1]
	}
	m.events = slices.Insert(m.events, at, e)
}

// sortAll builds the sorted slices anew.
func (m *readModel) sortAll() {
	m.ids, m.created = m.ids[:0], m.created[:0]
	for id, r := range m.rows {
		if r.key != "" {
			m.ids = append(m.ids, id)
			m.created = append(m.created, createdID{r.created, id})
		}
	}
	slices.Sort(m.ids)
	slices.SortFunc(m.created, createdID.compare)
}

func (m *readModel) list(id ID, created int64) {
	if at, found := slices.BinarySearch(m.ids, id); !found {
		m.ids = slices.Insert(m.ids, at, id)
	}
	c := createdID{created, id}
	if at, found := slices.BinarySearchFunc(m.created, c, createdID.compare); !found {
		m.created = slices.Insert(m.created, at, c)
	}
}

func (m *readModel) unlist(id ID, created int64) {
	if at, found := slices.BinarySearch(m.ids, id); found {
		m.ids = slices.Delete(m.ids, at, at+1)
	}
	if at, found := slices.BinarySearchFunc(m.created, createdID{created, id}, createdID.compare); found {
		m.created = slices.Delete(m.created, at, at+1)
	}
}

// replace takes over a model that was loaded from the beginning. Rows that changed here since then are kept. It returns
// this process's authorizations that lost against another's record.
func (m *readModel) replace(loaded *readModel, since time.Time) (lost []superseded) {
	loaded.sortAll()
	m.mu.Lock()
	defer m.mu.Unlock()
	var kept []Record
	for id, r := range m.rows {
		if there := loaded.rows[id]; there != nil && there.key != "" && r.used > there.used {
			there.used, there.unsaved = r.used, r.unsaved
		}
		if there := loaded.rows[id]; r.own && r.key != "" && there != nil && there.stamp > r.stamp && !loaded.record(id, there).names(r.key) {
			lost = append(lost, superseded{id, r.key})
		}
		if r.stamp < since.UnixNano() || !r.own {
			continue
		}
		if there := loaded.rows[id]; there == nil || there.stamp < r.stamp {
			kept = append(kept, m.record(id, r))
		} else if there.stamp == r.stamp && there.key == r.key {
			there.own = true
		}
	}
	if len(kept) > 0 {
		loaded.apply(kept, true)
	}
	for id, p := range loaded.replaced {
		if old := m.replaced[id]; old != nil && old.key == p.key && old.of == p.of {
			p.picked.Store(old.picked.Load())
		}
	}
	m.rows, m.tokens, m.ids, m.created, m.events = loaded.rows, loaded.tokens, loaded.ids, loaded.created, loaded.events
	m.replaced, m.leftovers, m.enrolment = loaded.replaced, loaded.leftovers, loaded.enrolment
	m.uuids.ids = nil // built anew when it is asked for
	m.version++
	return lost
}

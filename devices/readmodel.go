package devices

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// readModel is the registry in memory: what the newest record of each id says, kept in the orders in which lists
// want it, so that a page of a long list costs what a page of a short one does. Applying a record twice, or an older
// one after a newer one, changes nothing.
type readModel struct {
	mu      sync.RWMutex
	rows    map[ID]*row        // every id that ever had a record
	tokens  map[tokenHash]ID   // of registered devices
	refused map[tokenHash]bool // tokens of devices that are being removed
	ids     []ID               // registered, sorted
	created []createdID        // registered, sorted by time and id
	events  []Event            // newest first, at most keptEvents
	version uint64             // counts changes
}

// row is the newest record of an id. Times are Unix nanoseconds: there may be many rows.
type row struct {
	stamp   int64
	created int64
	key     string // "" means not registered
	hash    tokenHash
	own     bool // written by this process
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
	return &readModel{rows: make(map[ID]*row), tokens: make(map[tokenHash]ID), refused: make(map[tokenHash]bool)}
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
		if old.own && !own && old.key != "" && old.key != r.Key {
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
	}
	if now == nil {
		now = new(row)
		m.rows[ownID(r.ID)] = now
	} else if stamp == old.stamp && next.key == old.key && next.hash == old.hash {
		return old, false
	}
	if old.key != "" && m.tokens[old.hash] == r.ID {
		delete(m.tokens, old.hash)
		delete(m.refused, old.hash)
	}
	*now = next
	if hashed {
		m.tokens[next.hash] = r.ID
	}
	switch {
	case old.key == "" && next.key != "":
		m.note(Event{At: time.Unix(0, stamp).UTC(), Kind: EventRegistered, Device: r.ID, Detail: "Registered"})
	case old.key != "" && next.key == "":
		m.note(Event{At: time.Unix(0, stamp).UTC(), Kind: EventRemoved, Device: r.ID, Detail: "Removed"})
	}
	return old, true
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

// replace takes over a model that was loaded from the beginning. Rows that changed here since then are kept.
func (m *readModel) replace(loaded *readModel, since time.Time) {
	loaded.sortAll()
	m.mu.Lock()
	defer m.mu.Unlock()
	var kept []Record
	for id, r := range m.rows {
		if r.stamp < since.UnixNano() || !r.own {
			continue
		}
		if there := loaded.rows[id]; there == nil || there.stamp < r.stamp {
			kept = append(kept, Record{ID: id, Stamp: time.Unix(0, r.stamp), CreatedAt: time.Unix(0, r.created), Key: r.key, TokenHash: r.hash.String()})
		} else if there.stamp == r.stamp && there.key == r.key {
			there.own = true
		}
	}
	if len(kept) > 0 {
		loaded.apply(kept, true)
	}
	m.rows, m.tokens, m.ids, m.created, m.events = loaded.rows, loaded.tokens, loaded.ids, loaded.created, loaded.events
	m.version++
}

// device gives the registered device of an id, and the stamp of the id's newest record, registered or not.
func (m *readModel) device(id ID) (d Device, stamp time.Time, registered bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r := m.rows[id]
	if r == nil {
		return Device{}, time.Time{}, false
	}
	return r.device(id), time.Unix(0, r.stamp).UTC(), r.key != ""
}

func (r *row) device(id ID) Device {
	return Device{ID: id, CreatedAt: time.Unix(0, r.created).UTC(), UpdatedAt: time.Unix(0, r.stamp).UTC(), Key: r.key}
}

// byToken finds a registered device by its token's hash.
func (m *readModel) byToken(h tokenHash) (ID, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.refused[h] {
		return "", false
	}
	id, ok := m.tokens[h]
	return id, ok
}

// refuse makes the id's token unknown; accept takes that back.
func (m *readModel) refuse(id ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.rows[id]; r != nil && r.key != "" {
		m.refused[r.hash] = true
	}
}

func (m *readModel) accept(h tokenHash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.refused, h)
}

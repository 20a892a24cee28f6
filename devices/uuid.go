package devices

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"
)

// uuidSpace is the namespace of the UUIDs that are derived from device ids. It was drawn at random once, for this app
// alone. Programs keep the UUIDs that come of it, so it must never change.
var uuidSpace = uuid.MustParse("90888aad-4ea3-4aa7-be74-313409c53f54")

// uuidLength is the length of a UUID in its usual form.
const uuidLength = 36

// UUIDOf is the UUID by which the Helium dialect knows a device: its id where that is a UUID in its usual form (lower
// case, with hyphens), else a UUIDv5 derived from it. It needs no registry, and the same id has the same UUID everywhere.
func UUIDOf(id ID) uuid.UUID {
	if u, ok := literalUUID(id); ok {
		return u
	}
	return uuid.NewSHA1(uuidSpace, []byte(id))
}

// literalUUID gives the UUID that an id is, if it is one in its usual form.
func literalUUID(id ID) (uuid.UUID, bool) {
	u, ok := ParseUUID(string(id))
	return u, ok && u.String() == string(id)
}

// ParseUUID reads a UUID in its usual form of 36 characters, in either case; false for anything else.
func ParseUUID(s string) (uuid.UUID, bool) {
	if len(s) != uuidLength { // braces, urn: and the form without hyphens
		return uuid.Nil, false
	}
	u, err := uuid.Parse(s)
	return u, err == nil
}

// ByUUID gives the registered device that a UUID stands for, or ErrNotFound. It answers from memory where the UUID is
// known there, and asks the store only for others.
//
// Two ids have one UUID only where somebody chose it so: a device was registered under the UUID that another one's id
// gives. The UUID then stays the other one's, or anybody who may enrol a device could take over what programs
// send to it and read from it.
func (r *Registry) ByUUID(ctx context.Context, u uuid.UUID) (Device, error) {
	if d, registered := r.model.byUUID(u); registered {
		return d, nil
	}
	if err := r.refresh(ctx); err != nil {
		return Device{}, err
	}
	d, registered := r.model.byUUID(u)
	if !registered {
		return Device{}, ErrNotFound
	}
	return d, nil
}

// uuidIndex is the ids by their derived UUIDs. Most processes are never asked for one, so it is built at the first
// question, of all ids that ever had a record, and kept up with them: a removal takes nothing from it, as the row says that.
type uuidIndex struct {
	building sync.Mutex
	ids      map[uuid.UUID]ID // nil until it is asked for; guarded by the read model's lock
}

// byUUID finds the registered device of a UUID.
func (m *readModel) byUUID(u uuid.UUID) (d Device, registered bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for m.uuids.ids == nil {
		m.mu.RUnlock()
		m.buildUUIDs()
		m.mu.RLock()
	}
	id := m.uuids.ids[u]
	if r := m.rows[id]; r != nil && r.key != "" {
		return m.deviceOf(id, r), true
	}
	id = ID(u.String())
	if r := m.rows[id]; r != nil && r.key != "" {
		return m.deviceOf(id, r), true
	}
	return Device{}, false
}

// buildUUIDs makes the index. Deriving takes a tenth of a second for 100,000 ids, in which devices go on writing: so the
// lock is not held meanwhile, unless ids keep coming.
func (m *readModel) buildUUIDs() {
	m.uuids.building.Lock()
	defer m.uuids.building.Unlock()
	for range attempts {
		m.mu.RLock()
		done, version, ids := m.uuids.ids != nil, m.version, slices.Collect(maps.Keys(m.rows))
		m.mu.RUnlock()
		if done {
			return
		}
		index := derivedUUIDs(ids)
		m.mu.Lock()
		if m.version == version {
			m.uuids.ids = index
			m.mu.Unlock()
			return
		}
		m.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uuids.ids = derivedUUIDs(slices.Collect(maps.Keys(m.rows)))
}

func derivedUUIDs(ids []ID) map[uuid.UUID]ID {
	x := uuidIndex{ids: make(map[uuid.UUID]ID, len(ids))}
	for _, id := range ids {
		x.note(id)
	}
	return x.ids
}

// note takes in a new id, if there is an index. One that is a UUID is found without it.
func (x *uuidIndex) note(id ID) {
	if x.ids == nil {
		return
	}
	if _, literal := literalUUID(id); !literal {
		x.ids[UUIDOf(id)] = id
	}
}

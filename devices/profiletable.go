package devices

import (
	"bytes"
	"time"
)

// profileTable is all profiles as one version of the ledger has them: reading 100,000 documents takes a second, and a
// search is not to wait for that. It is never changed once it is made.
type profileTable struct {
	version uint64
	rows    []profileRow // by id
}

// profileRow is a profile and the document that it was read from.
type profileRow struct {
	id      ID
	stamp   time.Time
	body    []byte
	damaged bool // the document cannot be read
	Profile
}

// rows gives all profiles as they are known here, by id, those that cannot be read included. Only documents that have
// changed since the last time are read. What it gives is shared, and not to be changed.
func (p *Profiles) rows() []profileRow {
	p.building.Lock()
	defer p.building.Unlock()
	version := p.ledger.VersionOf(kindProfile)
	old := p.table.Load()
	if old != nil && old.version == version {
		return old.rows
	}
	var before []profileRow
	if old != nil {
		before = old.rows
	}
	entries := p.ledger.All(kindProfile) // by id, as before is
	rows := make([]profileRow, 0, len(entries))
	for _, e := range entries {
		for len(before) > 0 && string(before[0].id) < e.ID {
			before = before[1:]
		}
		if len(before) > 0 && string(before[0].id) == e.ID && before[0].stamp.Equal(e.Stamp) && bytes.Equal(before[0].body, e.Body) {
			rows = append(rows, before[0])
			continue
		}
		profile, ok := readProfile(e)
		rows = append(rows, profileRow{id: ID(e.ID), stamp: e.Stamp, body: e.Body, damaged: !ok, Profile: profile})
	}
	p.table.Store(&profileTable{version, rows})
	return rows
}

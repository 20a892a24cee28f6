package devices

import "time"

// record is a row as a record, without the sealed token. The caller holds m.mu.
func (m *readModel) record(id ID, r *row) Record {
	rec := Record{
		ID: id, Stamp: time.Unix(0, r.stamp).UTC(), CreatedAt: time.Unix(0, r.created).UTC(), Key: r.key,
		Leftover: m.leftovers[id], Suspended: r.suspended, EnrolledBy: m.enrolment.name(r.by),
	}
	if r.key != "" {
		rec.TokenHash, rec.TokenAt = r.hash.String(), time.Unix(0, r.tokenAt).UTC()
	}
	if p := m.replaced[id]; p != nil {
		rec.PrevKey, rec.PrevHash, rec.PrevUntil = p.key, p.hash.String(), time.Unix(0, p.until).UTC()
	}
	return rec
}

// newest gives the newest record of an id as it is known here, without the sealed token; the zero Record if there is none.
func (m *readModel) newest(id ID) Record {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if r := m.rows[id]; r != nil {
		return m.record(id, r)
	}
	return Record{ID: id}
}

// device gives the registered device of an id, and the stamp of the id's newest record, registered or not.
func (m *readModel) device(id ID) (d Device, stamp time.Time, registered bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r := m.rows[id]
	if r == nil {
		return Device{}, time.Time{}, false
	}
	return m.deviceOf(id, r), time.Unix(0, r.stamp).UTC(), r.key != ""
}

// deviceOf is a row as a device. The caller holds m.mu.
func (m *readModel) deviceOf(id ID, r *row) Device {
	d := Device{
		ID: id, CreatedAt: time.Unix(0, r.created).UTC(), UpdatedAt: time.Unix(0, r.stamp).UTC(), Key: r.key,
		Suspended: r.suspended, EnrolledBy: m.enrolment.name(r.by),
	}
	if r.key != "" {
		d.TokenAt = time.Unix(0, r.tokenAt).UTC()
	}
	if r.replaced {
		d.PrevUntil = time.Unix(0, m.replaced[id].until).UTC()
	}
	return d
}

package devices

import "time"

// What the read model knows about tokens.

// standing is what a token is worth.
type standing int

const (
	unknownToken   standing = iota
	goodToken               // the device's token, or a replaced one that still works
	suspendedToken          // it would be good if its device were not suspended
)

// byToken finds a registered device by its token's hash. picked tells that it is a new token, used for the first time.
func (m *readModel) byToken(h tokenHash, now time.Time) (id ID, worth standing, picked bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	id, ok := m.tokens[h]
	if !ok || m.refused[h] {
		return "", unknownToken, false
	}
	r := m.rows[id]
	if r.suspended || m.halted[id] {
		return id, suspendedToken, false
	}
	var old *replaced
	if r.replaced {
		old = m.replaced[id]
		if h == old.hash && (old.picked.Load() || now.UnixNano() >= old.until) {
			return "", unknownToken, false
		}
	}
	r.use(now)
	return id, goodToken, old != nil && h == r.hash && !old.picked.Swap(true)
}

// refuse makes the tokens of an id unknown; accept takes that back for one of them.
func (m *readModel) refuse(id ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rows[id]
	if r == nil || r.key == "" {
		return
	}
	m.refused[r.hash] = true
	if p := m.replaced[id]; p != nil {
		m.refused[p.hash] = true
	}
}

func (m *readModel) accept(h tokenHash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.refused, h)
}

// halt refuses the tokens of a device as those of a suspended one, and release takes that back. The record that says the
// same may come later, or never.
func (m *readModel) halt(id ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.rows[id]; r != nil && r.key != "" {
		m.halted[id] = true
	}
}

func (m *readModel) release(id ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.halted, id)
}

func (m *readModel) isHalted(id ID) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.halted[id]
}

// pick makes the replaced token of a device one that is not needed any more.
func (m *readModel) pick(id ID) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if p := m.replaced[id]; p != nil {
		p.picked.Store(true)
	}
}

// picked gives the hash of a device's token if it was used in this process while the replaced one still worked, so that
// the replaced one is not needed any more.
func (m *readModel) picked(id ID) (hash string, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if p := m.replaced[id]; p != nil && p.picked.Load() {
		return p.of.String(), true
	}
	return "", false
}

// chores are what the janitor has to do.
type chores struct {
	due  []ID      // something of theirs is to be ended now
	next time.Time // when the next replaced token ends; zero: there is none
}

// chores gives what there is to do at a time, for at most n ids. The replaced token of a suspended device does not end
// before the device was resumed: it could not pick up the new one meanwhile.
func (m *readModel) chores(now time.Time, n int) chores {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var c chores
	var next int64
	for id, p := range m.replaced {
		switch left := m.leftovers[id] != ""; {
		case left, p.picked.Load(), p.until <= now.UnixNano() && !m.rows[id].suspended:
			if len(c.due) < n {
				c.due = append(c.due, id)
			}
		case !m.rows[id].suspended && (next == 0 || p.until < next):
			next = p.until
		}
	}
	for id := range m.leftovers {
		if m.replaced[id] == nil && len(c.due) < n {
			c.due = append(c.due, id)
		}
	}
	if next != 0 {
		c.next = time.Unix(0, next)
	}
	return c
}

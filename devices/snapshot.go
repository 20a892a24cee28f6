package devices

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// StateOf judges a registered device at a time, by its last entry as the snapshot knows it.
func (s Snapshot) StateOf(id ID, now time.Time) State {
	if _, ok := s.suspended[id]; ok {
		return Suspended
	}
	if last, ok := s.Last[id]; ok {
		return StateAt(last, now)
	}
	if _, ok := s.ever[id]; ok {
		return Offline
	}
	return Never
}

// build makes a snapshot of what is known. The caller holds f.mu.
func (f *Fleet) build() Snapshot {
	s := Snapshot{
		At: f.seen.at, Counts: map[State]int{Online: 0, Late: 0, Offline: 0, Never: 0, Suspended: 0}, Last: f.seen.last,
		Minutes: f.seen.minutes, MinutesStop: f.seen.stop, ever: f.seen.ever,
	}
	s.Events = f.Registry.model.recent(FleetEvents)
	// Bounded lists of the newest: there may be very many devices, and very many of them silent.
	looks := newest[Look]{n: FleetLooks, before: func(a, b Look) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.ID, b.ID)) }}
	events := newest[Event]{n: FleetEvents, list: s.Events, before: func(a, b Event) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Device, b.Device))
	}}
	for id := ID(""); ; {
		some := f.Registry.model.after(id, 512)
		if len(some) == 0 {
			break
		}
		id = some[len(some)-1].ID
		for _, d := range some {
			s.Total++
			if d.Suspended {
				if s.suspended == nil {
					s.suspended = make(map[ID]struct{})
				}
				s.suspended[d.ID] = struct{}{}
			}
			state := s.StateOf(d.ID, s.At)
			s.Counts[state]++
			if state != Late && state != Offline {
				continue
			}
			last := s.Last[d.ID]
			s.NeedsCount++
			looks.add(Look{ID: d.ID, State: state, Last: last})
			if !last.IsZero() && s.At.Sub(last) < fleetDay {
				events.add(silence(d.ID, state, last))
			}
		}
	}
	s.NeedsLook, s.Events = looks.list, events.list
	return s
}

// silence is the event of a device that became late or offline after its last entry.
func silence(id ID, state State, last time.Time) Event {
	after, kind := LateAfter, EventLate
	if state == Offline {
		after, kind = OfflineAfter, EventOffline
	}
	return Event{At: last.Add(after), Kind: kind, Device: id, Detail: fmt.Sprintf("No entry for %d minutes", int(after/time.Minute))}
}

// newest is a sorted list that keeps its first n elements.
type newest[T any] struct {
	n      int
	list   []T
	before func(a, b T) int
}

func (l *newest[T]) add(v T) {
	if len(l.list) == l.n && l.before(v, l.list[l.n-1]) >= 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(l.list, v, l.before)
	l.list = slices.Insert(l.list, at, v)
	l.list = l.list[:min(len(l.list), l.n)]
}

// current is the version of the model: it grows with each change.
func (m *readModel) current() uint64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.version
}

package handlers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry/helium"
)

// point is a point of the fake database.
type point struct {
	owner devices.ID
	helium.Stored
}

// chosen gives the points of a selection, newest first. The caller holds the lock.
func (m *memory) chosen(s helium.Selection) (out []helium.Stored) {
	for _, p := range m.points {
		at := time.Unix(0, p.At)
		if p.owner != s.Owner || s.Ports != nil && !slices.Contains(s.Ports, p.Port) ||
			!s.Start.IsZero() && at.Before(s.Start) || !s.End.IsZero() && !at.Before(s.End) {
			continue
		}
		out = append(out, p.Stored)
	}
	slices.SortStableFunc(out, func(a, b helium.Stored) int { return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Port, b.Port)) })
	return out
}

func (m *memory) HeliumPoints(_ context.Context, s helium.Selection, upTo int64, limit int) ([]helium.Stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := slices.DeleteFunc(m.chosen(s), func(p helium.Stored) bool { return upTo != 0 && p.At > upTo })
	return out[:min(len(out), limit)], m.readErr
}

func (m *memory) HeliumNewer(_ context.Context, s helium.Selection, after int64, n int) (int64, string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	newer := slices.DeleteFunc(m.chosen(s), func(p helium.Stored) bool { return p.At <= after })
	if len(newer) == 0 {
		return 0, "", false, m.readErr
	}
	p := newer[max(0, len(newer)-n)]
	return p.At, p.Port, true, m.readErr
}

func (m *memory) HeliumTaken(_ context.Context, owner devices.ID, from, to int64) (int64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.chosen(helium.Selection{Owner: owner}) {
		if from <= p.At && p.At < to {
			return p.At, true, m.readErr
		}
	}
	return 0, false, m.readErr
}

func (m *memory) HeliumBuckets(context.Context, helium.Selection, time.Duration, time.Time, int) ([]helium.Bucket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heliumBuckets, m.readErr
}

func (m *memory) HeliumNewerBucket(context.Context, helium.Selection, time.Duration, helium.Bucket, int) (helium.Bucket, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return helium.Bucket{}, false, m.readErr
}

func (m *memory) HeliumPorts(_ context.Context, owner devices.ID) ([]string, error) {
	all, err := m.AllHeliumPorts(context.Background())
	return all[owner], err
}

func (m *memory) AllHeliumPorts(context.Context) (map[devices.ID][]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[devices.ID][]string{}
	for _, p := range m.points {
		if at, found := slices.BinarySearch(out[p.owner], p.Port); !found {
			out[p.owner] = slices.Insert(out[p.owner], at, p.Port)
		}
	}
	return out, m.readErr
}

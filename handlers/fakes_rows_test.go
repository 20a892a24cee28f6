package handlers

import (
	"context"
	"encoding/json"
	"time"

	"iotcenter/telemetry"
)

// rows is what the fake database answers to programs that read rows.
type rows struct {
	fields []string
	at     []int64
	values [][]json.RawMessage
	err    error // after all rows
	kinds  map[string][]telemetry.FieldKind
	result json.RawMessage
	cut    bool

	asked     telemetry.RowsQuery
	statement string
	most      int           // rows of the statement's answer
	within    time.Duration // the statement's time
}

func (m *memory) Rows(_ context.Context, q telemetry.RowsQuery, to telemetry.Rows) error {
	m.mu.Lock()
	m.rows.asked = q
	r, readErr := m.rows, m.readErr
	m.mu.Unlock()
	if readErr != nil {
		return readErr
	}
	if err := to.Begin(r.fields); err != nil {
		return err
	}
	for i, at := range r.at {
		if err := to.Row(at, r.values[i]); err != nil {
			return err
		}
	}
	return r.err
}

func (m *memory) FieldKinds(context.Context, string) (map[string][]telemetry.FieldKind, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows.kinds, m.readErr
}

func (m *memory) Statement(_ context.Context, text string, most int, within time.Duration) (json.RawMessage, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows.statement, m.rows.most, m.rows.within = text, most, within
	return m.rows.result, m.rows.cut, m.readErr
}

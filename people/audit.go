package people

import (
	"context"
	"log/slog"
	"time"
)

// EventFilter selects events. Zero fields select everything.
type EventFilter struct {
	From, To time.Time // From is inclusive, To exclusive
	Actor    string    // exactly
	Action   string    // exactly
	Target   string    // exactly
	Result   string    // exactly
	Limit    int       // at most so many; 0 or less means all
}

// EventStore keeps the audit log.
type EventStore interface {
	// PutEvents writes events in one request. Events of one instant stay apart.
	PutEvents(ctx context.Context, events []Event) error
	// Events calls fn with the matching events, newest first. It streams; fn's error stops it and is returned.
	Events(ctx context.Context, f EventFilter, fn func(Event) error) error
}

// AuditOptions is what an Audit works with. Store is needed.
type AuditOptions struct {
	Store EventStore
	Clock func() time.Time
	Log   *slog.Logger
}

// Audit is the trail of what people, keys and devices did. It is safe for concurrent use.
type Audit struct{ AuditOptions }

// NewAudit makes an audit log; run Run beside it.
func NewAudit(o AuditOptions) *Audit { panic("not written yet") }

// Note adds an event to the log; it waits for no database. At is set if it is zero.
func (a *Audit) Note(e Event) { panic("not written yet") }

// Run writes what is noted, in batches, until ctx ends; then it writes what is left.
func (a *Audit) Run(ctx context.Context) error { panic("not written yet") }

// Flush writes what was noted before the call.
func (a *Audit) Flush(ctx context.Context) error { panic("not written yet") }

// Events flushes and calls fn with the matching events, newest first.
func (a *Audit) Events(ctx context.Context, f EventFilter, fn func(Event) error) error {
	panic("not written yet")
}

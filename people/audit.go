package people

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
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
	Clock func() time.Time // optional: time.Now
	Log   *slog.Logger     // optional: none
}

// Bounds of what waits to be written.
const (
	auditQueue = 10_000 // events; what comes beyond is only counted
	auditBatch = 1_000  // events in one request
	auditText  = 200    // bytes of each text of an event
)

// Times of writing.
const (
	auditInterval = 200 * time.Millisecond
	auditMaxWait  = 30 * time.Second // between two attempts while the store fails
	auditEnd      = 5 * time.Second  // for what is left at the end
)

// Audit is the trail of what people, keys and devices did. It is safe for concurrent use.
//
// Strangers cannot fill the disk with it: of the events of nobody, 60 of an action are written within a minute, and
// the others are one event with their count. While the store fails, 10,000 events are kept; of what comes beyond,
// one event tells the number later.
type Audit struct {
	AuditOptions
	writing chan struct{} // held by whoever writes

	mu        sync.Mutex
	queue     []Event // oldest first
	lost      int     // events that found no room
	lostSince time.Time
	strangers map[string]*strangers // by action
}

// NewAudit makes an audit log; run Run beside it.
func NewAudit(o AuditOptions) *Audit {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Audit{AuditOptions: o, writing: make(chan struct{}, 1), strangers: make(map[string]*strangers)}
}

// Note adds an event to the log; it waits for no database. At is set if it is zero. Texts are cut to 200 bytes; what
// control characters they have stay, and pages show them escaped.
func (a *Audit) Note(e Event) {
	now := a.Clock()
	if e.At.IsZero() {
		e.At = now
	}
	e.At = e.At.UTC().Round(0)
	for _, text := range []*string{&e.ActorKind, &e.Actor, &e.Address, &e.Action, &e.Target, &e.Result, &e.Detail, &e.RequestID} {
		*text = cut(*text, auditText)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.ActorKind == nobody && !a.admit(e, now) {
		return
	}
	a.add(e, now)
}

// add appends an event if there is room. Called with mu held.
func (a *Audit) add(e Event, now time.Time) {
	if len(a.queue) < auditQueue {
		a.queue = append(a.queue, e)
		return
	}
	if a.lost == 0 {
		a.lostSince = now
	}
	a.lost++
}

// Run writes what is noted, in batches, until ctx ends; then it writes what is left.
func (a *Audit) Run(ctx context.Context) error {
	ticker := time.NewTicker(auditInterval)
	defer ticker.Stop()
	var wait time.Duration // 0: the last attempt succeeded
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			a.end(ctx)
			return ctx.Err()
		case now := <-ticker.C:
			a.sumUp(false)
			if now.Before(next) {
				continue
			}
			err := a.Flush(ctx)
			switch {
			case err != nil && ctx.Err() == nil:
				if wait == 0 {
					a.Log.Warn("the audit log could not be written; it will be tried again", "error", err)
				}
				wait = min(max(2*wait, 2*auditInterval), auditMaxWait)
				next = now.Add(wait)
			case err == nil && wait > 0:
				a.Log.Info("the audit log can be written again")
				wait = 0
			}
		}
	}
}

// end writes what is left when the program stops.
func (a *Audit) end(ctx context.Context) {
	a.sumUp(true)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditEnd)
	defer cancel()
	err := a.Flush(ctx)
	if err == nil {
		err = a.Flush(ctx) // what the first one had to say about lost events
	}
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.Log.Error("events of the audit log were not written at the end", "events", len(a.queue)+a.lost, "error", err)
	}
}

// Flush writes what was noted before the call. After an error all of it is kept, and tried again.
func (a *Audit) Flush(ctx context.Context) error {
	a.mu.Lock()
	empty := len(a.queue) == 0
	a.mu.Unlock()
	if empty {
		return nil // what is being written stays in the queue until it is
	}
	select {
	case a.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-a.writing }()

	a.mu.Lock()
	left := len(a.queue)
	a.mu.Unlock()
	for left > 0 {
		a.mu.Lock()
		batch := slices.Clone(a.queue[:min(left, auditBatch)])
		a.mu.Unlock()
		if err := a.Store.PutEvents(ctx, batch); err != nil {
			return fmt.Errorf("writing the audit log: %w", err)
		}
		left -= len(batch)
		a.mu.Lock()
		a.queue = slices.Clone(a.queue[len(batch):]) // a copy, so that the memory of what was written is free
		a.confess()
		a.mu.Unlock()
	}
	return nil
}

// confess notes that events were lost, now that there is room to say so. Called with mu held.
func (a *Audit) confess() {
	if a.lost == 0 {
		return
	}
	a.Log.Error("events of the audit log were lost: they were too many while it could not be written", "events", a.lost, "since", a.lostSince)
	a.queue = append(a.queue, Event{
		At: a.Clock().UTC().Round(0), ActorKind: "app", Action: ActionLost, Result: "failed",
		Detail: fmt.Sprintf("events lost: %d, since %s", a.lost, a.lostSince.UTC().Format(time.RFC3339)),
	})
	a.lost = 0
}

// Events flushes and calls fn with the matching events, newest first.
func (a *Audit) Events(ctx context.Context, f EventFilter, fn func(Event) error) error {
	if err := a.Flush(ctx); err != nil {
		return err
	}
	return a.Store.Events(ctx, f, fn)
}

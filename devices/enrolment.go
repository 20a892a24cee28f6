package devices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"iotcenter/ledger"
)

// ErrNotEnrolled: the device may not have a configuration now; what was missing is nobody's business.
var ErrNotEnrolled = errors.New("not enrolled")

// EnrolmentOptions is what an Enrolment works with. Registry, Ledger, Inbox and Sealer are needed.
type EnrolmentOptions struct {
	Registry *Registry
	Ledger   *ledger.Ledger
	Inbox    InboxStore
	Sealer   *Sealer
	Clock    func() time.Time
	Log      *slog.Logger
}

// Enrolment is the doors by which a device that brings no token of its own becomes known: an enrolment key, a window
// that an operator opened for minutes, or an approval. It is safe for concurrent use.
//
// Keys, the window and approvals stand in the ledger, so that they hold on every replica. Who waits for approval is
// remembered in memory and in the inbox's places of the database; whatever strangers send costs memory of a fixed size
// and, every two seconds, one write of a fixed size.
type Enrolment struct {
	EnrolmentOptions
	keys    atomic.Pointer[keyTable]
	making  keyedMutex // makers of keys, who must not exceed their number together
	asking  keyedMutex // devices with an approval, which is used up once
	filling keyedMutex // enrolment keys, so that no two requests take the last place
	rate    enrolmentRate
	waiting inbox
	syncing keyedMutex
}

// Kinds of documents in the ledger.
const (
	kindKey         = "enrolkey"
	kindWindow      = "enrolwindow"
	kindApproval    = "approval"
	kindApprovalUse = "approvaluse" // by the approval's id and a random text: who wants to use it up
)

// NewEnrolment makes it; run Run beside it.
func NewEnrolment(o EnrolmentOptions) *Enrolment {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Enrolment{EnrolmentOptions: o}
}

// Run keeps the inbox in step with the other replicas until ctx ends; then it writes what is left.
func (e *Enrolment) Run(ctx context.Context) error {
	ticker := time.NewTicker(syncEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ticker.C:
			if !e.waiting.needsSync() {
				continue
			}
			err := e.sync(ctx, true)
			if err != nil && ctx.Err() == nil && !failing {
				e.Log.Warn("the approval inbox could not be kept in step; it will be tried again", "error", err)
			}
			failing = err != nil
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
			defer cancel()
			if e.waiting.needsSync() {
				if err := e.sync(last, true); err != nil {
					e.Log.Warn("the end of the approval inbox is not stored", "error", err)
				}
			}
			return ctx.Err()
		}
	}
}

// ready makes sure that the ledger and the registry have been read. Only before that a stranger waits for the database.
func (e *Enrolment) ready(ctx context.Context) error {
	if err := e.Ledger.Ready(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if e.Registry.loaded.Load() {
		return nil
	}
	return e.Registry.strangers.do(ctx, e.Registry.refresh)
}

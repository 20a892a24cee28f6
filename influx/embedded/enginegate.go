package embedded

import (
	"context"
	"sync"
	"time"
)

// engineGate lets many use the storage engine at a time, or one take it away
// from all to open it again. Who comes while it is taken waits.
type engineGate struct {
	mu      sync.Mutex
	opening uint64 // how often the engine was taken and opened again
	users   map[*engineUse]struct{}
	taken   chan struct{} // while the engine is taken; closed when it is given back
	idle    chan struct{} // while somebody waits for the users to leave; closed by the last of them
}

// engineUse is one use of the engine; whoever enters must leave.
type engineUse struct {
	gate    *engineGate
	cancel  context.CancelCauseFunc
	opening uint64 // the engine's opening that was used
}

// engineWait is how long a request waits for an engine that is being opened again.
const engineWait = 10 * time.Second

var errEngineTaken = errUnavailable("the database is being opened again; try again later")

// enter waits until the engine is there. The context that it answers ends also
// when the engine is taken away.
func (g *engineGate) enter(ctx context.Context) (context.Context, *engineUse, error) {
	var patience <-chan time.Time
	for {
		g.mu.Lock()
		taken := g.taken
		if taken == nil {
			use := &engineUse{gate: g, opening: g.opening}
			ctx, use.cancel = context.WithCancelCause(ctx)
			if g.users == nil {
				g.users = map[*engineUse]struct{}{}
			}
			g.users[use] = struct{}{}
			g.mu.Unlock()
			return ctx, use, nil
		}
		g.mu.Unlock()
		if patience == nil {
			timer := time.NewTimer(engineWait)
			defer timer.Stop()
			patience = timer.C
		}
		select {
		case <-taken:
		case <-patience:
			return ctx, nil, errEngineTaken
		case <-ctx.Done():
			return ctx, nil, ctx.Err()
		}
	}
}

func (u *engineUse) leave() {
	u.cancel(nil)
	g := u.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.users, u)
	if g.idle != nil && len(g.users) == 0 {
		close(g.idle)
		g.idle = nil
	}
}

// take keeps newcomers out and waits for the users to leave: for a while by
// themselves, then with their contexts ended. false: some would not leave, and
// the engine stays theirs. Only one may take at a time.
func (g *engineGate) take(patience time.Duration) bool {
	g.mu.Lock()
	g.taken = make(chan struct{})
	idle := make(chan struct{})
	if len(g.users) == 0 {
		close(idle)
	} else {
		g.idle = idle
	}
	g.mu.Unlock()
	for _, end := range []bool{false, true} {
		if end {
			g.mu.Lock()
			for use := range g.users {
				use.cancel(errEngineTaken)
			}
			g.mu.Unlock()
		}
		timer := time.NewTimer(patience)
		select {
		case <-idle:
			timer.Stop()
			return true
		case <-timer.C:
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.users) == 0 { // the last one left just now
		return true
	}
	g.idle = nil
	close(g.taken)
	g.taken = nil
	return false
}

// give lets everyone in again.
func (g *engineGate) give() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opening++
	close(g.taken)
	g.taken = nil
}

func (g *engineGate) openings() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opening
}

package devices

import (
	"context"
	"time"
)

// strangerPause is the least time between two refreshes on behalf of unknown tokens.
const strangerPause = 250 * time.Millisecond

// strangerGate lets a refresh for an unknown token through only so often. Those who come too early wait for the next
// time, and share one refresh: a device that was registered on another replica a moment ago is not sent away, and
// guessing tokens costs the database next to nothing.
type strangerGate struct {
	runs flight
	next time.Time // of the runs alone, which follow each other
}

// do calls refresh on behalf of everybody who waits, once the pause is over.
func (g *strangerGate) do(ctx context.Context, refresh func(context.Context) error) error {
	return g.runs.do(ctx, func(ctx context.Context) error {
		timer := time.NewTimer(time.Until(g.next))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		g.next = time.Now().Add(strangerPause)
		return refresh(ctx)
	})
}

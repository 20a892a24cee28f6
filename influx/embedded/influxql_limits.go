package embedded

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	influxqlQueries   = 8
	influxqlTimeout   = time.Minute      // of a request
	influxqlPatience  = 10 * time.Second // for a slot to run in
	maxInfluxqlAnswer = 64 << 20         // bytes of one answer that is not chunked
	maxInfluxqlHeld   = 256 << 20        // bytes of all of them together
)

// influxqlLimits is what all InfluxQL requests share: slots to run in, and
// memory for answers that are held until they are whole.
type influxqlLimits struct {
	slots    chan struct{}
	patience time.Duration
	answer   int
	most     int64
	held     atomic.Int64
}

func newInfluxqlLimits() *influxqlLimits {
	return &influxqlLimits{
		slots: make(chan struct{}, influxqlQueries), patience: influxqlPatience, answer: maxInfluxqlAnswer, most: maxInfluxqlHeld,
	}
}

// enter waits for a slot, but not for ever. leave gives it back.
func (l *influxqlLimits) enter(ctx context.Context) error {
	timer := time.NewTimer(l.patience)
	defer timer.Stop()
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return newError(http.StatusTooManyRequests, codeTooMany, "too many InfluxQL queries are running; try again")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *influxqlLimits) leave() { <-l.slots }

// charge counts bytes that an answer takes, or gives back.
func (l *influxqlLimits) charge(n int) error {
	if l.held.Add(int64(n)) > l.most && n > 0 {
		return errUnavailable("too many large answers are under way; try again, or ask with chunked=true")
	}
	return nil
}

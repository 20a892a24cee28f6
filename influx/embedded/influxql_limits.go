package embedded

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	influxqlQueries   = 8
	foreignQueries    = 4                // of those, at most so many whose conditions are not the app's own
	influxqlTimeout   = time.Minute      // of a request
	influxqlPatience  = 10 * time.Second // for a slot to run in
	maxInfluxqlAnswer = 64 << 20         // bytes of one answer that is not chunked
	maxInfluxqlHeld   = 256 << 20        // bytes of all of them together
)

// influxqlLimits is what all InfluxQL requests share: slots to run in, and
// memory for answers that are held until they are whole.
type influxqlLimits struct {
	slots    chan struct{}
	foreign  chan struct{} // taken before a slot by queries that ForeignHeader marks
	patience time.Duration
	answer   int
	most     int64
	held     atomic.Int64
}

func newInfluxqlLimits() *influxqlLimits {
	return &influxqlLimits{
		slots: make(chan struct{}, influxqlQueries), foreign: make(chan struct{}, foreignQueries), patience: influxqlPatience, answer: maxInfluxqlAnswer, most: maxInfluxqlHeld,
	}
}

// ForeignHeader marks a request to /query whose conditions somebody else wrote. The engine looks at its clock between the
// rows that it gives, so a condition that takes long for each row and is true of none holds its slot beyond every limit:
// such queries leave slots for others.
const ForeignHeader = "X-Foreign-Query"

// enter waits for a slot, but not for ever. leave gives it back.
func (l *influxqlLimits) enter(ctx context.Context, foreign bool) (leave func(), err error) {
	timer := time.NewTimer(l.patience)
	defer timer.Stop()
	taken := []chan struct{}{l.slots}
	if foreign {
		taken = []chan struct{}{l.foreign, l.slots}
	}
	leaving := func() {}
	for _, slots := range taken {
		select {
		case slots <- struct{}{}:
			before := leaving
			leaving = func() { <-slots; before() }
		case <-timer.C:
			leaving()
			return nil, newError(http.StatusTooManyRequests, codeTooMany, "too many InfluxQL queries are running; try again")
		case <-ctx.Done():
			leaving()
			return nil, ctx.Err()
		}
	}
	return leaving, nil
}

// charge counts bytes that an answer takes, or gives back.
func (l *influxqlLimits) charge(n int) error {
	if l.held.Add(int64(n)) > l.most && n > 0 {
		return errUnavailable("too many large answers are under way; try again, or ask with chunked=true")
	}
	return nil
}

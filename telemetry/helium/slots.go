package helium

import (
	"context"
	"fmt"
	"hash/maphash"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

const (
	// stripes is how many owners can be written for at once; two that share a stripe take turns.
	stripes = 256
	// lanes are the first slots of a microsecond. A point without a timestamp goes into the lane of its process, in a
	// microsecond that the process gives once: no question to the store, and two replicas rarely meet. A point with a
	// timestamp in the future goes behind the lanes, because such a microsecond may still be given.
	lanes = 100
)

// stripeSeed spreads owners over the stripes.
var stripeSeed = maphash.MakeSeed()

// stripe is a turn for the owners that share it, held from the choice of a slot until the write is durable: the slots of
// a microsecond ascend in the order in which points are made, and no two points get the same.
type stripe struct {
	turn chan struct{} // of capacity 1; a channel, so that who waits can give up

	// Unix microseconds; guarded by the turn.
	given   int64 // the last one that a point without a timestamp got, or that it must not get
	created int64 // the last time of making
}

func stripeOf(owner devices.ID) int {
	return int(maphash.String(stripeSeed, string(owner)) % stripes)
}

// turnPatience is how long a point waits for those before it: a database that hangs must not gather requests without end.
const turnPatience = 10 * time.Second

// take waits for the turn; telemetry.ErrUnavailable: not for so long.
func (s *stripe) take(ctx context.Context) error {
	timer := time.NewTimer(turnPatience)
	defer timer.Stop()
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-timer.C:
		return fmt.Errorf("%w: the points before this one are not written yet", telemetry.ErrUnavailable)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stripe) release() { <-s.turn }

// madeAt gives the time of making of a point, which never goes back, even where the clock does.
func (s *stripe) madeAt(now time.Time) int64 {
	s.created = max(s.created, floor(now.UnixNano(), Slots)/Slots)
	return s.created
}

// fresh gives a stored time to a point without a timestamp, and the time of its making, which is the same microsecond.
func (s *stripe) fresh(now time.Time, lane int64) (at, created int64) {
	s.given = max(s.madeAt(now), s.given+1)
	s.created = s.given
	return storedTime(s.given) + lane, s.created
}

// place gives a stored time to a point with a timestamp: the slot after those that are taken.
func (t *Timeseries) place(ctx context.Context, s *stripe, owner devices.ID, timestamp time.Time, now time.Time) (at, created int64, err error) {
	created = s.madeAt(now)
	micros := floor(timestamp.UnixNano(), Slots) / Slots
	from := storedTime(micros)
	taken, found, err := t.store.HeliumTaken(ctx, owner, from, from+Slots)
	switch {
	case err != nil:
		return 0, 0, err
	case found:
		at = taken + 1
	case micros > created:
		at = from + lanes
	default:
		at = from
	}
	if at >= from+Slots {
		return 0, 0, ErrFull
	}
	if micros <= created {
		s.given = max(s.given, micros)
	}
	return at, created, nil
}

// checkTimestamp tells what is wrong with a timestamp; "" if nothing is. The fence around lines has the same limit.
func checkTimestamp(timestamp, now time.Time) string {
	switch {
	case timestamp.After(now.Add(telemetry.FutureLimit)):
		return "is more than a day in the future"
	case !timestamp.IsZero() && timestamp.Year() < firstYear:
		return outsideYears
	}
	return ""
}

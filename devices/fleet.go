package devices

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Fleet is all devices together, seen from a distance: how many are in which state, how much they wrote. The database
// is asked for it at most once a minute, whoever looks; who is registered is as current as the registry.
// It is safe for concurrent use.
type Fleet struct {
	FleetOptions
	reading flight

	mu      sync.Mutex
	seen    activity      // as read last
	shown   Snapshot      // made of seen and of the registry
	of      uint64        // the registry's version that shown was made of
	wholeAt time.Time     // when the last entries of a whole day were read
	tried   time.Time     // when reading failed; zero if it worked
	problem error         // why it failed
	stale   bool          // the next Snapshot reads anew
	took    time.Duration // how long reading took last
	cheap   bool          // counting a whole hour is quick enough to do each time
	began   time.Time     // when the reading that is under way began

	// Read and set for every write of a device, and so without waiting for mu, which is held while a snapshot is made.
	known atomic.Pointer[map[ID]struct{}] // devices that had written when seen was read
	news  atomic.Bool                     // another one has written since

	life context.Context // of readings that go on when nobody waits for them any more
	end  context.CancelFunc
}

// activity is what the database says about all devices at a time. It is not changed any more once it is shared.
type activity struct {
	at      time.Time
	last    map[ID]time.Time // newest entries of the last day
	ever    map[ID]struct{}  // devices that have any
	minutes []int            // see Snapshot
	stop    time.Time        // see Snapshot.MinutesStop
}

const (
	fleetEvery  = time.Minute                  // how old a Snapshot gets before the next one is read
	fleetGrace  = 300 * time.Millisecond       // how long a caller waits for the next one when there is one to show
	fleetOld    = 10 * time.Minute             // a Snapshot so old is not shown in the place of the next one
	fleetNews   = time.Second                  // the least age of a Snapshot that is replaced because a device is new
	fleetRetry  = 2 * time.Second              // pause after a failure
	fleetLimit  = 1_000_000                    // devices that are looked at
	fleetRecent = OfflineAfter + 5*time.Minute // span of last entries that is read each time
	fleetDay    = 24 * time.Hour               // span of last entries that is read now and then
	fleetWhole  = 10 * time.Minute             // how often that is
	fleetAsked  = 64                           // silent devices whose last entry is looked for each time
	fleetCheap  = 150 * time.Millisecond       // counting an hour may take so long to be done each time
)

// NewFleet makes a fleet. It reads nothing before it is asked.
func NewFleet(o FleetOptions) *Fleet {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Fleet{FleetOptions: o}
	f.life, f.end = context.WithCancel(context.Background())
	return f
}

// Close ends a reading that is under way. The fleet answers no more after it.
func (f *Fleet) Close() { f.end() }

// Forget makes the next Snapshot read anew: the caller knows that something changed, such as the data of a device
// that were deleted or written in one go.
func (f *Fleet) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stale = true
	f.tried = time.Time{}
}

// Wrote tells that a device has written. If it had not before, the fleet is read again soon: whoever connects a device wants
// to see it. It is cheap enough to be called for every write.
func (f *Fleet) Wrote(id ID) {
	if known := f.known.Load(); known != nil {
		if _, ok := (*known)[id]; !ok {
			f.news.Store(true)
		}
	}
}

// Snapshot gives the fleet as it was within the last minute, or a little earlier where reading it takes its time: it is
// read in the background then, so that no page waits for very many devices. When the database does not answer, it gives
// the last snapshot that there is, with its own time, together with the error; without any it is the zero Snapshot.
func (f *Fleet) Snapshot(ctx context.Context) (Snapshot, error) {
	_, registryErr := f.Registry.Count(ctx) // brings the registry up to date
	activityErr := registryErr
	if registryErr == nil {
		activityErr = f.bringUpToDate(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen.at.IsZero() {
		return Snapshot{}, activityErr
	}
	if version := f.Registry.model.current(); version != f.of || !f.shown.At.Equal(f.seen.at) {
		f.shown, f.of = f.build(), version
	}
	return f.shown, activityErr
}

// due tells whether the database is to be asked; if not, it gives the error of the last time, if that is still news.
func (f *Fleet) due() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.Clock()
	switch {
	case !f.tried.IsZero() && now.Sub(f.tried).Abs() < fleetRetry:
		return false, f.problem
	case f.stale, f.seen.at.IsZero():
		return true, nil
	}
	age := now.Sub(f.seen.at).Abs()
	// Where reading takes long, news have to wait: it shall not go on all the time.
	return age >= fleetEvery || f.news.Load() && age >= max(fleetNews, 10*f.took), nil
}

func (f *Fleet) bringUpToDate(ctx context.Context) error {
	if due, err := f.due(); !due {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- f.reading.do(f.life, f.readIfDue) }()
	var enough <-chan time.Time
	if wait, ok := f.grace(); ok {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case err := <-done:
		return err
	case <-enough:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// grace tells whether there is a snapshot to show until the next one is read, and how long to wait for that one all the
// same: one wait for all who come, not one for each.
func (f *Fleet) grace() (wait time.Duration, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen.at.IsZero() || f.Clock().Sub(f.seen.at).Abs() >= fleetOld {
		return 0, false
	}
	if f.began.IsZero() {
		return fleetGrace, true
	}
	return fleetGrace - time.Since(f.began), true
}

func (f *Fleet) readIfDue(ctx context.Context) error {
	if due, err := f.due(); !due { // another run did it
		return err
	}
	f.begin(time.Now())
	defer f.begin(time.Time{})
	err := f.read(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tried, f.problem = (time.Time{}), err; err != nil && ctx.Err() == nil {
		f.tried = f.Clock()
		f.Log.Warn("the state of the fleet could not be read", "error", err)
	}
	return err
}

// begin notes when a reading began; the zero time says that none is under way.
func (f *Fleet) begin(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.began = at
}

// read asks the database: four queries at most.
func (f *Fleet) read(ctx context.Context) error {
	f.mu.Lock()
	old, whole, cheap, wasStale := f.seen, f.wholeAt, f.cheap, f.stale
	f.stale = false
	wereNews := f.news.Swap(false)
	f.mu.Unlock()
	began := f.Clock()

	next, wholeNow, quick, err := f.ask(ctx, old, whole, cheap || wasStale, wasStale)

	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.stale = f.stale || wasStale
		if wereNews {
			f.news.Store(true)
		}
		return err
	}
	f.known.Store(&next.ever)
	f.took = f.Clock().Sub(began)
	f.seen, f.wholeAt, f.cheap = next, wholeNow, quick
	return nil
}

func (f *Fleet) ask(ctx context.Context, old activity, whole time.Time, hour, afresh bool) (next activity, wholeNow time.Time, quick bool, err error) {
	now := f.Clock()
	next = activity{at: now.UTC().Round(0), last: make(map[ID]time.Time)}

	if next.ever, err = f.Activity.EverSeen(ctx, fleetLimit); err != nil {
		return next, whole, false, fmt.Errorf("reading which devices ever wrote: %w", err)
	}
	since, wholeNow := fleetRecent, whole
	if afresh || whole.IsZero() || now.Sub(whole).Abs() >= fleetWhole {
		since, wholeNow = fleetDay, now
	}
	if !afresh {
		for id, at := range old.last {
			if _, there := next.ever[id]; there { // its data were not deleted
				next.last[id] = at
			}
		}
	}
	recent, err := f.Activity.SeenSince(ctx, now.Add(-since), fleetLimit)
	if err != nil {
		return next, whole, false, fmt.Errorf("reading the last entries: %w", err)
	}
	maps.Copy(next.last, recent)
	if silent := f.silent(next); len(silent) > 0 {
		entries, err := f.Activity.LastEntries(ctx, silent)
		if err != nil {
			return next, whole, false, fmt.Errorf("reading the last entries of silent devices: %w", err)
		}
		maps.Copy(next.last, entries)
	}

	// The current minute counts as the last one, and is asked again next time.
	next.stop = next.at.Truncate(time.Minute).Add(time.Minute)
	first := next.stop.Add(-FleetMinutes * time.Minute)
	start := first
	if !hour && len(old.minutes) == FleetMinutes {
		if again := old.stop.Add(-time.Minute); again.After(start) && again.Before(next.stop) {
			start = again
		}
	}
	began := f.Clock()
	counts, err := f.Activity.MinuteCounts(ctx, start, next.stop)
	if err != nil {
		return next, whole, false, fmt.Errorf("counting points: %w", err)
	}
	// Counting the whole hour finds points that came late, but where there are many it is left at the new minutes.
	quick = hour
	if start.Equal(first) {
		quick = f.Clock().Sub(began) < fleetCheap
	}
	next.minutes = shift(old.minutes, old.stop, counts, start, next.stop)
	return next, wholeNow, quick, nil
}

// silent gives some of the registered devices that wrote once, but longer ago than a day.
func (f *Fleet) silent(a activity) []ID {
	var ids []ID
	for id := range a.ever {
		if _, known := a.last[id]; known {
			continue
		}
		if _, _, registered := f.Registry.model.device(id); registered {
			if ids = append(ids, id); len(ids) == fleetAsked {
				break
			}
		}
	}
	return ids
}

// shift gives the FleetMinutes minutes before stop: the counts from start on, and what was known of those before.
func shift(old []int, oldStop time.Time, counts []int, start, stop time.Time) []int {
	minutes := make([]int, FleetMinutes)
	first := stop.Add(-FleetMinutes * time.Minute)
	for i := range minutes {
		at := first.Add(time.Duration(i) * time.Minute)
		if !at.Before(start) {
			if n := int(at.Sub(start) / time.Minute); n < len(counts) {
				minutes[i] = counts[n]
			}
			continue
		}
		if n := len(old) - int(oldStop.Sub(at)/time.Minute); n >= 0 && n < len(old) {
			minutes[i] = old[n]
		}
	}
	return minutes
}

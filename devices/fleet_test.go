package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeActivity answers from a list of points.
type fakeActivity struct {
	mu     sync.Mutex
	points map[ID][]time.Time
	asked  []string
	spans  []time.Duration // of MinuteCounts
	err    error
	slow   func(context.Context)
}

func (a *fakeActivity) note(what string) error {
	a.asked = append(a.asked, what)
	return a.err
}

func (a *fakeActivity) add(id ID, at ...time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.points == nil {
		a.points = make(map[ID][]time.Time)
	}
	a.points[id] = append(a.points[id], at...)
}

func (a *fakeActivity) LastEntries(_ context.Context, ids []ID) (map[ID]time.Time, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[ID]time.Time)
	for _, id := range ids {
		if p := a.points[id]; len(p) > 0 {
			out[id] = slices.MaxFunc(p, time.Time.Compare)
		}
	}
	return out, a.note("last")
}

func (a *fakeActivity) SeenSince(_ context.Context, since time.Time, _ int) (map[ID]time.Time, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[ID]time.Time)
	for id, p := range a.points {
		if last := slices.MaxFunc(p, time.Time.Compare); !last.Before(since) {
			out[id] = last
		}
	}
	return out, a.note("seen")
}

func (a *fakeActivity) EverSeen(context.Context, int) (map[ID]struct{}, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[ID]struct{})
	for id := range a.points {
		out[id] = struct{}{}
	}
	return out, a.note("ever")
}

func (a *fakeActivity) MinuteCounts(ctx context.Context, start, stop time.Time) ([]int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := make([]int, stop.Sub(start)/time.Minute)
	for _, p := range a.points {
		for _, at := range p {
			if !at.Before(start) && at.Before(stop) {
				counts[at.Sub(start)/time.Minute]++
			}
		}
	}
	a.spans = append(a.spans, stop.Sub(start))
	if a.slow != nil {
		a.slow(ctx)
	}
	return counts, a.note("minutes")
}

func (a *fakeActivity) HourlyCounts(context.Context, []ID, time.Time) (map[ID][Hours]int, error) {
	return nil, a.note("hours")
}
func (a *fakeActivity) DeleteData(context.Context, ID) error { return nil }

func newTestFleet(t *testing.T) (*world, *Registry, *fakeActivity, *Fleet) {
	w := newWorld()
	r := w.registry(t)
	a := &fakeActivity{}
	return w, r, a, NewFleet(FleetOptions{Registry: r, Activity: a, Clock: w.clock.now})
}

func snapshot(t *testing.T, f *Fleet) Snapshot {
	t.Helper()
	s, err := f.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFleetStates(t *testing.T) {
	w, r, a, f := newTestFleet(t)
	now := w.clock.now().Add(time.Hour) // the registrations are older than the silence
	for id, ago := range map[ID]time.Duration{
		"on": time.Second, "ahead": -time.Hour, "almost": LateAfter - 1, "late": LateAfter, "later": OfflineAfter - 1,
		"off": OfflineAfter, "yesterday": 25 * time.Hour, "never": 0, "stranger": time.Second,
	} {
		if ago != 0 {
			a.add(id, now.Add(-ago))
		}
		if id != "stranger" {
			mustRegister(t, r, id)
		}
	}
	w.clock.move(time.Hour)
	s := snapshot(t, f)
	if s.Total != 8 || s.Counts[Online] != 3 || s.Counts[Late] != 2 || s.Counts[Offline] != 2 || s.Counts[Never] != 1 {
		t.Errorf("%d devices, %v", s.Total, s.Counts)
	}
	for id, want := range map[ID]State{"on": Online, "ahead": Online, "late": Late, "off": Offline, "yesterday": Offline, "never": Never} {
		if got := s.StateOf(id, now); got != want {
			t.Errorf("%s is %v, want %v", id, got, want)
		}
	}
	if got := s.StateOf("on", now.Add(LateAfter)); got != Late {
		t.Errorf("on, later: %v", got)
	}
	looks := ""
	for _, l := range s.NeedsLook {
		looks += fmt.Sprint(l.ID, " ", l.State, ";")
	}
	if want := "late late;later late;off offline;yesterday offline;"; looks != want || s.NeedsCount != 4 {
		t.Errorf("needs a look: %s of %d\nwant %s", looks, s.NeedsCount, want)
	}
	if at := s.NeedsLook[3].Last; !at.Equal(now.Add(-25 * time.Hour)) {
		t.Errorf("the last entry of a device that is silent for long: %v", at)
	}
	if len(s.Events) != FleetEvents || !slices.IsSortedFunc(s.Events, func(a, b Event) int { return b.At.Compare(a.At) }) {
		t.Errorf("events: %v", s.Events)
	}
	var silent *Event
	for i, e := range s.Events {
		if e.Kind == EventLate && e.Device == "late" {
			silent = &s.Events[i]
		}
	}
	if silent == nil || !silent.At.Equal(now) {
		t.Errorf("the event of a device that became late: %v", s.Events)
	}
}

func TestFleetAsksOnceAMinute(t *testing.T) {
	w, r, a, f := newTestFleet(t)
	mustRegister(t, r, "dev1")
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := f.Snapshot(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := fmt.Sprint(a.asked); got != "[ever seen minutes]" {
		t.Errorf("50 at once asked %s", got)
	}
	// A registration shows at once all the same.
	mustRegister(t, r, "dev2")
	w.clock.move(59 * time.Second)
	if s := snapshot(t, f); s.Total != 2 || s.Counts[Never] != 2 || len(a.asked) != 3 {
		t.Errorf("%d devices, asked %v", s.Total, a.asked)
	}
	a.add("dev1", w.clock.now())
	if s := snapshot(t, f); s.Counts[Online] != 0 {
		t.Error("the database was asked within the minute")
	}
	f.Forget()
	if s := snapshot(t, f); s.Counts[Online] != 1 {
		t.Error("Forget does nothing")
	}
	w.clock.move(time.Minute)
	a.asked = nil
	snapshot(t, f)
	if got := fmt.Sprint(a.asked); got != "[ever seen minutes]" {
		t.Errorf("a minute later asked %s", got)
	}
	delete(a.points, "dev1") // its data were deleted
	w.clock.move(time.Minute)
	if s := snapshot(t, f); s.StateOf("dev1", s.At) != Never {
		t.Error("deleted data are remembered")
	}
}

// Where reading takes long, pages show the snapshot before; without any, or with a very old one, they wait.
func TestFleetDoesNotKeepPagesWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		r := w.registryAt(t, time.Now)
		a := &fakeActivity{slow: func(ctx context.Context) {
			select {
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
			}
		}}
		f := NewFleet(FleetOptions{Registry: r, Activity: a})
		defer f.Close()
		took := func() (Snapshot, time.Duration) {
			begin := time.Now()
			s := snapshot(t, f)
			return s, time.Since(begin)
		}
		first, waited := took()
		if waited != 5*time.Second {
			t.Errorf("the first one took %v", waited)
		}
		time.Sleep(time.Minute)
		if s, waited := took(); waited != fleetGrace || !s.At.Equal(first.At) {
			t.Errorf("after a minute: %v, read %v later", waited, s.At.Sub(first.At))
		}
		if s, waited := took(); waited != 0 || !s.At.Equal(first.At) {
			t.Errorf("the next one waited %v, although somebody waited already", waited)
		}
		time.Sleep(5 * time.Second) // the reading that went on is done
		second, waited := took()
		if waited != 0 || !second.At.After(first.At) {
			t.Errorf("then: %v, read %v later", waited, second.At.Sub(first.At))
		}
		time.Sleep(time.Hour)
		if s, waited := took(); waited != 5*time.Second || time.Since(s.At) > fleetEvery {
			t.Errorf("after an hour: %v, %v old", waited, time.Since(s.At))
		}
		time.Sleep(time.Minute)
		took()
		f.Close() // ends the reading that goes on
		synctest.Wait()
	})
}

// A device that writes for the first time shows soon; one that wrote before is no news.
func TestFleetShowsNewDevicesSoon(t *testing.T) {
	w, r, a, f := newTestFleet(t)
	mustRegister(t, r, "dev1")
	if s := snapshot(t, f); s.Counts[Never] != 1 {
		t.Fatalf("%v", s.Counts)
	}
	a.add("dev1", w.clock.now())
	f.Wrote("dev1")
	if s := snapshot(t, f); s.Counts[Online] != 0 {
		t.Error("it was read again within the second")
	}
	w.clock.move(fleetNews)
	if s := snapshot(t, f); s.Counts[Online] != 1 {
		t.Errorf("it does not show: %v", s.Counts)
	}
	asked := len(a.asked)
	f.Wrote("dev1")
	w.clock.move(59 * time.Second)
	if snapshot(t, f); len(a.asked) != asked {
		t.Error("a device that is known is no news")
	}
	// A fleet that takes three seconds to read waits for half a minute.
	a.slow = func(context.Context) { w.clock.move(3 * time.Second) }
	w.clock.move(time.Second)
	snapshot(t, f)
	asked = len(a.asked)
	a.add("dev2", w.clock.now())
	f.Wrote("dev2")
	w.clock.move(20 * time.Second)
	if snapshot(t, f); len(a.asked) != asked {
		t.Error("a slow fleet is read all the time")
	}
	w.clock.move(10 * time.Second)
	if snapshot(t, f); len(a.asked) == asked {
		t.Error("a slow fleet does not show the new device")
	}
}

func TestFleetMinutes(t *testing.T) {
	for _, slow := range []bool{false, true} {
		w, _, a, f := newTestFleet(t)
		if slow {
			a.slow = func(context.Context) { w.clock.move(time.Second) }
		}
		start := w.clock.now() // 12:00:30
		for i := range 120 {
			a.add("dev1", start.Add(-time.Duration(i)*time.Minute))
		}
		s := snapshot(t, f)
		if len(s.Minutes) != FleetMinutes || !s.MinutesStop.Equal(start.Truncate(time.Minute).Add(time.Minute)) {
			t.Fatalf("%d minutes until %v", len(s.Minutes), s.MinutesStop)
		}
		for i, n := range s.Minutes {
			if n != 1 {
				t.Fatalf("minute %d has %d", i, n)
			}
		}
		// Another point in the current minute, then three minutes of silence, then two points.
		a.add("dev1", start.Add(10*time.Second))
		w.clock.move(4 * time.Minute)
		a.add("dev1", w.clock.now(), w.clock.now())
		s = snapshot(t, f)
		if got := fmt.Sprint(s.Minutes[54:]); got != "[1 2 0 0 0 2]" {
			t.Errorf("slow %v: the last minutes: %s", slow, got)
		}
		want := 60 * time.Minute
		if slow {
			want = 5 * time.Minute // the minutes since, and the one that was not over
		}
		if a.spans[1] != want {
			t.Errorf("slow %v: asked for %v, want %v", slow, a.spans[1], want)
		}
		w.clock.move(3 * time.Hour)
		if s = snapshot(t, f); slices.Max(s.Minutes) != 0 {
			t.Errorf("slow %v: after hours: %v", slow, s.Minutes)
		}
	}
}

func TestFleetWithoutDatabase(t *testing.T) {
	w, r, a, f := newTestFleet(t)
	a.err = errDown
	if s, err := f.Snapshot(t.Context()); !errors.Is(err, ErrUnavailable) || !s.At.IsZero() {
		t.Errorf("%v, %v", s.At, err)
	}
	asked := len(a.asked)
	if _, err := f.Snapshot(t.Context()); !errors.Is(err, ErrUnavailable) || len(a.asked) != asked {
		t.Errorf("it is asked again at once: %v", err)
	}
	a.err = nil
	w.clock.move(fleetRetry)
	mustRegister(t, r, "dev1")
	first := snapshot(t, f)
	w.clock.move(2 * time.Minute)
	a.err = errDown
	s, err := f.Snapshot(t.Context())
	if !errors.Is(err, ErrUnavailable) || !s.At.Equal(first.At) || s.Total != 1 {
		t.Errorf("the last snapshot is gone: %+v, %v", s, err)
	}
	w.store.err = errDown
	if s, err = f.Snapshot(t.Context()); !errors.Is(err, ErrUnavailable) || s.Total != 1 {
		t.Errorf("without the registry: %+v, %v", s, err)
	}
}

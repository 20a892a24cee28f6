package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// fakeEvents keeps events in memory.
type fakeEvents struct {
	mu      sync.Mutex
	events  []Event
	batches []int
	tries   []time.Time
	err     error
	block   chan struct{} // each write waits for it; optional
}

func (s *fakeEvents) PutEvents(ctx context.Context, events []Event) error {
	s.mu.Lock()
	block := s.block
	s.tries = append(s.tries, time.Now())
	s.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.batches = append(s.batches, len(events))
	s.events = append(s.events, events...)
	return nil
}

func (s *fakeEvents) Events(_ context.Context, f EventFilter, fn func(Event) error) error {
	for _, e := range slices.Backward(s.all()) {
		if f.Action == "" || e.Action == f.Action {
			if err := fn(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *fakeEvents) all() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

func (s *fakeEvents) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// inFakeTime runs an audit log beside test, in synctest's time; stop ends it and waits.
func inFakeTime(t *testing.T, test func(t *testing.T, a *Audit, s *fakeEvents, stop func())) {
	synctest.Test(t, func(t *testing.T) {
		s := &fakeEvents{}
		a := NewAudit(AuditOptions{Store: s})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		stop := sync.OnceFunc(func() {
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("Run ends with %v", err)
			}
		})
		defer stop()
		test(t, a, s, stop)
	})
}

func pass(d time.Duration) {
	time.Sleep(d) // of synctest's time
	synctest.Wait()
}

func event(target string) Event {
	return Event{ActorKind: "person", Actor: "ada", Action: ActionRegister, Target: target, Result: "ok"}
}

func TestEventsAreWrittenWithinMoments(t *testing.T) {
	inFakeTime(t, func(t *testing.T, a *Audit, s *fakeEvents, _ func()) {
		start := time.Now()
		e := event("lab-1")
		e.At = start.Add(-time.Hour)
		a.Note(e)
		a.Note(event("lab-2"))
		if n := len(s.all()); n != 0 {
			t.Errorf("%d events are written at once", n)
		}
		pass(auditInterval)
		want := []Event{e, event("lab-2")}
		want[0].At, want[1].At = want[0].At.UTC(), start.UTC()
		if diff := cmp.Diff(want, s.all()); diff != "" {
			t.Error(diff)
		}
		pass(time.Minute)
		if n := len(s.batches); n != 1 {
			t.Errorf("there were %d writes; want 1", n)
		}
	})
}

func TestWhatIsLeftIsWrittenAtTheEnd(t *testing.T) {
	inFakeTime(t, func(t *testing.T, a *Audit, s *fakeEvents, stop func()) {
		for i := range 2500 {
			a.Note(event(fmt.Sprint(i)))
		}
		stop()
		if diff := cmp.Diff([]int{1000, 1000, 500}, s.batches); diff != "" {
			t.Error(diff)
		}
		for i, e := range s.all() {
			if e.Target != fmt.Sprint(i) {
				t.Fatalf("event %d is of %s", i, e.Target)
			}
		}
	})
}

func TestAFailingBatchIsTriedAgainWithGrowingWaits(t *testing.T) {
	inFakeTime(t, func(t *testing.T, a *Audit, s *fakeEvents, _ func()) {
		s.fail(errDown)
		a.Note(event("lab-1"))
		pass(5 * time.Minute)
		var waits []time.Duration
		for i := range s.tries[1:] {
			waits = append(waits, s.tries[i+1].Sub(s.tries[i]))
		}
		if n := len(waits); n < 10 || n > 20 || !slices.IsSorted(waits) || waits[0] > time.Second || waits[n-1] != auditMaxWait {
			t.Errorf("the waits are %v", waits)
		}
		a.Note(event("lab-2"))
		s.fail(nil)
		pass(auditMaxWait)
		if got := s.all(); len(got) != 2 || got[0].Target != "lab-1" || got[1].Target != "lab-2" {
			t.Errorf("written are %+v", got)
		}
		a.Note(event("lab-3"))
		pass(auditInterval)
		if len(s.all()) != 3 {
			t.Error("after a success it does not write at once")
		}
	})
}

func TestFlushWaitsForWhatWasNotedBefore(t *testing.T) {
	inFakeTime(t, func(t *testing.T, a *Audit, s *fakeEvents, _ func()) {
		block := make(chan struct{})
		s.mu.Lock()
		s.block = block
		s.mu.Unlock()
		a.Note(event("lab-1"))
		pass(auditInterval) // Run is writing now, and waits
		flushed := make(chan error, 1)
		go func() { flushed <- a.Flush(t.Context()) }()
		synctest.Wait()
		select {
		case err := <-flushed:
			t.Fatalf("Flush did not wait: %v", err)
		default:
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.Flush(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended it gives %v", err)
		}
		close(block)
		if err := <-flushed; err != nil || len(s.all()) != 1 {
			t.Errorf("got %v and %d events", err, len(s.all()))
		}
		a.Note(event("lab-2"))
		var targets []string
		err := a.Events(t.Context(), EventFilter{}, func(e Event) error {
			targets = append(targets, e.Target)
			return nil
		})
		if err != nil || !slices.Equal(targets, []string{"lab-2", "lab-1"}) {
			t.Errorf("listed are %v, %v; want what was noted before, newest first", targets, err)
		}
		a.Note(event("lab-3"))
		s.fail(errDown)
		if err := a.Events(t.Context(), EventFilter{}, func(Event) error { return nil }); !errors.Is(err, errDown) {
			t.Errorf("got %v; want the store's error", err)
		}
		s.fail(nil)
	})
}

func TestNoteNeverWaitsAndTellsLaterWhatWasLost(t *testing.T) {
	inFakeTime(t, func(t *testing.T, a *Audit, s *fakeEvents, _ func()) {
		s.fail(errDown)
		start := time.Now()
		for i := range auditQueue + 7 {
			a.Note(event(fmt.Sprint(i)))
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("noting waited for %v", took)
		}
		pass(time.Second)
		if n := len(a.queue); n != auditQueue {
			t.Errorf("%d events are kept; want %d", n, auditQueue)
		}
		s.fail(nil)
		pass(auditMaxWait)
		got := s.all()
		if len(got) != auditQueue+1 {
			t.Fatalf("%d events are written; want %d", len(got), auditQueue+1)
		}
		if last := got[auditQueue-1]; last.Target != fmt.Sprint(auditQueue-1) {
			t.Errorf("the newest that was kept is %s", last.Target)
		}
		lost := got[auditQueue]
		if lost.Action != ActionLost || lost.ActorKind != "app" || !strings.HasPrefix(lost.Detail, "events lost: 7,") {
			t.Errorf("the last event is %+v", lost)
		}
	})
}

func TestWhatWasLostIsToldAtTheEnd(t *testing.T) {
	inFakeTime(t, func(t *testing.T, a *Audit, s *fakeEvents, stop func()) {
		for range auditQueue + 1 {
			a.Note(event("lab"))
		}
		stop()
		got := s.all()
		if n := len(got); n != auditQueue+1 || got[n-1].Action != ActionLost || !strings.HasPrefix(got[n-1].Detail, "events lost: 1,") {
			t.Errorf("%d events are written, the last is %+v", n, got[n-1])
		}
	})
}

func TestStrangersCannotFillTheLog(t *testing.T) {
	inFakeTime(t, func(t *testing.T, a *Audit, s *fakeEvents, stop func()) {
		failure := Event{ActorKind: "nobody", Action: ActionSignIn, Result: "refused"}
		for range 1000 {
			a.Note(failure)
			a.Note(Event{ActorKind: "person", Actor: "ada", Action: ActionSignIn, Result: "refused"})
		}
		a.Note(Event{ActorKind: "nobody", Action: ActionConfiguration, Result: "refused"})
		pass(strangerWindow - time.Second)
		count := func() (single, sums, people, others int) {
			for _, e := range s.all() {
				switch {
				case e.Action == ActionConfiguration:
					others++
				case e.ActorKind == "person":
					people++
				case e.Detail == "":
					single++
				default:
					sums++
				}
			}
			return
		}
		if single, sums, people, others := count(); single != strangerEvents || sums != 0 || people != 1000 || others != 1 {
			t.Errorf("within the minute: %d single events, %d sums, %d of people, %d of another action", single, sums, people, others)
		}
		pass(2 * time.Second)
		if single, sums, _, _ := count(); single != strangerEvents || sums != 1 {
			t.Errorf("after the minute: %d single events and %d sums", single, sums)
		}
		got := s.all()
		sum := got[len(got)-1]
		if sum.Action != ActionSignIn || sum.ActorKind != "nobody" || sum.Result != "refused" || !strings.HasPrefix(sum.Detail, "940 more ") {
			t.Errorf("the sum is %+v", sum)
		}
		for range strangerEvents + 1 { // a new minute
			a.Note(failure)
		}
		stop() // sums up what is left
		if single, sums, _, _ := count(); single != 2*strangerEvents || sums != 2 {
			t.Errorf("at the end: %d single events and %d sums", single, sums)
		}
	})
}

func TestTextsOfEventsAreCut(t *testing.T) {
	inFakeTime(t, func(t *testing.T, a *Audit, s *fakeEvents, _ func()) {
		long := strings.Repeat("ä", 500) + "\xff"
		a.Note(Event{
			ActorKind: "person", Actor: long, Address: long, Action: ActionRegister, Target: "\x1b[31m\n\x00lab\xff", Result: "ok",
			Detail: long, RequestID: long,
		})
		pass(auditInterval)
		e := s.all()[0]
		for _, text := range []string{e.Actor, e.Address, e.Detail, e.RequestID} {
			if text != strings.Repeat("ä", 100) || !utf8.ValidString(text) {
				t.Errorf("a text is %q", text)
			}
		}
		if e.Target != "\x1b[31m\n\x00lab\uFFFD" {
			t.Errorf("the target is %q; want its control characters as they came", e.Target)
		}
	})
}

func TestWhatCannotBeWrittenAtTheEndIsLogged(t *testing.T) {
	var log strings.Builder
	var o Options
	logTo(&log)(&o)
	a := NewAudit(AuditOptions{Store: &fakeEvents{err: errDown}, Log: o.Log})
	a.Note(event("lab-1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(log.String(), "events=1") {
		t.Errorf("the log says %q", log.String())
	}
}

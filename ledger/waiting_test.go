package ledger

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunTriesUntilTheFirstLoadAndThenPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(log)
		a, b := newReplica(l), newReplica(l)
		b.refresh(t)
		b.put(t, doc("x", "1"))
		a.fails = true
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		synctest.Wait()
		if reads, _ := a.count(); reads != 1 || a.Ready() == nil {
			t.Errorf("%d reads at the start; ready: %v", reads, a.Ready())
		}
		time.Sleep(10 * time.Second) // of the bubble's clock, which waits for nobody
		if reads, _ := a.count(); reads < 5 || reads > 21 || a.Ready() == nil {
			t.Errorf("%d reads in 10 s without a database; ready: %v", reads, a.Ready())
		}
		a.mu.Lock()
		a.fails = false
		a.mu.Unlock()
		<-a.Loaded()
		a.holds(t, "loaded", "k", "x", "1")
		b.put(t, doc("x", "2"))
		time.Sleep(a.Poll + time.Millisecond)
		a.holds(t, "polled", "k", "x", "2")
		before, _ := a.count()
		time.Sleep(10 * a.Poll)
		if after, _ := a.count(); after != before+10 {
			t.Errorf("%d reads in ten polls", after-before)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestRunReadsOnceWhereNobodyElseWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(new(log))
		r.Poll = 0
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		<-r.Loaded()
		time.Sleep(time.Hour)
		for range 100 {
			if err := r.RefreshForStranger(ctx); err != nil {
				t.Error(err)
			}
		}
		if reads, _ := r.count(); reads != 1 {
			t.Errorf("%d reads, want one", reads)
		}
		cancel()
		<-ended
	})
}

// Whoever guesses ids makes the database read four times a second; nobody who knows one is sent away meanwhile.
func TestStrangersCauseFewReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t)
		a.Clock, b.Clock = time.Now, time.Now // of the bubble
		before, _ := a.count()
		results := make(chan error)
		for i := range 1000 {
			go func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				start := time.Now()
				err := a.RefreshForStranger(t.Context())
				if took := time.Since(start); took > strangerPause {
					t.Errorf("stranger %d waited for %v", i, took)
				}
				results <- err
			}()
		}
		time.Sleep(400 * time.Millisecond)
		b.put(t, doc("session", "1"))
		if err := a.RefreshForStranger(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.holds(t, "amidst guessers", "k", "session", "1")
		for range 1000 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if after, _ := a.count(); after-before > 6 {
			t.Errorf("%d reads for 1,000 strangers in a second, want 6 at most", after-before)
		}
		a.fails = true
		if err := a.RefreshForStranger(t.Context()); !errors.Is(err, errAway) {
			t.Errorf("without a database: %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.RefreshForStranger(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("one who has left: %v", err)
		}
	})
}

// However many wait while the database is slow, they share what is read next, and its error.
func TestThoseWhoWaitShareOneReading(t *testing.T) {
	for name, call := range map[string]func(*replica, context.Context) error{
		"Refresh":            func(r *replica, ctx context.Context) error { return r.Refresh(ctx) },
		"RefreshForStranger": func(r *replica, ctx context.Context) error { return r.RefreshForStranger(ctx) },
	} {
		for _, fails := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				a, _ := two(t)
				before, _ := a.count()
				a.fails, a.hold = fails, make(chan struct{})
				results := make(chan error)
				ask := func() {
					go func() { results <- call(a, t.Context()) }()
					synctest.Wait()
				}
				ask()
				a.pass(time.Second) // slower than the pause between two strangers
				for range 100 {
					ask()
				}
				impatient, cancel := context.WithCancel(t.Context())
				left := make(chan error)
				go func() { left <- call(a, impatient) }()
				cancel()
				if err := <-left; !errors.Is(err, context.Canceled) {
					t.Errorf("%s: one who went away: %v", name, err)
				}
				go func() {
					for range 2 {
						a.hold <- struct{}{}
						a.pass(time.Second)
					}
				}()
				for range 101 {
					if err := <-results; errors.Is(err, errAway) != fails {
						t.Errorf("%s: %v", name, err)
					}
				}
				if after, _ := a.count(); after-before != 2 {
					t.Errorf("%s: %d reads for 101 who wait, want 2", name, after-before)
				}
			})
		}
	}
}

// One whose browser went away in the middle of a reading leaves its place to the next.
func TestACancelledReadingIsNobodyElsesError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := two(t)
		a.hold = make(chan struct{})
		gone, cancel := context.WithCancel(t.Context())
		first, second, third := make(chan error), make(chan error), make(chan error)
		go func() { first <- a.Refresh(t.Context()) }()
		synctest.Wait()
		go func() { second <- a.Refresh(gone) }()
		synctest.Wait()
		go func() { third <- a.Refresh(t.Context()) }()
		synctest.Wait()
		a.hold <- struct{}{}
		if err := <-first; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		cancel()
		if err := <-second; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		select {
		case a.hold <- struct{}{}: // the second had read nothing
			if err := <-third; err != nil {
				t.Error(err)
			}
		case err := <-third:
			t.Errorf("the third shares what was cancelled: %v", err)
		}
	})
}

package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

const week = 7 * 24 * 60 // minutes

// end is the newest whole minute.
func end() time.Time { return time.Now().UTC().Truncate(time.Minute) }

func newTestBackfills(t *testing.T, o Options) *Backfills {
	b := NewBackfills(o)
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func progress(t *testing.T, b *Backfills, id devices.ID) Progress {
	t.Helper()
	p, found := b.Progress(id)
	if !found {
		t.Fatalf("nothing is known of %s", id)
	}
	return p
}

func TestBackfillOfAWeek(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var told []devices.ID
		o := w.options()
		o.Intake.Wrote = func(id devices.ID, _ int) { told = append(told, id) }
		b := newTestBackfills(t, o)
		w.db.onWrite(func(context.Context, int) error { time.Sleep(time.Second); return nil })
		began := time.Now()
		n, err := b.Run(t.Context(), "dev1", "anna")
		if err != nil || n != week {
			t.Fatalf("%d, %v", n, err)
		}
		w.db.checkMinutes(t, "dev1", end().Add(-(week-1)*time.Minute), end())
		if sizes := w.db.writes(); !slices.Equal(sizes, []int{2000, 2000, 2000, 2000, 2000, 80}) {
			t.Errorf("writes of %v points", sizes)
		}
		if len(told) != 6 || told[0] != "dev1" {
			t.Errorf("told of the writes of %v", told)
		}
		want := Progress{Device: "dev1", State: Done, Written: week, Total: week, From: end().Add(-(week - 1) * time.Minute), To: end(),
			Started: began, Ended: began.Add(6 * time.Second), Message: "10,080 points were written to InfluxDB."}
		if p := progress(t, b, "dev1"); p != want {
			t.Errorf("%+v\nwant %+v", p, want)
		}
		n, err = b.Run(t.Context(), "dev1", "jan")
		if err != nil || n != 0 || w.db.count("dev1") != week {
			t.Errorf("again: %d, %v", n, err)
		}
		const nothing = "No new data were written to InfluxDB, the current measurement is already written."
		if p := progress(t, b, "dev1"); p.Message != nothing || p.State != Done || p.Total != 0 {
			t.Errorf("%+v", p)
		}
		// One more minute.
		time.Sleep(time.Minute)
		if n, err = b.Run(t.Context(), "dev1", "jan"); err != nil || n != 1 || progress(t, b, "dev1").Message != "1 point was written to InfluxDB." {
			t.Errorf("a minute later: %d, %v, %+v", n, err, progress(t, b, "dev1"))
		}
		if w.db.count("dev2") != 0 || len(w.registry.registered) != 0 {
			t.Errorf("other devices: %d points, registered %v", w.db.count("dev2"), w.registry.registered)
		}
		// What was done outlives the process.
		later := newTestBackfills(t, w.options())
		if _, found := later.Progress("dev1"); found {
			t.Error("a new process has progress")
		}
		runs, err := later.Runs(t.Context(), "dev1", 2)
		if err != nil || len(runs) != 2 || runs[0].Written != 1 || runs[1].Message != nothing || runs[1].By != "jan" {
			t.Errorf("%+v, %v", runs, err)
		}
		runs, err = later.Runs(t.Context(), "dev1", 9)
		first := Run{Device: "dev1", Started: began, Took: 6 * time.Second, Written: week, Result: "done", Message: want.Message, By: "anna"}
		if err != nil || len(runs) != 3 || runs[2] != first {
			t.Errorf("%+v, %v", runs, err)
		}
		if runs, err := later.Runs(t.Context(), "dev2", 9); err != nil || len(runs) != 0 {
			t.Errorf("dev2: %+v, %v", runs, err)
		}
	})
}

func TestMissing(t *testing.T) {
	now := noon.Add(42 * time.Second)
	for _, c := range []struct {
		name  string
		last  time.Time
		from  time.Time
		total int
	}{
		{"never", time.Time{}, noon.Add(-(week - 1) * time.Minute), week},
		{"a month ago", noon.Add(-30 * 24 * time.Hour), noon.Add(-(week - 1) * time.Minute), week},
		{"a week ago", now.Add(-MaxBack), noon.Add(-(week - 1) * time.Minute), week},
		{"a day ago", noon.Add(-24 * time.Hour), noon.Add(-24*time.Hour + time.Minute), 24 * 60},
		{"within a minute", noon.Add(-24*time.Hour + 59*time.Second), noon.Add(-24*time.Hour + time.Minute), 24 * 60},
		{"the minute before", noon.Add(-time.Second), noon, 1},
		{"this minute", noon, noon.Add(time.Minute), 0},
		{"a moment ago", now, noon.Add(time.Minute), 0},
		{"in the future", noon.Add(time.Hour), noon.Add(time.Hour + time.Minute), 0},
		{"in another zone", noon.Add(-time.Minute).In(time.FixedZone("", 5*3600+1800)), noon, 1},
	} {
		from, to, total := missing(c.last, now)
		if !from.Equal(c.from) || !to.Equal(noon) || total != c.total {
			t.Errorf("%s: %v to %v, %d, want %v to %v, %d", c.name, from, to, total, c.from, noon, c.total)
		}
	}
}

func TestBackfillGoesOnAfterAnError(t *testing.T) {
	for _, c := range []struct {
		name    string
		err     error
		tries   int // of the write that fails
		message string
	}{
		{"rejected", &telemetry.WriteError{Status: 422, Message: "field type conflict", Kind: telemetry.ErrRejected}, 1,
			"The database refuses the points: field type conflict 4,000 points were written to InfluxDB."},
		{"down", errDown, tries, "The database cannot be reached. 4,000 points were written to InfluxDB."},
		{"refused", telemetry.ErrUnauthorized, 2, "The database refuses the device's token. 4,000 points were written to InfluxDB."},
		{"a secret", errors.New("token abc123 is bad"), 1, "It failed; the log says why. 4,000 points were written to InfluxDB."},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				b := newTestBackfills(t, w.options())
				w.db.onWrite(func(_ context.Context, write int) error {
					if write > 2 {
						return c.err
					}
					return nil
				})
				n, err := b.Run(t.Context(), "dev1", "")
				if n != 4000 || !errors.Is(err, c.err) || w.db.tries() != 2+c.tries {
					t.Fatalf("%d, %v, %d tries", n, err, w.db.tries())
				}
				p := progress(t, b, "dev1")
				if p.State != Failed || p.Message != c.message || p.Err == "" || p.Written != 4000 || p.Total != week || p.Ended.IsZero() {
					t.Errorf("%+v", p)
				}
				if runs, err := b.Runs(t.Context(), "dev1", 9); err != nil || len(runs) != 1 || runs[0].Result != "failed" || runs[0].Written != 4000 || runs[0].Message != c.message {
					t.Errorf("%+v, %v", runs, err)
				}
				start, last := p.From, p.To
				w.db.onWrite(nil)
				// Another process goes on where this one stopped.
				n, err = newTestBackfills(t, w.options()).Run(t.Context(), "dev1", "")
				if err != nil || n < week-4000 || n > week-4000+1 {
					t.Errorf("the rest: %d, %v", n, err)
				}
				if end().After(last) {
					last = end() // a minute went by
				}
				w.db.checkMinutes(t, "dev1", start, last)
			})
		})
	}
}

func TestBackfillWaitsForTheDatabase(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		b := newTestBackfills(t, w.options())
		w.db.onWrite(func(_ context.Context, write int) error {
			switch {
			case write == 1:
				return &telemetry.WriteError{Status: 503, RetryAfter: 5 * time.Second, Kind: devices.ErrUnavailable}
			case write == 2:
				return &telemetry.WriteError{Status: 429, RetryAfter: time.Hour, Kind: devices.ErrUnavailable}
			case write < 6:
				return errDown
			}
			return nil
		})
		if n, err := b.Run(t.Context(), "dev1", ""); err != nil || n != week {
			t.Fatalf("%d, %v", n, err)
		}
		w.db.mu.Lock()
		defer w.db.mu.Unlock()
		at := w.db.tried
		if pause := at[1].Sub(at[0]); pause != 5*time.Second {
			t.Errorf("it was asked to wait 5 s, and waited %v", pause)
		}
		if pause := at[2].Sub(at[1]); pause != longPause {
			t.Errorf("it was asked to wait an hour, and waited %v", pause)
		}
		for i, most := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second} {
			if pause := at[i+3].Sub(at[i+2]); pause < most/2 || pause > most {
				t.Errorf("pause %d is %v", i, pause)
			}
		}
		if len(at) != 5+6 {
			t.Errorf("%d tries", len(at))
		}
	})
}

func TestBackfillWaitsForTheRegistryAndTheLastEntry(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		b := newTestBackfills(t, w.options())
		w.registry.fail(errDown)
		w.db.lastErr = errDown
		go func() {
			time.Sleep(3 * time.Second)
			w.registry.fail(nil)
			time.Sleep(3 * time.Second)
			w.db.mu.Lock()
			defer w.db.mu.Unlock()
			w.db.lastErr = nil
		}()
		if n, err := b.Run(t.Context(), "dev1", ""); err != nil || n != week {
			t.Errorf("%d, %v", n, err)
		}
		w.registry.fail(errDown)
		n, err := b.Run(t.Context(), "dev2", "")
		if p := progress(t, b, "dev2"); n != 0 || !errors.Is(err, devices.ErrUnavailable) || p.Message != "The database cannot be reached. 0 points were written to InfluxDB." {
			t.Errorf("%d, %v, %+v", n, err, p)
		}
		w.registry.fail(devices.ErrWrongKey)
		_, err = b.Run(t.Context(), "dev2", "")
		if p := progress(t, b, "dev2"); !errors.Is(err, devices.ErrWrongKey) || p.Err != "The device's token was sealed with another SECRET_KEY." {
			t.Errorf("%v, %+v", err, p)
		}
	})
}

func TestBackfillCancelled(t *testing.T) {
	for _, stored := range []bool{true, false} {
		t.Run(fmt.Sprintf("the write reached the database: %v", stored), func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				b := newTestBackfills(t, w.options())
				w.db.onWrite(func(ctx context.Context, _ int) error {
					select {
					case <-time.After(2 * time.Second):
					case <-ctx.Done():
						if !stored {
							return ctx.Err()
						}
					}
					return nil
				})
				if b.Cancel("dev1") {
					t.Error("nothing runs, and was cancelled")
				}
				done := make(chan error)
				go func() {
					_, err := b.Run(context.Background(), "dev1", "anna")
					done <- err
				}()
				time.Sleep(5 * time.Second) // in the third write
				if !b.Cancel("dev1") {
					t.Error("it runs, and was not cancelled")
				}
				if err := <-done; !errors.Is(err, ErrCancelled) || !errors.Is(err, context.Canceled) {
					t.Errorf("%v", err)
				}
				if b.Cancel("dev1") {
					t.Error("it was cancelled twice")
				}
				written, message := 4000, "Cancelled. 4,000 points were written to InfluxDB."
				if stored {
					written, message = 6000, "Cancelled. 6,000 points were written to InfluxDB."
				}
				p := progress(t, b, "dev1")
				if p.State != Cancelled || p.Written != written || p.Message != message || p.Err != "" || w.db.count("dev1") != written {
					t.Errorf("%+v", p)
				}
				if runs, err := b.Runs(t.Context(), "dev1", 1); err != nil || len(runs) != 1 || runs[0].Result != "cancelled" || runs[0].By != "anna" || runs[0].Took != 5*time.Second {
					t.Errorf("%+v, %v", runs, err)
				}
				w.db.onWrite(nil)
				if n, err := b.Run(t.Context(), "dev1", ""); err != nil || n != week-written {
					t.Errorf("the rest: %d, %v", n, err)
				}
				w.db.checkMinutes(t, "dev1", p.From, p.To)
			})
		})
	}
}

func TestBackfillCancelledWhileItWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		b := newTestBackfills(t, w.options())
		w.db.onWrite(func(context.Context, int) error {
			return &telemetry.WriteError{RetryAfter: time.Minute, Kind: devices.ErrUnavailable}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		n, err := b.Run(ctx, "dev1", "")
		if n != 0 || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%d, %v after %v", n, err, time.Since(began))
		}
		if p := progress(t, b, "dev1"); p.State != Cancelled || p.Message != "Cancelled. 0 points were written to InfluxDB." {
			t.Errorf("%+v", p)
		}
		if len(w.runs.runs) != 1 {
			t.Error("the run was not kept")
		}
	})
}

func TestOneBackfillOfADeviceAtATime(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		b := newTestBackfills(t, w.options())
		w.db.onWrite(func(context.Context, int) error { time.Sleep(time.Second); return nil })
		var group sync.WaitGroup
		var mu sync.Mutex
		began, refused := 0, 0
		for range 32 {
			group.Go(func() {
				err := b.Start("dev1", "")
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					began++
				case errors.Is(err, ErrRunning):
					refused++
				}
			})
		}
		group.Wait()
		if began != 1 || refused != 31 {
			t.Errorf("%d began, %d were refused", began, refused)
		}
		if err := b.Start("dev2", ""); err != nil {
			t.Errorf("another device: %v", err)
		}
		if _, err := b.Run(t.Context(), "dev1", ""); !errors.Is(err, ErrRunning) {
			t.Errorf("%v", err)
		}
		time.Sleep(7 * time.Second)
		w.db.checkMinutes(t, "dev1", end().Add(-(week-1)*time.Minute), end())
		w.db.checkMinutes(t, "dev2", end().Add(-(week-1)*time.Minute), end())
		if n, err := b.Run(t.Context(), "dev1", ""); err != nil || n != 0 {
			t.Errorf("after its end: %d, %v", n, err)
		}
	})
}

func TestWatch(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		b := newTestBackfills(t, w.options())
		if _, open := <-b.Watch(t.Context(), "dev1"); open {
			t.Error("there is nothing to watch")
		}
		w.db.onWrite(func(context.Context, int) error { time.Sleep(time.Second); return nil })
		if err := b.Start("dev1", ""); err != nil {
			t.Fatal(err)
		}
		short, stop := context.WithCancel(t.Context())
		left := b.Watch(short, "dev1")
		slow := b.Watch(t.Context(), "dev1")
		var seen []Progress
		for p := range b.Watch(t.Context(), "dev1") {
			seen = append(seen, p)
			if now := progress(t, b, "dev1"); now.Written < p.Written {
				t.Errorf("%d after %d", now.Written, p.Written)
			}
		}
		before := 0
		for _, p := range seen {
			if p.Written < before || p.Written > p.Total || p.Message != "" != (p.State != Running) || p.State != Running != !p.Ended.IsZero() {
				t.Errorf("%+v after %d", p, before)
			}
			before = p.Written
		}
		if last := seen[len(seen)-1]; last.State != Done || last.Written != week || last.Total != week || len(seen) < 7 {
			t.Errorf("%d changes, the last: %+v", len(seen), last)
		}
		stop()
		synctest.Wait()
		if _, open := <-left; open {
			t.Error("a watcher that left gets something")
		}
		// The slow one has the first state at most, and the last.
		var late []Progress
		for p := range slow {
			late = append(late, p)
		}
		if len(late) == 0 || late[len(late)-1].State != Done || len(late) > 2 {
			t.Errorf("the slow one saw %+v", late)
		}
		// The end can be watched later as well.
		if p, open := <-b.Watch(t.Context(), "dev1"); !open || p.State != Done {
			t.Errorf("%+v, %v", p, open)
		}
		synctest.Wait()
	})
}

// Who sees the end may start anew at once.
func TestStartAfterTheEndWasSeen(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		b := newTestBackfills(t, w.options())
		for range 20 {
			if err := b.Start("dev1", ""); err != nil {
				t.Fatal(err)
			}
			for range b.Watch(t.Context(), "dev1") {
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestBackfillWritesWithTheDevicesToken(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		b := newTestBackfills(t, w.options())
		// It is minted anew in the middle.
		w.db.onWrite(func(_ context.Context, write int) error {
			if write == 3 {
				w.registry.set("dev1", "a new one")
			}
			return nil
		})
		if n, err := b.Run(t.Context(), "dev1", ""); err != nil || n != week || w.db.tries() != 7 {
			t.Errorf("%d, %v, %d tries", n, err, w.db.tries())
		}
		w.db.checkMinutes(t, "dev1", end().Add(-(week-1)*time.Minute), end())
		// The device is removed in the middle: it stays removed, even if it is the one that registers itself.
		for _, id := range []devices.ID{"dev2", devices.VirtualDevice} {
			w.registry.set(id, "its token")
			tried := w.db.tries()
			w.db.onWrite(func(_ context.Context, write int) error {
				if write == tried+2 {
					w.registry.set(id, "")
				}
				return nil
			})
			n, err := b.Run(t.Context(), id, "")
			if n != 2000 || !errors.Is(err, devices.ErrNotFound) || len(w.registry.registered) != 0 {
				t.Errorf("%s: %d, %v, registered %v", id, n, err, w.registry.registered)
			}
			if p := progress(t, b, id); p.State != Failed || p.Err != "The device is not registered." {
				t.Errorf("%+v", p)
			}
			if runs, _ := b.Runs(t.Context(), id, 1); len(runs) != 0 {
				t.Errorf("a run of nobody is kept: %+v", runs)
			}
		}
	})
}

func TestOnlyTheVirtualDeviceRegistersItself(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		b := newTestBackfills(t, w.options())
		if _, err := b.Run(t.Context(), "stranger", ""); !errors.Is(err, devices.ErrNotFound) || len(w.registry.registered) != 0 {
			t.Errorf("%v, registered %v", err, w.registry.registered)
		}
		if n, err := b.Run(t.Context(), devices.VirtualDevice, ""); err != nil || n != week || !slices.Equal(w.registry.registered, []devices.ID{devices.VirtualDevice}) {
			t.Errorf("%d, %v, registered %v", n, err, w.registry.registered)
		}
	})
}

func TestBackfillsClose(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		b := NewBackfills(w.options())
		w.db.onWrite(func(ctx context.Context, _ int) error {
			select {
			case <-time.After(time.Minute):
				return nil
			case <-ctx.Done():
				time.Sleep(3 * time.Second) // it takes a moment to let go
				return ctx.Err()
			}
		})
		if err := b.Start("dev1", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closing within a second: %v", err)
		}
		if err := b.Start("dev2", ""); !errors.Is(err, ErrClosed) {
			t.Errorf("started after closing: %v", err)
		}
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if p := progress(t, b, "dev1"); p.State != Cancelled || p.Ended.IsZero() {
			t.Errorf("%+v", p)
		}
		if len(w.runs.runs) != 1 || w.runs.runs[0].Result != "cancelled" {
			t.Errorf("%+v", w.runs.runs)
		}
		synctest.Wait()
	})
}

func TestARunThatCannotBeKept(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.runs.err = errDown
		o := w.options()
		var log bytes.Buffer
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		b := newTestBackfills(t, o)
		if n, err := b.Run(t.Context(), "dev1", ""); err != nil || n != week || progress(t, b, "dev1").State != Done {
			t.Errorf("%d, %v", n, err)
		}
		if !bytes.Contains(log.Bytes(), []byte("could not be kept")) {
			t.Errorf("the log says %q", log.String())
		}
		if bytes.Contains(log.Bytes(), []byte("token-of")) {
			t.Errorf("the log has the token: %q", log.String())
		}
		if _, err := b.Runs(t.Context(), "dev1", 1); !errors.Is(err, devices.ErrUnavailable) {
			t.Errorf("%v", err)
		}
	})
}

func TestOldProgressIsForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		b := newTestBackfills(t, w.options())
		name := func(i int) devices.ID { return devices.ID(fmt.Sprint("n", i)) }
		for i := range keptJobs + 10 {
			_, _ = b.Run(t.Context(), name(i), "") // it is not registered, and fails at once
			time.Sleep(time.Second)
		}
		for i := range keptJobs + 10 {
			if _, found := b.Progress(name(i)); found != (i >= 10) {
				t.Errorf("backfill %d is known: %v", i, found)
			}
		}
	})
}

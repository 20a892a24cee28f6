package emulator

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

func newTestLive(t *testing.T, w *world) *Live {
	l := NewLive(w.options())
	t.Cleanup(func() {
		if err := l.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

func set(t *testing.T, l *Live, id devices.ID, on bool) {
	t.Helper()
	if err := l.Set(t.Context(), id, on); err != nil {
		t.Fatal(err)
	}
}

func TestLiveWritesWhileItIsOn(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := newTestLive(t, w)
		if l.Status("dev1") != (LiveStatus{}) {
			t.Errorf("before: %+v", l.Status("dev1"))
		}
		set(t, l, "dev1", false) // it is off
		began := time.Now()
		set(t, l, "dev1", true)
		synctest.Wait()
		if want := (LiveStatus{On: true, Since: began, LastWrite: began, Points: 1}); l.Status("dev1") != want {
			t.Errorf("at once: %+v", l.Status("dev1"))
		}
		time.Sleep(5 * time.Second)
		set(t, l, "dev1", true) // it is on
		time.Sleep(26 * time.Second)
		if want := (LiveStatus{On: true, Since: began, LastWrite: began.Add(30 * time.Second), Points: 4}); l.Status("dev1") != want {
			t.Errorf("after 31 s: %+v", l.Status("dev1"))
		}
		set(t, l, "dev1", false)
		time.Sleep(time.Hour)
		if want := (LiveStatus{Since: began, LastWrite: began.Add(30 * time.Second), Points: 4}); l.Status("dev1") != want {
			t.Errorf("off: %+v", l.Status("dev1"))
		}
		for i, at := range w.db.points["dev1"] {
			if !at.Equal(began.Add(time.Duration(i) * Every)) {
				t.Errorf("point %d is of %v", i, at)
			}
		}
		if w.db.count("dev1") != 4 || w.db.count("dev2") != 0 {
			t.Errorf("%d points", w.db.count("dev1"))
		}
		// The values are those of a backfill at the time.
		line := newLiner(7, "dev1")
		if want := string(line.append(nil, began.Add(30*time.Second))); w.db.lines[0]+"\n" != want {
			t.Errorf("%s\nwant %s", w.db.lines[0], want)
		}
		again := time.Now()
		set(t, l, "dev1", true)
		synctest.Wait()
		if s := l.Status("dev1"); !s.On || s.Since != again || s.Points != 1 {
			t.Errorf("on again: %+v", s)
		}
	})
}

func TestLiveNeedsARegisteredDevice(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := newTestLive(t, w)
		if err := l.Set(t.Context(), "stranger", true); !errors.Is(err, devices.ErrNotFound) || l.Status("stranger").On {
			t.Errorf("%v", err)
		}
		w.registry.fail(errDown)
		if err := l.Set(t.Context(), "dev1", true); !errors.Is(err, devices.ErrUnavailable) || l.Status("dev1").On {
			t.Errorf("%v", err)
		}
		w.registry.fail(nil)
		set(t, l, devices.VirtualDevice, true)
		time.Sleep(time.Second)
		if w.db.count(devices.VirtualDevice) != 1 || len(w.registry.registered) != 1 {
			t.Errorf("%d points, registered %v", w.db.count(devices.VirtualDevice), w.registry.registered)
		}
	})
}

func TestLiveKeepsWhatCouldNotBeWritten(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := newTestLive(t, w)
		began := time.Now()
		w.db.onWrite(func(context.Context, int) error { return errDown })
		set(t, l, "dev1", true)
		time.Sleep(35 * time.Second)
		if s := l.Status("dev1"); !s.On || s.Points != 0 || !s.LastWrite.IsZero() || s.Err != "The database cannot be reached." {
			t.Errorf("while it is down: %+v", s)
		}
		w.db.onWrite(nil)
		time.Sleep(10 * time.Second)
		if s := l.Status("dev1"); s.Points != 5 || s.Err != "" || !s.LastWrite.Equal(began.Add(40*time.Second)) {
			t.Errorf("when it is back: %+v", s)
		}
		if sizes := w.db.writes(); len(sizes) != 1 || sizes[0] != 5 {
			t.Errorf("writes of %v points", sizes)
		}
		// Two hours are more than is kept.
		w.db.onWrite(func(context.Context, int) error { return errDown })
		time.Sleep(2 * time.Hour)
		w.db.onWrite(nil)
		time.Sleep(10 * time.Second)
		if sizes := w.db.writes(); len(sizes) != 2 || sizes[1] != keptLines {
			t.Errorf("writes of %v points", sizes)
		}
		points := w.db.points["dev1"]
		for i, at := range points[5:] {
			if !at.Equal(points[len(points)-1].Add(-time.Duration(keptLines-1-i) * Every)) {
				t.Fatalf("point %d is of %v", i, at)
			}
		}
	})
}

func TestLiveDropsWhatIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := newTestLive(t, w)
		w.db.onWrite(func(_ context.Context, write int) error {
			if write <= 2 {
				return &telemetry.WriteError{Status: 422, Message: "field type conflict", Kind: telemetry.ErrRejected}
			}
			return nil
		})
		set(t, l, "dev1", true)
		time.Sleep(15 * time.Second)
		if s := l.Status("dev1"); s.Err != "The database refuses the points: field type conflict" || s.Points != 0 {
			t.Errorf("%+v", s)
		}
		time.Sleep(10 * time.Second)
		if s := l.Status("dev1"); s.Err != "" || s.Points != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestLiveAndTokens(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := newTestLive(t, w)
		set(t, l, "dev1", true)
		time.Sleep(time.Second)
		w.registry.set("dev1", "a new one")
		time.Sleep(10 * time.Second)
		if s := l.Status("dev1"); s.Points != 2 || s.Err != "" {
			t.Errorf("with a new token: %+v", s)
		}
		w.registry.set("dev1", "")
		time.Sleep(10 * time.Second)
		if s := l.Status("dev1"); s.On || s.Points != 2 || s.Err != "The device is not registered." {
			t.Errorf("when the device was removed: %+v", s)
		}
		tried := w.db.tries()
		time.Sleep(time.Hour)
		if w.db.tries() != tried {
			t.Errorf("%d tries more", w.db.tries()-tried)
		}
		// While the registry is down nobody knows, and it goes on.
		set(t, l, "dev2", true)
		time.Sleep(time.Second)
		w.registry.set("dev2", "a new one")
		w.registry.fail(errDown)
		time.Sleep(20 * time.Second)
		if s := l.Status("dev2"); !s.On || s.Points != 1 {
			t.Errorf("while the registry is down: %+v", s)
		}
		w.registry.fail(nil)
		time.Sleep(10 * time.Second)
		if s := l.Status("dev2"); !s.On || s.Points != 4 || s.Err != "" {
			t.Errorf("when it is back: %+v", s)
		}
	})
}

func TestLiveGivesASlowWriteUp(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := newTestLive(t, w)
		w.db.onWrite(func(ctx context.Context, write int) error {
			if write == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		set(t, l, "dev1", true)
		time.Sleep(11 * time.Second)
		if s := l.Status("dev1"); s.Points != 2 || s.Err != "" {
			t.Errorf("%+v", s)
		}
	})
}

func TestLiveWritesTheRestWhenItIsTurnedOff(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := newTestLive(t, w)
		w.db.onWrite(func(context.Context, int) error { return errDown })
		set(t, l, "dev1", true)
		time.Sleep(25 * time.Second)
		w.db.onWrite(nil)
		set(t, l, "dev1", false)
		if s := l.Status("dev1"); s.On || s.Points != 3 || s.Err != "" || w.db.count("dev1") != 3 {
			t.Errorf("%+v, %d points", s, w.db.count("dev1"))
		}
		// The database hangs: it is not waited for longer than need be.
		w.db.onWrite(func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() })
		set(t, l, "dev1", true)
		time.Sleep(time.Second)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Set(short, "dev1", false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("turned off within a second: %v", err)
		}
		began := time.Now()
		set(t, l, "dev1", false)
		if s := l.Status("dev1"); s.On || time.Since(began) > flushLimit || !strings.Contains(s.Err, "cannot be reached") {
			t.Errorf("%+v after %v", s, time.Since(began))
		}
	})
}

// Turned on again while the last points are still being written, it stays on.
func TestLiveTurnedOnWhileItTurnsOff(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := newTestLive(t, w)
		w.db.onWrite(func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() })
		set(t, l, "dev1", true)
		time.Sleep(time.Second)
		off := make(chan error)
		go func() { off <- l.Set(context.Background(), "dev1", false) }()
		time.Sleep(time.Second)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Set(short, "dev1", true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("turned on within a second: %v", err)
		}
		w.db.onWrite(nil)
		set(t, l, "dev1", true)
		if err := <-off; err != nil {
			t.Error(err)
		}
		time.Sleep(15 * time.Second)
		if s := l.Status("dev1"); !s.On || s.Points != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestLiveClose(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := NewLive(w.options())
		w.db.onWrite(func(context.Context, int) error { return errDown })
		set(t, l, "dev1", true)
		set(t, l, "dev2", true)
		time.Sleep(25 * time.Second)
		w.db.onWrite(func(context.Context, int) error { time.Sleep(2 * time.Second); return nil })
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Close(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closing within a second: %v", err)
		}
		if err := l.Set(t.Context(), "dev1", true); !errors.Is(err, ErrClosed) {
			t.Errorf("turned on after closing: %v", err)
		}
		if err := l.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for _, id := range []devices.ID{"dev1", "dev2"} {
			if s := l.Status(id); s.On || s.Points != 3 || w.db.count(id) != 3 {
				t.Errorf("%s: %+v, %d points", id, s, w.db.count(id))
			}
		}
		synctest.Wait()
	})
}

func TestReasonKeepsSecrets(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{devices.ErrNotFound, "The device is not registered."},
		{devices.ErrWrongKey, "The device's token was sealed with another SECRET_KEY."},
		{errDown, "The database cannot be reached."},
		{context.DeadlineExceeded, "The database cannot be reached."},
		{telemetry.ErrUnauthorized, "The database refuses the device's token."},
		{&telemetry.WriteError{Message: "token abc is bad", Kind: telemetry.ErrUnauthorized}, "The database refuses the device's token."},
		{&telemetry.WriteError{Message: "db.internal:8086 refused", Kind: telemetry.ErrUnavailable}, "The database cannot be reached."},
		{context.Canceled, "It was stopped."},
		{&telemetry.WriteError{Message: "beyond retention", Kind: telemetry.ErrRejected}, "The database refuses the points: beyond retention"},
		{&telemetry.WriteError{Kind: telemetry.ErrRejected}, "It failed; the log says why."},
		{errors.New("token abc"), "It failed; the log says why."},
	} {
		if got := reason(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

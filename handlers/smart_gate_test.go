package handlers

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// entry is a try to pass a gate that goes on by itself.
type entry struct {
	leave func()
	err   error
}

// try asks a gate for a turn beside the test.
func try(ctx context.Context, g *gate, sender string) <-chan entry {
	out := make(chan entry, 1)
	go func() {
		leave, err := g.enter(ctx, sender)
		out <- entry{leave, err}
	}()
	return out
}

// waits checks that nobody was let in yet.
func waits(t *testing.T, tries ...<-chan entry) {
	t.Helper()
	synctest.Wait()
	for i, c := range tries {
		if len(c) > 0 {
			t.Errorf("try %d did not wait", i)
		}
	}
}

// passes gives the way out of one who was let in.
func passes(t *testing.T, c <-chan entry) func() {
	t.Helper()
	synctest.Wait()
	select {
	case e := <-c:
		if e.err != nil {
			t.Fatal(e.err)
		}
		return e.leave
	default:
		t.Fatal("nobody was let in")
		return nil
	}
}

func TestGateLetsTwoReadsOfAKeyInAndEightInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(readsOfAll, readsOfKey, "reads")
		var leave []func()
		for _, key := range []string{"a", "a", "b", "b", "c", "c", "d"} {
			leave = append(leave, passes(t, try(t.Context(), g, key)))
		}
		third := try(t.Context(), g, "a") // there is room, but not for this key
		waits(t, third)
		leave = append(leave, passes(t, try(t.Context(), g, "e")))
		ninth := try(t.Context(), g, "f")
		waits(t, third, ninth)
		leave[2]() // a "b" goes: the third "a" has no room yet, and "f", which came later, has
		leave = append(leave, passes(t, ninth))
		waits(t, third)
		leave[0]()
		leave[0]() // twice is once
		leave = append(leave, passes(t, third))
		for _, out := range leave {
			out()
		}
		if g.inside != 0 || len(g.by) != 0 || len(g.queue) != 0 {
			t.Errorf("%d inside, %v, %d wait", g.inside, g.by, len(g.queue))
		}
	})
}

func TestGateRefusesAfterSomeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, "reads")
		leave := passes(t, try(t.Context(), g, "a"))
		late := try(t.Context(), g, "b")
		began := time.Now()
		e := <-late
		p := refusal(t, e.err)
		if p == nil || p.Message != "Too many reads are under way. Please try again in a moment." || p.RetryAfter != time.Second {
			t.Errorf("%+v", p)
		}
		if waited := time.Since(began); waited != turnWait {
			t.Errorf("it waited %v", waited)
		}
		leave()
		passes(t, try(t.Context(), g, "b"))()
		if g.inside != 0 || len(g.queue) != 0 {
			t.Errorf("%d inside, %d wait", g.inside, len(g.queue))
		}
	})
}

func TestGateForgetsThoseWhoLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, "reads")
		leave := passes(t, try(t.Context(), g, "a"))
		ctx, cancel := context.WithCancel(t.Context())
		gone := try(ctx, g, "b")
		waits(t, gone)
		cancel()
		if e := <-gone; !errors.Is(e.err, context.Canceled) {
			t.Errorf("%v", e.err)
		}
		leave()
		passes(t, try(t.Context(), g, "c"))()
	})
}

func TestGateKeepsABoundedQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, "reads")
		leave := passes(t, try(t.Context(), g, "a"))
		var queue []<-chan entry
		for range turnQueue {
			queue = append(queue, try(t.Context(), g, "b"))
			waits(t, queue[len(queue)-1]) // so that they stand in this order
		}
		began := time.Now()
		if _, err := g.enter(t.Context(), "c"); refusal(t, err) == nil || time.Since(began) != 0 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		leave()
		for _, c := range queue {
			passes(t, c)()
		}
	})
}

// The refusal is a 429 that says when to come again.
func TestTooManyReadsOfAKeyAre429(t *testing.T) {
	app := newTestApp(t, nil)
	app.register(t, "013777894567")
	app.reads.patience = 0
	key := app.caller(t, overview)
	for range readsOfKey {
		leave, err := app.reads.enter(t.Context(), key.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	for _, target := range []string{"/v1/products/013777894567/data", "/v1/influx/data", "/v1/influx/custom_query?q=SHOW+MEASUREMENTS"} {
		w := key.get(target)
		failed(t, w, http.StatusTooManyRequests, "Too many reads are under way. Please try again in a moment.")
		if got := w.Header().Get("Retry-After"); got != "1" {
			t.Errorf("%s: Retry-After %q", target, got)
		}
	}
	succeeded(t, app.caller(t, overview).get("/v1/influx/data"), http.StatusOK, smartRetrieved)
}

// A key that reads pages on many connections at once waits for its turn; others are let in.
func TestTooManyPagesOfAKeyAre429(t *testing.T) {
	app := newTestApp(t, nil)
	app.pages.patience = 0
	key := app.caller(t, overview)
	for range pagesOfKey {
		leave, err := app.pages.enter(t.Context(), key.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer leave()
	}
	for _, target := range []string{organizationSeriesPath, "/v1/sensor", "/v1/sensor?filter%5Bmetadata%5D=%7B%7D"} {
		w := key.get(target)
		complains(t, target, w, http.StatusTooManyRequests, "Too many reads are under way. Please try again in a moment.")
		if got := w.Header().Get("Retry-After"); got != "1" {
			t.Errorf("%s: Retry-After %q", target, got)
		}
	}
	status(t, app.caller(t, overview).get(organizationSeriesPath), http.StatusOK)
}

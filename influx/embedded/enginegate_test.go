package embedded

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestEngineGateWaitsForUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g engineGate
		_, use, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken := make(chan bool)
		go func() { taken <- g.take(time.Second) }()
		synctest.Wait()
		entered := make(chan uint64)
		go func() {
			_, late, err := g.enter(t.Context())
			if err != nil {
				t.Error(err)
			}
			entered <- late.opening
			late.leave()
		}()
		synctest.Wait()
		select {
		case <-taken:
			t.Fatal("taken from under a user")
		case <-entered:
			t.Fatal("entered while it is being taken")
		default:
		}
		use.leave()
		if !<-taken {
			t.Fatal("not taken although the user left")
		}
		g.give()
		if n := <-entered; n != 1 || g.openings() != 1 {
			t.Errorf("opening %d, %d", n, g.openings())
		}
	})
}

func TestEngineGateEndsUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g engineGate
		ctx, use, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		go func() { <-ctx.Done(); use.leave() }()
		if begin := time.Now(); !g.take(time.Second) || time.Since(begin) != time.Second {
			t.Errorf("taken after %v", time.Since(begin))
		}
		if err := context.Cause(ctx); !errors.Is(err, errEngineTaken) {
			t.Errorf("the user was told %v", err)
		}
		g.give()
	})
}

func TestEngineGateGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g engineGate
		_, use, err := g.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if g.take(time.Second) {
			t.Fatal("taken from a user who does not leave")
		}
		_, other, err := g.enter(t.Context())
		if err != nil {
			t.Fatalf("nobody gets in after that: %v", err)
		}
		other.leave()
		use.leave()
		if !g.take(time.Second) {
			t.Fatal("cannot be taken any more")
		}
		if _, _, err := g.enter(t.Context()); !errors.Is(err, errEngineTaken) {
			t.Errorf("a long wait ends with %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := g.enter(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled wait ends with %v", err)
		}
		g.give()
	})
}

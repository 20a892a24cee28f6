package helium

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"iotcenter/telemetry"
)

// A write that hangs holds up those behind it for seconds, and no longer.
func TestNobodyWaitsForATurnWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stripe{turn: make(chan struct{}, 1)}
		if err := s.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := s.take(t.Context()); !errors.Is(err, telemetry.ErrUnavailable) || time.Since(began) != turnPatience {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.take(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that is gone: %v", err)
		}
		s.release()
		if err := s.take(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

package embedded

import (
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestEngineThatDoesNotOpenIsTriedAgain: while it cannot be opened, nobody is
// answered in part; when it can be, everything is there, and writes go on.
func TestEngineThatDoesNotOpenIsTriedAgain(t *testing.T) {
	s := withPoints(t, 10)
	b := s.cat.findBuckets(func(b *bucket) bool { return b.Name == "b" })[0]
	series := filepath.Join(s.dir, dataFolder, b.ID, "_series")
	if err := os.Rename(series, series+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(series, nil, 0o600); err != nil { // where a folder has to be
		t.Fatal(err)
	}
	s.heal(s.engine.openings())
	if !s.recovery.pending.Load() {
		t.Fatal("the engine was opened")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := s.engine.enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("somebody may use an engine that is not open: %v", err)
	}
	post := func() int {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/write?db=b", strings.NewReader("m f=1 100"))
		r.Header.Set("Authorization", "Token secret")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code == 503 && w.Header().Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
		return w.Code
	}
	if code := post(); code != 503 {
		t.Errorf("a write meanwhile: %d", code)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/health", nil))
	if !strings.Contains(w.Body.String(), "fault of the disk") {
		t.Errorf("health: %s", w.Body)
	}
	if err := errors.Join(os.Remove(series), os.Rename(series+".away", series)); err != nil {
		t.Fatal(err)
	}
	// Waits for the engine, and is answered whole.
	status, _, body, err := askInfluxQL(t, s, "&epoch=ns")
	if status != 200 || err != nil || !strings.Contains(body, "[1,0]") || !strings.Contains(body, "[10,9]") {
		t.Errorf("afterwards: %d %v %s", status, err, body)
	}
	patience, tick := time.NewTimer(10*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for s.recovery.pending.Load() {
		select {
		case <-patience.C:
			t.Fatal("writes are refused for ever")
		case <-tick.C:
		}
	}
	if code := post(); code != 204 {
		t.Errorf("a write afterwards: %d", code)
	}
}

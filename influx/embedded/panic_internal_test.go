package embedded

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestPanicInAWriteHoldsNothing: a panic of the engine is answered with an
// error, and neither the engine, nor a backup, nor the next write waits for it.
func TestPanicInAWriteHoldsNothing(t *testing.T) {
	s := withPoints(t, 1)
	post := func() int {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/write?db=b", strings.NewReader("m f=1,new=2 100")) // a new field wants the bucket for itself
		r.Header.Set("Authorization", "Token secret")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code
	}
	mapper := s.mapper
	s.mapper = nil // what is asked next panics
	if code := post(); code != 500 {
		t.Fatalf("a write that panics: %d", code)
	}
	s.mapper = mapper
	if !s.engine.take(time.Second) {
		t.Fatal("the engine is still in use")
	}
	s.engine.give()
	if err := s.Backup(t.Context(), io.Discard, BackupOptions{}); err != nil {
		t.Errorf("backup: %v", err)
	}
	if code := post(); code != 204 {
		t.Errorf("the next write: %d", code)
	}
}

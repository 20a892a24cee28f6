package embedded

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// TestRestingShardsLoseNothing: while idle shards are freed again and again, what is written into new ones, and into ones
// that rested, is there for readers as soon as it is acknowledged.
func TestRestingShardsLoseNothing(t *testing.T) {
	s := withPoints(t, 1)
	ask := func(method, target, body string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
		r.Header.Set("Authorization", "Token secret")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	var rounds atomic.Int64
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				s.restOnce()
				rounds.Add(1)
			}
		}
	}()
	defer func() { close(stop); <-ended }()
	const week = 7 * 24 * 3600 * int64(1e9)
	for i := range int64(300) {
		at := i%60*week + i/60 // five points in each of sixty weeks, and so shards
		if code, text := ask("POST", "/write?db=b", fmt.Sprintf("rest f=%d %d", i, at)); code != 204 {
			t.Fatalf("write: %d %s", code, text)
		}
		query := url.Values{"db": {"b"}, "epoch": {"ns"}, "q": {fmt.Sprintf("SELECT f FROM rest WHERE time = %d", at)}}
		if _, text := ask("GET", "/query?"+query.Encode(), ""); !strings.Contains(text, fmt.Sprintf("[%d,%d]", at, i)) {
			t.Fatalf("point %d is not there after it was acknowledged (%d rounds of freeing): %s", i, rounds.Load(), text)
		}
	}
	if rounds.Load() < 10 {
		t.Errorf("only %d rounds of freeing", rounds.Load())
	}
}

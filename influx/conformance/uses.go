package conformance

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/people"
)

// Uses tests a people.UseStore.
func Uses(t *testing.T, s people.UseStore) {
	ctx := start(t)
	at := moment().Add(123456789)
	put := func(kind string, uses map[string]time.Time) {
		t.Helper()
		if err := s.PutUses(ctx, kind, uses); err != nil {
			t.Fatalf("PutUses: %v", err)
		}
	}
	holds := func(what, kind string, want map[string]time.Time) {
		t.Helper()
		got, err := s.Uses(ctx, kind)
		if err != nil {
			t.Fatalf("%s: Uses: %v", what, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	holds("an empty store", "key", map[string]time.Time{})
	put("key", nil)
	put("key", map[string]time.Time{"k1": at, "k2": at.Add(time.Second)})
	put("device", map[string]time.Time{"k1": at.Add(time.Hour)})
	put("key", map[string]time.Time{"k1": at.Add(time.Minute), "k3": at})
	holds("a later use replaces an earlier one", "key", map[string]time.Time{"k1": at.Add(time.Minute), "k2": at.Add(time.Second), "k3": at})
	holds("kinds have nothing to do with each other", "device", map[string]time.Time{"k1": at.Add(time.Hour)})
	holds("a kind that nobody wrote", "' OR 1=1 --", map[string]time.Time{})

	any := map[string]time.Time{}
	for i, text := range texts {
		any[text] = at.Add(time.Duration(i))
	}
	put("any text", any)
	holds("any text", "any text", any)

	many := map[string]time.Time{}
	for i := range 20_001 { // more than one request
		many[fmt.Sprint("dev", i)] = at.Add(time.Duration(i) * time.Second)
	}
	put("many", many)
	for id := range many {
		many[id] = many[id].Add(time.Hour)
	}
	put("many", many)
	holds("many, twice", "many", many)
}

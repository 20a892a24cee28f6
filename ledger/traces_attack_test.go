package ledger

import (
	"fmt"
	"testing"
	"time"
)

// Documents that are made and deleted all day, such as sessions, leave nothing in memory for the rest of their lives,
// and a process that starts later brings none of them back.
func TestDeletedDocumentsThatWouldHaveRunOutAreForgotten(t *testing.T) {
	shared := &log{}
	r := newReplica(shared)
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		id := fmt.Sprint(i)
		if err := r.Put(t.Context(), Entry{Kind: "session", ID: id, Until: r.clock().Add(7 * 24 * time.Hour), Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		r.pass(time.Second)
		if err := r.Delete(t.Context(), "session", id); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // what has just been read is kept for a moment
		r.pass(traces)
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.kinds["session"]); n != 0 {
		t.Errorf("%d traces of deleted documents", n)
	}
	later := newReplica(shared)
	later.pass(r.clock().Sub(start))
	if err := later.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(later.All("session")); n != 0 {
		t.Errorf("%d deleted documents are back", n)
	}
}

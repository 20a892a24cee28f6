package conformance

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/ledger"
)

// LedgerStore is a ledger.Store that can delete what nobody reads any more.
type LedgerStore interface {
	ledger.Store
	ForgetEntries(ctx context.Context) error
}

// Ledger tests a LedgerStore. other is a second process on the same database; old is one whose clock is 34 days
// behind: longer than entries that run out are looked for.
func Ledger(t *testing.T, s LedgerStore, other, old ledger.Store) {
	ctx := start(t)
	put := func(t *testing.T, s ledger.Store, entries ...ledger.Entry) {
		t.Helper()
		if err := s.PutEntries(ctx, entries); err != nil {
			t.Fatalf("PutEntries: %v", err)
		}
	}
	since := func(t *testing.T, from time.Time, seenBy ...ledger.Store) map[string][]ledger.Entry { // by kind and id: they come in any order
		t.Helper()
		out := map[string][]ledger.Entry{}
		if err := append(seenBy, s)[0].EntriesSince(ctx, from, func(e ledger.Entry) error {
			out[e.Kind+" "+e.ID] = append(out[e.Kind+" "+e.ID], e)
			return nil
		}); err != nil {
			t.Fatalf("EntriesSince: %v", err)
		}
		return out
	}
	want := func(entries ...ledger.Entry) map[string][]ledger.Entry {
		out := map[string][]ledger.Entry{}
		for _, e := range entries {
			out[e.Kind+" "+e.ID] = append(out[e.Kind+" "+e.ID], e)
		}
		return out
	}
	begin := time.Now()
	stamp := moment().Add(123456789)
	entry := func(kind, id, body string) ledger.Entry {
		return ledger.Entry{Kind: kind, ID: id, Stamp: stamp, Body: []byte(body)}
	}

	t.Run("empty", func(t *testing.T) {
		put(t, s)
		for _, from := range []time.Time{{}, begin} {
			if got := since(t, from); len(got) != 0 {
				t.Errorf("entries of an empty store: %v", got)
			}
		}
	})
	account, session := entry("account", "ann", `{"role":"admin"}`), entry("session", "s1", `{}`)
	session.Until = begin.UTC().Round(0).Add(time.Hour)
	gone := ledger.Entry{Kind: "account", ID: "bob", Stamp: stamp.Add(-time.Hour), Deleted: true}
	put(t, s, account, session, gone)
	t.Run("as they went in, whatever their stamp", func(t *testing.T) {
		for _, from := range []time.Time{{}, begin} {
			if d := cmp.Diff(want(account, session, gone), since(t, from)); d != "" {
				t.Errorf("since %v: %s", from, d)
			}
		}
		if got := since(t, time.Now().Add(time.Minute)); len(got) != 0 {
			t.Errorf("entries of the future: %v", got)
		}
	})
	newer, theirs := account, account
	newer.Stamp, newer.Body = stamp.Add(1), []byte(`{"role":"viewer"}`)
	theirs.Stamp, theirs.Body = stamp.Add(2), []byte(`{"role":"operator"}`)
	t.Run("entries of one id stay apart, in one request and of two processes", func(t *testing.T) {
		from := time.Now()
		put(t, s, newer, newer)
		put(t, other, theirs)
		if d := cmp.Diff(want(newer, newer, theirs), since(t, from)); d != "" {
			t.Error(d)
		}
	})
	t.Run("from the beginning, what ran out long ago is left out", func(t *testing.T) {
		lasting, brief := entry("account", "old", `{}`), entry("session", "old", `{}`)
		brief.Until = begin.UTC().Round(0).Add(-33 * 24 * time.Hour)
		put(t, old, lasting, brief)
		got := since(t, time.Time{})
		if len(got["account old"]) != 1 || len(got["session old"]) != 0 || len(got["session s1"]) != 1 {
			t.Errorf("from the beginning: %v", got)
		}
		got = since(t, begin.Add(-60*24*time.Hour))
		if len(got["account old"]) != 1 || len(got["session old"]) != 0 {
			t.Errorf("from long ago: %v", got)
		}
	})
	t.Run("what is left out for good is deleted", func(t *testing.T) {
		before := since(t, time.Time{}, old)
		if len(before["session old"]) != 1 {
			t.Fatalf("34 days ago there was no entry: %v", before)
		}
		if err := s.ForgetEntries(ctx); err != nil {
			t.Fatal(err)
		}
		delete(before, "session old")
		if d := cmp.Diff(before, since(t, time.Time{}, old)); d != "" {
			t.Error(d)
		}
	})
	t.Run("any text", func(t *testing.T) {
		from := time.Now()
		var all []ledger.Entry
		for i, text := range texts {
			e := entry(fmt.Sprintf("kind%d%s", i, text), text, text)
			if i%2 == 0 {
				e.Until = session.Until
			}
			all = append(all, e)
		}
		put(t, s, all...)
		if d := cmp.Diff(want(all...), since(t, from)); d != "" {
			t.Error(d)
		}
	})
	t.Run("what is no text is no reason to lose the rest", func(t *testing.T) {
		from := time.Now()
		put(t, s, entry("k", "a\xff\xfeb", "\xed\xa0\x80"), entry("k", "fine", "1"))
		three := "\ufffd\ufffd\ufffd"
		if d := cmp.Diff(want(entry("k", "a\ufffd\ufffdb", three), entry("k", "fine", "1")), since(t, from)); d != "" {
			t.Error(d)
		}
	})
	t.Run("an error of the caller stops it", func(t *testing.T) {
		enough := errors.New("enough")
		n := 0
		if err := s.EntriesSince(ctx, time.Time{}, func(ledger.Entry) error { n++; return enough }); err != enough || n != 1 {
			t.Errorf("EntriesSince: %v after %d entries", err, n)
		}
	})
	t.Run("many in one request", func(t *testing.T) {
		from := time.Now()
		var many []ledger.Entry
		for i := range 6000 { // more than one piece of an answer
			many = append(many, entry("many", fmt.Sprint(i), `{}`))
		}
		put(t, s, many...)
		if got := since(t, from); len(got) != len(many) {
			t.Errorf("%d entries, want %d", len(got), len(many))
		}
	})
}

package influx_test

import (
	"fmt"
	"testing"
	"time"

	"iotcenter/influx/influxtest"
	"iotcenter/ledger"
	"iotcenter/people"
)

// BenchmarkLedgerLoad reads what a large installation remembers: 10,000 documents and a month of 50,000 session entries.
func BenchmarkLedgerLoad(b *testing.B) {
	db := influxtest.Open(b)
	now := time.Now()
	var entries []ledger.Entry
	for i := range 60_000 {
		e := ledger.Entry{Kind: "account", ID: fmt.Sprint("person", i), Stamp: now, Body: fmt.Appendf(nil,
			`{"role":"viewer","hash":"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$%064d","at":%d,"by":"admin"}`, i, i)}
		if i >= 10_000 {
			e.Kind, e.Until = "session", now.Add(time.Hour)
		}
		entries = append(entries, e)
	}
	for len(entries) > 0 {
		if err := db.PutEntries(b.Context(), entries[:5000]); err != nil {
			b.Fatal(err)
		}
		entries = entries[5000:]
	}
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			l := ledger.New(ledger.Options{Store: db})
			if err := l.Refresh(b.Context()); err != nil {
				b.Fatal(err)
			}
			if n := len(l.All("session")) + len(l.All("account")); n != 60_000 {
				b.Fatalf("%d documents", n)
			}
		}
	})
	b.Run("poll", func(b *testing.B) {
		for b.Loop() {
			if err := db.EntriesSince(b.Context(), time.Now().Add(time.Minute), func(ledger.Entry) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkUses writes and reads the last uses of 100,000 devices.
func BenchmarkUses(b *testing.B) {
	db := influxtest.Open(b)
	uses := map[string]time.Time{}
	for i := range 100_000 {
		uses[fmt.Sprint("greenhouse-", i)] = time.Now()
	}
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			if err := db.PutUses(b.Context(), "device", uses); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			if got, err := db.Uses(b.Context(), "device"); err != nil || len(got) != len(uses) {
				b.Fatalf("%d uses, %v", len(got), err)
			}
		}
	})
}

// BenchmarkAudit reads a page of the newest of 100,000 events, and all of them.
func BenchmarkAudit(b *testing.B) {
	db := influxtest.Open(b)
	for i := range 20 {
		var events []people.Event
		for j := range 5000 {
			at := time.Now().Add(time.Duration(i*5000+j-100_000) * time.Minute)
			events = append(events, people.Event{At: at, ActorKind: "person", Actor: fmt.Sprint("person", j%97), Address: "192.0.2.7",
				Action: people.ActionSignIn, Target: fmt.Sprint("dev", j), Result: "ok", RequestID: fmt.Sprintf("%016x", i*5000+j)})
		}
		if err := db.PutEvents(b.Context(), events); err != nil {
			b.Fatal(err)
		}
	}
	for name, f := range map[string]people.EventFilter{
		"newest 100": {Limit: 100}, "100 of one person": {Limit: 100, Actor: "person7"}, "all": {}, "nobody's": {Actor: "nobody"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := db.Events(b.Context(), f, func(people.Event) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

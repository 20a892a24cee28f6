package influx_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"iotcenter/influx/influxtest"
	"iotcenter/ledger"
	"iotcenter/people"
	"iotcenter/telemetry/helium"
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

// BenchmarkHelium reads a year of a point a minute: a page of 10,000 points, and a year of days, each beside what the
// database itself takes for it.
func BenchmarkHelium(b *testing.B) {
	i := influxtest.Start(b)
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	const minutes = 365 * 24 * 60
	var lines strings.Builder
	for n := range minutes {
		at := start.Add(time.Duration(n) * time.Minute)
		fmt.Fprintf(&lines, "helium,clientId=a,port=t number=%g,at=%di,created=%di %d\n", float64(n%977)/7, at.UnixNano(), at.UnixMicro(), at.UnixNano())
		if n%5000 == 4999 || n == minutes-1 {
			i.Write(lines.String())
			lines.Reset()
		}
	}
	all := helium.Selection{Owner: "a"}
	year := helium.Selection{Owner: "a", Start: start, End: start.AddDate(1, 0, 0)}
	within := fmt.Sprintf(` FROM helium WHERE clientId = 'a' AND time >= %d AND time < %d`, year.Start.UnixNano(), year.End.UnixNano())
	points := func(got []helium.Stored, err error) (int, error) { return len(got), err }
	buckets := func(got []helium.Bucket, err error) (int, error) { return len(got), err }
	for _, c := range []struct {
		name string
		want int
		ask  func(context.Context) (int, error)
	}{
		{"page", 10_000, func(ctx context.Context) (int, error) { return points(i.DB.HeliumPoints(ctx, all, 0, 10_000)) }},
		{"page in the middle", 10_000, func(ctx context.Context) (int, error) {
			return points(i.DB.HeliumPoints(ctx, all, start.AddDate(0, 6, 0).UnixNano(), 10_000))
		}},
		{"page of the year", 10_000, func(ctx context.Context) (int, error) { return points(i.DB.HeliumPoints(ctx, year, 0, 10_000)) }},
		{"raw page", 10_000, func(ctx context.Context) (int, error) {
			return i.DB.Ask(ctx, `SELECT number, boolean, string, json, created, port::tag`+within+` ORDER BY time DESC LIMIT 10000`)
		}},
		{"raw page of its ten days", 10_000, func(ctx context.Context) (int, error) {
			return i.DB.Ask(ctx, fmt.Sprintf(`SELECT number, boolean, string, json, created, port::tag%s AND time >= %d ORDER BY time DESC LIMIT 10000`,
				within, start.AddDate(1, 0, -10).UnixNano()))
		}},
		{"newer page", 1, func(ctx context.Context) (int, error) {
			_, _, _, err := i.DB.HeliumNewer(ctx, all, start.AddDate(0, 6, 0).UnixNano(), 10_000)
			return 1, err
		}},
		{"days", 365, func(ctx context.Context) (int, error) {
			return buckets(i.DB.HeliumBuckets(ctx, year, 24*time.Hour, time.Time{}, 1000))
		}},
		{"days without bounds", 365, func(ctx context.Context) (int, error) {
			return buckets(i.DB.HeliumBuckets(ctx, all, 24*time.Hour, time.Time{}, 1000))
		}},
		{"raw days", 365, func(ctx context.Context) (int, error) {
			return i.DB.Ask(ctx, `SELECT min(number), max(number), mean(number)`+within+` GROUP BY time(1d), port`)
		}},
		{"minutes", 1000, func(ctx context.Context) (int, error) {
			return buckets(i.DB.HeliumBuckets(ctx, all, time.Minute, time.Time{}, 1000))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if n, err := c.ask(b.Context()); err != nil || n != c.want {
					b.Fatalf("%d, %v", n, err)
				}
			}
		})
	}
}

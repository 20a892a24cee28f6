package conformance

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/people"
)

// Audit tests a people.EventStore. other is a second process on the same database.
func Audit(t *testing.T, s, other people.EventStore) {
	ctx := start(t)
	at := moment()
	event := func(offset time.Duration, actor, action, target, result string) people.Event {
		return people.Event{At: at.Add(offset), ActorKind: "person", Actor: actor, Address: "192.0.2.7", Action: action, Target: target,
			Result: result, Detail: "a few words", RequestID: "r1"}
	}
	put := func(t *testing.T, s people.EventStore, events ...people.Event) {
		t.Helper()
		if err := s.PutEvents(ctx, events); err != nil {
			t.Fatalf("PutEvents: %v", err)
		}
	}
	get := func(t *testing.T, f people.EventFilter) []people.Event {
		t.Helper()
		var out []people.Event
		if err := s.Events(ctx, f, func(e people.Event) error { out = append(out, e); return nil }); err != nil {
			t.Fatalf("Events(%+v): %v", f, err)
		}
		return out
	}
	t.Run("empty", func(t *testing.T) {
		put(t, s)
		if got := get(t, people.EventFilter{}); len(got) != 0 {
			t.Errorf("events of an empty store: %v", got)
		}
	})
	one := event(0, "ann", "sign-in", "ann", "ok")
	two := event(time.Second, "bob", "sign-in", "bob", "refused")
	three := event(2*time.Second, "ann", "device-remove", "dev1", "ok")
	four := event(3*time.Second, "", "approve", "dev10", "failed")
	five := event(4*time.Second, "bob", "export", "", "ok")
	put(t, s, one, five) // each process writes some of them, in turns
	put(t, other, two, four)
	put(t, s, three)
	t.Run("newest first over all processes, filtered", func(t *testing.T) {
		for _, c := range []struct {
			name   string
			filter people.EventFilter
			want   []people.Event
		}{
			{"all", people.EventFilter{}, []people.Event{five, four, three, two, one}},
			{"the newest", people.EventFilter{Limit: 2}, []people.Event{five, four}},
			{"the next ones", people.EventFilter{Limit: 2, To: four.At}, []people.Event{three, two}},
			{"from inclusive, to exclusive", people.EventFilter{From: two.At, To: four.At}, []people.Event{three, two}},
			{"actor", people.EventFilter{Actor: "ann"}, []people.Event{three, one}},
			{"no part of an actor", people.EventFilter{Actor: "an"}, nil},
			{"another case", people.EventFilter{Actor: "Ann"}, nil},
			{"action", people.EventFilter{Action: "sign-in"}, []people.Event{two, one}},
			{"target", people.EventFilter{Target: "dev1"}, []people.Event{three}},
			{"result", people.EventFilter{Result: "ok", Limit: 2}, []people.Event{five, three}},
			{"all of them", people.EventFilter{From: at, To: at.Add(time.Hour), Actor: "bob", Action: "sign-in", Target: "bob", Result: "refused", Limit: 9}, []people.Event{two}},
			{"no time between", people.EventFilter{From: two.At, To: two.At}, nil},
			{"backwards", people.EventFilter{From: four.At, To: two.At}, nil},
			{"since ever, until the end of time", people.EventFilter{From: time.Unix(-1<<40, 0), To: time.Unix(1<<40, 0), Limit: 1}, []people.Event{five}},
			{"a contradiction", people.EventFilter{Actor: "ann", Target: "bob"}, nil},
		} {
			if d := cmp.Diff(c.want, get(t, c.filter)); d != "" {
				t.Errorf("%s: %s", c.name, d)
			}
		}
	})
	t.Run("events of one instant stay apart", func(t *testing.T) {
		instant := at.Add(time.Minute)
		var events []people.Event
		for i := range 5 {
			e := event(time.Minute, "ann", "backfill", fmt.Sprint(i), "ok")
			events = append(events, e)
		}
		put(t, s, events[:3]...)
		put(t, s, events[3], events[4])
		put(t, other, event(time.Minute, "ann", "backfill", "other", "ok"))
		got := get(t, people.EventFilter{Action: "backfill"})
		seen := map[string]bool{}
		for _, e := range got {
			seen[e.Target] = true
			if d := e.At.Sub(instant); d < 0 || d > 5 {
				t.Errorf("%s is at %v, want %v and a few ns", e.Target, e.At, instant)
			}
		}
		if len(got) != 6 || len(seen) != 6 {
			t.Errorf("%d events with %d targets, want 6", len(got), len(seen))
		}
		own := slices.DeleteFunc(got, func(e people.Event) bool { return e.Target == "other" })
		for i := 1; i < len(own); i++ {
			if !own[i].At.Before(own[i-1].At) || own[i].Target != fmt.Sprint(4-i) {
				t.Errorf("%s at %v comes after %v", own[i].Target, own[i].At, own[i-1].At)
			}
		}
	})
	t.Run("an event that is written late keeps its time", func(t *testing.T) {
		put(t, s, event(time.Hour, "cem", "export", "now", "ok"))
		put(t, s, event(time.Hour-time.Minute, "cem", "export", "late", "ok"))
		got := get(t, people.EventFilter{Actor: "cem"})
		if len(got) != 2 || got[1].Target != "late" || !got[1].At.Equal(at.Add(time.Hour-time.Minute)) {
			t.Errorf("events: %v", got)
		}
	})
	t.Run("any text, and asked for by it", func(t *testing.T) {
		for i, text := range texts {
			e := people.Event{At: at.Add(2*time.Hour + time.Duration(i)*time.Second), ActorKind: text, Actor: text, Address: text, Action: "a" + text,
				Target: text, Result: text, Detail: text, RequestID: text}
			put(t, s, e)
			f := people.EventFilter{From: at.Add(2 * time.Hour), Actor: e.Actor, Action: e.Action, Target: e.Target, Result: e.Result}
			if d := cmp.Diff([]people.Event{e}, get(t, f)); d != "" {
				t.Errorf("%q: %s", text, d)
			}
		}
	})
	t.Run("what is no text is kept as far as it is one", func(t *testing.T) {
		put(t, s, event(3*time.Hour, "a\xffb", "x", "dev1", "ok"), event(3*time.Hour+1, "fine", "x", "dev1", "ok"))
		if got := get(t, people.EventFilter{Action: "x", Actor: "a\xffb"}); len(got) != 1 || got[0].Actor != "a\ufffdb" {
			t.Errorf("events: %+v", got)
		}
	})
	t.Run("an error of the caller stops it", func(t *testing.T) {
		enough := errors.New("enough")
		n := 0
		if err := s.Events(ctx, people.EventFilter{}, func(people.Event) error { n++; return enough }); err != enough || n != 1 {
			t.Errorf("Events: %v after %d events", err, n)
		}
	})
}

// LongAudit tests a people.EventStore with more events than one page of an answer holds. Two processes write at the
// same nanoseconds.
func LongAudit(t *testing.T, s, other people.EventStore) {
	ctx := start(t)
	const each = 6000
	var one, two []people.Event
	for i := range each {
		at := moment().Add(time.Duration(i) * time.Millisecond)
		one = append(one, people.Event{At: at, Actor: "ann", Action: fmt.Sprint(i % 2), Target: fmt.Sprint("a", i)})
		two = append(two, people.Event{At: at, Actor: "bob", Action: fmt.Sprint(i % 2), Target: fmt.Sprint("b", i)})
	}
	if err := errors.Join(s.PutEvents(ctx, one), other.PutEvents(ctx, two)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		filter people.EventFilter
		want   int
	}{
		{people.EventFilter{}, 2 * each}, {people.EventFilter{Limit: 11_111}, 11_111}, {people.EventFilter{Limit: 5000}, 5000},
		{people.EventFilter{Limit: 3 * each}, 2 * each}, {people.EventFilter{Actor: "ann"}, each}, {people.EventFilter{Action: "1"}, each},
	} {
		seen := map[string]bool{}
		var last time.Time
		n := 0
		if err := s.Events(ctx, c.filter, func(e people.Event) error {
			if n > 0 && e.At.After(last) {
				t.Fatalf("%+v: %v comes after %v", c.filter, e.At, last)
			}
			last, seen[e.Target] = e.At, true
			n++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n != c.want || len(seen) != n {
			t.Errorf("%+v: %d events, %d different ones, want %d", c.filter, n, len(seen), c.want)
		}
	}
}

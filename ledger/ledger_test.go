package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNothingIsKnownBeforeTheFirstLoad(t *testing.T) {
	r := newReplica(new(log))
	if err := r.Put(t.Context(), doc("a", "1")); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("Put: %v, want ErrNotLoaded", err)
	}
	if err := r.Delete(t.Context(), "k", "a"); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("Delete: %v, want ErrNotLoaded", err)
	}
	if err := r.Ready(); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("Ready: %v, want ErrNotLoaded", err)
	}
	r.fails = true
	if err := r.Refresh(t.Context()); !errors.Is(err, errAway) || !errors.Is(r.Ready(), ErrNotLoaded) {
		t.Errorf("Refresh without a database: %v, then Ready: %v", err, r.Ready())
	}
	r.fails = false
	r.refresh(t)
	select {
	case <-r.Loaded():
	default:
		t.Error("Loaded is open after the first load")
	}
	if _, puts := r.count(); puts != 0 || r.Ready() != nil {
		t.Errorf("%d writes, Ready: %v", puts, r.Ready())
	}
}

func TestWhatOneWritesTheOtherReads(t *testing.T) {
	a, b := two(t)
	before := a.Version()
	a.put(t, doc("x", "1"), doc("y", "2"))
	a.holds(t, "at once here", "k", "x", "1")
	b.holds(t, "not yet there", "k", "x", "")
	if a.Version() == before {
		t.Error("the version did not grow")
	}
	b.refresh(t)
	b.holds(t, "after a refresh", "k", "x", "1")
	b.put(t, doc("x", "3"))
	a.refresh(t)
	a.holds(t, "the newest", "k", "x", "3")
	if got := a.All("k"); len(got) != 2 || got[0].ID != "x" || got[1].ID != "y" {
		t.Errorf("All: %v", got)
	}
	if got := a.All("nothing"); got == nil || len(got) != 0 {
		t.Errorf("All of an unknown kind: %v", got)
	}
	version := a.Version()
	a.refresh(t)
	if a.Version() != version {
		t.Error("reading the same entries again is a change")
	}
}

func TestOfEqualStampsAllReplicasTakeTheSame(t *testing.T) {
	until := start.Add(time.Hour)
	entries := []Entry{
		{Body: []byte("a")}, {Body: []byte("b")}, {Body: []byte("b"), Until: until}, {Body: []byte("b"), Until: until.Add(1)},
		{Deleted: true}, {Deleted: true, Until: until}, {},
	}
	for i := range entries {
		entries[i].Kind, entries[i].ID, entries[i].Stamp = "k", "x", start
	}
	for i, x := range entries {
		for j, y := range entries {
			if i != j && newer(x, y) == newer(y, x) {
				t.Errorf("%+v and %+v: neither, or both, are newer", x, y)
			}
			for _, z := range entries {
				if newer(x, y) && newer(y, z) && !newer(x, z) {
					t.Errorf("no order: %+v, %+v, %+v", x, y, z)
				}
			}
		}
	}
	if !newer(entries[4], entries[1]) {
		t.Error("a document is newer than its own end")
	}
}

func TestDelete(t *testing.T) {
	a, b := two(t)
	a.put(t, doc("x", "1"), doc("y", "2"), brief("x", "session", start.Add(time.Hour)))
	b.refresh(t)
	if err := b.Delete(t.Context(), "k", "x", "nobody"); err != nil {
		t.Fatal(err)
	}
	b.holds(t, "at once here", "k", "x", "")
	a.refresh(t)
	a.holds(t, "there", "k", "x", "")
	a.holds(t, "the others stay", "k", "y", "2")
	a.holds(t, "kinds have nothing to do with each other", "s", "x", "session")
	_, before := b.count()
	if err := b.Delete(t.Context(), "k", "x", "nobody"); err != nil {
		t.Fatal(err)
	}
	if _, after := b.count(); after != before {
		t.Error("deleting what is gone writes something")
	}
	a.put(t, doc("x", "again"))
	b.refresh(t)
	b.holds(t, "made again", "k", "x", "again")
}

func TestWhatRunsOutIsGoneAndForgotten(t *testing.T) {
	for name, poll := range map[string]bool{"by refreshes": true, "by puts, where nobody else writes": false} {
		t.Run(name, func(t *testing.T) {
			a, _ := two(t)
			for i := range 1000 {
				a.put(t, brief(fmt.Sprint(i), "1", start.Add(time.Minute)))
			}
			a.pass(time.Minute - 1)
			a.holds(t, "a nanosecond before", "s", "7", "1")
			a.pass(1)
			a.holds(t, "at its end", "s", "7", "")
			a.pass(2*overlap + sweep)
			if poll {
				a.refresh(t)
			} else {
				a.put(t, doc("x", "1"))
			}
			if n := a.size(); n > 1 {
				t.Errorf("%d entries in memory, want none of those that have run out", n)
			}
		})
	}
}

func TestAnOldEntryThatComesLateDoesNotComeToLife(t *testing.T) {
	a, b := two(t)
	b.pass(20 * time.Second) // so that b looks for what has run out at the worst moment
	a.pass(40 * time.Second)
	a.put(t, brief("x", "old", start.Add(time.Hour)))
	b.refresh(t)
	// It is replaced by one that has run out already, and by a replica whose clock is behind: the newer one leaves
	// the span that is read again before the older one does.
	b.put(t, brief("x", "new", start.Add(-time.Hour)))
	for range 60 {
		a.pass(2 * time.Second)
		b.pass(2 * time.Second)
		a.refresh(t)
		b.refresh(t)
		a.holds(t, "replaced", "s", "x", "")
		b.holds(t, "replaced", "s", "x", "")
	}
}

func TestALastingDocumentThatGetsAnEndDoesNotComeBack(t *testing.T) {
	a, b := two(t)
	a.put(t, doc("x", "lasting"))
	b.refresh(t)
	e := doc("x", "brief")
	e.Until = start.Add(time.Hour)
	b.put(t, e)
	b.holds(t, "here", "k", "x", "brief")
	a.refresh(t)
	a.holds(t, "there", "k", "x", "brief")
	later := newReplica(a.log)
	later.pass(Brief + 48*time.Hour) // brief entries of that day are not read any more
	later.refresh(t)
	later.holds(t, "a process that starts later", "k", "x", "")
}

func TestUntilIsAtMostBriefAhead(t *testing.T) {
	a, _ := two(t)
	if err := a.Put(t.Context(), brief("x", "1", start.Add(Brief+1))); err == nil {
		t.Error("an entry that would be lost before its end was taken")
	}
	a.put(t, brief("x", "1", start.Add(Brief)))
	a.pass(-time.Hour) // the clock is put back
	if err := a.Delete(t.Context(), "s", "x"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	a.holds(t, "deleted", "s", "x", "")
}

func TestAPutThatErrs(t *testing.T) {
	a, b := two(t)
	a.put(t, doc("x", "1"))
	a.fails = true
	if err := a.Put(t.Context(), doc("x", "2")); !errors.Is(err, errAway) {
		t.Errorf("Put: %v", err)
	}
	a.holds(t, "a write that failed", "k", "x", "1")
	a.fails, a.lost = false, true
	if err := a.Put(t.Context(), doc("x", "3")); !errors.Is(err, errAway) {
		t.Errorf("Put: %v", err)
	}
	a.holds(t, "a write whose answer was lost", "k", "x", "1")
	a.lost = false
	a.refresh(t)
	b.refresh(t)
	a.holds(t, "what the database has", "k", "x", "3")
	b.holds(t, "what the database has", "k", "x", "3")
	a.fails = true
	if err := a.Refresh(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("Refresh: %v", err)
	}
	a.holds(t, "without a database", "k", "x", "3")
}

func TestStampsAreLaterThanWhatTheyReplace(t *testing.T) {
	a, b := two(t)
	var last time.Time
	check := func(r *replica, what string) {
		t.Helper()
		e, ok := r.Get("k", "x")
		if !ok || !e.Stamp.After(last) {
			t.Errorf("%s: stamp %v is not after %v", what, e.Stamp, last)
		}
		last = e.Stamp
	}
	a.put(t, doc("x", "1"))
	check(a, "first")
	a.put(t, doc("x", "2"))
	check(a, "the clock stands still")
	a.pass(-20 * time.Second)
	a.put(t, doc("x", "3"))
	check(a, "the clock was put back")
	a.put(t, doc("other", "1"), doc("x", "4"), doc("x", "5"))
	check(a, "two of one id at once")
	a.holds(t, "of two at once the later in the list", "k", "x", "5")
	b.refresh(t)
	b.holds(t, "all of them read", "k", "x", "5")
	b.pass(-20 * time.Second)
	b.put(t, doc("x", "6"))
	check(b, "a replica whose clock is behind")
	if err := b.Delete(t.Context(), "k", "x"); err != nil {
		t.Fatal(err)
	}
	a.refresh(t)
	a.holds(t, "deleted by it", "k", "x", "")
}

func TestEntriesOfAReplicaWhoseClockIsBehindAreSeen(t *testing.T) {
	a, b := two(t)
	b.pass(-20 * time.Second)
	for i := range 30 {
		a.pass(time.Second)
		b.pass(time.Second)
		a.refresh(t)
		b.put(t, doc("x", fmt.Sprint(i)))
		a.refresh(t)
		a.holds(t, "written 20 s ago by its writer's clock", "k", "x", fmt.Sprint(i))
	}
}

func TestNothingIsReadTwiceWithoutNeed(t *testing.T) {
	a, _ := two(t)
	a.pass(time.Minute)
	a.refresh(t)
	a.fails = true
	a.pass(10 * time.Minute)
	if err := a.Refresh(t.Context()); err == nil {
		t.Fatal("no error")
	}
	a.fails = false
	a.pass(time.Second)
	a.refresh(t)
	a.pass(-time.Hour) // the clock is put back
	a.refresh(t)
	want := []time.Time{
		{},                                  // from the beginning, once
		start.Add(-overlap),                 // since the load
		start.Add(30e9),                     // since the refresh a minute later
		start.Add(30e9),                     // which was the last one that succeeded
		start.Add(-49*60e9 + 1e9 - overlap), // now and the overlap: nothing is known of a clock that jumps
	}
	if !slices.EqualFunc(a.reads, want, time.Time.Equal) {
		t.Errorf("read since %v, want %v", a.reads, want)
	}
}

// Whatever two replicas do and however their clocks run within 20 s of each other: when both have read everything they
// know the same, and so does one that starts then.
func TestReplicasConverge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := new(log)
		replicas := []*replica{newReplica(l), newReplica(l)}
		load := func(r *replica) {
			if err := r.Refresh(t.Context()); err != nil {
				rt.Fatal(err)
			}
		}
		load(replicas[0])
		load(replicas[1])
		replicas[1].pass(time.Duration(rapid.Int64Range(-20e9, 20e9).Draw(rt, "skew")))
		pass := func(d time.Duration) {
			replicas[0].pass(d)
			replicas[1].pass(d)
		}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			n := rapid.IntRange(0, 1).Draw(rt, "replica")
			r := replicas[n]
			kind := rapid.SampledFrom([]string{"lasting", "brief"}).Draw(rt, "kind")
			id := rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "id")
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0, 1, 2:
				e := Entry{Kind: kind, ID: id, Body: rapid.SliceOfN(rapid.Byte(), 1, 2).Draw(rt, "body")}
				if kind == "brief" {
					e.Until = r.clock().Add(time.Duration(rapid.Int64Range(-60e9, 600e9).Draw(rt, "until")))
				}
				r.fails, r.lost = rapid.IntRange(0, 9).Draw(rt, "fails") == 0, rapid.IntRange(0, 9).Draw(rt, "lost") == 0
				if err := r.Put(t.Context(), e); (err != nil) != (r.fails || r.lost) {
					rt.Fatal(err)
				}
				r.fails, r.lost = false, false
			case 3:
				if err := r.Delete(t.Context(), kind, id); err != nil {
					rt.Fatal(err)
				}
			case 4:
				load(r)
			case 5:
				pass(time.Duration(rapid.SampledFrom([]int64{1, 1e9, 25e9, 100e9, 1000e9, int64(40 * 24 * time.Hour)}).Draw(rt, "time")))
			case 6: // it starts again
				replicas[n] = newReplica(l)
				replicas[n].now = r.clock()
				load(replicas[n])
			}
		}
		late := replicas[0].clock()
		if other := replicas[1].clock(); other.After(late) {
			late = other
		}
		fresh := newReplica(l)
		fresh.now = late
		var all [][]string
		for _, r := range append(replicas, fresh) {
			load(r)
			var known []string
			for _, kind := range []string{"brief", "lasting"} {
				for _, e := range r.All(kind) {
					if e.live(late) {
						known = append(known, fmt.Sprintf("%s %s %v %x %v", e.Kind, e.ID, e.Stamp.UnixNano(), e.Body, e.Until.UnixNano()))
					}
				}
			}
			all = append(all, known)
		}
		if !slices.Equal(all[0], all[1]) || !slices.Equal(all[0], all[2]) {
			rt.Fatalf("they differ:\n%q\n%q\n%q", all[0], all[1], all[2])
		}
	})
}

func TestVersionsOfKindsGrowApart(t *testing.T) {
	a, b := two(t)
	look := func(r *replica) [3]bool { return [3]bool{r.VersionOf("k") > 0, r.VersionOf("s") > 0, r.Version() > 0} }
	if got := look(a); got != [3]bool{} {
		t.Errorf("at first %v", got)
	}
	a.put(t, doc("1", "{}"))
	b.refresh(t)
	for _, r := range []*replica{a, b} {
		if got := look(r); got != [3]bool{true, false, true} {
			t.Errorf("after a change of k: %v", got)
		}
	}
	before := b.VersionOf("k")
	b.put(t, brief("1", "{}", start.Add(time.Hour)))
	if got := b.VersionOf("k"); got != before || b.VersionOf("s") <= before {
		t.Errorf("after a change of s: %d, was %d", got, before)
	}
	b.refresh(t) // reads the same entries again
	if got := b.VersionOf("k"); got != before {
		t.Errorf("after none: %d, was %d", got, before)
	}
	a.refresh(t)
	if err := a.Delete(t.Context(), "k", "1"); err != nil {
		t.Fatal(err)
	}
	b.refresh(t)
	if b.VersionOf("k") <= before {
		t.Error("a deletion is no change")
	}
}

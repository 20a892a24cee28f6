package devices

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"iotcenter/ledger"
)

// shelf is a ledger that replicas share, each with a copy in memory.
type shelf struct {
	*fakeLedger
	clock *fakeClock
}

func newShelf() *shelf { return &shelf{&fakeLedger{}, newClock()} }

func (s *shelf) profiles(t testing.TB) *Profiles {
	t.Helper()
	l := ledger.New(ledger.Options{Store: s, Clock: s.clock.now, Poll: time.Second})
	if err := l.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return NewProfiles(l, s.clock.now)
}

// puts is the number of entries that were written.
func (s *shelf) puts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

func change(t *testing.T, p *Profiles, id ID, fn func(*Profile)) Profile {
	t.Helper()
	out, err := p.Change(t.Context(), id, func(p *Profile) error { fn(p); return nil })
	if err != nil {
		t.Fatalf("changing %s: %v", id, err)
	}
	return out
}

func profileOf(t *testing.T, p *Profiles, id ID) Profile {
	t.Helper()
	out, err := p.Profile(id)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mustLabel(t testing.TB, p *Profiles, name string) Label {
	t.Helper()
	l, err := p.MakeLabel(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustType(t testing.TB, p *Profiles, name string) ProductType {
	t.Helper()
	out, _, err := p.PutType(t.Context(), ProductType{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAProfileIsKeptOnEveryReplica(t *testing.T) {
	s := newShelf()
	one, two := s.profiles(t), s.profiles(t)
	if got := profileOf(t, one, "dev1"); !cmp.Equal(got, Profile{}) {
		t.Errorf("at first %+v", got)
	}
	a, b := mustLabel(t, one, "a"), mustLabel(t, one, "b")
	mustType(t, one, "pump")
	got := change(t, one, "dev1", func(p *Profile) {
		p.Name, p.ProductType = "  Pump <1> & \u00e9 ", "pump"
		p.Attributes = json.RawMessage("{ \"n\": 1.50, \"big\": 12345678901234567890, \"html\": \"<&>\" }")
		p.Labels = []uuid.UUID{b.ID, a.ID, b.ID}
	})
	labels := []uuid.UUID{a.ID, b.ID}
	slices.SortFunc(labels, compareUUIDs)
	want := Profile{
		Name: "Pump <1> & \u00e9", ProductType: "pump", Labels: labels, UpdatedAt: s.clock.now(),
		Attributes: json.RawMessage(`{"n":1.50,"big":12345678901234567890,"html":"<&>"}`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// What is given and what is answered is the caller's own.
	clear(got.Attributes)
	clear(got.Labels)
	for _, p := range []*Profiles{one, two, s.profiles(t)} {
		if err := p.ledger.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, profileOf(t, p, "dev1")); diff != "" {
			t.Error(diff)
		}
	}
	// A change on the other replica builds on this one at once.
	s.clock.move(time.Second)
	change(t, one, "dev1", func(p *Profile) { p.Name = "New" })
	s.clock.move(time.Millisecond)
	got = change(t, two, "dev1", func(p *Profile) { p.ProductType = "" })
	if got.Name != "New" || got.ProductType != "" || len(got.Labels) != 2 || !got.UpdatedAt.Equal(s.clock.now()) {
		t.Errorf("%+v", got)
	}
}

func TestAChangeThatChangesNothingWritesNothing(t *testing.T) {
	s := newShelf()
	p := s.profiles(t)
	change(t, p, "dev1", func(p *Profile) { p.Name, p.Attributes = "", json.RawMessage(" { } ") })
	if n := s.puts(); n != 0 {
		t.Errorf("%d entries for a profile that says nothing", n)
	}
	before := change(t, p, "dev1", func(p *Profile) { p.Name, p.Attributes = "a", json.RawMessage(`{"a":1}`) })
	mustType(t, p, "pump")
	l := mustLabel(t, p, "a")
	n := s.puts()
	s.clock.move(time.Second)
	after := change(t, p, "dev1", func(p *Profile) { p.Name, p.Attributes = " a", json.RawMessage(`{ "a" : 1 }`) })
	_, created, err := p.PutType(t.Context(), ProductType{Name: "pump", Fields: []string{}})
	if err != nil || created {
		t.Errorf("created %v, %v", created, err)
	}
	if got, err := p.RenameLabel(t.Context(), l.ID, " a "); err != nil || got != l {
		t.Errorf("%+v, %v", got, err)
	}
	if diff := cmp.Diff(before, after); diff != "" || s.puts() != n {
		t.Errorf("%d entries more: %s", s.puts()-n, diff)
	}
	errNo := errors.New("no")
	if _, err := p.Change(t.Context(), "dev1", func(p *Profile) error { p.Name = "b"; return errNo }); !errors.Is(err, errNo) {
		t.Errorf("%v", err)
	}
	if profileOf(t, p, "dev1").Name != "a" || s.puts() != n {
		t.Error("it was changed all the same")
	}
}

func TestWhatAProfileMayHold(t *testing.T) {
	p := newShelf().profiles(t)
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for _, c := range []struct {
		name  string
		fn    func(*Profile)
		field string // "" passes
	}{
		{"a long name", func(p *Profile) { p.Name = strings.Repeat("x", MaxName) }, ""},
		{"a name too long", func(p *Profile) { p.Name = strings.Repeat("x", MaxName+1) }, "name"},
		{"a name too long in bytes", func(p *Profile) { p.Name = strings.Repeat("\u00e9", MaxName/2+1) }, "name"},
		{"an emoji of several characters", func(p *Profile) { p.Name = "\U0001F468\u200d\U0001F33E" }, ""},
		{"a line break", func(p *Profile) { p.Name = "a\nb" }, "name"},
		{"an escape", func(p *Profile) { p.Name = "a\x1bb" }, "name"},
		{"a line separator", func(p *Profile) { p.Name = "a\u2028b" }, "name"},
		{"a turn of direction", func(p *Profile) { p.Name = "a\u202eb" }, "name"},
		{"a name that is not UTF-8", func(p *Profile) { p.Name = "a\xff" }, "name"},
		{"attributes as large as can be", func(p *Profile) {
			p.Attributes = json.RawMessage(`{"a": "` + strings.Repeat("<", MaxAttributes-len(`{"a":""}`)) + `"}`)
		}, ""},
		{"attributes that are too large", func(p *Profile) {
			p.Attributes = json.RawMessage(`{"a":"` + strings.Repeat("<", MaxAttributes+1-len(`{"a":""}`)) + `"}`)
		}, "attributes"},
		{"an array", func(p *Profile) { p.Attributes = json.RawMessage(`[1]`) }, "attributes"},
		{"null", func(p *Profile) { p.Attributes = json.RawMessage(`null`) }, "attributes"},
		{"no JSON", func(p *Profile) { p.Attributes = json.RawMessage(`{"a":}`) }, "attributes"},
		{"two objects", func(p *Profile) { p.Attributes = json.RawMessage(`{}{}`) }, "attributes"},
		{"attributes that are not UTF-8", func(p *Profile) { p.Attributes = json.RawMessage("{\"a\":\"\xff\"}") }, "attributes"},
		{"a key twice", func(p *Profile) { p.Attributes = json.RawMessage(`{"a":1,"a":1}`) }, "attributes"},
		{"a key twice, escaped", func(p *Profile) { p.Attributes = json.RawMessage(`{"a":1,"\u0061":1}`) }, "attributes"},
		{"a key twice within", func(p *Profile) { p.Attributes = json.RawMessage(`{"x":[{"a":{"b":"a"},"a":1}]}`) }, "attributes"},
		{"a key twice after an array", func(p *Profile) { p.Attributes = json.RawMessage(`{"a":[1,"a"],"a":1}`) }, "attributes"},
		{"keys in two objects", func(p *Profile) { p.Attributes = json.RawMessage(`{"a":{"a":"a"},"b":["a","a",{"a":1}],"":0,"A":1}`) }, ""},
		{"as deep as can be", func(p *Profile) { p.Attributes = json.RawMessage(deep(MaxDepth)) }, ""},
		{"too deep", func(p *Profile) { p.Attributes = json.RawMessage(deep(MaxDepth + 1)) }, "attributes"},
		{"far too deep", func(p *Profile) { p.Attributes = json.RawMessage(deep(1000)) }, "attributes"},
		{"a huge number", func(p *Profile) { p.Attributes = json.RawMessage(`{"a":1e999999}`) }, ""},
		{"too many labels", func(p *Profile) {
			for range MaxLabelsOfOne + 1 {
				p.Labels = append(p.Labels, uuid.New())
			}
		}, "labels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := p.Change(t.Context(), "dev1", func(p *Profile) error { c.fn(p); return nil })
			var bad *InvalidProfileError
			switch errors.As(err, &bad); {
			case c.field == "" && err != nil:
				t.Error(err)
			case c.field != "" && (bad == nil || bad.Field != c.field || len(bad.Problem) > 300):
				t.Errorf("%v", err)
			}
		})
	}
	for _, c := range []struct {
		fn   func(*Profile)
		want error
	}{
		{func(p *Profile) { p.ProductType = "none" }, ErrNoSuchType},
		{func(p *Profile) { p.Labels = append(p.Labels, uuid.New()) }, ErrNoSuchLabel},
	} {
		if _, err := p.Change(t.Context(), "dev1", func(p *Profile) error { c.fn(p); return nil }); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}

func TestForgettingAProfile(t *testing.T) {
	s := newShelf()
	one, two := s.profiles(t), s.profiles(t)
	if err := one.Forget(t.Context(), "dev1"); err != nil || s.puts() != 0 {
		t.Errorf("%v, %d entries", err, s.puts())
	}
	change(t, one, "dev1", func(p *Profile) { p.Name = "a" })
	if err := two.Forget(t.Context(), "dev1"); err != nil {
		t.Fatal(err)
	}
	if got := change(t, one, "dev1", func(p *Profile) { p.Attributes = json.RawMessage(`{"a":1}`) }); got.Name != "" {
		t.Errorf("%+v", got)
	}
}

// A device is removed on another replica while it is changed here: the removal holds.
func TestForgettingHoldsAgainstAChange(t *testing.T) {
	s := newShelf()
	one, two := s.profiles(t), s.profiles(t)
	change(t, one, "dev1", func(p *Profile) { p.Name = "a" })
	s.clock.move(time.Second)
	_, err := one.Change(t.Context(), "dev1", func(p *Profile) error { p.Name = "b"; return two.Forget(t.Context(), "dev1") })
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Profiles{one, two} {
		if err := p.ledger.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := profileOf(t, p, "dev1"); got.Name != "" {
			t.Errorf("%+v", got)
		}
	}
}

func TestDamagedDocumentsAreIgnored(t *testing.T) {
	s := newShelf()
	p := s.profiles(t)
	good := mustLabel(t, p, "good")
	for _, body := range []string{"{", "7", `{"attributes":[1]}`, `{"labels":["x"]}`, `{"fields":7,"name":7}`} {
		for _, e := range []ledger.Entry{{Kind: kindProfile, ID: "dev1"}, {Kind: kindProductType, ID: "pump"}, {Kind: kindLabel, ID: uuid.NewString()}, {Kind: kindLabel, ID: "x"}} {
			if e.Kind != kindProfile && strings.Contains(body, "s\":[") {
				continue // no harm in that
			}
			e.Body = []byte(body)
			if err := p.ledger.Put(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if got := profileOf(t, p, "dev1"); !cmp.Equal(got, Profile{}) {
			t.Errorf("%s: %+v", body, got)
		}
	}
	types, err := p.Types()
	labels, err2 := p.Labels()
	if err != nil || err2 != nil || len(types) != 0 || !slices.Equal(labels, []Label{good}) {
		t.Errorf("%v, %v, %v, %v", types, labels, err, err2)
	}
	if err := p.Matching(func(id ID, _ Profile) bool { t.Errorf("%s matches", id); return true }); err != nil {
		t.Error(err)
	}
	if _, created, err := p.PutType(t.Context(), ProductType{Name: "pump"}); err != nil || !created {
		t.Errorf("made anew: %v, %v", created, err)
	}
	if got := change(t, p, "dev1", func(p *Profile) { p.Name = "a" }); got.Name != "a" {
		t.Errorf("%+v", got)
	}
}

func TestNothingIsKnownBeforeTheLedgerIsLoaded(t *testing.T) {
	s := newShelf()
	p := NewProfiles(ledger.New(ledger.Options{Store: s, Clock: s.clock.now}), s.clock.now)
	u := uuid.New()
	for name, do := range map[string]func() error{
		"Profile":     func() error { _, err := p.Profile("dev1"); return err },
		"Change":      func() error { _, err := p.Change(t.Context(), "dev1", func(*Profile) error { return nil }); return err },
		"Forget":      func() error { return p.Forget(t.Context(), "dev1") },
		"Matching":    func() error { return p.Matching(func(ID, Profile) bool { return true }) },
		"Types":       func() error { _, err := p.Types(); return err },
		"Type":        func() error { _, err := p.Type("pump"); return err },
		"PutType":     func() error { _, _, err := p.PutType(t.Context(), ProductType{Name: "pump"}); return err },
		"DeleteType":  func() error { return p.DeleteType(t.Context(), "pump") },
		"Labels":      func() error { _, err := p.Labels(); return err },
		"Label":       func() error { _, err := p.Label(u); return err },
		"MakeLabel":   func() error { _, err := p.MakeLabel(t.Context(), "a"); return err },
		"RenameLabel": func() error { _, err := p.RenameLabel(t.Context(), u, "a"); return err },
		"DeleteLabel": func() error { return p.DeleteLabel(t.Context(), u) },
		"Labelled":    func() error { _, err := p.Labelled(u); return err },
	} {
		if err := do(); !errors.Is(err, ledger.ErrNotLoaded) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMatchingFollowsEveryChange(t *testing.T) {
	s := newShelf()
	one, two := s.profiles(t), s.profiles(t)
	all := func(p *Profiles) string {
		t.Helper()
		if err := p.ledger.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		var out []string
		err := p.Matching(func(id ID, pr Profile) bool {
			out = append(out, string(id)+"="+pr.Name)
			_, err := p.Profile(id) // nothing is locked
			return err == nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(out, " ")
	}
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, ""},
		{func() { change(t, one, "b", func(p *Profile) { p.Name = "1" }) }, "b=1"},
		{func() { change(t, two, "a", func(p *Profile) { p.Name = "2" }) }, "a=2 b=1"},
		{func() { change(t, one, "c", func(p *Profile) { p.Name = "3" }) }, "a=2 b=1 c=3"},
		{func() { change(t, two, "b", func(p *Profile) { p.Name = "4" }) }, "a=2 b=4 c=3"},
		{func() { _ = one.Forget(t.Context(), "a") }, "b=4 c=3"},
		{func() { mustLabel(t, two, "x") }, "b=4 c=3"},
		{func() { _ = two.Forget(t.Context(), "c") }, "b=4"},
	} {
		step.do()
		if a, b := all(one), all(two); a != step.want || b != step.want {
			t.Errorf("%q and %q, want %q", a, b, step.want)
		}
	}
	change(t, one, "c", func(p *Profile) { p.Name = "5" })
	n := 0
	if err := one.Matching(func(ID, Profile) bool { n++; return false }); err != nil || n != 1 {
		t.Errorf("%d after it said no, %v", n, err)
	}
}

func TestChangesOfADeviceFollowEachOther(t *testing.T) {
	s := newShelf()
	p := s.profiles(t)
	labels := []Label{mustLabel(t, p, "a"), mustLabel(t, p, "b")}
	const n = 40
	var all sync.WaitGroup
	var changed atomic.Int64
	for i := range n {
		all.Go(func() {
			_, err := p.Change(t.Context(), "dev1", func(p *Profile) error {
				m := map[string]int{}
				if len(p.Attributes) > 0 {
					if err := json.Unmarshal(p.Attributes, &m); err != nil {
						return err
					}
				}
				m[fmt.Sprint(i)] = i
				p.Labels = append(p.Labels, labels[i%2].ID)
				var err error
				p.Attributes, err = json.Marshal(m)
				return err
			})
			switch {
			case err == nil:
				changed.Add(1)
			case !errors.Is(err, ErrNoSuchLabel): // the label was removed before
				t.Error(err)
			}
		})
		all.Go(func() {
			if err := p.Matching(func(ID, Profile) bool { return true }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		if err := p.DeleteLabel(t.Context(), labels[0].ID); err != nil && !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
	})
	all.Wait()
	got := map[string]int{}
	if err := json.Unmarshal(profileOf(t, p, "dev1").Attributes, &got); err != nil || len(got) != int(changed.Load()) || len(got) < n/2 {
		t.Errorf("%d of %d changes, %v", len(got), changed.Load(), err)
	}
}

func TestProductTypes(t *testing.T) {
	s := newShelf()
	one, two := s.profiles(t), s.profiles(t)
	want := ProductType{Name: "Pump 2.0_b-x", Measurement: "analysis", Fields: []string{"b", "a"}, Start: "30d", UpdatedAt: s.clock.now()}
	for i, created := range []bool{true, false} {
		want.Start = fmt.Sprint(30+i, "d")
		got, is, err := one.PutType(t.Context(), want)
		if diff := cmp.Diff(want, got); err != nil || is != created || diff != "" {
			t.Errorf("created %v, %v: %s", is, err, diff)
		}
	}
	change(t, two, "dev1", func(p *Profile) { p.ProductType = want.Name })
	if types, err := two.Types(); err != nil || !cmp.Equal(types, []ProductType{want}) {
		t.Errorf("%+v, %v", types, err)
	}
	var used *InUseError
	if err := one.DeleteType(t.Context(), want.Name); !errors.Is(err, ErrInUse) || !errors.As(err, &used) || used.Devices != 1 {
		t.Errorf("in use: %v", err)
	}
	change(t, two, "dev1", func(p *Profile) { p.ProductType = "" })
	if err := one.DeleteType(t.Context(), want.Name); err != nil {
		t.Error(err)
	}
	if err := two.DeleteType(t.Context(), want.Name); !errors.Is(err, ErrNoSuchType) {
		t.Errorf("gone: %v", err)
	}
	if _, err := one.Type(want.Name); !errors.Is(err, ErrNoSuchType) {
		t.Errorf("gone: %v", err)
	}
	for _, bad := range []struct {
		t     ProductType
		field string
	}{
		{ProductType{}, "name"},
		{ProductType{Name: strings.Repeat("x", 65)}, "name"},
		{ProductType{Name: "a/b"}, "name"},
		{ProductType{Name: "\u00e9"}, "name"},
		{ProductType{Name: " a"}, "name"},
		{ProductType{Name: "a "}, "name"},
		{ProductType{Name: ".."}, "name"},
		{ProductType{Name: "a", Measurement: strings.Repeat("x", 257)}, "measurement"},
		{ProductType{Name: "a", Start: strings.Repeat("x", 257)}, "start"},
		{ProductType{Name: "a", Start: "\xff"}, "start"},
		{ProductType{Name: "a", Fields: []string{""}}, "fields"},
		{ProductType{Name: "a", Fields: []string{strings.Repeat("x", 257)}}, "fields"},
		{ProductType{Name: "a", Fields: slices.Repeat([]string{strings.Repeat("x", 100)}, 100)}, "fields"},
	} {
		var invalid *InvalidProfileError
		if _, _, err := one.PutType(t.Context(), bad.t); !errors.As(err, &invalid) || invalid.Field != bad.field {
			t.Errorf("%q: %v, want something about %s", bad.t.Name, err, bad.field)
		}
	}
	for i := range MaxTypes {
		mustType(t, one, fmt.Sprint("t", i))
	}
	if _, _, err := two.PutType(t.Context(), ProductType{Name: "more"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	if _, created, err := two.PutType(t.Context(), ProductType{Name: "t7", Start: "1d"}); err != nil || created {
		t.Errorf("one of them: %v, %v", created, err)
	}
}

func TestLabels(t *testing.T) {
	s := newShelf()
	one, two := s.profiles(t), s.profiles(t)
	b, a, a2 := mustLabel(t, one, " b "), mustLabel(t, one, "a"), mustLabel(t, one, "a")
	if b.Name != "b" || !b.CreatedAt.Equal(s.clock.now()) || a.ID == a2.ID {
		t.Errorf("%+v, %+v, %+v", b, a, a2)
	}
	if compareUUIDs(a.ID, a2.ID) > 0 {
		a, a2 = a2, a
	}
	s.clock.move(time.Second)
	renamed, err := two.RenameLabel(t.Context(), b.ID, "B")
	if err != nil || renamed.Name != "B" || !renamed.CreatedAt.Equal(b.CreatedAt) || !renamed.UpdatedAt.Equal(s.clock.now()) {
		t.Errorf("%+v, %v", renamed, err)
	}
	if got, err := two.Labels(); err != nil || !slices.Equal(got, []Label{renamed, a, a2}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, name := range []string{"", " ", "a\nb", strings.Repeat("x", MaxName+1)} {
		var invalid *InvalidProfileError
		if _, err := one.MakeLabel(t.Context(), name); !errors.As(err, &invalid) || invalid.Field != "name" {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := one.RenameLabel(t.Context(), a.ID, name); !errors.As(err, &invalid) {
			t.Errorf("renaming to %q: %v", name, err)
		}
	}
	// More devices than one batch has.
	const n = labelBatch + 10
	for i := range n {
		e, err := document(kindProfile, fmt.Sprintf("dev%04d", i), profileBody(Profile{Name: "x", Labels: []uuid.UUID{a.ID}}))
		if err != nil {
			t.Fatal(err)
		}
		if err := one.ledger.Put(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	change(t, one, "dev0003", func(p *Profile) { p.Labels = append(p.Labels, b.ID) })
	if ids, err := one.Labelled(a.ID); err != nil || len(ids) != n || !slices.IsSorted(ids) {
		t.Errorf("%d devices, %v", len(ids), err)
	}
	if err := two.DeleteLabel(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if ids, err := two.Labelled(b.ID); err != nil || !slices.Equal(ids, []ID{"dev0003"}) {
		t.Errorf("%v, %v", ids, err)
	}
	if got := profileOf(t, two, "dev0003"); !slices.Equal(got.Labels, []uuid.UUID{b.ID}) || got.Name != "x" {
		t.Errorf("%+v", got)
	}
	for _, row := range two.rows() {
		if slices.Contains(row.Labels, a.ID) {
			t.Fatalf("%s still has it", row.id)
		}
	}
	for name, err := range map[string]error{
		"DeleteLabel": two.DeleteLabel(t.Context(), a.ID),
		"RenameLabel": func() error { _, err := one.RenameLabel(t.Context(), a.ID, "x"); return err }(),
		"Label":       func() error { _, err := one.Label(a.ID); return err }(),
		"Labelled":    func() error { _, err := one.Labelled(a.ID); return err }(),
	} {
		if !errors.Is(err, ErrNoSuchLabel) {
			t.Errorf("%s of one that is gone: %v", name, err)
		}
	}
	for range MaxLabels - 2 {
		mustLabel(t, one, "l")
	}
	if _, err := two.MakeLabel(t.Context(), "more"); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
}

// One replica gives a device what another removes at this moment: it is not shown.
func TestWhatIsGoneIsNotShown(t *testing.T) {
	s := newShelf()
	p := s.profiles(t)
	l := mustLabel(t, p, "l")
	e, err := document(kindProfile, "dev1", profileBody(Profile{Name: "x", ProductType: "none", Labels: []uuid.UUID{l.ID, uuid.New()}}))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.ledger.Put(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	check := func(got Profile) {
		t.Helper()
		if got.ProductType != "" || !slices.Equal(got.Labels, []uuid.UUID{l.ID}) {
			t.Errorf("%+v", got)
		}
	}
	check(profileOf(t, p, "dev1"))
	if err := p.Matching(func(_ ID, got Profile) bool { check(got); return true }); err != nil {
		t.Error(err)
	}
	check(change(t, p, "dev1", func(p *Profile) { p.Name = "y" })) // and stands in nobody's way
}

// crowded is a ledger with n profiles.
func crowded(t testing.TB, n int) *Profiles {
	t.Helper()
	s := newShelf()
	for i := range n {
		e, err := document(kindProfile, fmt.Sprintf("dev%06d", i), profileBody(Profile{
			Name: fmt.Sprint("Device ", i), Attributes: json.RawMessage(`{"room":"greenhouse 4","row":17,"tags":["a","b"],"owner":"ann"}`), UpdatedAt: s.clock.now(),
		}))
		if err != nil {
			t.Fatal(err)
		}
		e.Stamp = s.clock.now()
		s.entries = append(s.entries, e)
	}
	return s.profiles(t)
}

func BenchmarkMatching100k(b *testing.B) {
	p := crowded(b, 100_000)
	p.rows()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Matching(func(ID, Profile) bool { return true }); err != nil {
			b.Fatal(err)
		}
	}
}

// The first search after one of 100,000 profiles changed.
func BenchmarkMatching100kAfterAChange(b *testing.B) {
	p := crowded(b, 100_000)
	p.rows()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.ledger.Put(b.Context(), ledger.Entry{Kind: kindProfile, ID: "dev012345", Body: []byte(`{"name":"x"}`)}); err != nil {
			b.Fatal(err)
		}
		p.rows()
	}
}

// The first search of all.
func BenchmarkMatching100kFirst(b *testing.B) {
	p := crowded(b, 100_000)
	for b.Loop() {
		p.table.Store(nil)
		p.rows()
	}
}

func BenchmarkProfile(b *testing.B) {
	p := crowded(b, 1000)
	for b.Loop() {
		if _, err := p.Profile("dev000123"); err != nil {
			b.Fatal(err)
		}
	}
}

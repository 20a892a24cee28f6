package devices

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func idsOf(devices []Device) string {
	var b strings.Builder
	for _, d := range devices {
		b.WriteString(string(d.ID) + " ")
	}
	return strings.TrimSpace(b.String())
}

func TestList(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	for _, id := range []ID{"b2", "a", "b10", "c", "b1", "B1"} {
		mustRegister(t, r, id)
		w.clock.move(time.Second)
	}
	if err := r.Unregister(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	even := func(id ID) bool { return len(id)%2 == 0 }
	for _, c := range []struct {
		o     ListOptions
		want  string
		total int
	}{
		{ListOptions{}, "B1 a b1 b10 b2", 5},
		{ListOptions{Desc: true}, "b2 b10 b1 a B1", 5},
		{ListOptions{Sort: SortCreated}, "b2 a b10 b1 B1", 5},
		{ListOptions{Sort: SortCreated, Desc: true}, "B1 b1 b10 a b2", 5},
		{ListOptions{Limit: 2}, "B1 a", 5},
		{ListOptions{Limit: 2, Offset: 4}, "b2", 5},
		{ListOptions{Limit: 2, Offset: 5}, "", 5},
		{ListOptions{Limit: 2, Offset: 500}, "", 5},
		{ListOptions{Limit: 2, Offset: -3}, "B1 a", 5},
		{ListOptions{Sort: SortCreated, Offset: 3, Limit: 9}, "b1 B1", 5},
		{ListOptions{Sort: SortCreated, Offset: 9, Limit: 9}, "", 5},
		{ListOptions{Prefix: "b1"}, "b1 b10", 2},
		{ListOptions{Prefix: "b1", Desc: true, Limit: 1}, "b10", 2},
		{ListOptions{Prefix: "b", Sort: SortCreated, Limit: 2}, "b2 b10", 3},
		{ListOptions{Prefix: "b", Sort: SortCreated, Desc: true, Offset: 1}, "b10 b2", 3},
		{ListOptions{Prefix: "x"}, "", 0},
		{ListOptions{Only: even}, "B1 b1 b2", 3},
		{ListOptions{Only: even, Desc: true, Offset: 1}, "b1 B1", 3},
		{ListOptions{Only: even, Sort: SortCreated, Offset: 1, Limit: 1}, "b1", 3},
		{ListOptions{Only: even, Prefix: "b", Limit: 1}, "b1", 2},
	} {
		got, err := r.List(t.Context(), c.o)
		if err != nil || idsOf(got.Devices) != c.want || got.Total != c.total {
			t.Errorf("%+v:\ngot  %s of %d, %v\nwant %s of %d", c.o, idsOf(got.Devices), got.Total, err, c.want, c.total)
		}
	}
	var all []Device
	if err := r.Each(t.Context(), func(d Device) error { all = append(all, d); return nil }); err != nil || idsOf(all) != "B1 a b1 b10 b2" {
		t.Errorf("each: %s, %v", idsOf(all), err)
	}
	stop := errors.New("stop")
	if err := r.Each(t.Context(), func(Device) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("each does not stop: %v", err)
	}
}

// The slices are changed in place for few records and built anew for many: both agree with a plain computation,
// whatever the order of the records and how often they come.
func TestReadModelAgreesWithPlainOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	base := time.Unix(1_800_000_000, 0)
	var records []Record
	for i := range 3000 {
		r := Record{ID: ID(fmt.Sprintf("d%d", random.IntN(300))), Stamp: base.Add(time.Duration(i)), CreatedAt: base.Add(time.Duration(random.IntN(50)))}
		if random.IntN(3) > 0 {
			r.Key = fmt.Sprint("k", i)
			r.TokenHash = fmt.Sprintf("%064x", i)
		}
		records = append(records, r)
	}
	newest := map[ID]Record{}
	for _, r := range records {
		newest[r.ID] = r
	}
	var want []ID
	for id, r := range newest {
		if r.Registered() {
			want = append(want, id)
		}
	}
	slices.Sort(want)
	for _, batch := range []int{1, 7, 64, 65, 3000} {
		shuffled := slices.Clone(records)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		m := newReadModel()
		for round := range 2 { // each record comes twice
			for some := range slices.Chunk(shuffled, batch) {
				m.apply(some, round == 0)
			}
		}
		if !slices.Equal(m.ids, want) || len(m.created) != len(want) || len(m.tokens) != len(want) {
			t.Fatalf("batches of %d: %d ids, %d by creation, %d tokens, want %d", batch, len(m.ids), len(m.created), len(m.tokens), len(want))
		}
		if !slices.IsSortedFunc(m.created, createdID.compare) {
			t.Errorf("batches of %d: creation is not sorted", batch)
		}
		for _, id := range want {
			h, _ := parseHash(newest[id].TokenHash)
			if got, worth, _ := m.byToken(h, time.Now()); worth != goodToken || got != id {
				t.Fatalf("token of %s: %s, %v", id, got, worth)
			}
		}
	}
}

func TestRefreshReadsOnlyWhatIsNew(t *testing.T) {
	w := newWorld()
	w.fill(t, 5000)
	r := w.registry(t)
	if n, err := r.Count(t.Context()); n != 5000 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	w.store.queries, w.store.sent = 0, 0
	for range 10 {
		w.clock.move(time.Minute)
		if _, err := r.List(t.Context(), ListOptions{Limit: 12}); err != nil {
			t.Fatal(err)
		}
	}
	if w.store.queries != 10 || w.store.sent != 0 {
		t.Errorf("%d queries, %d records", w.store.queries, w.store.sent)
	}
	// What another replica writes is seen by the next answer, also when its clock is slow.
	other := w.registryAt(t, func() time.Time { return w.clock.now().Add(-20 * time.Second) })
	mustRegister(t, other, "slow-clock")
	if _, err := r.Get(t.Context(), "slow-clock"); err != nil {
		t.Errorf("not seen: %v", err)
	}
}

func TestStoreThatWasReplaced(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	mustRegister(t, r, "dev1")
	w.clock.move(time.Hour)
	w.store.records = nil // somebody gave the app an empty database
	if _, _, err := r.Credentials(t.Context(), "dev1"); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if n, err := r.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("%d devices, %v", n, err)
	}
}

// The work of a page must not grow with the number of devices.
func BenchmarkListPage(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld()
			w.fill(b, n)
			m := newReadModel()
			m.apply(w.store.records, false)
			for b.Loop() {
				page := m.page(ListOptions{Offset: n / 2, Limit: 12, Sort: SortCreated, Desc: true})
				if len(page.Devices) != 12 {
					b.Fatal(len(page.Devices))
				}
			}
		})
	}
}

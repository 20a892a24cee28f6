package devices

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Programs keep these UUIDs: they must be the same in every version of the app.
func TestDerivedUUIDsNeverChange(t *testing.T) {
	for id, want := range map[ID]string{
		"virtual_device":  "12353e32-e03d-5398-8cc3-257f9cf1200d",
		"dev1":            "960ef5a3-b753-5170-b298-78101572daac",
		"359215101234567": "a0958448-5481-5e2b-9233-ef6ef601557e",
		"a:b.c-d_e":       "abe326ab-f5c5-5ef0-b9af-3e73c31b4404",
		// Not in the usual form, and so derived.
		"0C6A35C0-FF3F-4C4E-9F7E-2B6F3F1E7A10": "22acb4da-2640-57ee-887f-f6ac78d5d814",
		"0c6a35c0ff3f4c4e9f7e2b6f3f1e7a10":     "bb3b214e-0f15-5cda-8f18-63aac026f926",
		// UUIDs themselves, of whatever version.
		"0c6a35c0-ff3f-4c4e-9f7e-2b6f3f1e7a10": "0c6a35c0-ff3f-4c4e-9f7e-2b6f3f1e7a10",
		"886313e1-3b8a-5372-9b90-0c9aee199e5d": "886313e1-3b8a-5372-9b90-0c9aee199e5d",
		"00000000-0000-0000-0000-000000000000": "00000000-0000-0000-0000-000000000000",
	} {
		u := UUIDOf(id)
		if u.String() != want {
			t.Errorf("%s has the UUID %s, want %s", id, u, want)
		}
		if _, literal := literalUUID(id); !literal && (u.Version() != 5 || u.Variant() != uuid.RFC4122) {
			t.Errorf("%s has a UUID of version %d", id, u.Version())
		}
	}
}

func TestParseUUIDTakesTheUsualFormOnly(t *testing.T) {
	const usual = "0c6a35c0-ff3f-4c4e-9f7e-2b6f3f1e7a10"
	for text, ok := range map[string]bool{
		usual:                                  true,
		strings.ToUpper(usual):                 true,
		"0C6a35c0-ff3f-4c4e-9f7e-2b6f3f1e7A10": true,
		"":                                     false,
		"dev1":                                 false,
		"{" + usual + "}":                      false,
		"urn:uuid:" + usual:                    false,
		strings.ReplaceAll(usual, "-", ""):     false,
		usual + "0":                            false,
		usual[:35]:                             false,
		" " + usual[1:]:                        false,
		"0c6a35c0-ff3f-4c4e-9f7e-2b6f3f1e7a1g": false,
		"0c6a35c0ff3f--4c4e-9f7e-2b6f3f1e7a10": false,
		"0c6a35c0_ff3f_4c4e_9f7e_2b6f3f1e7a10": false,
		"0c6a35c0-ff3f-4c4e-9f7e-2b6f3f1e7a1\u00e9"[:36]: false,
	} {
		u, got := ParseUUID(text)
		if got != ok || ok && u.String() != usual {
			t.Errorf("%q: %v, %v", text, u, got)
		}
	}
}

func mustFind(t *testing.T, r *Registry, u uuid.UUID, want ID) {
	t.Helper()
	if d, err := r.ByUUID(t.Context(), u); err != nil || d.ID != want {
		t.Errorf("%s is %q, %v; want %q", u, d.ID, err, want)
	}
}

func TestDevicesAreFoundByUUID(t *testing.T) {
	const literal = "0c6a35c0-ff3f-4c4e-9f7e-2b6f3f1e7a10"
	w := newWorld()
	one, two := w.registry(t), w.registry(t)
	ids := []ID{"dev1", literal, ID(strings.ToUpper(literal)), "359215101234567"}
	for i, id := range ids {
		mustRegister(t, one, id) // the first before the index is there, the others after
		mustFind(t, one, UUIDOf(id), id)
		if i == 0 {
			continue
		}
		mustFind(t, two, UUIDOf(id), id) // registered elsewhere
	}
	upper, _ := ParseUUID(strings.ToUpper(literal))
	mustFind(t, one, upper, literal)
	for _, id := range ids {
		if err := one.Unregister(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if _, err := one.ByUUID(t.Context(), UUIDOf(id)); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s was removed: %v", id, err)
		}
		mustRegister(t, one, id)
		mustFind(t, one, UUIDOf(id), id)
	}
	one.reload.Store(true)
	for _, id := range ids {
		if _, err := one.List(t.Context(), ListOptions{}); err != nil {
			t.Fatal(err)
		}
		mustFind(t, one, UUIDOf(id), id)
	}
}

func TestByUUIDAsksTheStoreOnlyForStrangers(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	mustRegister(t, r, "dev1")
	w.store.set(func(s *fakeStore) { s.err = errDown })
	mustFind(t, r, UUIDOf("dev1"), "dev1")
	if _, err := r.ByUUID(t.Context(), UUIDOf("dev2")); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a stranger: %v", err)
	}
}

// Somebody registers a device under the UUID that another device's id gives: nothing that is meant for that one reaches it.
func TestNobodyCanTakeOverADerivedUUID(t *testing.T) {
	w := newWorld()
	r := w.registry(t)
	u := UUIDOf("dev1")
	taker := ID(u.String())
	for _, first := range []ID{taker, "dev1"} {
		mustRegister(t, r, first)
		mustRegister(t, r, "dev1")
		mustRegister(t, r, taker)
		mustFind(t, r, u, "dev1")
		for _, id := range []ID{"dev1", taker} {
			if err := r.Unregister(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAHundredThousandUUIDs(t *testing.T) {
	w := newWorld()
	const n = 100_000
	w.fill(t, n)
	r := w.registry(t)
	if err := r.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	mustFind(t, r, UUIDOf("dev000000"), "dev000000")
	t.Logf("the first question took %v", time.Since(started))
	if len(r.model.uuids.ids) != n {
		t.Errorf("%d UUIDs for %d devices", len(r.model.uuids.ids), n)
	}
	for i := 0; i < n; i += 997 {
		id := ID(fmt.Sprintf("dev%06d", i))
		mustFind(t, r, UUIDOf(id), id)
	}
}

func BenchmarkByUUID(b *testing.B) {
	w := newWorld()
	w.fill(b, 100_000)
	r := w.registry(b)
	if err := r.refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	u := UUIDOf("dev012345")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.ByUUID(b.Context(), u); err != nil {
			b.Fatal(err)
		}
	}
}

// What the first question costs, and that loading does without it.
func BenchmarkLoad100k(b *testing.B) {
	w := newWorld()
	w.fill(b, 100_000)
	for b.Loop() {
		if err := w.registry(b).refresh(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUUIDIndex100k(b *testing.B) {
	w := newWorld()
	w.fill(b, 100_000)
	r := w.registry(b)
	if err := r.refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r.model.uuids.ids = nil
		r.model.buildUUIDs()
	}
}

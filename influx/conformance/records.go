package conformance

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/devices"
	"iotcenter/emulator"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// Records tests a devices.RecordStore.
func Records(t *testing.T, s devices.RecordStore) {
	ctx := start(t)
	at := moment()
	record := func(id devices.ID, offset time.Duration, key string) devices.Record {
		r := devices.Record{ID: id, Stamp: at.Add(offset), CreatedAt: at.Add(-time.Hour).Add(123456789), Key: key}
		if key != "" {
			r.Sealed, r.TokenHash = "sealed="+key+`, "quoted" \ text`, "hash"+key
			r.TokenAt = at.Add(-time.Minute).Add(987654321)
		}
		return r
	}
	put := func(t *testing.T, r devices.Record) {
		t.Helper()
		if err := s.PutRecord(ctx, r); err != nil {
			t.Fatalf("PutRecord(%s): %v", r.ID, err)
		}
	}
	since := func(t *testing.T, from time.Time) []devices.Record {
		t.Helper()
		var out []devices.Record
		if err := s.RecordsSince(ctx, from, func(r devices.Record) error { out = append(out, r); return nil }); err != nil {
			t.Fatalf("RecordsSince: %v", err)
		}
		return out
	}
	open := func(rs ...devices.Record) []devices.Record { // without what lists must not carry
		for i := range rs {
			rs[i].Sealed = ""
		}
		return rs
	}

	t.Run("empty", func(t *testing.T) {
		if _, err := s.Record(ctx, "dev1"); !errors.Is(err, devices.ErrNotFound) {
			t.Errorf("Record of an unknown id: %v, want ErrNotFound", err)
		}
		if got := since(t, time.Time{}); len(got) != 0 {
			t.Errorf("records of an empty store: %v", got)
		}
		if got := since(t, at); len(got) != 0 {
			t.Errorf("changes of an empty store: %v", got)
		}
	})
	first, ten := record("dev1", 0, "key1"), record("dev10", time.Second, "key10")
	same := record("other:1.x_y-z", time.Second, "keyO") // the same nanosecond as dev10
	again := record("dev1", 2*time.Second, "")           // dev1 was removed
	ten.PrevKey, ten.PrevHash, ten.PrevUntil, ten.Leftover = "key9", "hash9", at.Add(24*time.Hour).Add(1), "key8"
	ten.Suspended, ten.EnrolledBy = true, `enrolment "key" \ 1`
	again.EnrolledBy = "enrolment-2"
	for _, r := range []devices.Record{first, ten, same, again} {
		put(t, r)
	}
	t.Run("newest of exactly this id", func(t *testing.T) {
		for _, want := range []devices.Record{again, ten, same} {
			got, err := s.Record(ctx, want.ID)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("Record(%s): %s", want.ID, d)
			}
		}
		for _, id := range []devices.ID{"dev", "dev100", "DEV1", "other"} {
			if _, err := s.Record(ctx, id); !errors.Is(err, devices.ErrNotFound) {
				t.Errorf("Record(%s): %v, want ErrNotFound", id, err)
			}
		}
	})
	t.Run("all and changes, oldest first", func(t *testing.T) {
		for _, c := range []struct {
			name string
			from time.Time
			want []devices.Record
		}{
			{"all", time.Time{}, open(first, ten, same, again)},
			{"from the first", first.Stamp, open(first, ten, same, again)},
			{"from the second, which counts", ten.Stamp, open(ten, same, again)},
			{"a nanosecond later", ten.Stamp.Add(1), open(again)},
			{"after all", again.Stamp.Add(1), nil},
		} {
			got := since(t, c.from)
			if d := cmp.Diff(byID(c.want), byID(got)); d != "" {
				t.Errorf("%s: %s", c.name, d)
			}
			for i := 1; i < len(got); i++ {
				if got[i].Stamp.Before(got[i-1].Stamp) {
					t.Errorf("%s: %v comes after %v", c.name, got[i].Stamp, got[i-1].Stamp)
				}
			}
		}
	})
	t.Run("an error of the caller stops it", func(t *testing.T) {
		enough := errors.New("enough")
		n := 0
		err := s.RecordsSince(ctx, time.Time{}, func(devices.Record) error { n++; return enough })
		if !errors.Is(err, enough) || n != 1 {
			t.Errorf("RecordsSince: %v after %d records", err, n)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.Record(gone, "dev1"); !errors.Is(err, context.Canceled) || errors.Is(err, devices.ErrUnavailable) {
			t.Errorf("Record with a cancelled context: %v, want context.Canceled alone", err)
		}
	})
}

// OldRecords tests that a devices.RecordStore reads records that a former version wrote. write puts line protocol
// (nanoseconds) into the auth bucket.
func OldRecords(t *testing.T, s devices.RecordStore, write func(lines ...string)) {
	ctx := start(t)
	at := moment()
	created := at.Add(-time.Hour)
	fields := `createdAt="` + created.Format(time.RFC3339Nano) + `",key="k1",tokenHash="h1"`
	gone := `createdAt="` + created.Format(time.RFC3339Nano) + `",key="",tokenHash=""`
	write(
		line("deviceauth", "deviceId=old1", fields+`,token="t1"`, at),
		line("deviceauth_log", "writer=then", `deviceId="old1",`+fields+`,stamp=`+itoa(at.UnixNano())+"i", at),
		line("deviceauth", "deviceId=old2", gone+`,token=""`, at),
		line("deviceauth_log", "writer=then", `deviceId="old2",`+gone+`,stamp=`+itoa(at.UnixNano())+"i", at.Add(1)),
	)
	one := devices.Record{ID: "old1", Stamp: at, CreatedAt: created, Key: "k1", Sealed: "t1", TokenHash: "h1", TokenAt: at}
	two := devices.Record{ID: "old2", Stamp: at, CreatedAt: created}
	look := func(t *testing.T, more ...devices.Record) {
		t.Helper()
		for _, want := range append([]devices.Record{one, two}, more...) {
			got, err := s.Record(ctx, want.ID)
			if d := cmp.Diff(want, got); err != nil || d != "" {
				t.Errorf("Record(%s): %v %s", want.ID, err, d)
			}
			for _, from := range []time.Time{{}, at} {
				want.Sealed = ""
				var got []devices.Record
				err := s.RecordsSince(ctx, from, func(r devices.Record) error {
					if r.ID == want.ID {
						got = append(got, r)
					}
					return nil
				})
				if d := cmp.Diff([]devices.Record{want}, got); err != nil || d != "" {
					t.Errorf("RecordsSince(%v) of %s: %v %s", from, want.ID, err, d)
				}
			}
		}
	}
	t.Run("alone", func(t *testing.T) { look(t) })
	t.Run("beside new ones", func(t *testing.T) {
		next := devices.Record{ID: "new1", Stamp: at.Add(time.Second), CreatedAt: created, Key: "k2", Sealed: "t2", TokenHash: "h2",
			TokenAt: at.Add(2), PrevKey: "k0", PrevHash: "h0", PrevUntil: at.Add(time.Hour), Leftover: "k9", Suspended: true, EnrolledBy: "e"}
		if err := s.PutRecord(ctx, next); err != nil {
			t.Fatal(err)
		}
		look(t, next)
	})
}

// byID sorts records by device: two of one moment have no order.
func byID(rs []devices.Record) map[devices.ID][]devices.Record {
	out := map[devices.ID][]devices.Record{}
	for _, r := range rs {
		out[r.ID] = append(out[r.ID], r)
	}
	return out
}

// Runs tests an emulator.RunStore.
func Runs(t *testing.T, s emulator.RunStore) {
	ctx := start(t)
	run := func(id devices.ID, hours int, by string) emulator.Run {
		return emulator.Run{Device: id, Started: moment().Add(time.Duration(hours) * time.Hour), Took: 1234567891, Written: 10080,
			Result: "done", Message: "10,080 points \"written\",\nall = well \\", By: by}
	}
	if got, err := s.Runs(ctx, "dev1", 5); err != nil || len(got) != 0 {
		t.Errorf("runs of an empty store: %v, %v", got, err)
	}
	a, b, c, other := run("dev1", 1, "Ann"), run("dev1", 2, ""), run("dev1", 3, "Cem"), run("dev10", 4, "Dee")
	for _, r := range []emulator.Run{b, a, c, other} {
		if err := s.SaveRun(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	for n, want := range map[int][]emulator.Run{0: nil, 2: {c, b}, 10: {c, b, a}} {
		got, err := s.Runs(ctx, "dev1", n)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("newest %d: %s", n, d)
		}
	}
}

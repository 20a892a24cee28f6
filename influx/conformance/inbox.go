package conformance

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/devices"
)

// Inbox tests a devices.InboxStore. other is a second process on the same database.
func Inbox(t *testing.T, s, other devices.InboxStore) {
	ctx := start(t)
	at := moment().Add(123456789)
	applicant := func(id devices.ID, address string, count int) devices.Applicant {
		return devices.Applicant{ID: id, Address: address, First: at, Last: at.Add(time.Duration(count) * time.Minute), Count: count, Known: count%2 == 0}
	}
	put := func(s devices.InboxStore, places map[int]devices.Applicant) {
		t.Helper()
		if err := s.PutApplicants(ctx, places); err != nil {
			t.Fatalf("PutApplicants: %v", err)
		}
	}
	holds := func(what string, want map[int]devices.Applicant) {
		t.Helper()
		got, err := s.Applicants(ctx)
		if err != nil {
			t.Fatalf("%s: Applicants: %v", what, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	holds("an empty store", map[int]devices.Applicant{})
	put(s, nil)
	const last = devices.InboxSize - 1
	first, second, third := applicant("dev1", "192.0.2.7", 1), applicant("dev1", "2001:db8::7", 2), applicant("other:1.x_y-z", "192.0.2.7", 3)
	put(s, map[int]devices.Applicant{0: first, last: third})
	put(other, map[int]devices.Applicant{7: second})
	holds("both ends and between", map[int]devices.Applicant{0: first, 7: second, last: third})
	again := applicant("dev1", "192.0.2.7", 10)
	put(other, map[int]devices.Applicant{0: again, 7: {}, 8: {Address: "left over", Count: 3}})
	holds("replaced and emptied", map[int]devices.Applicant{0: again, last: third})

	for _, n := range []int{-1, devices.InboxSize, 1 << 40} {
		if err := s.PutApplicants(ctx, map[int]devices.Applicant{1: first, n: first}); err == nil {
			t.Errorf("place %d was taken", n)
		}
	}
	holds("a place that does not exist changes nothing", map[int]devices.Applicant{0: again, last: third})

	all := map[int]devices.Applicant{}
	for n := range devices.InboxSize {
		all[n] = applicant("dev1", texts[n%len(texts)], n)
	}
	put(s, all)
	holds("full, with any address", all)
	for n := range all {
		all[n] = devices.Applicant{}
	}
	put(s, all)
	holds("empty again", map[int]devices.Applicant{})
}

package conformance

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"iotcenter/devices"
)

// Activity tests a devices.ActivityStore.
func Activity(t *testing.T, s Subject) {
	ctx := start(t)
	t.Run("empty", func(t *testing.T) {
		if got, err := s.DB.LastEntries(ctx, []devices.ID{"dev1"}); err != nil || len(got) != 0 {
			t.Errorf("LastEntries: %v, %v", got, err)
		}
		if got, err := s.DB.SeenSince(ctx, time.Unix(0, 0), 10); err != nil || len(got) != 0 {
			t.Errorf("SeenSince: %v, %v", got, err)
		}
		if got, err := s.DB.EverSeen(ctx, 10); err != nil || len(got) != 0 {
			t.Errorf("EverSeen: %v, %v", got, err)
		}
		if got, err := s.DB.MinuteCounts(ctx, moment(), moment().Add(2*time.Minute)); err != nil || !cmp.Equal(got, []int{0, 0}) {
			t.Errorf("MinuteCounts: %v, %v", got, err)
		}
	})
	at := moment()
	old := at.AddDate(0, 0, -60) // in another shard
	s.Write(
		line("environment", "clientId=dev1", "Temperature=1,Humidity=2", at.Add(-time.Hour)),
		line("environment", "clientId=dev1", "Temperature=1", at),
		line("environment", "clientId=dev1", "Humidity=3", at.Add(10*time.Second)), // newer, and not the first field
		line("environment", "clientId=dev10", "CO2=400i", at.Add(-2*time.Hour)),
		line("other", "clientId=dev10", `note="only text"`, at.Add(30*time.Second)), // newer, in another measurement
		line("environment", "clientId=silent", "Temperature=1", old),
		line("environment", "clientId=dev\\ 3", "Temperature=9", at), // no device id: nobody that is registered
		line("environment", "", "Temperature=5", at),                 // nobody at all
	)
	last := map[devices.ID]time.Time{"dev1": at.Add(10 * time.Second), "dev10": at.Add(30 * time.Second), "silent": old}

	t.Run("last entries", func(t *testing.T) {
		got, err := s.DB.LastEntries(ctx, []devices.ID{"dev1", "dev10", "silent", "never", "dev"})
		if d := cmp.Diff(last, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
		got, err = s.DB.LastEntries(ctx, []devices.ID{"dev1"})
		if d := cmp.Diff(map[devices.ID]time.Time{"dev1": last["dev1"]}, got); err != nil || d != "" {
			t.Errorf("dev1 alone: %v %s", err, d)
		}
		if got, err = s.DB.LastEntries(ctx, nil); err != nil || len(got) != 0 {
			t.Errorf("of nobody: %v, %v", got, err)
		}
		many := []devices.ID{"silent"}
		for i := range 1000 {
			many = append(many, devices.ID(fmt.Sprintf("unknown-with-a-rather-long-name-%04d", i)))
		}
		got, err = s.DB.LastEntries(ctx, append(many, "dev10"))
		if d := cmp.Diff(map[devices.ID]time.Time{"silent": old, "dev10": last["dev10"]}, got); err != nil || d != "" {
			t.Errorf("among a thousand: %v %s", err, d)
		}
	})
	t.Run("seen since", func(t *testing.T) {
		got, err := s.DB.SeenSince(ctx, at.Add(10*time.Second), 10) // the moment counts
		if d := cmp.Diff(map[devices.ID]time.Time{"dev1": last["dev1"], "dev10": last["dev10"]}, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
		got, err = s.DB.SeenSince(ctx, at.Add(10*time.Second+1), 10)
		if d := cmp.Diff(map[devices.ID]time.Time{"dev10": last["dev10"]}, got); err != nil || d != "" {
			t.Errorf("a nanosecond later: %v %s", err, d)
		}
		if got, err = s.DB.SeenSince(ctx, old, 1); err != nil || len(got) > 1 {
			t.Errorf("at most one: %v, %v", got, err)
		}
	})
	t.Run("ever seen", func(t *testing.T) {
		got, err := s.DB.EverSeen(ctx, 100)
		want := map[devices.ID]struct{}{"dev1": {}, "dev10": {}, "silent": {}}
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
		if got, err = s.DB.EverSeen(ctx, 1); err != nil || len(got) > 1 {
			t.Errorf("at most one: %v, %v", got, err)
		}
	})
	t.Run("hourly counts", func(t *testing.T) {
		got, err := s.DB.HourlyCounts(ctx, []devices.ID{"dev1", "dev10", "never"}, at.Add(59*time.Minute))
		// dev1 wrote each field once in the current hour; dev10 wrote one text value there.
		want := map[devices.ID][devices.Hours]int{"dev1": {22: 1, 23: 1}, "dev10": {21: 1, 23: 1}}
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	})
	t.Run("minute counts", func(t *testing.T) {
		got, err := s.DB.MinuteCounts(ctx, at.Add(-time.Minute), at.Add(2*time.Minute))
		// Temperature three times (of dev1, of no device id, of nobody) and once the text of the other measurement.
		if d := cmp.Diff([]int{0, 4, 0}, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	})
	t.Run("delete", func(t *testing.T) {
		if err := s.DB.DeleteData(ctx, "dev1"); err != nil {
			t.Fatal(err)
		}
		got, err := s.DB.LastEntries(ctx, []devices.ID{"dev1", "dev10", "silent"})
		if d := cmp.Diff(map[devices.ID]time.Time{"dev10": last["dev10"], "silent": old}, got); err != nil || d != "" {
			t.Errorf("only dev1 is to be gone: %v %s", err, d)
		}
		if err := s.DB.DeleteData(ctx, "never"); err != nil {
			t.Errorf("of a device without data: %v", err)
		}
	})
}

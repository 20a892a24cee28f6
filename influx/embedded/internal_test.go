package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/influxdata/influxdb/models"
)

func TestUpgradeRule(t *testing.T) {
	boom := errors.New("boom")
	for name, tc := range map[string]struct {
		have, want int
		steps      []int // that exist
		fails      int   // the step that fails
		ran        []int
		version    int
		err        error
	}{
		"new folder":     {have: 0, want: 3, version: 3},
		"same":           {have: 3, want: 3, version: 3},
		"two steps":      {have: 1, want: 3, steps: []int{1, 2}, ran: []int{1, 2}, version: 3},
		"one step":       {have: 2, want: 3, steps: []int{1, 2}, ran: []int{2}, version: 3},
		"failing step":   {have: 1, want: 3, steps: []int{1, 2}, fails: 2, ran: []int{1, 2}, version: 2, err: boom},
		"newer":          {have: 4, want: 3, steps: []int{1, 2}, version: 4, err: ErrNewerFormat},
		"no way forward": {have: 1, want: 3, steps: []int{2}, version: 1, err: errAny},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.have > 0 {
				if err := writeFormat(dir, tc.have); err != nil {
					t.Fatal(err)
				}
			}
			var ran []int
			steps := map[int]upgradeStep{}
			for _, n := range tc.steps {
				steps[n] = func(string) error {
					ran = append(ran, n)
					if n == tc.fails {
						return boom
					}
					return nil
				}
			}
			err := prepareFormat(dir, tc.want, steps)
			if (err == nil) != (tc.err == nil) || (tc.err != nil && tc.err != errAny && !errors.Is(err, tc.err)) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if got, err := readFormat(dir); err != nil || got != tc.version {
				t.Errorf("version %d, %v; want %d", got, err, tc.version)
			}
			if !slices.Equal(ran, tc.ran) {
				t.Errorf("ran %v, want %v", ran, tc.ran)
			}
		})
	}
}

var errAny = errors.New("any error")

func TestForeignFolders(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, dataFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := prepareFormat(dir, 1, nil); !errors.Is(err, ErrForeignFolder) {
		t.Errorf("data without a format file: %v", err)
	}
	for _, text := range []string{"", "{}", "junk", `{"format":"1"}`, `{"format":0}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, formatName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := prepareFormat(dir, 1, nil); !errors.Is(err, ErrForeignFolder) {
			t.Errorf("format file %q: %v", text, err)
		}
	}
}

// TestCacheKeepsStaleEntriesOut: an authorization read before a change must not
// come into the cache after it.
func TestCacheKeepsStaleEntriesOut(t *testing.T) {
	var c authCache
	hash := hashToken("x")
	_, generation := c.get(hash)
	c.forget(hash) // the change
	c.put(hash, &authorization{Status: statusActive}, generation)
	if a, _ := c.get(hash); a != nil {
		t.Fatal("a stale entry is in the cache")
	}
	_, generation = c.get(hash)
	c.put(hash, &authorization{ID: "1"}, generation)
	if a, _ := c.get(hash); a == nil {
		t.Fatal("a fresh entry is not in the cache")
	}
	for i := range authCacheSize + 10 {
		c.put(hashToken(fmt.Sprint(i)), &authorization{}, generation)
	}
	if len(c.entries) > authCacheSize {
		t.Errorf("the cache grew to %d", len(c.entries))
	}
	c.clear()
	if a, _ := c.get(hash); a != nil {
		t.Error("still there after clear")
	}
}

func TestPermissionCovers(t *testing.T) {
	p := func(action, kind, orgID, id string) permission {
		return permission{Action: action, Resource: resource{Type: kind, OrgID: orgID, ID: id}}
	}
	for _, tc := range []struct {
		held, want permission
		covers     bool
	}{
		{p("read", "buckets", "", ""), p("read", "buckets", "o", "b"), true},
		{p("read", "buckets", "o", ""), p("read", "buckets", "o", "b"), true},
		{p("read", "buckets", "o", "b"), p("read", "buckets", "o", "b"), true},
		{p("read", "buckets", "", "b"), p("read", "buckets", "o", "b"), true},
		{p("read", "buckets", "o", "b"), p("write", "buckets", "o", "b"), false},
		{p("read", "buckets", "o", "b"), p("read", "orgs", "o", "b"), false},
		{p("read", "buckets", "o", "b"), p("read", "buckets", "o", "c"), false},
		{p("read", "buckets", "o", "b"), p("read", "buckets", "q", "b"), false},
		{p("read", "buckets", "o", "b"), p("read", "buckets", "o", ""), false},
		{p("read", "buckets", "o", ""), p("read", "buckets", "", ""), false},
		{p("read", "buckets", "o", ""), p("read", "buckets", "q", "b"), false},
	} {
		if got := tc.held.covers(tc.want); got != tc.covers {
			t.Errorf("%v covers %v: %v", tc.held, tc.want, got)
		}
	}
}

func TestIDs(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	src := idSource{clock: func() time.Time { return now }}
	last := ""
	for i := range 1000 {
		if i == 500 {
			now = now.Add(-time.Hour) // a clock that is set back
		}
		id := src.next()
		if !validID(id) || id <= last {
			t.Fatalf("id %q after %q", id, last)
		}
		last = id
	}
	for _, bad := range []string{"", "0", "0000000000000000", "0123456789ABCDEF", "0123456789abcdeg", "0123456789abcdef0"} {
		if validID(bad) {
			t.Errorf("%q is valid", bad)
		}
	}
}

func TestSpaceGuard(t *testing.T) {
	now := time.Unix(1000, 0)
	free, asked := uint64(400), 0
	var ferr error
	g := &spaceGuard{floor: 100, clock: func() time.Time { return now }, disk: func() (uint64, uint64, error) { asked++; return free, 1000, ferr }}
	if !g.room() || g.scarce() {
		t.Error("no room, or little, at four times the floor")
	}
	free = 99
	if !g.room() || asked != 1 {
		t.Errorf("asked again at once (%d)", asked)
	}
	g.forget()
	if g.room() {
		t.Error("room below the floor")
	}
	free = 100
	if !g.room() || !g.scarce() {
		t.Error("no room, or plenty, at the floor, asked at once because room is scarce")
	}
	now, ferr = now.Add(time.Second), errAny
	if !g.room() || g.scarce() {
		t.Error("an unknown amount counts as none")
	}
	small := &spaceGuard{clock: time.Now, disk: func() (uint64, uint64, error) { return 10 << 20, 128 << 20, nil }}
	if !small.room() || !small.scarce() {
		t.Error("a small disk keeps a sixteenth free")
	}
}

func TestSplitConflicts(t *testing.T) {
	parse := func(text string) []models.Point {
		t.Helper()
		points, err := models.ParsePointsString(text)
		if err != nil {
			t.Fatal(err)
		}
		return points
	}
	clean := parse("m f=1\nn f=1i\nm f=2")
	if first, later, _ := splitConflicts(clean); len(first) != 3 || len(later) != 0 {
		t.Errorf("clean batch: %d and %d", len(first), len(later))
	}
	first, later, _ := splitConflicts(parse("m f=1,g=1\nm f=1i,h=1i\nm h=2.5\nm f=2\nn f=1i\nm g=\"s\""))
	if len(first) != 4 || len(later) != 2 || later[0].String()[:5] != "m f=1" {
		t.Errorf("conflicts: %v and %v", first, later)
	}
}

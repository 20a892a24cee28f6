package embedded_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"iotcenter/influx/embedded"
)

// withSegment makes a database with some writes in one WAL segment and changes that.
func withSegment(t *testing.T, change func(data []byte) []byte) (dir string, segment string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir)
	setup(t, s)
	for i := range 20 {
		write(t, s, rootToken, "first", fmt.Sprintf("m,t=%d f=%d,s=\"text number %d\" %d000000000", i%3, i, i, i+1)).want(t, 204)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, changeSegment(t, dir, change)
}

func changeSegment(t *testing.T, dir string, change func(data []byte) []byte) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "wal", "*", "*", "*", "_*.wal"))
	if err != nil || len(found) != 1 {
		t.Fatalf("segments: %v, %v", found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(found[0], change(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return found[0]
}

func count(t *testing.T, s *embedded.Server) int {
	t.Helper()
	var out influxqlAnswer
	call(t, s, rootToken, "GET", "/query?db=first&q=SELECT+f+FROM+m", nil).want(t, 200).decode(t, &out)
	if len(out.Results[0].Series) == 0 {
		return 0
	}
	return len(out.Results[0].Series[0].Values)
}

// TestWALTornEnd: a write that was under way when the process died leaves half
// an entry. What is written after the next start must outlive the one after it.
func TestWALTornEnd(t *testing.T) {
	for name, tail := range map[string][]byte{
		"half a head":      {1, 0},
		"half an entry":    append([]byte{1, 0, 0, 1, 0}, bytes.Repeat([]byte{7}, 90)...),
		"garbage":          []byte(strings.Repeat("\xff\x01\x00\x00", 500)),
		"a length too big": {1, 0xff, 0xff, 0xff, 0xff, 1, 2, 3},
		"zeros":            make([]byte, 4096),
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := withSegment(t, func(data []byte) []byte { return append(data, tail...) })
			for round := range 2 {
				s := open(t, dir)
				if d := s.Damages(); len(d) != 0 {
					t.Errorf("a torn end is told as damage: %+v", d)
				}
				if got := count(t, s); got != 20+round {
					t.Errorf("start %d: %d points, want %d", round, got, 20+round)
				}
				write(t, s, rootToken, "first", fmt.Sprintf("m f=1 %d000000000", 100+round)).want(t, 204)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestWALDamageIsTold: what lies behind a damage is read, the damage is logged
// and told, and the segment is kept as it was found.
func TestWALDamageIsTold(t *testing.T) {
	for name, tc := range map[string]struct {
		change func([]byte) []byte
		least  int // points that must be left
	}{
		"an entry's body":  {func(d []byte) []byte { copy(d[len(d)/2:], "\xff\xff\xff\xff\xff\xff"); return d }, 17},
		"the first entry":  {func(d []byte) []byte { copy(d, bytes.Repeat([]byte{0xee}, 30)); return d }, 18},
		"a hole of zeros":  {func(d []byte) []byte { clear(d[len(d)/3 : len(d)/2]); return d }, 14},
		"bytes in between": {func(d []byte) []byte { return bytes.Replace(d, d[:1], append(make([]byte, 64), d[0]), 1) }, 20},
	} {
		t.Run(name, func(t *testing.T) {
			var asFound []byte
			dir, _ := withSegment(t, func(data []byte) []byte {
				asFound = tc.change(data)
				return asFound
			})
			var log safeLog
			s, err := embedded.Open(t.Context(), embedded.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			damages := s.Damages()
			if len(damages) != 1 || damages[0].Bucket != "first" || damages[0].Bytes == 0 || damages[0].From.Unix() > 1 || damages[0].To.Unix() < 20 {
				t.Fatalf("told: %+v", damages)
			}
			if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "the WAL is damaged") || !strings.Contains(text, "bucket=first") {
				t.Errorf("log: %s", text)
			}
			if kept, err := os.ReadFile(damages[0].Kept); err != nil || !bytes.Equal(kept, asFound) {
				t.Errorf("the segment was not kept as found: %v", err)
			}
			if r := call(t, s, "", "GET", "/health", nil).want(t, 200); !strings.Contains(r.body, "damaged") {
				t.Errorf("health: %s", r.body)
			}
			left := count(t, s)
			if left < tc.least || left > 20 {
				t.Errorf("%d points are left, want at least %d of 20", left, tc.least)
			}
			write(t, s, rootToken, "first", "m f=1 100000000000").want(t, 204)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
			if got := count(t, s); got != left+1 || len(s.Damages()) != 0 {
				t.Errorf("after the repair: %d points, damages %v; want %d and none", got, s.Damages(), left+1)
			}
		})
	}
}

// TestShardThatCannotBeOpened is told: the engine only leaves it out.
func TestShardThatCannotBeOpened(t *testing.T) {
	dir, _ := withSegment(t, func(d []byte) []byte { return d })
	indexes, err := filepath.Glob(filepath.Join(dir, "data", "*", "autogen", "*", "index", "*", "MANIFEST"))
	if err != nil || len(indexes) == 0 {
		t.Fatalf("indexes: %v, %v", indexes, err)
	}
	for _, name := range indexes {
		if err := os.WriteFile(name, []byte("{no manifest"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log safeLog
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "cannot open a shard") {
		t.Errorf("log: %s", text)
	}
}

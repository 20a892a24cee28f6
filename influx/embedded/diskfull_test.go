package embedded_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"iotcenter/influx/embedded"
)

// smallDisk mounts a tmpfs of some megabytes.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("NOT RUN: a full disk is tried on a tmpfs, and mounting one is refused here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill takes the disk's room, but for some bytes; removing the file gives it back.
func fill(t *testing.T, dir string, leave uint64) string {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		if st.Bavail*uint64(st.Bsize) <= leave {
			return name
		}
		if _, err := f.Write(block); err != nil {
			return name
		}
	}
}

// TestDiskFull: a disk that fills up and is emptied again. With a floor of one
// byte the guard sees nothing coming, and the WAL itself meets the end.
func TestDiskFull(t *testing.T) {
	for name, tc := range map[string]struct {
		floor uint64
		leave uint64
		lines int // of a write
	}{
		"the guard refuses": {0, 3 << 20, 1},
		"the WAL fails":     {1, 150 << 10, 50_000},
	} {
		t.Run(name, func(t *testing.T) {
			disk := smallDisk(t, 96)
			var log safeLog
			s, err := embedded.Open(t.Context(), embedded.Options{Dir: filepath.Join(disk, "data"), MinFree: tc.floor, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}()
			setup(t, s)
			accepted := map[int64]bool{}
			n := 0
			send := func(lines int) reply {
				first := n
				n += lines
				r := write(t, s, rootToken, "first", numbered(0, first, lines))
				for i := first; i < n; i++ {
					accepted[int64(i+1)] = r.status == 204
				}
				return r
			}
			send(1000).want(t, 204)
			ballast := fill(t, disk, tc.leave)
			refused := 0
			for i := 0; refused < 5; i++ { // all within one shard: a write over two may be stored in part
				if i == 20_000 {
					t.Fatal("the disk never ran full")
				}
				if r := send(tc.lines + i%700); r.status != 204 {
					refused++
					if r.status != 503 && r.status != 507 {
						t.Fatalf("status %d: %s", r.status, r.body)
					}
					sameTimes(t, s, accepted)
				}
			}
			fill(t, disk, 0)
			for range 3 {
				if r := send(10); r.status != 503 && r.status != 507 {
					t.Fatalf("a write on a full disk: %d %s", r.status, r.body)
				}
				sameTimes(t, s, accepted)
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a write is accepted again", func() bool { return send(5).status == 204 })
			send(2000).want(t, 204)
			sameTimes(t, s, accepted)
			if faults := strings.Contains(log.String(), "opened again"); faults != (tc.floor == 1) {
				t.Errorf("the engine was opened again: %v\n%s", faults, log.String())
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, filepath.Join(disk, "data"))
			sameTimes(t, s, accepted)
		})
	}
}

// sameTimes compares the points of a bucket with those that were acknowledged.
func sameTimes(t *testing.T, s *embedded.Server, accepted map[int64]bool) {
	t.Helper()
	r := call(t, s, rootToken, "GET", "/query?db=first&epoch=s&q=SELECT+f+FROM+m", nil).want(t, 200)
	var out influxqlAnswer
	r.decode(t, &out)
	if out.Results[0].Error != "" {
		t.Fatal(out.Results[0].Error)
	}
	seen := map[int64]bool{}
	for _, series := range out.Results[0].Series {
		for _, row := range series.Values {
			seen[int64(row[0].(float64))] = true
		}
	}
	missing, extra := 0, 0
	for at, ok := range accepted {
		if ok && !seen[at] {
			missing++
		}
		if !ok && seen[at] {
			extra++
		}
	}
	if missing > 0 || extra > 0 {
		t.Fatalf("%d acknowledged points are missing, %d refused ones are shown", missing, extra)
	}
}

// safeLog is a log that is read while it is written.
type safeLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

package embedded_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSmallWritesShareCommits counts the commits of a database under 64
// connections that write one line at a time: the entries in its WAL, each of
// which takes one fsync at most, and, where strace may look on, the fsyncs.
func TestSmallWritesShareCommits(t *testing.T) {
	const connections, writes = 64, 3000
	dir, trace := setupFolder(t), filepath.Join(t.TempDir(), "trace")
	var wrapper []string
	if err := exec.Command("strace", "-o", trace, "true").Run(); err != nil {
		t.Logf("NOT COUNTED: fsyncs, because strace cannot look on here (apt-get install strace): %v", err)
	} else {
		wrapper = []string{"strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o", trace}
	}
	c := startChild(t, dir, wrapper...)
	hc := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	var n atomic.Int64
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			for i := n.Add(1); i <= writes; i = n.Add(1) {
				if status, err := c.write(hc, "first", fmt.Sprintf("m f=%d %d", i, i)); err != nil || status != http.StatusNoContent {
					t.Errorf("status %d, %v", status, err)
					return
				}
			}
		})
	}
	wg.Wait()
	hc.CloseIdleConnections()
	c.stop(t)
	counts := map[string]int{"entries in the WAL": walEntries(t, dir)}
	if wrapper != nil {
		data, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		counts["fsyncs"] = strings.Count(string(data), "sync(")
	}
	for what, n := range counts {
		t.Logf("%d acknowledged writes, %d %s", writes, n, what)
		if n == 0 || 3*n > writes {
			t.Errorf("%d %s for %d acknowledged writes, want at most one for three", n, what, writes)
		}
	}
}

// walEntries counts the entries in all WAL segments of a folder.
func walEntries(t *testing.T, dir string) (n int) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "wal", "*", "*", "*", "_*.wal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range segments {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for ; len(data) > 5; n++ {
			data = data[5+binary.BigEndian.Uint32(data[1:]):]
		}
	}
	return n
}

// TestGroupTellsEachItsOwn: writes that are committed together get their own answers.
func TestGroupTellsEachItsOwn(t *testing.T) {
	s := fresh(t)
	write(t, s, rootToken, "first", "m f=1 1").want(t, 204)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			line, status := fmt.Sprintf("m f=%d %d", i, i+1), 204
			if i%5 == 0 {
				line, status = fmt.Sprintf("m f=\"text %d\" %d", i, i+1), 422
			}
			if r := write(t, s, rootToken, "first", line); r.status != status || status == 422 && !strings.Contains(r.body, "dropped=1") {
				t.Errorf("write %d: %d %s", i, r.status, r.body)
			}
		})
	}
	wg.Wait()
	if got := len(values(t, s, rootToken, `from(bucket: "first") |> range(start: 0)`)); got != 161 {
		t.Errorf("%d points, want those of 160 good writes and the first", got)
	}
}

// TestGroupKeepsOrder: of two writes of the same point the later one wins, in one commit or in two.
func TestGroupKeepsOrder(t *testing.T) {
	s := fresh(t)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := range 20 {
				write(t, s, rootToken, "first", fmt.Sprintf("m,w=%d f=%d 1", w, i)).want(t, 204)
			}
		})
	}
	wg.Wait()
	for _, v := range values(t, s, rootToken, `from(bucket: "first") |> range(start: 0)`) {
		if fmt.Sprint(v) != "19" {
			t.Errorf("an earlier value won: %v", v)
		}
	}
}

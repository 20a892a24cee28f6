package embedded_test

import (
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

// TestSmallWritesShareCommits counts the fsyncs of a database under 64
// connections that write one line at a time.
func TestSmallWritesShareCommits(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("strace is needed to count fsyncs: apt-get install strace")
		}
		t.Skip("strace is needed to count fsyncs: apt-get install strace")
	}
	const connections, writes = 64, 3000
	trace := filepath.Join(t.TempDir(), "trace")
	c := startChild(t, setupFolder(t), strace, "-f", "-qq", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o", trace)
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
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	syncs := strings.Count(string(data), "sync(")
	t.Logf("%d acknowledged writes, %d fsyncs", writes, syncs)
	if syncs == 0 || 3*syncs > writes {
		t.Errorf("%d fsyncs for %d acknowledged writes, want at most one for three", syncs, writes)
	}
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

package embedded_test

import (
	"bytes"
	"compress/gzip"
	"runtime"
	"strings"
	"testing"
)

// TestGzipBomb: a megabyte that unpacks to a gigabyte is refused once the largest
// body that is allowed has been read.
func TestGzipBomb(t *testing.T) {
	s := fresh(t)
	var part bytes.Buffer
	z := gzip.NewWriter(&part)
	if _, err := z.Write([]byte(strings.Repeat("m f=1 1\n", 2<<20))); err != nil { // 16 MB
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	bomb := bytes.Repeat(part.Bytes(), 64) // gzip files may be joined
	if len(bomb) > 4<<20 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	for _, path := range []string{"/api/v2/write?org=" + orgName + "&bucket=first", "/write?db=first"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		call(t, s, rootToken, "POST", path, bomb, "Content-Encoding", "gzip").wantError(t, 413, "request too large", "")
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 512 { // half of what the bomb holds; the race detector takes its share
			t.Errorf("%s: %d MB were allocated on the way", path, took)
		} else {
			t.Logf("%d MB were allocated on the way", took)
		}
	}
	if got := count(t, s); got != 0 {
		t.Errorf("%d points were written", got)
	}
}

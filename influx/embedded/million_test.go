package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"iotcenter/influx/embedded/fluxquery"
)

// TestMillionPoints writes a million points over a year, and bounds what it takes to hold and to read them: by counts,
// which are the same on every machine.
func TestMillionPoints(t *testing.T) {
	const devices, minutes, points = 4, 50_000, 1_000_000 // of five fields, at an interval of about ten minutes
	stop := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	dir, idle := t.TempDir(), heapInUse()
	m := openMillion(t, dir)
	m.post("/api/v2/setup", `{"username":"root","password":"password","org":"o","bucket":"b","token":"root-token-of-the-test"}`, http.StatusCreated)
	var lines strings.Builder
	for i := range minutes {
		at := stop.Add(-365 * 24 * time.Hour / minutes * time.Duration(minutes-i))
		for d := range devices {
			fmt.Fprintf(&lines, "environment,clientId=dev%d Temperature=%d.5,Humidity=%d,Pressure=%d.25,CO2=%di,TVOC=%di %d\n", d, i%40, i%90, 900+i%99, i, i%1000, at.UnixNano())
		}
		if i%1250 == 1249 {
			m.post("/api/v2/write?org=o&bucket=b", lines.String(), http.StatusNoContent)
			lines.Reset()
		}
	}
	if n := m.count(); n != points {
		t.Fatalf("%d points right after they were written, want %d", n, points)
	}
	m.close()

	m = openMillion(t, dir) // from the log
	if n := m.count(); n != points {
		t.Fatalf("%d points after opening again, want %d", n, points)
	}
	m.compress()
	m.close()

	m = openMillion(t, dir) // from compressed files
	shards := len(m.store.ShardIDs())
	if shards < 50 {
		t.Errorf("a year lies in %d shards", shards)
	}
	if held := heapInUse() - idle; held > 32<<20 {
		t.Errorf("the heap holds %d MB for data that nobody reads", held>>20)
	}
	if n := m.count(); n != points {
		t.Fatalf("%d points in compressed files, want %d", n, points)
	}

	// The chart of a year reads once, holds little, and takes far less than the values it sees.
	script := `data = () => from(bucket: "b") |> range(start: 2025-01-01T00:00:00Z, stop: 2026-01-01T00:00:00Z) |> filter(fn: (r) => r.clientId == "dev0")` + "\n"
	for _, fn := range []string{"mean", "min", "max"} {
		script += fmt.Sprintf("data() |> aggregateWindow(every: 12h, fn: %s, createEmpty: false) |> yield(name: %q)\n", fn, fn)
	}
	ask := func() (fluxquery.Stats, uint64) {
		before := allocatedSoFar()
		stats, err := m.flux.Query(t.Context(), fluxquery.Request{Script: script, Resolve: m.resolve}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		return stats, allocatedSoFar() - before
	}
	ask() // sets the Flux runtime up
	stats, bytes := ask()
	if want := 3 * 5 * 730; stats.Rows != want || stats.Reads != 1 || stats.Pushdowns != 3 {
		t.Errorf("%d rows, %d reads, %d windows while reading; want %d, 1, 3", stats.Rows, stats.Reads, stats.Pushdowns, want)
	}
	if stats.MaxMemory > 4<<20 {
		t.Errorf("the query held %d bytes", stats.MaxMemory)
	}
	// Compiling and encoding take some MB, a shard's buffers 100 kB. A table for each block of values took 7 MB more.
	if most := uint64(8<<20 + shards*100<<10); bytes > most {
		t.Errorf("%d bytes allocated, want at most %d", bytes, most)
	}
}

// million is a server with what the test does to it.
type million struct {
	*Server
	t *testing.T
}

func openMillion(t *testing.T, dir string) million {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return million{s, t}
}

func (m million) close() {
	m.t.Helper()
	if err := m.Close(); err != nil {
		m.t.Fatal(err)
	}
}

func (m million) post(path, body string, want int) []byte {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, "http://embedded"+path, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token root-token-of-the-test")
	res, err := m.HTTPClient().Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		m.t.Fatalf("status %d, want %d: %v %s", res.StatusCode, want, err, answer)
	}
	return answer
}

// count is the number of points, of all fields, that InfluxQL finds.
func (m million) count() (n int) {
	m.t.Helper()
	var out struct {
		Results []struct {
			Series []struct{ Values [][]float64 }
		}
	}
	q := url.Values{"db": {"b"}, "epoch": {"ns"}, "q": {"SELECT count(*::field) FROM environment"}}
	answer := m.post("/query?"+q.Encode(), "", http.StatusOK)
	if err := json.Unmarshal(answer, &out); err != nil || len(out.Results) != 1 || len(out.Results[0].Series) != 1 {
		m.t.Fatalf("%v in %s", err, answer)
	}
	for _, v := range out.Results[0].Series[0].Values[0][1:] {
		n += int(v)
	}
	return n
}

// compress puts what is in memory and in the log into compressed files, as the engine does with what has become cold.
func (m million) compress() {
	m.t.Helper()
	for _, id := range m.store.ShardIDs() {
		folder, err := m.store.CreateShardSnapshot(id, false)
		if err != nil {
			m.t.Fatal(err)
		}
		if err := os.RemoveAll(folder); err != nil {
			m.t.Fatal(err)
		}
	}
}

func (m million) resolve(context.Context, string, string) (database, rp string, err error) {
	for _, b := range m.cat.findBuckets(func(b *bucket) bool { return b.Name == "b" }) {
		return b.ID, policyName, nil
	}
	return "", "", errAny
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func allocatedSoFar() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

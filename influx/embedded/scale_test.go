package embedded_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iotcenter/influx/embedded"
)

// TestConcurrentUse runs writes, queries, minting, revoking and bucket removal
// side by side; with the race detector it is worth most.
func TestConcurrentUse(t *testing.T) {
	s := fresh(t)
	data := newBucket(t, s, "data")
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 10 {
				r := write(t, s, rootToken, "data", fmt.Sprintf("m,w=%d f=%d,new%d=1 %d", w, i, i, 1000000000+i))
				if r.status != 204 {
					t.Errorf("write: %d %s", r.status, r.body)
				}
			}
		})
		wg.Go(func() {
			for range 5 {
				token, id := newToken(t, s, right{"write", data})
				if r := write(t, s, token, "data", "n f=1 1"); r.status != 204 {
					t.Errorf("new token: %d", r.status)
				}
				call(t, s, rootToken, "DELETE", "/api/v2/authorizations/"+id, nil)
				if r := write(t, s, token, "data", "n f=1 1"); r.status != 401 {
					t.Errorf("revoked token: %d", r.status)
				}
			}
		})
		wg.Go(func() {
			for i := range 3 {
				name := fmt.Sprintf("tmp-%d-%d", w, i)
				id := newBucket(t, s, name)
				write(t, s, rootToken, name, "m f=1")
				if r := call(t, s, rootToken, "DELETE", "/api/v2/buckets/"+id, nil); r.status != 204 {
					t.Errorf("delete bucket: %d %s", r.status, r.body)
				}
			}
		})
	}
	wg.Wait()
	if got := values(t, s, rootToken, `from(bucket: "data") |> range(start: 0, stop: 10) |> filter(fn: (r) => r._measurement == "m" and r._field == "f")`); len(got) != 40 {
		t.Errorf("%d points, want 40", len(got))
	}
}

// TestFieldTypeRace: two batches that create one field with two types at the same moment.
func TestFieldTypeRace(t *testing.T) {
	s := fresh(t)
	for round := range 100 {
		var wg sync.WaitGroup
		status := make([]int, 2)
		for i, v := range []string{"1i", "1.5"} {
			wg.Go(func() { status[i] = write(t, s, rootToken, "first", fmt.Sprintf("m%d f=%s %d", round, v, i)).status })
		}
		wg.Wait()
		if status[0]+status[1] != 204+422 {
			t.Errorf("round %d: %v", round, status)
		}
	}
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "environment,clientId=device-1,a=b,c=d Temperature=%d.5,Humidity=%d.25,Pressure=%d.125,CO2=%di,TVOC=%di,Lat=50.1,Lon=14.4 %d\n",
			i%40, i%90, 900+i%99, i, i%1000, 1_700_000_000_000_000_000+int64(i)*60_000_000_000)
	}
	return b.String()
}

func BenchmarkWrite5000(b *testing.B) {
	s, err := embedded.Open(b.Context(), embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	setupB(b, s)
	c := client(s, rootToken)
	defer c.Close()
	w := c.WriteAPIBlocking(orgName, "first")
	body := lines(5000)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := w.WriteRecord(b.Context(), body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(5000*float64(b.N)/b.Elapsed().Seconds(), "points/s")
}

func setupB(b *testing.B, s *embedded.Server) {
	b.Helper()
	c := client(s, "")
	defer c.Close()
	if _, err := c.SetupWithToken(b.Context(), "root", "password", orgName, "first", 0, rootToken); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkWrite1(b *testing.B) {
	s, err := embedded.Open(b.Context(), embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	setupB(b, s)
	c := client(s, rootToken)
	defer c.Close()
	w := c.WriteAPIBlocking(orgName, "first")
	i := 0
	for b.Loop() {
		i++
		if err := w.WriteRecord(b.Context(), fmt.Sprintf("m,clientId=x f=%d %d", i, i)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenWithData(b *testing.B) {
	dir := b.TempDir()
	s, err := embedded.Open(b.Context(), embedded.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	setupB(b, s)
	_ = s.Close()
	for b.Loop() {
		start := time.Now()
		s, err := embedded.Open(b.Context(), embedded.Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/open")
		_ = s.Close()
	}
}

// BenchmarkSmallWrites compares group commit with a commit for each write.
func BenchmarkSmallWrites(b *testing.B) {
	for _, alone := range []bool{false, true} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("alone=%v/writers=%d", alone, writers), func(b *testing.B) {
				s, err := embedded.Open(b.Context(), embedded.Options{Dir: b.TempDir(), NoGrouping: alone})
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				setupB(b, s)
				c := client(s, rootToken)
				defer c.Close()
				w := c.WriteAPIBlocking(orgName, "first")
				var next atomic.Int64
				var wg sync.WaitGroup
				b.ResetTimer()
				for range writers {
					wg.Go(func() {
						for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
							if err := w.WriteRecord(b.Context(), fmt.Sprintf("m,clientId=x f=%d %d", i, i)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			})
		}
	}
}

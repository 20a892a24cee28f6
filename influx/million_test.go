//go:build !race

package influx_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"iotcenter/influx/influxtest"
	"iotcenter/telemetry"
)

// million is how many rows are streamed.
const million = 1_000_000

// counter looks at every row and keeps none.
type counter struct {
	rows  int
	bytes int
	peak  uint64
}

func (*counter) Begin([]string) error { return nil }

func (c *counter) Row(_ int64, values []json.RawMessage) error {
	if c.rows++; c.rows%100_000 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.peak = max(c.peak, m.HeapAlloc)
	}
	for _, v := range values {
		c.bytes += len(v)
	}
	return nil
}

func TestAMillionRowsAreStreamed(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a million points")
	}
	i := influxtest.Start(t)
	var b strings.Builder
	for n := range million {
		fmt.Fprintf(&b, "m,clientId=d a=%d.5,b=%d.25,c=%di,e=1.125 %d\n", n, n%97, n, 1e15+int64(n)*1e6)
		if (n+1)%50_000 == 0 {
			i.Write(b.String())
			b.Reset()
		}
	}
	b = strings.Builder{}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var c counter
	start := time.Now()
	err := i.DB.Rows(t.Context(), telemetry.RowsQuery{Device: "d", Measurement: "m", Fields: []string{"a", "b", "c", "e"}, After: at(0), Before: at(2e15)}, &c)
	took := time.Since(start)
	if err != nil || c.rows != million {
		t.Fatalf("%d rows, %v", c.rows, err)
	}
	grown := int64(c.peak) - int64(before.HeapAlloc)
	t.Logf("%.0f rows a second, heap grew by %d MiB at most", float64(million)/took.Seconds(), grown>>20)
	if grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}

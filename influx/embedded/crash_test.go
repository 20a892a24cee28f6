package embedded_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKillLosesNothing kills the database six times under eight writers, small
// and large, and looks for every point that was acknowledged.
func TestKillLosesNothing(t *testing.T) {
	const rounds, writers, perRound = 6, 8, 300
	dir := setupFolder(t)
	sizes := [writers]int{1, 1, 1, 1, 7, 300, 700, 700}
	var next, acked [writers]int // points of each writer: sent with 204 are those below acked, in whole batches
	var batches [writers][]int   // first points of acknowledged batches
	for range rounds {
		c := startChild(t, dir)
		var total atomic.Int64
		var wg sync.WaitGroup
		enough := make(chan struct{})
		once := sync.OnceFunc(func() { close(enough) })
		for w := range writers {
			wg.Go(func() {
				hc := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}
				defer hc.CloseIdleConnections()
				for {
					first := next[w]
					next[w] += sizes[w]
					status, err := c.write(hc, "first", numbered(w, first, sizes[w]))
					if err != nil {
						return // killed
					}
					if status != http.StatusNoContent {
						t.Errorf("writer %d: status %d", w, status)
						return
					}
					batches[w] = append(batches[w], first)
					acked[w] += sizes[w]
					if total.Add(1) >= perRound {
						once()
					}
				}
			})
		}
		<-enough
		c.kill(t)
		wg.Wait()
		if t.Failed() {
			return
		}
	}
	s := open(t, dir)
	if d := s.Damages(); len(d) != 0 {
		t.Errorf("damage found: %+v", d)
	}
	sum, missing := 0, 0
	for w := range writers {
		have := map[int]bool{}
		r := call(t, s, rootToken, "GET", fmt.Sprintf("/query?db=first&epoch=ns&chunked=true&q=SELECT+f+FROM+m+WHERE+w='%d'", w), nil).want(t, 200)
		for _, chunk := range strings.Split(strings.TrimSpace(r.body), "\n") {
			var out influxqlAnswer
			reply{body: chunk}.decode(t, &out)
			for _, s := range out.Results[0].Series {
				for _, row := range s.Values {
					have[int(row[0].(float64)/1e9)] = true
				}
			}
		}
		for _, first := range batches[w] {
			for i := first; i < first+sizes[w]; i++ {
				if sum++; !have[i+1] {
					missing++
				}
			}
		}
	}
	t.Logf("%d points were acknowledged", sum)
	if missing > 0 || sum == 0 {
		t.Errorf("%d of %d acknowledged points are missing", missing, sum)
	}
}

type influxqlAnswer struct {
	Results []struct {
		Series []struct{ Values [][]any }
		Error  string
	}
}

// numbered makes points of a writer, one a second.
func numbered(writer, first, n int) string {
	var b strings.Builder
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&b, "m,w=%d f=%d %d000000000\n", writer, i, i+1)
	}
	return b.String()
}

package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iotcenter/devices"
)

// refusal is the 429 that an error is, or nil.
func refusal(t *testing.T, err error) *problem {
	t.Helper()
	var p *problem
	if err == nil {
		return nil
	}
	if !errors.As(err, &p) || p.Status != http.StatusTooManyRequests || p.RetryAfter <= 0 {
		t.Fatalf("what refusal is this: %v", err)
	}
	return p
}

func TestLimitsOfRequests(t *testing.T) {
	l := newWriteLimits(Limits{DeviceRequests: 3, Requests: 5})
	now := testNow
	many := func(id devices.ID, n int) (passed int, last *problem) {
		for range n {
			if p := refusal(t, l.request(id, now)); p != nil {
				last = p
			} else {
				passed++
			}
		}
		return passed, last
	}
	if n, p := many("dev1", 9); n != 3 || p == nil || p.Message != "Device dev1 sends more than 3 requests a second." {
		t.Errorf("%d, %v", n, p)
	}
	if n, p := many("dev2", 9); n != 2 || p == nil || p.Message != "All devices together send more than 5 requests a second." {
		t.Errorf("%d, %v", n, p)
	}
	now = now.Add(200 * time.Millisecond) // brings one for all, and less than one for dev1
	if n, p := many("dev1", 1); n != 0 || p.Message != "Device dev1 sends more than 3 requests a second." {
		t.Errorf("%d, %v", n, p)
	}
	if n, _ := many("dev2", 1); n != 1 {
		t.Error("what dev1 was refused counted against dev2")
	}
	now = now.Add(time.Second)
	if n, _ := many("dev2", 9); n != 3 {
		t.Errorf("after a second: %d", n)
	}
	now = now.Add(time.Hour)
	if n, _ := many("dev1", 9); n != 3 {
		t.Errorf("what is not used piles up: %d", n)
	}
}

func TestLimitsOfPoints(t *testing.T) {
	l := newWriteLimits(Limits{DevicePoints: 100, Points: 150})
	now := testNow
	ok := func(id devices.ID, n int) {
		t.Helper()
		if err := l.write(id, n, now); err != nil {
			t.Error(err)
		}
	}
	not := func(id devices.ID, n int, words string, retry time.Duration) {
		t.Helper()
		p := refusal(t, l.write(id, n, now))
		if p == nil || !strings.Contains(p.Message, words) || p.RetryAfter.Round(time.Millisecond) != retry {
			t.Errorf("%d points of %s: %+v", n, id, p)
		}
	}
	ok("dev1", 60)
	not("dev1", 60, "Device dev1 sends more than 100 points", 200*time.Millisecond)
	ok("dev1", 40) // the refused ones took nothing
	not("dev2", 60, "All devices together send more than 150 points", 67*time.Millisecond)
	ok("dev2", 50)
	now = now.Add(time.Second)
	// More than a second's points take a whole second's.
	ok("dev1", 5000)
	not("dev1", 1, "Device dev1", 10*time.Millisecond)
	now = now.Add(999 * time.Millisecond)
	not("dev1", 5000, "Device dev1", time.Millisecond)
	now = now.Add(time.Millisecond)
	ok("dev1", 5000)
}

func TestNoLimits(t *testing.T) {
	l := newWriteLimits(Limits{})
	for range 1000 {
		if err := errors.Join(l.request("dev1", testNow), l.write("dev1", 1_000_000, testNow)); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.devices.young) != 0 {
		t.Error("devices without limits are kept")
	}
}

// Requests that come at the same moment get exactly what there is.
func TestLimitsHoldForRequestsAtTheSameTime(t *testing.T) {
	l := newWriteLimits(Limits{DeviceRequests: 100, Requests: 150, DevicePoints: 1000, Points: 1500})
	var requests, points atomic.Int64
	var wg sync.WaitGroup
	for worker := range 8 {
		id := devices.ID(fmt.Sprintf("dev%d", worker%2))
		wg.Go(func() {
			for range 100 {
				if l.request(id, testNow) == nil {
					requests.Add(1)
				}
				if l.write(id, 10, testNow) == nil {
					points.Add(10)
				}
			}
		})
	}
	wg.Wait()
	if requests.Load() != 150 || points.Load() != 1500 {
		t.Errorf("%d requests, %d points", requests.Load(), points.Load())
	}
}

// A limiter that was forgotten was full: forgetting gives nobody more.
func TestForgettingADeviceGivesItNothing(t *testing.T) {
	l := newWriteLimits(Limits{DeviceRequests: 10})
	passed := 0
	const seconds = 20
	for now := testNow; now.Before(testNow.Add(seconds * time.Second)); now = now.Add(7 * time.Millisecond) {
		if l.request("dev1", now) == nil {
			passed++
		}
	}
	if passed < 10*seconds || passed > 10*(seconds+1) {
		t.Errorf("%d requests in %d seconds", passed, seconds)
	}
}

// heap is what is alive.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// 100,000 devices that write once a minute take next to no memory; all of them in one moment, some.
func TestMemoryOfLimitsIsBounded(t *testing.T) {
	const fleet = 100_000
	ids := make([]devices.ID, fleet)
	for i := range ids {
		ids[i] = devices.ID(fmt.Sprintf("device-%06d", i))
	}
	for name, row := range map[string]struct {
		over time.Duration
		most uint64
	}{"in a minute": {time.Minute, 2 << 20}, "at once": {0, 32 << 20}} {
		l := newWriteLimits(Limits{DeviceRequests: 200, DevicePoints: 200_000})
		before := heap()
		for i, id := range ids {
			if err := l.request(id, testNow.Add(row.over*time.Duration(i)/fleet)); err != nil {
				t.Fatal(err)
			}
		}
		used := int64(heap()) - int64(before)
		t.Logf("%s: %d KB for %d limiters", name, used>>10, len(l.devices.young)+len(l.devices.old))
		if used > int64(row.most) {
			t.Errorf("%s: %d KB", name, used>>10)
		}
		// Two lives later, all that was kept is gone.
		for i := range 2 {
			if err := l.request("dev1", testNow.Add(row.over+time.Duration(i+1)*time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(l.devices.young) + len(l.devices.old); n > 2 {
			t.Errorf("%s: %d limiters are left", name, n)
		}
	}
	runtime.KeepAlive(ids)
}

func TestGuessesAreLimitedByAddress(t *testing.T) {
	g := newGuessLimits()
	now := testNow
	try := func(address string, n int) (passed int) {
		for range n {
			if refusal(t, g.unknown(netip.MustParseAddr(address), now)) == nil {
				passed++
			}
		}
		return passed
	}
	if n := try("198.51.100.7", 200); n != guessesAtOnce {
		t.Errorf("%d pass", n)
	}
	if n := try("198.51.100.8", 200); n != guessesAtOnce {
		t.Errorf("another address: %d pass", n)
	}
	if n := try("2001:db8::1", 30) + try("2001:db8::2", 30); n != guessesAtOnce {
		t.Errorf("two addresses of one network: %d pass", n)
	}
	now = now.Add(time.Second)
	if n := try("198.51.100.7", 200); n != guessesPerSecond {
		t.Errorf("a second later: %d pass", n)
	}
	now = now.Add(time.Minute)
	if n := try("198.51.100.7", 200); n != guessesAtOnce {
		t.Errorf("a minute later: %d pass", n)
	}
}

// Whoever has many addresses fills no memory, and gets no more out of it than the crowd's allowance.
func TestGuessersAreBounded(t *testing.T) {
	g := newGuessLimits()
	passed := 0
	for i := range 3 * guessersKept {
		from := netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
		if g.unknown(from, testNow) == nil {
			passed++
		}
	}
	if n := len(g.by.young) + len(g.by.old); n > 2*guessersKept {
		t.Errorf("%d addresses are kept", n)
	}
	if passed != guessersKept+guessesAtOnce {
		t.Errorf("%d pass", passed)
	}
}

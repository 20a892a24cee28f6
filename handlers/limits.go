package handlers

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// Limits are how much devices may write to this replica a second; 0 is no limit. Other replicas count for themselves.
type Limits struct {
	DeviceRequests int // of one device
	DevicePoints   int
	Requests       int // of all devices together
	Points         int
}

// writeLimits counts what devices write. A device, and all together, may take at once what a second brings. A request
// that a limit refuses is taken from no other limit.
type writeLimits struct {
	Limits

	mu       sync.Mutex
	devices  recent[devices.ID, deviceLimits]
	requests *rate.Limiter // of all devices; nil without a limit
	points   *rate.Limiter
}

// deviceLimits are those of one device; nil without a limit.
type deviceLimits struct{ requests, points *rate.Limiter }

func newWriteLimits(l Limits) *writeLimits {
	return &writeLimits{
		Limits: l, requests: perSecond(l.Requests), points: perSecond(l.Points),
		devices: recent[devices.ID, deviceLimits]{
			life: time.Second, // after which a limiter is full again, and as good as a new one
			make: func() deviceLimits { return deviceLimits{perSecond(l.DeviceRequests), perSecond(l.DevicePoints)} },
		},
	}
}

// perSecond is a limiter of n a second; nil if n is 0.
func perSecond(n int) *rate.Limiter {
	if n <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(n), n)
}

// request takes a request of a device, or says why not.
func (l *writeLimits) request(id devices.ID, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return take(now, 1,
		allowance{l.device(id, now).requests, sender(id) + " sends", l.DeviceRequests, "requests"},
		allowance{l.requests, allDevices, l.Requests, "requests"})
}

// write takes the points of a device, or says why not. More points than a second brings take all that a second brings:
// a body that is legal otherwise would be refused for ever.
func (l *writeLimits) write(id devices.ID, points int, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return take(now, points,
		allowance{l.device(id, now).points, sender(id) + " sends", l.DevicePoints, "points"},
		allowance{l.points, allDevices, l.Points, "points"})
}

const allDevices = "All devices together send"

// keySenderPrefix is how the names begin under which API keys are counted for what they send for no device.
const keySenderPrefix = "API key "

// sender is how a limit calls whom it is about.
func sender(id devices.ID) string {
	switch {
	case strings.HasPrefix(string(id), keySenderPrefix):
		return "This API key"
	case id == "":
		return "Whoever writes for no device" // points of no device have one allowance
	case id == telemetry.OrganizationClient:
		return "The organization"
	default:
		return fmt.Sprintf("Device %s", id)
	}
}

func (l *writeLimits) device(id devices.ID, now time.Time) deviceLimits {
	if l.DeviceRequests == 0 && l.DevicePoints == 0 {
		return deviceLimits{}
	}
	limits, _ := l.devices.at(id, now) // there are no more than registered devices
	return limits
}

// allowance is a limiter with the words for those who exceed it.
type allowance struct {
	limiter *rate.Limiter
	who     string
	most    int
	what    string
}

// take takes n from all allowances, or from none of them. The caller holds whatever guards them.
func take(now time.Time, n int, of ...allowance) error {
	for _, a := range of {
		if wait := pause(a.limiter, n, now); wait > 0 {
			return tooMany(fmt.Sprintf("%s more than %d %s a second.", a.who, a.most, a.what), wait)
		}
	}
	for _, a := range of {
		if a.limiter != nil {
			a.limiter.AllowN(now, min(n, a.limiter.Burst()))
		}
	}
	return nil
}

// pause is how long it takes until a limiter has n to give; 0 if it has.
func pause(l *rate.Limiter, n int, now time.Time) time.Duration {
	if l == nil {
		return 0
	}
	missing := float64(min(n, l.Burst())) - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(missing / float64(l.Limit()) * float64(time.Second)))
}

// tooMany is a 429.
func tooMany(message string, retry time.Duration) error {
	return &problem{Status: http.StatusTooManyRequests, Code: "too_many_requests", Message: message, RetryAfter: retry}
}

// What an address may try with tokens that belong to no device. Whoever guesses gets nowhere at this rate either; the
// limit is there so that trying costs the app nothing.
const (
	guessesPerSecond = 20
	guessesAtOnce    = 50
	guessersKept     = 10_000 // addresses in a moment; the rest share one allowance
)

// guessLimits counts unknown tokens by the address that they came from.
type guessLimits struct {
	mu    sync.Mutex
	by    recent[netip.Addr, *rate.Limiter]
	crowd *rate.Limiter // of the addresses beyond guessersKept
}

func newGuessLimits() *guessLimits {
	fresh := func() *rate.Limiter { return rate.NewLimiter(guessesPerSecond, guessesAtOnce) }
	return &guessLimits{crowd: fresh(), by: recent[netip.Addr, *rate.Limiter]{
		life: guessesAtOnce * time.Second / guessesPerSecond, most: guessersKept, make: fresh}}
}

// unknown takes an unknown token that came from an address, or says that there were too many.
func (g *guessLimits) unknown(from netip.Addr, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	limiter, ok := g.by.at(neighbourhood(from), now)
	if !ok {
		limiter = g.crowd
	}
	if wait := pause(limiter, 1, now); wait > 0 {
		return tooMany("This address sends too many unknown tokens.", wait)
	}
	limiter.AllowN(now, 1)
	return nil
}

// neighbourhood is what counts as one client: an IPv4 address, or the /64 of which whoever has one IPv6 address has all.
func neighbourhood(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	return netip.PrefixFrom(a, 64).Masked().Addr()
}

// recent keeps a value for each key that was asked for within the last one to two lives. Forgetting costs no walk over
// the keys: a generation goes as a whole.
type recent[K comparable, V any] struct {
	life time.Duration
	most int      // keys of a generation; 0 for no bound
	make func() V // a new key's value

	turned     time.Time // when the young generation began
	young, old map[K]V
}

// at gives the value of a key. It is false when there are too many keys.
func (c *recent[K, V]) at(key K, now time.Time) (V, bool) {
	if age := now.Sub(c.turned); c.young == nil || age >= c.life || age < 0 {
		c.young, c.old, c.turned = make(map[K]V), c.young, now
	}
	if v, ok := c.young[key]; ok {
		return v, true
	}
	v, ok := c.old[key]
	if c.most > 0 && len(c.young) >= c.most {
		return v, ok
	}
	if !ok {
		v = c.make()
	}
	c.young[key] = v
	return v, true
}

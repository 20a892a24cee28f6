package people

import (
	"cmp"
	"crypto/sha256"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// How many failures there may be, and what follows.
const (
	failureWindow  = 15 * time.Minute
	accountLimit   = 5  // failures of an account within the window
	addressLimit   = 20 // failures of an address within the window
	firstLock      = time.Minute
	longestLock    = 15 * time.Minute
	throttleMemory = 4096 // accounts, and as many addresses
	signInLimit    = 300  // sign-ins of an account within the window
)

// throttle slows down whoever guesses. After five failures within 15 minutes an account is locked for a minute, and
// with each further failure for twice as long, up to 15 minutes; 15 quiet minutes after the last lock all is
// forgotten. An address, of IPv6 its /64 network, has 20 failures in any 15 minutes. What comes during a lock is not
// looked at and changes nothing.
//
// An attempt counts from its start on, and is taken back when it succeeds: a thousand guesses at once are five
// guesses. It makes no difference whether the account exists.
//
// Whoever knows a password can sign in 300 times in 15 minutes: each time leaves a session and a line of the audit log.
//
// All of this is in the memory of this process: several replicas allow as many failures each, and a restart forgets.
// It is safe for concurrent use.
type throttle struct {
	clock func() time.Time

	mu        sync.Mutex
	accounts  failureTable
	addresses failureTable
	signIns   failureTable // of accounts, and no failures
}

func newThrottle(clock func() time.Time) *throttle {
	return &throttle{
		clock:     clock,
		accounts:  failureTable{limit: accountLimit, most: throttleMemory, doubling: true, of: map[throttleKey]*failures{}},
		addresses: failureTable{limit: addressLimit, most: throttleMemory, of: map[throttleKey]*failures{}},
		signIns:   failureTable{limit: signInLimit, most: throttleMemory, of: map[throttleKey]*failures{}},
	}
}

// throttleKey is the hash of a name or address: what strangers type takes no more memory than this.
type throttleKey [sha256.Size]byte

// attempt is one that has begun. Exactly one of fail, succeed and undo ends it.
type attempt struct {
	throttle         *throttle
	account, address *mark // account is nil where none is known
	accountKey       throttleKey
}

// begin counts an attempt, or refuses it with *TooManyError. name is "" where the account is unknown, as for a
// one-time code. term is the account's: failures to guess a password say nothing about the next password.
func (t *throttle) begin(name, term, address string) (*attempt, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock()
	a := &attempt{throttle: t, accountKey: sha256.Sum256([]byte(name))}
	addressKey := sha256.Sum256([]byte(network(address)))
	wait := t.addresses.wait(now, addressKey, "")
	if name != "" {
		wait = max(wait, t.accounts.wait(now, a.accountKey, term), t.signIns.wait(now, a.accountKey, ""))
	}
	if wait > 0 {
		return nil, &TooManyError{RetryAfter: wait}
	}
	a.address = t.addresses.add(now, addressKey, "")
	if name != "" {
		a.account = t.accounts.add(now, a.accountKey, term)
	}
	return a, nil
}

// fail ends an attempt that was wrong.
func (a *attempt) fail() { a.end(func(m *mark) { m.of.pending-- }) }

// undo ends an attempt that was neither right nor wrong: nobody looked at it.
func (a *attempt) undo() { a.end((*mark).undo) }

// succeed ends an attempt that was right. The account's failures are forgotten; the address keeps its others, or
// whoever has an account could guess at those of others without end.
func (a *attempt) succeed() {
	a.end((*mark).undo)
	if a.account == nil {
		return
	}
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	if a.throttle.accounts.of[a.accountKey] == a.account.of {
		delete(a.throttle.accounts.of, a.accountKey)
	}
	a.throttle.signIns.add(a.throttle.clock(), a.accountKey, "").of.pending-- // whatever the password is by now
}

func (a *attempt) end(each func(*mark)) {
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	each(a.address)
	if a.account != nil {
		each(a.account)
	}
}

// forget drops what is held against an account.
func (t *throttle) forget(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.accounts.of, sha256.Sum256([]byte(name)))
}

// network is what of an address counts: a household or a machine has a whole /64 of IPv6.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}

// failureTable is the failures of many names or addresses. It is guarded by the throttle's lock.
type failureTable struct {
	limit    int
	most     int
	doubling bool // locks that grow; else the wait is for the oldest failure to leave the window
	of       map[throttleKey]*failures
}

// failures are those of one name or address.
type failures struct {
	term    string
	times   []time.Time // within the window, oldest first; at most the limit
	locks   int         // how many growing locks there were in a row
	until   time.Time   // end of the last of them
	pending int         // attempts that have not ended
}

// mark is what an attempt left in a failures.
type mark struct {
	table  *failureTable
	of     *failures
	at     time.Time
	locked bool      // the attempt made a growing lock
	until  time.Time // the end of that
	before time.Time // the end of the one before it
}

// end is when the lock ends that holds or was the last; zero for none.
func (t *failureTable) end(f *failures) time.Time {
	switch {
	case t.doubling:
		return f.until
	case len(f.times) < t.limit:
		return time.Time{}
	}
	return f.times[len(f.times)-t.limit].Add(failureWindow)
}

// wait is how long an attempt has to wait; 0 for not at all.
func (t *failureTable) wait(now time.Time, key throttleKey, term string) time.Duration {
	f := t.of[key]
	if f == nil || f.term != term {
		return 0
	}
	f.age(now)
	wait := t.end(f).Sub(now)
	if wait > 0 && f.pending > 0 {
		return min(wait, time.Second) // those that are being looked at may turn out right
	}
	return max(wait, 0)
}

// add counts an attempt as a failure, for as long as it is not undone.
func (t *failureTable) add(now time.Time, key throttleKey, term string) *mark {
	f := t.of[key]
	if f == nil || f.term != term {
		if f == nil && len(t.of) >= t.most {
			t.evict(now)
		}
		f = &failures{term: term}
		t.of[key] = f
	}
	f.age(now)
	f.pending++
	m := &mark{table: t, of: f, at: now, before: f.until}
	if f.locks == 0 {
		f.times = append(f.times, now)
	}
	if t.doubling && len(f.times) >= t.limit {
		f.until = now.Add(min(firstLock<<min(f.locks, 10), longestLock))
		f.locks++
		m.locked, m.until = true, f.until
	}
	return m
}

// undo takes back what the attempt counted for.
func (m *mark) undo() {
	f := m.of
	f.pending--
	if m.locked && f.until.Equal(m.until) {
		f.until = m.before
		f.locks = max(f.locks-1, 0)
	}
	if f.locks > 1 {
		return // further locks came of single failures
	}
	if i := slices.IndexFunc(f.times, m.at.Equal); i >= 0 && (f.locks == 0 || !m.locked) {
		f.times = slices.Delete(f.times, i, i+1)
	}
	if len(f.times) < m.table.limit {
		f.locks, f.until = 0, time.Time{} // the first lock had counted this attempt
	}
}

// age forgets what is long ago.
func (f *failures) age(now time.Time) {
	if f.locks > 0 {
		if now.Sub(f.until) >= failureWindow {
			f.times, f.locks, f.until = nil, 0, time.Time{}
		}
		return
	}
	f.times = slices.DeleteFunc(f.times, func(t time.Time) bool { return now.Sub(t) >= failureWindow })
}

// evict makes room. What says nothing any more goes first; then, of what holds no lock, that with the fewest failures,
// so that pushing out somebody's failures takes as many failures of others, and each costs a hash. It makes room for
// many at once, so that it is rare.
func (t *failureTable) evict(now time.Time) {
	type one struct {
		key                throttleKey
		held, locks, times int
		last               time.Time
	}
	var rest []one
	for key, f := range t.of {
		f.age(now)
		o := one{key: key, locks: f.locks, times: len(f.times), last: f.until}
		switch {
		case o.times == 0 && f.pending == 0:
			delete(t.of, key)
			continue
		case t.end(f).After(now):
			o.held = 2
		case f.pending > 0:
			o.held = 1
		}
		if f.locks == 0 && o.times > 0 {
			o.last = f.times[o.times-1]
		}
		rest = append(rest, o)
	}
	slices.SortFunc(rest, func(a, b one) int {
		return cmp.Or(cmp.Compare(a.held, b.held), cmp.Compare(a.locks, b.locks), cmp.Compare(a.times, b.times), a.last.Compare(b.last))
	})
	for i, o := range rest {
		if len(t.of) < t.most && (o.held > 0 || i >= t.most/8) {
			return
		}
		delete(t.of, o.key)
	}
}

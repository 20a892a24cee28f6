package people

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"
)

// cost is what one argon2id hash takes.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// today is the cost of the hashes that are made now: OWASP's choice for argon2id, some 50 ms.
var today = cost{memory: 19 * 1024, passes: 2, threads: 1}

// Bounds of what a stored hash may ask for. A damaged or forged one must not take the machine down.
const (
	maxMemory  = 128 * 1024 // KiB
	maxPasses  = 16
	maxThreads = 16
	minSalt    = 8
	maxSalt    = 64
	minSum     = 16
	maxSum     = 64
	maxHash    = 256 // characters of the whole
)

// Sizes of what is made now, in bytes.
const (
	saltSize = 16
	sumSize  = 32
)

// errHash: a stored password hash is not what this program writes.
var errHash = errors.New("the stored password hash cannot be read")

// passwordHash is a password as it is stored.
type passwordHash struct {
	cost
	salt, sum []byte
}

// String is the hash in the PHC string format, as parseHash reads it.
func (h passwordHash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.threads,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
}

// parseHash reads what String wrote, and nothing else.
func parseHash(s string) (h passwordHash, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || len(s) > maxHash {
		return passwordHash{}, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.threads); err != nil {
		return passwordHash{}, errHash
	}
	if h.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return passwordHash{}, errHash
	}
	if h.sum, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return passwordHash{}, errHash
	}
	switch {
	case h.threads < 1, h.threads > maxThreads, h.passes < 1, h.passes > maxPasses,
		h.memory < 8*uint32(h.threads), h.memory > maxMemory,
		len(h.salt) < minSalt, len(h.salt) > maxSalt, len(h.sum) < minSum, len(h.sum) > maxSum,
		h.String() != s: // other spellings of the same, such as leading zeros, were not written here
		return passwordHash{}, errHash
	}
	return h, nil
}

// matches tells whether the password is the one that was hashed. It takes its time.
func (h passwordHash) matches(password string) bool {
	sum := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.threads, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// maxWaiting is how many may wait for their password to be looked at; who comes then is told to come back.
const maxWaiting = 16

// hasher makes and checks password hashes, only so many at once: each takes a processor and 19 MiB, and strangers can
// ask for them.
type hasher struct {
	cost  cost
	none  passwordHash // of no password; looked at for names that have none
	slots chan struct{}

	mu      sync.Mutex
	waiting int
}

func newHasher(c cost) *hasher {
	none := passwordHash{cost: c, salt: make([]byte, saltSize), sum: make([]byte, sumSize)}
	rand.Read(none.salt)
	rand.Read(none.sum)
	return &hasher{cost: c, none: none, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

// enter waits for a slot, unless too many wait already: ErrBusy. leave gives it back.
func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	h.mu.Lock()
	if h.waiting >= maxWaiting {
		h.mu.Unlock()
		return ErrBusy
	}
	h.waiting++
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.waiting--
		h.mu.Unlock()
	}()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hasher) leave() { <-h.slots }

// hash makes the stored form of a password. ErrBusy.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	p := passwordHash{cost: h.cost, salt: make([]byte, saltSize)}
	rand.Read(p.salt)
	p.sum = argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.threads, sumSize)
	return p.String(), nil
}

// check tells whether the password is the stored one, and whether that was hashed at another cost than today's.
// stored "" is an account that is missing or has no password: it takes as long, so that the answer's time does not
// tell who exists. ErrBusy; errHash.
func (h *hasher) check(ctx context.Context, stored, password string) (ok, outdated bool, err error) {
	p := h.none
	if stored != "" {
		if p, err = parseHash(stored); err != nil {
			return false, false, err
		}
	}
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	ok = p.matches(password) && stored != ""
	return ok, p.cost != h.cost, nil
}

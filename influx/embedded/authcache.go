package embedded

import (
	"crypto/sha256"
	"sync"
)

// authCacheSize bounds the cache; at some 600 bytes each this is below 10 MB.
const authCacheSize = 16384

// authCache holds authorizations that are in use, by the hash of their token.
//
// A reader may read the file, be overtaken by a change, and only then put what
// it read: the generation, taken before the read and compared at the put,
// keeps such a stale entry out.
type authCache struct {
	mu         sync.RWMutex
	entries    map[[sha256.Size]byte]*authorization
	generation uint64
}

func (c *authCache) get(hash [sha256.Size]byte) (*authorization, uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.entries[hash], c.generation
}

func (c *authCache) put(hash [sha256.Size]byte, a *authorization, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if c.entries == nil || len(c.entries) >= authCacheSize {
		c.entries = make(map[[sha256.Size]byte]*authorization) // cheap to fill again
	}
	c.entries[hash] = a
}

func (c *authCache) forget(hash [sha256.Size]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	delete(c.entries, hash)
}

func (c *authCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.entries = nil
}

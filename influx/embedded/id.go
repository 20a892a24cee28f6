package embedded

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// validID tells whether the text is an id as InfluxDB 2.x writes them: sixteen
// lower-case hexadecimal digits, not all zero.
func validID(s string) bool {
	if len(s) != 16 || s == "0000000000000000" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// idSource makes ids that grow with time, so that new records of the catalogue
// land on its last page instead of all over it, and lists come in order of creation.
type idSource struct {
	clock func() time.Time
	mu    sync.Mutex
	last  uint64
}

func (s *idSource) next() string {
	var noise [4]byte
	_, _ = rand.Read(noise[:]) // never fails
	low := uint64(binary.BigEndian.Uint32(noise[:])) & (1<<20 - 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	id := uint64(s.clock().UnixMilli())<<20 | low
	if id <= s.last {
		id = s.last + 1
	}
	s.last = id
	return fmt.Sprintf("%016x", id)
}

package handlers

import (
	"fmt"
	"io"
	"sync"
	"time"

	"iotcenter/devices"
)

// How much of writes may be in memory at once, in bytes of unpacked bodies; a body takes some three times as much while
// it is read, fenced and passed on. A device may have one body of the largest size under way, or many small ones. Without
// this, one device could take all memory there is: a few kilobytes of gzip unpack to a body of that size, and a sender
// that is slow holds what it has sent for a minute.
const (
	bodiesOfDevice = maxWrite + 1 // the byte by which a body is seen to be too large
	bodiesOfAll    = 4 * maxWrite
)

// bodyBudget counts the bytes of bodies that are in memory. The zero value is ready for use.
type bodyBudget struct {
	mu  sync.Mutex
	all int
	by  map[devices.ID]int // only devices that have any
}

// share is what one body takes of the budget.
type share struct {
	budget *bodyBudget
	id     devices.ID
	held   int
}

// share begins a body of a device; release ends it.
func (b *bodyBudget) share(id devices.ID) *share { return &share{budget: b, id: id} }

// take takes n more bytes, or says why not.
func (s *share) take(n int) error {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.by[s.id]+n > bodiesOfDevice:
		return tooMany(fmt.Sprintf("%s has more than %s of writes under way.", sender(s.id), bytesForPeople(maxWrite)), time.Second)
	case b.all+n > bodiesOfAll:
		return tooMany(fmt.Sprintf("All devices together have more than %s of writes under way.", bytesForPeople(bodiesOfAll)), time.Second)
	}
	if b.by == nil {
		b.by = make(map[devices.ID]int)
	}
	b.by[s.id] += n
	b.all += n
	s.held += n
	return nil
}

// release gives everything back.
func (s *share) release() {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.held == 0 {
		return
	}
	b.all -= s.held
	if b.by[s.id] -= s.held; b.by[s.id] == 0 {
		delete(b.by, s.id)
	}
	s.held = 0
}

// reader counts what is read from r.
func (s *share) reader(r io.Reader) io.Reader { return &sharedReader{r, s} }

type sharedReader struct {
	r io.Reader
	s *share
}

func (r *sharedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		if over := r.s.take(n); over != nil {
			return 0, over
		}
	}
	return n, err
}

package devices

import (
	"sync"
	"time"
)

// enrolmentsPerSecond is how many devices one process registers for strangers in a second, and in one go.
const enrolmentsPerSecond = 50

// enrolmentRate bounds the registrations that an open door causes. The zero value is ready for use.
type enrolmentRate struct {
	mu   sync.Mutex
	left float64
	at   time.Time
}

func (r *enrolmentRate) allow(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() {
		r.left = enrolmentsPerSecond
	} else {
		r.left = min(r.left+max(now.Sub(r.at), 0).Seconds()*enrolmentsPerSecond, enrolmentsPerSecond)
	}
	r.at = now
	if r.left < 1 {
		return false
	}
	r.left--
	return true
}

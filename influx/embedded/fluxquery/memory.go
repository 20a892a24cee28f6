package fluxquery

import (
	"sync"

	"github.com/influxdata/flux/memory"
)

// memoryStep is what a query gets of its memory at a time. Whoever works without an end in sight allocates, so that asking
// for the next step is where it learns that the query has ended.
const memoryStep = 64 << 10

// newAllocator counts the memory of one query, and gives none after the query's context has ended.
func newAllocator(job *work, limit int64) *memory.Allocator {
	given := min(limit, memoryStep)
	return &memory.Allocator{Limit: &given, Manager: &allowance{job: job, left: limit - given}}
}

// allowance hands out a query's memory.
type allowance struct {
	job  *work
	mu   sync.Mutex
	left int64
}

// RequestMemory implements memory.Manager.
func (a *allowance) RequestMemory(want int64) (int64, error) {
	a.job.goOn()
	a.mu.Lock()
	defer a.mu.Unlock()
	if want > a.left {
		a.job.stop(ErrMemory)
		return 0, ErrMemory
	}
	got := min(max(want, memoryStep), a.left)
	a.left -= got
	return got, nil
}

// FreeMemory implements memory.Manager. What a query gave back stays with its allocator.
func (a *allowance) FreeMemory(int64) {}

package embedded

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// defaultMinFree is the free space below which writes are refused, on a disk
// that is not small. A full disk leaves the engine stuck until it is opened
// again, so it must not come to that; compactions, too, need room.
const defaultMinFree = 64 << 20

// smallPart of a disk is kept free at most.
const smallPart = 16

// spaceGuard tells whether the disk has room for a write. It asks the file
// system at most four times a second.
type spaceGuard struct {
	floor uint64
	clock func() time.Time
	disk  func() (free, size uint64, err error)

	mu      sync.Mutex
	checked time.Time
	ok      bool // there is room
	low     bool // there is not much of it
}

func newSpaceGuard(dir string, floor uint64, clock func() time.Time) *spaceGuard {
	return &spaceGuard{floor: floor, clock: clock, disk: func() (uint64, uint64, error) { return diskSpace(dir) }}
}

// room is false when less than the floor is free. A file system that does not
// tell counts as having room: the write itself will find out.
func (g *spaceGuard) room() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.look()
	return g.ok
}

// scarce: the disk may be full soon.
func (g *spaceGuard) scarce() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.look()
	return g.low
}

// forget makes the next question ask the file system.
func (g *spaceGuard) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.checked = time.Time{}
}

func (g *spaceGuard) look() {
	now := g.clock()
	// Where room is scarce, what was seen a moment ago may be wrong already.
	if since := now.Sub(g.checked); !g.checked.IsZero() && !g.low && since >= 0 && since < 250*time.Millisecond {
		return
	}
	free, size, err := g.disk()
	floor := g.floor
	if floor == 0 {
		floor = min(defaultMinFree, size/smallPart)
	}
	g.checked, g.ok, g.low = now, err != nil || free >= floor, err == nil && free < 4*floor
}

// diskSpace is what is free for us and the size of the file system, in bytes.
func diskSpace(dir string) (free, size uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), nil
}

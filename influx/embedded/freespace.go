package embedded

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// defaultMinFree is the free space below which writes are refused. A full disk
// leaves the engine stuck until it is opened again, so it must not come to that;
// compactions, too, need room.
const defaultMinFree = 64 << 20

// spaceGuard tells whether the disk has room for a write. It asks the file
// system at most four times a second.
type spaceGuard struct {
	floor uint64
	clock func() time.Time
	free  func() (uint64, error)

	mu      sync.Mutex
	checked time.Time
	ok      bool
}

func newSpaceGuard(dir string, floor uint64, clock func() time.Time) *spaceGuard {
	return &spaceGuard{floor: floor, clock: clock, free: func() (uint64, error) { return freeSpace(dir) }}
}

// room is false when less than the floor is free. A file system that does not
// tell counts as having room: the write itself will find out.
func (g *spaceGuard) room() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	if since := now.Sub(g.checked); !g.checked.IsZero() && since >= 0 && since < 250*time.Millisecond {
		return g.ok
	}
	free, err := g.free()
	g.checked, g.ok = now, err != nil || free >= g.floor
	return g.ok
}

func freeSpace(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}

package embedded

import (
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// usageTTL: sizes are for people to look at; walking a year of shards for each list would be waste.
const usageTTL = 10 * time.Second

// diskUsage measures what a bucket takes on disk: data, index, series file and WAL.
type diskUsage struct {
	folders []string
	clock   func() time.Time

	mu   sync.Mutex
	seen map[string]usageEntry
}

type usageEntry struct {
	at    time.Time
	bytes int64
}

func newDiskUsage(s *Server) *diskUsage {
	return &diskUsage{
		folders: []string{filepath.Join(s.dir, dataFolder), filepath.Join(s.dir, walFolder)},
		clock:   s.clock, seen: map[string]usageEntry{},
	}
}

func (d *diskUsage) of(bucketID string) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock()
	if e, ok := d.seen[bucketID]; ok && now.Sub(e.at) >= 0 && now.Sub(e.at) < usageTTL {
		return e.bytes
	}
	var sum int64
	for _, folder := range d.folders {
		// Files come and go under a running engine; one that vanished counts as nothing.
		_ = filepath.WalkDir(filepath.Join(folder, bucketID), func(_ string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return nil
			}
			if info, err := e.Info(); err == nil {
				sum += allocated(info)
			}
			return nil
		})
	}
	d.seen[bucketID] = usageEntry{at: now, bytes: sum}
	return sum
}

func (d *diskUsage) forget(bucketID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.seen, bucketID)
}

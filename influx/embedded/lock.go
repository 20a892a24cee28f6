package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrLocked: another process has the data folder open.
var ErrLocked = errors.New("data folder is in use by another process")

const lockName = "lock"

// folderLock keeps a second process out of the data folder: the storage engine
// has no lock of its own, and two of them destroy each other's files.
type folderLock struct{ f *os.File }

// lockFolder takes the lock or answers ErrLocked at once. The kernel drops the
// lock when the process ends, however it ends.
func lockFolder(dir string) (*folderLock, error) {
	name := filepath.Join(dir, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := make([]byte, 32)
		n, _ := f.ReadAt(holder, 0)
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			if n > 0 {
				return nil, fmt.Errorf("%w: %s (process %s)", ErrLocked, dir, holder[:n])
			}
			return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	// The process number helps the person who meets the message; nothing relies on it.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d", os.Getpid()), 0)
	}
	return &folderLock{f: f}, nil
}

func (l *folderLock) release() error { return l.f.Close() }

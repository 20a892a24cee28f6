//go:build unix

package embedded

import (
	"io/fs"
	"syscall"
)

// allocated is what the file takes on disk: series files are made large and
// sparse, their length says little.
func allocated(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

package embedded

import "golang.org/x/sys/unix"

// exchange makes two folders change their names in one step.
func exchange(a, b string) error { return unix.RenamexNp(a, b, unix.RENAME_SWAP) }

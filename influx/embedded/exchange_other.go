//go:build !linux && !darwin

package embedded

import "errors"

// exchange needs a system call that only Linux and macOS are known to have.
func exchange(string, string) error { return errors.ErrUnsupported }

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeOut lets fn write a file that gets its name only when it is whole and on the disk; "-" is out. A file of that
// name is left alone without force. Nobody but this user can read it.
func writeOut(name string, force bool, out io.Writer, fn func(io.Writer) error) (err error) {
	if name == "-" {
		return fn(out)
	}
	if err := mayWrite(name, force); err != nil {
		return err
	}
	part := name + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = fn(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = mayWrite(name, force)
	}
	if err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func mayWrite(name string, force bool) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no plain file", name)
	case !force:
		return fmt.Errorf("%s exists already; --force replaces it", name)
	}
	return nil
}

// readIn lets fn read a file; "-" is in. size is 0 where nobody knows it.
func readIn(name string, in io.Reader, fn func(from io.Reader, size int64) error) error {
	if name == "-" {
		return fn(in, 0)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fn(f, 0)
	}
	return fn(f, info.Size())
}

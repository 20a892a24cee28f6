package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestSwapInsideAMount stops the moves after each step, as a crash does: Open would take the folder only at the two
// ends, and nothing is lost.
func TestSwapInsideAMount(t *testing.T) {
	for _, old := range [][]string{nil, {catalogueName, formatName, "secret.key", dataFolder, metaFolder, walFolder}} {
		for stop := 0; ; stop++ {
			dir := t.TempDir()
			p := place{dir: dir, work: filepath.Join(dir, "restoring"), aside: filepath.Join(dir, "before-x"), mount: true}
			put := func(folder, content string, names ...string) {
				t.Helper()
				if err := os.MkdirAll(folder, 0o700); err != nil {
					t.Fatal(err)
				}
				for _, name := range names {
					if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			put(dir, "old", old...)
			put(dir, "", lockName)
			put(p.work, "new", catalogueName, formatName, "secret.key", dataFolder, metaFolder, walFolder)
			if old != nil {
				put(p.aside, "")
			}
			there, err := p.content()
			if err != nil || len(there) != len(old) {
				t.Fatalf("content %v, %v", there, err)
			}
			fresh, err := os.ReadDir(p.work)
			if err != nil {
				t.Fatal(err)
			}
			steps := p.swapSteps(there, fresh)
			for _, step := range steps[:stop] {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			format, _ := os.ReadFile(filepath.Join(dir, formatName))
			refused := errors.Is(refuseForeign(dir), ErrForeignFolder)
			switch {
			case stop == 0:
				if old != nil && string(format) != "old" {
					t.Error("before the first step something has changed")
				}
			case stop == len(steps):
				if string(format) != "new" {
					t.Error("after the last step the new format file is missing")
				}
			case format != nil || !refused:
				t.Errorf("after step %d the folder looks like one that can be opened: %q, %v", stop, format, refused)
			}
			count := 0
			for _, folder := range []string{dir, p.aside, p.work} {
				for _, name := range []string{catalogueName, formatName, "secret.key", dataFolder, metaFolder, walFolder} {
					if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
						count++
					}
				}
			}
			if count != 6+len(old) {
				t.Errorf("after step %d there are %d of %d files", stop, count, 6+len(old))
			}
			if stop == len(steps) {
				break
			}
		}
	}
}

package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Errors about the layout of a data folder.
var (
	// ErrNewerFormat: the folder was written by a newer program; opening it with this one could destroy it.
	ErrNewerFormat = errors.New("data folder was written by a newer version of this program")
	// ErrForeignFolder: the folder holds files but no format file: it is not ours, or part of it is lost.
	ErrForeignFolder = errors.New("not a data folder of this program")
)

// formatVersion is the layout that this program reads and writes. A change of
// the layout raises it by one and adds the step from the version before to
// upgradeSteps.
const formatVersion = 1

const formatName = "format.json"

// upgradeStep changes a folder from one version to the next. It must be safe to
// run again: the version is only recorded once the step is done.
type upgradeStep func(dir string) error

// upgradeSteps holds, under n, the step from version n to n+1.
func upgradeSteps() map[int]upgradeStep { return map[int]upgradeStep{} }

type formatFile struct {
	Format int `json:"format"`
}

// prepareFormat brings the folder to the wanted version: a new folder gets the
// version file, an older one is upgraded step by step, a newer one is refused.
func prepareFormat(dir string, want int, steps map[int]upgradeStep) error {
	have, err := readFormat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err := refuseForeign(dir); err != nil {
			return err
		}
		return writeFormat(dir, want)
	}
	if err != nil {
		return err
	}
	if have > want {
		return fmt.Errorf("%w: %s has format %d, this program knows formats up to %d; use the newer program or another folder",
			ErrNewerFormat, dir, have, want)
	}
	for ; have < want; have++ {
		step, ok := steps[have]
		if !ok {
			return fmt.Errorf("data folder %s has format %d and no step leads from there to %d", dir, have, want)
		}
		if err := step(dir); err != nil {
			return fmt.Errorf("upgrade data folder %s from format %d to %d: %w", dir, have, have+1, err)
		}
		if err := writeFormat(dir, have+1); err != nil {
			return err
		}
	}
	return nil
}

func readFormat(dir string) (int, error) {
	data, err := os.ReadFile(filepath.Join(dir, formatName))
	if err != nil {
		return 0, err
	}
	var f formatFile
	if err := json.Unmarshal(data, &f); err != nil || f.Format < 1 {
		return 0, fmt.Errorf("%w: %s cannot be read as a format file", ErrForeignFolder, filepath.Join(dir, formatName))
	}
	return f.Format, nil
}

func writeFormat(dir string, version int) error {
	data, err := json.Marshal(formatFile{Format: version})
	if err != nil {
		return err
	}
	if err := writeFileAtomic(filepath.Join(dir, formatName), append(data, '\n')); err != nil {
		return fmt.Errorf("write format file: %w", err)
	}
	return nil
}

// refuseForeign keeps us from treating a folder with data but without a format
// file as empty: that would start anew beside data that somebody still wants.
func refuseForeign(dir string) error {
	for _, name := range []string{metaFolder, dataFolder, walFolder, catalogueName} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%w: %s has %q but no %s", ErrForeignFolder, dir, name, formatName)
		}
	}
	return nil
}

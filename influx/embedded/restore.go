package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrNotEmpty: the data folder has content, and nobody said that it may go aside.
var ErrNotEmpty = errors.New("the data folder is not empty")

// RestoreOptions say where an archive goes.
type RestoreOptions struct {
	Dir     string   // data folder; made if missing
	Replace bool     // what is there is moved aside; otherwise it has to be empty
	Keep    []string // as in BackupOptions: further files that an archive may hold
	Log     *slog.Logger
	Clock   func() time.Time
	// Progress, if set, is told the bytes of content unpacked so far and in all.
	Progress func(done, total int64)
}

// Restored says what was put back.
type Restored struct {
	Manifest Manifest
	Shards   int
	Series   int64
	Aside    string // where the old content went; "" if there was none
}

// Restore puts the content of an archive into a data folder that no process has
// open. It is unpacked and checked, and the database opened once, in a folder
// beside it; that one takes the data folder's place in one step at the very
// end. Before, a failure or crash changes nothing. Its errors wrap ErrArchive,
// ErrLocked and ErrNotEmpty.
func Restore(ctx context.Context, o RestoreOptions, r io.Reader) (done Restored, err error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return done, err
	}
	_, statErr := os.Stat(dir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return done, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return done, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return done, err
	}
	defer func() {
		if err != nil && statErr != nil { // the folder was made here
			_ = os.Remove(filepath.Join(dir, lockName))
			_ = os.Remove(dir)
		}
		err = errors.Join(err, lock.release())
	}()

	place, err := findPlace(dir, o)
	if err != nil {
		return done, err
	}
	if err := os.RemoveAll(place.work); err != nil { // of a restore that was cut off
		return done, err
	}
	if err := os.Mkdir(place.work, 0o700); err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(place.work)) }() // it is gone by then, if all went well
	if done.Manifest, err = unpack(ctx, place.work, o, r); err != nil {
		return done, err
	}
	if err := tryOut(ctx, place.work, o, &done); err != nil {
		return done, err
	}
	if err := syncTree(place.work); err != nil {
		return done, err
	}
	if err := ctx.Err(); err != nil {
		return done, err
	}
	done.Aside, err = place.commit()
	return done, err
}

// unpack writes the members into the folder, and makes sure of all of them.
func unpack(ctx context.Context, work string, o RestoreOptions, r io.Reader) (Manifest, error) {
	a, err := readArchive(r, o.Keep)
	if err != nil {
		return Manifest{}, err
	}
	if free, _, err := diskSpace(work); err == nil && uint64(a.manifest.Bytes)+defaultMinFree > free {
		return Manifest{}, fmt.Errorf("the archive holds %d MB, and there is room for %d MB beside the data folder", a.manifest.Bytes>>20, free>>20)
	}
	var done int64
	tell := counter(func(n int64) {
		done += n
		if o.Progress != nil {
			o.Progress(done, a.manifest.Bytes)
		}
	})
	for {
		name, size, err := a.next()
		if err != nil {
			return Manifest{}, err
		}
		if name == "" {
			break
		}
		if err := ctx.Err(); err != nil {
			return Manifest{}, err
		}
		if err := unpackFile(filepath.Join(work, filepath.FromSlash(name)), size, io.TeeReader(a, tell)); err != nil {
			return Manifest{}, err
		}
	}
	// Without these it would be a folder that cannot be opened, or an empty one.
	for _, name := range []string{formatName, catalogueName, metaMember} {
		if _, err := os.Stat(filepath.Join(work, filepath.FromSlash(name))); err != nil {
			return Manifest{}, errArchive("%s is missing", name)
		}
	}
	return a.manifest, rebuildIndexes(work)
}

func unpackFile(name string, size int64, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, from)
	if err == nil && n != size {
		err = errArchive("%s is cut off", filepath.Base(name))
	}
	return errors.Join(err, f.Close())
}

// rebuildIndexes gives each shard an empty folder for its index. The engine
// then builds the index from the data when it opens the shard; without the
// folder it would keep one in memory for good.
func rebuildIndexes(work string) error {
	for _, kind := range []string{dataFolder, walFolder} {
		if err := os.MkdirAll(filepath.Join(work, kind), 0o700); err != nil {
			return err
		}
		shards, err := fs.Glob(os.DirFS(filepath.Join(work, kind)), "*/*/*") // unlike filepath's, whatever the folder's name holds
		if err != nil {
			return err
		}
		for _, shard := range shards {
			if err := os.MkdirAll(filepath.Join(work, dataFolder, filepath.FromSlash(shard), "index"), 0o700); err != nil {
				return err
			}
		}
	}
	return nil
}

// tryOut opens the database in the folder and counts.
func tryOut(ctx context.Context, work string, o RestoreOptions, done *Restored) error {
	s, err := Open(ctx, Options{Dir: work, Log: o.Log, Clock: o.Clock})
	if err != nil {
		return err
	}
	err = func() error {
		done.Shards = s.store.ShardN()
		for _, database := range s.store.Databases() {
			n, err := s.store.SeriesCardinality(ctx, database)
			if err != nil {
				return err
			}
			done.Series += n
		}
		return nil
	}()
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	want := done.Manifest
	// Series without a point are in the index that was counted, and not in one made from the data.
	if done.Shards != want.Shards || done.Series > want.Series || done.Series == 0 && want.Series > 0 {
		return errArchive("%d shards with %d series were restored, and its manifest says %d with %d", done.Shards, done.Series, want.Shards, want.Series)
	}
	// The process number in it is this one's.
	return os.Remove(filepath.Join(work, lockName))
}

// syncTree makes everything below a folder last.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !e.IsDir() && !e.Type().IsRegular() {
			return nil
		}
		return syncFolder(name)
	})
}

// place is where a restored folder is made, and how it gets to where it belongs.
type place struct {
	dir, work, aside string
	empty            bool
	mount            bool
}

func findPlace(dir string, o RestoreOptions) (place, error) {
	stamp := o.Clock().UTC().Format("20060102T150405Z")
	p := place{dir: dir, work: dir + ".restoring", aside: dir + ".before-" + stamp}
	var err error
	if p.mount, err = isMount(dir); err != nil {
		return place{}, err
	}
	if p.mount { // nothing can be put in its place, so all happens inside
		p.work, p.aside = filepath.Join(dir, "restoring"), filepath.Join(dir, "before-"+stamp)
	}
	there, err := p.content()
	if err != nil {
		return place{}, err
	}
	p.empty = len(there) == 0
	if !p.empty && !o.Replace {
		return place{}, fmt.Errorf("%w: %s", ErrNotEmpty, dir)
	}
	if _, err := os.Lstat(p.aside); err == nil {
		return place{}, fmt.Errorf("%s exists already; try again in a second", p.aside)
	}
	return p, nil
}

// isMount tells whether another file system begins at the folder, as a volume
// of a container does.
func isMount(dir string) (bool, error) {
	var inside, beside syscall.Stat_t
	if err := syscall.Stat(dir, &inside); err != nil {
		return false, err
	}
	if err := syscall.Stat(filepath.Dir(dir), &beside); err != nil {
		return false, err
	}
	return inside.Dev != beside.Dev, nil
}

// content are the entries of the data folder that are somebody's.
func (p place) content() ([]string, error) {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		name := e.Name()
		ours := name == lockName || name == "lost+found" && p.mount || p.mount && (strings.HasPrefix(name, "before-") || name == filepath.Base(p.work))
		if !ours {
			out = append(out, name)
		}
	}
	return out, nil
}

// commit puts the new folder in place and tells where the old one is.
func (p place) commit() (aside string, err error) {
	if p.mount {
		return p.swapInside()
	}
	// First the new folder takes the name that the old one shall have; then the two change names in one step.
	if err := os.Rename(p.work, p.aside); err != nil {
		return "", err
	}
	if err := exchange(p.aside, p.dir); err != nil {
		err = fmt.Errorf("the file system cannot exchange %s and %s in one step: %w; move the first one away and restore again", p.dir, p.aside, err)
		return "", errors.Join(err, os.RemoveAll(p.aside))
	}
	if p.empty {
		err := os.RemoveAll(p.aside)
		return "", errors.Join(err, syncFolder(filepath.Dir(p.dir)))
	}
	return p.aside, syncFolder(filepath.Dir(p.dir))
}

// swapInside moves the old content out and the new in, entry by entry.
func (p place) swapInside() (aside string, err error) {
	there, err := p.content()
	if err != nil {
		return "", err
	}
	fresh, err := os.ReadDir(p.work)
	if err != nil {
		return "", err
	}
	if len(there) > 0 {
		aside = p.aside
		if err := os.Mkdir(aside, 0o700); err != nil {
			return "", err
		}
	}
	for _, step := range p.swapSteps(there, fresh) {
		if err := step(); err != nil {
			return aside, fmt.Errorf("the new data are only partly in place, the old ones are in %s; restore again: %w", p.aside, err)
		}
	}
	return aside, nil
}

// swapSteps are the moves. From the first to the last there is some data
// without a format file, which Open refuses: a crash in between starts nothing
// anew and loses nothing, and the restore can be repeated.
func (p place) swapSteps(there []string, fresh []fs.DirEntry) (steps []func() error) {
	move := func(name, from, to string) {
		steps = append(steps, func() error {
			err := os.Rename(filepath.Join(from, name), filepath.Join(to, name))
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return errors.Join(err, syncFolder(from), syncFolder(to))
		})
	}
	if len(there) > 0 {
		move(formatName, p.dir, p.aside)
		move(catalogueName, p.dir, p.aside)
	}
	move(catalogueName, p.work, p.dir) // the new one, before the last of the old data goes
	for _, name := range there {
		if name != formatName && name != catalogueName {
			move(name, p.dir, p.aside)
		}
	}
	for _, e := range fresh {
		if e.Name() != formatName && e.Name() != catalogueName {
			move(e.Name(), p.work, p.dir)
		}
	}
	move(formatName, p.work, p.dir)
	return steps
}

package embedded

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/influxdata/influxdb/tsdb"
	"github.com/influxdata/influxdb/tsdb/engine/tsm1"
	bolt "go.etcd.io/bbolt"
)

// backupFolder holds the picture that a running backup sends, as hard links.
const backupFolder = "backup.tmp"

// ErrBackupRuns: a backup is being made already.
var ErrBackupRuns = errors.New("another backup is running")

// BackupOptions say what goes into an archive beside the database.
type BackupOptions struct {
	Program string   // version of the program, for the manifest
	Keep    []string // names of further files of the data folder; one that is missing is left out
	// Progress, if set, is told the bytes of content sent so far and in all,
	// for the first time before anything is written.
	Progress func(done, total int64)
}

// Backup writes an archive, a tar that is not compressed, of everything that was acknowledged
// before the call. Changes wait only while hard links of the files are made; what
// changes later is not in the archive. Restore puts it back.
func (s *Server) Backup(ctx context.Context, w io.Writer, o BackupOptions) (err error) {
	if !s.requests.enter() {
		return errUnavailable("the database is closing")
	}
	defer s.requests.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.base, cancel)()
	if !s.backup.TryLock() {
		return ErrBackupRuns
	}
	defer s.backup.Unlock()

	p := &picture{server: s, folder: filepath.Join(s.dir, backupFolder)}
	if err := os.RemoveAll(p.folder); err != nil {
		return err
	}
	if err := os.Mkdir(p.folder, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.folder)) }()
	if err := p.take(ctx, o.Keep); err != nil {
		return fmt.Errorf("take the picture to back up: %w", err)
	}
	return p.send(ctx, w, o)
}

// picture is the state of the database at one moment.
type picture struct {
	server   *Server
	folder   string
	manifest Manifest
	files    []pictureFile
	meta     []byte
}

// pictureFile is a file below the picture's folder, under its name in the
// archive. Of a file that still grows, its first bytes count.
type pictureFile struct {
	name string
	size int64
}

// take makes the picture. Only links are made while changes wait; the
// catalogue, of which bbolt keeps the state of the moment, is copied afterwards.
func (p *picture) take(ctx context.Context, keep []string) error {
	s := p.server
	ctx, use, err := s.engine.enter(ctx)
	if err != nil {
		return err
	}
	defer use.leave()
	var tx *bolt.Tx
	took, err := s.pause.picture(s.clock, func() (err error) {
		p.manifest.Created = s.clock().UTC()
		if tx, err = s.cat.db.Begin(false); err != nil {
			return err
		}
		if p.meta, err = s.meta.MarshalBinary(); err != nil {
			return err
		}
		return p.linkShards(ctx)
	})
	if tx != nil {
		if err == nil {
			err = tx.CopyFile(filepath.Join(p.folder, catalogueName), 0o600)
		}
		err = errors.Join(err, tx.Rollback())
	}
	if err != nil {
		return err
	}
	s.log.Info("backup: changes waited for the picture", "elapsed", took, "shards", p.manifest.Shards, "files", len(p.files))
	for _, name := range append([]string{formatName}, keep...) {
		err := linkOrCopy(filepath.Join(s.dir, name), filepath.Join(p.folder, name))
		if err != nil && (name == formatName || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	for _, name := range append([]string{catalogueName, formatName}, keep...) {
		info, err := os.Stat(filepath.Join(p.folder, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		p.files = append(p.files, pictureFile{name, info.Size()})
	}
	return nil
}

// linkShards links the files of all shards of buckets that are not being removed.
func (p *picture) linkShards(ctx context.Context) error {
	s := p.server
	if err := s.shardsAreOpen(); err != nil {
		return err
	}
	p.manifest.Buckets = len(s.cat.findBuckets(func(*bucket) bool { return true }))
	dropped, err := s.cat.droppedBuckets()
	if err != nil {
		return err
	}
	counted := map[string]bool{}
	for _, id := range slices.Sorted(slices.Values(s.store.ShardIDs())) {
		if err := ctx.Err(); err != nil {
			return err
		}
		shard := s.store.Shard(id)
		if shard == nil || !validID(shard.Database()) || slices.Contains(dropped, shard.Database()) {
			continue
		}
		if err := p.linkShard(shard); err != nil {
			return fmt.Errorf("shard %d: %w", id, err)
		}
		p.manifest.Shards++
		if !counted[shard.Database()] {
			counted[shard.Database()] = true
			n, err := s.store.SeriesCardinality(ctx, shard.Database())
			if err != nil {
				return err
			}
			p.manifest.Series += n
		}
	}
	return nil
}

// shardsAreOpen refuses a backup that would silently lack a shard: the engine
// leaves out, at its start, what it cannot open.
func (s *Server) shardsAreOpen() error {
	closed, err := s.closedShards()
	if err != nil {
		return err
	}
	if len(closed) > 0 {
		return fmt.Errorf("the shard in %s could not be opened, so the backup would lack it; see the log of the last start", closed[0])
	}
	return nil
}

// linkShard links a shard's files. The segments of the WAL come first: when the
// engine moves the cache into a file in between, its points are in both, which
// is what a crash leaves as well and does no harm.
func (p *picture) linkShard(shard *tsdb.Shard) error {
	engine, err := shard.Engine()
	if err != nil {
		return err
	}
	tsm, ok := engine.(*tsm1.Engine)
	if !ok {
		return fmt.Errorf("unknown engine %T", engine)
	}
	rel := path.Join(shard.Database(), shard.RetentionPolicy(), strconv.FormatUint(shard.ID(), 10))
	if err := p.linkSegments(rel); err != nil {
		return err
	}
	return p.linkFiles(tsm.FileStore, path.Join(dataFolder, rel))
}

func (p *picture) linkSegments(rel string) error {
	from := filepath.Join(p.server.dir, walFolder, filepath.FromSlash(rel))
	segments, err := os.ReadDir(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, segment := range segments {
		name := path.Join(walFolder, rel, segment.Name())
		info, err := segment.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && (info.Size() == 0 || !memberPath.MatchString(name)) {
			continue // written to a TSM file by now, or empty
		}
		if err != nil {
			return err
		}
		to := filepath.Join(p.folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		switch err := linkOrCopy(filepath.Join(from, segment.Name()), to); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		default:
			p.files = append(p.files, pictureFile{name, info.Size()})
		}
	}
	return nil
}

// snapshotTries bounds how often a compaction may come in between.
const snapshotTries = 100

// linkFiles links TSM files and their tombstones. A compaction that ends while
// the links are made may take a tombstone away from a file that is linked after
// it, so the list of files has to be the same before and after.
func (p *picture) linkFiles(store *tsm1.FileStore, name string) error {
	to := filepath.Join(p.folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	var last error
	for range snapshotTries {
		before := tsmPaths(store)
		made, err := store.CreateSnapshot()
		if err != nil {
			last = err
			continue
		}
		if !slices.Equal(before, tsmPaths(store)) {
			last = errors.New("the shard is being compacted")
			if err := os.RemoveAll(made); err != nil {
				return err
			}
			continue
		}
		// Out of the shard's folder: that may go while the archive is being sent.
		if err := os.Rename(made, to); err != nil {
			return errors.Join(err, os.RemoveAll(made))
		}
		return p.listFiles(to, name)
	}
	return last
}

func tsmPaths(store *tsm1.FileStore) []string {
	var out []string
	for _, f := range store.Files() {
		out = append(out, f.Path())
	}
	return out
}

func (p *picture) listFiles(folder, name string) error {
	links, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, link := range links {
		member := path.Join(name, link.Name())
		if !memberPath.MatchString(member) {
			return fmt.Errorf("the engine has a file of unknown kind: %s", member)
		}
		info, err := link.Info()
		if err != nil {
			return err
		}
		p.files = append(p.files, pictureFile{member, info.Size()})
	}
	return nil
}

func linkOrCopy(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return copyFile(from, to)
}

// copyFile is for file systems without hard links.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// send writes the archive of a picture.
func (p *picture) send(ctx context.Context, w io.Writer, o BackupOptions) error {
	slices.SortFunc(p.files, func(a, b pictureFile) int {
		return cmp.Or(cmp.Compare(memberRank(a.name), memberRank(b.name)), strings.Compare(a.name, b.name))
	})
	m := &p.manifest
	m.Archive, m.Format, m.Program = archiveVersion, formatVersion, o.Program
	m.Members, m.Bytes = len(p.files)+1, int64(len(p.meta))
	for _, f := range p.files {
		m.Bytes += f.size
	}
	var done int64
	progress := func(n int64) {
		done += n
		if o.Progress != nil {
			o.Progress(min(done, m.Bytes), m.Bytes)
		}
	}
	progress(0)
	a := &archiveWriter{tar: tar.NewWriter(stoppable{ctx, w}), made: m.Created, wrote: func(int64) {}}
	if err := a.addJSON(manifestName, m); err != nil {
		return err
	}
	a.wrote = progress
	if err := a.add(metaMember, int64(len(p.meta)), bytes.NewReader(p.meta)); err != nil {
		return err
	}
	for _, f := range p.files {
		if err := p.sendFile(a, f); err != nil {
			return err
		}
	}
	a.wrote = func(int64) {}
	return a.end()
}

// memberRank puts the small files that everything hangs on before the data.
func memberRank(name string) int {
	if strings.Contains(name, "/") {
		return 1
	}
	return 0
}

func (p *picture) sendFile(a *archiveWriter, f pictureFile) error {
	from, err := os.Open(filepath.Join(p.folder, filepath.FromSlash(f.name)))
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	return a.add(f.name, f.size, from)
}

// stoppable is a writer that fails once its context has ended.
type stoppable struct {
	ctx context.Context
	w   io.Writer
}

// Write writes while the context lives.
func (s stoppable) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(p)
}

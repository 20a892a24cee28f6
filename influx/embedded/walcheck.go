package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang/snappy"
	"github.com/influxdata/influxdb/tsdb/engine/tsm1"
)

// The engine reads a WAL segment up to the first entry that it cannot read and
// cuts off the rest without a word; after a torn end it goes on writing behind
// the cut, and loses what it wrote there at the next start. So the segments are
// read before it: a torn end is cut, what lies behind a damage is kept, and the
// damage is told.

// damagedFolder keeps damaged segments as they were found.
const damagedFolder = "damaged"

// Damage is a part of the WAL that could not be read: writes that were
// acknowledged and are lost, unless another copy of them exists.
type Damage struct {
	Bucket   string    // name, or id where the bucket is gone
	Shard    uint64    // number of the shard
	From, To time.Time // times of points that the shard holds; zero where unknown
	Bytes    int       // of the segment that could not be read
	Kept     string    // file with the segment as it was found
}

// walEntryHead is a type and the length of the compressed rest.
const walEntryHead = 5

// checkWAL reads and mends the WAL of all shards.
func (s *Server) checkWAL() error {
	segments, err := s.files(walFolder, "*/*/*/_*.wal")
	if err != nil {
		return err
	}
	slices.Sort(segments) // the segments of a shard stand together, oldest first
	for i, name := range segments {
		last := i+1 == len(segments) || filepath.Dir(segments[i+1]) != filepath.Dir(name)
		lost, kept, err := s.checkSegment(name, last)
		if err != nil {
			return fmt.Errorf("check WAL: %w", err)
		}
		if lost > 0 {
			d := s.describeDamage(name)
			d.Bytes, d.Kept = lost, kept
			s.damages.add(d)
			s.log.Error("the WAL is damaged: points that were written in this time may be lost", "bucket", d.Bucket, "shard", d.Shard,
				"from", d.From, "to", d.To, "lost bytes", d.Bytes, "file as found", d.Kept)
		}
	}
	return nil
}

// Damages are what was found damaged since the database was opened.
func (s *Server) Damages() []Damage {
	s.damages.mu.Lock()
	defer s.damages.mu.Unlock()
	return slices.Clone(s.damages.all)
}

type damageList struct {
	mu  sync.Mutex
	all []Damage
}

func (l *damageList) add(d Damage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, d)
}

// checkSegment reads one segment and mends it. The end of the last segment may
// be torn: a write that was never acknowledged.
func (s *Server) checkSegment(name string, last bool) (lost int, kept string, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, "", err
	}
	good, lost, torn := readSegment(data)
	if lost == 0 && torn == 0 {
		return 0, "", nil
	}
	if lost == 0 && last {
		s.log.Info("the WAL ends in an unfinished write; it is cut off", "segment", name, "bytes", torn)
		return 0, "", truncate(name, int64(len(data)-torn))
	}
	if !last { // nobody writes to it any more: its end was whole once
		lost, torn = lost+torn, 0
	}
	kept = filepath.Join(s.dir, damagedFolder, s.clock().UTC().Format("20060102T150405Z-")+strings.ReplaceAll(s.below(walFolder, name), string(filepath.Separator), "-"))
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		return 0, "", err
	}
	if err := writeFileAtomic(kept, data); err != nil {
		return 0, "", err
	}
	return lost, kept, writeFileAtomic(name, bytes.Join(good, nil))
}

// readSegment takes a segment apart into the runs of bytes that can be read,
// and counts what cannot: between them, and at the end.
func readSegment(data []byte) (good [][]byte, lost, torn int) {
	start, pos := 0, 0
	for pos < len(data) {
		if n := entryLength(data[pos:]); n > 0 {
			pos += n
			continue
		}
		if pos > start {
			good = append(good, data[start:pos])
		}
		next := nextEntry(data, pos+1)
		if next < 0 {
			return good, lost, len(data) - pos
		}
		lost += next - pos
		start, pos = next, next
	}
	if pos > start {
		good = append(good, data[start:pos])
	}
	return good, lost, 0
}

// nextEntry looks for an entry from a position on; -1 if there is none.
func nextEntry(data []byte, from int) int {
	for pos := from; pos+walEntryHead < len(data); pos++ {
		if entryLength(data[pos:]) > 0 {
			return pos
		}
	}
	return -1
}

// entryLength is the length of the entry that data begins with; 0 if that is none.
func entryLength(data []byte) (n int) {
	if len(data) <= walEntryHead {
		return 0
	}
	if t := tsm1.WalEntryType(data[0]); t < tsm1.WriteWALEntryType || t > tsm1.DeleteRangeWALEntryType {
		return 0
	}
	length := binary.BigEndian.Uint32(data[1:walEntryHead])
	if length == 0 || uint64(length) > uint64(len(data)-walEntryHead) {
		return 0
	}
	end := walEntryHead + int(length)
	// An honest block does not unpack to more than this; a wrong length must not take the memory.
	if size, err := snappy.DecodedLen(data[walEntryHead:end]); err != nil || size > 64*int(length)+64 {
		return 0
	}
	defer func() {
		if recover() != nil { // the decoder panics on some garbage
			n = 0
		}
	}()
	r := tsm1.NewWALSegmentReader(io.NopCloser(bytes.NewReader(data[:end])))
	if !r.Next() {
		return 0
	}
	if _, err := r.Read(); err != nil {
		return 0
	}
	return end
}

// describeDamage tells from a segment's path what it belongs to.
func (s *Server) describeDamage(name string) Damage {
	parts := strings.Split(s.below(walFolder, name), string(filepath.Separator))
	d := Damage{Bucket: s.cat.bucketName(parts[0])}
	d.Shard, _ = strconv.ParseUint(parts[2], 10, 64)
	if db := s.meta.Database(parts[0]); db != nil {
		for _, rp := range db.RetentionPolicies {
			for _, g := range rp.ShardGroups {
				for _, sh := range g.Shards {
					if sh.ID == d.Shard {
						d.From, d.To = g.StartTime, g.EndTime
					}
				}
			}
		}
	}
	return d
}

// files are those below a folder of the data folder whose path there matches a pattern.
func (s *Server) files(folder, pattern string) ([]string, error) {
	root := filepath.Join(s.dir, folder) // may hold what would mean something in a pattern
	found, err := fs.Glob(os.DirFS(root), pattern)
	for i, name := range found {
		found[i] = filepath.Join(root, filepath.FromSlash(name))
	}
	return found, err
}

// below is a file's path below a folder of the data folder.
func (s *Server) below(folder, name string) string {
	rel, err := filepath.Rel(filepath.Join(s.dir, folder), name)
	if err != nil {
		return filepath.Base(name)
	}
	return rel
}

// truncate cuts a file; the cut is on disk on return.
func truncate(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

// closedShards are the folders of shards that the engine could not open. It
// only leaves them out.
func (s *Server) closedShards() ([]string, error) {
	open := map[string]bool{}
	for _, id := range s.store.ShardIDs() {
		open[strconv.FormatUint(id, 10)] = true
	}
	folders, err := s.files(dataFolder, "*/"+policyName+"/*")
	return slices.DeleteFunc(folders, func(f string) bool { return open[filepath.Base(f)] }), err
}

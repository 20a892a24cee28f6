package embedded

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// An archive is a tar. Its first member says what it is, its last one holds the
// size and SHA-256 of every other: an archive without it is cut off.
const (
	archiveVersion = 1
	manifestName   = "manifest.json"
	checksumsName  = "checksums.json"
)

// Bounds of what an archive may hold.
const (
	maxManifest  = 1 << 20
	maxChecksums = 256 << 20
	maxMembers   = 1_000_000
)

// ErrArchive: the archive is damaged, cut off, or none of ours. Nothing was restored.
var ErrArchive = errors.New("the archive cannot be used")

func errArchive(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrArchive, fmt.Sprintf(format, a...))
}

// Manifest says what an archive holds.
type Manifest struct {
	Archive int       `json:"archive"` // version of the archive's layout
	Format  int       `json:"format"`  // version of the data folder's layout
	Program string    `json:"program"` // version of the program that made it
	Created time.Time `json:"created"`
	Buckets int       `json:"buckets"`
	Shards  int       `json:"shards"`
	Series  int64     `json:"series"` // as the index counts them, over all buckets
	Members int       `json:"members"`
	Bytes   int64     `json:"bytes"` // of the members between manifest and checksums
}

// check refuses what this program cannot restore.
func (m Manifest) check() error {
	switch {
	case m.Archive < 1 || m.Format < 1 || m.Members < 0 || m.Members > maxMembers || m.Bytes < 0 || m.Shards < 0:
		return errArchive("its manifest makes no sense")
	case m.Archive > archiveVersion || m.Format > formatVersion:
		return errArchive("it was made by a newer version of this program (%s)", m.Program)
	}
	return nil
}

type checksum struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

type checksums struct {
	Complete bool       `json:"complete"`
	Files    []checksum `json:"files"`
}

// memberPath matches what an archive may hold of the engine: shards of
// databases that are named by a bucket's id.
var memberPath = regexp.MustCompile(`^(data/[0-9a-f]{16}/` + policyName + `/[1-9][0-9]{0,19}/[0-9]{1,12}-[0-9]{1,12}\.(tsm|tombstone)` +
	`|wal/[0-9a-f]{16}/` + policyName + `/[1-9][0-9]{0,19}/_[0-9]{1,12}\.wal)$`)

const metaMember = metaFolder + "/" + metaName

// knownMember tells whether a member has a place in a data folder. keep are
// files of the program around the database.
func knownMember(name string, keep []string) bool {
	return name == formatName || name == catalogueName || name == metaMember || memberPath.MatchString(name) || slices.Contains(keep, name)
}

// archiveWriter writes members and remembers their checksums.
type archiveWriter struct {
	tar   *tar.Writer
	made  time.Time
	sums  []checksum
	wrote func(n int64) // told of content as it goes out
}

func (a *archiveWriter) add(name string, size int64, content io.Reader) error {
	head := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: a.made, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(head); err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(a.tar, sum, counter(a.wrote)), io.LimitReader(content, size))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case n < size:
		return fmt.Errorf("%s: it has %d bytes instead of %d", name, n, size)
	}
	a.sums = append(a.sums, checksum{name, size, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

func (a *archiveWriter) addJSON(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.add(name, int64(len(data)), bytes.NewReader(data))
}

// end writes the checksums, without which the archive does not count.
func (a *archiveWriter) end() error {
	if err := a.addJSON(checksumsName, checksums{Complete: true, Files: a.sums}); err != nil {
		return err
	}
	return a.tar.Close()
}

// counter is told how many bytes pass.
type counter func(n int64)

// Write counts.
func (c counter) Write(p []byte) (int, error) {
	c(int64(len(p)))
	return len(p), nil
}

// archiveReader reads members and compares them, at the end, with the checksums.
type archiveReader struct {
	from     io.Reader
	tar      *tar.Reader
	keep     []string
	manifest Manifest
	seen     map[string]checksum
	bytes    int64
	current  string
	size     int64
	sum      hash.Hash
}

// readArchive reads the manifest.
func readArchive(r io.Reader, keep []string) (*archiveReader, error) {
	a := &archiveReader{from: r, tar: tar.NewReader(r), keep: keep, seen: map[string]checksum{}, sum: sha256.New()}
	head, err := a.header()
	if err != nil {
		return nil, err
	}
	if head == nil || head.Name != manifestName {
		return nil, errArchive("it does not begin with %s: it is no backup of this program", manifestName)
	}
	if err := a.json(head, maxManifest, &a.manifest); err != nil {
		return nil, err
	}
	return a, a.manifest.check()
}

// header is the next member's; nil at the end of the tar.
func (a *archiveReader) header() (*tar.Header, error) {
	head, err := a.tar.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, a.broken(err)
	case head.Typeflag != tar.TypeReg:
		return nil, errArchive("%q is no plain file", head.Name)
	case head.Size < 0:
		return nil, errArchive("%q has no size", head.Name)
	}
	a.sum.Reset()
	return head, nil
}

func (a *archiveReader) broken(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errArchive("it is cut off")
	}
	return fmt.Errorf("%w: %w", ErrArchive, err)
}

func (a *archiveReader) json(head *tar.Header, limit int64, into any) error {
	if head.Size > limit {
		return errArchive("%s is too large", head.Name)
	}
	data, err := io.ReadAll(io.TeeReader(a.tar, a.sum))
	if err != nil {
		return a.broken(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return errArchive("%s: %v", head.Name, err)
	}
	a.seen[head.Name] = checksum{head.Name, head.Size, hex.EncodeToString(a.sum.Sum(nil))}
	return nil
}

// next is the name of the next member, whose content Read gives; "" after the
// last one, when everything has been compared.
func (a *archiveReader) next() (string, int64, error) {
	if a.current != "" {
		a.seen[a.current] = checksum{a.current, a.size, hex.EncodeToString(a.sum.Sum(nil))}
		a.current = ""
	}
	head, err := a.header()
	switch {
	case err != nil:
		return "", 0, err
	case head == nil:
		return "", 0, errArchive("it is cut off: %s is missing", checksumsName)
	case head.Name == checksumsName:
		return "", 0, a.finish(head)
	case !knownMember(head.Name, a.keep):
		return "", 0, errArchive("%q has no place in a data folder", head.Name)
	case a.seen[head.Name].Name != "":
		return "", 0, errArchive("%q is there twice", head.Name)
	}
	a.bytes += head.Size
	if len(a.seen) > a.manifest.Members || a.bytes > a.manifest.Bytes {
		return "", 0, errArchive("it holds more than its manifest says")
	}
	a.current, a.size = head.Name, head.Size
	return head.Name, head.Size, nil
}

// Read gives the content of the member.
func (a *archiveReader) Read(p []byte) (int, error) {
	n, err := a.tar.Read(p)
	a.sum.Write(p[:n])
	if err != nil && !errors.Is(err, io.EOF) {
		err = a.broken(err)
	}
	return n, err
}

// finish compares what was read with the checksums, and insists on the end.
func (a *archiveReader) finish(head *tar.Header) error {
	var want checksums
	seen := a.seen
	a.seen = map[string]checksum{}
	if err := a.json(head, maxChecksums, &want); err != nil {
		return err
	}
	if !want.Complete || len(want.Files) != len(seen) || len(seen) != a.manifest.Members+1 || a.bytes != a.manifest.Bytes {
		return errArchive("parts of it are missing")
	}
	for _, f := range want.Files {
		if got := seen[f.Name]; got.Size != f.Size || !strings.EqualFold(got.SHA256, f.SHA256) {
			return errArchive("%s is damaged", f.Name)
		}
	}
	if head, err := a.header(); err != nil || head != nil {
		return errors.Join(errArchive("something follows after %s", checksumsName), err)
	}
	// What packs the tar has a checksum at its own end, so that is read, too.
	rest, err := io.Copy(io.Discard, io.LimitReader(a.from, 1<<20))
	if err != nil {
		return a.broken(err)
	}
	if rest == 1<<20 {
		return errArchive("something follows after its end")
	}
	return nil
}

package embedded_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iotcenter/influx/embedded"
)

const keyFile = "secret.key"

func backup(t *testing.T, s *embedded.Server) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Backup(t.Context(), &b, embedded.BackupOptions{Program: "test", Keep: []string{keyFile}}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func restore(archive []byte, dir string, replace bool) (embedded.Restored, error) {
	return embedded.Restore(context.Background(), embedded.RestoreOptions{Dir: dir, Replace: replace, Keep: []string{keyFile}}, bytes.NewReader(archive))
}

func mustRestore(t *testing.T, archive []byte, dir string, replace bool) embedded.Restored {
	t.Helper()
	done, err := restore(archive, dir, replace)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// listing is every file below a folder with its content, but not the lock.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "lock" {
			return err
		}
		data, err := os.ReadFile(name)
		fmt.Fprintf(&b, "%s %x\n", name, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestBackupHoldsEverything: all types, several shards, deleted points, deleted buckets, tokens, names and the key.
func TestBackupHoldsEverything(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, keyFile), []byte("the key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	setup(t, s)
	bucketID := newBucket(t, s, "data")
	gone := newBucket(t, s, "gone")
	token, _ := newToken(t, s, right{"read", bucketID}, right{"write", bucketID})
	write(t, s, rootToken, "gone", "m f=1").want(t, 204)
	call(t, s, rootToken, "DELETE", "/api/v2/buckets/"+gone, nil).want(t, 204)
	for week := range 5 {
		at := time.Date(2020, 1, 1+7*week, 0, 0, 0, 0, time.UTC).UnixNano()
		write(t, s, token, "data", fmt.Sprintf("m,a=x f=1,i=2i,u=3u,s=\"t\",b=true %d\nm,a=y f=%d %d", at, week, at)).want(t, 204)
	}
	// One restart moves what is in the WAL into files; a deletion then leaves a tombstone beside them.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	archive := backup(t, s)
	mustRestore(t, archive, filepath.Join(t.TempDir(), "early"), false)
	call(t, s, token, "POST", "/api/v2/delete?org="+orgName+"&bucket=data",
		map[string]string{"start": "2020-01-08T00:00:00Z", "stop": "2020-01-15T00:00:00Z", "predicate": "a=y"}).want(t, 204)
	write(t, s, token, "data", "later f=9").want(t, 204)
	archive = backup(t, s)
	write(t, s, token, "data", "too_late f=9").want(t, 204)

	to := filepath.Join(t.TempDir(), "restored")
	done := mustRestore(t, archive, to, false)
	if done.Aside != "" || done.Shards != 6 || done.Manifest.Buckets != 2 || done.Manifest.Program != "test" || done.Series != done.Manifest.Series {
		t.Errorf("restored %+v", done)
	}
	if key, err := os.ReadFile(filepath.Join(to, keyFile)); err != nil || string(key) != "the key\n" {
		t.Errorf("the key: %q, %v", key, err)
	}
	for range 2 { // the second start reads the index that the first one made
		r := open(t, to)
		for script, want := range map[string]string{
			`from(bucket: "data") |> range(start: 0) |> filter(fn: (r) => r.a == "y") |> sort(columns: ["_time"])`:                   "[0 3 4]",
			`from(bucket: "data") |> range(start: 0) |> filter(fn: (r) => r.a == "x" and r._field == "u") |> count()`:                "[5]",
			`from(bucket: "data") |> range(start: 0) |> filter(fn: (r) => r._measurement == "later")`:                                "[9]",
			`from(bucket: "data") |> range(start: 0) |> filter(fn: (r) => r._measurement == "too_late")`:                             "[]",
			`from(bucket: "data") |> range(start: 0) |> filter(fn: (r) => r.a == "x" and r._field == "s") |> group() |> distinct()`:  "[t]",
			`from(bucket: "data") |> range(start: 0) |> filter(fn: (r) => r.a == "x" and r._field == "b") |> group() |> limit(n: 1)`: "[true]",
			`from(bucket: "data") |> range(start: 0) |> filter(fn: (r) => r.a == "x" and r._field == "i") |> group() |> sum()`:       "[10]",
		} {
			if got := fmt.Sprint(values(t, r, rootToken, script)); got != want {
				t.Errorf("%s: %s, want %s", script, got, want)
			}
		}
		call(t, r, rootToken, "GET", "/api/v2/buckets/"+gone, nil).wantError(t, 404, "not found", "")
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if left := leftovers(t, to); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	r := open(t, to)
	write(t, r, token, "data", "m,a=x f=1").want(t, 204)
	write(t, r, token, "data", "m,a=x f=1i").want(t, 422) // the fields' types are known
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("the backup left behind %v", left)
	}
}

// leftovers are links of pictures below and restores beside a data folder.
func leftovers(t *testing.T, dir string) (left []string) {
	t.Helper()
	beside, err := filepath.Glob(dir + ".*")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".tmp") {
			left = append(left, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(left, beside...)
}

// TestBackupWhileWriting: what was acknowledged before the backup began is there, and each batch whole or not at all.
func TestBackupWhileWriting(t *testing.T) {
	s := fresh(t)
	var wg sync.WaitGroup
	var acked [4]struct {
		sync.Mutex
		n int
	}
	stop := make(chan struct{})
	for worker := range acked {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				// A batch reaches over three shards, so a torn picture would show.
				var lines strings.Builder
				for week := range 3 {
					fmt.Fprintf(&lines, "m,w=%d f=%d %d\n", worker, i, (int64(week)*7*86400+int64(i))*1e9)
				}
				if r := write(t, s, rootToken, "first", lines.String()); r.status != 204 {
					t.Errorf("write: %d %s", r.status, r.body)
					return
				}
				acked[worker].Lock()
				acked[worker].n++
				acked[worker].Unlock()
			}
		})
	}
	wait := func(n int) (now [4]int) {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			least := 1 << 30
			for w := range acked {
				acked[w].Lock()
				now[w] = acked[w].n
				acked[w].Unlock()
				least = min(least, now[w])
			}
			if least >= n || t.Failed() {
				return now
			}
			<-tick.C
		}
	}
	for round := range 3 {
		before := wait(30 * (round + 1))
		archive := backup(t, s)
		to := filepath.Join(t.TempDir(), "to")
		mustRestore(t, archive, to, false)
		r := open(t, to)
		for w := range before {
			counts := values(t, r, rootToken, fmt.Sprintf(`from(bucket: "first") |> range(start: 0) |> filter(fn: (r) => r.w == "%d") |> count()`, w))
			total := 0
			for _, c := range counts {
				total += int(c.(int64))
			}
			if total%3 != 0 || total < 3*before[w] {
				t.Errorf("writer %d: %d points, at least %d are due, in threes", w, total, 3*before[w])
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}

// rewrite copies a tar, letting fn change, drop or add members.
func rewrite(t *testing.T, archive []byte, fn func(h *tar.Header, data []byte, add func(*tar.Header, []byte))) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(h *tar.Header, data []byte) {
		c := *h
		c.Size, c.PAXRecords, c.Format = int64(len(data)), nil, tar.FormatUnknown
		if c.Typeflag != tar.TypeReg {
			c.Size = 0
		}
		if err := w.WriteHeader(&c); err != nil {
			t.Fatal(err)
		}
		if c.Size > 0 {
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
		}
	}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		fn(h, data, add)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestDamagedArchivesAreRefused(t *testing.T) {
	s := fresh(t)
	write(t, s, rootToken, "first", "m f=1").want(t, 204)
	sound := backup(t, s)
	dir := filepath.Join(t.TempDir(), "data")
	old := open(t, dir)
	setup(t, old)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	before := listing(t, filepath.Dir(dir))

	copyAll := func(h *tar.Header, data []byte, add func(*tar.Header, []byte)) { add(h, data) }
	if bytes.Equal(rewrite(t, sound, copyAll), nil) {
		t.Fatal("nothing to damage")
	}
	extra := func(extra tar.Header, content string) []byte {
		return rewrite(t, sound, func(h *tar.Header, data []byte, add func(*tar.Header, []byte)) {
			add(h, data)
			if h.Name == "manifest.json" {
				extra.Mode = 0o600
				add(&extra, []byte(content))
			}
		})
	}
	without := func(name string) []byte {
		return rewrite(t, sound, func(h *tar.Header, data []byte, add func(*tar.Header, []byte)) {
			if h.Name != name {
				add(h, data)
			}
		})
	}
	cases := map[string][]byte{
		"empty":           nil,
		"no tar":          []byte(strings.Repeat("hello ", 1000)),
		"climbs":          extra(tar.Header{Typeflag: tar.TypeReg, Name: "../x"}, "boo"),
		"climbs deep":     extra(tar.Header{Typeflag: tar.TypeReg, Name: "data/../../x"}, "boo"),
		"absolute":        extra(tar.Header{Typeflag: tar.TypeReg, Name: "/tmp/x"}, "boo"),
		"unknown":         extra(tar.Header{Typeflag: tar.TypeReg, Name: "other.txt"}, "boo"),
		"link":            extra(tar.Header{Typeflag: tar.TypeSymlink, Name: "catalogue.db", Linkname: "/etc/passwd"}, ""),
		"hard link":       extra(tar.Header{Typeflag: tar.TypeLink, Name: "secret.key", Linkname: "/etc/passwd"}, ""),
		"twice":           extra(tar.Header{Typeflag: tar.TypeReg, Name: "format.json"}, `{"format":1}`),
		"no checksums":    without("checksums.json"),
		"no manifest":     without("manifest.json"),
		"no catalogue":    without("catalogue.db"),
		"no meta":         without("meta/meta.db"),
		"something after": append(slices.Clone(sound), bytes.Repeat([]byte("x"), 2<<20)...),
		"newer": rewrite(t, sound, func(h *tar.Header, data []byte, add func(*tar.Header, []byte)) {
			add(h, bytes.Replace(data, []byte(`{"archive":1`), []byte(`{"archive":9`), 1))
		}),
	}
	for n := 0; n < len(sound); n += max(512, len(sound)/60) {
		cases[fmt.Sprintf("cut at %d", n)] = sound[:n]
	}
	for name, archive := range cases {
		if _, err := restore(archive, dir, true); !errors.Is(err, embedded.ErrArchive) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A flipped bit shows wherever it is read; padding and ids of owners are not.
	refused := 0
	for at := 3; at < len(sound); at += max(1, len(sound)/200) {
		flipped := slices.Clone(sound)
		flipped[at] ^= 4
		to := filepath.Join(t.TempDir(), "flipped")
		if _, err := restore(flipped, to, false); err == nil {
			r := open(t, to) // then nothing that matters has changed
			if got := fmt.Sprint(values(t, r, rootToken, `from(bucket: "first") |> range(start: 0)`)); got != "[1]" {
				t.Errorf("bit at %d: %s", at, got)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		} else if refused++; !errors.Is(err, embedded.ErrArchive) {
			t.Errorf("bit at %d: %v", at, err)
		}
	}
	if refused < 100 {
		t.Errorf("only %d of 200 flipped bits were noticed", refused)
	}
	if after := listing(t, filepath.Dir(dir)); after != before {
		t.Error("refused archives changed the folder")
	}
}

func TestRestoreSparesWhatIsThere(t *testing.T) {
	s := fresh(t)
	write(t, s, rootToken, "first", "m f=1").want(t, 204)
	archive := backup(t, s)

	dir := filepath.Join(t.TempDir(), "data")
	other := open(t, dir)
	setup(t, other)
	write(t, other, rootToken, "first", "m f=2").want(t, 204)
	if _, err := restore(archive, dir, true); !errors.Is(err, embedded.ErrLocked) {
		t.Errorf("over a running program: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(archive, dir, false); !errors.Is(err, embedded.ErrNotEmpty) {
		t.Errorf("over data: %v", err)
	}
	done := mustRestore(t, archive, dir, true)
	for folder, want := range map[string]string{dir: "[1]", done.Aside: "[2]"} {
		r := open(t, folder)
		if got := fmt.Sprint(values(t, r, rootToken, `from(bucket: "first") |> range(start: 0)`)); got != want {
			t.Errorf("%s: %s, want %s", folder, got, want)
		}
	}

	fresh := filepath.Join(t.TempDir(), "new", "data")
	if _, err := restore(archive[:len(archive)/2], fresh, false); !errors.Is(err, embedded.ErrArchive) {
		t.Errorf("half an archive: %v", err)
	}
	if _, err := os.Stat(fresh); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused archive left a folder: %v", err)
	}
}

// TestOneBackupAtATime also sees that a cancelled one ends and leaves nothing.
func TestOneBackupAtATime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	setup(t, s)
	write(t, s, rootToken, "first", "m f=1").want(t, 204)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := s.Backup(ctx, w, embedded.BackupOptions{})
		_ = w.CloseWithError(err)
		ended <- err
	}()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), io.Discard, embedded.BackupOptions{}); !errors.Is(err, embedded.ErrBackupRuns) {
		t.Errorf("a second one: %v", err)
	}
	write(t, s, rootToken, "first", "m f=2").want(t, 204) // while the archive is being sent
	cancel()
	_, _ = io.Copy(io.Discard, r)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left := leftovers(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRestoreKilled kills a restoring process at many moments: the folder then opens, with the old data or the new.
func TestRestoreKilled(t *testing.T) {
	if dir := os.Getenv("TEST_RESTORE_INTO"); dir != "" { // the child
		archive, err := os.ReadFile(os.Getenv("TEST_RESTORE_FROM"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("begins")
		mustRestore(t, archive, dir, true)
		return
	}
	s := fresh(t)
	for week := range 20 {
		write(t, s, rootToken, "first", fmt.Sprintf("m f=1 %d", int64(week)*7*86400e9)).want(t, 204)
	}
	file := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(file, backup(t, s), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	old := open(t, dir)
	setup(t, old)
	write(t, old, rootToken, "first", "m f=2").want(t, 204)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for delay := 5 * time.Millisecond; delay < time.Minute && seen["new"] == 0; delay = delay * 5 / 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRestoreKilled$")
		cmd.Env = append(os.Environ(), "TEST_RESTORE_INTO="+dir, "TEST_RESTORE_FROM="+file)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(delay, func() { _ = cmd.Process.Kill() })
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		r := open(t, dir)
		switch got := fmt.Sprint(values(t, r, rootToken, `from(bucket: "first") |> range(start: 0) |> sum()`)); got {
		case "[2]":
			seen["old"]++
		case "[20]":
			seen["new"]++
		default:
			t.Errorf("killed after %v: %s", delay, got)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if seen["old"] == 0 || seen["new"] == 0 {
		t.Errorf("seen: %v", seen)
	}
	if _, err := os.Stat(dir + ".restoring"); err == nil {
		mustRestore(t, mustRead(t, file), dir, true) // cleans up after those that were killed
		if _, err := os.Stat(dir + ".restoring"); err == nil {
			t.Error("what killed restores left behind is still there")
		}
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

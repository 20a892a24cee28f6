package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"iotcenter/influx/embedded"
)

// longestWindow bounds the memory that unpacking an archive takes.
const longestWindow = 32 << 20

// errNotOurs: backups are made of the embedded database.
var errNotOurs = errors.New("INFLUX_URL is set, so the data are in another InfluxDB; back it up and restore it with its own `influx backup` and `influx restore`")

// terminal are the ends of a command.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// backup writes an archive of everything that the embedded setup knows, from the program that runs on the data folder
// or, if none does, from the folder.
func backup(ctx context.Context, c Config, file string, force bool, t terminal) error {
	if !c.embedded() {
		return errNotOurs
	}
	if err := hasData(c.DataDir); err != nil {
		return err
	}
	m := newMeter(t.err, "backup")
	var packed, content int64
	err := writeOut(file, force, t.out, func(w io.Writer) error {
		z, err := zstd.NewWriter(counting{w, &packed}, zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			return err
		}
		err = sourceOf(ctx, c, func(done, total int64) {
			content = total
			m.bytes(done, total)
		}, z)
		return errors.Join(err, z.Close())
	})
	if err != nil {
		m.cut()
		return err
	}
	m.end("%s of data, %s packed, to %s; it holds the key to the devices' tokens, so keep it secret", size(content), size(packed), file)
	return nil
}

// counting counts what is written.
type counting struct {
	w io.Writer
	n *int64
}

// Write writes and counts.
func (c counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	*c.n += int64(n)
	return n, err
}

// hasData keeps a command from making a new database in a folder that has none.
func hasData(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "format.json")); err != nil {
		return fmt.Errorf("DATA_DIR: there are no data in %s: %w", dir, err)
	}
	return nil
}

// sourceOf streams the tar.
func sourceOf(ctx context.Context, c Config, progress func(done, total int64), w io.Writer) error {
	if client := dialControl(ctx, c.DataDir); client != nil {
		return fetchBackup(ctx, client, progress, w)
	}
	db, err := embedded.Open(ctx, embedded.Options{Dir: c.DataDir})
	if err != nil {
		return fmt.Errorf("DATA_DIR: %w", err)
	}
	err = db.Backup(ctx, w, embedded.BackupOptions{Program: versionText(), Keep: keptFiles, Progress: progress})
	return errors.Join(err, db.Close())
}

// fetchBackup asks the program that runs.
func fetchBackup(ctx context.Context, client *http.Client, progress func(done, total int64), w io.Writer) error {
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://control"+controlBackup, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
		return fmt.Errorf("the program that runs on %s: %s", "DATA_DIR", strings.TrimSpace(string(text)))
	}
	total, err := strconv.ParseInt(resp.Header.Get(sizeHeader), 10, 64)
	if err != nil {
		return fmt.Errorf("the program that runs answers without a size: %w", err)
	}
	var done int64
	buffer := make([]byte, 256<<10)
	progress(0, total)
	for {
		n, err := resp.Body.Read(buffer)
		if _, err := w.Write(buffer[:n]); err != nil {
			return err
		}
		done += int64(n)
		progress(min(done, total), total)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("the backup was cut off: %w", err)
		}
	}
	if text := resp.Trailer.Get(errorTrailer); text != "" {
		return fmt.Errorf("the program that runs could not end the backup: %s", text)
	}
	return nil
}

// restore puts an archive into the data folder.
func restore(ctx context.Context, c Config, file string, replace bool, t terminal) error {
	if !c.embedded() {
		return errNotOurs
	}
	m := newMeter(t.err, "restore")
	var done embedded.Restored
	err := readIn(file, t.in, func(from io.Reader, _ int64) error {
		z, err := zstd.NewReader(from, zstd.WithDecoderMaxWindow(longestWindow))
		if err != nil {
			return err
		}
		defer z.Close()
		done, err = embedded.Restore(ctx, embedded.RestoreOptions{Dir: c.DataDir, Replace: replace, Keep: keptFiles, Progress: m.bytes}, z)
		return err
	})
	if err != nil {
		m.cut()
		switch {
		case errors.Is(err, embedded.ErrNotEmpty):
			return fmt.Errorf("DATA_DIR: %w; --replace moves what is there aside", err)
		case errors.Is(err, embedded.ErrLocked):
			return fmt.Errorf("DATA_DIR: stop the program before: %w", err)
		}
		return err
	}
	if done.Aside != "" {
		fmt.Fprintln(t.err, "restore: what was there before is in", done.Aside)
	}
	man := done.Manifest
	m.end("%s of %s, %d buckets, %d shards, %d series, to %s", size(man.Bytes), man.Created.Format("2006-01-02 15:04:05 UTC"), man.Buckets, done.Shards, done.Series, c.DataDir)
	return nil
}

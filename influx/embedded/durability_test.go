package embedded_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iotcenter/influx/embedded"
)

func TestRestartKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	setup(t, s)
	bucketID := newBucket(t, s, "data")
	gone := newBucket(t, s, "gone")
	token, _ := newToken(t, s, right{"read", bucketID}, right{"write", bucketID})
	asleep, asleepID := newToken(t, s, right{"read", bucketID})
	call(t, s, rootToken, "PATCH", "/api/v2/authorizations/"+asleepID, map[string]string{"status": "inactive"}).want(t, 200)
	write(t, s, token, "data", "m f=1,i=2i,u=3u,s=\"t\",b=true").want(t, 204)
	write(t, s, rootToken, "gone", "m f=1").want(t, 204)
	call(t, s, rootToken, "DELETE", "/api/v2/buckets/"+gone, nil).want(t, 204)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	call(t, s, rootToken, "GET", "/api/v2/me", nil).wantError(t, 503, "unavailable", "")

	for _, name := range []string{"data", "wal"} {
		if _, err := os.Stat(filepath.Join(dir, name, gone)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("files of the deleted bucket are left: %v", err)
		}
	}
	// The token itself is nowhere in the catalogue.
	cat, err := os.ReadFile(filepath.Join(dir, "catalogue.db"))
	if err != nil || strings.Contains(string(cat), token) || strings.Contains(string(cat), rootToken) {
		t.Errorf("the catalogue holds a token (or cannot be read: %v)", err)
	}

	s = open(t, dir)
	if got := values(t, s, rootToken, `from(bucket: "data") |> range(start: -1h)`); len(got) != 5 {
		t.Errorf("after the restart: %v", got)
	}
	write(t, s, asleep, "data", "m f=1").wantError(t, 401, "unauthorized", "inactive")
	write(t, s, token, "data", "m f=2").want(t, 204)
	call(t, s, rootToken, "GET", "/api/v2/buckets/"+gone, nil).wantError(t, 404, "not found", "")
	again := map[string]any{"username": "a", "password": "password", "org": "b", "bucket": "c"}
	call(t, s, "", "POST", "/api/v2/setup", again).wantError(t, 422, "conflict", "")
}

func TestFolderLock(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
	if !errors.Is(err, embedded.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Fatalf("second open: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "format.json"), []byte(`{"format":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
	if !errors.Is(err, embedded.ErrNewerFormat) || !strings.Contains(err.Error(), "99") {
		t.Fatalf("open: %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 { // format.json and the lock
		t.Errorf("the refused folder was changed: %v, %v", left, err)
	}
}

func TestLostPartsAreNoticed(t *testing.T) {
	for _, name := range []string{"catalogue.db", "format.json"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			setup(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			if _, err := embedded.Open(t.Context(), embedded.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("open without %s: %v", name, err)
			}
		})
	}
}

func TestDamagedMetaIsRestored(t *testing.T) {
	for name, damage := range map[string]func(file string, data []byte) error{
		"empty":   func(f string, _ []byte) error { return os.WriteFile(f, nil, 0o600) },
		"missing": func(f string, _ []byte) error { return os.Remove(f) },
		"cut":     func(f string, d []byte) error { return os.WriteFile(f, d[:len(d)/2], 0o600) },
		"garbage": func(f string, d []byte) error {
			return os.WriteFile(f, []byte(strings.Repeat("\xff\x13", len(d))), 0o600)
		},
		"one bit": func(f string, d []byte) error { d[len(d)/2] ^= 4; return os.WriteFile(f, d, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			setup(t, s)
			write(t, s, rootToken, "first", "m f=1").want(t, 204)
			write(t, s, rootToken, "first", "m f=2 1000000000").want(t, 204) // a second shard group
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "meta", "meta.db")
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(file, data); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
			if got := values(t, s, rootToken, `from(bucket: "first") |> range(start: 0)`); fmt.Sprint(got) != "[2 1]" {
				t.Errorf("after the repair: %v", got)
			}
		})
	}
}

func TestDamagedMetaAndBackup(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"meta.db", "meta.db.backup"} {
		if err := os.WriteFile(filepath.Join(dir, "meta", name), []byte("nothing of use"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := embedded.Open(t.Context(), embedded.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "meta.db") {
		t.Errorf("open: %v", err)
	}
}

// TestOpenIsQuick: the bound leaves room for a slow machine; what is seen is some 20 ms.
func TestOpenIsQuick(t *testing.T) {
	start := time.Now()
	open(t, t.TempDir())
	if took := time.Since(start); took > 2500*time.Millisecond {
		t.Errorf("opening an empty folder took %v", took)
	}
}

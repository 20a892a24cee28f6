package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// command runs a command as main does, with a made-up environment.
func command(t *testing.T, env map[string]string, in string, args ...string) (out, log string, err error) {
	t.Helper()
	cli, name, err := parse(args, func(name string) string { return env[name] }, new(bytes.Buffer))
	if err != nil {
		return "", "", err
	}
	var stdout, stderr bytes.Buffer
	err = perform(context.Background(), cli, name, terminal{in: strings.NewReader(in), out: &stdout, err: &stderr})
	return stdout.String(), stderr.String(), err
}

// must is command that insists on success.
func must(t *testing.T, env map[string]string, args ...string) (out, log string) {
	t.Helper()
	out, log, err := command(t, env, "", args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, log)
	}
	return out, log
}

// refused insists on an error that holds a text.
func refused(t *testing.T, env map[string]string, part string, args ...string) {
	t.Helper()
	if _, _, err := command(t, env, "", args...); err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("%s: %v, want %q", strings.Join(args, " "), err, part)
	}
}

// TestBackupAndRestore backs a program up while devices write, and restores it elsewhere.
func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{"DATA_DIR": dir, "EMBEDDED_LISTEN": "127.0.0.1:0"} // the token comes from the key file
	p := start(t, env)
	p.want(201, "POST", "/api/devices/dev1", "")
	d := p.device("dev1")
	var wg sync.WaitGroup
	var mu sync.Mutex
	stop, answered := false, 0
	for worker := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				mu.Lock()
				end := stop
				mu.Unlock()
				if end {
					return
				}
				if p.write(d, fmt.Sprintf("environment Temperature=1 %d", 1_700_000_000+worker+4*i)) != 204 {
					t.Error("a write was refused")
					return
				}
				mu.Lock()
				answered++
				mu.Unlock()
			}
		})
	}
	p.until("a hundred writes", func() bool { mu.Lock(); defer mu.Unlock(); return answered >= 100 })
	mu.Lock()
	before := answered
	mu.Unlock()
	file := filepath.Join(t.TempDir(), "iot.tar.zst")
	_, log := must(t, env, "backup", file)
	if !strings.Contains(log, "keep it secret") {
		t.Errorf("summary: %q", log)
	}
	mu.Lock()
	stop = true
	mu.Unlock()
	wg.Wait()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the archive: %v, %v", info, err)
	}
	refused(t, env, "--force", "backup", file)
	must(t, env, "backup", "--force", file+"2")
	refused(t, env, "stop the program", "restore", "--replace", file)
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	refused(t, env, "--replace", "restore", file)

	elsewhere := map[string]string{"DATA_DIR": filepath.Join(t.TempDir(), "data"), "EMBEDDED_LISTEN": "127.0.0.1:0"}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, archive := range map[string][]byte{"half": whole[:len(whole)/2], "flipped": flipped(whole), "empty": nil, "other": []byte("hello")} {
		damaged := filepath.Join(t.TempDir(), "damaged")
		if err := os.WriteFile(damaged, archive, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, elsewhere, "the archive cannot be used", "restore", damaged)
		if _, err := os.Stat(elsewhere["DATA_DIR"]); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a refused archive left something", name)
		}
	}
	must(t, elsewhere, "restore", file)
	q := start(t, elsewhere)
	if again := q.device("dev1"); again.Token != d.Token {
		t.Error("the device has another token")
	}
	config := parsed(t, elsewhere)
	secret, err := loadSecrets(config)
	if err != nil {
		t.Fatal(err)
	}
	q.config.InfluxToken = secret.influxToken
	if got := len(q.values("dev1")); got < before {
		t.Errorf("%d writes were answered before the backup, %d are there", before, got)
	}
	if q.write(d, "environment Temperature=2") != 204 {
		t.Error("the device's token does not work")
	}
	if err := q.end(); err != nil {
		t.Fatal(err)
	}
	_, log = must(t, elsewhere, "restore", "--replace", file)
	if kept, err := filepath.Glob(elsewhere["DATA_DIR"] + ".before-*"); err != nil || len(kept) != 1 || !strings.Contains(log, kept[0]) {
		t.Errorf("kept %v, %v; told %q", kept, err, log)
	}
	// The program does not run: the commands open the folder.
	out, _ := must(t, elsewhere, "backup", "-")
	if _, _, err := command(t, map[string]string{"DATA_DIR": filepath.Join(t.TempDir(), "third")}, out, "restore", "-"); err != nil {
		t.Error(err)
	}
}

func flipped(data []byte) []byte {
	out := bytes.Clone(data)
	out[len(out)/2] ^= 16
	return out
}

func TestBackupCommandsRefuse(t *testing.T) {
	elsewhere := map[string]string{"INFLUX_URL": "http://127.0.0.1:1", "INFLUX_TOKEN": "t"}
	refused(t, elsewhere, "influx backup", "backup", "x")
	refused(t, elsewhere, "influx restore", "restore", "x")
	empty := map[string]string{"DATA_DIR": filepath.Join(t.TempDir(), "nothing"), "FORCE": "true"}
	for _, name := range []string{"backup", "export"} {
		refused(t, empty, "no data", name, filepath.Join(t.TempDir(), "x"))
	}
	if _, err := os.Stat(empty["DATA_DIR"]); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a command has made the data folder")
	}
	cli, name, err := parse([]string{"backup", "x"}, func(name string) string { return empty[name] }, new(bytes.Buffer))
	if err != nil || name != "backup" || cli.Backup.Force || cli.Backup.File != "x" {
		t.Errorf("%+v, %q, %v: the environment may not force anything", cli.Backup, name, err)
	}
	refused(t, map[string]string{"DATA_DIR": t.TempDir()}, "no time", "export", "--start", "yesterday", "x")
}

// TestExportAndImportCommands: through the running program, through the folder, and with INFLUX_URL.
func TestExportAndImportCommands(t *testing.T) {
	env := embeddedEnv(t.TempDir())
	p := start(t, env)
	lines := "m,t=a\\ b s=\"one\ntwo\",i=9007199254740993i 1700000000000000001\nm,t=c f=0.1 -5\n"
	const want = "m,t=a\\ b i=9007199254740993i,s=\"one\ntwo\" 1700000000000000001\n"
	if _, _, err := command(t, env, lines, "import", "-"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "points.lp.gz")
	_, log := must(t, env, "export", file)
	if !strings.Contains(log, "2 points") {
		t.Errorf("summary: %q", log)
	}
	refused(t, env, "--force", "export", file)
	remote := map[string]string{"INFLUX_URL": "http://" + p.other.String(), "INFLUX_TOKEN": adminToken}
	if out, _ := must(t, remote, "export", "--start", "2023-01-01", "-"); out != want {
		t.Errorf("by INFLUX_URL: %q", out)
	}
	refused(t, env, "line 2:", "import", write(t, "m f=1 1\nm f=\n"))

	other := embeddedEnv(t.TempDir())
	q := start(t, other)
	if err := q.end(); err != nil {
		t.Fatal(err)
	}
	must(t, other, "import", file)
	if out, _ := must(t, other, "export", "--stop", "2023-01-01", "-"); out != "m,t=c f=0.1 -5\n" {
		t.Errorf("from the folder: %q", out)
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestControlSocket: private, replaced when stale, gone after the stop, and reachable however long the path is.
func TestControlSocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, controlName)
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // as good as one that a crash left
		t.Fatal(err)
	}
	env := embeddedEnv(dir)
	p := start(t, env)
	if info, err := os.Stat(socket); err != nil || info.Mode().Type() != fs.ModeSocket || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	must(t, env, "backup", filepath.Join(t.TempDir(), "x"))
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*control*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestBackupIsWholeOrNotThere: one that is interrupted leaves no file of the final name.
func TestBackupIsWholeOrNotThere(t *testing.T) {
	env := embeddedEnv(t.TempDir())
	start(t, env)
	cli, name, err := parse([]string{"backup", filepath.Join(t.TempDir(), "x")}, func(name string) string { return env[name] }, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := perform(ctx, cli, name, terminal{err: new(bytes.Buffer)}); err == nil {
		t.Error("an interrupted backup has no error")
	}
	if left, _ := filepath.Glob(cli.Backup.File + "*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

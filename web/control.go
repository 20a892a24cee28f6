package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"iotcenter/influx/embedded"
)

// controlName is the socket in the data folder by which the commands reach the program that runs there. It needs no
// token of its own, because only who may enter the folder can connect.
const controlName = "control.sock"

const (
	controlBackup = "/control/backup"
	sizeHeader    = "X-Backup-Size"  // bytes of content that will come
	errorTrailer  = "X-Backup-Error" // why the archive ends early
)

// keptFiles belong to a backup beside the database: without the key, the devices' tokens in it cannot be opened.
var keptFiles = []string{keyFile}

// longestSocket is what an address of a unix socket can hold on all systems, with room for a temporary folder.
const longestSocket = 100

// listenControl opens the socket. The data folder is locked, so a socket that is there belongs to nobody.
func listenControl(dir string) (net.Listener, error) {
	// It gets its place once it has its mode: before, it is in a folder that no one else may enter.
	tmp, err := os.MkdirTemp(dir, ".control-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	address, done, err := socketAddress(tmp)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	made := filepath.Join(tmp, controlName)
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, filepath.Join(dir, controlName))); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &controlListener{l, filepath.Join(dir, controlName)}, nil
}

// controlListener takes its socket away when it is closed.
type controlListener struct {
	net.Listener
	path string
}

// Close stops listening.
func (l *controlListener) Close() error {
	err := os.Remove(l.path)
	if errors.Is(err, os.ErrNotExist) { // closed before
		err = nil
	}
	return errors.Join(l.Listener.Close(), err)
}

// socketAddress is the address of the socket in a folder. One whose path is too long for an address is reached by way
// of the open folder; done closes that.
func socketAddress(dir string) (address string, done func(), err error) {
	address = filepath.Join(dir, controlName)
	if len(address) <= longestSocket {
		return address, func() {}, nil
	}
	folder, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	address = fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), controlName)
	if _, err := os.Stat(filepath.Dir(address)); err != nil {
		return "", nil, errors.Join(fmt.Errorf("the path of %s is too long for a socket", dir), folder.Close())
	}
	return address, func() { _ = folder.Close() }, nil
}

// controlServer answers the commands: with the embedded InfluxDB's API, which asks for tokens as always, and with backups.
func (a *app) controlServer(base context.Context) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("/", a.embedded.Handler())
	mux.HandleFunc("POST "+controlBackup, a.sendBackup)
	return &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, // no limit beyond: exports and imports take their time
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
}

// sendBackup streams an archive. An error after its beginning goes behind it.
func (a *app) sendBackup(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", errorTrailer)
	began := false
	err := a.embedded.Backup(r.Context(), w, embedded.BackupOptions{
		Program: versionText(), Keep: keptFiles,
		Progress: func(_, total int64) {
			if !began {
				began = true
				w.Header().Set("Content-Type", "application/x-tar")
				w.Header().Set(sizeHeader, strconv.FormatInt(total, 10))
			}
		},
	})
	switch {
	case err == nil:
		a.log.Info("backup: sent")
	case began:
		a.log.Warn("backup: failed", "error", err)
		w.Header().Set(errorTrailer, fmt.Sprintf("%.500q", err.Error()))
	case errors.Is(err, embedded.ErrBackupRuns):
		http.Error(w, err.Error(), http.StatusConflict)
	default:
		a.log.Warn("backup: failed", "error", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// dialControl is a client of the program that runs on a data folder; nil if none does.
func dialControl(ctx context.Context, dir string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		address, done, err := socketAddress(dir)
		if err != nil {
			return nil, err
		}
		defer done()
		var d net.Dialer
		return d.DialContext(ctx, "unix", address)
	}
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil
	}
	_ = conn.Close()
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableCompression: true}}
}

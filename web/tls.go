package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// How often the files of the certificate are looked at: at handshakes, so that a new one is served at once, and also
// when nobody comes, so that a broken one is in the log before somebody does.
const (
	certificatePause = time.Second
	certificateWatch = time.Minute
)

// certificates serves the certificate of two files, and another one as soon as the files change. It is safe for
// concurrent use.
type certificates struct {
	certFile, keyFile string
	clock             func() time.Time
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	of      filePair // what current was read from
	broken  bool     // the files on disk make no pair
	told    filePair // those that were logged as broken
	looked  time.Time
}

// filePair tells two versions of the files apart. Links are followed: a secret that Kubernetes mounts changes by
// turning a link to another folder.
type filePair [2]os.FileInfo

func (p filePair) same(other filePair) bool {
	for i, a := range p {
		b := other[i]
		if a == nil || b == nil {
			return a == nil && b == nil // a file is missing in both
		}
		if !os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime()) {
			return false
		}
	}
	return true
}

// openCertificates reads the files. Its error names the variable to change.
func openCertificates(certFile, keyFile string, clock func() time.Time, log *slog.Logger) (*certificates, error) {
	for _, f := range []struct{ name, path string }{{"TLS_CERT", certFile}, {"TLS_KEY", keyFile}} {
		file, err := os.Open(f.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		_ = file.Close()
	}
	c := &certificates{certFile: certFile, keyFile: keyFile, clock: clock, log: log, looked: clock()}
	files := c.stat()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("TLS_CERT, TLS_KEY: %w", err)
	}
	c.current, c.of = &pair, files
	c.tellExpiry("the certificate was read")
	return c, nil
}

// config is for a server. Its HTTP/2 is switched on by net/http.
func (c *certificates) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get(), nil }}
}

// get is the certificate to serve now.
func (c *certificates) get() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	if since := now.Sub(c.looked); since >= 0 && since < certificatePause {
		return c.current
	}
	c.looked = now
	c.reload()
	return c.current
}

// watch looks at the files until ctx ends.
func (c *certificates) watch(ctx context.Context) {
	tick := time.NewTicker(certificateWatch)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.get()
		}
	}
}

// reload reads the files if they changed. Those that make no pair, as while only one of the two is written yet, are
// tried again the next time, and leave the certificate that there is.
func (c *certificates) reload() {
	// What is read is at least as new as what stat saw: a change between the two is found the next time.
	files := c.stat()
	if files.same(c.of) {
		c.broken = false // the former files are back
		return
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		if !c.broken || !files.same(c.told) {
			c.broken, c.told = true, files
			c.log.Error("TLS_CERT, TLS_KEY: the files changed and cannot be used; the former certificate stays", "error", err)
		}
		return
	}
	c.current, c.of, c.broken = &pair, files, false
	c.tellExpiry("the certificate was changed")
}

// stat describes the files; nil stands for one that is not there.
func (c *certificates) stat() filePair {
	var out filePair
	for i, path := range [...]string{c.certFile, c.keyFile} {
		if info, err := os.Stat(path); err == nil {
			out[i] = info
		}
	}
	return out
}

func (c *certificates) tellExpiry(event string) {
	until := c.current.Leaf.NotAfter
	if c.clock().After(until) {
		c.log.Warn(event+", and it has expired", "until", until)
		return
	}
	c.log.Info(event, "until", until)
}

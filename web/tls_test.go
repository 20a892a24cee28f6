package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// makePair makes a certificate for a name, signed by itself, and its key.
func makePair(t *testing.T, name string, until time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes})
}

// pairFiles are the two files in a folder.
func pairFiles(dir string) (cert, key string) {
	return filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
}

// writePair writes a new pair for a name into a folder.
func writePair(t *testing.T, dir, name string) {
	t.Helper()
	cert, key := makePair(t, name, time.Now().Add(time.Hour))
	certFile, keyFile := pairFiles(dir)
	put(t, certFile, cert)
	put(t, keyFile, key)
}

// put replaces a file as careful programs do, so that it is another file also within the clock's granularity.
func put(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// served is whom the certificate names that is served now.
func served(c *certificates) string { return c.get().Leaf.Subject.CommonName }

// turnedClock is a clock that the test turns.
type turnedClock struct{ at time.Time }

func (c *turnedClock) now() time.Time { return c.at }

func (c *turnedClock) turn() { c.at = c.at.Add(certificatePause) }

func openPair(t *testing.T, dir string) (*certificates, *turnedClock, *lockedBuffer) {
	t.Helper()
	clock, log := &turnedClock{time.Now()}, new(lockedBuffer)
	certFile, keyFile := pairFiles(dir)
	c, err := openCertificates(certFile, keyFile, clock.now, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return c, clock, log
}

func TestCertificateIsReloadedOnChange(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "one.example")
	c, clock, log := openPair(t, dir)
	if got := served(c); got != "one.example" {
		t.Fatal(got)
	}
	writePair(t, dir, "two.example")
	if got := served(c); got != "one.example" {
		t.Errorf("the files are looked at more than once a second: %s", got)
	}
	clock.turn()
	if got := served(c); got != "two.example" {
		t.Errorf("after a second %s", got)
	}
	first := c.get()
	clock.turn()
	if c.get() != first {
		t.Error("files that did not change are read again")
	}
	if n := strings.Count(log.String(), "the certificate was changed"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log)
	}
}

func TestBrokenCertificateKeepsTheOld(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "one.example")
	certFile, keyFile := pairFiles(dir)
	oldCert, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	c, clock, log := openPair(t, dir)
	complaints := 0
	still := func(what string, news bool) {
		t.Helper()
		for range 3 {
			clock.turn()
			if got := served(c); got != "one.example" {
				t.Errorf("%s: %s", what, got)
			}
		}
		if news {
			complaints++
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != complaints {
			t.Errorf("%s: %d complaints, want %d:\n%s", what, n, complaints, log)
		}
	}
	put(t, certFile, []byte("cut"))
	still("no PEM", true)
	newCert, newKey := makePair(t, "two.example", time.Now().Add(time.Hour))
	put(t, certFile, newCert)
	still("the key is the old one's", true)
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	still("no key", true)
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	still("neither", true)
	put(t, certFile, oldCert)
	still("the key is still missing", true)
	put(t, certFile, newCert)
	put(t, keyFile, newKey)
	clock.turn()
	if got := served(c); got != "two.example" {
		t.Errorf("the pair is whole again: %s", got)
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Errorf("the log holds a key: %s", log)
	}
}

// Kubernetes changes a mounted secret by turning one link: the paths of the files stay, and so may sizes and times.
func TestCertificateBehindLinks(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		writePair(t, filepath.Join(dir, name), name+".example")
	}
	link := func(to string) {
		t.Helper()
		tmp := filepath.Join(dir, "tmp")
		if err := os.Symlink(to, tmp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	link("one")
	for _, file := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", file), filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	c, clock, _ := openPair(t, dir)
	if got := served(c); got != "one.example" {
		t.Fatal(got)
	}
	link("two")
	clock.turn()
	if got := served(c); got != "two.example" {
		t.Errorf("the link was turned, and it is still %s", got)
	}
}

// Handshakes at the same moment share one look at the files.
func TestCertificateIsServedToManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "one.example")
	c, clock, log := openPair(t, dir)
	writePair(t, dir, "two.example")
	clock.turn()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := served(c); got != "two.example" {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	if n := strings.Count(log.String(), "the certificate was changed"); n != 1 {
		t.Errorf("read %d times", n)
	}
}

func TestExpiredCertificateIsTold(t *testing.T) {
	dir := t.TempDir()
	cert, key := makePair(t, "old.example", time.Now().Add(-time.Hour))
	certFile, keyFile := pairFiles(dir)
	put(t, certFile, cert)
	put(t, keyFile, key)
	if _, _, log := openPair(t, dir); !strings.Contains(log.String(), "it has expired") {
		t.Errorf("%s", log)
	}
}

// TestHTTPS starts the program with a certificate, changes it, and asks for both over HTTP/2 and HTTP/1.1.
func TestHTTPS(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "one.example")
	certFile, keyFile := pairFiles(dir)
	p := launch(t, map[string]string{"DATA_DIR": t.TempDir(), "TLS_CERT": certFile, "TLS_KEY": keyFile})
	address := strings.TrimPrefix(p.base, "http://")
	if want := "IoT Center is at https://" + address; !strings.Contains(p.out.String(), want) {
		t.Errorf("%q is not told in %s", want, p.out)
	}
	// ask makes a new connection and gives the answer with its certificate's name.
	ask := func(path string, h2 bool) (*http.Response, string) {
		t.Helper()
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2, DisableKeepAlives: true} //nolint:gosec // signed by itself
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp, resp.TLS.PeerCertificates[0].Subject.CommonName
	}
	resp, name := ask("/healthz", true)
	if resp.StatusCode != 200 || name != "one.example" || resp.ProtoMajor != 2 {
		t.Errorf("%s %s from %s", resp.Proto, resp.Status, name)
	}
	if resp.Header.Get("Strict-Transport-Security") == "" {
		t.Error("browsers are not told to stay")
	}
	if resp, _ = ask("/nothing", false); resp.StatusCode != http.StatusSeeOther || resp.ProtoMajor != 1 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %s %v", resp.Proto, resp.Status, resp.Header)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	healthy := Config{Host: "127.0.0.1", Port: port, TLSCert: certFile, TLSKey: keyFile}
	if err := health(t.Context(), healthy); err != nil {
		t.Errorf("health: %v", err)
	}
	old := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}} //nolint:gosec // to be refused
	if conn, err := old.DialContext(t.Context(), "tcp", address); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	plain, err := http.Get("http://" + address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = plain.Body.Close()
	if plain.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP: %s", plain.Status)
	}
	writePair(t, dir, "two.example")
	p.until("the new certificate", func() bool { _, name := ask("/healthz", true); return name == "two.example" })
	if err := p.end(); err != nil {
		t.Error(err)
	}
	if strings.Contains(p.log.String(), "TLS handshake error") {
		t.Errorf("whoever scans ports fills the log:\n%s", p.log)
	}
}

// Requests that have no address of their own, and those with large headers, get an answer that holds nothing back.
func TestServerAnswersOddRequests(t *testing.T) {
	p := launch(t, map[string]string{"DATA_DIR": t.TempDir()})
	address := strings.TrimPrefix(p.base, "http://")
	for _, row := range []struct{ name, request, status string }{
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 301"},
		{"no Host", "GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.0 200"},
		{"large headers", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", "HTTP/1.1 431"},
		{"a long address", "GET /?" + strings.Repeat("x", 9<<10) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 414"},
		{"a Host with a person", "GET / HTTP/1.1\r\nHost: me@a\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var d net.Dialer
			conn, err := d.DialContext(ctx, "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			if _, err := io.WriteString(conn, row.request); err != nil {
				t.Fatal(err)
			}
			answer, _ := io.ReadAll(conn)
			if !strings.HasPrefix(string(answer), row.status) {
				t.Fatalf("%.300s", answer)
			}
			if row.name != "large headers" && row.name != "a Host with a person" && !strings.Contains(string(answer), "X-Content-Type-Options: nosniff\r\n") {
				t.Errorf("no headers: %.300s", answer)
			}
		})
	}
}

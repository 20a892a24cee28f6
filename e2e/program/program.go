// Package program starts the real program for tests and benchmarks: the binary
// itself, on a free port of the loopback, with a data folder of its own, and
// stops it again the way an operator would.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Build makes the binary in dir, without the race detector, and gives its path.
// Where IOT_BIN names a binary already, it gives that one.
func Build(ctx context.Context, dir string) (string, error) {
	if bin := os.Getenv("IOT_BIN"); bin != "" {
		if _, err := os.Stat(bin); err != nil {
			return "", fmt.Errorf("IOT_BIN: %w", err)
		}
		return bin, nil
	}
	bin := filepath.Join(dir, "iot-center")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, "iotcenter/web")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
}

// Options say how a program is started.
type Options struct {
	Bin     string
	DataDir string
	Env     []string // KEY=value; added to a clean environment
	Limit   time.Duration
}

// Program is a running program.
type Program struct {
	URL     string        // where it listens
	Started time.Duration // from start to the first 200 of /readyz

	cmd    *exec.Cmd
	log    *buffer
	exited chan struct{}
	err    error // of Wait; read after exited is closed
}

// Start starts the program and returns when /readyz says 200. The caller stops it.
func Start(ctx context.Context, o Options) (*Program, error) {
	if o.Limit == 0 {
		o.Limit = 60 * time.Second
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	p := &Program{URL: "http://127.0.0.1:" + port, log: &buffer{}, exited: make(chan struct{})}
	p.cmd = exec.Command(o.Bin, "serve")
	p.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + o.DataDir, "TZ=UTC",
		"HOST=127.0.0.1", "PORT=" + port, "DATA_DIR=" + o.DataDir,
		"ADMIN_PASSWORD=" + Password, "API_KEY=" + APIKey,
	}, o.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log

	begin := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	if err := p.awaitReady(ctx, o.Limit); err != nil {
		_ = p.cmd.Process.Kill()
		<-p.exited
		return nil, fmt.Errorf("%w; its log:\n%s", err, p.Log())
	}
	p.Started = time.Since(begin)
	return p, nil
}

// awaitReady asks /readyz until it says 200.
func (p *Program) awaitReady(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		if ready(ctx, p.URL) {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("the program ended before it was ready: %w", p.err)
		case <-ctx.Done():
			return fmt.Errorf("the program was not ready after %v", limit)
		case <-again.C:
		}
	}
}

func ready(ctx context.Context, base string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// Stop asks the program to end (SIGTERM) and waits for it; it errs where the program does not end within 10 s, as it
// promises, or ends with a failure.
func (p *Program) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("the program ended with a failure: %w", p.err)
		}
		return nil
	case <-late.C:
		_ = p.cmd.Process.Kill()
		<-p.exited
		return errors.New("the program did not end within 10 s of SIGTERM")
	}
}

// PID is the process.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Log is what the program has written so far.
func (p *Program) Log() string { return p.log.String() }

// Complaints are the lines of the log that no run without faults may have: errors and panics.
func (p *Program) Complaints() []string {
	var out []string
	for line := range strings.Lines(p.Log()) {
		if strings.Contains(line, "level=ERROR") || strings.Contains(line, `"level":"ERROR"`) ||
			strings.Contains(line, "panic:") || strings.Contains(line, "DATA RACE") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// FreePort is a port of the loopback that nobody listens on right now.
func FreePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// buffer is a bytes.Buffer that a process writes while a test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"iotcenter/influx/embedded"
)

// childFolder tells a process of this test that it is to be a database.
const childFolder = "EMBEDDED_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		if err := beDatabase(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// beDatabase serves a folder on a free port, tells the address, and ends with its input.
func beDatabase(dir string) error {
	s, err := embedded.Open(context.Background(), embedded.Options{Dir: dir})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = http.Serve(l, s.Handler()) }()
	fmt.Printf("http://%s\n", l.Addr())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Close()
}

// child is a database in a process of its own.
type child struct {
	base  string
	cmd   *exec.Cmd
	stdin io.Closer
}

// startChild starts one; a wrapper is a program that runs it.
func startChild(t *testing.T, dir string, wrapper ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(wrapper, self, "-test.run=^$")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the database did not start: %v", err)
	}
	return &child{base: strings.TrimSpace(line), cmd: cmd, stdin: stdin}
}

// kill ends it as a power cut of the process would.
func (c *child) kill(t *testing.T) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.cmd.Wait() // says that it was killed
}

// stop ends it in good order.
func (c *child) stop(t *testing.T) {
	t.Helper()
	if err := c.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// write posts lines and gives the status; an error is a connection that broke.
func (c *child) write(hc *http.Client, bucket, lines string) (int, error) {
	req, err := http.NewRequest("POST", c.base+"/api/v2/write?org="+orgName+"&bucket="+bucket, strings.NewReader(lines))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Token "+rootToken)
	resp, err := hc.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, nil
}

// setupFolder makes a database with the bucket "first" and closes it.
func setupFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir)
	setup(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

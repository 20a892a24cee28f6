package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
)

// live is a live stream, as its bytes come over a connection of its own.
type live struct {
	t      *testing.T
	chunks chan string   // what came with each write of the server
	ended  chan struct{} // closed when the stream has ended; err is valid then
	err    error         // nil: it ended in order
	leave  func()
}

// listen opens a live stream and reads the comment by which it begins. key is an API key.
func (p *program) listen(path, key string) *live {
	p.t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(p.base, "http://"), 10*time.Second)
	if err != nil {
		p.t.Fatal(err)
	}
	l := &live{t: p.t, chunks: make(chan string, 1000), ended: make(chan struct{}), leave: func() { _ = conn.Close() }}
	p.t.Cleanup(l.leave)
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nAccept: text/event-stream\r\n\r\n", path, conn.RemoteAddr(), key); err != nil {
		p.t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(conn)
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := in.ReadString('\n')
		if err != nil {
			p.t.Fatalf("%v after %q", err, head)
		}
		head += line
	}
	if !strings.HasPrefix(head, "HTTP/1.1 200 ") || !strings.Contains(head, "Content-Type: text/event-stream\r\n") || !strings.Contains(head, "Transfer-Encoding: chunked\r\n") {
		p.t.Fatalf("%s", head)
	}
	_ = conn.SetReadDeadline(time.Time{})
	go func() {
		defer close(l.ended)
		for {
			chunk, err := readChunk(in)
			if errors.Is(err, io.EOF) && chunk == "" {
				return
			}
			if err != nil {
				l.err = err
				return
			}
			l.chunks <- chunk
		}
	}()
	if first := l.next(); first != ": keepalive\n\n" {
		p.t.Fatalf("the stream begins with %q", first)
	}
	return l
}

// readChunk reads one chunk of a chunked answer: Go's server makes one of each write that is flushed. It is io.EOF
// after the last one, and io.ErrUnexpectedEOF where the answer is cut.
func readChunk(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", io.ErrUnexpectedEOF
	}
	var n int
	if _, err := fmt.Sscanf(line, "%x\r\n", &n); err != nil {
		return "", err
	}
	if n == 0 {
		return "", io.EOF
	}
	chunk := make([]byte, n+2)
	if _, err := io.ReadFull(in, chunk); err != nil {
		return "", io.ErrUnexpectedEOF
	}
	return string(chunk[:n]), nil
}

// next is what comes next.
func (l *live) next() string {
	l.t.Helper()
	select {
	case chunk := <-l.chunks:
		return chunk
	case <-l.ended:
		l.t.Fatalf("the stream has ended: %v", l.err)
	case <-time.After(20 * time.Second):
		l.t.Fatal("nothing comes")
	}
	return ""
}

// ends waits for the end of the stream and gives what came before it.
func (l *live) ends(within time.Duration) (rest []string) {
	l.t.Helper()
	select {
	case <-l.ended:
	case <-time.After(within):
		l.t.Fatalf("the stream does not end within %v", within)
	}
	if l.err != nil {
		l.t.Errorf("the stream was cut instead of ended: %v", l.err)
	}
	for {
		select {
		case chunk := <-l.chunks:
			rest = append(rest, chunk)
		default:
			return rest
		}
	}
}

// TestLiveStreams listens to a sensor and to the organization.
func TestLiveStreams(t *testing.T) {
	p := startDialects(t)
	admin := p.signIn("admin", testPassword)
	id := p.newDevice(t)
	path := "/v1/sensor/" + id + "/timeseries/live"

	// Streams without a point have fifteen seconds of silence before anybody looks; they have them meanwhile.
	quiet, gone := p.newDevice(t), p.newDevice(t)
	silent := map[string]*live{
		"a revoked key":    p.listen("/v1/sensor/"+quiet+"/timeseries/live", p.makeKey(admin, "quiet", "OVERVIEW")),
		"a removed sensor": p.listen("/v1/sensor/"+gone+"/timeseries/live", testKey),
	}
	p.revokeNewestKey(admin)
	p.v1(t, 204, "DELETE", "/api/devices/"+gone, "")

	t.Run("each point is one event in one write, byte for byte as it was answered", func(t *testing.T) {
		p := p.in(t)
		l := p.listen(path, testKey)
		for _, value := range []string{`21.5`, "\"two\\nlines\\r and \\u2028\"", "{\n \"a\" :\r\n [1, null]}", `"🙂"`} {
			answer := p.v1(t, 201, "POST", "/v1/sensor/"+id+"/timeseries", newPoint("t", value, ""))
			if got, want := l.next(), "event: sensor\ndata: "+strings.TrimSuffix(answer, "\n")+"\n\n"; got != want {
				t.Errorf("got\n%q, want\n%q", got, want)
			}
		}
	})
	t.Run("filter[port] is honoured", func(t *testing.T) {
		p := p.in(t)
		l := p.listen(path+"?filter%5Bport%5D="+url.QueryEscape("t,_e"), testKey)
		for _, port := range []string{"h", "_e", "tt", "T", "t"} {
			p.postPoint(t, id, port, "1", "")
		}
		for _, port := range []string{"_e", "t"} {
			if got := l.next(); !strings.Contains(got, `"port":"`+port+`"`) {
				t.Errorf("%q, want port %s", got, port)
			}
		}
	})
	t.Run("a stream has the points of its own sensor alone", func(t *testing.T) {
		p := p.in(t)
		sensor, organization := p.listen(path, testKey), p.listen("/v1/organization/timeseries/live", testKey)
		other := p.newDevice(t)
		p.postPoint(t, other, "t", `"other"`, "")
		answer := p.v1(t, 201, "POST", "/v1/organization/timeseries", newPoint("_e", `"ours"`, ""))
		p.postPoint(t, id, "t", `"mine"`, "")
		if got := sensor.next(); !strings.Contains(got, `"mine"`) {
			t.Errorf("the sensor's: %q", got)
		}
		if got, want := organization.next(), "event: sensor\ndata: "+strings.TrimSuffix(answer, "\n")+"\n\n"; got != want {
			t.Errorf("the organization's: %q, want %q", got, want)
		}
	})
	t.Run("a wrong filter is refused before the stream", func(t *testing.T) {
		for _, query := range []string{"filter%5Bport%5D=", "filter%5Bport%5D=" + strings.Repeat("x", 129), "filter%5Bport%5D=%ff"} {
			p.v1(t, 400, "GET", path+"?"+query, "")
		}
		p.v1(t, 404, "GET", "/v1/sensor/00000000-0000-4000-8000-000000000000/timeseries/live", "")
	})
	t.Run("a revoked key hears nothing more", func(t *testing.T) {
		p := p.in(t)
		key := p.makeKey(admin, "listener", "OVERVIEW")
		revoked, stays := p.listen(path, key), p.listen(path, testKey)
		p.postPoint(t, id, "t", `"before"`, "")
		if got := revoked.next(); !strings.Contains(got, "before") {
			t.Errorf("%q", got)
		}
		p.revokeNewestKey(admin)
		p.postPoint(t, id, "t", `"after"`, "")
		if rest := revoked.ends(5 * time.Second); len(rest) > 0 {
			t.Errorf("after the key was revoked came %q", rest)
		}
		stays.next()
		if got := stays.next(); !strings.Contains(got, "after") {
			t.Errorf("%q", got)
		}
	})
	t.Run("in silence, the streams of a revoked key and of a removed sensor end with the next sign of life", func(t *testing.T) {
		for name, l := range silent {
			if rest := l.ends(20 * time.Second); len(rest) > 0 {
				t.Errorf("%s: %q", name, rest)
			}
		}
	})
}

// TestLiveStreamsEndWithTheProgram stops a program with many streams: it is out within seconds, each stream ends in order,
// and neither streams whose clients left nor those that were open leave a goroutine behind.
func TestLiveStreamsEndWithTheProgram(t *testing.T) {
	env := unlimited(databaseEnv(t))
	first := start(t, env) // what the libraries start once is not counted
	first.v1(t, 201, "POST", "/api/devices/listened", "")
	first.postPoint(t, "listened", "t", "1", "")
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	keyed.CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()

	p := start(t, env)
	const path = "/v1/sensor/listened/timeseries/live"
	var open []*live
	for i := range 60 {
		l := p.listen(path, testKey)
		if i%3 == 0 {
			l.leave()
			continue
		}
		open = append(open, l)
	}
	p.postPoint(t, "listened", "t", `"heard"`, "")
	for _, l := range open {
		if got := l.next(); !strings.Contains(got, `"heard"`) {
			t.Errorf("%q", got)
		}
	}
	began := time.Now()
	if err := p.end(); err != nil {
		t.Error(err)
	}
	for _, l := range open {
		if rest := l.ends(5 * time.Second); len(rest) > 0 {
			t.Errorf("at the end came %q", rest)
		}
		l.leave()
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	keyed.CloseIdleConnections()
	unled.CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections()
	p.until("no goroutine is left", func() bool { return runtime.NumGoroutine() <= before+5 })
}

// TestLiveStreamsAreBounded opens as many streams of one sensor as there can be: the next one is told to come later, and
// has its place when another client leaves.
func TestLiveStreamsAreBounded(t *testing.T) {
	p := startDialects(t)
	id := p.newDevice(t)
	path := "/v1/sensor/" + id + "/timeseries/live"
	var open []*live
	for range 100 {
		open = append(open, p.listen(path, testKey))
	}
	if code, text, header := p.v1Any(t, "GET", path, ""); code != 429 || header.Get("Retry-After") == "" || !strings.Contains(text, `"status":"429"`) {
		t.Errorf("%d %s", code, text)
	}
	open[0].leave()
	p.until("a place for another one", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "GET", p.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", testKey)
		resp, err := keyed.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == 200
	})
}

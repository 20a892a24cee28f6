package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// wantsStream tells whether the request is a browser's EventSource.
func wantsStream(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// endStreams ends the context of event streams when the app stops; other requests go on to their end.
func (s *Server) endStreams(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !wantsStream(r) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.streams, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// streamPause is the longest silence of an event stream: proxies cut quiet connections.
const streamPause = 15 * time.Second

// eventStream sends server-sent events. Its methods are for one goroutine.
type eventStream struct {
	w   http.ResponseWriter
	rc  *http.ResponseController
	ctx context.Context
}

// stream starts an answer of server-sent events for a page. The stream's context ends when the client leaves or the app
// stops.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) (*eventStream, error) {
	return s.streamFrom(w, r, "retry: 3000\n\n")
}

// streamFrom is stream with other first bytes: what they are tells the client at once that the stream is open.
func (s *Server) streamFrom(w http.ResponseWriter, r *http.Request, first string) (*eventStream, error) {
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(s.streams, cancel)
	context.AfterFunc(ctx, func() { stop() }) // the request ends its context: nothing of it stays behind
	e := &eventStream{w: w, rc: http.NewResponseController(w), ctx: ctx}
	// A stream outlives the server's write timeout; each event has its own (see send).
	_ = e.rc.SetWriteDeadline(time.Time{}) // a writer without deadlines, as in tests, needs none lifted
	_ = e.rc.SetReadDeadline(time.Time{})
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	h.Set(gzhttp.HeaderNoCompression, "1") // for a client that did not ask for a stream by name
	w.WriteHeader(http.StatusOK)
	return e, e.write([]byte(first))
}

// Done is closed when the client has left or the app stops.
func (e *eventStream) Done() <-chan struct{} { return e.ctx.Done() }

// Context ends with the stream.
func (e *eventStream) Context() context.Context { return e.ctx }

// Send sends one event with v as JSON, which has no line breaks of its own. name may be "".
func (e *eventStream) Send(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return e.SendText(name, string(data))
}

// SendText sends one event with text, such as a piece of HTML, as its data.
func (e *eventStream) SendText(name, text string) error {
	var b bytes.Buffer
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r", ""), "\n") {
		b.WriteString("data: " + line + "\n")
	}
	b.WriteByte('\n')
	return e.write(b.Bytes())
}

// keepalive is a comment, which clients pass over.
const keepalive = ": keepalive\n\n"

// Ping sends a comment; call it after streamPause without an event.
func (e *eventStream) Ping() error { return e.write([]byte(keepalive)) }

func (e *eventStream) write(p []byte) error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	_ = e.rc.SetWriteDeadline(time.Now().Add(10 * time.Second)) // a client that stopped reading is let go
	if _, err := e.w.Write(p); err != nil {
		return err
	}
	if err := e.rc.Flush(); err != nil {
		return err
	}
	_ = e.rc.SetWriteDeadline(time.Time{})
	return nil
}

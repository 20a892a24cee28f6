package embedded

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
)

// transport answers requests by calling the handler in this process. Unlike a
// recorder it streams: the handler reads the request's body as it comes, and
// the caller reads the answer while the handler still writes.
type transport struct {
	handler http.Handler
	log     *slog.Logger
}

type inProcessKey struct{}

// inProcess tells that the answer does not cross a network: packing it would cost and save nothing.
func inProcess(ctx context.Context) bool { return ctx.Value(inProcessKey{}) != nil }

// RoundTrip runs the handler and returns as soon as the head of its answer is
// known.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	body := req.Body
	if body == nil {
		body = http.NoBody
	}
	closeBody := sync.OnceFunc(func() { _ = body.Close() })
	// A handler that waits for the next part of the body must not wait for
	// ever once nobody wants the answer.
	stop := context.AfterFunc(ctx, closeBody)

	in := req.Clone(context.WithValue(ctx, inProcessKey{}, true))
	in.Body = body
	in.Host = req.Host
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	in.RequestURI = req.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:0"
	in.Proto, in.ProtoMajor, in.ProtoMinor = "HTTP/1.1", 1, 1

	w := &pipeWriter{header: http.Header{}, head: make(chan struct{}), pipe: newPipe(ctx), noBody: req.Method == http.MethodHead}
	go func() {
		defer closeBody()
		defer stop()
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler { //nolint:errorlint // panics carry the value itself
				t.log.Error("panic in an in-process handler", "panic", p, "stack", string(debug.Stack()))
			}
			w.finish(p != nil)
		}()
		t.handler.ServeHTTP(w, in)
	}()

	select {
	case <-w.head:
	case <-req.Context().Done():
	}
	// A handler may well answer because its context ended; nobody wants that answer.
	if req.Context().Err() != nil {
		err := context.Cause(req.Context())
		cancel(err)
		return nil, err
	}
	return &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, ContentLength: contentLength(w.sent), Request: req,
		Body: &pipeBody{pipe: w.pipe, cancel: cancel},
	}, nil
}

func contentLength(h http.Header) int64 {
	if n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		return n
	}
	return -1
}

// pipeWriter is the handler's side.
type pipeWriter struct {
	header http.Header
	sent   http.Header // the header as it was at the moment the head went out
	status int
	head   chan struct{} // closed when sent and status are set
	pipe   *pipe
	noBody bool
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	if w.status != 0 || status < 200 {
		return
	}
	w.status, w.sent = status, w.header.Clone()
	close(w.head)
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.noBody || w.status == http.StatusNoContent {
		return len(p), nil
	}
	return w.pipe.write(p)
}

// Flush does nothing: what is written can be read at once.
func (w *pipeWriter) Flush() { w.WriteHeader(http.StatusOK) }

// finish ends the answer. A handler that broke before its head went out is a
// 500; one that broke later leaves an answer that the reader sees cut off.
func (w *pipeWriter) finish(broken bool) {
	if broken && w.status == 0 {
		broken = false
		w.header = http.Header{"Content-Type": {"application/json; charset=utf-8"}, "X-Platform-Error-Code": {codeInternal}}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.pipe.write([]byte(`{"code":"internal error","message":"an internal error has occurred"}` + "\n"))
	}
	w.WriteHeader(http.StatusOK)
	if broken {
		w.pipe.end(io.ErrUnexpectedEOF)
		return
	}
	w.pipe.end(io.EOF)
}

// pipeCapacity is how far a handler may run ahead of its reader.
const pipeCapacity = 256 << 10

// pipe is a bounded buffer between a handler and the reader of its answer. It
// is not io.Pipe because that hands over each write by itself, which makes two
// goroutines wait for one another at every line of a CSV.
type pipe struct {
	ctx  context.Context
	mu   sync.Mutex
	cond *sync.Cond
	buf  bytes.Buffer
	err  error // set at the end: io.EOF or what broke
	gone bool  // the reader has closed
	stop func() bool
}

var errReaderGone = errors.New("the reader of the answer is gone")

func newPipe(ctx context.Context) *pipe {
	p := &pipe{ctx: ctx}
	p.cond = sync.NewCond(&p.mu)
	p.stop = context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cond.Broadcast()
	})
	return p
}

func (p *pipe) write(data []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(data) > 0 {
		for p.buf.Len() >= pipeCapacity && !p.gone && p.ctx.Err() == nil {
			p.cond.Wait()
		}
		if p.gone {
			return n, errReaderGone
		}
		if err := p.ctx.Err(); err != nil {
			return n, err
		}
		part := min(len(data), pipeCapacity-p.buf.Len())
		p.buf.Write(data[:part])
		data, n = data[part:], n+part
		p.cond.Broadcast()
	}
	return n, nil
}

func (p *pipe) read(into []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.gone:
			return 0, http.ErrBodyReadAfterClose
		case p.ctx.Err() != nil:
			return 0, context.Cause(p.ctx)
		case p.buf.Len() > 0:
			n, _ := p.buf.Read(into)
			p.cond.Broadcast()
			return n, nil
		case p.err != nil:
			return 0, p.err
		case len(into) == 0:
			return 0, nil
		}
		p.cond.Wait()
	}
}

func (p *pipe) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	p.cond.Broadcast()
}

func (p *pipe) close() {
	p.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.cond.Broadcast()
}

// pipeBody is the caller's side. Closing it tells the handler that nobody reads on.
type pipeBody struct {
	pipe   *pipe
	cancel context.CancelCauseFunc
}

func (b *pipeBody) Read(p []byte) (int, error) { return b.pipe.read(p) }

func (b *pipeBody) Close() error {
	b.pipe.close()
	b.cancel(errReaderGone)
	return nil
}

package embedded

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func inProcessClient(h http.HandlerFunc) *http.Client {
	return &http.Client{Transport: &transport{handler: h, log: slog.New(slog.DiscardHandler)}}
}

func newRequest(t *testing.T, ctx context.Context, method string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://embedded/path?x=1", body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestTransportStreamsBothWays: the handler answers each line while the caller
// still sends the next ones, and the caller reads the answer meanwhile.
func TestTransportStreamsBothWays(t *testing.T) {
	c := inProcessClient(func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 1)
		for {
			if _, err := io.ReadFull(r.Body, buf); err != nil {
				return
			}
			_, _ = w.Write([]byte{buf[0] + 1})
		}
	})
	pr, pw := io.Pipe()
	// The head of the answer comes with its first byte, so the first one must be on its way.
	go func() { _, _ = pw.Write([]byte{'a'}) }()
	resp, err := c.Do(newRequest(t, t.Context(), "POST", pr))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got := make([]byte, 1)
	for want := byte('b'); want < 'z'; want++ {
		if _, err := io.ReadFull(resp.Body, got); err != nil || got[0] != want {
			t.Fatalf("read %q, %v; want %q", got, err, want)
		}
		if _, err := pw.Write([]byte{want}); err != nil {
			t.Fatal(err)
		}
	}
	_ = pw.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "z" {
		t.Errorf("rest %q, %v", rest, err)
	}
}

func TestTransportAnswers(t *testing.T) {
	c := inProcessClient(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen", r.Method+" "+r.Host+" "+r.RequestURI)
		w.WriteHeader(http.StatusTeapot)
		w.Header().Set("X-Late", "not sent")
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "hello")
	})
	for _, method := range []string{"GET", "HEAD"} {
		resp, err := c.Do(newRequest(t, t.Context(), method, nil))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		want := map[string]string{"GET": "hello", "HEAD": ""}[method]
		if err != nil || string(data) != want || resp.StatusCode != 418 || resp.Header.Get("X-Seen") != method+" embedded /path?x=1" || resp.Header.Get("X-Late") != "" {
			t.Errorf("%s: %d %q %v %v", method, resp.StatusCode, data, resp.Header, err)
		}
		if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("read after close: %v", err)
		}
	}
}

func TestTransportPanics(t *testing.T) {
	read := func(h http.HandlerFunc) (int, string, error) {
		t.Helper()
		resp, err := inProcessClient(h).Do(newRequest(t, t.Context(), "GET", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		data, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(data), err
	}
	status, body, err := read(func(http.ResponseWriter, *http.Request) { panic("early") })
	if status != 500 || !strings.Contains(body, codeInternal) || strings.Contains(body, "early") || err != nil {
		t.Errorf("early: %d %q %v", status, body, err)
	}
	status, body, err = read(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "part")
		panic("late")
	})
	if status != 200 || body != "part" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("late: %d %q %v", status, body, err)
	}
	// The same through the server's own guard.
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	status, body, err = read(s.guarded(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("inner") })).ServeHTTP)
	if status != 500 || !strings.Contains(body, codeInternal) || err != nil {
		t.Errorf("guarded: %d %q %v", status, body, err)
	}
	status, _, err = read(s.guarded(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "part")
		panic("inner")
	})).ServeHTTP)
	if status != 200 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("guarded, late: %d %v", status, err)
	}
}

func TestTransportCancellation(t *testing.T) {
	t.Run("before the head", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		started, ended := make(chan struct{}), make(chan struct{})
		c := inProcessClient(func(_ http.ResponseWriter, r *http.Request) {
			close(started)
			<-r.Context().Done()
			close(ended)
		})
		go func() { <-started; cancel() }()
		resp, err := c.Do(newRequest(t, ctx, "GET", nil))
		if !errors.Is(err, context.Canceled) {
			_ = resp.Body.Close()
			t.Fatalf("error %v", err)
		}
		<-ended
	})
	t.Run("while reading the answer", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		c := inProcessClient(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte("x"))
			<-r.Context().Done()
			_, err := w.Write([]byte("y"))
			ended <- err
		})
		resp, err := c.Do(newRequest(t, ctx, "GET", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("read: %v", err)
		}
		if err := <-ended; err == nil {
			t.Error("the handler's write went through")
		}
	})
	t.Run("reader goes away from a handler that is ahead", func(t *testing.T) {
		ended := make(chan error, 1)
		c := inProcessClient(func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1000)); err != nil {
					ended <- err
					return
				}
			}
		})
		resp, err := c.Do(newRequest(t, t.Context(), "GET", nil))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if err := <-ended; err == nil {
			t.Error("no error for the handler")
		}
	})
	t.Run("handler waits for a body that never comes", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		started, ended := make(chan struct{}), make(chan error, 1)
		c := inProcessClient(func(_ http.ResponseWriter, r *http.Request) {
			close(started)
			_, err := io.ReadAll(r.Body)
			ended <- err
		})
		pr, _ := io.Pipe()
		go func() { <-started; cancel() }()
		resp, err := c.Do(newRequest(t, ctx, "POST", pr))
		if !errors.Is(err, context.Canceled) {
			_ = resp.Body.Close()
			t.Fatalf("error %v", err)
		}
		if err := <-ended; err == nil {
			t.Error("the handler read a whole body")
		}
	})
}

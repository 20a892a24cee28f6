package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
)

// newLogger writes structured lines to w. The configuration has been validated.
func newLogger(c Config, w io.Writer) *slog.Logger {
	level, _ := logLevel(c.LogLevel)
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// serverErrors takes what net/http has to say about connections. Whoever scans ports makes a failed handshake a line,
// as many as they like: those are for debugging.
type serverErrors struct{ log *slog.Logger }

func (s serverErrors) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.Contains(line, []byte("TLS handshake error")) {
		level = slog.LevelDebug
	}
	s.log.Log(context.Background(), level, string(bytes.TrimSpace(line)))
	return len(line), nil
}

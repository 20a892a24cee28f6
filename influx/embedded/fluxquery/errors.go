package fluxquery

import (
	"context"
	"errors"
	"fmt"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/codes"
)

var (
	// ErrTooManyQueries is returned when no place among the concurrent queries became free in time.
	ErrTooManyQueries = errors.New("too many queries at the same time")
	// ErrTimeout is returned when a query ran longer than Options.Timeout.
	ErrTimeout = errors.New("the query took too long")
	// ErrMemory is returned when a query needed more memory than Options.MemoryLimit.
	ErrMemory = errors.New("the query needs too much memory")
	// ErrStore is returned when the data cannot be read.
	ErrStore = errors.New("the store cannot be read")
	// ErrClosed is returned for queries that arrive after Engine.Close.
	ErrClosed = errors.New("the query engine is closed")
)

// SyntaxError says that a script (or the request around it) was refused before it read anything: it does not
// parse, it does not type-check, it is too long, or it asks for something that is not allowed.
type SyntaxError struct {
	Msg string
	Err error // the cause; may be nil
}

// Error returns the message for the author of the script.
func (e *SyntaxError) Error() string {
	if e.Msg != "" {
		return e.Msg
	}
	return e.Err.Error()
}

// Unwrap returns the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

// RuntimeError says that a sound script could not be carried out on the data it met, for example because a
// column is missing or has a type the function cannot work on. InfluxDB 2.x answers it with status 400, or, once rows
// were sent, with an error table.
type RuntimeError struct {
	Err error
}

// Error returns the message for the author of the script.
func (e *RuntimeError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RuntimeError) Unwrap() error { return e.Err }

func refuse(format string, args ...any) *SyntaxError {
	return &SyntaxError{Msg: fmt.Sprintf(format, args...)}
}

// phase tells compileErrors from errors met while rows flow.
type phase bool

const (
	compiling phase = false
	running   phase = true
)

// explain turns whatever the Flux runtime reported into this package's errors. The session and the context know
// better than the runtime why a query ended: the runtime may report a follow-up fault instead.
func explain(ctx context.Context, s *session, err error, during phase) error {
	if cause := s.failure(); cause != nil {
		return cause
	}
	if cerr := ctx.Err(); cerr != nil {
		var limit *SyntaxError
		if cause := context.Cause(ctx); errors.Is(cause, ErrTimeout) || errors.Is(cause, ErrMemory) || errors.As(cause, &limit) {
			return cause
		}
		return cerr
	}
	if err == nil {
		return nil
	}
	var known *SyntaxError
	if errors.As(err, &known) {
		return known
	}
	var late *RuntimeError
	if errors.As(err, &late) {
		return late
	}
	if errors.Is(err, ErrMemory) {
		return err
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if flux.ErrorCode(e) == codes.ResourceExhausted {
			return fmt.Errorf("%w: %w", ErrMemory, err)
		}
	}
	if during == compiling {
		return &SyntaxError{Err: err}
	}
	return &RuntimeError{Err: err}
}

// fromPanic makes an error of a recovered panic. The memory accounting reports by panic.
func fromPanic(p any) error {
	err, ok := p.(error)
	if !ok {
		return &RuntimeError{Err: fmt.Errorf("internal fault of the query: %v", p)}
	}
	if flux.ErrorCode(err) == codes.ResourceExhausted {
		return fmt.Errorf("%w: %w", ErrMemory, err)
	}
	return &RuntimeError{Err: fmt.Errorf("internal fault of the query: %w", err)}
}

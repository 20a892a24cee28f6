package handlers

import (
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// gzips are readers to be used again: a new one costs 40 KB.
var gzips = sync.Pool{New: func() any { return new(gzip.Reader) }}

func takeGzip(r io.Reader) (*gzip.Reader, error) {
	zr := gzips.Get().(*gzip.Reader)
	if err := zr.Reset(r); err != nil {
		gzips.Put(zr)
		return nil, err
	}
	return zr, nil
}

func giveGzip(zr *gzip.Reader) {
	_ = zr.Close() // it only repeats what reading has reported
	gzips.Put(zr)
}

// watchedReader remembers how its source ended, to tell damaged data from data that did not arrive.
type watchedReader struct {
	r   io.Reader
	err error
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

// blame gives an error of unpacking its kind.
func (w *watchedReader) blame(err error) error {
	var own *problem
	switch {
	case err == nil, errors.As(err, &own):
		return err
	case w.err != nil && !errors.Is(w.err, io.EOF):
		return brokenBody(w.err)
	default:
		return badRequest("", "The body is no valid gzip.")
	}
}

package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"iotcenter/influx/embedded/fluxquery"
)

// fluxRunner runs Flux; the queries of this package need no more of it.
type fluxRunner interface {
	Query(ctx context.Context, r fluxquery.Request, w io.Writer) (fluxquery.Stats, error)
	close() error
}

type fluxEngine struct {
	*fluxquery.Engine
	engine *engineGate
}

// Query implements fluxRunner; the engine is not opened again under it.
func (e fluxEngine) Query(ctx context.Context, r fluxquery.Request, w io.Writer) (fluxquery.Stats, error) {
	ctx, use, err := e.engine.enter(ctx)
	if err != nil {
		return fluxquery.Stats{}, err
	}
	defer use.leave()
	return e.Engine.Query(ctx, r, w)
}

// fluxPatience is how long Close waits for an evaluation that cannot be interrupted.
const fluxPatience = 5 * time.Second

func (e fluxEngine) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), fluxPatience)
	defer cancel()
	return e.Close(ctx)
}

func newFluxRunner(s *Server, noPushdown bool) fluxRunner {
	return fluxEngine{fluxquery.New(fluxquery.Options{Store: s.store, Meta: s.meta, Log: s.log, NoPushdown: noPushdown}), &s.engine}
}

// fluxError turns what the Flux engine reports into an answer of the API.
func fluxError(err error) error {
	var syntax *fluxquery.SyntaxError
	var runtime *fluxquery.RuntimeError
	var api *apiError
	switch {
	case errors.As(err, &api):
		return err
	case errors.Is(err, fluxquery.ErrTooManyQueries):
		return newError(http.StatusTooManyRequests, codeTooMany, "%v", fluxquery.ErrTooManyQueries)
	case errors.Is(err, fluxquery.ErrTimeout), errors.Is(err, fluxquery.ErrClosed):
		return errUnavailable("%s", shorten(err.Error()))
	case errors.Is(err, fluxquery.ErrMemory):
		return errUnprocessable("%s", shorten(err.Error()))
	case errors.As(err, &syntax):
		return errInvalid("compilation failed: %s", shorten(syntax.Error()))
	case errors.As(err, &runtime):
		return errInvalid("%s", shorten(runtime.Error()))
	}
	return fmt.Errorf("flux query: %w", err)
}

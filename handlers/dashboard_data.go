package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"golang.org/x/sync/errgroup"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/views"
)

// trackPositions is how many positions a map gets at most.
const trackPositions = 500

// gaugesJSON is the newest values, for the page's script: words are HTML made here, so that there is one place for them.
type gaugesJSON struct {
	Fields    []string    `json:"fields"` // the page has to be drawn again when these change
	Gauges    []gaugeJSON `json:"gauges"`
	State     string      `json:"state"`     // HTML
	StateWord string      `json:"stateWord"` // for screen readers, when it changes
}

type gaugeJSON struct {
	Field    string          `json:"field"`
	Words    string          `json:"words"`
	HasValue bool            `json:"hasValue"`
	Sentence string          `json:"sentence"`
	Age      string          `json:"age"` // HTML
	Option   json.RawMessage `json:"option"`
}

// dataJSON is what a dashboard shows below its gauges.
type dataJSON struct {
	Shape  string      `json:"shape"`
	HTML   string      `json:"html"`
	Start  int64       `json:"start"` // milliseconds, as all times here
	Stop   int64       `json:"stop"`
	Every  int64       `json:"every"`
	Raw    bool        `json:"raw"`
	Plots  []plotJSON  `json:"plots"`
	Map    any         `json:"map,omitempty"`
	Newest *gaugesJSON `json:"newest"`
}

type plotJSON struct {
	Field    string          `json:"field"`
	Decimals int             `json:"decimals"`
	Option   json.RawMessage `json:"option"`
}

// dashboardData answers the page's one request for data. Its queries are fixed in number and run side by side.
func (s *Server) dashboardData(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	d, err := s.Registry.Get(r.Context(), id)
	if err != nil {
		return about(id, err)
	}
	now := s.Clock()
	span, err := dashboardSpan(r, now)
	if err != nil {
		return err
	}
	measurement, err := askedMeasurement(r)
	if err != nil {
		return err
	}
	var (
		answer telemetry.SeriesAnswer
		track  telemetry.Track
		newest newestValues
	)
	group, ctx := errgroup.WithContext(r.Context())
	group.Go(func() (err error) {
		// A window is drawn as its mean, its minimum and its maximum: one window for two pixels keeps within two points a pixel.
		answer, err = s.Reader.Series(ctx, telemetry.SeriesQuery{Device: id, Measurement: measurement, Start: span.From, Stop: span.To, Points: plotPixels(r) / 2})
		return err
	})
	if views.HasTrack(measurement) {
		group.Go(func() (err error) {
			track, err = s.Reader.Track(ctx, id, measurement, span.From, span.To, trackPositions)
			return err
		})
	}
	group.Go(func() (err error) {
		newest, err = s.readNewest(ctx, id, measurement)
		return err
	})
	if err := group.Wait(); err != nil {
		return about(id, err)
	}
	queries := append(append(append([]telemetry.Explained{}, answer.Queries...), track.Queries...), newest.explain)
	data, err := views.NewDashboardData(id, measurement, span, answer, track, newest.last, queries, now)
	if err != nil {
		return err
	}
	data.Zoomed = r.URL.Query().Has("zoom")
	out, err := dataAnswer(r.Context(), data)
	if err != nil {
		return err
	}
	if out.Newest, err = s.newestJSON(r.Context(), d, measurement, newest); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, out)
	return nil
}

func dataAnswer(ctx context.Context, d views.DashboardData) (dataJSON, error) {
	html, err := htmlOf(ctx, views.DashboardParts(d))
	out := dataJSON{Shape: d.Shape(), HTML: html, Start: d.Span.From.UnixMilli(), Stop: d.Span.To.UnixMilli(),
		Every: d.Every.Milliseconds(), Raw: d.Raw, Plots: []plotJSON{}}
	for _, strip := range d.Strips {
		out.Plots = append(out.Plots, plotJSON{strip.Field.Name, strip.Field.Decimals, strip.Option})
	}
	if d.HasTrack {
		out.Map = struct {
			Option json.RawMessage `json:"option"`
			View   any             `json:"view"`
		}{d.Track.Option, d.Track.View}
	}
	return out, err
}

// dashboardLast answers with the newest values, for pages that stay open.
func (s *Server) dashboardLast(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	d, err := s.Registry.Get(r.Context(), id)
	if err != nil {
		return about(id, err)
	}
	measurement, err := askedMeasurement(r)
	if err != nil {
		return err
	}
	newest, err := s.readNewest(r.Context(), id, measurement)
	if err != nil {
		return about(id, err)
	}
	out, err := s.newestJSON(r.Context(), d, measurement, newest)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, out)
	return nil
}

func (s *Server) newestJSON(ctx context.Context, d devices.Device, measurement string, newest newestValues) (*gaugesJSON, error) {
	now := s.Clock()
	gauges, err := views.Gauges(measurement, newest.last, now)
	if err != nil {
		return nil, err
	}
	out := &gaugesJSON{Fields: []string{}, StateWord: d.StateAt(newest.entry, now).String()}
	if out.State, err = htmlOf(ctx, views.DashboardState(d.StateAt(newest.entry, now))); err != nil {
		return nil, err
	}
	for _, g := range gauges {
		age, err := htmlOf(ctx, views.GaugeAge(g))
		if err != nil {
			return nil, err
		}
		out.Fields = append(out.Fields, g.Field.Name)
		out.Gauges = append(out.Gauges, gaugeJSON{g.Field.Name, g.Words(), g.HasValue, g.Sentence(), age, g.Option})
	}
	return out, nil
}

func htmlOf(ctx context.Context, c templ.Component) (string, error) {
	var b strings.Builder
	err := c.Render(ctx, &b)
	return b.String(), err
}

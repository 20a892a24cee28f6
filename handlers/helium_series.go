package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// series is the time series of a sensor or of the organisation.
type series struct {
	owner     devices.ID
	path      string    // its address, with the sensor's UUID however it was asked for
	sensor    uuid.UUID // uuid.Nil for the organisation
	suspended bool
}

// seriesHandler answers a request about a time series.
type seriesHandler func(w http.ResponseWriter, r *http.Request, of series) error

func (s *Server) ofSensor(h seriesHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		d, err := s.sensor(r)
		if err != nil {
			return err
		}
		id := devices.UUIDOf(d.ID)
		return h(w, r, series{owner: d.ID, path: "/v1/sensor/" + id.String() + "/timeseries", sensor: id, suspended: d.Suspended})
	}
}

func (s *Server) ofOrganization(h seriesHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		return h(w, r, series{owner: telemetry.OrganizationClient, path: organizationSeriesPath})
	}
}

// pageBuffer is how much of a page is encoded before it goes out: a page of 10,000 points is not held twice.
const pageBuffer = 32 << 10

// readSeries answers with a page of data points, or of aggregations of them.
func (s *Server) readSeries(w http.ResponseWriter, r *http.Request, of series) error {
	values, err := queryOf(r)
	if err != nil {
		return err
	}
	q, err := helium.ParseQuery(of.owner, values)
	if err != nil {
		return err
	}
	leave, err := s.pages.enter(r.Context(), principalOf(r).key.ID)
	if err != nil {
		return err
	}
	defer leave()
	page, err := s.timeseries.Read(r.Context(), q)
	if err != nil {
		return err
	}
	if !heavy(page) {
		leave() // whoever reads it slowly stands in nobody's way
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	buffer := append(make([]byte, 0, pageBuffer), `{"data":[`...)
	for i, p := range page.Points {
		if i > 0 {
			buffer = append(buffer, ',')
		}
		buffer = of.appendPoint(buffer, p)
		if len(buffer) >= pageBuffer-1<<10 { // most points fit into the rest
			if _, err := w.Write(buffer); err != nil {
				return nil //nolint:nilerr // the client left
			}
			buffer = buffer[:0]
		}
	}
	buffer = append(buffer, "],"...)
	buffer = appendLinks(buffer, s.linksOf(r, of, q, page))
	_, _ = w.Write(append(buffer, '}', '\n')) // a client that left needs no answer
	return nil
}

// heavyPage is the size of a page's values, in bytes, from which it keeps its turn until it is sent.
const heavyPage = 1 << 20

func heavy(page helium.Page) bool {
	size := 0
	for _, p := range page.Points {
		size += len(p.Value)
	}
	return size > heavyPage
}

// pageLinks are the addresses of the pages beside one; "" where there is none.
type pageLinks struct{ prev, next string }

// linksOf makes them: with every filter, and the size of the page even where nobody said it.
func (s *Server) linksOf(r *http.Request, of series, q helium.Query, page helium.Page) pageLinks {
	link := func(id uuid.UUID) string {
		if id == uuid.Nil {
			return ""
		}
		values := maps.Clone(q.Kept)
		if values == nil {
			values = url.Values{}
		}
		values.Set("page[size]", strconv.Itoa(q.Size))
		values.Set("page[id]", id.String())
		return s.publicURL(r) + of.path + "?" + values.Encode()
	}
	return pageLinks{prev: link(page.Prev), next: link(page.Next)}
}

// postPoint writes a data point. What is cheap to check comes before the body.
func (s *Server) postPoint(w http.ResponseWriter, r *http.Request, of series) error {
	if of.suspended {
		return about(of.owner, devices.ErrSuspended)
	}
	if err := s.limits.request(of.owner, s.Clock()); err != nil {
		return err
	}
	body, err := heliumBody(r)
	if err != nil {
		return err
	}
	fresh, err := helium.ParseNewPoint(body)
	if err != nil {
		return err
	}
	p, err := s.timeseries.Post(r.Context(), of.owner, fresh)
	if err != nil {
		return err
	}
	answer := append(of.appendPoint([]byte(`{"data":`), p), '}', '\n')
	h := w.Header()
	h.Set("Location", of.path+"?page%5Bsize%5D=1&page%5Bid%5D="+p.ID.String())
	h.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer) // the point is written, whether the client is still there or not
	return nil
}

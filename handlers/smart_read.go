package handlers

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
	"iotcenter/telemetry/smart"
)

// readProductData reads rows of the product that the route names. What the request leaves out, the product's type decides.
func (s *Server) readProductData(w http.ResponseWriter, r *http.Request) error {
	d, err := s.productOf(r)
	if err != nil {
		return err
	}
	defaults, err := s.readDefaults(d.ID)
	if err != nil {
		return err
	}
	q, err := s.readQuery(r, defaults)
	if err != nil {
		return err
	}
	if q.IMEI != "" && q.IMEI != string(d.ID) {
		return otherProduct(d.ID)
	}
	return s.readRows(w, r, ofProduct(q, d.ID))
}

// readGeneralData reads rows by their tags. A product_imei that names a registered device stands for that device, so that
// also what it wrote without this tag is found.
func (s *Server) readGeneralData(w http.ResponseWriter, r *http.Request) error {
	q, err := s.readQuery(r, smart.Defaults{})
	if err != nil {
		return err
	}
	d, found, err := s.namedProduct(r, q.IMEI)
	if err != nil {
		return err
	}
	switch {
	case found:
		q = ofProduct(q, d.ID)
	case q.IMEI != "":
		q.Tags = append(q.Tags, telemetry.Tag{Key: "product_imei", Value: q.IMEI})
	}
	return s.readRows(w, r, q)
}

// ofProduct is a query about one product: it is found by clientId, which all its points have.
func ofProduct(q smart.Query, id devices.ID) smart.Query {
	q.Device, q.IMEI = id, string(id)
	return q
}

// readQuery reads the parameters of a read.
func (s *Server) readQuery(r *http.Request, d smart.Defaults) (smart.Query, error) {
	q, err := parameters(r)
	if err != nil {
		return smart.Query{}, err
	}
	return smart.ParseQuery(q, d, s.Clock())
}

// readDefaults are the defaults of a product's type. A type that is gone is as good as none.
func (s *Server) readDefaults(id devices.ID) (smart.Defaults, error) {
	profile, err := s.Profiles.Profile(id)
	if err != nil || profile.ProductType == "" {
		return smart.Defaults{}, err
	}
	t, err := s.Profiles.Type(profile.ProductType)
	if errors.Is(err, devices.ErrNoSuchType) {
		return smart.Defaults{}, nil
	}
	return smart.Defaults{Measurement: t.Measurement, Fields: t.Fields, Start: t.Start}, err
}

// readRows answers a read. Nothing is sent before the last row is there, so that an error still has its status.
func (s *Server) readRows(w http.ResponseWriter, r *http.Request, q smart.Query) error {
	leave, err := s.reads.enter(r.Context(), principalOf(r).key.ID)
	if err != nil {
		return err
	}
	defer leave()
	answer, err := s.smart.Read(r.Context(), q)
	if err != nil {
		return err
	}
	defer answer.Close()                                                            //nolint:errcheck // nothing of it is needed any more
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendingTime)) // a writer without deadlines, as in tests, needs none
	return smartStream(w, smartRetrieved, answer)
}

// sendingTime is how long an answer may take on its way, however long it took to read.
const sendingTime = 2 * time.Minute

// Bounds of a custom query.
const (
	customRows = 10_000
	customTime = 10 * time.Second
)

// customQueryEnd is since when custom queries are deprecated, as RFC 9745 writes it: 21 November 2026, the day on which
// they came, for the dialect that they are part of had them to be removed already.
const customQueryEnd = "@1795219200"

// customQuery runs one InfluxQL statement that reads, and gives InfluxDB's answer as it is.
func (s *Server) customQuery(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Deprecation", customQueryEnd)
	q, err := parameters(r)
	if err != nil {
		return err
	}
	for name := range q {
		if name != "q" {
			return badRequest(cut(name, 100), "A custom query has the parameter q and no other; the statement says the rest.")
		}
	}
	if len(q["q"]) != 1 || q.Get("q") == "" {
		return badRequest("q", "q: one InfluxQL statement is needed.")
	}
	statement, err := smart.ParseStatement(q.Get("q"))
	if err != nil {
		return err
	}
	leave, err := s.reads.enter(r.Context(), principalOf(r).key.ID)
	if err != nil {
		return err
	}
	defer leave()
	result, more, err := s.Rows.Statement(r.Context(), statement, customRows, customTime)
	if err != nil {
		return err
	}
	message := smartRetrieved
	if more {
		message += "; there is more: only the first 10,000 rows are shown, and at most 16 MB"
	}
	return smartStream(w, message, rawJSON(result))
}

// rawJSON is JSON that is there already.
type rawJSON json.RawMessage

// WriteTo writes it; nothing is null.
func (j rawJSON) WriteTo(w io.Writer) (int64, error) {
	if len(j) == 0 {
		j = rawJSON("null")
	}
	n, err := w.Write(j)
	return int64(n), err
}

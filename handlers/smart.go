package handlers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"

	"github.com/gorilla/mux"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry/smart"
)

// The paths by which data come and go in the SMART dialect.
const (
	productDataPath = "/v1/products/{imei}/data"
	generalDataPath = "/v1/influx/data"
	customQueryPath = "/v1/influx/custom_query"
)

// smartRoutes are the SMART dialect: products, their data, and data in general.
func (s *Server) smartRoutes() {
	s.get(productDataPath, keyReading, s.smartStyle(s.readProductData))
	s.post(productDataPath, keyWriting, s.smartStyle(s.writeProductData))
	s.get(generalDataPath, keyReading, s.smartStyle(s.readGeneralData))
	s.post(generalDataPath, keyWriting, s.smartStyle(s.writeGeneralData))
	s.get(customQueryPath, keyReading, s.smartStyle(s.customQuery))
	s.productRoutes()
}

// smartStyle adapts a handler of the SMART dialect: an error becomes {"status":"failure","message":…,"data":null}.
func (s *Server) smartStyle(h handler) http.Handler { return s.adapt(h, faceSmart) }

// smartRetrieved is the message of every read that succeeds.
const smartRetrieved = "data retrieved successfully"

// smartSuccess answers a request that succeeded.
func smartSuccess(w http.ResponseWriter, status int, message string, data any) error {
	writeJSON(w, status, smartEnvelope{Status: "success", Message: message, Data: data})
	return nil
}

// smartStream is smartSuccess for data that write themselves. Once it is called, an error can only cut the answer short.
func smartStream(w http.ResponseWriter, message string, data io.WriterTo) error {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	out := bufio.NewWriterSize(w, 32<<10)
	fmt.Fprintf(out, `{"status":"success","message":%q,"data":`, message) // plain words, which Go quotes as JSON does
	if _, err := data.WriteTo(out); err != nil {
		return err
	}
	_, _ = io.WriteString(out, "}\n") // bufio keeps the error for Flush
	return out.Flush()
}

// productIMEI is the product_imei that the route names. A text that can be none is a 400.
func productIMEI(r *http.Request) (devices.ID, error) {
	id := devices.ID(mux.Vars(r)["imei"])
	if !smart.IMEI(id) {
		return "", badRequest("product_imei", fmt.Sprintf("product_imei: it is 1 to %d letters, digits, - and _.", smart.MaxIMEI))
	}
	return id, nil
}

// productOf is the registered product that the route names, as memory knows it where it does.
func (s *Server) productOf(r *http.Request) (devices.Device, error) {
	id, err := productIMEI(r)
	if err != nil {
		return devices.Device{}, err
	}
	d, err := s.Registry.Known(r.Context(), id)
	return d, about(id, err)
}

// namedProduct is the registered device that a product_imei names; false where it names none.
func (s *Server) namedProduct(r *http.Request, imei string) (devices.Device, bool, error) {
	id := devices.ID(imei)
	if imei == "" || !smart.IMEI(id) {
		return devices.Device{}, false, nil
	}
	d, err := s.Registry.Known(r.Context(), id)
	if errors.Is(err, devices.ErrNotFound) {
		return devices.Device{}, false, nil
	}
	return d, err == nil, about(id, err)
}

// otherProduct is the answer to a request that names one product in its path and another one in its tags.
func otherProduct(id devices.ID) error {
	return badRequest("tags.product_imei", fmt.Sprintf("tags.product_imei: the path names product %s, and the tags name another one.", id))
}

// jsonBody tells whether a body is JSON as far as its sender says: no Content-Type says that it is.
func jsonBody(r *http.Request) error {
	said := r.Header.Get("Content-Type")
	if said == "" {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(said); err == nil && kind == "application/json" {
		return nil
	}
	return &problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_type", Message: "Content-Type is application/json."}
}

// parameters are a request's query parameters. What cannot be read is refused, where the standard library would leave it out.
func parameters(r *http.Request) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("", "The query string cannot be read: a %, a ; or a & in a value is to be percent-encoded.")
	}
	return q, nil
}

// keySender is under which name the limits count what an API key sends for no device. No device id holds a space.
func keySender(key people.APIKey) devices.ID { return devices.ID(keySenderPrefix + key.ID) }

// newSpoolFile makes a temporary file without a name, so that nothing of it is left whatever happens.
func newSpoolFile() (smart.SpoolFile, error) {
	f, err := os.CreateTemp("", "iot-center-answer-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // where an open file cannot be removed, it stays until the system clears its temporary files
	return f, nil
}

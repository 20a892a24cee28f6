package handlers

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/google/uuid"
	"github.com/gorilla/mux"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// The paths of time series in the Helium dialect.
const (
	sensorSeriesPath       = "/v1/sensor/{sensor}/timeseries"
	organizationSeriesPath = "/v1/organization/timeseries"
)

// heliumRoutes are the Helium dialect: sensors, labels, and time series.
func (s *Server) heliumRoutes() {
	add := func(method, path string, who access, h handler) {
		s.allow(s.router.Handle(path, s.heliumStyle(h)).Methods(method), who)
	}
	read := func(path string, h handler) { s.get(path, keyReading, s.heliumStyle(h)) }
	manage := func(method, path string, h handler) { add(method, path, keyManaging, h) }

	read(sensorSeriesPath, s.ofSensor(s.readSeries))
	add("POST", sensorSeriesPath, keyWriting, s.ofSensor(s.postPoint))
	add("GET", sensorSeriesPath+"/live", keyReading, s.ofSensor(s.liveSeries)) // not by HEAD: a stream has no end to tell
	read(organizationSeriesPath, s.ofOrganization(s.readSeries))
	add("POST", organizationSeriesPath, keyWriting, s.ofOrganization(s.postPoint))
	add("GET", organizationSeriesPath+"/live", keyReading, s.ofOrganization(s.liveSeries))
	read("/v1/organization", s.showOrganization)

	read("/v1/sensor", s.listSensors)
	manage("POST", "/v1/sensor", s.makeSensor)
	read("/v1/sensor/{sensor}", s.showSensor)
	manage("PATCH", "/v1/sensor/{sensor}", s.renameSensor)
	manage("DELETE", "/v1/sensor/{sensor}", s.removeSensor)
	read("/v1/sensor/{sensor}/metadata", s.showMetadata)
	manage("PATCH", "/v1/sensor/{sensor}/metadata", s.mergeMetadata)
	manage("PUT", "/v1/sensor/{sensor}/metadata", s.replaceMetadata)

	read("/v1/label", s.listLabels)
	manage("POST", "/v1/label", s.makeLabel)
	read("/v1/label/{label}", s.showLabel)
	manage("PATCH", "/v1/label/{label}", s.changeLabel)
	manage("DELETE", "/v1/label/{label}", s.removeLabel)
	read("/v1/label/{label}/sensor", s.listSensorsOfLabel)
	read("/v1/sensor/{sensor}/label", s.listLabelsOfSensor)
	for _, end := range [...]struct {
		path    string
		members handler
		change  func(listChange) handler
	}{
		{"/v1/label/{label}/relationships/sensor", s.showLabelSensors, s.changeLabelSensors},
		{"/v1/sensor/{sensor}/relationships/label", s.showSensorLabels, s.changeSensorLabels},
	} {
		read(end.path, end.members)
		manage("POST", end.path, end.change(toAdd))
		manage("PATCH", end.path, end.change(toReplace))
		manage("DELETE", end.path, end.change(toRemove))
	}
}

// heliumStyle adapts a handler of the Helium dialect: an error becomes {"errors":[{"status","detail"}]}.
func (s *Server) heliumStyle(h handler) http.Handler {
	return s.adapt(func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if errors.Is(err, telemetry.ErrUnauthorized) {
			// It is the device's token that the database refused, and not the key of whoever asks.
			return &problem{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: defaultRetry,
				Message: "The database does not take this sensor's token right now. Please try again in a moment."}
		}
		return err
	}, faceHelium)
}

var errNoUUID = badRequest("", "Missing or invalid UUID parameter")

// sensor is the registered device that the route names.
func (s *Server) sensor(r *http.Request) (devices.Device, error) {
	return s.sensorCalled(r, mux.Vars(r)["sensor"])
}

// sensorCalled is the registered device of a UUID or of a device id. A UUID comes first: who registers a device under an id
// that looks like another one's UUID, in capitals say, does not get what programs send to that one.
func (s *Server) sensorCalled(r *http.Request, text string) (devices.Device, error) {
	u, isUUID := devices.ParseUUID(text)
	if isUUID {
		d, err := s.Registry.ByUUID(r.Context(), u)
		if !errors.Is(err, devices.ErrNotFound) || u.String() == text { // an id in that form is a UUID
			return d, err
		}
	}
	id, err := devices.ParseID(text)
	if err == nil {
		d, err := s.Registry.Known(r.Context(), id)
		if isUUID || !errors.Is(err, devices.ErrNotFound) {
			return d, err
		}
	}
	return devices.Device{}, errNoUUID
}

// queryOf is the request's query. Half a query is none: a filter that got lost would give what nobody asked for.
func queryOf(r *http.Request) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("", "The query of this address cannot be read: percent signs and semicolons are to be escaped.")
	}
	return q, nil
}

// organizationID is the UUID of the organisation: derived from its name, and so the same on every replica. Devices' UUIDs
// are derived in another namespace.
func organizationID(name string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:iot-center:organization:"+name))
}

// showOrganization is the organisation of the database: there is one.
func (s *Server) showOrganization(w http.ResponseWriter, r *http.Request) error {
	ports, err := s.Points.HeliumPorts(r.Context(), telemetry.OrganizationClient)
	if err != nil {
		return err
	}
	type attributes struct {
		Name     string `json:"name"`
		Timezone string `json:"timezone"`
	}
	type meta struct {
		Ports []string `json:"ports"`
	}
	name := s.Database.Status().Org
	writeJSON(w, http.StatusOK, document{struct {
		Attributes attributes `json:"attributes"`
		ID         uuid.UUID  `json:"id"`
		Meta       meta       `json:"meta"`
		Type       string     `json:"type"`
	}{attributes{name, "UTC"}, organizationID(name), meta{listOf(ports)}, "organization"}})
	return nil
}

// document is an answer or a body of one thing, or of a list of things.
type document struct {
	Data any `json:"data"`
}

// listOf is a list that is [] in JSON and never null.
func listOf[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"iotcenter/devices"
	"iotcenter/people"
	"iotcenter/telemetry"
)

// Values that devices are configured with.
const (
	defaultLon           = 14.4071543
	defaultLat           = 50.0873254
	measurementInterval  = 60   // seconds between two measurements
	configurationRefresh = 3600 // seconds until a device asks again
	writeEndpoint        = "/influx"
)

// deviceEnvironment is what a device is told. Clients rely on the names and on their order.
type deviceEnvironment struct {
	InfluxURL            string     `json:"influx_url"`
	InfluxOrg            string     `json:"influx_org"`
	InfluxToken          string     `json:"influx_token"`
	InfluxBucket         string     `json:"influx_bucket"`
	ID                   devices.ID `json:"id"`
	DefaultLon           float64    `json:"default_lon"`
	DefaultLat           float64    `json:"default_lat"`
	MeasurementInterval  int        `json:"measurement_interval"`
	NewlyRegistered      bool       `json:"newlyRegistered"`
	CreatedAt            string     `json:"createdAt"`
	UpdatedAt            string     `json:"updatedAt"`
	ServerTime           string     `json:"serverTime"`
	ConfigurationRefresh int        `json:"configuration_refresh"`
	WriteEndpoint        string     `json:"write_endpoint"`
	KafkaURL             string     `json:"kafka_url,omitempty"`
	KafkaTopic           string     `json:"kafka_topic,omitempty"`
	MQTTURL              string     `json:"mqtt_url,omitempty"`
	MQTTTopic            string     `json:"mqtt_topic,omitempty"`
	MQTTUser             string     `json:"mqtt_user,omitempty"`
	MQTTPassword         string     `json:"mqtt_password,omitempty"`
	MQTTOptions          string     `json:"mqtt_options,omitempty"`
}

// deviceEnv tells a device how to write: one that shows its own token, an enrolment key or an ADMIN API key, and one
// that the open window or an approval lets in.
func (s *Server) deviceEnv(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	var register *bool // nil: as the door has it
	if v := r.URL.Query().Get("register"); v != "" {
		asked, err := strconv.ParseBool(v)
		if err != nil {
			return badRequest("register", "register is true or false.")
		}
		register = &asked
	}
	grant, err := s.grant(r, id, register)
	if errors.Is(err, devices.ErrNotFound) || errors.Is(err, devices.ErrNotEnrolled) {
		writeJSON(w, http.StatusForbidden, notRegistered{id, false, "not_enrolled", notEnrolled, stateOf(r).ID})
		return nil
	}
	if err != nil {
		return about(id, err)
	}
	return s.writeEnv(w, r, grant)
}

// notRegistered tells a device that it gets nothing. Whether somebody else registered its id is nobody's business.
type notRegistered struct {
	ID         devices.ID `json:"id"`
	Registered bool       `json:"registered"`
	Code       string     `json:"code"`
	Message    string     `json:"message"`
	RequestID  string     `json:"request_id"`
}

const notEnrolled = "This device is not enrolled, or did not say who it is. It gets its settings with its own token, with an enrolment key, or after an operator approved it."

// grant finds by which door a device comes, if by any.
func (s *Server) grant(r *http.Request, id devices.ID, register *bool) (devices.Grant, error) {
	secret := bearer(r)
	if secret == "" || strings.HasPrefix(secret, devices.EnrolmentPrefix) {
		return s.enrol(r, id, secret, register)
	}
	own, err := s.Registry.ByToken(onlyMemory, secret)
	if errors.Is(err, context.Canceled) { // no token of a device that is known here
		key, keyErr := s.keyOf(r, secret)
		if keyErr == nil {
			return s.grantByKey(r, id, key, register)
		}
		if !errors.Is(keyErr, people.ErrNotFound) {
			return devices.Grant{}, keyErr
		}
		own, err = s.deviceOf(r, secret)
	}
	switch {
	case errors.Is(err, telemetry.ErrUnauthorized):
		return devices.Grant{}, errTokenRefused
	case own != "" && own != id:
		return devices.Grant{}, errOtherDevice
	case err != nil:
		return devices.Grant{}, err
	}
	// An answer costs the database some questions: a device has no more of them than writes.
	if err := s.limits.request(id, s.Clock()); err != nil {
		return devices.Grant{}, err
	}
	d, token, err := s.Registry.OwnCredentials(r.Context(), id, secret)
	if errors.Is(err, devices.ErrNotFound) {
		err = errTokenRefused // another replica has revoked it
	}
	return devices.Grant{Device: d, Token: token}, err
}

// grantByKey answers automation, which may ask for any device.
func (s *Server) grantByKey(r *http.Request, id devices.ID, key people.APIKey, register *bool) (devices.Grant, error) {
	r = withPrincipal(r, principal{kind: byKey, key: key})
	if key.Level < people.Administer {
		return devices.Grant{}, errLevel
	}
	var grant devices.Grant
	var err error
	if register != nil && *register {
		_, grant.Created, err = s.Registry.Register(r.Context(), id)
	}
	if err == nil {
		grant.Device, grant.Token, err = s.Registry.Credentials(r.Context(), id)
	}
	s.record(r, people.ActionConfiguration, string(id), err)
	return grant, err
}

// enrol asks the doors for devices without a token of their own.
func (s *Server) enrol(r *http.Request, id devices.ID, key string, register *bool) (devices.Grant, error) {
	// A page of another site could make a person's browser ask for this with a plain GET.
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return devices.Grant{}, errCrossSite
	}
	if key == "" {
		key = r.URL.Query().Get("key")
	}
	if len(key) > maxSecret {
		return devices.Grant{}, devices.ErrNotEnrolled
	}
	grant, err := s.Enrolment.Grant(r.Context(), devices.Ask{ID: id, Key: key, Address: s.clientAddress(r), Register: register == nil || *register})
	if err == nil && (grant.Created || grant.By == "approval") { // asking again each hour is nothing to note
		by := grant.By
		if key, ok := strings.CutPrefix(by, "key "); ok {
			by = s.enrolmentKeyWords(r.Context(), key)
		}
		s.recordDevice(r, string(id), people.ActionConfiguration, string(id), nil, "by "+by)
	}
	return grant, err
}

// maxSecret is longer than any token or key.
const maxSecret = 512

var (
	errOtherDevice  = &problem{Status: http.StatusForbidden, Code: "forbidden", Message: "This token is another device's."}
	errTokenRefused = &problem{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "This token or key is unknown, revoked, or has run out."}
)

// writeEnv answers with the settings.
func (s *Server) writeEnv(w http.ResponseWriter, r *http.Request, g devices.Grant) error {
	db := s.Database.Status()
	env := deviceEnvironment{
		InfluxURL: s.influxURL(r), InfluxOrg: db.Org, InfluxToken: g.Token, InfluxBucket: db.Bucket, ID: g.Device.ID,
		DefaultLon: defaultLon, DefaultLat: defaultLat, MeasurementInterval: measurementInterval, NewlyRegistered: g.Created,
		CreatedAt: isoTime(g.Device.CreatedAt), UpdatedAt: isoTime(g.Device.UpdatedAt), ServerTime: isoTime(s.Clock()),
		ConfigurationRefresh: configurationRefresh, WriteEndpoint: writeEndpoint,
	}
	if !wantsLines(r) {
		writeJSON(w, http.StatusOK, env)
		return nil
	}
	lines, err := env.lines()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(lines) // a device that is gone asks again
	return nil
}

// wantsLines tells whether a device asked for lines instead of JSON.
func wantsLines(r *http.Request) bool {
	if v := r.URL.Query().Get("accept"); v != "" {
		return strings.HasPrefix(v, "text/plain")
	}
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "text/plain") && !strings.Contains(accept, "application/json")
}

// lines is the environment as `key: value` lines in the same order. They are YAML as simple as it gets, since small
// devices split them at ": " and take the rest as it stands; only what could not be read otherwise is quoted.
func (e deviceEnvironment) lines() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var out bytes.Buffer
	for key := ""; ; {
		token, err := decoder.Token()
		if err != nil {
			return out.Bytes(), nil //nolint:nilerr // the end of the struct that was encoded above
		}
		if _, brace := token.(json.Delim); brace {
			continue
		}
		value := ""
		switch v := token.(type) {
		case string:
			value = v
			if key != "" && !plainScalar(v) {
				value = strconv.Quote(v)
			}
		case json.Number:
			value = v.String()
		case bool:
			value = strconv.FormatBool(v)
		}
		if key == "" {
			key = value
			continue
		}
		out.WriteString(key + ": " + value + "\n")
		key = ""
	}
}

// plainScalar tells whether a text can stand in YAML without quotes.
func plainScalar(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && !strings.ContainsRune("-?:,[]{}#&*!|>'\"%@`", rune(s[0])) &&
		!strings.Contains(s, ": ") && !strings.Contains(s, " #") && !strings.HasSuffix(s, ":") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

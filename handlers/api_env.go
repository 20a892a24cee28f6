package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"iotcenter/devices"
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

// deviceEnv tells a registered device how to write. It registers nobody unless ?register=true asks for it.
func (s *Server) deviceEnv(w http.ResponseWriter, r *http.Request) error {
	id, err := deviceID(r)
	if err != nil {
		return err
	}
	register := false
	if v := r.URL.Query().Get("register"); v != "" {
		if register, err = strconv.ParseBool(v); err != nil {
			return badRequest("register", "register is true or false.")
		}
	}
	created := false
	if register {
		// A page of another site could make a person's browser ask for this with a plain GET.
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
			return errCrossSite
		}
		if _, created, err = s.Registry.Register(r.Context(), id); err != nil {
			return about(id, err)
		}
	}
	d, token, err := s.Registry.Credentials(r.Context(), id)
	if errors.Is(err, devices.ErrNotFound) {
		w.Header().Set("Cache-Control", "no-store")
		writeJSON(w, http.StatusForbidden, struct {
			ID         devices.ID `json:"id"`
			Registered bool       `json:"registered"`
		}{id, false})
		return nil
	}
	if err != nil {
		return about(id, err)
	}
	db := s.Database.Status()
	env := deviceEnvironment{
		InfluxURL: s.influxURL(r), InfluxOrg: db.Org, InfluxToken: token, InfluxBucket: db.Bucket, ID: id,
		DefaultLon: defaultLon, DefaultLat: defaultLat, MeasurementInterval: measurementInterval, NewlyRegistered: created,
		CreatedAt: isoTime(d.CreatedAt), UpdatedAt: isoTime(d.UpdatedAt), ServerTime: isoTime(s.Clock()),
		ConfigurationRefresh: configurationRefresh, WriteEndpoint: writeEndpoint,
	}
	w.Header().Set("Cache-Control", "no-store")
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

package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"iotcenter/devices"
	"iotcenter/telemetry/helium"
)

// landing is the fake database of time series: what is written as line protocol can be read as points.
type landing struct{ *memory }

func (l landing) HeliumPoints(ctx context.Context, s helium.Selection, upTo int64, limit int) ([]helium.Stored, error) {
	l.land()
	return l.memory.HeliumPoints(ctx, s, upTo, limit)
}

func (l landing) HeliumNewer(ctx context.Context, s helium.Selection, after int64, n int) (int64, string, bool, error) {
	l.land()
	return l.memory.HeliumNewer(ctx, s, after, n)
}

func (l landing) HeliumTaken(ctx context.Context, owner devices.ID, from, to int64) (int64, bool, error) {
	l.land()
	return l.memory.HeliumTaken(ctx, owner, from, to)
}

func (l landing) HeliumPorts(ctx context.Context, owner devices.ID) ([]string, error) {
	l.land()
	return l.memory.HeliumPorts(ctx, owner)
}

func (l landing) AllHeliumPorts(ctx context.Context) (map[devices.ID][]string, error) {
	l.land()
	return l.memory.AllHeliumPorts(ctx)
}

// land makes points of what was written since the last time.
func (l landing) land() {
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	for _, w := range l.memory.writes {
		for decoder := lineprotocol.NewDecoderWithBytes([]byte(w.Lines)); decoder.Next(); {
			p, err := pointOfLine(decoder)
			if err != nil {
				panic(fmt.Sprintf("%v in %q", err, w.Lines))
			}
			l.memory.points = append(l.memory.points, p)
		}
	}
	l.memory.writes = nil
}

func pointOfLine(d *lineprotocol.Decoder) (p point, err error) {
	if _, err := d.Measurement(); err != nil {
		return p, err
	}
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return p, err
		}
		switch string(key) {
		case "":
		case helium.PortTag:
			p.Port = helium.UnescapePort(string(value))
			continue
		case "clientId":
			p.owner = devices.ID(value)
			continue
		default:
			return p, fmt.Errorf("tag %s", key)
		}
		break
	}
	exact := false
	for {
		key, value, err := d.NextField()
		if err != nil {
			return p, err
		}
		if key == nil {
			break
		}
		switch string(key) {
		case helium.NumberField:
			if !exact {
				p.Value = json.RawMessage(strconv.FormatFloat(value.FloatV(), 'g', -1, 64))
			}
		case helium.BooleanField:
			p.Value = json.RawMessage(strconv.FormatBool(value.BoolV()))
		case helium.TextField:
			if p.Value, err = json.Marshal(value.StringV()); err != nil {
				return p, err
			}
		case helium.JSONField:
			p.Value, exact = json.RawMessage(value.StringV()), true
		case helium.CreatedField:
			p.Created = time.UnixMicro(value.IntV())
		case helium.AtField:
		default:
			return p, fmt.Errorf("field %s", key)
		}
	}
	at, err := d.Time(lineprotocol.Nanosecond, time.Time{})
	p.At = at.UnixNano()
	return p, err
}

// heliumSensor is the device that most tests of this dialect are about; its id is its UUID.
const heliumSensor = "c24f3bdc-b668-4999-bb45-5ea11027a860"

// newHeliumApp is an app whose database keeps time series, with one sensor.
func newHeliumApp(t *testing.T, change func(*Options)) *testApp {
	t.Helper()
	app := newTestApp(t, func(o *Options) {
		o.Points = landing{o.Points.(*memory)}
		if change != nil {
			change(o)
		}
	})
	app.register(t, heliumSensor)
	return app
}

// helium sends a request of this dialect with a key that may do all; headers as for do.
func (a *testApp) helium(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	return a.do(method, target, body, append([]string{personHeader, "", "Sec-Fetch-Site", "", "Authorization", testAPIKey}, headers...)...)
}

// points posts data points to a series: port, value as JSON and time, which may be "".
func (a *testApp) points(t *testing.T, path string, points ...[3]string) {
	t.Helper()
	for _, p := range points {
		status(t, a.helium("POST", path, newPoint(p[0], p[1], p[2])), 201)
	}
}

func newPoint(port, value, timestamp string) string {
	name, err := json.Marshal(port)
	if err != nil {
		panic(err)
	}
	if timestamp != "" {
		timestamp = `,"timestamp":"` + timestamp + `"`
	}
	return `{"data":{"type":"data-point","attributes":{"port":` + string(name) + `,"value":` + value + timestamp + `}}}`
}

// seriesAnswer is a page of a time series.
type seriesAnswer struct {
	Data  []pointAnswer
	Links map[string]string
}

type pointAnswer struct {
	Attributes struct {
		Value     json.RawMessage
		Timestamp string
		Port      string
	}
	Relationships *struct {
		Sensor struct{ Data reference }
	}
	ID   string
	Meta struct{ Created string }
	Type string
}

// series reads a page of a time series.
func (a *testApp) series(t *testing.T, target string, headers ...string) (page seriesAnswer) {
	t.Helper()
	w := a.helium("GET", target, "", headers...)
	status(t, w, 200)
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return page
}

// values are the points' values in their order.
func (p seriesAnswer) values() string {
	var out []string
	for _, point := range p.Data {
		out = append(out, string(point.Attributes.Value))
	}
	return strings.Join(out, " ")
}

// complains checks that an answer is one error of this dialect, with a detail.
func complains(t *testing.T, what string, w *httptest.ResponseRecorder, code int, detail string) {
	t.Helper()
	var got heliumErrors
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Errors) != 1 {
		t.Errorf("%s: %d %s, %v", what, w.Code, w.Body, err)
		return
	}
	if w.Code != code || got.Errors[0].Status != strconv.Itoa(code) || !strings.Contains(got.Errors[0].Detail, detail) {
		t.Errorf("%s: %d %s, want %d %s", what, w.Code, w.Body, code, detail)
	}
}

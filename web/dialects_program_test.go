package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// startDialects starts a program that both dialects can be tried on without holding back: the tests send more than a
// device does.
func startDialects(t *testing.T) *program {
	t.Helper()
	return start(t, unlimited(databaseEnv(t)))
}

func unlimited(env map[string]string) map[string]string {
	for _, name := range []string{"LIMIT_DEVICE_REQUESTS", "LIMIT_DEVICE_POINTS", "LIMIT_REQUESTS", "LIMIT_POINTS"} {
		env[name] = "0"
	}
	return env
}

// checkFor runs a property with made-up data until rapid has enough of it, or for so long: on a slow machine fewer tries
// have to do.
func checkFor(t *testing.T, long time.Duration, property func(*rapid.T)) {
	t.Helper()
	began, tries := time.Now(), 0
	rapid.Check(t, func(r *rapid.T) {
		if time.Since(began) < long || t.Failed() {
			tries++
			property(r)
		}
	})
	t.Logf("%d tries in %v", tries, time.Since(began).Round(time.Millisecond))
}

// fails is what a test and one try of a property have in common.
type fails interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// keyed is a client that outlives what it asks: connections are kept, so that thousands of requests take few.
var keyed = &http.Client{
	Timeout:       30 * time.Second,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// v1 asks with the API key and insists on the status.
func (p *program) v1(t fails, status int, method, path, body string, headers ...string) string {
	t.Helper()
	got, text, _ := p.v1Any(t, method, path, body, headers...)
	if got != status {
		t.Fatalf("%s %.300s: %d, want %d: %.600s\n%.600s", method, path, got, status, text, body)
	}
	return text
}

// v1Any asks with the API key.
func (p *program) v1Any(t fails, method, path, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, p.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v", err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := keyed.Do(req)
	if err != nil {
		t.Fatalf("%s %.300s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %.300s: %v", method, path, err)
	}
	return resp.StatusCode, string(text), resp.Header
}

// newDevice registers a device that no other try has.
func (p *program) newDevice(t fails) string {
	t.Helper()
	id := fmt.Sprintf("d%d", deviceNumber())
	p.v1(t, 201, "POST", "/api/devices/"+id, "")
	return id
}

// deviceNumber counts devices, so that a try of a property has one of its own.
var deviceNumber = func() func() int {
	var mu sync.Mutex
	n := 0
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		n++
		return n
	}
}()

// rows are the data of an answer of the SMART dialect, by field.
type rows map[string][]cell

// cell is a value, as JSON, and its time.
type cell struct {
	value string
	at    string
}

// smartRows reads rows. path has the query.
func (p *program) smartRows(t fails, path string) rows {
	t.Helper()
	text := p.v1(t, 200, "GET", path, "")
	var answer struct {
		Status  string                     `json:"status"`
		Message string                     `json:"message"`
		Data    map[string]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%s: %v: %.600s", path, err, text)
	}
	if answer.Status != "success" || answer.Message != "data retrieved successfully" {
		t.Fatalf("%s: %.300s", path, text)
	}
	out := rows{}
	for name, list := range answer.Data {
		if name == "measurement" || name == "tags" {
			continue
		}
		var pairs [][2]json.RawMessage
		if err := json.Unmarshal(list, &pairs); err != nil {
			t.Fatalf("%s: %s: %v: %.600s", path, name, err, list)
		}
		cells := make([]cell, len(pairs))
		for i, pair := range pairs {
			cells[i] = cell{string(pair[0]), textOf(t, pair[1])}
		}
		out[name] = cells
	}
	return out
}

// textOf is the text of a JSON string.
func textOf(t fails, raw json.RawMessage) (text string) {
	t.Helper()
	if err := json.Unmarshal(raw, &text); err != nil {
		t.Fatalf("%s is no text: %v", raw, err)
	}
	return text
}

// floatOf is the float of a JSON number.
func floatOf(t fails, raw string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		t.Fatalf("%q is no number: %v", raw, err)
	}
	return f
}

// quoted is a text as JSON.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a text can always be written
	}
	return string(b)
}

// point is a data point of the Helium dialect.
type point struct {
	Attributes struct {
		Value     json.RawMessage `json:"value"`
		Timestamp string          `json:"timestamp"`
		Port      string          `json:"port"`
	} `json:"attributes"`
	ID   string `json:"id"`
	Meta struct {
		Created string `json:"created"`
	} `json:"meta"`
	Type string `json:"type"`
}

// points is a page of them, with its links.
type points struct {
	Data  []point `json:"data"`
	Links struct {
		Prev, Next string
	} `json:"links"`
}

// ids are those of the page's points, in order.
func (g points) ids() []string {
	out := make([]string, len(g.Data))
	for i, d := range g.Data {
		out[i] = d.ID
	}
	return out
}

// newPoint is the body of a post; without a timestamp, it is of now.
func newPoint(port, value, timestamp string) string {
	if timestamp != "" {
		timestamp = `,"timestamp":` + quoted(timestamp)
	}
	return `{"data":{"type":"data-point","attributes":{"port":` + quoted(port) + `,"value":` + value + timestamp + `}}}`
}

// postPoint posts a point and gives it as it was answered.
func (p *program) postPoint(t fails, sensor, port, value, timestamp string) point {
	t.Helper()
	text := p.v1(t, 201, "POST", "/v1/sensor/"+sensor+"/timeseries", newPoint(port, value, timestamp))
	var answer struct{ Data point }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Data.ID == "" {
		t.Fatalf("%v: %.300s", err, text)
	}
	return answer.Data
}

// page reads a page of a sensor's points.
func (p *program) page(t fails, sensor string, query url.Values) points {
	t.Helper()
	return p.pageAt(t, "/v1/sensor/"+sensor+"/timeseries?"+query.Encode())
}

// pageAt reads the page at an address: a path, or a link that a page had.
func (p *program) pageAt(t fails, address string) (out points) {
	t.Helper()
	text := p.v1(t, 200, "GET", strings.TrimPrefix(address, p.base), "")
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s: %v: %.600s", address, err, text)
	}
	return out
}

// pages follows links.prev from a page to the oldest one. It gives up after more pages than there can be.
func (p *program) pages(t fails, sensor string, query url.Values, most int) []points {
	t.Helper()
	all := []points{p.page(t, sensor, query)}
	for all[len(all)-1].Links.Prev != "" {
		if len(all) > most {
			t.Fatalf("there are more than %d pages", most)
		}
		all = append(all, p.pageAt(t, all[len(all)-1].Links.Prev))
	}
	return all
}

// pointsOf gives the points of pages, in order.
func pointsOf(all []points) (out []point) {
	for _, g := range all {
		out = append(out, g.Data...)
	}
	return out
}

// near tells whether two numbers are the same up to the rounding of a sum of so large numbers.
func near(a, b, of float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*math.Max(math.Abs(of), math.Max(math.Abs(a), math.Abs(b)))
}

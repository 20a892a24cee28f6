package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

	"iotcenter/influx/influxtest"
)

// program is the real program, started through run on a free port.
type program struct {
	t       *testing.T
	base    string   // http://127.0.0.1:port
	other   net.Addr // of the embedded InfluxDB, if opened
	config  Config
	out     *lockedBuffer
	log     *lockedBuffer
	stop    context.CancelFunc
	ended   chan struct{}
	err     error // valid once ended is closed
	stopped bool
}

// start runs the program with a made-up environment; it is stopped at the end of the test.
func start(t *testing.T, env map[string]string) *program {
	t.Helper()
	p := launch(t, env)
	p.waitReady()
	return p
}

// launch is start without waiting for the database.
func launch(t *testing.T, env map[string]string) *program {
	t.Helper()
	full := map[string]string{"PORT": "0", "ADMIN_PASSWORD": testPassword, "API_KEY": testKey}
	for k, v := range env {
		full[k] = v
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &program{t: t, config: parsed(t, full), out: new(lockedBuffer), log: new(lockedBuffer), stop: stop, ended: make(chan struct{})}
	listening := make(chan net.Addr, 1)
	go func() {
		defer close(p.ended)
		p.err = run(ctx, p.config, streams{out: p.out, log: p.log, listening: func(app, other net.Addr) {
			p.other = other
			listening <- app
		}})
	}()
	t.Cleanup(func() {
		if !p.stopped {
			_ = p.end()
		}
		if t.Failed() {
			log := p.log.String()
			t.Logf("end of the program's log:\n%s", log[max(0, len(log)-4000):])
		}
	})
	select {
	case addr := <-listening:
		p.base = "http://" + addr.String()
	case <-p.ended:
		t.Fatalf("the program ended: %v\n%s", p.err, p.log)
	case <-time.After(time.Minute):
		t.Fatal("the program does not listen")
	}
	return p
}

// in is the program for a subtest, which fails for itself. It is not to be ended there.
func (p *program) in(t *testing.T) *program {
	q := *p
	q.t = t
	return &q
}

// end stops the program as a signal does, and gives its error.
func (p *program) end() error {
	p.stopped = true
	p.stop()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(30 * time.Second):
		return errors.New("the program does not end")
	}
}

// do sends a request and gives status and body.
func (p *program) do(method, path, body string, headers ...string) (int, string) {
	p.t.Helper()
	code, text, err := p.try(method, path, body, headers...)
	if err != nil {
		p.t.Fatal(err)
	}
	return code, text
}

// try is do with the error. It adds the API key where one is needed and none is given.
func (p *program) try(method, path, body string, headers ...string) (int, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	headers = authorized(path, headers)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := unled.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// unled follows no redirect.
var unled = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// What every program of the tests is started with.
const (
	testPassword = "test-password-canary"
	testKey      = "test-api-key-canary-0123456789-0123456789"
)

// authorized adds the API key to a request of the JSON API that brings no credential.
func authorized(path string, headers []string) []string {
	if !strings.HasPrefix(path, "/api/") && path != "/metrics" || slices.Contains(headers, "Authorization") || slices.Contains(headers, "Cookie") {
		return headers
	}
	return append(slices.Clone(headers), "Authorization", "Bearer "+testKey)
}

// want sends a request and insists on its status.
func (p *program) want(status int, method, path, body string, headers ...string) string {
	p.t.Helper()
	code, text := p.do(method, path, body, headers...)
	if code != status {
		p.t.Fatalf("%s %s: %d, want %d: %.300s", method, path, code, status, text)
	}
	return text
}

// until asks again and again until done says yes.
func (p *program) until(what string, done func() bool) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !done(); <-tick.C {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func (p *program) waitReady() {
	p.t.Helper()
	p.until("ready", func() bool { code, _ := p.do("GET", "/readyz", ""); return code == 200 })
}

// device is what a device is told about itself.
type device struct {
	URL    string `json:"influx_url"`
	Org    string `json:"influx_org"`
	Token  string `json:"influx_token"`
	Bucket string `json:"influx_bucket"`
}

func (p *program) device(id string) device {
	p.t.Helper()
	var d device
	if err := json.Unmarshal([]byte(p.want(200, "GET", "/api/env/"+id, "")), &d); err != nil {
		p.t.Fatal(err)
	}
	return d
}

func (p *program) write(d device, lines string) int {
	p.t.Helper()
	code, _ := p.do("POST", "/influx/api/v2/write?org="+d.Org+"&bucket="+d.Bucket+"&precision=s", lines, "Authorization", "Token "+d.Token)
	return code
}

// database is where the program's InfluxDB answers, past the program.
func (p *program) database() string {
	if p.other != nil {
		return "http://" + p.other.String()
	}
	return p.config.InfluxURL
}

// values reads a device's stored values of Temperature back, through InfluxDB's own door.
func (p *program) values(id string) []float64 {
	p.t.Helper()
	client := influxdb2.NewClient(p.database(), p.config.InfluxToken)
	defer client.Close()
	rows, err := client.QueryAPI(p.config.InfluxOrg).Query(context.Background(), fmt.Sprintf(
		`from(bucket: "iot_center") |> range(start: 0) |> filter(fn: (r) => r._measurement == "environment" and r.clientId == %q and r._field == "Temperature")`, id))
	if err != nil {
		p.t.Fatal(err)
	}
	var out []float64
	for rows.Next() {
		out = append(out, rows.Record().Value().(float64))
	}
	if rows.Err() != nil {
		p.t.Fatal(rows.Err())
	}
	return out
}

// databaseEnv is an environment with a database that a program can be started on again and again: an embedded one, or
// a place in the one that TEST_INFLUX_URL names.
func databaseEnv(t *testing.T) map[string]string {
	t.Helper()
	if !influxtest.External() {
		return embeddedEnv(t.TempDir())
	}
	place := influxtest.PlaceElsewhere(t)
	return map[string]string{
		"INFLUX_URL": place.URL, "INFLUX_TOKEN": place.Token, "INFLUX_ORG": place.Org,
		"INFLUX_BUCKET": place.Bucket, "INFLUX_BUCKET_AUTH": place.AuthBucket, "SECRET_KEY": strings.Repeat("k", 32),
	}
}

const adminToken = "admin-canary-token-0123456789"

func embeddedEnv(dir string) map[string]string {
	return map[string]string{"DATA_DIR": dir, "EMBEDDED_LISTEN": "127.0.0.1:0", "INFLUX_TOKEN": adminToken}
}

// lockedBuffer is what the program prints and logs from many goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

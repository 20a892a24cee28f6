package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"

	"iotcenter/devices"
)

// TestMainJob goes the way of a device: register, ask, write, be read, survive a restart, be removed.
func TestMainJob(t *testing.T) {
	env := databaseEnv(t)
	p := start(t, env)
	p.until("the first account", func() bool { return strings.Count(p.out.String(), "\n") >= 2 })
	if want := "IoT Center is at " + p.base + "\nSign in as admin with the password from ADMIN_PASSWORD.\n"; p.out.String() != want {
		t.Errorf("it printed %q, want %q", p.out, want)
	}
	p.want(403, "GET", "/api/env/dev1", "")
	p.want(201, "POST", "/api/devices/dev1", "")
	p.want(200, "POST", "/api/devices/dev1", "")
	p.want(201, "POST", "/api/devices/dev10", "")
	dev1, dev10 := p.device("dev1"), p.device("dev10")
	if dev1.Token == "" || dev1.Token == dev10.Token || dev1.URL != p.base+"/influx" || dev1.Bucket != "iot_center" {
		t.Fatalf("%+v %+v", dev1, dev10)
	}
	for _, path := range []string{"/influx/health", "/influx/ping"} {
		if code, _ := p.do("GET", path, ""); code != 200 && code != 204 {
			t.Errorf("%s: %d", path, code)
		}
	}
	now := time.Now().Unix() - 60 // a query ends now, and is to find the points after it as well
	line := func(value float64, at int64) string { return fmt.Sprintf("environment Temperature=%v %d", value, at) }
	if code := p.write(dev1, line(21.5, now)); code != 204 {
		t.Fatalf("write: %d", code)
	}
	if code := p.write(dev10, line(99, now)); code != 204 {
		t.Fatalf("write: %d", code)
	}
	if code := p.write(dev1, "environment,clientId=dev10 Temperature=1"); code != 403 {
		t.Errorf("dev1 wrote as dev10: %d", code)
	}
	// A type that cannot be stored beside the other is refused for good.
	if code := p.write(dev1, fmt.Sprintf("environment Temperature=\"warm\" %d", now)); code != 422 {
		t.Errorf("type conflict: %d", code)
	}
	if got := p.values("dev1"); len(got) != 1 || got[0] != 21.5 {
		t.Fatalf("dev1 has %v", got)
	}
	// The client library that real devices use finds its way through the gateway.
	client := influxdb2.NewClient(dev1.URL, dev1.Token)
	defer client.Close()
	if ok, err := client.Ping(context.Background()); !ok || err != nil {
		t.Errorf("ping: %v, %v", ok, err)
	}
	if health, err := client.Health(context.Background()); err != nil || health.Status != "pass" {
		t.Errorf("health: %v, %v", health, err)
	}
	if err := client.WriteAPIBlocking(dev1.Org, dev1.Bucket).WriteRecord(context.Background(), fmt.Sprintf("environment Temperature=22.5 %d000000000", now+1)); err != nil {
		t.Error(err)
	}
	// A device's token reads nothing, not even through the database's own door.
	direct := influxdb2.NewClient(p.database(), dev1.Token)
	defer direct.Close()
	if rows, err := direct.QueryAPI(dev1.Org).Query(context.Background(), `from(bucket: "iot_center_auth") |> range(start: 0)`); err == nil && rows.Next() {
		t.Error("a device's token reads the registrations")
	}

	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	noCanary(t, p, dev1.Token, dev10.Token, p.config.InfluxToken)

	p = start(t, env)
	if again := p.device("dev1"); again.Token != dev1.Token {
		t.Error("a restart changed the token")
	}
	if got := p.values("dev1"); len(got) != 2 {
		t.Errorf("after the restart dev1 has %v", got)
	}
	p.want(204, "DELETE", "/api/devices/dev1?data=delete", "")
	p.want(404, "DELETE", "/api/devices/dev1", "")
	if code := p.write(dev1, line(1, now)); code != 401 {
		t.Errorf("a removed device wrote: %d", code)
	}
	if got := p.values("dev1"); len(got) != 0 {
		t.Errorf("the data of dev1 are still there: %v", got)
	}
	if got := p.values("dev10"); len(got) != 1 {
		t.Errorf("dev10 has %v", got)
	}
	if code := p.write(dev10, line(2, now+1)); code != 204 {
		t.Errorf("dev10 cannot write any more: %d", code)
	}
	if text := p.want(200, "GET", "/api/devices", ""); strings.Count(text, "deviceId") != 1 || strings.Contains(text, dev10.Token) {
		t.Errorf("%s", text)
	}
	noCanary(t, p, dev1.Token, dev10.Token, p.config.InfluxToken)
}

func noCanary(t *testing.T, p *program, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(p.log.String(), s) || strings.Contains(p.out.String(), s) {
			t.Errorf("the log holds a token:\n%s", p.log)
		}
	}
}

// TestDatabaseAppearsLater starts with a database that is not there yet.
func TestDatabaseAppearsLater(t *testing.T) {
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := reserved.Addr().String()
	reserved.Close()
	p := launch(t, map[string]string{"INFLUX_URL": "http://" + address, "INFLUX_TOKEN": adminToken, "SECRET_KEY": strings.Repeat("k", 32)})
	p.want(200, "GET", "/healthz", "")
	p.want(503, "GET", "/readyz", "")
	p.want(503, "POST", "/api/devices/dev1", "")
	p.want(503, "GET", "/api/env/dev1", "")
	p.want(503, "POST", "/influx/api/v2/write", "environment Temperature=1", "Authorization", "Token x")
	p.want(503, "GET", "/influx/ping", "")
	p.want(404, "GET", "/api/nothing", "")
	p.want(303, "GET", "/nothing", "") // what there is and what there is not is no stranger's business

	// Another program brings an InfluxDB to that address, with the same all-access token.
	start(t, map[string]string{"DATA_DIR": t.TempDir(), "EMBEDDED_LISTEN": address, "INFLUX_TOKEN": adminToken, "SECRET_KEY": strings.Repeat("k", 32)})
	p.waitReady()
	p.want(201, "POST", "/api/devices/dev1", "")
	if code := p.write(p.device("dev1"), "environment Temperature=1"); code != 204 {
		t.Errorf("write: %d", code)
	}
	noCanary(t, p, adminToken)
}

// TestAnotherKeyIsRefused: a replica with another SECRET_KEY would store tokens that the others cannot open.
func TestAnotherKeyIsRefused(t *testing.T) {
	env := databaseEnv(t)
	p := start(t, env)
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	env["SECRET_KEY"] = strings.Repeat("x", 40)
	p = launch(t, env)
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		t.Fatal("it runs on")
	}
	if p.err == nil || !errors.Is(p.err, devices.ErrWrongKey) || !strings.Contains(p.err.Error(), "SECRET_KEY") {
		t.Errorf("%v", p.err)
	}
}

func TestStartProblemsNameTheirVariable(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writePair(t, dir, "one.example")
	certFile, _ := pairFiles(dir)
	for want, env := range map[string]map[string]string{
		"PORT":                {"PORT": port, "DATA_DIR": t.TempDir()},
		"HOST":                {"HOST": "192.0.2.1", "DATA_DIR": t.TempDir()},
		"TLS_CERT":            {"TLS_CERT": t.TempDir() + "/none", "TLS_KEY": t.TempDir() + "/none", "DATA_DIR": t.TempDir()},
		"API_KEY_FILE":        {"API_KEY_FILE": t.TempDir() + "/none", "DATA_DIR": t.TempDir()},
		"TLS_KEY: ":           {"TLS_CERT": certFile, "TLS_KEY": t.TempDir() + "/none", "DATA_DIR": t.TempDir()},
		"TLS_CERT, TLS_KEY: ": {"TLS_CERT": certFile, "TLS_KEY": certFile, "DATA_DIR": t.TempDir()},
		"SECRET_KEY_FILE":     {"SECRET_KEY_FILE": t.TempDir() + "/none", "DATA_DIR": t.TempDir()},
		"DATA_DIR":            {"DATA_DIR": "/dev/null/x"},
	} {
		err := run(t.Context(), parsed(t, env), streams{out: io.Discard, log: io.Discard})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestInsecureOpenHasNoMeaningAnyMore(t *testing.T) {
	p := launch(t, map[string]string{"INSECURE_OPEN": "true", "DATA_DIR": t.TempDir()})
	if !strings.Contains(p.log.String(), "INSECURE_OPEN has no meaning any more") {
		t.Errorf("%s", p.log)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
	if p = launch(t, map[string]string{"DATA_DIR": t.TempDir()}); strings.Contains(p.log.String(), "INSECURE_OPEN") {
		t.Errorf("nobody set it: %s", p.log)
	}
}

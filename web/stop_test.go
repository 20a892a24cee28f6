package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"iotcenter/influx/influxtest"
)

// TestStopUnderLoad stops the program during writes: every answered write is there afterwards.
func TestStopUnderLoad(t *testing.T) {
	env := databaseEnv(t)
	env["LIMIT_DEVICE_REQUESTS"] = "0"
	p := start(t, env)
	p.want(201, "POST", "/api/devices/dev1", "")
	d := p.device("dev1")

	var wg sync.WaitGroup
	var mu sync.Mutex
	answered := 0
	base := time.Now().Add(-time.Hour).Unix()
	for worker := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				lines := fmt.Sprintf("environment Temperature=1 %d", base+int64(worker+4*i))
				code, _, err := p.try("POST", "/influx/api/v2/write?precision=s", lines, "Authorization", "Token "+d.Token)
				if err != nil || code != 204 {
					return
				}
				mu.Lock()
				answered++
				mu.Unlock()
			}
		})
	}
	p.until("a hundred writes", func() bool { mu.Lock(); defer mu.Unlock(); return answered >= 100 })
	began := time.Now()
	if err := p.end(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	wg.Wait()
	p = start(t, env)
	if got := len(p.values("dev1")); got < answered {
		t.Errorf("%d writes were answered, %d are there", answered, got)
	}
}

// TestStopWithAStuckDatabase stops the program while the database answers nothing: with a device's write, a backfill
// and an event stream under way it is out in less than ten seconds, and tells each of them.
func TestStopWithAStuckDatabase(t *testing.T) {
	env := databaseEnv(t)
	if !influxtest.External() {
		env["SECRET_KEY"] = strings.Repeat("k", 32)
		database := start(t, env)
		env = map[string]string{"INFLUX_URL": database.database(), "INFLUX_TOKEN": adminToken, "SECRET_KEY": env["SECRET_KEY"]}
	}
	target, err := url.Parse(env["INFLUX_URL"])
	if err != nil {
		t.Fatal(err)
	}
	var stuck atomic.Bool
	waiting := make(chan string, 100)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stuck.Load() && r.URL.Path == "/api/v2/write" && r.URL.Query().Get("bucket") == "iot_center" {
			waiting <- r.Header.Get("Authorization")
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client leaves
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(between.Close)
	env["INFLUX_URL"] = between.URL
	p := start(t, env)
	p.want(201, "POST", "/api/devices/dev1", "")
	p.want(201, "POST", "/api/devices/virtual_device", "")
	d := p.device("dev1")
	admin := p.signIn("admin", testPassword)
	stuck.Store(true)
	p.as(303, admin, "POST", "/virtual/backfill", "")
	<-waiting

	stream := make(chan error, 1)
	first := make(chan struct{})
	go func() {
		req, err := http.NewRequest("GET", p.base+"/virtual/events", nil)
		if err != nil {
			stream <- err
			return
		}
		req.AddCookie(admin)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			defer resp.Body.Close()
			_, err = resp.Body.Read(make([]byte, 1))
			close(first)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
			}
		}
		stream <- err
	}()
	answer := make(chan int, 1)
	go func() {
		code, _, err := p.try("POST", "/influx/api/v2/write", "environment Temperature=1", "Authorization", "Token "+d.Token)
		if err != nil {
			code = -1
		}
		answer <- code
	}()
	<-first
	<-waiting

	began := time.Now()
	if err := p.end(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if err := <-stream; err != nil {
		t.Errorf("the event stream was cut instead of ended: %v", err)
	}
	if code := <-answer; code != http.StatusServiceUnavailable {
		t.Errorf("the device's write was answered with %d", code)
	}
}

package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"iotcenter/people"
)

// liveStream is a client of a live stream.
type liveStream struct {
	body  io.ReadCloser
	lines *bufio.Reader
}

// openLive opens one, and waits until it is open. It does not ask for a stream by name, as curl does not.
func openLive(t *testing.T, ctx context.Context, srv *httptest.Server, target string, headers ...string) *liveStream {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", testAPIKey)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Content-Encoding") != "" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	l := &liveStream{resp.Body, bufio.NewReader(resp.Body)}
	if got := l.block(); got != ": keepalive\n" {
		t.Fatalf("first %q", got)
	}
	return l
}

// block reads what stands before the next empty line; "" at the end.
func (l *liveStream) block() (text string) {
	for {
		line, err := l.lines.ReadString('\n')
		if err != nil || line == "\n" {
			return text
		}
		text += line
	}
}

// point reads the next event.
func (l *liveStream) point(t *testing.T) (p pointAnswer) {
	t.Helper()
	text := l.block()
	data, ok := strings.CutPrefix(text, "event: sensor\ndata: ")
	var event struct{ Data pointAnswer }
	if err := json.Unmarshal([]byte(data), &event); !ok || strings.Count(text, "\n") != 2 || err != nil {
		t.Fatalf("%q, %v", text, err)
	}
	return event.Data
}

func TestHeliumLiveSendsPointsAsTheyAreWritten(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	app := newHeliumApp(t, nil)
	srv := httptest.NewServer(app.Handler())
	defer srv.Close()
	ctx, leave := context.WithCancel(t.Context())
	all := openLive(t, ctx, srv, sensorSeries+"/live", "Accept-Encoding", "gzip")
	some := openLive(t, ctx, srv, sensorSeries+"/live?filter[port]=h,_e", "Accept", "text/event-stream")
	organization := openLive(t, ctx, srv, organizationSeries+"/live")
	app.points(t, sensorSeries, [3]string{"t", "[1,\n 2]", "2024-01-01"}, [3]string{"h", `"line\nbreak"`, ""})
	app.points(t, organizationSeries, [3]string{"_se", "{}", ""})
	first, second := all.point(t), all.point(t)
	if first.Attributes.Port != "t" || string(first.Attributes.Value) != "[1,2]" || first.Attributes.Timestamp != "2024-01-01T00:00:00Z" || first.Relationships.Sensor.Data.ID != heliumSensor {
		t.Errorf("%+v", first)
	}
	if string(second.Attributes.Value) != `"line\nbreak"` {
		t.Errorf("%s", second.Attributes.Value)
	}
	if got := some.point(t); got.Attributes.Port != "h" {
		t.Errorf("filter[port] let %q pass", got.Attributes.Port)
	}
	if got := organization.point(t); got.Attributes.Port != "_se" || got.Relationships != nil {
		t.Errorf("%+v", got)
	}
	leave()
	srv.CloseClientConnections()
	srv.Client().CloseIdleConnections()
}

func TestHeliumLiveEndsWhenTheAppStops(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	app := newHeliumApp(t, nil)
	srv := httptest.NewServer(app.Handler())
	defer srv.Close()
	stream := openLive(t, t.Context(), srv, sensorSeries+"/live")
	app.CloseStreams()
	if rest, err := io.ReadAll(stream.lines); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	stream.body.Close()
	srv.Client().CloseIdleConnections()
}

func TestHeliumLiveHasABound(t *testing.T) {
	app := newHeliumApp(t, nil)
	for {
		live, ok := app.timeseries.Subscribe(heliumSensor, nil)
		if !ok {
			break
		}
		defer live.Close()
	}
	w := app.helium("GET", sensorSeries+"/live", "")
	complains(t, "one too many", w, 429, "live streams")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	complains(t, "a bad filter", app.helium("GET", sensorSeries+"/live?filter[port]=", ""), 400, "filter[port]")
	complains(t, "HEAD", app.helium("PUT", sensorSeries+"/live", ""), 405, "method")
}

// wire is the connection of a client that reads at once: each write is noted, with its time.
type wire struct {
	*httptest.ResponseRecorder
	start  time.Time
	writes []string
}

func (w *wire) Write(p []byte) (int, error) {
	w.writes = append(w.writes, fmt.Sprintf("%s %s", time.Since(w.start), p))
	return len(p), nil
}

// watch runs a live stream in a bubble of time, until it ends or the test's function returns.
func watch(t *testing.T, key string, during func(app *testApp, w *wire)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		app := newHeliumApp(t, nil)
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, "GET", sensorSeries+"/live", nil)
		if key == "" {
			_, key = app.key(t, people.Overview)
		}
		r.Header.Set("Authorization", key)
		w := &wire{ResponseRecorder: httptest.NewRecorder(), start: time.Now()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			app.Handler().ServeHTTP(w, r)
		}()
		synctest.Wait()
		during(app, w)
		leave()
		<-done
		if live, ok := app.timeseries.Subscribe(heliumSensor, nil); ok {
			live.Close()
		}
	})
}

func TestHeliumLiveKeepaliveAfterSilence(t *testing.T) {
	watch(t, testAPIKey, func(app *testApp, w *wire) {
		time.Sleep(10 * time.Second) // of the bubble's time
		app.points(t, sensorSeries, [3]string{"t", "1", ""})
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if len(w.writes) != 4 || w.writes[0] != "0s : keepalive\n\n" || !strings.HasPrefix(w.writes[1], "10s event: sensor\ndata: {") || !strings.HasSuffix(w.writes[1], "}\n\n") ||
			w.writes[2] != "25s : keepalive\n\n" || w.writes[3] != "40s : keepalive\n\n" {
			t.Errorf("%q", w.writes)
		}
	})
}

func TestHeliumLiveEndsWhenTheSensorIsRemoved(t *testing.T) {
	watch(t, testAPIKey, func(app *testApp, w *wire) {
		status(t, app.helium("DELETE", "/v1/sensor/"+heliumSensor, ""), 204)
		time.Sleep(streamPause + time.Second)
		synctest.Wait()
		if len(w.writes) != 1 {
			t.Errorf("%q", w.writes)
		}
	})
}

func TestHeliumLiveEndsWhenTheKeyIsRevoked(t *testing.T) {
	watch(t, "", func(app *testApp, w *wire) {
		for _, key := range app.People.Keys() {
			if key.Level == people.Overview {
				if err := app.People.RevokeKey(t.Context(), key.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		app.points(t, sensorSeries, [3]string{"t", "1", ""}) // is not told any more
		time.Sleep(streamPause + time.Second)
		synctest.Wait()
		if len(w.writes) != 1 {
			t.Errorf("%q", w.writes)
		}
	})
}

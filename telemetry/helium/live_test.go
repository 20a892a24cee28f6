package helium

import (
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"iotcenter/devices"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestALiveStreamCarriesEachWrite(t *testing.T) {
	ts := series(newFake())
	stream, ok := ts.Subscribe(sensor, nil)
	if !ok {
		t.Fatal("no stream")
	}
	defer stream.Close()
	post(t, ts, "another", "t", "1", "")
	want := post(t, ts, sensor, "t", `{ "a" : 1 }`, "")
	if got := <-stream.C; got.ID != want.ID || string(got.Value) != `{"a":1}` {
		t.Errorf("%+v, want %+v", got, want)
	}
	if len(stream.C) != 0 {
		t.Error("there is more")
	}
}

func TestFilterPortOfLiveStreams(t *testing.T) {
	ts := series(newFake())
	stream, _ := ts.Subscribe(sensor, []string{"t", "h"})
	defer stream.Close()
	for _, port := range []string{"t", "b", "h"} {
		post(t, ts, sensor, port, "1", "")
	}
	if a, b := <-stream.C, <-stream.C; a.Port != "t" || b.Port != "h" || len(stream.C) != 0 {
		t.Errorf("%s, %s and %d more", a.Port, b.Port, len(stream.C))
	}
}

func TestASlowSubscriberIsClosed(t *testing.T) {
	ts := series(newFake())
	slow, _ := ts.Subscribe(sensor, nil)
	for range liveBuffer + 1 {
		post(t, ts, sensor, "t", "1", "")
	}
	n := 0
	for range slow.C {
		n++
	}
	if n != liveBuffer || ts.live.count != 0 {
		t.Errorf("%d points, and %d streams are open", n, ts.live.count)
	}
	slow.Close()
	slow.Close()
}

func TestLiveStreamsAreBounded(t *testing.T) {
	ts := series(newFake())
	var open []*Live
	for i := range maxLive {
		stream, ok := ts.Subscribe(devices.ID("sensor-"+strconv.Itoa(i/maxLiveOwner)), nil)
		if !ok {
			t.Fatalf("stream %d was refused", i)
		}
		open = append(open, stream)
		if i == maxLiveOwner-1 {
			if _, ok := ts.Subscribe("sensor-0", nil); ok {
				t.Error("one owner has more than 100")
			}
		}
	}
	if _, ok := ts.Subscribe("another", nil); ok {
		t.Error("there are more than 1000")
	}
	for _, stream := range open {
		stream.Close()
		if _, more := <-stream.C; more {
			t.Error("a closed stream goes on")
		}
	}
	if stream, ok := ts.Subscribe("another", nil); !ok {
		t.Error("places are not given back")
	} else {
		stream.Close()
	}
	if len(ts.live.open) != 0 {
		t.Errorf("%d owners are remembered", len(ts.live.open))
	}
}

package handlers

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"iotcenter/devices"
)

// slowBody is a body of which the first part has come, and the rest comes when the test says so.
type slowBody struct {
	first  io.Reader
	came   chan struct{} // closed when the first part has been read
	more   chan struct{}
	opened bool
}

func (b *slowBody) Read(p []byte) (int, error) {
	if n, err := b.first.Read(p); err == nil {
		return n, nil
	}
	if !b.opened {
		b.opened = true
		close(b.came)
		<-b.more
	}
	return 0, io.EOF
}

// A few kilobytes of gzip unpack to the largest body there is, and a slow sender keeps what it has sent in memory: one
// device with many requests at once must not take all memory.
func TestGatewayBoundsTheBodiesOfADeviceInMemory(t *testing.T) {
	app := newTestApp(t, nil)
	dev1, dev2 := app.register(t, "dev1"), app.register(t, "dev2")
	half := "#" + strings.Repeat("a", maxWrite/2) + "\n"
	slow := &slowBody{first: strings.NewReader(half), came: make(chan struct{}), more: make(chan struct{})}
	answer := make(chan *httptest.ResponseRecorder)
	go func() {
		r := httptest.NewRequest("POST", gatewayWritePath, slow)
		r.Header.Set("Authorization", "Token "+dev1)
		w := httptest.NewRecorder()
		app.Handler().ServeHTTP(w, r)
		answer <- w
	}()
	<-slow.came
	tooManyRequests(t, app.writeAs(dev1, packed(t, half), "Content-Encoding", "gzip"), "Device dev1 has more than 32 MB of writes under way.")
	tooManyRequests(t, app.writeAs(dev1, half), "Device dev1 has more than 32 MB of writes under way.")
	status(t, app.writeAs(dev1, lines(1)), http.StatusNoContent)
	status(t, app.writeAs(dev2, packed(t, half), "Content-Encoding", "gzip"), http.StatusNoContent)
	close(slow.more)
	status(t, <-answer, http.StatusNoContent)
	status(t, app.writeAs(dev1, packed(t, half), "Content-Encoding", "gzip"), http.StatusNoContent)
	if app.bodies.all != 0 || len(app.bodies.by) != 0 {
		t.Errorf("%d bytes are held when nothing is under way", app.bodies.all)
	}
}

// A body that is too large by itself is told so, not that others are in the way.
func TestGatewayTellsATooLargeBodyFromTooMany(t *testing.T) {
	app := newTestApp(t, nil)
	token := app.register(t, "dev1")
	huge := "#" + strings.Repeat("a", maxWrite)
	status(t, app.writeAs(token, packed(t, huge), "Content-Encoding", "gzip"), http.StatusRequestEntityTooLarge)
	status(t, app.writeAs(token, huge), http.StatusRequestEntityTooLarge)
	status(t, app.writeAs(token, packed(t, huge[:maxWrite]), "Content-Encoding", "gzip"), http.StatusNoContent)
}

// What all devices have in memory together is bounded as well.
func TestGatewayBoundsTheBodiesOfAllDevices(t *testing.T) {
	var b bodyBudget
	var held []*share
	for _, id := range []string{"a", "b", "c", "d"} {
		s := b.share(devices.ID(id))
		if err := s.take(maxWrite); err != nil {
			t.Fatal(err)
		}
		held = append(held, s)
	}
	late := b.share("e")
	if err := late.take(1); failureOf(err, faceGateway, true).Status != http.StatusTooManyRequests {
		t.Errorf("one more: %v", err)
	}
	held[0].release()
	if err := late.take(1); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

package handlers

import (
	"net/http"
	"testing"
	"time"
)

// A device that asks for its settings without end makes the database work no more often than one that writes.
func TestADeviceAsksForItsSettingsWithinItsLimit(t *testing.T) {
	app := newTestApp(t, func(o *Options) { o.Limits = Limits{DeviceRequests: 2} })
	dev1, dev2 := app.register(t, "dev1"), app.register(t, "dev2")
	ask := func(id, token string, want int) {
		t.Helper()
		w := app.do("GET", "/api/env/"+id, "", personHeader, "", "Authorization", "Token "+token)
		status(t, w, want)
		if got := w.Header().Get("Retry-After"); (got == "1") != (want == http.StatusTooManyRequests) {
			t.Errorf("Retry-After %q", got)
		}
	}
	ask("dev1", dev1, http.StatusOK)
	ask("dev1", dev1, http.StatusOK)
	ask("dev1", dev1, http.StatusTooManyRequests)
	ask("dev2", dev2, http.StatusOK)
	app.db.set(func(m *memory) { m.now = m.now.Add(time.Second) })
	ask("dev1", dev1, http.StatusOK)
}

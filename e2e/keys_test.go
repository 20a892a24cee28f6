//go:build e2e

package e2e

import (
	"net/http"
	"testing"
)

// TestAPIKeys: a key is made, shown once, used by a program in each of the three ways, and revoked at once.
func TestAPIKeys(t *testing.T) {
	a := freshApp(t)
	a.register(t, "lamp-1")
	tb := openTab(t, a)
	tb.visit("/keys")
	tb.sees("API_KEY")
	tb.press(anything, "Make a key")
	tb.fill("Name", "night shift <1>")
	tb.choose("TECHNICAL")
	tb.pick("Ends after", "30 days")
	tb.shot("key-dialog-light-1280")
	tb.press(button, "Make key")
	tb.sees("The key night shift <1> is made.")
	key := tb.secret()
	tb.accessible("keys, with a new one")
	tb.shot("key-made-light-1280")
	tb.theme("dark")
	tb.size(390, 844)
	tb.fits(390)
	tb.shot("key-made-dark-390")
	tb.size(1280, 900)

	with := func(way string) int {
		return a.ask(t, http.MethodGet, "/api/devices", "", http.Header{"Authorization": {way + key}}).status
	}
	for _, way := range []string{"Token ", "Bearer ", "Token token="} {
		if got := with(way); got != http.StatusOK {
			t.Errorf("%q with the key: status %d", way, got)
		}
	}
	if got := a.ask(t, http.MethodPost, "/api/devices/lamp-2", "", http.Header{"Authorization": {"Token " + key}}); got.status != http.StatusForbidden {
		t.Errorf("a TECHNICAL key registers a device: status %d", got.status)
	}
	tb.forgets(key)
	tb.inRow("night shift <1>", "just now")

	tb.within("tbody tr", "night shift <1>", anything, "Revoke")
	tb.sees("Revoke night shift <1>?")
	tb.shot("key-revoke-dialog-dark-1280")
	tb.press(button, "Revoke")
	tb.sees("The key night shift <1> is revoked.")
	if got := with("Bearer "); got != http.StatusUnauthorized {
		t.Errorf("a revoked key: status %d", got)
	}
}

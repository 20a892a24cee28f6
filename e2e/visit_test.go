//go:build e2e

package e2e

import "testing"

// TestFirstVisit: a stranger opens the app on an empty database and looks around.
func TestFirstVisit(t *testing.T) {
	a := freshApp(t)
	tb := openTab(t, a)
	tb.visit("/")
	tb.sees("IoT Center")
	if tb.count("h1") != 1 {
		t.Errorf("the home page has %d headings of the first rank, not one", tb.count("h1"))
	}
	tb.accessible("empty home")
	tb.shot("empty-home-light-1280")

	for _, p := range []struct{ link, path, words string }{
		{"Device Registrations", "/devices", ""},
		{"Virtual Device", "/virtual", "Write missing data"},
		{"Dashboard", "/dashboard", ""},
		{"Buckets", "/buckets", "iot_center"},
		{"About", "/about", ""},
		{"Home", "/", ""},
	} {
		tb.press("nav a[href]", p.link)
		tb.arrives(p.path)
		if p.words != "" {
			tb.sees(p.words)
		}
		if tb.count("h1") != 1 {
			t.Errorf("%s has %d headings of the first rank, not one", p.path, tb.count("h1"))
		}
		tb.accessible("empty " + p.path)
		if p.path == "/devices" || p.path == "/dashboard" {
			tb.shot("empty-" + p.path[1:] + "-light-1280")
		}
	}
}

// TestNotFound: addresses of nothing say so, with the status, and lead home.
func TestNotFound(t *testing.T) {
	a := populatedApp(t)
	tb := openTab(t, a)
	tb.expect(404)
	for _, path := range []string{"/no/such/page", "/devices/nobody-here", "/dashboard/nobody-here", "/devices/%3Cscript%3Ealert(1)%3C%2Fscript%3E"} {
		tb.visit(path)
		if got := eval[int](tb, "performance.getEntriesByType('navigation')[0].responseStatus"); got != 404 {
			t.Errorf("%s: status %d, want 404", path, got)
		}
		if tb.count("h1") != 1 {
			t.Errorf("%s has no heading", path)
		}
	}
	tb.visit("/no/such/page")
	tb.press(anything, "Go Home")
	tb.arrives("/")
}

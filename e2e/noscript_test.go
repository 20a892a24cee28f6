//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

// TestWithoutScript: all forms work in a browser that runs no JavaScript.
func TestWithoutScript(t *testing.T) {
	a := freshApp(t)
	tb := openTab(t, a)
	tb.noScript()

	tb.visit("/devices")
	tb.register("plain-1")
	tb.sees("is registered")
	tb.visit("/devices")
	tb.register("plain-1")
	tb.sees("is already registered")
	tb.expect(422)
	tb.visit("/devices")
	tb.register("-no-")
	tb.until("the message at the field", find(`labelled('Device ID')?.getAttribute('aria-invalid') === 'true'`))

	tb.visit("/devices")
	tb.remove("plain-1")
	tb.shot("remove-noscript-light-1280")
	tb.choose("Delete")
	tb.press(button, "Remove")
	tb.sees("was unregistered")
	if got := a.devices(t); !slices.Equal(got, nil) {
		t.Errorf("the database holds %q", got)
	}

	tb.visit("/virtual")
	tb.press(button, "Write missing data")
	eventually(t, "the week in the database", func() bool {
		return slices.Contains(a.devices(t), virtual) && len(a.series(t, virtual, "start=-1d&fields=Temperature&points=4000").values("Temperature")) > 1400
	})
	tb.visit("/virtual")
	tb.press(button, "Live")
	tb.until("the switch on", find(`!!document.querySelector('[role=switch][aria-checked=true]')`))
	tb.press("[role=switch]", "Live")
	tb.until("the switch off", find(`!!document.querySelector('[role=switch][aria-checked=false]')`))

	tb.visit("/buckets")
	tb.fill("Name", "plain_bucket")
	tb.press(button, "Create")
	tb.sees("plain_bucket")

	tb.visit("/dashboard/" + virtual)
	tb.shot("dashboard-noscript-light-1280")
	if tb.count("h1") != 1 {
		t.Error("the dashboard has no heading without JavaScript")
	}
}

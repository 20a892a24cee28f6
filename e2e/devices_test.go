//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRegister: a person registers a device, tries the same again, and a name that is none.
func TestRegister(t *testing.T) {
	a := freshApp(t)
	tb := openTab(t, a)
	tb.visit("/devices")
	tb.register("lab-bench-2")
	tb.sees("is registered")
	tb.until("the device in the list", find(`[...document.querySelectorAll('main a[href="/devices/lab-bench-2"]')].some(seen)`))
	if got := a.devices(t); !slices.Equal(got, []string{"lab-bench-2"}) {
		t.Errorf("the database holds %q", got)
	}
	tb.shot("registered-light-1280")

	tb.register("lab-bench-2")
	tb.sees("is already registered")
	if got := a.devices(t); len(got) != 1 {
		t.Errorf("after a duplicate the database holds %q", got)
	}

	tb.visit("/devices")
	tb.expect(422)
	const bad = `<b>no</b> "id"`
	tb.register(bad)
	tb.until("the message at the field", find(`(() => { const f = labelled('Device ID'); return !!f && f.getAttribute('aria-invalid') === 'true' &&
	  (f.getAttribute('aria-describedby') || '').split(/\s+/).some((i) => /letter|digit|\. _/i.test(document.getElementById(i)?.textContent || '')); })()`))
	if got := eval[string](tb, find("labelled('Device ID').value")); got != bad {
		t.Errorf("the typed value came back as %q", got)
	}
	if n := tb.count("main b"); n > 0 && strings.Contains(tb.words("main b"), "no") {
		t.Error("the typed value became markup")
	}
	if got := a.devices(t); len(got) != 1 {
		t.Errorf("after a bad id the database holds %q", got)
	}
	tb.shot("bad-id-light-1280")
}

// register opens the form for a new device, in a dialog or on a page of its own, and sends it.
func (tb *tab) register(id string) {
	tb.t.Helper()
	tb.press(anything, "Register device")
	tb.fill("Device ID", id)
	tb.until("a dialog as high as what is in it", find(`(() => { const d = document.querySelector('dialog[open]'); return !d || d.getBoundingClientRect().height < 320; })()`))
	tb.press(button, "Register")
}

// TestRemove: a removal is confirmed, and the person chooses whether the data stay.
func TestRemove(t *testing.T) {
	a := freshApp(t)
	stamp := time.Now().Add(-time.Minute).Unix()
	for _, id := range []string{"keeper", "leaver", "stayer"} {
		a.write(t, a.register(t, id), fmt.Sprintf("environment Temperature=20 %d\n", stamp))
	}
	tb := openTab(t, a)
	tb.visit("/devices")

	// Changing one's mind removes nothing.
	tb.remove("stayer")
	tb.shot("remove-light-1280")
	tb.press(anything, "Cancel")
	tb.until("the dialog gone", "!document.querySelector('dialog[open]')")

	tb.remove("keeper")
	tb.choose("Keep")
	tb.press(button, "Remove")
	tb.sees("was unregistered")

	tb.visit("/devices")
	tb.remove("leaver")
	tb.choose("Delete")
	tb.press(button, "Remove")
	tb.sees("was unregistered")

	if got := a.devices(t); !slices.Equal(got, []string{"stayer"}) {
		t.Errorf("the database holds the devices %q", got)
	}
	for id, want := range map[string]int{"keeper": 1, "leaver": 0} {
		a.call(t, http.MethodPost, "/api/devices/"+id, "", nil, http.StatusCreated)
		if got := len(a.series(t, id, "start=-1h").values("Temperature")); got != want {
			t.Errorf("%s, registered again, has %d points, want %d", id, got, want)
		}
	}
}

// remove opens the question before the removal of a device, in the list.
func (tb *tab) remove(id string) {
	tb.t.Helper()
	tb.within("tbody tr", id, anything, "Remove")
	tb.sees("Remove " + id + "?")
}

// TestBuckets: a person makes a bucket and changes how long it keeps data.
func TestBuckets(t *testing.T) {
	a := freshApp(t)
	tb := openTab(t, a)
	tb.visit("/buckets")
	tb.sees("iot_center")
	tb.sees("iot_center_auth")
	tb.fill("Name", "weather_archive")
	tb.press(button, "Create")
	tb.sees("weather_archive")
	tb.shot("bucket-created-light-1280")

	// Keeping data for less long deletes some: that is asked for twice.
	tb.press(anything, "Change the retention of weather_archive")
	tb.until("the dialog", "document.querySelector('dialog[open]') !== null")
	tb.pick("Keep data for", "7 days")
	tb.press(button, "Change")
	tb.sees("older points are deleted")
	tb.press(button, "Delete older points")
	tb.sees("keeps data for 7 days")

	tb.expect(409)
	tb.expect(422)
	tb.fill("Name", "weather_archive")
	tb.press(button, "Create")
	tb.sees("exists already")
}

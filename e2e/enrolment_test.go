//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// environment asks for a device's configuration as a device without a token does, and gives the token in it.
func (a *app) environment(t *testing.T, path string) (status int, token string) {
	t.Helper()
	got := a.ask(t, http.MethodGet, path, "", nil)
	var env struct {
		Token string `json:"influx_token"`
	}
	decode(t, []byte(got.body), &env)
	return got.status, env.Token
}

// TestInbox: an unknown device asks, waits in the inbox, is approved with one click, and gets its configuration once.
func TestInbox(t *testing.T) {
	a := freshApp(t)
	ask := func(id string) (int, string) { return a.environment(t, "/api/env/"+id) }
	for _, id := range []string{"pump-7", "pump-7", "intruder"} {
		if status, token := ask(id); status != http.StatusForbidden || token != "" {
			t.Fatalf("unknown %s: status %d, token %q", id, status, token)
		}
	}
	tb := openTab(t, a)
	eventually(t, "two devices that wait", func() bool { return strings.Count(a.page(t, "/enrolment"), "/inbox/approve") == 2 })
	tb.visit("/")
	tb.until("the number beside the navigation", find(`/2\s*waiting/.test(tidy(named('nav a', 'Enrolment')?.textContent))`))
	tb.press("nav a[href]", "Enrolment")
	tb.arrives("/enrolment")
	tb.inRow("pump-7", "127.0.0.1 just now just now 2")
	tb.accessible("enrolment, with two that wait")
	tb.shot("inbox-light-1280")
	tb.within("tbody tr", "pump-7", button, "Approve")
	tb.sees("Device pump-7 is approved: it gets its configuration when it asks from 127.0.0.1")
	tb.within("tbody tr", "intruder", button, "Dismiss")
	tb.sees("Device intruder is dismissed.")
	tb.sees("Nobody waits")

	status, token := ask("pump-7")
	if status != http.StatusOK || token == "" {
		t.Fatalf("after the approval: status %d, token %q", status, token)
	}
	a.write(t, token, "environment,clientId=pump-7 Temperature=20")
	if status, again := ask("pump-7"); status != http.StatusForbidden || again != "" {
		t.Errorf("the approval holds a second time: status %d", status)
	}
	if status, _ := ask("intruder"); status != http.StatusForbidden {
		t.Errorf("the dismissed device: status %d", status)
	}
	if got := a.devices(t); !slices.Equal(got, []string{"pump-7"}) {
		t.Errorf("registered are %q", got)
	}
}

// TestWindow: an operator opens enrolment for some minutes; every page says so and counts down, for viewers without the
// button; unknown devices come in, known ones do not get their token; then it is closed.
func TestWindow(t *testing.T) {
	a := freshApp(t)
	a.person(t, viewer, "viewer", viewerPassword)
	a.register(t, "known-1")
	tb := openTab(t, a)
	tb.visit("/enrolment")
	tb.press(button, "Open for 5 minutes")
	tb.sees("Enrolment is open.")

	at := tb.left()
	if at < 4*60 || at > 5*60 {
		t.Errorf("of 5 minutes %d s are left", at)
	}
	tb.until("a count that goes down", fmt.Sprintf("(%s) < %d", leftJS, at))
	for _, theme := range []string{"light", "dark"} {
		tb.theme(theme)
		for _, width := range []int64{1280, 390, 320} {
			tb.size(width, 844)
			tb.fits(width)
			tb.accessible(fmt.Sprintf("window, %s, %d", theme, width))
			tb.shot(fmt.Sprintf("window-%s-%d", theme, width))
		}
	}
	tb.size(1280, 900)
	looker := strangersTab(t, a)
	looker.enter(viewer, viewerPassword)
	for _, p := range allPages() {
		if p.status != 0 || strings.Contains(p.path, "{") {
			continue
		}
		for _, who := range []*tab{tb, looker} {
			if p.who == byStranger || p.who == byAdmin && who == looker && !slices.Contains([]string{"home", "devices", "virtual", "dashboard-choice", "buckets", "about", "account"}, p.name) {
				continue
			}
			who.expect(http.StatusNotFound) // this program has fewer devices
			who.visit(p.path)
			if n := who.left(); n <= 0 || n > at {
				t.Errorf("%s says that %d s are left", p.path, n)
			}
			if n := who.count("[data-window] button"); n != map[bool]int{true: 1, false: 0}[who == tb] {
				t.Errorf("%s has %d buttons to close enrolment", p.path, n)
			}
		}
	}

	if status, token := a.environment(t, "/api/env/fresh-1"); status != http.StatusOK || token == "" {
		t.Errorf("an unknown device in the open window: status %d, token %q", status, token)
	}
	if status, token := a.environment(t, "/api/env/known-1"); status != http.StatusForbidden || token != "" {
		t.Errorf("a known device in the open window: status %d, token %q", status, token)
	}
	tb.visit("/about")
	tb.press(button, "Close enrolment")
	tb.arrives("/about")
	tb.until("no word of the window", "!document.querySelector('[data-window]')")
	if status, _ := a.environment(t, "/api/env/fresh-2"); status != http.StatusForbidden {
		t.Errorf("an unknown device after the window: status %d", status)
	}
}

// leftJS is the time that the line of the window shows, in seconds.
const leftJS = `((m) => m ? Number(m[1] || 0) * 60 + Number(m[2]) : -1)(/(?:(\d+) min )?(\d+) s/.exec(document.querySelector('[data-window] time')?.textContent))`

func (tb *tab) left() int {
	tb.t.Helper()
	return eval[int](tb, leftJS)
}

// TestEnrolmentKey: a key is made for some devices; the address that is shown works for a device as it stands, as often
// as it asks, for no other device than the pattern says, and not after the key is revoked.
func TestEnrolmentKey(t *testing.T) {
	a := freshApp(t)
	tb := openTab(t, a)
	tb.visit("/enrolment")
	tb.press(anything, "Make a key")
	tb.fill("Name", "greenhouse")
	tb.fill("Ids", "greenhouse-*")
	tb.fill("Devices, at most", "none")
	tb.expect(http.StatusUnprocessableEntity)
	tb.press(button, "Make key")
	tb.sees("A number is needed.")
	tb.shot("enrolment-key-refused-light-1280")
	tb.fill("Devices, at most", strconv.Itoa(2))
	tb.press(button, "Make key")
	tb.sees("The enrolment key greenhouse is made.")
	key := tb.secret()
	address := eval[string](tb, "[...document.querySelectorAll('.secret code')][1].textContent")
	tb.accessible("enrolment, with a new key")
	tb.shot("enrolment-key-made-light-1280")
	if !strings.HasPrefix(address, a.URL+"/api/env/DEVICE_ID?key=") || !strings.HasSuffix(address, key) {
		t.Errorf("the address shown is %s", address)
	}
	at := func(id string) string {
		return strings.TrimPrefix(strings.ReplaceAll(address, "DEVICE_ID", id), a.URL)
	}
	status, token := a.environment(t, at("greenhouse-1"))
	if status != http.StatusOK || token == "" {
		t.Fatalf("with the key: status %d, token %q", status, token)
	}
	if status, again := a.environment(t, at("greenhouse-1")); status != http.StatusOK || again != token {
		t.Errorf("an hour later: status %d, the same token: %v", status, again == token)
	}
	if status, _ := a.environment(t, at("cellar-1")); status != http.StatusForbidden {
		t.Errorf("an id beside the pattern: status %d", status)
	}
	a.environment(t, at("greenhouse-2"))
	if status, _ := a.environment(t, at("greenhouse-3")); status != http.StatusForbidden {
		t.Errorf("a third device of two: status %d", status)
	}
	tb.forgets(key)
	tb.inRow("greenhouse-*", "2 of 2")
	tb.within("tbody tr", "greenhouse-*", anything, "Revoke")
	tb.sees("Revoke greenhouse?")
	tb.press(button, "Revoke")
	tb.sees("The enrolment key greenhouse is revoked.")
	if status, _ := a.environment(t, at("greenhouse-1")); status != http.StatusForbidden && status != http.StatusUnauthorized {
		t.Errorf("with the revoked key: status %d", status)
	}
}

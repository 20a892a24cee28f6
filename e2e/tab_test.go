//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// artifacts is the folder of screenshots; git ignores it.
const artifacts = "artifacts"

func tempDir() (string, error) { return os.MkdirTemp("", "iot-e2e-data-*") }

// tab is a browser tab with cookies and storage of its own. It notes everything that a console would show in red; a
// journey fails at its end where there is anything.
type tab struct {
	t   *testing.T
	app *app
	ctx context.Context

	mu       sync.Mutex
	problems []string
	expected map[int64]bool // statuses of pages that the journey means to see
	requests map[network.RequestID]string
}

// openTab opens a tab of 1280 × 900 in the light theme, in which the admin is signed in.
func openTab(t *testing.T, a *app) *tab {
	t.Helper()
	tb := strangersTab(t, a)
	tb.carry(a.admin(t))
	return tb
}

// enter signs somebody in without going through the form.
func (tb *tab) enter(username, password string) {
	tb.t.Helper()
	cookie, err := tb.app.SignIn(tb.t.Context(), username, password)
	if err != nil {
		tb.t.Fatal(err)
	}
	tb.carry(cookie)
}

// carry puts a session into the browser.
func (tb *tab) carry(cookie *http.Cookie) {
	tb.t.Helper()
	yes := true
	tb.must(call(network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: tb.app.URL, HTTPOnly: &yes, SameSite: network.CookieSameSiteLax}))
}

// strangersTab opens a tab in which nobody is signed in.
func strangersTab(t *testing.T, a *app) *tab {
	t.Helper()
	needBrowser(t)
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	tb := &tab{t: t, app: a, ctx: ctx, expected: map[int64]bool{}, requests: map[network.RequestID]string{}}
	t.Cleanup(func() {
		if t.Failed() {
			tb.shot("failed-" + strings.ReplaceAll(t.Name(), "/", "-"))
		}
		cancel()
		tb.mu.Lock()
		defer tb.mu.Unlock()
		for _, p := range tb.problems {
			t.Errorf("browser: %s", p)
		}
	})
	if err := chromedp.Listen(ctx, tb.note); err != nil {
		t.Fatal(err)
	}
	tb.must(
		call(audits.Enable, cdp.Empty{}),
		call(log.Enable, cdp.Empty{}),
		call(network.Enable, network.EnableParams{}),
		call(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Europe/Prague"}),
	)
	tb.size(1280, 900)
	tb.theme("light")
	return tb
}

// call makes a protocol command an action.
func call[P, R any](cmd cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, cmd, params)
		return chromedp.Void{}, err
	}
}

// note judges an event of the browser. It runs in the browser's reading loop, so it only takes notes.
func (tb *tab) note(event any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	problem := func(format string, args ...any) {
		tb.problems = append(tb.problems, fmt.Sprintf(format, args...))
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		tb.requests[e.RequestID] = e.Request.URL
		if !strings.HasPrefix(e.Request.URL, tb.app.URL) && !strings.HasPrefix(e.Request.URL, "data:") && !strings.HasPrefix(e.Request.URL, "blob:") {
			problem("a request to elsewhere: %s", e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 && !tb.expected[e.Response.Status] {
			problem("status %d of %s", e.Response.Status, e.Response.URL)
		}
	case *network.EventLoadingFailed:
		// A person who leaves a page cancels its requests; that is no fault.
		if !e.Canceled && e.ErrorText != "net::ERR_ABORTED" {
			problem("failed request: %s %s", e.ErrorText, tb.requests[e.RequestID])
		}
	case *runtime.EventExceptionThrown:
		problem("exception: %s", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			problem("console.%s: %s", e.Type, arguments(e.Args))
		}
	case *log.EventEntryAdded:
		// Answers with an error status are judged above, where the expected ones are known.
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			problem("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			problem("policy violation: %s %s", d.ViolatedDirective, d.BlockedURL)
		}
	}
}

func arguments(args []*runtime.RemoteObject) string {
	var b strings.Builder
	for _, a := range args {
		fmt.Fprintf(&b, "%s%s ", a.Value, a.Description)
	}
	return b.String()
}

// expect says that answers of this status belong to the journey.
func (tb *tab) expect(status int64) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.expected[status] = true
}

// must runs actions, within the patience of a person.
func (tb *tab) must(actions ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		tb.t.Fatal(err)
	}
}

// eval runs JavaScript in the page and gives its value.
func eval[T any](tb *tab, js string) T {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.t.Fatalf("%v, evaluating %.300s", err, js)
	}
	return v
}

// visit opens a page and wants 200, or a status that the journey expects.
func (tb *tab) visit(path string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	res, err := chromedp.Run(ctx, chromedp.NavigateResponse(tb.app.URL+path))
	if err != nil {
		tb.t.Fatalf("visiting %s: %v", path, err)
	}
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if res == nil || res.Status != 200 && !tb.expected[res.Status] {
		tb.t.Fatalf("visiting %s: %+v", path, res)
	}
}

// until waits for a condition of the page. Errors on the way, such as a page that is just being left, are no answer.
func (tb *tab) until(what, js string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	again := time.NewTicker(30 * time.Millisecond)
	defer again.Stop()
	var last error
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](js, chromedp.EvalAwaitPromise))
		if err == nil && ok {
			return
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			tb.t.Fatalf("waited %v in vain for %s (%v) on %s, which says:\n%.2000s", patience, what, last, tb.path(), tb.words("body"))
		case <-again.C:
		}
	}
}

// size makes the window this large, a phone below 640.
func (tb *tab) size(width, height int64) {
	tb.t.Helper()
	if width < 640 {
		tb.must(chromedp.EmulateViewport(width, height, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait))
		return
	}
	tb.must(chromedp.EmulateViewport(width, height))
}

// theme is what the operating system prefers: light or dark. Nothing moves, so that screenshots are still.
func (tb *tab) theme(name string) {
	tb.t.Helper()
	tb.must(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}))
}

// noScript turns JavaScript of pages off; the journey itself can still ask the page.
func (tb *tab) noScript() {
	tb.t.Helper()
	tb.must(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// shot keeps a picture of the whole page as an artifact.
func (tb *tab) shot(name string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		if err = os.MkdirAll(artifacts, 0o755); err == nil {
			err = os.WriteFile(filepath.Join(artifacts, name+".png"), png, 0o644)
		}
	}
	if err != nil {
		tb.t.Errorf("screenshot %s: %v", name, err)
	}
}

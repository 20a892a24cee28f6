//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"iotcenter/e2e/program"
)

// The binary and the browser are the same for all journeys; TestMain sets them before any test runs.
var (
	binary  string
	browser context.Context // of chromedp; nil where there is no Chromium
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "iot-e2e-*")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	chromium, found := findChromium()
	if found {
		if binary, err = program.Build(context.Background(), dir); err != nil {
			return fail(err)
		}
		ctx, stop, err := startBrowser(chromium, filepath.Join(dir, "profile"))
		if err != nil {
			return fail(err)
		}
		defer stop()
		browser = ctx
	}
	if err := os.RemoveAll(artifacts); err != nil {
		return fail(err)
	}
	code := m.Run()
	if err := populated.stop(); err != nil {
		return fail(err)
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// findChromium looks for the browser: CHROME, or Debian's and other usual names.
func findChromium() (string, bool) {
	for _, name := range []string{os.Getenv("CHROME"), "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path, true
		}
	}
	return "", false
}

func startBrowser(chromium, profile string) (context.Context, func(), error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium),
		chromedp.UserDataDir(profile),
		chromedp.NoSandbox, // CI runs as root in a container
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en-GB"),
		chromedp.WindowSize(1280, 900),
	)
	alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopBrowser := chromedp.NewContext(alloc)
	stop := func() {
		stopBrowser()
		stopAlloc()
	}
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, nil, fmt.Errorf("starting %s: %w", chromium, err)
	}
	return ctx, stop, nil
}

// needBrowser skips a journey, by name, where there is no Chromium; under CI that is a failure.
func needBrowser(t *testing.T) {
	t.Helper()
	if browser != nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Chromium: under CI no journey is skipped")
	}
	t.Skip("no Chromium on this machine (apt-get install chromium, or set CHROME)")
}

// patience is how long a journey waits for what must come.
const patience = 20 * time.Second

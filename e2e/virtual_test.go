//go:build e2e

package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestWriteMissingData: the week that is missing is written while the person watches, once.
func TestWriteMissingData(t *testing.T) {
	a := freshApp(t)
	tb := openTab(t, a)
	tb.visit("/virtual")
	// Notes each value of the progress bar, so that a quick machine is no excuse.
	eval[bool](tb, `(() => { window.seenProgress = []; new MutationObserver(() => { const p = document.querySelector('progress'); if (p) window.seenProgress.push(p.value / p.max); })
	  .observe(document.documentElement, {subtree: true, childList: true, attributes: true}); return true; })()`)
	tb.press(button, "Write missing data")
	tb.until("the closing message", find(`/[\d,]+ (data )?points? (was|were) written/i.test(tidy(document.body.innerText))`))
	tb.shot("virtual-written-light-1280")

	said := written(t, tb.words("main"))
	if said < 10070 || said > 10090 {
		t.Errorf("the page says that %d points were written; a week has about 10,080", said)
	}
	stored := 0
	for _, day := range []string{"start=-7d&stop=-6d", "start=-6d&stop=-5d", "start=-5d&stop=-4d", "start=-4d&stop=-3d", "start=-3d&stop=-2d", "start=-2d&stop=-1d", "start=-1d"} {
		stored += len(a.series(t, virtual, day+"&fields=Temperature&points=4000").values("Temperature"))
	}
	if diff := said - stored; diff < -10 || diff > 10 {
		t.Errorf("the page says %d points, the database holds %d", said, stored)
	}

	tb.visit("/virtual")
	tb.press(button, "Write missing data")
	tb.until("word that nothing, or a minute, was missing", find(
		`/No new data were written to InfluxDB, the current measurement is already written\.|\b1 (data )?point was written/.test(tidy(document.body.innerText))`))
}

// written is the number of points that a page says were written.
func written(t *testing.T, text string) int {
	t.Helper()
	m := regexp.MustCompile(`(?i)([\d,]+) (?:data )?points? (?:was|were) written`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no count in %.500q", text)
	}
	n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLive: the switch writes points until it is turned off.
func TestLive(t *testing.T) {
	a := freshApp(t)
	tb := openTab(t, a)
	tb.visit("/virtual")
	tb.press(button, "Live")
	tb.until("the switch on", find(`!!document.querySelector('[role=switch][aria-checked=true]')`))
	eventually(t, "a live point in the database", func() bool {
		return len(a.series(t, virtual, "start=-5m").values("Temperature")) > 0
	})
	tb.visit("/virtual")
	tb.press("[role=switch]", "Live")
	tb.until("the switch off", find(`!!document.querySelector('[role=switch][aria-checked=false]')`))
}

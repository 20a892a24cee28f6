//go:build e2e

package e2e

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestDashboard: what is drawn is what the database holds; ranges, zoom, the query behind it.
func TestDashboard(t *testing.T) {
	a := populatedApp(t)
	tb := openTab(t, a)
	tb.visit("/dashboard/" + greenhouse)
	tb.untilDrawn()

	for _, field := range []string{"Temperature", "Humidity", "SoilMoisture"} {
		want, ok := a.series(t, greenhouse, "start=-1h&points=4000&fields="+field).last(field)
		if !ok {
			t.Fatalf("the database holds no %s", field)
		}
		got := tb.gauge(field)
		if math.Abs(got-want) > 0.051+math.Abs(want)*0.001 {
			t.Errorf("the gauge of %s shows %v, the database holds %v", field, got, want)
		}
	}
	for _, field := range []string{"Pressure", "CO2", "TVOC"} {
		if !strings.Contains(tb.words("main"), field) {
			t.Errorf("nothing is said about %s, which has no data", field)
		}
	}

	// Another range: fewer points, drawn again, and an address to share.
	tb.press(anything, "1h")
	tb.until("the range in the address", `/range=1h/.test(location.search)`)
	tb.untilDrawn()

	// Zoom by button and back.
	before := tb.picture()
	tb.press(button, "Zoom in")
	tb.until("another picture after zooming in", "true")
	tb.untilPicture(before, false)
	tb.press(button, "Reset zoom")
	tb.untilPicture(before, true)

	// The query, as it was sent.
	tb.press("summary,button", "Show the query")
	tb.sees("from(bucket:")
	tb.sees(greenhouse)
	if !regexp.MustCompile(`\d+(\.\d+)? ms`).MatchString(tb.words("main")) {
		t.Error("the query is shown without its milliseconds")
	}
	tb.shot("dashboard-query-light-1280")
}

// TestDashboardDrag: a span drawn with the mouse zooms all plots.
func TestDashboardDrag(t *testing.T) {
	a := populatedApp(t)
	tb := openTab(t, a)
	tb.visit("/dashboard/" + virtual + "?range=7d")
	tb.untilDrawn()
	before := tb.picture()
	type box struct{ X, Y, W, H float64 }
	plot := eval[box](tb, find(`(() => { const all = [...document.querySelectorAll('canvas')].filter(seen).filter((c) => c.clientWidth > 400);
	  all[0].scrollIntoView({block: 'center'}); const r = all[0].getBoundingClientRect(); return {X: r.x, Y: r.y, W: r.width, H: r.height}; })()`))
	tb.must(chromedp.DragAndDropXY(plot.X+plot.W*0.4, plot.Y+plot.H/2, plot.X+plot.W*0.6, plot.Y+plot.H/2))
	tb.untilPicture(before, false)
	tb.press(button, "Reset zoom")
	tb.untilPicture(before, true)
}

// TestDashboardOfNothing: a device that never wrote gets a page that says what to do.
func TestDashboardOfNothing(t *testing.T) {
	a := populatedApp(t)
	tb := openTab(t, a)
	tb.visit("/dashboard/" + drawer)
	tb.until("words about missing data", find(`/no data|never|not written|nothing/i.test(tidy(document.querySelector('main').innerText))`))
	if n := tb.count("main a[href], main button"); n == 0 {
		t.Error("the empty dashboard offers nothing to do")
	}
}

// TestPresent: for a wall the frame goes, dials and two plots fill the height, and Escape leads back.
func TestPresent(t *testing.T) {
	a := populatedApp(t)
	tb := openTab(t, a)
	tb.theme("dark")
	tb.size(1920, 1080)
	tb.visit("/dashboard/" + virtual + "?range=1d")
	tb.untilDrawn()
	tb.press(button, "Present on a large screen")
	tb.until("nothing but the dashboard", find(`![...document.querySelectorAll('.side, .top, .bottom')].some(seen)`))
	tb.untilDrawn()
	if dials, plots := tb.count("[data-dial]"), tb.count("[data-strip]"); dials != 5 || plots != 2 {
		t.Errorf("%d dials and %d plots are shown, want 5 and 2", dials, plots)
	}
	tb.until("plots that fill the height", find(`[...document.querySelectorAll('[data-strip]')].filter(seen).every((e) => e.getBoundingClientRect().bottom > innerHeight - 60)`))
	if small := eval[string](tb, find(`[...document.querySelectorAll('main *')].filter((e) => seen(e) && tidy(e.textContent) && !e.children.length && parseFloat(getComputedStyle(e).fontSize) < 18).map((e) => e.textContent).join(', ')`)); small != "" {
		t.Errorf("too small for a wall: %s", small)
	}
	tb.shot("present-dark-1920")
	tb.must(chromedp.KeyEvent(kb.Escape))
	tb.until("the frame back", find(`seen(document.querySelector('.side'))`))
}

// gauge is the value that stands over the dial of a field.
func (tb *tab) gauge(field string) float64 {
	tb.t.Helper()
	text := eval[string](tb, find(fmt.Sprintf(`tidy([...document.querySelectorAll('[data-field=%q], [data-gauge=%q]')].filter(seen)[0]?.innerText)`, field, field)))
	m := regexp.MustCompile(`-?\d[\d,]*(\.\d+)?`).FindString(strings.Replace(text, field, "", 1))
	v, err := strconv.ParseFloat(strings.ReplaceAll(m, ",", ""), 64)
	if err != nil {
		tb.t.Fatalf("the gauge of %s says %q", field, text)
	}
	return v
}

// picture is a digest of everything that is painted on the wide canvases.
func (tb *tab) picture() string {
	tb.t.Helper()
	return eval[string](tb, pictureJS)
}

const pictureJS = `(() => { let h = 0; for (const c of document.querySelectorAll('canvas')) { if (c.clientWidth < 300) continue;
  const d = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);
  for (let i = 0; i < d.length; i += 3) h = (Math.imul(h, 31) + d[i]) | 0; } return String(h); })()`

// untilPicture waits until the plots look as in a picture, or differently.
func (tb *tab) untilPicture(picture string, same bool) {
	tb.t.Helper()
	tb.until(fmt.Sprintf("plots that look the same: %v", same), fmt.Sprintf("(%s === %q) === %v", pictureJS, picture, same))
}

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestLooks visits every page in both themes on a desk and on phones: it fits, no tool for accessibility finds a serious
// problem, the console stays silent; and it leaves the pictures.
func TestLooks(t *testing.T) {
	a := populatedApp(t)
	for _, p := range allPages() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			tb := p.open(t, a)
			tb.visit(p.at(a))
			for _, theme := range []string{"light", "dark"} {
				tb.theme(theme)
				for _, width := range []int64{1280, 768, 390, 320} {
					pictured := width == 1280 || width == 390
					if theme == "dark" && !pictured {
						continue // colours move nothing
					}
					tb.size(width, 900)
					if p.drawn {
						tb.untilDrawn()
					}
					tb.fits(width)
					if pictured {
						tb.accessible(fmt.Sprintf("%s, %s, %d px", p.path, theme, width))
						tb.shot(fmt.Sprintf("%s-%s-%d", p.name, theme, width))
					}
				}
				if dark := tb.isDark(); dark != (theme == "dark") {
					t.Errorf("with a preference for %s the page is dark: %v", theme, dark)
				}
			}
		})
	}
}

// TestLooksOfStrangersErrors: what is refused to a stranger's browser comes as a page without the app's frame.
func TestLooksOfStrangersErrors(t *testing.T) {
	a := populatedApp(t)
	tb := strangersTab(t, a)
	tb.expect(403)
	// A page of nowhere sends a form: that is another site.
	tb.must(chromedp.Navigate("about:blank"))
	eval[bool](tb, fmt.Sprintf(`(() => { const f = document.createElement('form'); f.method = 'post'; f.action = %s; document.body.append(f); f.submit(); return true; })()`, quote(a.URL+"/login")))
	tb.sees("came from another site")
	if tb.count("nav, .side") > 0 {
		t.Error("a stranger is shown the frame of the app")
	}
	for _, theme := range []string{"light", "dark"} {
		tb.theme(theme)
		for _, width := range []int64{1280, 390} {
			tb.size(width, 900)
			tb.fits(width)
			tb.accessible(fmt.Sprintf("refused, %s, %d px", theme, width))
			tb.shot(fmt.Sprintf("refused-%s-%d", theme, width))
		}
	}
}

// fits fails where the page can be scrolled sideways, and names what sticks out.
func (tb *tab) fits(width int64) {
	tb.t.Helper()
	out := eval[string](tb, `(() => {
	  const wide = document.documentElement.scrollWidth, room = document.documentElement.clientWidth;
	  if (wide <= room) return '';
	  const who = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > room + 1)
	    .map((e) => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + (e.classList.length ? '.' + [...e.classList].join('.') : ''));
	  return wide + ' px in ' + room + ': ' + who.slice(0, 6).join(', ');
	})()`)
	if out != "" {
		tb.t.Errorf("%s at %d px scrolls sideways: %s", tb.path(), width, out)
	}
}

// isDark tells whether the page's ground is darker than its text.
func (tb *tab) isDark() bool {
	tb.t.Helper()
	return eval[bool](tb, `(() => {
	  const c = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
	  const light = (e, p) => { c.fillStyle = getComputedStyle(e)[p]; c.fillRect(0, 0, 1, 1); const d = c.getImageData(0, 0, 1, 1).data; return d[0] + d[1] + d[2]; };
	  const ground = [document.body, document.documentElement].find((e) => getComputedStyle(e).backgroundColor !== 'rgba(0, 0, 0, 0)') || document.body;
	  return light(ground, 'backgroundColor') < light(document.body, 'color');
	})()`)
}

// untilDrawn waits until the data are there and every visible canvas has been painted on.
func (tb *tab) untilDrawn() {
	tb.t.Helper()
	tb.until("painted canvases", find(`(() => {
	  const all = [...document.querySelectorAll('canvas')].filter(seen);
	  return all.length > 0 && !document.querySelector('[aria-busy=true]') && all.every((c) => {
	    if (!c.width || !c.height) return false;
	    const data = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);
	    let painted = 0;
	    for (let i = 0; i < data.length; i++) if (data[i] !== 0) painted++;
	    return painted > 200;
	  });
	})()`))
}

// accessible runs axe-core in the page and fails on serious and critical findings; lesser ones are logged.
func (tb *tab) accessible(where string) {
	tb.t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		tb.t.Fatalf("axe-core is missing; npm ci brings it: %v", err)
	}
	if !eval[bool](tb, "typeof window.axe === 'object'") {
		eval[bool](tb, string(source)+"\n;true")
	}
	type finding struct {
		ID     string   `json:"id"`
		Impact string   `json:"impact"`
		Help   string   `json:"help"`
		Nodes  []string `json:"nodes"`
	}
	var findings []finding
	answer := eval[string](tb, `axe.run(document, {resultTypes: ['violations']}).then((r) => JSON.stringify(
	  r.violations.map((v) => ({id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 4).map((n) => n.html.slice(0, 160) + ' | ' + (n.any[0]?.message || ''))}))))`)
	if err := json.Unmarshal([]byte(answer), &findings); err != nil {
		tb.t.Fatal(err)
	}
	for _, f := range findings {
		text := fmt.Sprintf("axe: %s: %s %s: %s\n\t%s", where, f.Impact, f.ID, f.Help, strings.Join(f.Nodes, "\n\t"))
		if f.Impact == "serious" || f.Impact == "critical" {
			tb.t.Error(text)
		} else {
			tb.t.Log(text)
		}
	}
}

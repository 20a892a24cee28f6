//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// page is a page of the app as it is looked at in all sizes and themes.
type page struct {
	name   string
	path   string
	status int64 // 200 unless told
	drawn  bool  // it has canvases
}

var allPages = []page{
	{name: "home", path: "/"},
	{name: "devices", path: "/devices"},
	{name: "device", path: "/devices/" + greenhouse},
	{name: "virtual", path: "/virtual"},
	{name: "dashboard", path: "/dashboard/" + greenhouse, drawn: true},
	{name: "dashboard-virtual", path: "/dashboard/" + virtual + "?range=7d", drawn: true},
	{name: "dashboard-empty", path: "/dashboard/" + drawer},
	{name: "buckets", path: "/buckets"},
	{name: "about", path: "/about"},
	{name: "not-found", path: "/no/such/page", status: 404},
}

// TestLooks visits every page in both themes on a desk and on phones: it fits, no tool for accessibility finds a serious
// problem, the console stays silent; and it leaves the pictures.
func TestLooks(t *testing.T) {
	a := populatedApp(t)
	for _, theme := range []string{"light", "dark"} {
		for _, p := range allPages {
			t.Run(theme+"/"+p.name, func(t *testing.T) {
				tb := openTab(t, a)
				tb.theme(theme)
				if p.status != 0 {
					tb.expect(p.status)
				}
				tb.visit(p.path)
				for _, width := range []int64{1280, 768, 390, 320} {
					tb.size(width, 900)
					if p.drawn {
						tb.untilDrawn()
					}
					tb.fits(width)
					if width == 1280 || width == 390 {
						tb.accessible(fmt.Sprintf("%s, %s, %d px", p.path, theme, width))
						tb.shot(fmt.Sprintf("%s-%s-%d", p.name, theme, width))
					}
				}
				if dark := tb.isDark(); dark != (theme == "dark") {
					t.Errorf("with a preference for %s the page is dark: %v", theme, dark)
				}
			})
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

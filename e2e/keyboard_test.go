//go:build e2e

package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestKeyboard: a person without a mouse skips to the content, registers a device and removes it; the focus is always
// seen, and comes back after a dialog.
func TestKeyboard(t *testing.T) {
	a := freshApp(t)
	tb := openTab(t, a)
	tb.visit("/devices")

	tb.key(kb.Tab)
	tb.until("the skip link first", find(`/skip/i.test(document.activeElement.textContent) && seen(document.activeElement)`))
	tb.key(kb.Enter)
	tb.until("the content behind the skip link", `location.hash !== '' && document.querySelector(location.hash).tagName === 'MAIN'`)

	tb.tabTo("the way to the form", find("/^Register device/.test(nameOf(document.activeElement))"))
	tb.key(kb.Enter)
	tb.until("the field, with the focus", find("document.activeElement === labelled('Device ID')"))
	tb.must(chromedp.KeyEvent("by-keyboard"))
	tb.key(kb.Enter)
	tb.sees("is registered")
	tb.until("the page behind the dialog", "document.readyState === 'complete' && !document.querySelector('dialog[open]')")

	tb.tabTo("the removal in the row", find(`/^Remove/.test(nameOf(document.activeElement))`))
	tb.key(kb.Enter)
	tb.sees("Remove by-keyboard?")
	if eval[bool](tb, "!!document.querySelector('dialog[open]')") {
		tb.until("the focus in the dialog", "document.querySelector('dialog[open]').contains(document.activeElement)")
		tb.key(kb.Escape)
		tb.until("the dialog gone", "!document.querySelector('dialog[open]')")
		tb.until("the focus back on the button", find(`/^Remove/.test(nameOf(document.activeElement))`))
		tb.key(kb.Enter)
		tb.sees("Remove by-keyboard?")
	}
	tb.tabTo("the confirming button", find(`document.activeElement.matches('button,input[type=submit]') && /^Remove/.test(nameOf(document.activeElement))
	  && scope().contains(document.activeElement) && /dangersolid/.test(document.activeElement.className)`))
	tb.key(kb.Enter)
	tb.sees("was unregistered")
	if got := a.devices(t); len(got) != 0 {
		t.Errorf("the database holds %q", got)
	}
}

// key presses and releases one key.
func (tb *tab) key(k string) {
	tb.t.Helper()
	tb.must(chromedp.KeyEvent(k))
}

// tabTo presses Tab until the focus is where it should be, and wants to see the focus all the way.
func (tb *tab) tabTo(what, there string) {
	tb.t.Helper()
	for range 80 {
		tb.key(kb.Tab)
		if bad := eval[string](tb, find(`(() => {
		  const e = document.activeElement; if (!e || e === document.body) return '';
		  const s = getComputedStyle(e), around = e.closest('label, .field, td, th, li, div');
		  const ring = (x) => x && getComputedStyle(x).outlineStyle !== 'none' && parseFloat(getComputedStyle(x).outlineWidth) > 0;
		  return ring(e) || s.boxShadow !== 'none' || ring(around) || ring(e.labels && e.labels[0]) ? '' : e.outerHTML.slice(0, 200);
		})()`)); bad != "" {
			tb.t.Errorf("the focus cannot be seen on %s", bad)
		}
		if eval[bool](tb, there) {
			return
		}
	}
	tb.t.Fatalf("%s cannot be reached with the Tab key on %s", what, tb.path())
}

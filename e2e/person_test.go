//go:build e2e

package e2e

import (
	"fmt"
	"strconv"

	"github.com/chromedp/chromedp"
)

// What a person does and sees, by names and labels rather than by classes, so that a journey reads like one.

// finder is JavaScript that finds what a person can see.
const finder = `
const seen = (e) => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length > 0;
const tidy = (s) => (s || '').replace(/\s+/g, ' ').trim();
const nameOf = (e) => {
  if (!e) return ''; // nothing has the focus while a page is on its way
  if (e.getAttribute('aria-labelledby')) return tidy(e.getAttribute('aria-labelledby').split(/\s+/).map((i) => document.getElementById(i)?.textContent).join(' '));
  return tidy(e.getAttribute('aria-label')) || tidy(e.textContent) || tidy(e.value) || tidy(e.title);
};
const scope = () => document.querySelector('dialog[open]') || document;
const named = (selector, name) => {
  const all = [...scope().querySelectorAll(selector)].filter(seen);
  return all.find((e) => nameOf(e) === name) || all.find((e) => nameOf(e).startsWith(name));
};
const labelled = (name) => {
  for (const l of scope().querySelectorAll('label')) {
    if (!tidy(l.textContent).startsWith(name)) continue;
    const c = l.control;
    if (c && (seen(c) || seen(l))) return c;
  }
  return [...scope().querySelectorAll('input,select,textarea')].filter(seen).find((e) => nameOf(e).startsWith(name));
};
const mark = (e) => { if (!e) return false; document.querySelectorAll('[data-journey]').forEach((o) => o.removeAttribute('data-journey')); e.setAttribute('data-journey', ''); return true; };
`

const marked = chromedp.CSS("[data-journey]")

func find(expression string) string { return "(() => {" + finder + "return " + expression + "})()" }

func quote(s string) string { return strconv.Quote(s) }

// Kinds of things that are pressed.
const (
	button   = "button,input[type=submit],summary,[role=button],[role=switch]"
	link     = "a[href]"
	anything = button + "," + link
)

// press clicks the visible thing of this kind and name.
func (tb *tab) press(kind, name string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf("%q to press", name), find(fmt.Sprintf("mark(named(%s, %s))", quote(kind), quote(name))))
	tb.must(chromedp.Click(marked, chromedp.NodeVisible))
}

// within clicks the thing of this name inside the first element that matches the selector and holds the text.
func (tb *tab) within(selector, text, kind, name string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf("%q in %s of %q", name, selector, text), find(fmt.Sprintf(
		`mark([...document.querySelectorAll(%s)].filter((e) => seen(e) && tidy(e.textContent).includes(%s))
		  .flatMap((e) => [...e.querySelectorAll(%s)]).filter(seen).find((e) => nameOf(e).startsWith(%s)))`,
		quote(selector), quote(text), quote(kind), quote(name))))
	tb.must(chromedp.Click(marked, chromedp.NodeVisible))
}

// inRow waits until the row of a table that holds the one text shows the other.
func (tb *tab) inRow(text, shows string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf("%q in the row of %q", shows, text), find(fmt.Sprintf(
		`[...document.querySelectorAll('tbody tr')].some((e) => seen(e) && tidy(e.innerText).includes(%s) && tidy(e.innerText).includes(%s))`, quote(text), quote(shows))))
}

// fill puts a text into the field of this label, in place of what was there.
func (tb *tab) fill(label, text string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf("field %q", label), find(fmt.Sprintf("mark(labelled(%s))", quote(label))))
	tb.must(chromedp.Clear(marked), chromedp.SendKeys(marked, text))
}

// pick chooses an option of the select of this label, as a person does with the keyboard or a list.
func (tb *tab) pick(label, option string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf("option %q of %q", option, label), find(fmt.Sprintf(
		`(() => { const s = labelled(%s); if (!s) return false; const o = [...s.options].find((o) => tidy(o.textContent) === %s); if (!o) return false;
		  s.value = o.value; s.dispatchEvent(new Event('input', {bubbles: true})); s.dispatchEvent(new Event('change', {bubbles: true})); return true; })()`,
		quote(label), quote(option))))
}

// choose selects the radio button or check box of this label.
func (tb *tab) choose(label string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf("choice %q", label), find(fmt.Sprintf("mark(labelled(%s))", quote(label))))
	tb.must(chromedp.Click(marked))
	tb.until(fmt.Sprintf("choice %q made", label), find(fmt.Sprintf("labelled(%s)?.checked === true", quote(label))))
}

// sees waits until the page shows the text.
func (tb *tab) sees(text string) {
	tb.t.Helper()
	tb.until(fmt.Sprintf("the words %q", text), find(fmt.Sprintf("tidy(document.body.innerText).includes(%s)", quote(text))))
}

// arrives waits until the address is this path and the page is loaded.
func (tb *tab) arrives(path string) {
	tb.t.Helper()
	tb.until("the page "+path, fmt.Sprintf("location.pathname === %s && document.readyState === 'complete'", quote(path)))
}

// words is the visible text of the first element that matches, with single spaces.
func (tb *tab) words(selector string) string {
	tb.t.Helper()
	return eval[string](tb, find(fmt.Sprintf("tidy(document.querySelector(%s)?.innerText)", quote(selector))))
}

// count is the number of visible elements that match.
func (tb *tab) count(selector string) int {
	tb.t.Helper()
	return eval[int](tb, find(fmt.Sprintf("[...document.querySelectorAll(%s)].filter(seen).length", quote(selector))))
}

func (tb *tab) path() string { return eval[string](tb, "location.pathname + location.search") }

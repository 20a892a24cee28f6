//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Texts that would do harm if a page took them for anything but text. Each that could act leaves window.__pwned or an
// element with data-pwned behind.
const (
	hostileMarkup    = `"'><script>window.__pwned=1</script><img src=x onerror=window.__pwned=1 data-pwned></title></textarea></style><svg onload=window.__pwned=1 data-pwned>`
	hostileAttribute = `" onfocus="window.__pwned=2" autofocus x='' onmouseover='window.__pwned=2' data-pwned="`
	hostileTemplate  = "{{constructor.constructor('window.__pwned=3')()}}${window.__pwned=3}javascript:window.__pwned=3"
	hostileAddress   = "//example.org/\\example.org/javascript:window.__pwned=4"
	hostileControl   = "a\x00b\x07\x1b[31m\r\nSet-Cookie: pwned=1\r\n\r\n\u202egnp.exe\u2066\u200b\ufeff\xff"
	hostileFormula   = `=HYPERLINK("https://example.org/","click")`
)

// hostileShort are such texts where only 64 characters are taken.
var hostileShort = []string{
	`<script>window.__pwned=5</script>`, `<img src=x onerror=window.__pwned=5 data-pwned>`, `" onclick="window.__pwned=5" data-pwned="`,
	`{{constructor.constructor('window.__pwned=5')()}}`, `</script></title><svg onload=window.__pwned=5>`, hostileFormula,
	strings.Repeat("<", 64), strings.Repeat("\U0001f4a5", 64),
}

// TestInjection fills every input of every form, and everything that strangers and devices can choose, with text that
// would do harm as anything but text, and visits every page with the browser watching.
func TestInjection(t *testing.T) {
	a := freshApp(t, "TRUSTED_PROXIES=127.0.0.1/32")
	a.register(t, greenhouse)
	a.register(t, drawer)
	a.register(t, garage)
	a.populateAccess(t)
	a.poison(t)
	tb := openTab(t, a)
	for _, status := range []int64{400, 401, 403, 404, 405, 409, 413, 414, 422, 429} {
		tb.expect(status)
	}
	watch := func(where string) { tb.unharmed(where) }

	var forms []form
	known := map[string]bool{}
	pages := allPages()
	for _, p := range pages {
		tb.visit(p.at(a))
		watch(p.path)
		for _, f := range tb.forms() {
			if key := f.key(); !known[key] {
				known[key] = true
				forms = append(forms, f)
			}
		}
	}
	for _, path := range hostileAddresses() {
		tb.visit(path)
		watch(path)
	}
	t.Run("stored", func(t *testing.T) { tb.seesAsText(t, a) })

	inputs := 0
	for _, f := range forms {
		if f.Action == "/logout" || strings.HasSuffix(f.Action, "/end") {
			continue // they have no input and end the journey
		}
		for i, in := range f.Inputs {
			inputs++
			tb.sendForm(f.with(i, hostileMarkup+hostileAttribute+hostileTemplate))
			watch(fmt.Sprintf("%s %s with %s in markup", f.Method, f.Action, in.Name))
		}
		for _, text := range []string{hostileAddress, hostileControl, strings.Repeat("W", 5_000)} {
			g := f
			for i := range g.Inputs {
				g = g.with(i, text)
			}
			tb.sendForm(g)
			watch(fmt.Sprintf("%s %s full of %.20q", f.Method, f.Action, text))
		}
	}
	t.Logf("%d forms with %d inputs", len(forms), inputs)
	if len(forms) < 20 || inputs < 40 {
		t.Errorf("only %d forms with %d inputs were found", len(forms), inputs)
	}
	for _, p := range pages {
		tb.visit(p.at(a))
		watch(p.path)
	}
	tb.noFormulas(a)
}

// hostileAddresses are addresses that somebody could make a person click on: text in each part of a path, and in each
// part of a query that a page reads.
func hostileAddresses() []string {
	var out []string
	for route, pages := range pagesOf {
		before, rest, found := strings.Cut(route, "{")
		if !found || len(pages) == 0 || strings.Contains(route, "?") {
			continue
		}
		_, after, _ := strings.Cut(rest, "}")
		for _, text := range []string{hostileMarkup, hostileControl} {
			out = append(out, before+url.PathEscape(text)+after)
		}
	}
	for _, text := range []string{hostileMarkup + hostileTemplate, hostileAttribute, hostileAddress, hostileControl} {
		out = append(out, "/"+url.PathEscape(text))
		for path, names := range map[string][]string{
			"/devices": {"q", "state", "sort", "order", "page", "rows"}, "/devices/" + greenhouse: {"lang"}, "/devices/new": {"device"},
			"/dashboard": {"device"}, "/dashboard/" + greenhouse: {"range", "from", "to", "points", "fields"}, "/virtual": {"run"},
			"/audit": {"actor", "action", "target", "result", "from", "to", "before"}, "/people/new": {"person"}, "/login": {"next", "once"},
		} {
			query := url.Values{}
			for _, name := range names {
				query.Set(name, text)
			}
			out = append(out, path+"?"+query.Encode())
		}
	}
	slices.Sort(out)
	return out
}

// poison puts hostile text wherever somebody without a browser can.
func (a *app) poison(t *testing.T) {
	t.Helper()
	all := append([]string{hostileMarkup, hostileAttribute, hostileTemplate, hostileAddress, strings.Repeat("W", 3000)}, hostileShort...)
	for i, text := range all {
		header := http.Header{"User-Agent": {text}, "X-Forwarded-For": {text}, "X-Forwarded-Host": {text}, "X-Forwarded-Proto": {text}, "Referer": {text}, "X-Request-Id": {text}}
		for _, path := range []string{"/api/env/" + url.PathEscape(text), fmt.Sprintf("/api/env/waiting-%d?key=%s", i, url.QueryEscape(text)), "/" + url.PathEscape(text)} {
			if got := a.ask(t, http.MethodGet, path, "", header); got.status >= 500 || got.status < 300 {
				t.Errorf("GET %.60s: status %d", path, got.status)
			}
		}
		form := header.Clone()
		form.Set("Content-Type", "application/x-www-form-urlencoded")
		form.Set("Origin", a.URL)
		if i < 4 { // each counts as a guess
			a.ask(t, http.MethodPost, "/login", url.Values{"username": {text}, "password": {text}, "next": {text}}.Encode(), form)
		}
		// A session with such a browser's name.
		form.Del("X-Forwarded-For")
		if i == 0 || i == 1 {
			if got := a.ask(t, http.MethodPost, "/login", url.Values{"username": {viewer}, "password": {viewerPassword}}.Encode(), form); got.status != http.StatusSeeOther {
				t.Errorf("signing in with a strange browser: status %d", got.status)
			}
		}
	}
	// Forwarded addresses that are ones, so that they stand in the inbox.
	a.ask(t, http.MethodGet, "/api/env/from-afar", "", http.Header{"X-Forwarded-For": {"<script>window.__pwned=6</script>, 2001:db8::1"}})
	for _, text := range hostileShort {
		a.form(t, "/keys/new", url.Values{"name": {text}, "level": {"OVERVIEW"}, "days": {"30"}})
		a.form(t, "/enrolment/keys/new", url.Values{"name": {text}, "most": {"1"}, "days": {"30"}})
	}
	escape := strings.NewReplacer(`\`, `\\`, " ", `\ `, ",", `\,`, "=", `\=`).Replace
	var env struct {
		Token string `json:"influx_token"`
	}
	decode(t, a.call(t, http.MethodGet, "/api/env/"+greenhouse, "", nil, http.StatusOK), &env)
	now := time.Now()
	var lines strings.Builder
	for i, text := range hostileShort {
		for minute := range 5 {
			fmt.Fprintf(&lines, "environment,TemperatureSensor=%s,%s=%s Temperature=%d,%s=%d %d\n", escape(text), escape(text), escape(text), 20+i, escape(text), minute, now.Add(-time.Duration(minute)*time.Minute).Unix())
		}
	}
	a.write(t, env.Token, lines.String())
}

// seesAsText looks for the hostile names where they are shown.
func (tb *tab) seesAsText(t *testing.T, a *app) {
	for path, texts := range map[string][]string{
		"/keys": hostileShort[:6], "/enrolment": hostileShort[:6], "/devices/" + greenhouse: hostileShort[:6], "/dashboard/" + greenhouse: hostileShort[:6],
		"/people/" + viewer: {`<script>window.__pwned=1</script>`},
	} {
		tb.visit(path)
		shown := tb.words("main")
		for _, text := range texts {
			if !strings.Contains(shown, text) {
				t.Errorf("%s does not show %q as text", path, text)
			}
		}
	}
}

// unharmed fails where anything ran, where text became an element, or where the page is none of the app.
func (tb *tab) unharmed(where string) {
	tb.t.Helper()
	if harm := eval[string](tb, `(() => {
	  const out = [];
	  if (window.__pwned !== undefined) out.push('a script ran: ' + window.__pwned);
	  for (const e of document.querySelectorAll('[data-pwned],img,iframe,object,embed,base,[style*=pwned]')) out.push(e.outerHTML.slice(0, 200));
	  for (const e of document.querySelectorAll('*')) for (const a of e.attributes) {
	    if (/^on/i.test(a.name)) out.push(a.name + ' on ' + e.outerHTML.slice(0, 200));
	    if (/^(href|src|action|formaction)$/i.test(a.name) && !/^(\/(?!\/)|#|https?:\/\/|mailto:|\?)/.test(a.value)) out.push(a.name + ' leads to ' + a.value.slice(0, 100));
	  }
	  for (const e of document.querySelectorAll('script')) if (!e.src && e.type !== 'application/json') out.push('script ' + e.textContent.slice(0, 200));
	  if (document.cookie) out.push('cookie ' + document.cookie);
	  if (/[\u0000-\u0008\u202a-\u202e\u2066-\u2069\u200b\ufeff]/.test(document.body.innerText)) out.push('characters that are unseen, in ' + tidy([...document.querySelectorAll('body *')].filter((e) => !e.children.length && /[\u0000-\u0008\u202a-\u202e\u2066-\u2069\u200b\ufeff]/.test(e.innerText || '')).map((e) => e.outerHTML).join(' ')).slice(0, 300));
	  function tidy(s) { return s.replace(/\s+/g, ' '); }
	  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) out.push('it scrolls sideways');
	  if (document.querySelectorAll('h1').length !== 1) out.push(document.querySelectorAll('h1').length + ' headings of the first rank');
	  return out.join('\n');
	})()`); harm != "" {
		tb.t.Errorf("%s, now at %.200s:\n%s", where, tb.path(), harm)
	}
}

// form is a form of a page, with everything that it would send.
type form struct {
	Method, Action string
	Inputs         []input
}

type input struct{ Name, Value string }

// key tells forms apart; the same form on two pages is one.
func (f form) key() string {
	names := make([]string, 0, len(f.Inputs))
	for _, in := range f.Inputs {
		names = append(names, in.Name)
	}
	slices.Sort(names)
	action := f.Action
	if parts := strings.Split(action, "/"); len(parts) > 2 && (parts[1] == "devices" || parts[1] == "people" || parts[1] == "dashboard") {
		parts[2] = "" // whose it is
		action = strings.Join(parts, "/")
	}
	return f.Method + " " + action + " " + strings.Join(names, "&")
}

// with is the form with a text in one of its inputs.
func (f form) with(i int, text string) form {
	f.Inputs = slices.Clone(f.Inputs)
	f.Inputs[i].Value = text
	return f
}

// forms lists the forms of the page, in dialogs or not.
func (tb *tab) forms() []form {
	tb.t.Helper()
	var out []form
	text := eval[string](tb, `JSON.stringify([...document.forms].map((f) => {
	  const seen = new Set(), inputs = [];
	  for (const e of f.elements) {
	    if (!e.name || e.tagName === 'FIELDSET' || seen.has(e.name)) continue;
	    seen.add(e.name);
	    const group = [...f.elements].filter((o) => o.name === e.name);
	    const one = group.find((o) => o.checked) || e;
	    inputs.push({Name: e.name, Value: one.value});
	  }
	  return {Method: f.method, Action: f.getAttribute('action'), Inputs: inputs};
	}))`)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		tb.t.Fatal(err)
	}
	return out
}

// sendForm sends a form from the page that is open, as if it stood on it, and waits for the page that follows.
func (tb *tab) sendForm(f form) {
	tb.t.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		tb.t.Fatal(err)
	}
	// The text travels as JSON, in which \xff has become U+FFFD, as it does in a browser's form.
	eval[bool](tb, `((f) => {
	  window.sentFrom = true;
	  const e = document.createElement('form'); e.method = f.Method; e.action = f.Action;
	  for (const i of f.Inputs) { const t = document.createElement('textarea'); t.name = i.Name; t.value = i.Value; e.append(t); }
	  document.body.append(e); HTMLFormElement.prototype.submit.call(e); return true;
	})(`+string(data)+`)`)
	tb.until("the answer to "+f.Action, "!window.sentFrom && document.readyState === 'complete' && location.protocol === 'http:'")
}

// noFormulas wants that no cell of the exported log is a formula for a spreadsheet.
func (tb *tab) noFormulas(a *app) {
	tb.t.Helper()
	tb.visit("/audit")
	for _, row := range tb.csv() {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				tb.t.Errorf("a cell begins like a formula: %.80q", cell)
			}
		}
	}
}

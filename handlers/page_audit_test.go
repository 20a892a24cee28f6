package handlers

import (
	"encoding/csv"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/people"
	"iotcenter/views"
)

// audited fills the log: 250 events, one a minute, the newest at testNow.
func audited(t *testing.T) *testApp {
	t.Helper()
	app := newTestApp(t, nil)
	for i := range 250 {
		e := people.Event{At: testNow.Add(time.Duration(i-249) * time.Minute), ActorKind: "person", Actor: "ada", Address: hereAddress,
			Action: people.ActionRegister, Target: fmt.Sprintf("dev%d", i), Result: resultOK}
		if i%10 == 0 {
			e.Actor, e.Action, e.Result = "bob", people.ActionRemove, resultRefused
		}
		app.Audit.Note(e)
	}
	return app
}

func TestAuditPages(t *testing.T) {
	app := audited(t)
	b := app.of(t, testAdmin)
	target, seen := "/audit", 0
	for _, want := range []struct{ first, last, rows int }{{249, 150, 100}, {149, 50, 100}, {49, 0, 50}} {
		doc := pageOf(t, b.get(target), 200)
		rows := doc.Find("table.audit tbody tr")
		if rows.Length() != want.rows {
			t.Fatalf("%s: %d rows, want %d", target, rows.Length(), want.rows)
		}
		for row, n := range map[int]int{0: want.first, want.rows - 1: want.last} {
			if got := rows.Eq(row).Find("td:nth-child(5)").Text(); got != fmt.Sprintf("dev%d", n) {
				t.Errorf("%s: row %d is %q", target, row, got)
			}
		}
		seen += want.rows
		target = doc.Find("nav.pager a[rel=next]").AttrOr("href", "")
	}
	if seen != 250 || target != "" {
		t.Errorf("%d events; the last page leads to %q", seen, target)
	}
}

func TestAuditFilter(t *testing.T) {
	app := audited(t)
	b := app.of(t, testAdmin)
	for query, want := range map[string]int{
		"": views.AuditRows, "actor=bob": 25, "actor=+bob+": 25, "actor=Bob": 0, "actor=bo": 0, "action=device-remove": 25, "action=nonsense": views.AuditRows, "result=refused": 25,
		"target=dev7": 1, "target=dev": 0, "actor=bob&action=device-register": 0, "from=2024-05-06&to=2024-05-06": views.AuditRows, "from=2024-05-07": 0, "to=2024-05-05": 0,
		"from=nonsense": views.AuditRows, "actor=bob&before=2024-05-06T05:08:09.123Z": 13, "before=nonsense": views.AuditRows, "actor=" + strings.Repeat("x", 5000): 0,
	} {
		doc := pageOf(t, b.get("/audit?"+query), 200)
		if got := doc.Find("table.audit tbody tr").Length(); got != want {
			t.Errorf("%s: %d rows, want %d", query, got, want)
		}
		if want == 0 {
			says(t, doc, "main h2", "No event matches")
		}
	}
	doc := pageOf(t, b.get("/audit?actor=bob&action=device-remove&result=refused&target=dev0&from=2024-05-01&to=2024-05-31"), 200)
	has(t, doc, `#audit-actor[value=bob], #audit-target[value=dev0], #audit-action option[value=device-remove][selected], #audit-result option[value=refused][selected], #audit-from[value="2024-05-01"], #audit-to[value="2024-05-31"]`, 6)
	has(t, doc, `a[download][href="/audit.csv?action=device-remove&actor=bob&from=2024-05-01&result=refused&target=dev0&to=2024-05-31"]`, 1)
}

// What strangers typed is shown so that nothing in it acts: no markup, no control characters, no turned writing.
var strangeTexts = map[string]string{
	"a\x00b":               `a\u0000b`,
	"a\r\nb":               `a\u000D\u000Ab`,
	"a\x1b[31mb":           `a\u001B[31mb`,
	"a\u202eb":             `a\u202Eb`,
	"a\\u0000b":            `a\\u0000b`,
	nasty:                  nasty,
	"=HYPERLINK(\"//e\")":  "=HYPERLINK(\"//e\")",
	"@SUM(1)":              "@SUM(1)",
	"-1+1":                 "-1+1",
	"+1":                   "+1",
	"\t=1":                 `\u0009=1`,
	"a,b\"c":               "a,b\"c",
	" =1":                  " =1",
	"|calc":                "|calc",
	"a\xffb":               "a\uFFFDb",
	strings.Repeat("x", 9): "xxxxxxxxx",
}

func TestAuditShowsControlCharacters(t *testing.T) {
	for text, shown := range strangeTexts {
		app := newTestApp(t, nil)
		app.Audit.Note(people.Event{ActorKind: "person", Actor: "ada", Action: people.ActionApprove, Target: text, Detail: text, Result: resultRefused})
		doc := pageOf(t, app.do("GET", "/audit", ""), 200)
		for _, column := range []string{"5", "6"} {
			if got := doc.Find("table.audit tbody tr td:nth-child(" + column + ")").Text(); got != shown {
				t.Errorf("%q shows as %q, want %q", text, got, shown)
			}
		}
	}
}

func TestAuditCSV(t *testing.T) {
	app := audited(t)
	w := app.do("GET", "/audit.csv?actor=bob", "")
	status(t, w, 200)
	for name, want := range map[string]string{"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": `attachment; filename="audit.csv"`, "Cache-Control": "no-store"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 26 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got := strings.Join(rows[0], " "); got != "time kind actor address action target result detail request_id" {
		t.Errorf("%s", got)
	}
	if got := strings.Join(rows[1], " "); got != "2024-05-06T06:59:09.123Z person bob 203.0.113.1 device-remove dev240 refused  " {
		t.Errorf("%s", got)
	}
	// All of it, beyond a page; the next one has this export in it.
	for i, want := range []int{252, 253} {
		rows, err := csv.NewReader(app.do("GET", "/audit.csv", "").Body).ReadAll()
		if err != nil || len(rows) != want {
			t.Errorf("%d: %d rows, %v", i, len(rows), err)
		}
	}
	empty, err := csv.NewReader(app.do("GET", "/audit.csv?actor=nobody", "").Body).ReadAll()
	if err != nil || len(empty) != 1 {
		t.Errorf("%v, %v", empty, err)
	}
}

// A spreadsheet takes no cell for a formula.
func TestAuditCSVHasNoFormulas(t *testing.T) {
	for text := range strangeTexts {
		app := newTestApp(t, nil)
		app.Audit.Note(people.Event{ActorKind: "person", Actor: text, Action: people.ActionApprove, Target: text, Detail: text, Result: resultRefused})
		rows, err := csv.NewReader(app.do("GET", "/audit.csv", "").Body).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%q: %d rows, %v", text, len(rows), err)
		}
		for _, cell := range rows[1] {
			if strings.ContainsFunc(cell, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u202e' }) || cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("%q: cell %q", text, cell)
			}
		}
	}
}

func TestAuditWhileTheDatabaseIsAway(t *testing.T) {
	app := newTestApp(t, nil)
	app.db.away()
	w := app.do("GET", "/audit", "")
	says(t, pageOf(t, w, 503), "main h2", "The log cannot be read")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	w = app.do("GET", "/audit.csv", "")
	pageOf(t, w, 503)
	if w.Header().Get("Content-Disposition") != "" {
		t.Error("an error is offered as a file")
	}
}

// Only admins see who did what.
func TestAuditIsForAdmins(t *testing.T) {
	app := audited(t)
	_, key := app.key(t, people.Administer)
	for _, target := range []string{"/audit", "/audit.csv?" + url.Values{"actor": {"ada"}}.Encode()} {
		for _, person := range []string{testViewer, testOperator} {
			if w := app.of(t, person).get(target); w.Code != 403 || strings.Contains(w.Body.String(), "dev1") {
				t.Errorf("%s: %d for %s", target, w.Code, person)
			}
		}
		status(t, app.browser(t).get(target, "Authorization", "Token "+key), 303)
	}
}

//go:build e2e

package e2e

import (
	"encoding/csv"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAudit: the log shows who did what from where, is filtered by what a person looks for, and goes out as a file with
// the same rows; that it went out is in it, too.
func TestAudit(t *testing.T) {
	a := freshApp(t)
	tb := openTab(t, a)
	for _, id := range []string{"lamp-1", "lamp-2"} {
		a.form(t, "/devices", map[string][]string{"id": {id}})
	}
	a.form(t, "/devices/lamp-1/rotate", nil)
	if _, err := a.SignIn(t.Context(), "nobody-here", "guessed"); err == nil {
		t.Fatal("somebody unknown is signed in")
	}
	eventually(t, "all of it in the log", func() bool { return strings.Count(a.page(t, "/audit"), "<tr>") >= 6 })

	tb.visit("/audit")
	tb.inRow("Registration", "lamp-2")
	tb.inRow("no account of this name", "Refused")
	if strings.Contains(tb.words("main"), "nobody-here") {
		t.Error("the log keeps what was typed as a name and is none; it may be a password")
	}
	tb.inRow("Rotation of a token", "person admin 127.0.0.1")
	tb.accessible("audit log")
	for _, width := range []int64{390, 320} {
		tb.size(width, 844)
		tb.fits(width)
	}
	tb.size(1280, 900)

	tb.pick("Action", "Registration")
	tb.fill("Target", "lamp-1")
	tb.press(button, "Filter")
	tb.until("one row", find(`location.search.includes('lamp-1') && document.readyState === 'complete' && document.querySelectorAll('tbody tr').length === 1`))
	tb.inRow("lamp-1", "Registration")
	if got := eval[string](tb, find("labelled('Target').value + '|' + labelled('Action').selectedOptions[0].textContent")); got != "lamp-1|Registration" {
		t.Errorf("the filter shows %q", got)
	}
	tb.shot("audit-filtered-light-1280")
	rows := tb.csv()
	if len(rows) != 2 || len(rows[1]) != 9 || rows[1][2] != "admin" || rows[1][5] != "lamp-1" {
		t.Errorf("the file of the filtered log: %q", rows)
	}
	if at, err := time.Parse(time.RFC3339Nano, rows[1][0]); err != nil || time.Since(at) > time.Minute {
		t.Errorf("the time in the file is %s", rows[1][0])
	}
	tb.press(link, "Clear")
	tb.until("no filter", "location.search === ''")
	tb.pick("Result", "Refused")
	tb.press(button, "Filter")
	tb.until("only what was refused", find(`location.search.includes('refused') && [...document.querySelectorAll('tbody tr')].every((e) => e.innerText.includes('Refused'))`))
	eventually(t, "the export in the log", func() bool {
		return strings.Contains(a.page(t, "/audit?action=export"), "audit log")
	})
	tb.visit("/audit?actor=nobody-of-this-name")
	tb.sees("No event matches")
}

// csv reads the file behind the button.
func (tb *tab) csv() [][]string {
	tb.t.Helper()
	path := eval[string](tb, find(`named('a[download]', 'CSV').getAttribute('href')`))
	got := tb.app.ask(tb.t, http.MethodGet, path, "", http.Header{"Cookie": {tb.app.admin(tb.t).String()}})
	if disposition := got.header.Get("Content-Disposition"); got.status != http.StatusOK || !strings.HasPrefix(disposition, "attachment") {
		tb.t.Fatalf("%s: status %d, %q", path, got.status, disposition)
	}
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	if err != nil {
		tb.t.Fatal(err)
	}
	return rows
}

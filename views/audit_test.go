package views

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/people"
)

func TestParseAuditFilter(t *testing.T) {
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	before := time.Date(2026, 11, 20, 9, 0, 0, 123456789, time.UTC)
	for _, tc := range []struct {
		name, query string
		want        AuditFilter
		path        string
	}{
		{"nothing", "", AuditFilter{}, "/audit"},
		{"all", "actor=m.okafor&action=token-rotate&target=greenhouse-04&result=ok&from=2026-11-01&to=2026-11-20&before=2026-11-20T09:00:00.123456789Z",
			AuditFilter{Actor: "m.okafor", Action: people.ActionRotate, Target: "greenhouse-04", Result: "ok", From: day("2026-11-01"), To: day("2026-11-20"), Before: before},
			"/audit?action=token-rotate&actor=m.okafor&before=2026-11-20T09%3A00%3A00.123456789Z&from=2026-11-01&result=ok&target=greenhouse-04&to=2026-11-20"},
		{"nonsense is left out", "action=drop&result=maybe&from=yesterday&to=2026-13-40&before=now", AuditFilter{}, "/audit"},
		{"no bytes that are no text", "actor=%ff%fea", AuditFilter{Actor: "a"}, "/audit?actor=a"},
		{"too long", "target=" + strings.Repeat("x", 1000), AuditFilter{Target: strings.Repeat("x", 200)}, "/audit?target=" + strings.Repeat("x", 200)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := url.ParseQuery(tc.query)
			if err != nil {
				t.Fatal(err)
			}
			got := ParseAuditFilter(v)
			if got != tc.want {
				t.Errorf("the filter is %+v, want %+v", got, tc.want)
			}
			if got.Path() != tc.path {
				t.Errorf("its address is %s, want %s", got.Path(), tc.path)
			}
			if csv := got.CSVPath(); !strings.HasPrefix(csv, "/audit.csv") || strings.Contains(csv, "before=") {
				t.Errorf("the file is at %s", csv)
			}
		})
	}
}

func TestAuditFilterBounds(t *testing.T) {
	from, to := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	f := AuditFilter{From: from, To: to}
	if got := f.Events(7); !got.From.Equal(from) || !got.To.Equal(to.AddDate(0, 0, 1)) || got.Limit != 7 {
		t.Errorf("the days are %v to %v, at most %d", got.From, got.To, got.Limit)
	}
	f.Before = to.Add(time.Hour)
	if got := f.Events(7); !got.To.Equal(f.Before) {
		t.Errorf("the next page begins at %v", got.To)
	}
	f.Before = to.AddDate(1, 0, 0)
	if got := f.Events(7); !got.To.Equal(to.AddDate(0, 0, 1)) {
		t.Errorf("a later page widened the days to %v", got.To)
	}
}

func TestAuditShowsWhatStrangersSentEscaped(t *testing.T) {
	doc := document(t, Audit(AuditPage{Shell: shellFor(people.Admin), More: true, Rows: []people.Event{
		{At: noon, ActorKind: "person", Actor: "m.okafor", Address: "192.0.2.4", Action: people.ActionRotate, Target: "greenhouse-04", Result: "ok"},
		{At: noon.Add(-time.Minute), ActorKind: "nobody", Address: "192.0.2.9", Action: people.ActionSignIn, Target: "ad\u202emin\x00<b>", Result: "refused", Detail: "wrong password"},
	}}))
	if got := words(doc, "tbody tr:first-child td:not(.nm)"); got != "OK | person m.okafor 192.0.2.4 | Rotation of a token | greenhouse-04 | " {
		t.Errorf("the first row says %q", got)
	}
	if got := words(doc, "tbody tr:last-child td:not(.nm)"); got != `Refused | nobody 192.0.2.9 | Sign-in | ad\u202Emin\u0000<b> | wrong password` {
		t.Errorf("the last row says %q", got)
	}
	has(t, doc, "tbody tr:last-child .chip.late", 1)
	has(t, doc, ".pager a[rel=next][href='/audit?before=2026-11-20T11%3A59%3A00Z']", 1)
	has(t, doc, "a[download][href='/audit.csv']", 1)
}

func TestAuditFilterKeepsWhatWasChosen(t *testing.T) {
	f := AuditFilter{Actor: "m.okafor", Action: people.ActionExport, Result: "failed", From: noon}
	doc := document(t, Audit(AuditPage{Shell: shellFor(people.Admin), Filter: f}))
	form := "form[method=get][action='/audit'] "
	has(t, doc, form+"input[name=actor][value='m.okafor']", 1)
	has(t, doc, form+"select[name=action] option[selected][value=export]", 1)
	has(t, doc, form+"select[name=action] option", 1+len(people.Actions()))
	has(t, doc, form+"select[name=result] option[selected][value=failed]", 1)
	has(t, doc, form+"input[name=from][type=date][value='2026-11-20']", 1)
	if got := words(doc, ".empty h2"); got != "No event matches" {
		t.Errorf("the empty list says %q", got)
	}
	if got := words(document(t, Audit(AuditPage{Shell: shellFor(people.Admin)})), ".empty h2"); got != "Nothing is in the log" {
		t.Errorf("the empty log says %q", got)
	}
}

func TestEveryActionHasAWord(t *testing.T) {
	seen := map[string]string{}
	for _, a := range people.Actions() {
		word := ActionWords(a)
		if word == a {
			t.Errorf("the action %s has no word", a)
		}
		if other, ok := seen[word]; ok {
			t.Errorf("%s and %s are both %q", a, other, word)
		}
		seen[word] = a
	}
	if got := ActionWords("new\u202e"); got != `new\u202E` {
		t.Errorf("an action that is not known is %q", got)
	}
}

package handlers

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/people"
)

func TestMakeAPIKey(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testAdmin)
	has(t, pageOf(t, b.get("/keys/new"), 200), `#key-days option[value="90"][selected]`, 1)
	doc, secret := shownOnce(t, b, b.sent("/keys/new", url.Values{"name": {" weekly report "}, "level": {"TECHNICAL"}, "days": {"30"}}, "/keys"))
	says(t, doc, ".flash.ok", "The key weekly report is made. It is shown only now.")
	says(t, doc, "tbody tr:nth-child(2)", "weekly report TECHNICAL …"+secret[len(secret)-4:])
	status(t, app.browser(t).get("/api/devices", "Authorization", "Token "+secret), 200)
	key := app.People.Keys()[1]
	if key.Name != "weekly report" || key.Level != people.Technical || !key.ExpiresAt.Equal(testNow.AddDate(0, 0, 30)) || key.CreatedBy != testAdmin {
		t.Errorf("%+v", key)
	}
	app.later(30*24*time.Hour - time.Second)
	status(t, app.browser(t).get("/api/devices", "Authorization", "Token "+secret), 200)
	app.later(time.Second)
	status(t, app.browser(t).get("/api/devices", "Authorization", "Token "+secret), 401)
	shownOnce(t, b, b.sent("/keys/new", url.Values{"name": {"for ever"}, "level": {"OVERVIEW"}, "days": {"0"}}, "/keys"))
	if key := app.People.Keys()[1]; key.Name != "for ever" || !key.ExpiresAt.IsZero() {
		t.Errorf("%+v", key)
	}
}

func TestMakeAPIKeyThatDoesNotWork(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testAdmin)
	for _, row := range []struct{ name, typed, level, days, field, says string }{
		{"no name", "", "TECHNICAL", "365", "#key-name-problem", "A name is needed"},
		{"control characters", "a\x01b", "TECHNICAL", "365", "#key-name-problem", "Printable characters only."},
		{"a long name", strings.Repeat("x", 65), "TECHNICAL", "365", "#key-name-problem", "At most 64 characters."},
		{"no level", nasty, "", "365", "#level-problem", "Choose one of the levels."},
		{"an invented level", "x", "technical", "365", "#level-problem", "Choose one of the levels."},
		{"no days", "x", "TECHNICAL", "", "#key-days-problem", "Choose one of the times of the list."},
		{"other days", "x", "TECHNICAL", "31", "#key-days-problem", "Choose one of the times of the list."},
		{"days that are none", "x", "TECHNICAL", "9999999999999999999", "#key-days-problem", "Choose one of the times of the list."},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc := pageOf(t, b.post("/keys/new", url.Values{"name": {row.typed}, "level": {row.level}, "days": {row.days}}), 422)
			says(t, doc, row.field, row.says)
			has(t, doc, "form p.err", 1)
			if got := doc.Find("#key-name").AttrOr("value", "?"); got != row.typed {
				t.Errorf("the name is %q", got)
			}
			if row.level == "TECHNICAL" {
				has(t, doc, `input[name=level][value=TECHNICAL][checked]`, 1)
			}
			if row.days == "365" {
				has(t, doc, `#key-days option[value="365"][selected]`, 1)
			}
		})
	}
	if n := len(app.People.Keys()); n != 1 {
		t.Errorf("%d keys", n)
	}
}

func TestRevokeAPIKey(t *testing.T) {
	app := newTestApp(t, nil)
	key, secret := app.key(t, people.Overview)
	b := app.of(t, testAdmin)
	has(t, pageOf(t, b.get("/keys/"+key.ID+"/revoke"), 200), `form[method=post][action="/keys/`+key.ID+`/revoke"]`, 1)
	doc := pageOf(t, b.next(b.post("/keys/"+key.ID+"/revoke", nil)), 200)
	says(t, doc, ".flash.ok", "The key the OVERVIEW key is revoked.")
	status(t, app.browser(t).get("/api/devices", "Authorization", "Token "+secret), 401) // at once
	for _, id := range []string{key.ID, "none"} {
		pageOf(t, b.get("/keys/"+id+"/revoke"), 404)
		pageOf(t, b.post("/keys/"+id+"/revoke", nil), 404)
	}
}

// The key of the environment is listed, and ends where it was set.
func TestTheKeyOfTheEnvironmentIsNotRevokedHere(t *testing.T) {
	app := newTestApp(t, nil)
	b := app.of(t, testAdmin)
	w := b.get("/keys")
	doc := pageOf(t, w, 200)
	says(t, doc, "tbody tr:nth-child(1)", "API_KEY ADMIN")
	has(t, doc, `tbody a[href*="revoke"]`, 0)
	if strings.Contains(w.Body.String(), testAPIKey[:len(testAPIKey)-4]) {
		t.Error("the page holds the key")
	}
	for _, method := range []string{"GET", "POST"} {
		says(t, pageOf(t, b.do(method, "/keys/"+people.EnvironmentKey+"/revoke", ""), 403), "main", "This key comes from API_KEY in the environment")
	}
	status(t, app.browser(t).get("/api/devices", "Authorization", "Token "+testAPIKey), 200)
}

// The list says when a key was last used.
func TestLastUseOfAPIKeys(t *testing.T) {
	app := newTestApp(t, nil)
	_, secret := app.key(t, people.Overview)
	app.later(time.Hour)
	status(t, app.browser(t).get("/api/devices", "Authorization", "Token "+secret), 200)
	app.later(5 * time.Minute)
	says(t, pageOf(t, app.do("GET", "/keys", ""), 200), "tbody tr:nth-child(2)", "Last use 5 min ago")
}

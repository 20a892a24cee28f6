package handlers

import (
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPreferencesComeBack(t *testing.T) {
	app := newTestApp(t, nil)
	var p preferences
	p.setTheme("dark")
	p.setTheme("purple")
	p.setHelp("home", true)
	p.setHelp("devices", true)
	p.setHelp("home", false)
	p.setHelp("<script>", true)
	w := httptest.NewRecorder()
	app.savePreferences(w, httptest.NewRequest("POST", "/theme", nil), p)
	cookie := w.Result().Cookies()[0]
	if !cookie.HttpOnly || cookie.Path != "/" || cookie.MaxAge < 1 {
		t.Errorf("%+v", cookie)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(cookie)
	got := app.preferences(r)
	if diff := cmp.Diff(preferences{Theme: "dark", Help: []string{"devices"}}, got); diff != "" {
		t.Error(diff)
	}
	if !got.helpOpen("devices") || got.helpOpen("home") {
		t.Errorf("%+v", got)
	}
}

func TestForgedPreferencesAreLeftOut(t *testing.T) {
	app := newTestApp(t, nil)
	for _, value := range []string{"", "%", "theme=evil&help=..%3Cb%3E.", "theme=&help="} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", preferencesName+"="+value)
		if diff := cmp.Diff(preferences{}, app.preferences(r)); diff != "" {
			t.Errorf("%q: %s", value, diff)
		}
	}
}

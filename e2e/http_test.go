//go:build e2e

package e2e

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"iotcenter/e2e/program"
)

// What devices, scripts and other browsers do while a person looks at a page: requests without a browser.

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask makes a request with nothing added to it, as a device or a stranger does, and follows no redirect.
func (a *app) ask(t *testing.T, method, path, body string, header http.Header) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, a.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Host = header.Get("Host")
	return send(t, req)
}

func send(t *testing.T, req *http.Request) answer {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// call makes a request with the API key, and fails the test where the answer has another status than wanted.
func (a *app) call(t *testing.T, method, path string, body string, header http.Header, want int) []byte {
	t.Helper()
	if header == nil {
		header = http.Header{}
	}
	if header.Get("Authorization") == "" {
		header = header.Clone()
		header.Set("Authorization", "Bearer "+program.APIKey)
	}
	got := a.ask(t, method, path, body, header)
	if got.status != want {
		t.Fatalf("%s %s: status %d, want %d: %.500s", method, path, got.status, want, got.body)
	}
	return []byte(got.body)
}

// admin is a session of the admin, made once for all tabs of this program.
func (a *app) admin(t *testing.T) *http.Cookie {
	t.Helper()
	a.signIn.Do(func() {
		var err error
		if a.session, err = a.SignIn(context.Background(), program.Admin, program.Password); err != nil {
			t.Error(err)
		}
	})
	if a.session == nil {
		t.Fatal("the admin is not signed in")
	}
	return a.session
}

// viewer is a session of the one who may only see, made once.
func (a *app) viewer(t *testing.T) *http.Cookie {
	t.Helper()
	if a.look == nil {
		var err error
		if a.look, err = a.SignIn(context.Background(), viewer, viewerPassword); err != nil {
			t.Fatal(err)
		}
	}
	return a.look
}

// form sends a form as the admin's browser does, and wants to be led on.
func (a *app) form(t *testing.T, path string, values url.Values) {
	t.Helper()
	a.formOf(t, a.admin(t), path, values)
}

func (a *app) formOf(t *testing.T, session *http.Cookie, path string, values url.Values) {
	t.Helper()
	got := a.ask(t, http.MethodPost, path, values.Encode(), http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Cookie": {session.String()}, "Origin": {a.URL},
	})
	if got.status != http.StatusSeeOther {
		t.Fatalf("POST %s: status %d, want 303: %.800s", path, got.status, got.body)
	}
}

// page reads a page as the admin's browser does.
func (a *app) page(t *testing.T, path string) string {
	t.Helper()
	got := a.ask(t, http.MethodGet, path, "", http.Header{"Cookie": {a.admin(t).String()}})
	if got.status != http.StatusOK {
		t.Fatalf("GET %s: status %d: %.800s", path, got.status, got.body)
	}
	return got.body
}

// Somebody who may only see, in the shared program.
const (
	viewer         = "viola"
	viewerPassword = "a-password-of-violas-own"
)

// populateAccess adds people, keys and a device that waits to the shared program.
func (a *app) populateAccess(t *testing.T) {
	t.Helper()
	a.person(t, viewer, "viewer", viewerPassword)
	a.form(t, "/keys/new", url.Values{"name": {"weekly report"}, "level": {"OVERVIEW"}, "days": {"90"}})
	a.form(t, "/enrolment/keys/new", url.Values{"name": {"greenhouse, November"}, "pattern": {"greenhouse-*"}, "most": {"12"}, "days": {"30"}})
	if got := a.ask(t, http.MethodGet, "/api/env/"+shed, "", nil); got.status != http.StatusForbidden {
		t.Fatalf("an unknown device was answered %d: %.300s", got.status, got.body)
	}
	a.found = map[string]string{
		"{key}":           a.find(t, "/keys", `/keys/([^/"]+)/revoke`),
		"{bucket}":        a.find(t, "/buckets", `/buckets/([^/"]+)/retention`),
		"{enrolment key}": a.find(t, "/enrolment", `/enrolment/keys/([^/"]+)/revoke`),
	}
}

// find gives the first group of a pattern on a page.
func (a *app) find(t *testing.T, path, pattern string) string {
	t.Helper()
	page := a.page(t, path)
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("%s has nothing like %s", path, pattern)
	}
	return m[1]
}

// person adds somebody with a password of their own.
func (a *app) person(t *testing.T, name, role, password string) {
	t.Helper()
	const first = "a-first-password"
	a.form(t, "/people/new", url.Values{"username": {name}, "role": {role}, "how": {"given"}, "password": {first}})
	session, err := a.SignIn(t.Context(), name, first)
	if err != nil {
		t.Fatal(err)
	}
	a.formOf(t, session, "/account/password", url.Values{"old": {first}, "new": {password}, "repeat": {password}})
}

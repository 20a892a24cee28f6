package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// answer is what a request got.
type answer struct {
	Status  int
	Header  http.Header
	Cookies []*http.Cookie
	Body    string
}

// send sends a request as it is: no credential is added and no redirect followed.
func (p *program) send(method, path, body string, headers ...string) answer {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := unled.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, resp.Cookies(), string(text)}
}

const formType = "application/x-www-form-urlencoded"

// signIn signs somebody in and gives the session's cookie.
func (p *program) signIn(name, password string) *http.Cookie {
	p.t.Helper()
	form := url.Values{"username": {name}, "password": {password}}
	a := p.send("POST", "/login", form.Encode(), "Content-Type", formType, "Origin", p.base)
	for _, c := range a.Cookies {
		if a.Status == http.StatusSeeOther && strings.HasSuffix(c.Name, "iot_center") {
			return c
		}
	}
	p.t.Fatalf("signing in as %s: %d, %d cookies: %.300s", name, a.Status, len(a.Cookies), a.Body)
	return nil
}

// as sends a form, or asks for a page, with a person's session, and insists on the status.
func (p *program) as(status int, who *http.Cookie, method, path, form string) answer {
	p.t.Helper()
	a := p.send(method, path, form, "Cookie", who.Name+"="+who.Value, "Content-Type", formType, "Sec-Fetch-Site", "same-origin")
	if a.Status != status {
		p.t.Fatalf("%s %s: %d, want %d: %.300s", method, path, a.Status, status, a.Body)
	}
	return a
}

// shown follows a form's redirect and gives the page, with the message that waits in the cookie.
func (p *program) shown(a answer) string {
	p.t.Helper()
	cookie := a.Cookies[len(a.Cookies)-1]
	return p.as(200, cookie, "GET", a.Header.Get("Location"), "").Body
}

// addPerson makes an account, and changes the password that its admin chose, as the person has to.
func (p *program) addPerson(by *http.Cookie, name, role, password string) {
	p.t.Helper()
	first := "first-" + password
	p.newPerson(by, name, role, first)
	own := p.signIn(name, first)
	p.as(303, own, "POST", "/account/password", url.Values{"old": {first}, "new": {password}, "repeat": {password}}.Encode())
}

// newPerson makes an account, whose person sees no more than their own account until they change the password.
func (p *program) newPerson(by *http.Cookie, name, role, password string) {
	p.t.Helper()
	p.as(303, by, "POST", "/people/new", url.Values{"username": {name}, "role": {role}, "how": {"given"}, "password": {password}}.Encode())
}

var keySecret = regexp.MustCompile(`iotc_[A-Za-z0-9_-]{43}`)

// makeKey makes an API key and reads it from the page that shows it once.
func (p *program) makeKey(by *http.Cookie, name, level string) string {
	p.t.Helper()
	secret := keySecret.FindString(p.shown(p.as(303, by, "POST", "/keys/new", url.Values{"name": {name}, "level": {level}, "days": {"30"}}.Encode())))
	if secret == "" {
		p.t.Fatalf("the key %s was not shown", name)
	}
	return secret
}

// revokeKey revokes the newest API key.
func (p *program) revokeNewestKey(by *http.Cookie) {
	p.t.Helper()
	paths := regexp.MustCompile(`/keys/[^"/]+/revoke`).FindAllString(p.as(200, by, "GET", "/keys", "").Body, -1)
	if len(paths) == 0 {
		p.t.Fatal("there is no key to revoke")
	}
	p.as(303, by, "POST", paths[0], "")
}

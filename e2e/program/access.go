package program

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// What every program is started with, so that tests and benchmarks get in.
const (
	Admin    = "admin"
	Password = "the-password-of-the-journeys"
	APIKey   = "the-api-key-of-tests-and-benchmarks-0123456789"
)

// SignIn signs a person in as their browser does and gives the session's cookie.
func (p *Program) SignIn(ctx context.Context, username, password string) (*http.Cookie, error) {
	form := url.Values{"username": {username}, "password": {password}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+"/login", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.URL)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	for _, c := range res.Cookies() {
		if res.StatusCode == http.StatusSeeOther && strings.HasSuffix(c.Name, "iot_center") {
			return c, nil
		}
	}
	return nil, fmt.Errorf("signing in as %s: status %d with %d cookies", username, res.StatusCode, len(res.Cookies()))
}

// Authorize adds a credential to a request that has none: the API key where one is taken, else the session.
func Authorize(req *http.Request, session *http.Cookie) {
	path := req.URL.Path
	switch {
	case req.Header.Get("Authorization") != "" || strings.HasPrefix(path, "/influx/"):
	case strings.HasPrefix(path, "/api/"), path == "/metrics":
		req.Header.Set("Authorization", "Bearer "+APIKey)
	case session != nil:
		req.AddCookie(session)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
}

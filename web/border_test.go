package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestStrangersAtTheBorder sends over a real connection what browsers and careful clients do not.
func TestStrangersAtTheBorder(t *testing.T) {
	env := databaseEnv(t)
	env["LIMIT_DEVICE_REQUESTS"] = "50" // so low that a slow machine reaches it
	p := start(t, env)
	admin := p.signIn("admin", testPassword)
	t.Run("posts of other sites", func(t *testing.T) { crossSite(p.in(t), admin) })
	t.Run("forged forwarding headers", func(t *testing.T) { forgedHeaders(p.in(t), admin) })
	t.Run("traversal", func(t *testing.T) { traversal(p.in(t)) })
	t.Run("oversize headers", func(t *testing.T) {
		p := p.in(t)
		for name, request := range map[string]string{
			"a cookie":        "GET / HTTP/1.1\r\nHost: a\r\nCookie: iot_center=" + strings.Repeat("x", 40<<10) + "\r\n\r\n",
			"a key":           "GET /api/devices HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + strings.Repeat("x", 40<<10) + "\r\n\r\n",
			"many headers":    "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-Forwarded-For: 192.0.2.1\r\n", 2000) + "\r\n",
			"an endless line": "GET /" + strings.Repeat("x", 40<<10),
		} {
			if status, _ := p.raw(request); status != 431 {
				t.Errorf("%s: %d", name, status)
			}
		}
		// Below the limit of the server, a value that is none is refused like any other.
		long := strings.Repeat("x", 20<<10)
		for _, headers := range [][]string{{"Cookie", "iot_center=" + long}, {"Authorization", "Bearer " + long}, {"Authorization", "Bearer iotc_" + long}} {
			if a := p.send("GET", "/api/devices", "", headers...); a.Status != 401 {
				t.Errorf("%s of 20 KiB: %d", headers[0], a.Status)
			}
		}
	})
	t.Run("no redirect leads elsewhere", func(t *testing.T) { openRedirects(p.in(t)) })
	t.Run("a session of a stranger's choice is not taken up", func(t *testing.T) {
		p := p.in(t)
		form := url.Values{"username": {"admin"}, "password": {testPassword}}.Encode()
		a := p.send("POST", "/login", form, "Content-Type", formType, "Origin", p.base, "Cookie", admin.Name+"="+admin.Value)
		if a.Status != 303 || len(a.Cookies) == 0 || a.Cookies[0].Value == admin.Value {
			t.Fatalf("%d, %v", a.Status, a.Cookies)
		}
		mine := a.Cookies[0]
		if code := p.status(admin, "/about"); code != 303 {
			t.Errorf("the session that the browser had before is still good: %d", code)
		}
		p.as(303, mine, "POST", "/logout", "")
		if code := p.status(mine, "/about"); code != 303 {
			t.Errorf("a cookie is replayed after the sign-out: %d", code)
		}
	})
	t.Run("a device that sends too much is held up and recovers", func(t *testing.T) { heldUp(p.in(t)) })
}

func crossSite(p *program, admin *http.Cookie) {
	cookie := admin.Name + "=" + admin.Value
	for _, row := range []struct {
		name    string
		want    int
		headers []string
	}{
		{"another site", 403, []string{"Sec-Fetch-Site", "cross-site"}},
		{"another host of the site", 403, []string{"Sec-Fetch-Site", "same-site"}},
		{"an old browser on another site", 403, []string{"Origin", "https://evil.example"}},
		{"a sandboxed frame", 403, []string{"Origin", "null"}},
		{"the same host on another port", 403, []string{"Origin", "http://127.0.0.1:1"}},
		{"a forged host beside the origin", 403, []string{"Origin", "https://evil.example", "X-Forwarded-Host", "evil.example"}},
		{"nothing tells where it comes from", 403, nil},
		{"our own page", 303, []string{"Sec-Fetch-Site", "same-origin"}},
		{"our own page, in an old browser", 303, []string{"Origin", p.base}},
	} {
		for _, path := range []string{"/theme", "/logout", "/people/new", "/devices"} {
			if row.want == 303 && path != "/theme" {
				continue
			}
			headers := append([]string{"Cookie", cookie, "Content-Type", formType}, row.headers...)
			if a := p.send("POST", path, "theme=dark&id=crossed&username=crossed&role=admin", headers...); a.Status != row.want {
				p.t.Errorf("%s, %s: %d, want %d", row.name, path, a.Status, row.want)
			}
		}
	}
	// Signing somebody in as somebody else is an attack, too.
	form := url.Values{"username": {"admin"}, "password": {testPassword}}.Encode()
	if a := p.send("POST", "/login", form, "Content-Type", formType, "Origin", "https://evil.example"); a.Status != 403 || len(a.Cookies) > 0 {
		p.t.Errorf("a sign-in from another site: %d, %v", a.Status, a.Cookies)
	}
	// A session opens the API for the app's own pages only; and a page elsewhere cannot register by a plain GET.
	if a := p.send("DELETE", "/api/devices/none", "", "Cookie", cookie, "Origin", "https://evil.example"); a.Status != 403 {
		p.t.Errorf("the API with a session from another site: %d", a.Status)
	}
	if a := p.send("DELETE", "/api/devices/none", "", "Authorization", "Bearer "+testKey, "Origin", "https://evil.example"); a.Status != 404 {
		p.t.Errorf("the API with a key needs no origin: %d", a.Status)
	}
	if a := p.send("GET", "/api/env/crossed", "", "Sec-Fetch-Site", "cross-site"); a.Status != 403 || strings.Contains(a.Body, "not_enrolled") {
		p.t.Errorf("settings for a page elsewhere: %d %s", a.Status, a.Body)
	}
	if body := p.as(200, admin, "GET", "/devices", "").Body + p.as(200, admin, "GET", "/people", "").Body; strings.Contains(body, "crossed") {
		p.t.Error("another site's form did something")
	}
}

func forgedHeaders(p *program, admin *http.Cookie) {
	a := p.send("GET", "/api/env/forged-device", "", "X-Forwarded-For", "203.0.113.77", "Forwarded", "for=203.0.113.78", "X-Real-Ip", "203.0.113.79",
		"X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example")
	if a.Status != 403 || a.Header.Get("Strict-Transport-Security") != "" {
		p.t.Errorf("%d %v", a.Status, a.Header)
	}
	inbox := p.as(200, admin, "GET", "/enrolment", "").Body
	if !strings.Contains(inbox, "forged-device") || strings.Contains(inbox, "203.0.113.") {
		p.t.Errorf("the inbox believes a stranger's own headers: %s", inbox)
	}
	if own := p.want(200, "GET", "/api/env/forged-device?register=true", "", "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https"); !strings.Contains(own, `"`+p.base+`/influx"`) {
		p.t.Errorf("a forged host is in the settings: %s", own)
	}
	for _, header := range []string{"X-Forwarded-User", "Remote-User", "X-Remote-User"} {
		if got := p.send("GET", "/people", "", header, "admin"); got.Status != 303 {
			p.t.Errorf("%s: %d", header, got.Status)
		}
	}
	if strings.Contains(p.log.String(), "203.0.113.") {
		p.t.Error("the log believes forged headers")
	}
}

// raw sends bytes over a connection of their own and gives the status of the answer and the whole of it.
func (p *program) raw(request string) (status int, text string) {
	p.t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(p.base, "http://"), 10*time.Second)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, request) }() // the server may answer before it has read all of it
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, fmt.Sprint(resp.Header, string(body))
}

func traversal(p *program) {
	for _, path := range []string{
		"/static/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/..%2f..%2fetc%2fpasswd", "/static/..%5c..%5cetc%5cpasswd",
		"/static//etc/passwd", "/static/....//....//etc/passwd", "/static/%252e%252e/etc/passwd", "/static/%00", "/static/", "/static",
		"/static/../people", "/healthz/../people", "/login/../people", "/static/%2e%2e/people", "//people", "/./people", "/people/", "/%70eople",
		"/healthz/..;/people", "/influx/../people", "/influx/%2e%2e/api/devices", "/api/env/../devices", "/influx/api/v2/query", "/influx/api/v2/write/../query",
		"/influx/../control/backup", "/api/v2/authorizations", "/influx/api/v2/authorizations",
	} {
		status, text := p.raw("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if status < 300 || status >= 500 || strings.Contains(text, "root:") || strings.Contains(text, "<pre>") || !strings.Contains(text, "nosniff") {
			p.t.Errorf("%s: %d %.200s", path, status, text)
		}
		if _, to, ok := strings.Cut(text, "Location:["); ok && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
			p.t.Errorf("%s leads to %.60s", path, to)
		}
	}
}

func openRedirects(p *program) {
	for _, next := range []string{
		"https://evil.example/", "//evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "/\n/evil.example", "http:evil.example", "javascript:alert(1)",
		"///evil.example", "/%2f/evil.example", "/.//evil.example", "/..//evil.example", " //evil.example", "/\r\nSet-Cookie: a=b", "@evil.example", "",
	} {
		form := url.Values{"username": {"admin"}, "password": {testPassword}, "next": {next}}.Encode()
		a := p.send("POST", "/login", form, "Content-Type", formType, "Origin", p.base)
		base, _ := url.Parse(p.base + "/login")
		to, err := base.Parse(browserReads(a.Header.Get("Location")))
		if a.Status != 303 || err != nil || to.Host != base.Host || to.Scheme != "http" || a.Header.Get("Location") == "" {
			p.t.Errorf("next %q: %d to %q, %v", next, a.Status, a.Header.Get("Location"), err)
		}
	}
	form := url.Values{"username": {"admin"}, "password": {testPassword}, "next": {"/devices?prefix=a&sort=id"}}.Encode()
	if a := p.send("POST", "/login", form, "Content-Type", formType, "Origin", p.base); a.Header.Get("Location") != "/devices?prefix=a&sort=id" {
		p.t.Errorf("a page of the app: %q", a.Header.Get("Location"))
	}
}

// browserReads does to an address what browsers do before they follow it.
func browserReads(address string) string {
	return strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.TrimSpace(address))
}

// heldUp sends 400 requests at once, many more than a device may in a second.
func heldUp(p *program) {
	p.want(201, "POST", "/api/devices/busy-device", "")
	p.want(201, "POST", "/api/devices/calm-device", "")
	busy, calm := p.device("busy-device"), p.device("calm-device")
	var mu sync.Mutex
	count, retry := map[int]int{}, ""
	var wg sync.WaitGroup
	for range 400 {
		wg.Go(func() {
			req, err := http.NewRequest("POST", p.base+"/influx/api/v2/write?precision=s", strings.NewReader("environment Temperature=1"))
			if err != nil {
				p.t.Error(err)
				return
			}
			req.Header.Set("Authorization", "Token "+busy.Token)
			resp, err := unled.Do(req)
			if err != nil {
				p.t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			count[resp.StatusCode]++
			if resp.StatusCode == 429 {
				retry = resp.Header.Get("Retry-After")
			}
		})
	}
	wg.Wait()
	if count[204] < 50 || count[429] == 0 || count[204]+count[429] != 400 {
		p.t.Fatalf("%v", count)
	}
	if code := p.write(calm, "environment Temperature=1"); code != 204 {
		p.t.Errorf("another device: %d", code)
	}
	seconds, err := strconv.Atoi(retry)
	if err != nil || seconds < 1 || seconds > 2 {
		p.t.Fatalf("Retry-After: %q", retry)
	}
	began := time.Now()
	p.until("the device writes again", func() bool { return p.write(busy, "environment Temperature=1") == 204 })
	if took := time.Since(began); took > time.Duration(seconds)*time.Second {
		p.t.Errorf("it took %v, and Retry-After was %d s", took, seconds)
	}
}

// TestSignInOverTLS: the cookie is bound to this host and to encrypted connections.
func TestSignInOverTLS(t *testing.T) {
	dir := t.TempDir()
	writePair(t, dir, "one.example")
	certFile, keyFile := pairFiles(dir)
	p := launch(t, map[string]string{"DATA_DIR": t.TempDir(), "TLS_CERT": certFile, "TLS_KEY": keyFile})
	base := "https://" + strings.TrimPrefix(p.base, "http://")
	client := &http.Client{CheckRedirect: unled.CheckRedirect, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // signed by itself
	t.Cleanup(client.CloseIdleConnections)
	ask := func(method, path, body string, headers ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp
	}
	p.until("ready", func() bool { return ask("GET", "/readyz", "").StatusCode == 200 })
	form := url.Values{"username": {"admin"}, "password": {testPassword}}.Encode()
	in := ask("POST", "/login", form, "Content-Type", formType, "Origin", base)
	if in.StatusCode != 303 || len(in.Cookies()) != 2 || in.Header.Get("Strict-Transport-Security") == "" {
		t.Fatalf("%d %v", in.StatusCode, in.Header)
	}
	c := in.Cookies()[0]
	if known := in.Cookies()[1]; known.Name != "__Host-iot_center_known" || !known.Secure || !known.HttpOnly {
		t.Errorf("the cookie of a known browser is %+v", known)
	}
	if c.Name != "__Host-iot_center" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %+v", c)
	}
	if got := ask("GET", "/people", "", "Cookie", c.Name+"="+c.Value); got.StatusCode != 200 || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("signed in: %d %v", got.StatusCode, got.Header)
	}
	// Another host of the domain, or somebody on the way over plain HTTP, can set this name only.
	if got := ask("GET", "/people", "", "Cookie", "iot_center="+c.Value); got.StatusCode != 303 {
		t.Errorf("the cookie under the name that is not bound: %d", got.StatusCode)
	}
}

// TestAuditSurvivesTheStop: what was done in the moment of the stop is in the log of the next start.
func TestAuditSurvivesTheStop(t *testing.T) {
	env := databaseEnv(t)
	p := start(t, env)
	admin := p.signIn("admin", testPassword)
	const last = 20
	for i := range last {
		p.as(303, admin, "POST", "/devices", fmt.Sprintf("id=last-%d", i))
	}
	if err := p.end(); err != nil { // the events are written every 200 ms: some wait
		t.Fatal(err)
	}
	p = start(t, env)
	log := p.as(200, admin, "GET", "/audit.csv?action=device-register", "").Body
	for i := range last {
		if !strings.Contains(log, fmt.Sprintf(",last-%d,ok,", i)) {
			t.Errorf("last-%d is not in the log:\n%s", i, log)
		}
	}
}

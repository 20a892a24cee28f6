package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// canaries are secrets, and everything that the program said while it handled them. A secret may be in the answer that
// is there to show it, and nowhere else.
type canaries struct {
	*program
	admin   *http.Cookie
	secrets map[string]string // by what they are
	heard   []heard
}

// heard is an answer without its cookies, in which some secrets are meant to be.
type heard struct {
	what, text string
	may        []string
}

// hatch adds a secret.
func (c *canaries) hatch(what, secret string) {
	c.t.Helper()
	if len(secret) < 8 {
		c.t.Fatalf("%s: %q is no secret that can be searched for", what, secret)
	}
	c.secrets[what] = secret
}

// listen keeps an answer for the search.
func (c *canaries) listen(what string, a answer) answer {
	header := a.Header.Clone()
	header.Del("Set-Cookie")
	c.heard = append(c.heard, heard{what: what, text: fmt.Sprint(header, a.Body)})
	for _, cookie := range a.Cookies {
		if cookie.Value != "" {
			c.secrets[fmt.Sprintf("cookie %d", len(c.secrets))] = cookie.Value
		}
	}
	return a
}

// show says that the last answer was there to show a secret.
func (c *canaries) show(what, secret string) {
	c.t.Helper()
	c.hatch(what, secret)
	last := &c.heard[len(c.heard)-1]
	if !strings.Contains(html.UnescapeString(last.text), secret) {
		c.t.Errorf("%s does not show the %s", last.what, what)
	}
	last.may = append(last.may, what)
}

// ask sends a request as it is.
func (c *canaries) ask(method, path, body string, headers ...string) answer {
	c.t.Helper()
	return c.listen(method+" "+path, c.send(method, path, body, headers...))
}

// act sends a form as the admin, and gives the page that it leads to; the page after it shows nothing of it any more.
func (c *canaries) act(path, form string, show func(page string)) {
	c.t.Helper()
	a := c.listen("POST "+path, c.as(303, c.admin, "POST", path, form))
	if len(a.Cookies) == 0 {
		c.t.Fatalf("%s leaves no message", path)
	}
	c.admin = a.Cookies[len(a.Cookies)-1]
	page := c.listen("the page after "+path, c.as(200, c.admin, "GET", a.Header.Get("Location"), ""))
	show(page.Body)
	c.admin = page.Cookies[len(page.Cookies)-1]
	c.listen("the page after "+path+" again", c.as(200, c.admin, "GET", a.Header.Get("Location"), ""))
}

var (
	shownPassword = regexp.MustCompile(`\b(?:[a-z2-9]{5}-){3}[a-z2-9]{5}\b`)
	shownToken    = regexp.MustCompile(`"token":\s*"([^"]+)"|[A-Za-z0-9_-]{60,}==`)
)

// TestCanaries drives secrets through every flow and searches for them afterwards.
func TestCanaries(t *testing.T) {
	env := databaseEnv(t)
	env["LOG_LEVEL"] = "debug"
	if env["SECRET_KEY"] == "" {
		env["SECRET_KEY"] = "canary-secret-key-0123456789-0123456789"
	}
	c := &canaries{program: start(t, env), secrets: map[string]string{}}
	for what, secret := range map[string]string{
		"ADMIN_PASSWORD": testPassword, "API_KEY": testKey, "SECRET_KEY": c.config.SecretKey, "INFLUX_TOKEN": c.config.InfluxToken,
		"a wrong password": "mistyped-canary-password", "an unknown key": "iotc_" + strings.Repeat("unknown", 6) + "u",
		"an unknown token": "unknown-canary-token", "a chosen password": "chosen-canary-password", "another password": "another-canary-password",
	} {
		c.hatch(what, secret)
	}
	c.signingIn()
	c.credentials()
	c.deviceLife()
	c.lookAround()
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	c.search(t, env)
}

// signingIn goes in and out by passwords, right and wrong, and handles those of others.
func (c *canaries) signingIn() {
	form := func(name, password string) string {
		return url.Values{"username": {name}, "password": {password}}.Encode()
	}
	headers := []string{"Content-Type", formType, "Origin", c.base}
	for _, body := range []string{form("admin", c.secrets["a wrong password"]), form("nobody", testPassword), form("admin\x00", testPassword),
		form("admin", testPassword) + "&bad=%zz", "username=admin&password=" + testPassword + ";x"} {
		c.ask("POST", "/login", body, headers...)
	}
	c.ask("POST", "/login", form("admin", testPassword), "Content-Type", formType, "Origin", "https://evil.example")
	in := c.ask("POST", "/login", form("admin", testPassword), headers...)
	if in.Status != 303 || len(in.Cookies) == 0 {
		c.t.Fatalf("signing in: %d", in.Status)
	}
	c.admin = in.Cookies[0]
	c.act("/people/new", "username=made&role=viewer&how=generate", func(page string) {
		c.show("a generated password", shownPassword.FindString(page))
	})
	c.act("/people/made/password", "", func(page string) { c.show("a second generated password", shownPassword.FindString(page)) })
	chosen, other := c.secrets["a chosen password"], c.secrets["another password"]
	for _, bad := range []string{"username=&role=viewer&how=given&password=" + chosen, "username=b&role=none&how=given&password=" + chosen, "username=b&role=viewer&how=x&password=" + chosen} {
		c.listen("a form with a mistake", c.as(422, c.admin, "POST", "/people/new", bad))
	}
	c.listen("an account", c.as(303, c.admin, "POST", "/people/new", "username=chosen&role=viewer&how=given&password="+chosen))
	own := c.signIn("chosen", chosen)
	for form, status := range map[string]int{"old=" + chosen + "&new=" + other + "&repeat=x": 422, "old=" + other + "&new=" + other + "&repeat=" + other: 422} {
		c.listen("a password that is not changed", c.as(status, own, "POST", "/account/password", form))
	}
	changed := c.listen("a changed password", c.as(303, own, "POST", "/account/password", "old="+chosen+"&new="+other+"&repeat="+other))
	c.listen("the account", c.as(200, changed.Cookies[len(changed.Cookies)-1], "GET", "/account", ""))
	c.listen("signing out", c.as(303, changed.Cookies[len(changed.Cookies)-1], "POST", "/logout", ""))
}

// credentials makes keys, and shows them where they belong and where they do not.
func (c *canaries) credentials() {
	c.act("/keys/new", "name=canary&level=ADMIN&days=30", func(page string) { c.show("an API key", keySecret.FindString(page)) })
	c.act("/enrolment/keys/new", "name=canary&most=3&days=3", func(page string) { c.show("an enrolment key", enrolmentSecret.FindString(page)) })
	for what, secret := range maps.Clone(c.secrets) { // the answers add cookies
		if strings.HasPrefix(what, "cookie") {
			continue
		}
		for _, header := range []string{"Bearer " + secret, "Token " + secret, "Token token=" + secret, `Token token="` + secret + `"`, "Basic " + secret, secret,
			"Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+secret))} {
			for _, path := range []string{"/api/devices/none", "/nothing", "/api/nothing", "/influx/nothing"} {
				c.ask("DELETE", path, "", "Authorization", header)
			}
		}
		c.ask("GET", "/api/env/asks-in-vain?key="+url.QueryEscape("x"+secret), "")
		c.ask("GET", "/healthz?key="+url.QueryEscape(secret), "")
		c.ask("GET", "/login?once="+url.QueryEscape(secret), "", "X-Forwarded-For", "192.0.2.1")
		c.ask("GET", "/about", "", "Cookie", c.admin.Name+"="+secret+"x", "X-Api-Key", secret, "X-Forwarded-For", secret, "User-Agent", "canary")
	}
}

// deviceLife lets devices in by each door, rotates, writes rightly and wrongly, and ends them.
func (c *canaries) deviceLife() {
	token := func(what string, a answer) {
		c.t.Helper()
		found := regexp.MustCompile(`"influx_token":"([^"]+)"|(?m)^influx_token: (\S+)$`).FindStringSubmatch(a.Body)
		if a.Status != 200 || found == nil {
			c.t.Fatalf("%s: %d %s", what, a.Status, a.Body)
		}
		c.show(what, strings.Trim(found[1]+found[2], `"`))
	}
	c.act("/devices", "id=canary-device", func(page string) { c.showToken("the token of a registered device", page) })
	first := c.secrets["the token of a registered device"]
	token("the same for automation", c.ask("GET", "/api/env/canary-device", "", "Authorization", "Bearer "+testKey))
	token("the same as lines", c.ask("GET", "/api/env/canary-device?accept=text/plain", "", "Authorization", "Bearer "+testKey))
	token("the token of a keyed device", c.ask("GET", "/api/env/canary-keyed?key="+c.secrets["an enrolment key"], ""))
	c.act("/devices/canary-device/rotate", "", func(page string) { c.showToken("a new token", page) })
	for _, bad := range []string{"", "environment", "environment,clientId=other Temperature=1", "environment Temperature=1 x", `environment note="` + "\n", "environment Temperature=\"warm\""} {
		for _, secret := range []string{first, c.secrets["a new token"], c.secrets["an unknown token"]} {
			for _, query := range []string{"?bucket=iot_center", "?bucket=other", "?precision=h"} {
				c.ask("POST", "/influx/api/v2/write"+query, bad, "Authorization", "Token "+secret)
			}
		}
	}
	c.ask("POST", "/influx/api/v2/write", "environment Temperature=1", "Authorization", "Token "+c.secrets["a new token"])
	c.ask("GET", "/api/env/canary-keyed", "", "Authorization", "Token "+c.secrets["a new token"])
	c.ask("POST", "/influx/api/v2/write", "environment Temperature=1", "Authorization", "Token "+c.secrets["a new token"], "Content-Encoding", "gzip")
	for _, path := range []string{"/devices/canary-device/suspend", "/devices/canary-device/resume", "/enrolment/open"} {
		c.listen("POST "+path, c.as(303, c.admin, "POST", path, "minutes=5"))
	}
	token("the token of the window", c.ask("GET", "/api/env/canary-window", ""))
	c.listen("DELETE", c.send("DELETE", "/api/devices/canary-window", "", "Authorization", "Bearer "+testKey))
}

// showToken finds a device's token on the page that shows it.
func (c *canaries) showToken(what, page string) {
	c.t.Helper()
	found := shownToken.FindStringSubmatch(html.UnescapeString(page))
	if found == nil {
		c.t.Fatalf("the page shows no token: %s", page)
	}
	if found[1] == "" {
		found[1] = found[0]
	}
	c.show(what, found[1])
}

// lookAround opens every page on which something could have stayed.
func (c *canaries) lookAround() {
	for _, path := range []string{"/", "/about", "/account", "/people", "/people/made", "/people/chosen", "/keys", "/keys/new", "/enrolment", "/audit", "/audit.csv",
		"/devices", "/devices/canary-device", "/devices/canary-keyed", "/devices/canary-device/rotate", "/buckets", "/dashboard", "/dashboard/canary-device",
		"/dashboard/canary-device/data?points=100", "/dashboard/canary-device/last", "/virtual", "/api/devices"} {
		if a := c.ask("GET", path, "", "Cookie", c.admin.Name+"="+c.admin.Value); a.Status != 200 {
			c.t.Errorf("%s: %d", path, a.Status)
		}
	}
	c.ask("GET", "/metrics", "", "Authorization", "Bearer "+testKey)
	c.ask("GET", "/nothing", "", "Cookie", c.admin.Name+"="+c.admin.Value)
}

// search looks for all secrets in all that was heard, in the log, and in what the database keeps of the app. A secret
// that somebody puts into a path is none of the app's: its own links and clients carry secrets in queries and headers,
// and the log has paths without queries.
func (c *canaries) search(t *testing.T, env map[string]string) {
	t.Helper()
	places := append(slices.Clone(c.heard), heard{what: "the log", text: c.log.String()}, heard{what: "the output", text: c.out.String()})
	for _, bucket := range []string{c.config.InfluxBucketAuth, c.config.InfluxBucket} {
		kept, _ := must(t, env, "export", "--bucket", bucket, "-")
		if bucket == c.config.InfluxBucketAuth && !strings.Contains(kept, "canary-device") {
			t.Error("the auth bucket is not what was searched")
		}
		places = append(places, heard{what: "the bucket " + bucket, text: kept})
	}
	if len(c.heard) < 200 || !strings.Contains(c.log.String(), "level=DEBUG") {
		t.Errorf("%d answers were searched", len(c.heard))
	}
	for what, secret := range c.secrets {
		forms := []string{secret, url.QueryEscape(secret), html.EscapeString(secret), hex.EncodeToString([]byte(secret)),
			base64.RawStdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret))}
		for _, place := range places {
			shown := slices.ContainsFunc(place.may, func(may string) bool { return c.secrets[may] == secret })
			for _, form := range forms {
				if at := strings.Index(place.text, form); at >= 0 && !shown {
					t.Errorf("%s is in %s: …%.200q", what, place.what, place.text[max(0, at-100):])
					break
				}
			}
		}
	}
}

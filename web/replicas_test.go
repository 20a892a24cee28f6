package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"iotcenter/influx/influxtest"
)

// takenBackWithin is the promise: what is taken back on one replica is refused on the others after that long.
const takenBackWithin = 5 * time.Second

// replicas starts two programs on one InfluxDB, which is that of a third where there is none elsewhere.
func replicas(t *testing.T) (a, b *program) {
	t.Helper()
	env := databaseEnv(t)
	if !influxtest.External() {
		env["SECRET_KEY"] = strings.Repeat("k", 32)
		database := start(t, env)
		env = map[string]string{"INFLUX_URL": database.database(), "INFLUX_TOKEN": adminToken, "SECRET_KEY": env["SECRET_KEY"]}
	}
	return start(t, env), start(t, env)
}

// status is what a person gets for a page.
func (p *program) status(who *http.Cookie, path string) int {
	p.t.Helper()
	return p.send("GET", path, "", "Cookie", who.Name+"="+who.Value).Status
}

var enrolmentSecret = regexp.MustCompile(`iote_[A-Za-z0-9_-]+`)

// makeEnrolmentKey makes an enrolment key and reads it from the page that shows it once.
func (p *program) makeEnrolmentKey(by *http.Cookie, name string, most int) string {
	p.t.Helper()
	form := url.Values{"name": {name}, "most": {fmt.Sprint(most)}, "days": {"30"}}
	secret := enrolmentSecret.FindString(p.shown(p.as(303, by, "POST", "/enrolment/keys/new", form.Encode())))
	if secret == "" {
		p.t.Fatalf("the enrolment key %s was not shown", name)
	}
	return secret
}

// post finds the first form on a page whose action fits, and sends it as it is.
func (p *program) post(by *http.Cookie, page, action string) {
	p.t.Helper()
	path := regexp.MustCompile(action).FindString(p.as(200, by, "GET", page, "").Body)
	if path == "" {
		p.t.Fatalf("%s has no %s", page, action)
	}
	p.as(303, by, "POST", path, "")
}

// TestReplicasShareWhoMayDoWhat runs two programs on one InfluxDB.
func TestReplicasShareWhoMayDoWhat(t *testing.T) {
	a, b := replicas(t)
	admin := a.signIn("admin", testPassword)

	t.Run("signed in on one is signed in on the other", func(t *testing.T) {
		if code := b.status(admin, "/about"); code != 200 {
			t.Errorf("%d on the other", code)
		}
	})
	t.Run("a new key and a new device are known on the other", func(t *testing.T) {
		a, b := a.in(t), b.in(t)
		key := a.makeKey(admin, "new", "OVERVIEW")
		b.until("the new key", func() bool { return b.send("GET", "/api/devices", "", "Authorization", "Bearer "+key).Status == 200 })
		a.want(201, "POST", "/api/devices/new-device", "")
		if code := b.write(a.device("new-device"), "environment Temperature=1"); code != 204 {
			t.Errorf("the device writes to the other: %d", code)
		}
	})
	t.Run("what people take back on one is refused on the other", func(t *testing.T) {
		a, b := a.in(t), b.in(t)
		waitForAll(t, b, append(sessionRights(a, b, admin), keyRights(a, b, admin)...))
	})
	t.Run("device tokens that are taken back on one write to no other", func(t *testing.T) {
		a, b := a.in(t), b.in(t)
		waitForAll(t, b, tokenRights(t, a, b, admin, "writes", func(id string, d device) int { return b.write(d, "environment Temperature=1") }, 204))
	})
	t.Run("device tokens that are taken back on one fetch no settings from the other", func(t *testing.T) {
		a, b := a.in(t), b.in(t)
		rights := tokenRights(t, a, b, admin, "asks", func(id string, d device) int {
			return b.send("GET", "/api/env/"+id, "", "Authorization", "Token "+d.Token).Status
		}, 200)
		for _, r := range rights { // at once: the settings would hold the token that replaced this one
			if code := r.use(); code != r.good {
				t.Fatalf("%s: %d before", r.name, code)
			}
			r.end()
			if code := r.use(); !slices.Contains(r.refused, code) {
				t.Errorf("%s: %d", r.name, code)
			}
		}
	})
	t.Run("the inbox is one", func(t *testing.T) {
		a, b := a.in(t), b.in(t)
		a.send("GET", "/api/env/waiting-device", "")
		began := time.Now()
		b.until("the entry on the other", func() bool {
			return strings.Contains(b.as(200, admin, "GET", "/enrolment", "").Body, "waiting-device")
		})
		t.Logf("the entry was seen after %v", time.Since(began).Round(10*time.Millisecond))
		b.as(303, admin, "POST", "/enrolment/inbox/approve", "id=waiting-device&address=127.0.0.1")
		began = time.Now()
		var got answer
		a.until("the approval on the first", func() bool {
			got = a.send("GET", "/api/env/waiting-device", "")
			return got.Status == 200
		})
		t.Logf("the approval was known after %v", time.Since(began).Round(10*time.Millisecond))
		if !strings.Contains(got.Body, `"newlyRegistered":true`) || !strings.Contains(got.Body, "influx_token") {
			t.Errorf("%s", got.Body)
		}
		for _, p := range []*program{a, b} {
			if again := p.send("GET", "/api/env/waiting-device", ""); again.Status != 403 {
				t.Errorf("the approval holds twice: %d", again.Status)
			}
		}
	})
	t.Run("one replica goes and people stay", func(t *testing.T) {
		b := b.in(t)
		if err := a.end(); err != nil {
			t.Error(err)
		}
		for _, path := range []string{"/about", "/devices", "/people"} {
			if code := b.status(admin, path); code != 200 {
				t.Errorf("%s: %d", path, code)
			}
		}
	})
}

// right is something that somebody may do on the second replica until it is taken back on the first.
type right struct {
	name    string
	use     func() int // the status that it gets on the second
	good    int
	refused []int
	end     func() // takes it back on the first
}

// sessionRights are those of people who are signed in.
func sessionRights(a, b *program, admin *http.Cookie) (rights []right) {
	person := func(name string) *http.Cookie {
		a.newPerson(admin, name, "viewer", name+"-password")
		return a.signIn(name, name+"-password")
	}
	page := func(name string, who *http.Cookie, end func()) {
		rights = append(rights, right{name, func() int { return b.status(who, "/account") }, 200, []int{303}, end})
	}
	out := person("signs-out")
	page("a session, by signing out", out, func() { a.as(303, out, "POST", "/logout", "") })
	changer, changed := person("changes"), a.signIn("changes", "changes-password")
	page("a session, by a new password", changed, func() {
		a.as(303, changer, "POST", "/account/password", "old=changes-password&new=another-password&repeat=another-password")
	})
	reset := person("is-reset")
	page("a session, by an admin's new password", reset, func() { a.as(303, admin, "POST", "/people/is-reset/password", "") })
	removed := person("leaves")
	page("a session, by removing the account", removed, func() { a.as(303, admin, "POST", "/people/leaves/remove", "") })
	a.addPerson(admin, "ends-one", "viewer", "ends-one-password")
	ender := a.signIn("ends-one", "ends-one-password")
	ended := a.signIn("ends-one", "ends-one-password") // the newest, which the page has first
	page("a session, by its owner from elsewhere", ended, func() { a.post(ender, "/account", `/account/sessions/[^"/]+/end`) })
	cast := person("is-cast-out")
	page("a session, by an admin", cast, func() { a.as(303, admin, "POST", "/people/is-cast-out/sessions/end", "") })
	a.addPerson(admin, "is-demoted", "operator", "demoted-password")
	demoted := a.signIn("is-demoted", "demoted-password")
	return append(rights, right{"a role", func() int { return b.status(demoted, "/devices/new") }, 200, []int{403},
		func() { a.as(303, admin, "POST", "/people/is-demoted/role", "role=viewer") }})
}

// keyRights are those of API keys, enrolment keys, and the window.
func keyRights(a, b *program, admin *http.Cookie) []right {
	key := a.makeKey(admin, "taken back", "OVERVIEW")
	enrolment := a.makeEnrolmentKey(admin, "taken back", 5)
	keyed := func(p *program) int { return p.send("GET", "/api/env/keyed-device?key="+enrolment, "").Status }
	keyed(a)
	a.as(303, admin, "POST", "/enrolment/open", "minutes=5")
	strangers := 0
	return []right{
		{"an API key", func() int { return b.send("GET", "/api/devices", "", "Authorization", "Bearer "+key).Status }, 200, []int{401},
			func() { a.post(admin, "/keys", `/keys/[^"/]+/revoke`) }},
		{"an enrolment key", func() int { return keyed(b) }, 200, []int{403},
			func() { a.post(admin, "/enrolment", `/enrolment/keys/[^"/]+/revoke`) }},
		{"the open window", func() int {
			strangers++ // one that is known gets nothing by the window
			return b.send("GET", fmt.Sprintf("/api/env/window-%d", strangers), "").Status
		}, 200, []int{403}, func() { a.as(303, admin, "POST", "/enrolment/close", "") }},
	}
}

// tokenRights are those of devices that do something with their tokens.
func tokenRights(t *testing.T, a, b *program, admin *http.Cookie, what string, use func(id string, d device) int, good int) (rights []right) {
	t.Helper()
	add := func(how string, end func(id string, old device)) {
		id := what + "-" + how
		a.want(201, "POST", "/api/devices/"+id, "")
		d := a.device(id)
		rights = append(rights, right{"a token that was " + how, func() int { return use(id, d) }, good, []int{401, 403}, func() { end(id, d) }})
	}
	add("rotated", func(id string, old device) {
		a.as(303, admin, "POST", "/devices/"+id+"/rotate", "")
		next := a.device(id)
		if next.Token == old.Token {
			t.Error("the rotated token is the old one")
		}
		if code := a.write(next, "environment Temperature=1"); code != 204 {
			t.Errorf("the new token: %d", code)
		}
		a.until("the old token is of the past", func() bool {
			return !strings.Contains(a.as(200, admin, "GET", "/devices/"+id, "").Body, "former token works until")
		})
	})
	add("suspended", func(id string, _ device) { a.as(303, admin, "POST", "/devices/"+id+"/suspend", "") })
	add("removed", func(id string, _ device) { a.want(204, "DELETE", "/api/devices/"+id, "") })
	return rights
}

// waitForAll takes rights back on the first replica and waits until the second, b, refuses all of them.
func waitForAll(t *testing.T, b *program, rights []right) {
	t.Helper()
	b.until("everything is good on the second", func() bool { // the window is read with the next poll
		return !slices.ContainsFunc(rights, func(r right) bool { return r.use() != r.good })
	})
	ends := make([]time.Time, len(rights))
	for i, r := range rights {
		r.end()
		ends[i] = time.Now()
	}
	longest := time.Duration(0)
	pace := time.NewTicker(100 * time.Millisecond) // slower than the limit of unknown tokens of an address
	defer pace.Stop()
	for left := len(rights); left > 0; <-pace.C {
		for i, r := range rights {
			if r.use == nil {
				continue
			}
			code := r.use()
			after := time.Since(ends[i]).Round(10 * time.Millisecond)
			if code == r.good && after <= takenBackWithin {
				continue
			}
			if !slices.Contains(r.refused, code) || after > takenBackWithin {
				t.Errorf("%s: %d after %v", r.name, code, after)
			}
			longest = max(longest, after)
			rights[i].use, left = nil, left-1
		}
	}
	t.Logf("all %d were refused after %v", len(rights), longest)
}

// takesOver waits until the program knows what another process did, and tells how long it took.
func (p *program) takesOver(done func() bool) time.Duration {
	p.t.Helper()
	began := time.Now()
	p.until("what another process did", done)
	took := time.Since(began).Round(10 * time.Millisecond)
	if took > takenBackWithin {
		p.t.Errorf("it took %v", took)
	}
	return took
}

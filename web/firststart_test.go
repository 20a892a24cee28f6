package main

import (
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"iotcenter/people"
)

// printed are what the program tells the person who starts it for the first time.
var (
	printedLink     = regexp.MustCompile(`(?m)^Sign in with this link \(once, within an hour\): (\S+)$`)
	printedPassword = regexp.MustCompile(`(?m)^or as admin with the password (\S+) \(it is printed only now\)\.$`)
	resetPrinted    = regexp.MustCompile(`^(\S+) signs in with the password (\S+) from now on\.`)
)

// TestFirstStartWithoutAPassword makes one, and a link, and tells both once and in one place.
func TestFirstStartWithoutAPassword(t *testing.T) {
	env := databaseEnv(t)
	env["ADMIN_PASSWORD"], env["LOG_LEVEL"] = "", "debug"
	p := start(t, env)
	p.until("the announcement", func() bool { return strings.Count(p.out.String(), "\n") >= 3 })
	link, password := printedLink.FindStringSubmatch(p.out.String()), printedPassword.FindStringSubmatch(p.out.String())
	if link == nil || password == nil || strings.Count(p.out.String(), "\n") != 3 {
		t.Fatalf("it printed %q", p.out)
	}
	path, ok := strings.CutPrefix(link[1], p.base)
	once, err := url.Parse(link[1])
	if !ok || err != nil {
		t.Fatalf("the link %s leads elsewhere, %v", link[1], err)
	}
	// What looks at a link before the person does, such as a chat program's preview, must not use it up.
	if head := p.send("HEAD", path, ""); head.Status != 200 || len(head.Cookies) > 0 {
		t.Errorf("HEAD: %d, %v", head.Status, head.Cookies)
	}
	if early := p.send("GET", path, "", "Sec-Purpose", "prefetch;prerender"); early.Status != 200 || len(early.Cookies) > 0 {
		t.Errorf("a browser that looks ahead: %d, %v", early.Status, early.Cookies)
	}
	in := p.send("GET", path, "")
	if in.Status != 303 || in.Header.Get("Location") != "/" || len(in.Cookies) == 0 {
		t.Fatalf("the link: %d to %s, %d cookies", in.Status, in.Header.Get("Location"), len(in.Cookies))
	}
	p.as(200, in.Cookies[0], "GET", "/people", "") // it is the admin, and nothing has to be changed first
	if again := p.send("GET", path, ""); again.Status != 403 || len(again.Cookies) > 0 {
		t.Errorf("the link a second time: %d, %v", again.Status, again.Cookies)
	}
	p.as(200, p.signIn("admin", password[1]), "GET", "/people", "")
	kept, _ := must(t, env, "export", "--bucket", p.config.InfluxBucketAuth, "-")
	for _, secret := range []string{once.Query().Get("once"), password[1]} {
		if strings.Contains(kept, secret) {
			t.Error("the auth bucket holds the code or the password")
		}
	}
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	noCanary(t, p.logOnly(), once.Query().Get("once"), password[1])

	p = start(t, env)
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	if want := "IoT Center is at " + p.base + "\n"; p.out.String() != want {
		t.Errorf("the second start printed %q", p.out)
	}
}

// logOnly is the program without what it printed for a person.
func (p *program) logOnly() *program {
	q := *p
	q.out = new(lockedBuffer)
	return &q
}

// TestFirstStartWithAPassword takes it as it is, and tells it nobody.
func TestFirstStartWithAPassword(t *testing.T) {
	env := databaseEnv(t)
	env["ADMIN_PASSWORD"] = "seven77"
	err := run(t.Context(), parsed(t, env), streams{out: io.Discard, log: io.Discard})
	var invalid *people.InvalidError
	if !errors.As(err, &invalid) || !strings.HasPrefix(err.Error(), "ADMIN_PASSWORD: ") || strings.Contains(err.Error(), "seven77") {
		t.Errorf("a password of seven characters: %v", err)
	}
	env["ADMIN_PASSWORD"] = "eight888"
	p := start(t, env)
	p.as(200, p.signIn("admin", "eight888"), "GET", "/people", "") // it needs no change
	p.until("the announcement", func() bool { return strings.Count(p.out.String(), "\n") >= 2 })
	if strings.Contains(p.out.String(), "link") {
		t.Errorf("it printed %q", p.out)
	}
	noCanary(t, p, "eight888")
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	// Later it is of no meaning: whoever changed the password keeps theirs.
	env["ADMIN_PASSWORD"] = "another-password"
	p = start(t, env)
	p.as(200, p.signIn("admin", "eight888"), "GET", "/people", "")
	if strings.Contains(p.out.String(), "ADMIN_PASSWORD") {
		t.Errorf("the second start printed %q", p.out)
	}
}

// TestResetPassword gives accounts new passwords by the command: beside the program, and where none runs.
func TestResetPassword(t *testing.T) {
	env := databaseEnv(t)
	reset := func(args ...string) (name, password string) {
		t.Helper()
		out, log := must(t, env, append([]string{"reset-password"}, args...)...)
		got := resetPrinted.FindStringSubmatch(out)
		if got == nil || strings.Count(out, "\n") != 1 || log != "" {
			t.Fatalf("it printed %q and %q", out, log)
		}
		return got[1], got[2]
	}
	p := start(t, env)
	old := p.signIn("admin", testPassword)
	name, password := reset()
	if name != "admin" {
		t.Errorf("it is for %s", name)
	}
	took := p.takesOver(func() bool { return p.status(old, "/about") == 303 })
	t.Logf("the old session was refused after %v", took)
	if code := p.tryPassword("admin", testPassword); code != 401 {
		t.Errorf("the old password: %d", code)
	}
	admin := p.signIn("admin", password)
	p.as(200, admin, "GET", "/people", "")
	if log := p.as(200, admin, "GET", "/audit.csv?action=password", "").Body; !strings.Contains(log, "iot-center reset-password") {
		t.Errorf("the audit log does not tell: %s", log)
	}

	// A name that nobody has becomes an admin's: it is the way back in when nobody is left.
	if name, password = reset("Rescuer"); name != "Rescuer" && name != "rescuer" {
		t.Errorf("it is for %s", name)
	}
	p.takesOver(func() bool { return strings.Contains(p.as(200, admin, "GET", "/people", "").Body, "rescuer") })
	p.as(200, p.signIn("rescuer", password), "GET", "/people", "")
	refused(t, env, "", "reset-password", "no\nname")
	if err := p.end(); err != nil {
		t.Fatal(err)
	}
	noCanary(t, p, password)

	// Without a program beside it.
	_, password = reset("admin")
	p = start(t, env)
	if code := p.status(admin, "/about"); code != 303 {
		t.Errorf("the session of before: %d", code)
	}
	admin = p.signIn("admin", password)
	p.as(200, admin, "GET", "/people", "")

	// And over the network, as at an InfluxDB elsewhere.
	if p.other != nil {
		key := "SECRET_KEY_FILE"
		env = map[string]string{"INFLUX_URL": p.database(), "INFLUX_TOKEN": adminToken, key: filepath.Join(env["DATA_DIR"], keyFile)}
		_, password = reset("admin")
		p.takesOver(func() bool { return p.status(admin, "/people") == 303 })
		p.signIn("admin", password)
		delete(env, key)
		refused(t, env, "SECRET_KEY", "reset-password")
	}
	// A folder that is the wrong one gets no key.
	nothing := filepath.Join(t.TempDir(), "nothing")
	refused(t, map[string]string{"DATA_DIR": nothing}, "no data", "reset-password")
	if _, err := os.Stat(nothing); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the command has made the data folder")
	}
}

// tryPassword is the status of signing in.
func (p *program) tryPassword(name, password string) int {
	p.t.Helper()
	form := url.Values{"username": {name}, "password": {password}}
	return p.send("POST", "/login", form.Encode(), "Content-Type", formType, "Origin", p.base).Status
}

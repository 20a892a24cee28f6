//go:build e2e

package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestFirstStart: whoever starts the program with nothing set clicks the link that it prints, and is in; the link works
// once, and the printed password as well.
func TestFirstStart(t *testing.T) {
	a := freshApp(t, "ADMIN_PASSWORD=")
	link := a.printed(t, `(?m)^Sign in with this link .*: (http\S+)$`)
	password := a.printed(t, `with the password (\S+)`)
	if !strings.HasPrefix(link, a.URL+"/login?once=") {
		t.Fatalf("the printed link is %s, the program is at %s", link, a.URL)
	}
	path := strings.TrimPrefix(link, a.URL)

	tb := strangersTab(t, a)
	tb.visit(path)
	tb.arrives("/")
	tb.until("the code gone from the address", "location.search === ''")
	tb.press("nav a[href]", "People")
	tb.arrives("/people")
	tb.sees("admin")
	tb.visit("/account")
	tb.sees("generated at the first start")
	tb.shot("account-first-start-light-1280")

	other := strangersTab(t, a)
	other.expect(http.StatusForbidden)
	other.visit(path)
	other.sees("This link has been used, or has run out.")
	other.shot("sign-in-used-link-light-1280")
	other.signIn("admin", password)
	other.arrives("/")
	other.sees("IoT Center")
}

// printed waits for a line of the program's output and gives the first group.
func (a *app) printed(t *testing.T, pattern string) string {
	t.Helper()
	var m []string
	eventually(t, "the printed "+pattern, func() bool {
		m = regexp.MustCompile(pattern).FindStringSubmatch(a.Log())
		return m != nil
	})
	return m[1]
}

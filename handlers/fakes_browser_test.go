package handlers

import (
	"context"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"iotcenter/ledger"
	"iotcenter/people"
)

// Passwords of the tests. Each costs a real hash, so they are for tests in which a password is the subject.
const (
	adminPassword    = "correct horse battery staple"
	newcomerPassword = "chosen by somebody else"
	oneTimeAdmin     = "admin" // the account that the first start makes
	newcomer         = "newcomer"
)

// passwordDocuments are accounts with passwords, hashed once for all tests: "admin", and a viewer who has to change it.
var passwordDocuments = sync.OnceValue(func() []ledger.Entry {
	return documentsOf(func(d *people.Directory) error {
		if _, err := d.EnsureAdmin(context.Background(), adminPassword); err != nil {
			return err
		}
		_, err := d.AddAccount(context.Background(), oneTimeAdmin, newcomer, people.Viewer, newcomerPassword, false)
		return err
	})
})

// firstStart is what the first start makes: the account "admin" and the code of its one-time link.
var firstStart = sync.OnceValues(func() (code string, documents []ledger.Entry) {
	documents = documentsOf(func(d *people.Directory) error {
		made, err := d.EnsureAdmin(context.Background(), "")
		code = made.Code
		return err
	})
	return code, documents
})

// documentsOf gives what a directory like that of the tests writes down.
func documentsOf(do func(*people.Directory) error) []ledger.Entry {
	db := newMemory()
	shared := ledger.New(ledger.Options{Store: db, Clock: db.clock})
	if err := shared.Refresh(context.Background()); err != nil {
		panic(err)
	}
	d, err := people.NewDirectory(people.Options{Ledger: shared, Secret: testPeopleSecret, Clock: db.clock})
	if err == nil {
		err = do(d)
	}
	if err != nil {
		panic(err)
	}
	return db.documents
}

// know adds documents to those of the app.
func (a *testApp) know(t *testing.T, documents []ledger.Entry) {
	t.Helper()
	a.db.set(func(m *memory) { m.documents = append(m.documents, documents...) })
	if err := a.People.Ledger.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// newPasswordApp is an app whose people have passwords.
func newPasswordApp(t *testing.T, change func(*Options)) *testApp {
	t.Helper()
	app := newTestApp(t, change)
	app.know(t, passwordDocuments())
	return app
}

// browser keeps cookies, and says nothing of who uses it but by them.
type browser struct {
	t       *testing.T
	app     *testApp
	site    string // "" or "https://example.com"
	cookies map[string]string
	always  []string // headers of each request: name, value, …
}

// browser opens one; headers go with each of its requests.
func (a *testApp) browser(t *testing.T, headers ...string) *browser {
	return &browser{t: t, app: a, cookies: map[string]string{}, always: append([]string{personHeader, ""}, headers...)}
}

// of opens the browser of a person for whom the proxy vouches.
func (a *testApp) of(t *testing.T, person string) *browser {
	return a.browser(t, personHeader, person)
}

func (b *browser) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	var cookies []string
	for _, name := range slices.Sorted(maps.Keys(b.cookies)) {
		cookies = append(cookies, name+"="+b.cookies[name])
	}
	w := b.app.do(method, b.site+target, body, slices.Concat(b.always, []string{"Cookie", strings.Join(cookies, "; ")}, headers)...)
	for _, c := range w.Result().Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return w
}

func (b *browser) get(target string, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.do("GET", target, "", headers...)
}

func (b *browser) post(target string, values url.Values, headers ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.do("POST", target, values.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// next gets the page that a form led to.
func (b *browser) next(w *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	b.t.Helper()
	status(b.t, w, 303)
	return b.get(w.Header().Get("Location"))
}

// signIn signs in by password.
func (b *browser) signIn(name, password string) {
	b.t.Helper()
	w := b.post("/login", url.Values{"username": {name}, "password": {password}})
	leadsTo(b.t, w, "/")
}

// copied is another browser that has got hold of the cookies.
func (b *browser) copied() *browser {
	stolen := *b
	stolen.cookies = maps.Clone(b.cookies)
	return &stolen
}

// signedIn tells whether the cookies are those of a session, without using it.
func (b *browser) signedIn() bool {
	b.t.Helper()
	switch w := b.copied().get("/about"); {
	case w.Code == 200:
		return true
	case w.Code == 303 && w.Header().Get("Location") == "/login?next=%2Fabout":
		return false
	default:
		b.t.Fatalf("status %d, leads to %q", w.Code, w.Header().Get("Location"))
		return false
	}
}

// leadsTo checks a redirect after a form.
func leadsTo(t *testing.T, w *httptest.ResponseRecorder, want string) {
	t.Helper()
	status(t, w, 303)
	if got := w.Header().Get("Location"); got != want {
		t.Errorf("leads to %q, want %q", got, want)
	}
}

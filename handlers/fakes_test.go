package handlers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"golang.org/x/net/html"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/ledger"
	"iotcenter/people"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// testNow is the clock of the tests in this package.
var testNow = time.Date(2024, 5, 6, 7, 8, 9, 123_000_000, time.UTC)

// memory is a database in memory: registrations, authorizations and what was written, with a switch for each fault.
type memory struct {
	mu      sync.Mutex
	now     time.Time // the clock of the app
	records []devices.Record
	auths   map[string]devices.ID // key to device
	minted  int
	writes  []written
	deleted []devices.ID

	documents  []ledger.Entry
	audited    []people.Event
	applicants map[int]devices.Applicant
	inactive   map[string]bool                 // authorizations that are switched off
	uses       map[string]map[string]time.Time // last uses by kind and id

	entries map[devices.ID]time.Time // newest entries
	last    []telemetry.LastValue
	answer  telemetry.SeriesAnswer
	stats   []telemetry.FieldStats
	track   telemetry.Track
	asked   telemetry.SeriesQuery // the newest one
	buckets []telemetry.Bucket
	runs    []emulator.Run // newest first
	newest  time.Time      // of the virtual device's data
	calls   map[string]int // questions by the method's name
	tries   int            // of TryNow

	rows          rows    // what programs read
	points        []point // of the Helium dialect
	heliumBuckets []helium.Bucket

	storeErr  error         // every registration call
	writeErr  error         // every write
	deleteErr error         // every deletion of data
	readErr   error         // every question about data
	bucketErr error         // every bucket call
	hold      chan struct{} // a write waits until it is closed
	status    telemetry.DatabaseStatus
}

type written struct {
	Token, Lines string
	Precision    telemetry.Precision
}

func newMemory() *memory {
	return &memory{now: testNow, applicants: map[int]devices.Applicant{}, inactive: map[string]bool{}, uses: map[string]map[string]time.Time{}, auths: map[string]devices.ID{}, entries: map[devices.ID]time.Time{}, calls: map[string]int{}, newest: testNow.Add(-10 * time.Minute), status: telemetry.DatabaseStatus{
		Ready: true, Embedded: true, Org: "my org", Bucket: "iot_center", Version: "2.7.0-test", LastOK: testNow}}
}

func (m *memory) set(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *memory) PutRecord(_ context.Context, r devices.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.storeErr != nil {
		return m.storeErr
	}
	m.records = append(m.records, r)
	return nil
}

func (m *memory) RecordsSince(_ context.Context, since time.Time, fn func(devices.Record) error) error {
	m.mu.Lock()
	records, err := append([]devices.Record(nil), m.records...), m.storeErr
	m.mu.Unlock()
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Sealed = ""; !r.Stamp.Before(since) {
			if err := fn(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Record(_ context.Context, id devices.ID) (devices.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.storeErr != nil {
		return devices.Record{}, m.storeErr
	}
	for i := len(m.records) - 1; i >= 0; i-- {
		if m.records[i].ID == id {
			return m.records[i], nil
		}
	}
	return devices.Record{}, devices.ErrNotFound
}

func (m *memory) Mint(_ context.Context, id devices.ID) (devices.Authorization, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.storeErr != nil {
		return devices.Authorization{}, m.storeErr
	}
	m.minted++
	key := fmt.Sprintf("key-%d", m.minted)
	m.auths[key] = id
	return devices.Authorization{Key: key, Token: fmt.Sprintf("canary-token-%d-of-%s==", m.minted, id)}, nil
}

func (m *memory) Revoke(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.auths, key)
	return m.storeErr
}

func (m *memory) Exists(_ context.Context, key string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.auths[key]
	return ok && !m.inactive[key], m.storeErr
}

func (m *memory) WriteLines(ctx context.Context, token string, lines []byte, p telemetry.Precision) error {
	m.mu.Lock()
	hold := m.hold
	m.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.writeErr != nil {
		return m.writeErr
	}
	m.writes = append(m.writes, written{token, string(lines), p})
	return nil
}

// ownToken stands for the app's own token in what was written.
const ownToken = "own"

func (m *memory) WriteOwn(ctx context.Context, lines []byte, p telemetry.Precision) error {
	return m.WriteLines(ctx, ownToken, lines, p)
}

func (m *memory) clock() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// ask notes a question about data and gives the error that it is to get.
func (m *memory) ask(method string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[method]++
	return m.readErr
}

// questions gives how many there were since the last time, and of which kinds.
func (m *memory) questions() (n int, of map[string]int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	of, m.calls = m.calls, map[string]int{}
	for _, times := range of {
		n += times
	}
	return n, of
}

func (m *memory) LastEntries(_ context.Context, ids []devices.ID) (map[devices.ID]time.Time, error) {
	out := map[devices.ID]time.Time{}
	for _, id := range ids {
		if at, ok := m.entries[id]; ok {
			out[id] = at
		}
	}
	return out, m.ask("LastEntries")
}

func (m *memory) HourlyCounts(context.Context, []devices.ID, time.Time) (map[devices.ID][devices.Hours]int, error) {
	return map[devices.ID][devices.Hours]int{}, m.ask("HourlyCounts")
}

func (m *memory) SeenSince(_ context.Context, since time.Time, _ int) (map[devices.ID]time.Time, error) {
	out := map[devices.ID]time.Time{}
	for id, at := range m.entries {
		if !at.Before(since) {
			out[id] = at
		}
	}
	return out, m.ask("SeenSince")
}

func (m *memory) EverSeen(context.Context, int) (map[devices.ID]struct{}, error) {
	out := map[devices.ID]struct{}{}
	for id := range m.entries {
		out[id] = struct{}{}
	}
	return out, m.ask("EverSeen")
}

func (m *memory) MinuteCounts(_ context.Context, start, stop time.Time) ([]int, error) {
	return make([]int, int(stop.Sub(start)/time.Minute)), m.ask("MinuteCounts")
}

func (m *memory) Series(_ context.Context, q telemetry.SeriesQuery) (telemetry.SeriesAnswer, error) {
	m.set(func(m *memory) { m.asked = q })
	return m.answer, m.ask("Series")
}

func (m *memory) Last(context.Context, devices.ID, string, time.Time) ([]telemetry.LastValue, telemetry.Explained, error) {
	return m.last, telemetry.Explained{Title: "Newest values", Language: "influxql", Text: "SELECT last(*)"}, m.ask("Last")
}

func (m *memory) Stats(context.Context, devices.ID, string, time.Time, time.Time) ([]telemetry.FieldStats, error) {
	return m.stats, m.ask("Stats")
}

func (m *memory) Track(context.Context, devices.ID, string, time.Time, time.Time, int) (telemetry.Track, error) {
	return m.track, m.ask("Track")
}

func (m *memory) Measurements(context.Context, devices.ID) ([]string, error) {
	return []string{telemetry.Environment}, m.ask("Measurements")
}

func (m *memory) Buckets(context.Context) ([]telemetry.Bucket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]telemetry.Bucket(nil), m.buckets...), m.bucketErr
}

func (m *memory) CreateBucket(_ context.Context, name string, retention time.Duration) (telemetry.Bucket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bucketErr != nil {
		return telemetry.Bucket{}, m.bucketErr
	}
	if name == "" || strings.HasPrefix(name, "_") {
		return telemetry.Bucket{}, fmt.Errorf("%w: that is no name", telemetry.ErrInvalidBucket)
	}
	for _, b := range m.buckets {
		if b.Name == name {
			return b, fmt.Errorf("%w: %s", telemetry.ErrBucketExists, name)
		}
	}
	b := telemetry.Bucket{ID: "id-" + name, Name: name, Retention: retention, CreatedAt: testNow, Bytes: -1}
	m.buckets = append(m.buckets, b)
	return b, nil
}

func (m *memory) SetRetention(_ context.Context, id string, retention time.Duration) (telemetry.Bucket, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bucketErr != nil {
		return telemetry.Bucket{}, m.bucketErr
	}
	for i, b := range m.buckets {
		switch {
		case b.ID != id:
		case b.Name == "iot_center_auth":
			return b, fmt.Errorf("%w: %q keeps its data", telemetry.ErrInvalidBucket, b.Name)
		default:
			m.buckets[i].Retention = retention
			return m.buckets[i], nil
		}
	}
	return telemetry.Bucket{}, telemetry.ErrBucketNotFound
}

func (m *memory) DeleteData(_ context.Context, id devices.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deleteErr != nil {
		return m.deleteErr
	}
	m.deleted = append(m.deleted, id)
	return nil
}

func (m *memory) LastEntry(context.Context, devices.ID, string, time.Time) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.newest, nil
}

func (m *memory) SaveRun(_ context.Context, r emulator.Run) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs = append([]emulator.Run{r}, m.runs...)
	return nil
}

func (m *memory) Runs(_ context.Context, _ devices.ID, n int) ([]emulator.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls["Runs"]++
	return append([]emulator.Run(nil), m.runs[:min(n, len(m.runs))]...), m.readErr
}

func (m *memory) Status() telemetry.DatabaseStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

func (m *memory) TryNow() { m.set(func(m *memory) { m.tries++ }) }

func (m *memory) Ready(context.Context) error {
	if !m.Status().Ready {
		return devices.ErrUnavailable
	}
	return nil
}

// testApp is a server over a memory.
type testApp struct {
	*Server
	db  *memory
	log *lockedBuffer
}

// newTestApp makes one; change may be nil.
func newTestApp(t *testing.T, change func(*Options)) *testApp {
	t.Helper()
	db, log := newMemory(), new(lockedBuffer)
	clock := db.clock
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	sealer, err := devices.NewSealer([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	registry := devices.NewRegistry(devices.RegistryOptions{Store: db, Auth: db, Sealer: sealer, Clock: clock, Log: logger, Uses: db})
	emulate := emulator.Options{Registry: registry, Intake: &telemetry.Intake{Writer: db, Tokens: registry, Clock: clock}, Last: db, Runs: db, Seed: 1, Clock: clock, Log: logger}
	o := Options{
		Registry: registry, Fleet: devices.NewFleet(devices.FleetOptions{Registry: registry, Activity: db, Clock: clock, Log: logger}),
		Activity: db, Reader: db, Writer: db, Rows: db, Points: db, Buckets: db, Database: db, Backfills: emulator.NewBackfills(emulate), Live: emulator.NewLive(emulate),
		SessionKey: []byte(strings.Repeat("s", 32)), Version: "test", Clock: clock, Log: logger,
	}
	addMembers(t, &o, db, sealer)
	if change != nil {
		change(&o)
	}
	app := &testApp{Server: New(o), db: db, log: log}
	t.Cleanup(func() {
		app.CloseStreams()
		_ = app.Live.Close(context.Background())
		_ = app.Backfills.Close(context.Background())
	})
	return app
}

// do sends one request through the whole chain, as the admin unless a header says otherwise, and from a page of the
// app's own. headers are name, value, name, value; "" leaves a header out.
func (a *testApp) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, in)
	r.Header.Set(personHeader, testAdmin)
	if isUnsafe(method) {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Del(headers[i]); headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return w
}

// post sends a form, as a browser without scripts does.
func (a *testApp) post(target string, values url.Values, headers ...string) *httptest.ResponseRecorder {
	return a.do("POST", target, values.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin"}, headers...)...)
}

// follow gets the page that a form led to, with the cookies that it left.
func (a *testApp) follow(t *testing.T, w *httptest.ResponseRecorder) *goquery.Document {
	t.Helper()
	return pageOf(t, a.next(t, w), http.StatusOK)
}

// next is the answer to which a form led, with the cookies that it left.
func (a *testApp) next(t *testing.T, w *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	t.Helper()
	status(t, w, http.StatusSeeOther)
	var cookies []string
	for _, c := range w.Result().Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return a.do("GET", w.Header().Get("Location"), "", "Cookie", strings.Join(cookies, "; "))
}

// away makes the database unreachable, as its watcher and all callers notice.
func (m *memory) away() {
	m.set(func(m *memory) {
		m.storeErr, m.readErr, m.writeErr, m.bucketErr = errUnavailableForTest, errUnavailableForTest, errUnavailableForTest, errUnavailableForTest
		m.status.Ready, m.status.Problem, m.status.NextTry = false, "Connection refused.", testNow.Add(7*time.Second)
	})
}

// pageOf reads a page, and checks what holds for every one of them: nothing for which the content policy would have
// to be loosened, no secret, and nothing that a person typed become markup.
func pageOf(t *testing.T, w *httptest.ResponseRecorder, want int) *goquery.Document {
	t.Helper()
	status(t, w, want)
	return checkedPage(t, w, w.Body.String())
}

// pageWithSecret reads a page that shows a secret this once: in one message, to read and to copy, and nowhere else. All
// that holds for other pages holds for the rest of it.
func pageWithSecret(t *testing.T, w *httptest.ResponseRecorder) (doc *goquery.Document, secret string) {
	t.Helper()
	status(t, w, http.StatusOK)
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	has(t, doc, "[data-flash].once", 1)
	secret = doc.Find("[data-flash].once code").First().Text()
	if len(secret) < 12 {
		t.Fatalf("the message shows %q; the page says %s", secret, words(doc, "main"))
	}
	doc.Find("[data-flash].once .secret").Remove()
	if rest, err := doc.Html(); err != nil || strings.Contains(rest, secret) {
		t.Errorf("the secret stands outside of its message, %v", err)
	}
	return checkedPage(t, w, strings.ReplaceAll(w.Body.String(), html.EscapeString(secret), "")), secret
}

// checkedPage checks a page's headers and its text.
func checkedPage(t *testing.T, w *httptest.ResponseRecorder, text string) *goquery.Document {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	if got := w.Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	if !utf8.ValidString(text) {
		t.Error("the page is no UTF-8")
	}
	for _, never := range []string{"canary-token", "<img src=x"} {
		if strings.Contains(text, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	root, err := html.ParseWithOptions(strings.NewReader(text), html.ParseOptionEnableScripting(false)) // <noscript> is read too
	if err != nil {
		t.Fatal(err)
	}
	doc := goquery.NewDocumentFromNode(root)
	doc.Find("*").Each(func(_ int, e *goquery.Selection) {
		name := goquery.NodeName(e)
		_, external := e.Attr("src")
		if name == "style" || name == "script" && !external && e.AttrOr("type", "") != "application/json" {
			t.Errorf("inline <%s>: %.80s", name, e.Text())
		}
		for _, a := range e.Nodes[0].Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("<%s %s=%q>", name, a.Key, a.Val)
			}
		}
	})
	return doc
}

// words is the text of what a selector finds: the words of all its elements, with one space between them.
func words(doc *goquery.Document, selector string) string {
	var all []string
	for _, n := range doc.Find(selector).Nodes {
		for inner := range n.Descendants() {
			if inner.Type == html.TextNode {
				all = append(all, strings.Fields(inner.Data)...)
			}
		}
	}
	return strings.Join(all, " ")
}

// has checks that a selector finds n elements.
func has(t *testing.T, doc *goquery.Document, selector string, n int) {
	t.Helper()
	if got := doc.Find(selector).Length(); got != n {
		t.Errorf("%d × %s, want %d", got, selector, n)
	}
}

// says checks that what a selector finds says a text.
func says(t *testing.T, doc *goquery.Document, selector, want string) {
	t.Helper()
	if got := words(doc, selector); !strings.Contains(got, want) {
		t.Errorf("%s says %q, want %q", selector, got, want)
	}
}

// register makes a device and gives its token.
func (a *testApp) register(t *testing.T, id devices.ID) string {
	t.Helper()
	if _, _, err := a.Registry.Register(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	_, token, err := a.Registry.Credentials(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// lockedBuffer is a log that many goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func status(t *testing.T, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want {
		t.Fatalf("status %d, want %d; body: %.300s", w.Code, want, w.Body)
	}
}

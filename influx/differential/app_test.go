package differential

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"iotcenter/devices"
	"iotcenter/emulator"
	"iotcenter/influx"
	"iotcenter/influx/conformance"
	"iotcenter/influx/influxtest"
	"iotcenter/ledger"
	"iotcenter/people"
	"iotcenter/telemetry"
	"iotcenter/telemetry/helium"
)

// mirror stands between the app and the embedded database: what the app writes and deletes goes to the real one too,
// and what it asks is asked of both.
type mirror struct {
	t    *testing.T
	pair *pair

	mu    sync.Mutex
	asked []string // the texts of all queries
}

func mirrored(t *testing.T) (*mirror, *pair) {
	m := &mirror{t: t}
	p := newPair(t, func(p *pair, app *influx.Config) {
		m.pair = p
		app.HTTPClient = &http.Client{Transport: m}
	})
	return m, p
}

// RoundTrip gives the embedded database's answer.
func (m *mirror) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := m.pair.ours.http.Transport.RoundTrip(r)
	if err != nil || resp.StatusCode >= 300 {
		return resp, err
	}
	switch r.URL.Path {
	case "/api/v2/write", "/api/v2/delete":
		query := r.URL.Query()
		if query.Get("bucket") == m.pair.ours.Bucket || query.Get("bucket") == m.pair.ours.AuthBucket {
			query.Set("org", m.pair.theirs.Org)
			got := m.pair.theirs.do(m.t, request{method: r.Method, path: r.URL.Path[1:], query: query, body: body, header: withoutToken(r.Header)})
			if got.status != resp.StatusCode {
				m.t.Errorf("%s %s: %d here, %d there: %s", r.Method, r.URL, resp.StatusCode, got.status, got.body)
			}
		}
	case "/query":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			m.t.Errorf("form %s: %v", body, err)
		}
		m.note(form.Get("q"))
		if d := compareInfluxQL(m.pair.ours.influxql(m.t, form), m.pair.theirs.influxql(m.t, form)); d != "" {
			m.t.Errorf("%s\n  %s", form.Get("q"), d)
		}
	case "/api/v2/query":
		var q struct{ Query string }
		if err := json.Unmarshal(body, &q); err != nil {
			m.t.Errorf("query %s: %v", body, err)
		}
		m.note(q.Query)
		if d := compareFlux(m.pair.ours.flux(m.t, q.Query), m.pair.theirs.flux(m.t, q.Query), false); d != "" {
			m.t.Errorf("%s\n  %s", q.Query, d)
		}
	}
	return resp, nil
}

func withoutToken(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Authorization")
	return h
}

func (m *mirror) note(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, text)
}

// TestStores runs what the stores have to do on both databases at once: every question of theirs has to have the same
// answer. On a large data set it asks what a conformance test has no points for.
func TestStores(t *testing.T) {
	var asked []string
	for name, test := range map[string]func(*testing.T, conformance.Subject){
		"records":  func(t *testing.T, s conformance.Subject) { conformance.Records(t, s.DB) },
		"runs":     func(t *testing.T, s conformance.Subject) { conformance.Runs(t, s.DB) },
		"uses":     func(t *testing.T, s conformance.Subject) { conformance.Uses(t, s.DB) },
		"activity": conformance.Activity,
		"series":   conformance.Series,
		"readings": conformance.Readings,
		"helium":   conformance.Helium,
	} {
		t.Run(name, func(t *testing.T) {
			m, p := mirrored(t)
			test(t, conformance.Subject{DB: p.app.DB, Write: p.app.Write, Org: p.ours.Org, Bucket: p.ours.Bucket, AuthBucket: p.ours.AuthBucket})
			asked = append(asked, m.asked...)
		})
	}
	// These are about several processes on one database.
	for name, test := range map[string]func(t *testing.T, db, other, old *influx.DB){
		"ledger":     func(t *testing.T, db, other, old *influx.DB) { conformance.Ledger(t, db, other, old) },
		"audit":      func(t *testing.T, db, other, old *influx.DB) { conformance.Audit(t, db, other) },
		"long audit": func(t *testing.T, db, other, old *influx.DB) { conformance.LongAudit(t, db, other) },
		"inbox":      func(t *testing.T, db, other, old *influx.DB) { conformance.Inbox(t, db, other) },
	} {
		t.Run(name, func(t *testing.T) {
			m, p := mirrored(t)
			past := p.app.Config
			past.Clock = func() time.Time { return time.Now().AddDate(0, 0, -34) }
			test(t, p.app.DB, influxtest.Connect(t, p.app.Config).DB, influxtest.Connect(t, past).DB)
			asked = append(asked, m.asked...)
		})
	}
	t.Run("year", func(t *testing.T) {
		m, p := mirrored(t)
		p.load(t)
		drive(t, p.app.DB)
		driveRows(t, p.app.DB)
		asked = append(asked, m.asked...)
	})
	if t.Skipped() || t.Failed() {
		return
	}
	t.Logf("%d queries of the app were compared", len(asked))
	for name, text := range templates {
		if len(asked) > 0 && !slices.ContainsFunc(asked, text.MatchString) {
			t.Errorf("nothing that was asked comes from %s", name)
		}
	}
}

// nobody wants no rows.
type nobody struct{}

func (nobody) Begin([]string) error               { return nil }
func (nobody) Row(int64, []json.RawMessage) error { return nil }

// driveRows reads rows with every function, and runs a statement.
func driveRows(t *testing.T, db *influx.DB) {
	ctx := t.Context()
	where := &telemetry.Condition{Join: "OR",
		Left:  &telemetry.Condition{Name: "CO2", Op: ">", With: telemetry.Operand{Kind: telemetry.NumberOperand, Text: "400.5"}},
		Right: &telemetry.Condition{Name: "Temperature", Op: "!=", With: telemetry.Operand{Kind: telemetry.NumberOperand, Text: "20"}}}
	for _, q := range []telemetry.RowsQuery{
		{Device: "dev1", Measurement: "environment", After: spring, Before: spring.Add(6 * time.Hour)},
		{Device: "dev1", Measurement: "environment", After: spring, Before: spring.Add(6 * time.Hour), Where: where, Limit: 7},
		{Device: "dev10", Measurement: "environment", Fields: []string{"CO2", "Temperature", "nope"}, After: yearStart, Before: yearStop, Limit: 50},
		{Measurement: "edges", After: yearStart, Before: yearStop},
		{Device: "odd", Measurement: "extremes", After: yearStart, Before: yearStop},
		{Device: "odd", Measurement: "texts", After: yearStart, Before: yearStop},
	} {
		if err := db.Rows(ctx, q, nobody{}); err != nil {
			t.Error(err)
		}
	}
	for _, fn := range telemetry.Functions() {
		for _, every := range []time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour} {
			q := telemetry.RowsQuery{Device: "dev1", Measurement: "environment", After: spring, Before: spring.Add(20 * 24 * time.Hour), Every: every, Function: fn}
			if err := db.Rows(ctx, q, nobody{}); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := db.FieldKinds(ctx, "environment"); err != nil {
		t.Error(err)
	}
	if _, _, err := db.Statement(ctx, "SELECT CO2 FROM environment WHERE clientId = 'dev1' LIMIT 10", 5, time.Minute); err != nil {
		t.Error(err)
	}
}

// drive calls every method that asks, over ranges of every kind.
func drive(t *testing.T, db *influx.DB) {
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	ids := []devices.ID{"dev1", "dev10", "edge", "odd", "nobody"}
	for _, span := range [][2]time.Time{
		{yearStart, yearStop}, {spring.Add(-24 * time.Hour), spring.Add(48 * time.Hour)}, {autumn, autumn.Add(24 * time.Hour)},
		{spring.Add(30 * time.Second), spring.Add(90 * time.Minute)}, {yearStart.Add(-time.Hour), yearStart.Add(26 * time.Hour)},
		{yearStart.AddDate(0, 4, 0), yearStart.AddDate(0, 4, 8)}, {yearStart, yearStart.Add(1)}, {spring.Add(-3 * time.Hour), spring.Add(-time.Hour)},
	} {
		for _, id := range ids {
			for _, measurement := range map[devices.ID][]string{"edge": {"edges"}, "odd": {"extremes", "texts"}, "dev1": {"", "edges"}, "dev10": {""}, "nobody": {""}}[id] {
				for _, points := range []int{10, 600, 10_000} {
					_, err := db.Series(ctx, telemetry.SeriesQuery{Device: id, Measurement: measurement, Start: span[0], Stop: span[1], Points: points})
					must(err)
				}
				_, err := db.Series(ctx, telemetry.SeriesQuery{Device: id, Measurement: measurement, Fields: []string{"Temperature", "CO2", "v"}, Start: span[0], Stop: span[1], Points: 300})
				must(err)
				_, err = db.Stats(ctx, id, measurement, span[0], span[1])
				must(err)
				_, _, err = db.Last(ctx, id, measurement, span[0])
				must(err)
				_, err = db.LastEntry(ctx, id, measurement, span[0])
				must(err)
			}
			_, err := db.Track(ctx, id, "", span[0], span[1], 200)
			must(err)
		}
		_, err := db.SeenSince(ctx, span[0], 3)
		must(err)
		_, err = db.HourlyCounts(ctx, ids, span[1])
		must(err)
		if span[1].Sub(span[0]) < 80*time.Hour {
			_, err = db.MinuteCounts(ctx, span[0], span[1])
			must(err)
		}
	}
	for _, id := range ids {
		_, err := db.Measurements(ctx, id)
		must(err)
	}
	driveHelium(t, db)
	_, err := db.LastEntries(ctx, ids)
	must(err)
	_, err = db.EverSeen(ctx, 100)
	must(err)
	must(db.SaveRun(ctx, emulator.Run{Device: "dev1", Started: spring, Took: time.Second, Written: 7, Result: "ok", Message: `a "b" \c`, By: "x"}))
	_, err = db.Runs(ctx, "dev1", 5)
	must(err)
	must(db.PutRecord(ctx, devices.Record{ID: "dev1", Stamp: spring, CreatedAt: spring, Key: "k", Sealed: `s"\`, TokenHash: "h"}))
	_, err = db.Record(ctx, "dev1")
	must(err)
	must(db.RecordsSince(ctx, time.Time{}, func(devices.Record) error { return nil }))
	must(db.RecordsSince(ctx, spring, func(devices.Record) error { return nil }))
	must(db.PutEntries(ctx, []ledger.Entry{{Kind: "k", ID: `a "b" \c`, Stamp: spring, Body: []byte(`{"a":"\n"}`)}, {Kind: "k", ID: "x", Until: time.Now().Add(time.Hour)}}))
	must(db.EntriesSince(ctx, time.Time{}, func(ledger.Entry) error { return nil }))
	must(db.EntriesSince(ctx, time.Now().Add(-time.Minute), func(ledger.Entry) error { return nil }))
	must(db.PutEvents(ctx, []people.Event{{At: spring, Actor: "a\rb", Action: "x"}, {At: spring, Actor: "it's", Target: `\`}}))
	for _, f := range []people.EventFilter{{}, {Actor: "a\rb"}, {Actor: "it's", Target: `\`}, {From: spring, To: spring.Add(2), Action: "x", Limit: 1}} {
		must(db.Events(ctx, f, func(people.Event) error { return nil }))
	}
	must(db.PutUses(ctx, "key", map[string]time.Time{"k1": spring, `k"2\`: autumn}))
	_, err = db.Uses(ctx, "key")
	must(err)
	must(db.PutApplicants(ctx, map[int]devices.Applicant{0: {ID: "dev1", Address: "192.0.2.7", First: spring, Last: autumn, Count: 3}, 999: {ID: "dev2"}}))
	_, err = db.Applicants(ctx)
	must(err)
	_, err = db.Export(ctx, io.Discard, influx.ExportOptions{Bucket: "iot_center", Start: spring.Add(-time.Hour), Stop: spring.Add(6 * time.Hour)})
	must(err)
}

// driveHelium asks for time series where there are none: conformance.Helium asks where there are.
func driveHelium(t *testing.T, db *influx.DB) {
	ctx, s := t.Context(), helium.Selection{Owner: "dev1"}
	_, err := db.HeliumPoints(ctx, s, 0, 10)
	_, _, _, newer := db.HeliumNewer(ctx, s, spring.UnixNano(), 3)
	_, _, taken := db.HeliumTaken(ctx, "dev1", 0, spring.UnixNano())
	_, buckets := db.HeliumBuckets(ctx, s, time.Hour, time.Time{}, 10)
	_, _, bucket := db.HeliumNewerBucket(ctx, s, time.Hour, helium.Bucket{Start: spring}, 3)
	_, ports := db.HeliumPorts(ctx, "dev1")
	_, all := db.AllHeliumPorts(ctx)
	if err := errors.Join(err, newer, taken, buckets, bucket, ports, all); err != nil {
		t.Error(err)
	}
}

// templates are the functions of package influx that make the text of a query, and what their texts look like.
var templates = map[string]*regexp.Regexp{
	"rawFlux":            regexp.MustCompile(`^from\((?s:.*)\|> keep`),
	"windowsFlux":        regexp.MustCompile(`aggregateWindow`),
	"lastFlux":           regexp.MustCompile(`\|> last\(\)\n$`),
	"rowQuery":           regexp.MustCompile(`^SELECT \*::field FROM [^;]* LIMIT 1 OFFSET \d+`),
	"secondSeriesQuery":  regexp.MustCompile(`; SHOW SERIES FROM [^;]* LIMIT 1 OFFSET 1$`),
	"fieldsQuery":        regexp.MustCompile(`SELECT last\(\*::field\) FROM `),
	"statsQuery":         regexp.MustCompile(`^SELECT min\(.*AS newest`),
	"lastEntryQuery":     regexp.MustCompile(`^SELECT \*::field FROM "[^;]* ORDER BY time DESC LIMIT 1$`),
	"newestQuery":        regexp.MustCompile(`GROUP BY "clientId" ORDER BY time DESC LIMIT 1`),
	"everSeenQuery":      regexp.MustCompile(`^SHOW TAG VALUES`),
	"hourlyQuery":        regexp.MustCompile(`GROUP BY time\(1h\)`),
	"minutesQuery":       regexp.MustCompile(`GROUP BY time\(1m\)`),
	"recordQuery":        regexp.MustCompile(`"token".* FROM "deviceauth" `),
	"recordsAllQuery":    regexp.MustCompile(`FROM "deviceauth"$`),
	"recordsSinceQuery":  regexp.MustCompile(`FROM "deviceauth_log" `),
	"runsQuery":          regexp.MustCompile(`FROM "emulator_run" `),
	"entriesSinceQuery":  regexp.MustCompile(`FROM "ledger" WHERE [^;]*; SELECT .* FROM "ledger_brief" `),
	"eventsQuery":        regexp.MustCompile(`FROM "audit" .* ORDER BY time DESC LIMIT \d+$`),
	"usesQuery":          regexp.MustCompile(`FROM "last_use" `),
	"kindsQuery":         regexp.MustCompile(`^SHOW FIELD KEYS FROM [^;]*$`),
	"presentQuery":       regexp.MustCompile(`^SHOW FIELD KEYS FROM [^;]*; SELECT last\(\*::field\) FROM `),
	"rowsQuery":          regexp.MustCompile(`^SELECT .* AS c0.* ORDER BY time ASC`),
	"bucketsQuery":       regexp.MustCompile(`^SELECT .* AS c0.* GROUP BY time\(\d+ns\) fill\(null\) ORDER BY time ASC`),
	"applicantsQuery":    regexp.MustCompile(`FROM "enrolment_inbox" `),
	"portStatsQuery":     regexp.MustCompile(`^SELECT min\("number"\), max\("number"\), count\("number"\) `),
	"pointsQuery":        regexp.MustCompile(`"created", "port"::tag FROM "helium" .* ORDER BY time DESC LIMIT \d+$`),
	"placesQuery":        regexp.MustCompile(`^SELECT "number", .* LIMIT \d+ OFFSET \d+`),
	"newestPlaceQuery":   regexp.MustCompile(`"json", "port"::tag FROM "helium" .* ORDER BY time DESC LIMIT \d+$`),
	"nextNumberQuery":    regexp.MustCompile(`^SELECT "number" FROM "helium" .* LIMIT 1$`),
	"numberBucketsQuery": regexp.MustCompile(`^SELECT mean\("number"\), `),
	"newestNumbersQuery": regexp.MustCompile(`^SELECT last\("number"\), "at", "created" `),
	"newestNumberQuery":  regexp.MustCompile(`^SELECT last\("number"\), "created" `),
	"portsQuery":         regexp.MustCompile(`^SHOW TAG VALUES FROM "helium" `),
	"allPortsQuery":      regexp.MustCompile(`^SHOW SERIES FROM "helium"$`),
}

// asksNothing are the methods of DB that send no query of their own.
var asksNothing = []string{
	"Buckets", "CreateBucket", "SetRetention", "DeleteData", "Exists", "ForgetEntries", "Import", "Mint", "Revoke", "SetActive", "WriteLines", "WriteOwn",
	"Ready", "Run", "Status", "TryNow", "WaitReady",
}

// TestNothingOfTheAppIsForgotten: a new method of DB, or a new function that makes a query, has to be driven as well.
func TestNothingOfTheAppIsForgotten(t *testing.T) {
	source, err := os.ReadFile("app_test.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := reflect.TypeFor[*influx.DB]()
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		if driven := strings.Contains(string(source), "db."+name+"("); driven == slices.Contains(asksNothing, name) {
			t.Errorf("influx.DB.%s: drive it, or say that it asks nothing", name)
		}
	}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../"+e.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Recv == nil && (strings.HasSuffix(f.Name.Name, "Flux") || strings.HasSuffix(f.Name.Name, "Query")) && givesText(f) {
				found[f.Name.Name] = true
			}
		}
	}
	for name := range found {
		if templates[name] == nil {
			t.Errorf("%s makes a query: say in templates what it looks like", name)
		}
	}
	for name := range templates {
		if !found[name] {
			t.Errorf("package influx has no %s any more", name)
		}
	}
}

// givesText tells whether a function returns one string.
func givesText(f *ast.FuncDecl) bool {
	if f.Type.Results == nil || len(f.Type.Results.List) != 1 {
		return false
	}
	result, ok := f.Type.Results.List[0].Type.(*ast.Ident)
	return ok && result.Name == "string"
}

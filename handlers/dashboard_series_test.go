package handlers

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
)

func TestSeriesJSON(t *testing.T) {
	app := furnished(t)
	times, nan := someTimes(3), math.NaN()
	app.db.set(func(m *memory) {
		m.answer = telemetry.SeriesAnswer{Start: times[0], Stop: testNow, Every: 90 * time.Second, Series: []telemetry.Series{
			{Field: telemetry.Lookup("Temperature"), Times: times, Mean: []float64{1.5, nan, 1e300}, Min: []float64{math.Inf(-1), -0.25, 0}, Max: []float64{math.Inf(1), 2, 3}},
			{Field: telemetry.Lookup(`a"b</script>`)},
		}}
	})
	w := app.do("GET", "/api/devices/dev1/series?measurement=air&fields=a,b&fields=c,,+d+&start=-2h&stop=-1h&points=7", "")
	status(t, w, 200)
	want := `{"device":"dev1","measurement":"air","start":"2024-05-06T07:05:09.123Z","stop":"2024-05-06T07:08:09.123Z","every":"1m30s","raw":false,"series":[
{"field":"Temperature","title":"Temperature","unit":"°C","times":["2024-05-06T07:05:09.123Z","2024-05-06T07:06:09.123Z","2024-05-06T07:07:09.123Z"],"mean":[1.5,null,1e+300],"min":[null,-0.25,0],"max":[null,2,3]},
{"field":"a\"b\u003c/script\u003e","title":"a\"b\u003c/script\u003e","unit":"","times":[],"mean":[],"min":[],"max":[]}]}
`
	if got := w.Body.String(); got != want {
		t.Errorf("%s", got)
	}
	if !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json; charset=utf-8" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v", w.Header())
	}
	q := app.db.asked
	if fmt.Sprint(q.Fields) != "[a b c d]" || q.Measurement != "air" || q.Points != 7 || q.Device != "dev1" || !q.Start.Equal(testNow.Add(-2*time.Hour)) || !q.Stop.Equal(testNow.Add(-time.Hour)) {
		t.Errorf("asked %+v", q)
	}
	app.db.set(func(m *memory) { m.answer.Series = nil })
	w = app.do("GET", "/api/devices/dev1/series", "")
	status(t, w, 200)
	if !strings.Contains(w.Body.String(), `"measurement":"environment"`) || !strings.HasSuffix(w.Body.String(), `"series":[]}`+"\n") {
		t.Errorf("%s", w.Body)
	}
	if q := app.db.asked; q.Points != defaultSeriesPoints || len(q.Fields) != 0 || !q.Start.Equal(testNow.Add(-24*time.Hour)) || !q.Stop.Equal(testNow) {
		t.Errorf("asked %+v", q)
	}
}

func TestSeriesCSV(t *testing.T) {
	app := furnished(t)
	times := someTimes(1)
	one := func(name string, v float64) telemetry.Series {
		return telemetry.Series{Field: telemetry.Lookup(name), Times: times, Mean: []float64{v}, Min: []float64{v}, Max: []float64{v}}
	}
	app.db.set(func(m *memory) {
		m.answer.Series = []telemetry.Series{one("Temperature", -1.5), one(`=HYPERLINK("http://evil")`, 1), one("+1", 2), one("-1", 3), one("@x", 4), one("\tx", 5), one("a,b\nc", math.NaN())}
	})
	w := app.do("GET", "/api/devices/dev1/series?format=csv", "")
	status(t, w, 200)
	if h := w.Header(); h.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || h.Get("Content-Disposition") != `attachment; filename="dev1.csv"` || !strings.Contains(strings.Join(h.Values("Vary"), ","), "Accept") {
		t.Errorf("%v", h)
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	const at = "2024-05-06T07:07:09.123Z"
	for i, want := range []string{
		"time|field|unit|mean|min|max", at + "|Temperature|°C|-1.5|-1.5|-1.5", at + `|'=HYPERLINK("http://evil")||1|1|1`, at + "|'+1||2|2|2",
		at + "|'-1||3|3|3", at + "|'@x||4|4|4", at + "|'\tx||5|5|5", at + "|a,b\nc||||",
	} {
		if got := strings.Join(rows[i], "|"); got != want {
			t.Errorf("row %q, want %q", got, want)
		}
	}
}

func TestSeriesFormat(t *testing.T) {
	for _, row := range []struct{ query, accept, want string }{
		{"", "", "application/json"}, {"", "*/*", "application/json"}, {"", "text/csv", "text/csv"}, {"", "text/html, text/csv;q=0.9", "text/csv"},
		{"", "application/json, text/csv", "application/json"}, {"format=json", "text/csv", "application/json"}, {"format=csv", "application/json", "text/csv"},
	} {
		w := furnished(t).do("GET", "/api/devices/dev1/series?"+row.query, "", "Accept", row.accept)
		status(t, w, 200)
		if got, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";"); got != row.want {
			t.Errorf("%+v: %s", row, got)
		}
	}
}

func TestSeriesRefusesBadParameters(t *testing.T) {
	app := furnished(t)
	long := strings.Repeat("x", longestName+1)
	rows := []struct{ query, field, message string }{
		{"points=0", "points", "points is a number from 1 to 10000."}, {"points=-1", "points", ""}, {"points=10001", "points", ""}, {"points=1e3", "points", ""},
		{"points=99999999999999999999", "points", ""}, {"start=x", "start", "start is a time such as"}, {"stop=x", "stop", ""}, {"start=-1h&stop=-2h", "start", "start lies before stop."},
		{"start=2024-05-07T00:00:00Z", "start", ""}, {"format=xml", "format", "format is csv or json."}, {"measurement=" + long, "measurement", "measurement is too long."},
		{"fields=a," + long, "fields", "fields has a name that is too long."}, {"fields=" + strings.Repeat("a,", mostSeriesFields+1), "fields", "fields has more than 200 names."},
	}
	for _, row := range rows {
		w := app.do("GET", "/api/devices/dev1/series?"+row.query, "", "Accept", "text/csv")
		var got struct{ Code, Message, Field string }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 400 || got.Code != "bad_query" || got.Field != row.field || !strings.Contains(got.Message, row.message) {
			t.Errorf("%.60s: %d %+v %v", row.query, w.Code, got, err)
		}
	}
	for _, good := range []string{"points=1", "points=10000", "fields=", "fields=" + strings.Repeat("a,", mostSeriesFields), "start=-1h&stop=now", "start=2024-05-01T00:00:00%2B02:00", "start=2024-05-01T00:00:00+02:00"} {
		status(t, app.do("GET", "/api/devices/dev1/series?"+good, ""), 200)
	}
	for target, code := range map[string]int{"/api/devices/none/series": 404, "/api/devices/%3Cb%3E/series": 400} {
		w := app.do("GET", target, "")
		status(t, w, code)
		if !strings.Contains(w.Body.String(), `"field":"id"`) {
			t.Errorf("%s: %s", target, w.Body)
		}
	}
}

// A large answer goes out in pieces, and is whole JSON all the same.
func TestSeriesStreamsALargeAnswer(t *testing.T) {
	app := furnished(t)
	times := someTimes(20_000)
	values := make([]float64, len(times))
	for i := range values {
		if values[i] = float64(i) / 7; i%10 == 0 {
			values[i] = math.NaN()
		}
	}
	app.db.set(func(m *memory) {
		m.answer.Series = nil
		for i := range 3 {
			m.answer.Series = append(m.answer.Series, telemetry.Series{Field: telemetry.Lookup(fmt.Sprintf("f%d", i)), Times: times, Mean: values, Min: values, Max: values})
		}
	})
	w := app.do("GET", "/api/devices/dev1/series?points=10000", "")
	status(t, w, 200)
	var got struct {
		Series []struct {
			Times          []time.Time
			Mean, Min, Max []*float64
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Series) != 3 {
		t.Fatalf("%d series, %v", len(got.Series), err)
	}
	for _, s := range got.Series {
		if len(s.Times) != len(times) || len(s.Mean) != len(times) || s.Mean[0] != nil || *s.Mean[15] != 15.0/7 || len(s.Min) != len(times) || len(s.Max) != len(times) {
			t.Errorf("%d times, %d means", len(s.Times), len(s.Mean))
		}
	}
	if w.Header().Get("Content-Length") != "" {
		t.Error("the answer was held back until it was whole")
	}
	rows, err := csv.NewReader(app.do("GET", "/api/devices/dev1/series?format=csv", "").Body).ReadAll()
	if err != nil || len(rows) != 3*len(times)+1 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

// What passes the parser keeps the bounds, whatever was asked.
func FuzzSeriesQuery(f *testing.F) {
	for _, seed := range []string{"", "points=10&start=-1h", "fields=a,b&fields=c&format=csv", "start=2024-01-01T00:00:00Z&stop=now", "start=-1d2h&stop=-1m", "%zz;", "fields=%00,%ff", "points=-0"} {
		f.Add(seed, "text/csv;q=1")
	}
	f.Fuzz(func(t *testing.T, query, accept string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		r.Header.Set("Accept", accept)
		_, _ = wantsCSV(r)
		q, err := seriesQuery(r, testNow)
		if err != nil {
			return
		}
		if !q.Start.Before(q.Stop) || q.Points < 1 || q.Points > mostSeriesPoints || len(q.Fields) > mostSeriesFields || len(q.Measurement) > longestName {
			t.Errorf("%q: %+v", query, q)
		}
		for _, name := range q.Fields {
			if name == "" || len(name) > longestName || strings.Contains(name, ",") {
				t.Errorf("%q: field %q", query, name)
			}
		}
	})
}

// A dashboard always has a span to show, and a width.
func FuzzDashboardSpan(f *testing.F) {
	for _, seed := range []string{"", "range=7d", "range=x", "from=2024-05-01T00:00&to=2024-05-02T00:00:01.5", "from=-1h", "to=now", "from=9999-12-31T23:59&to=x", "points=99"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		span, _ := dashboardSpan(r, testNow)
		if !span.From.Before(span.To) || span.Refresh() <= 0 {
			t.Errorf("%q: %+v", query, span)
		}
		if _, err := url.ParseQuery(span.Query()); err != nil {
			t.Errorf("%q: %v", query, err)
		}
		if n := plotPixels(r); n < fewestPixels || n > mostPixels {
			t.Errorf("%q: %d pixels", query, n)
		}
		_ = typedTime(r, "from")
	})
}

// Cookies are what a stranger sends: reading them never fails.
func FuzzCookies(f *testing.F) {
	f.Add("theme=dark&help=home.devices", "MTcx")
	f.Add("%zz", "")
	f.Fuzz(func(t *testing.T, view, session string) {
		s := &Server{Options: Options{SessionKey: []byte(strings.Repeat("s", 32))}}
		s.Clock = func() time.Time { return testNow }
		s.cookies = &cookieKeys{secret: s.SessionKey}
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", preferencesName+"="+view+"; "+sessionName+"="+session)
		if p := s.preferences(r); len(p.Help) > maxHelpTopics || p.Theme != "" && p.Theme != "light" && p.Theme != "dark" {
			t.Errorf("%q: %+v", view, p)
		}
		if got := s.takeFlashes(httptest.NewRecorder(), r); len(got) > 0 {
			t.Errorf("%q made the message %+v", session, got)
		}
		if token := s.sessionToken(httptest.NewRecorder(), r); token != "" {
			t.Errorf("%q made the session %q", session, token)
		}
	})
}

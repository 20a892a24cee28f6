package differential

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"iotcenter/influx"
	"iotcenter/influx/influxtest"
)

// side is one of the two databases.
type side struct {
	influx.Config
	http *http.Client
}

// pair is an embedded database and a place in a real one, both with the app's two buckets and nothing else.
type pair struct {
	ours, theirs side
	app          *influxtest.Instance // on ours
}

// newPair skips the test where there is no real database. change may put something between the app and ours.
func newPair(t *testing.T, change ...func(*pair, *influx.Config)) *pair {
	t.Helper()
	if !influxtest.External() {
		t.Skip("TEST_INFLUX_URL names no InfluxDB to compare with; `make test-influx2` does")
	}
	ours, theirs := influxtest.PlaceEmbedded(t), influxtest.PlaceElsewhere(t)
	ours.URL = "http://influxdb.embedded"
	p := &pair{ours: side{ours, ours.HTTPClient}, theirs: side{theirs, http.DefaultClient}}
	influxtest.Connect(t, theirs)
	for _, fn := range change {
		fn(p, &ours)
	}
	p.app = influxtest.Connect(t, ours)
	return p
}

// request is the same request to both databases. {org}, {bucket} and the like in its path and body were replaced by the
// caller, or are the same on both sides.
type request struct {
	method, path string
	query        url.Values
	body         []byte
	header       http.Header
	token        string // "" is the all-access token
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

func (s side) do(t *testing.T, r request) reply {
	t.Helper()
	address := s.URL + "/" + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(t.Context(), r.method, address, bytes.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	if r.token == "" {
		r.token = s.Token
	}
	if r.token != "none" {
		req.Header.Set("Authorization", "Token "+r.token)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", r.method, r.path, err)
	}
	return reply{resp.StatusCode, resp.Header, body}
}

// write puts lines into the data bucket of both.
func (p *pair) write(t *testing.T, lines []byte) {
	t.Helper()
	for _, s := range []side{p.ours, p.theirs} {
		r := s.do(t, request{method: "POST", path: "api/v2/write", query: url.Values{"org": {s.Org}, "bucket": {s.Bucket}}, body: lines})
		if r.status != http.StatusNoContent {
			t.Fatalf("write to %s: %d %s", s.URL, r.status, r.body)
		}
	}
}

// influxql asks one side and reads the answer.
func (s side) influxql(t *testing.T, form url.Values) qlAnswer {
	t.Helper()
	r := s.do(t, request{method: "POST", path: "query", body: []byte(form.Encode()),
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}}})
	return readInfluxQL(t, r)
}

// flux asks one side and reads the answer.
func (s side) flux(t *testing.T, script string) fluxAnswer {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": script, "dialect": map[string]any{"annotations": []string{"datatype", "group", "default"}, "header": true}})
	if err != nil {
		t.Fatal(err)
	}
	r := s.do(t, request{method: "POST", path: "api/v2/query", query: url.Values{"org": {s.Org}}, body: body, header: http.Header{"Content-Type": {"application/json"}}})
	return readFlux(t, r)
}

// judge compares what was found with what is known: a new difference and a known one that is gone both fail.
func judge(t *testing.T, known map[string]string, name, difference string) {
	t.Helper()
	_, listed := known[name]
	switch {
	case difference != "" && !listed:
		t.Error(difference)
	case difference == "" && listed:
		t.Error("the databases agree: take it from the known differences, here and in docs/conformance.md")
	}
}

// TestKnownDifferencesAreWrittenDown holds the lists and docs/conformance.md together.
func TestKnownDifferencesAreWrittenDown(t *testing.T) {
	text, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	for heading, known := range map[string]map[string]string{
		"## Answers": knownAnswers, "## Refusals": knownRefusals,
	} {
		_, section, found := strings.Cut(string(text), heading+"\n")
		if !found {
			t.Fatalf("docs/conformance.md has no section %q", heading)
		}
		section, _, _ = strings.Cut(section, "\n## ")
		written := map[string]bool{}
		for line := range strings.Lines(section) {
			// A | within a cell is written \|, and becomes one again.
			if cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|"); len(cells) > 2 && !strings.HasPrefix(cells[1], "--") {
				for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
					written[strings.ReplaceAll(m[1], "\x00", "|")] = true
				}
			}
		}
		for name := range known {
			if !written[name] {
				t.Errorf("%s: docs/conformance.md does not name %q", heading, name)
			}
		}
		for name := range written {
			if _, ok := known[name]; !ok {
				t.Errorf("%s: docs/conformance.md names %q, which is no known difference", heading, name)
			}
		}
	}
}

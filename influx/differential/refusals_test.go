package differential

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"iotcenter/influx/influxtest"
)

// place is what requests name, which has other ids and tokens on each side.
type place struct {
	side
	first                   string // the token that came with the place: Flux asks for it
	orgID, bucketID, userID string
	readToken, writeToken   string // of the data bucket
	inactive                string // a token that was switched off
	inactiveID              string // its authorization
	nothingToken            string // may do nothing with buckets
}

// expand fills {names} in.
func (p place) expand(s string) string {
	return strings.NewReplacer("{org}", p.Org, "{orgID}", p.orgID, "{bucket}", p.Bucket, "{bucketID}", p.bucketID, "{userID}", p.userID,
		"{inactiveID}", p.inactiveID, "{read}", p.readToken, "{write}", p.writeToken, "{inactive}", p.inactive, "{nothing}", p.nothingToken).Replace(s)
}

func (s side) decode(t *testing.T, r request, want int, into any) {
	t.Helper()
	got := s.do(t, r)
	if got.status != want {
		t.Fatalf("%s %s: %d %s", r.method, r.path, got.status, got.body)
	}
	if err := json.Unmarshal(got.body, into); err != nil {
		t.Fatal(err)
	}
}

// prepare makes tokens of each kind.
func (s side) prepare(t *testing.T) place {
	t.Helper()
	p := place{side: s, first: s.Token}
	var orgs struct{ Orgs []struct{ ID string } }
	s.decode(t, request{method: "GET", path: "api/v2/orgs", query: url.Values{"org": {s.Org}}}, 200, &orgs)
	p.orgID = orgs.Orgs[0].ID
	var buckets struct{ Buckets []struct{ ID string } }
	s.decode(t, request{method: "GET", path: "api/v2/buckets", query: url.Values{"org": {s.Org}, "name": {s.Bucket}}}, 200, &buckets)
	p.bucketID = buckets.Buckets[0].ID
	var me struct{ ID string }
	s.decode(t, request{method: "GET", path: "api/v2/me"}, 200, &me)
	p.userID = me.ID
	if s.Embedded { // the other side's token is no operator's either
		body, err := json.Marshal(map[string]any{"orgID": p.orgID, "permissions": influxtest.AllAccess(p.orgID, p.userID)})
		if err != nil {
			t.Fatal(err)
		}
		var made struct{ Token string }
		s.decode(t, request{method: "POST", path: auths, body: body}, 201, &made)
		p.Token = made.Token
	}
	mint := func(action, kind, id string) (token, authID string) {
		var made struct{ ID, Token string }
		resource := map[string]string{"type": kind, "orgID": p.orgID}
		if id != "" {
			resource["id"] = id
		}
		body, err := json.Marshal(map[string]any{"orgID": p.orgID, "permissions": []any{map[string]any{"action": action, "resource": resource}}})
		if err != nil {
			t.Fatal(err)
		}
		s.decode(t, request{method: "POST", path: "api/v2/authorizations", body: body}, 201, &made)
		return made.Token, made.ID
	}
	p.readToken, _ = mint("read", "buckets", p.bucketID)
	p.writeToken, _ = mint("write", "buckets", p.bucketID)
	p.nothingToken, _ = mint("read", "authorizations", "")
	p.inactive, p.inactiveID = mint("write", "buckets", p.bucketID)
	var changed struct{ Status string }
	s.decode(t, request{method: "PATCH", path: "api/v2/authorizations/" + p.inactiveID, body: []byte(`{"status":"inactive"}`)}, 200, &changed)
	short := fmt.Sprintf(`{"orgID":%q,"name":"short","retentionRules":[{"type":"expire","everySeconds":3600}]}`, p.orgID)
	var made struct{ ID string }
	s.decode(t, request{method: "POST", path: "api/v2/buckets", body: []byte(short)}, 201, &made)
	return p
}

// refusal is a request that is wrong in one way.
type refusal struct {
	name         string
	method, path string
	body         string
	token        string // {write}, none, …; "" is the all-access token
	header       []string
}

const (
	writePath  = "api/v2/write?org={org}&bucket={bucket}"
	queryPath  = "api/v2/query?org={org}"
	deletePath = "api/v2/delete?org={org}&bucket={bucket}"
	noID       = "0123456789abcdef"
	auths      = "api/v2/authorizations"
)

func refusals() []refusal {
	old := time.Now().Add(-48 * time.Hour).UnixNano()
	shortPath := "api/v2/write?org={org}&bucket=short"
	everything := `{"start":"1970-01-01T00:00:00Z","stop":"2100-01-01T00:00:00Z"`
	flux := func(script string) string {
		text, _ := json.Marshal(map[string]string{"query": script}) // of a map of strings: no error
		return string(text)
	}
	select1 := flux(`from(bucket: "iot_center") |> range(start: 0) |> limit(n: 1)`)
	return []refusal{
		{name: "write: no line protocol", method: "POST", path: writePath, body: "this is none"},
		{name: "write: a bad line after good ones", method: "POST", path: writePath, body: "m v=1 1\nm v=2 2\nm v="},
		{name: "write: a bad line before good ones", method: "POST", path: writePath, body: "m\nm v=1 1"},
		{name: "write: no field", method: "POST", path: writePath, body: "m,a=b 1"},
		{name: "write: bad time", method: "POST", path: writePath, body: "m v=1 abc"},
		{name: "write: time out of range", method: "POST", path: writePath, body: "m v=1 99999999999999999999"},
		{name: "write: integer out of range", method: "POST", path: writePath, body: "m v=9223372036854775808i"},
		{name: "write: bad boolean", method: "POST", path: writePath, body: "m v=maybe"},
		{name: "write: open quote", method: "POST", path: writePath, body: `m v="open`},
		{name: "write: a tag twice", method: "POST", path: writePath, body: "m,a=b,a=c v=1 1"},
		{name: "write: a field called time", method: "POST", path: writePath, body: "m time=1 1"},
		{name: "write: a tag called time", method: "POST", path: writePath, body: "m,time=1 v=1 1"},
		{name: "write: NaN", method: "POST", path: writePath, body: "m v=NaN"},
		{name: "write: another type than stored", method: "POST", path: writePath, body: `typed v="text" 2`},
		{name: "write: another type after good lines", method: "POST", path: writePath, body: "good v=1 1\ntyped v=true 3"},
		{name: "write: two types in one batch", method: "POST", path: writePath, body: "fresh v=1 1\nfresh v=\"text\" 2"},
		{name: "write: beyond retention", method: "POST", path: shortPath, body: fmt.Sprintf("m v=1 %d", old)},
		{name: "write: beyond retention and good", method: "POST", path: shortPath, body: fmt.Sprintf("m v=1 %d\nm v=2", old)},
		{name: "write: unknown bucket", method: "POST", path: "api/v2/write?org={org}&bucket=nowhere", body: "m v=1"},
		{name: "write: unknown bucket id", method: "POST", path: "api/v2/write?org={org}&bucket=" + noID, body: "m v=1"},
		{name: "write: no bucket", method: "POST", path: "api/v2/write?org={org}", body: "m v=1"},
		{name: "write: unknown organisation", method: "POST", path: "api/v2/write?org=nowhere&bucket={bucket}", body: "m v=1"},
		{name: "write: no organisation", method: "POST", path: "api/v2/write?bucket={bucket}", body: "m v=1"},
		{name: "write: no token", method: "POST", path: writePath, body: "m v=1", token: "none"},
		{name: "write: wrong token", method: "POST", path: writePath, body: "m v=1", token: "wrong"},
		{name: "write: inactive token", method: "POST", path: writePath, body: "m v=1", token: "{inactive}"},
		{name: "write: read token", method: "POST", path: writePath, body: "m v=1", token: "{read}"},
		{name: "write: token of another bucket", method: "POST", path: shortPath, body: "m v=1", token: "{write}"},
		{name: "write: token without buckets", method: "POST", path: writePath, body: "m v=1", token: "{nothing}"},
		{name: "write: another scheme", method: "POST", path: writePath, body: "m v=1", token: "none", header: []string{"Authorization", "Basic eDp5"}},
		{name: "write: bad gzip", method: "POST", path: writePath, body: "m v=1", header: []string{"Content-Encoding", "gzip"}},
		{name: "write: cut gzip", method: "POST", path: writePath, body: cutGzip("m v=1\nm v=2"), header: []string{"Content-Encoding", "gzip"}},
		{name: "write: unknown encoding", method: "POST", path: writePath, body: "m v=1", header: []string{"Content-Encoding", "br"}},
		{name: "write: bad precision", method: "POST", path: writePath + "&precision=year", body: "m v=1"},
		{name: "write: empty body", method: "POST", path: writePath},
		{name: "write: only a comment", method: "POST", path: writePath, body: "# nothing\n\n"},
		{name: "write: GET", method: "GET", path: writePath},
		{name: "write: DELETE", method: "DELETE", path: writePath},
		{name: "query: broken Flux", method: "POST", path: queryPath, body: flux(`from(bucket: "iot_center" |> range(`)},
		{name: "query: unknown function", method: "POST", path: queryPath, body: flux(`nothing()`)},
		{name: "query: unknown identifier", method: "POST", path: queryPath, body: flux(`from(bucket: b) |> range(start: 0)`)},
		{name: "query: unbounded", method: "POST", path: queryPath, body: flux(`from(bucket: "iot_center")`)},
		{name: "query: unknown bucket", method: "POST", path: queryPath, body: flux(`from(bucket: "nowhere") |> range(start: 0)`)},
		{name: "query: empty range", method: "POST", path: queryPath, body: flux(`from(bucket: "iot_center") |> range(start: 10, stop: 10)`)},
		{name: "query: fails while it runs", method: "POST", path: queryPath, body: flux(`from(bucket: "iot_center") |> range(start: 0) |> filter(fn: (r) => r._measurement == "typed") |> pivot(rowKey: ["none"], columnKey: ["_field"], valueColumn: "_value")`)},
		{name: "query: empty script", method: "POST", path: queryPath, body: `{"query":""}`},
		{name: "query: unknown type", method: "POST", path: queryPath, body: `{"query":"x","type":"sql"}`},
		{name: "query: bad dialect", method: "POST", path: queryPath, body: `{"query":"x","dialect":{"delimiter":"long"}}`},
		{name: "query: bad JSON", method: "POST", path: queryPath, body: `{"query":`},
		{name: "query: empty body", method: "POST", path: queryPath},
		{name: "query: unknown organisation", method: "POST", path: "api/v2/query?org=nowhere", body: select1},
		{name: "query: no organisation", method: "POST", path: "api/v2/query", body: select1},
		{name: "query: no token", method: "POST", path: queryPath, body: select1, token: "none"},
		{name: "query: wrong token", method: "POST", path: queryPath, body: select1, token: "wrong"},
		{name: "query: inactive token", method: "POST", path: queryPath, body: select1, token: "{inactive}"},
		{name: "query: write token", method: "POST", path: queryPath, body: select1, token: "{write}"},
		{name: "query: GET", method: "GET", path: queryPath},
		{name: "influxql: no q", method: "GET", path: "query?db={bucket}"},
		{name: "influxql: bad syntax", method: "GET", path: "query?db={bucket}&q=SELEKT"},
		{name: "influxql: no database", method: "GET", path: "query?q=SHOW%20MEASUREMENTS"},
		{name: "influxql: unknown database", method: "GET", path: "query?db=nowhere&q=SHOW%20MEASUREMENTS"},
		{name: "influxql: no token", method: "GET", path: "query?db={bucket}&q=SHOW%20MEASUREMENTS", token: "none"},
		{name: "influxql: wrong token", method: "GET", path: "query?db={bucket}&q=SHOW%20MEASUREMENTS", token: "wrong"},
		{name: "influxql: inactive token", method: "GET", path: "query?db={bucket}&q=SHOW%20MEASUREMENTS", token: "{inactive}"},
		{name: "influxql: write token", method: "GET", path: "query?db={bucket}&q=SHOW%20MEASUREMENTS", token: "{write}"},
		{name: "influxql: bad parameters", method: "GET", path: "query?db={bucket}&q=SHOW%20MEASUREMENTS&params=x"},
		{name: "delete: bad predicate", method: "POST", path: deletePath, body: everything + `,"predicate":"a=1 or b=2"}`},
		{name: "delete: half a predicate", method: "POST", path: deletePath, body: everything + `,"predicate":"a="}`},
		{name: "delete: a predicate on time", method: "POST", path: deletePath, body: everything + `,"predicate":"_time=1"}`},
		{name: "delete: a comparison", method: "POST", path: deletePath, body: everything + `,"predicate":"a>1"}`},
		{name: "delete: no start", method: "POST", path: deletePath, body: `{"stop":"2100-01-01T00:00:00Z"}`},
		{name: "delete: bad time", method: "POST", path: deletePath, body: `{"start":"yesterday","stop":"2100-01-01T00:00:00Z"}`},
		{name: "delete: backwards", method: "POST", path: deletePath, body: `{"start":"2100-01-01T00:00:00Z","stop":"2000-01-01T00:00:00Z"}`},
		{name: "delete: bad JSON", method: "POST", path: deletePath, body: `{`},
		{name: "delete: empty body", method: "POST", path: deletePath},
		{name: "delete: unknown bucket", method: "POST", path: "api/v2/delete?org={org}&bucket=nowhere", body: everything + "}"},
		{name: "delete: unknown organisation", method: "POST", path: "api/v2/delete?org=nowhere&bucket={bucket}", body: everything + "}"},
		{name: "delete: no bucket", method: "POST", path: "api/v2/delete?org={org}", body: everything + "}"},
		{name: "delete: read token", method: "POST", path: deletePath, body: everything + "}", token: "{read}"},
		{name: "delete: no token", method: "POST", path: deletePath, body: everything + "}", token: "none"},
		{name: "bucket: unknown id", method: "GET", path: "api/v2/buckets/" + noID},
		{name: "bucket: no id", method: "GET", path: "api/v2/buckets/xyz"},
		{name: "bucket: unknown name", method: "GET", path: "api/v2/buckets?org={org}&name=nowhere"},
		{name: "bucket: delete unknown", method: "DELETE", path: "api/v2/buckets/" + noID},
		{name: "bucket: change unknown", method: "PATCH", path: "api/v2/buckets/" + noID, body: `{"name":"x"}`},
		{name: "bucket: name taken", method: "POST", path: "api/v2/buckets", body: `{"orgID":"{orgID}","name":"{bucket}"}`},
		{name: "bucket: rename to a taken name", method: "PATCH", path: "api/v2/buckets/{bucketID}", body: `{"name":"short"}`},
		{name: "bucket: no name", method: "POST", path: "api/v2/buckets", body: `{"orgID":"{orgID}"}`},
		{name: "bucket: system name", method: "POST", path: "api/v2/buckets", body: `{"orgID":"{orgID}","name":"_x"}`},
		{name: "bucket: quoted name", method: "POST", path: "api/v2/buckets", body: `{"orgID":"{orgID}","name":"a\"b"}`},
		{name: "bucket: no organisation", method: "POST", path: "api/v2/buckets", body: `{"name":"x"}`},
		{name: "bucket: short retention", method: "POST", path: "api/v2/buckets", body: `{"orgID":"{orgID}","name":"x","retentionRules":[{"type":"expire","everySeconds":60}]}`},
		{name: "bucket: negative retention", method: "POST", path: "api/v2/buckets", body: `{"orgID":"{orgID}","name":"x","retentionRules":[{"type":"expire","everySeconds":-1}]}`},
		{name: "bucket: bad JSON", method: "POST", path: "api/v2/buckets", body: `{`},
		{name: "bucket: bad limit", method: "GET", path: "api/v2/buckets?limit=x"},
		{name: "bucket: limit too large", method: "GET", path: "api/v2/buckets?limit=1000"},
		{name: "bucket: make without permission", method: "POST", path: "api/v2/buckets", body: `{"orgID":"{orgID}","name":"x"}`, token: "{write}"},
		{name: "bucket: delete without permission", method: "DELETE", path: "api/v2/buckets/{bucketID}", token: "{read}"},
		{name: "bucket: PUT", method: "PUT", path: "api/v2/buckets"},
		{name: "organisation: unknown id", method: "GET", path: "api/v2/orgs/" + noID},
		{name: "organisation: no id", method: "GET", path: "api/v2/orgs/xyz"},
		{name: "organisation: unknown name", method: "GET", path: "api/v2/orgs?org=nowhere"},
		{name: "organisation: make without permission", method: "POST", path: "api/v2/orgs", body: `{"name":"x"}`, token: "{write}"},
		{name: "organisation: change without permission", method: "PATCH", path: "api/v2/orgs/{orgID}", body: `{"name":"x"}`, token: "{write}"},
		{name: "organisation: bad JSON", method: "PATCH", path: "api/v2/orgs/{orgID}", body: `{`},
		{name: "authorization: unknown id", method: "GET", path: auths + "/" + noID},
		{name: "authorization: no id", method: "GET", path: auths + "/xyz"},
		{name: "authorization: delete unknown", method: "DELETE", path: auths + "/" + noID},
		{name: "authorization: change unknown", method: "PATCH", path: auths + "/" + noID, body: `{"status":"inactive"}`},
		{name: "authorization: bad status", method: "PATCH", path: auths + "/{inactiveID}", body: `{"status":"asleep"}`},
		{name: "authorization: no permissions", method: "POST", path: auths, body: `{"orgID":"{orgID}","permissions":[]}`},
		{name: "authorization: no organisation", method: "POST", path: auths, body: `{"permissions":[{"action":"read","resource":{"type":"buckets"}}]}`},
		{name: "authorization: unknown action", method: "POST", path: auths, body: `{"orgID":"{orgID}","permissions":[{"action":"burn","resource":{"type":"buckets","orgID":"{orgID}"}}]}`},
		{name: "authorization: unknown type", method: "POST", path: auths, body: `{"orgID":"{orgID}","permissions":[{"action":"read","resource":{"type":"fish","orgID":"{orgID}"}}]}`},
		{name: "authorization: bad id", method: "POST", path: auths, body: `{"orgID":"{orgID}","permissions":[{"action":"read","resource":{"type":"buckets","orgID":"{orgID}","id":"x"}}]}`},
		{name: "authorization: unknown organisation", method: "POST", path: auths, body: `{"orgID":"` + noID + `","permissions":[{"action":"read","resource":{"type":"buckets"}}]}`},
		{name: "authorization: mint without permission", method: "POST", path: auths, body: `{"orgID":"{orgID}","permissions":[{"action":"read","resource":{"type":"buckets","orgID":"{orgID}"}}]}`, token: "{write}"},
		{name: "authorization: bad JSON", method: "POST", path: auths, body: `{`},
		{name: "authorization: of an unknown user", method: "GET", path: auths + "?user=nobody"},
		{name: "user: unknown id", method: "GET", path: "api/v2/users/" + noID, token: ""},
		{name: "user: make without permission", method: "POST", path: "api/v2/users", body: `{"name":"x"}`, token: "{write}"},
		{name: "me: no token", method: "GET", path: "api/v2/me", token: "none"},
		{name: "setup: again", method: "POST", path: "api/v2/setup", body: `{"username":"a","password":"password","org":"b","bucket":"c"}`, token: "none"},
		{name: "path: unknown", method: "GET", path: "api/v2/nothing"},
		{name: "path: unknown, no token", method: "GET", path: "api/v2/nothing", token: "none"},
	}
}

func cutGzip(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // to memory: no error
	_ = w.Close()
	return b.String()[:b.Len()-9]
}

// TestRefusals sends requests that are wrong in one way to both, and compares status, code and headers of the answers.
func TestRefusals(t *testing.T) {
	p := newPair(t)
	ours, theirs := p.ours.prepare(t), p.theirs.prepare(t)
	p.write(t, []byte("typed v=1 1"))
	asked := map[string]bool{}
	for _, r := range refusals() {
		if asked[r.name] {
			t.Errorf("two refusals are called %s", r.name)
		}
		asked[r.name] = true
		t.Run(r.name, func(t *testing.T) {
			a, textA := ours.refuse(t, r)
			b, textB := theirs.refuse(t, r)
			d := ""
			if a != b {
				d = fmt.Sprintf("ours:   %s: %.300s\n  theirs: %s: %.300s", a, textA, b, textB)
			}
			judge(t, knownRefusals, r.name, d)
		})
	}
	for name := range knownRefusals {
		if !asked[name] {
			t.Errorf("a known difference is asked by nobody: %s", name)
		}
	}
}

// refuse gives what is compared of an answer, and its text.
func (p place) refuse(t *testing.T, r refusal) (verdict, text string) {
	t.Helper()
	path, query, _ := strings.Cut(p.expand(r.path), "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	for pair := range slices.Chunk(r.header, 2) {
		header.Set(pair[0], pair[1])
	}
	if strings.HasPrefix(r.body, "{") {
		header.Set("Content-Type", "application/json")
	}
	token := p.expand(r.token)
	if token == "" && path == "api/v2/query" {
		token = p.first
	}
	got := p.do(t, request{method: r.method, path: path, query: values, body: []byte(p.expand(r.body)), token: token, header: header})
	var body struct{ Code string }
	_ = json.Unmarshal(got.body, &body) // no JSON: no code
	media, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	if got.status < 300 {
		media = ""
	}
	return fmt.Sprintf("%d code %q, X-Platform-Error-Code %q, Content-Type %q", got.status, body.Code, got.header.Get("X-Platform-Error-Code"), media), string(got.body)
}

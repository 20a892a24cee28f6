package embedded_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"iotcenter/influx/embedded"
)

type qlResult struct {
	Results []struct {
		StatementID int `json:"statement_id"`
		Series      []struct {
			Name    string
			Columns []string
			Values  [][]any
		}
		Error string
	}
	Error string
}

func ql(t *testing.T, s *embedded.Server, token, db, q string, more ...string) (qlResult, reply) {
	t.Helper()
	v := url.Values{"q": {q}}
	if db != "" {
		v.Set("db", db)
	}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	r := call(t, s, token, "GET", "/query?"+v.Encode(), nil)
	var out qlResult
	if v.Get("chunked") == "" {
		r.decode(t, &out)
	}
	return out, r
}

func TestInfluxQLGuard(t *testing.T) {
	s := fresh(t)
	mine, other := newBucket(t, s, "mine"), newBucket(t, s, "other")
	write(t, s, rootToken, "mine", "m,host=x f=1").want(t, 204)
	write(t, s, rootToken, "other", "m,host=hidden f=4242").want(t, 204)
	token, _ := newToken(t, s, right{"read", mine})

	for _, q := range []string{
		`SELECT * FROM "other".autogen.m`,
		`SELECT * FROM "other"..m`,
		`SELECT * FROM "` + other + `".autogen.m`,
		`SELECT * FROM "` + other + `"..m`,
		`SELECT * FROM other.m`,
		`SELECT * FROM "mine"."other".m`,
		`SELECT * FROM "` + mine + `".autogen.m`,
		`SELECT * FROM m, "other".autogen.m`,
		`SELECT * FROM (SELECT * FROM "other".autogen.m)`,
		`SELECT * FROM m, (SELECT * FROM (SELECT f FROM "` + other + `".autogen.m))`,
		`SELECT * FROM "other".autogen./.*/`,
		`SELECT * INTO copy FROM m`,
		`SELECT * INTO "other".autogen.m FROM m`,
		`SELECT * FROM m; SELECT * INTO copy FROM m`,
		`SELECT * FROM m; SELECT * FROM "other".autogen.m`,
		`EXPLAIN SELECT * FROM "other".autogen.m`,
		`EXPLAIN ANALYZE SELECT * FROM m`,
		`SHOW MEASUREMENTS ON "other"`,
		`SHOW MEASUREMENTS ON "` + other + `"`,
		`SHOW MEASUREMENTS WITH MEASUREMENT = "other".autogen.m`,
		`SHOW TAG VALUES ON "other" WITH KEY = host`,
		`SHOW TAG VALUES FROM "other".autogen.m WITH KEY = host`,
		`SHOW TAG KEYS ON "other"`,
		`SHOW TAG KEYS FROM "other"..m`,
		`SHOW FIELD KEYS ON "other"`,
		`SHOW FIELD KEYS FROM "other".autogen.m`,
		`SHOW SERIES ON "other"`,
		`SHOW SERIES FROM "other".autogen.m`,
		`SHOW SERIES CARDINALITY ON "other"`,
		`SHOW MEASUREMENT CARDINALITY ON "other"`,
		`SHOW TAG KEY CARDINALITY ON "other"`,
		`SHOW TAG VALUES CARDINALITY ON "other" WITH KEY = host`,
		`SHOW FIELD KEY CARDINALITY ON "other"`,
		`SHOW RETENTION POLICIES ON "other"`,
		`SELECT * FROM _series`,
		`SELECT * FROM (SELECT * FROM _series)`,
		`SHOW USERS`, `SHOW SHARDS`, `SHOW STATS`, `SHOW DIAGNOSTICS`, `SHOW QUERIES`, `SHOW SUBSCRIPTIONS`,
		`SHOW CONTINUOUS QUERIES`, `SHOW SHARD GROUPS`, `SHOW GRANTS FOR root`,
		`DROP MEASUREMENT m`, `DROP SERIES FROM m`, `DELETE FROM m`, `DROP DATABASE "mine"`, `DROP SHARD 1`,
		`CREATE DATABASE x`, `CREATE USER x WITH PASSWORD 'y'`, `KILL QUERY 1`, `GRANT ALL TO root`,
		`CREATE CONTINUOUS QUERY q ON mine BEGIN SELECT mean(f) INTO x FROM m GROUP BY time(1m) END`,
		`ALTER RETENTION POLICY autogen ON mine DURATION 1h`,
	} {
		t.Run(q, func(t *testing.T) {
			out, r := ql(t, s, token, "mine", q)
			if r.status != http.StatusForbidden || out.Error == "" {
				t.Errorf("status %d: %s", r.status, r.body)
			}
			if strings.Contains(r.body, "4242") || strings.Contains(r.body, "hidden") {
				t.Fatalf("the answer shows the other bucket: %s", r.body)
			}
		})
	}
	if got := values(t, s, rootToken, `from(bucket: "mine") |> range(start: -1h)`); len(got) != 1 {
		t.Errorf("a query changed the bucket: %v", got)
	}
}

func TestInfluxQLAnswers(t *testing.T) {
	s := fresh(t)
	mine, _ := newBucket(t, s, "mine"), newBucket(t, s, "other")
	write(t, s, rootToken, "mine", "m,host=a f=1 1000000000\nm,host=b f=3 2000000000\nn g=\"x\" 1000000000").want(t, 204)
	token, _ := newToken(t, s, right{"read", mine})

	for q, want := range map[string]string{
		`SELECT f, host FROM "mine"."autogen".m`:                 "[[1000 1 a] [2000 3 b]]",
		`SELECT max(x) FROM (SELECT f AS x FROM "mine"..m)`:      "[[2000 3]]",
		`SELECT f FROM autogen.m WHERE host = 'b'`:               "[[2000 3]]",
		`SHOW SERIES ON mine FROM "mine".autogen.n`:              "[[n]]",
		`SELECT f, host FROM m`:                                  "[[1000 1 a] [2000 3 b]]",
		`SELECT mean(f) FROM m`:                                  "[[0 2]]",
		`SELECT max(x) FROM (SELECT f AS x FROM m)`:              "[[2000 3]]",
		`SELECT last(f) FROM m GROUP BY host`:                    "[[1000 1]] [[2000 3]]",
		`SELECT f FROM /m|n/ WHERE host = 'b'`:                   "[[2000 3]]",
		`SHOW MEASUREMENTS`:                                      "[[m] [n]]",
		`SHOW MEASUREMENTS ON mine WITH MEASUREMENT = m`:         "[[m]]",
		`SHOW TAG KEYS`:                                          "[[host]]",
		`SHOW TAG VALUES FROM m WITH KEY = host`:                 "[[host a] [host b]]",
		`SHOW FIELD KEYS FROM m`:                                 "[[f float]]",
		`SHOW SERIES`:                                            "[[m,host=a] [m,host=b] [n]]",
		`SHOW DATABASES`:                                         "[[mine]]",
		`SHOW RETENTION POLICIES`:                                "[[autogen 0s 168h0m0s 1 true]]",
		`SHOW SERIES EXACT CARDINALITY`:                          "[[2]] [[1]]",
		`SELECT f FROM m WHERE time = 1s; SHOW TAG KEYS ON mine`: "[[1000 1]] [[host]]",
	} {
		t.Run(q, func(t *testing.T) {
			out, r := ql(t, s, token, "mine", q, "epoch", "ms")
			if r.status != 200 {
				t.Fatalf("status %d: %s", r.status, r.body)
			}
			var got []string
			for i, res := range out.Results {
				if res.Error != "" || res.StatementID != i {
					t.Errorf("result %d: id %d, error %q", i, res.StatementID, res.Error)
				}
				for _, series := range res.Series {
					got = append(got, fmt.Sprint(series.Values))
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("got %v, want %s", got, want)
			}
		})
	}

	// A database named by ON needs no parameter; without either there is an error in the result.
	if out, r := ql(t, s, token, "", `SHOW MEASUREMENTS ON mine`); r.status != 200 || len(out.Results[0].Series) != 1 {
		t.Errorf("ON alone: %s", r.body)
	}
	if out, r := ql(t, s, token, "", `SELECT * FROM m`); r.status != 200 || out.Results[0].Error == "" {
		t.Errorf("no database: %s", r.body)
	}
	if _, r := ql(t, s, token, "mine", `SELECT f FROM m`, "rp", "autogen"); r.status != 200 {
		t.Errorf("rp=autogen: %s", r.body)
	}
	if _, r := ql(t, s, token, "mine", `SELECT f FROM m`, "rp", "other"); r.status != 403 {
		t.Errorf("rp of nobody: %s", r.body)
	}
	if out, r := ql(t, s, token, "mine", `SELECT nofunction(f) FROM m`); r.status != 200 || out.Results[0].Error == "" {
		t.Errorf("bad function: %d %s", r.status, r.body)
	}
	if out, r := ql(t, s, token, "mine", `SELEC`); r.status != 400 || !strings.Contains(out.Error, "error parsing query") {
		t.Errorf("syntax: %d %s", r.status, r.body)
	}
	if _, r := ql(t, s, token, "mine", ``); r.status != 400 {
		t.Errorf("no query: %d %s", r.status, r.body)
	}
	if _, r := ql(t, s, token, "mine", `SELECT f FROM m WHERE host = '`+strings.Repeat("x", 70000)+`'`); r.status != 413 {
		t.Errorf("long query: %d", r.status)
	}
	if out, r := ql(t, s, token, "mine", `SELECT f FROM m WHERE f > $least`, "params", `{"least": 2}`); r.status != 200 || len(out.Results[0].Series[0].Values) != 1 {
		t.Errorf("params: %s", r.body)
	}
	if _, r := ql(t, s, token, "mine", `SELECT f FROM m`, "chunked", "true", "chunk_size", "1"); strings.Count(r.body, "\n") != 2 {
		t.Errorf("chunks: %s", r.body)
	}
	if _, r := ql(t, s, token, "mine", `SELECT f FROM m`, "pretty", "true"); !strings.Contains(r.body, "\n    \"results\"") || !strings.Contains(r.body, "1970-01-01T00:00:01Z") {
		t.Errorf("pretty: %s", r.body)
	}
}

func TestInfluxQLCredentials(t *testing.T) {
	s := fresh(t)
	mine := newBucket(t, s, "mine")
	token, _ := newToken(t, s, right{"read", mine})
	form := url.Values{"q": {"SHOW DATABASES"}, "db": {"mine"}}.Encode()
	req := func(change func(*http.Request)) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/query", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		change(r)
		resp, err := s.HTTPClient().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode
	}
	for name, tc := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"token":          {func(r *http.Request) { r.Header.Set("Authorization", "Token "+token) }, 200},
		"bearer":         {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, 200},
		"basic":          {func(r *http.Request) { r.SetBasicAuth("anybody", token) }, 200},
		"u and p":        {func(r *http.Request) { r.URL.RawQuery = url.Values{"u": {"x"}, "p": {token}}.Encode() }, 200},
		"nothing":        {func(*http.Request) {}, 401},
		"wrong password": {func(r *http.Request) { r.SetBasicAuth("anybody", "wrong") }, 401},
	} {
		t.Run(name, func(t *testing.T) {
			if got := req(tc.change); got != tc.status {
				t.Errorf("status %d, want %d", got, tc.status)
			}
		})
	}
	// The other routes take a token in the header only.
	r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/api/v2/me?p="+token, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("anybody", token)
	resp, err := s.HTTPClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 401 {
		t.Errorf("basic authentication at /api/v2/me: %d", resp.StatusCode)
	}
}

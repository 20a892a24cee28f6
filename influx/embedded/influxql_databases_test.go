package embedded_test

import (
	"net/url"
	"strings"
	"testing"

	"iotcenter/influx/embedded"
)

func qlPost(t *testing.T, s *embedded.Server, token, db, q string) (qlResult, reply) {
	t.Helper()
	r := call(t, s, token, "POST", "/query?db="+url.QueryEscape(db), url.Values{"q": {q}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	var out qlResult
	r.decode(t, &out)
	return out, r
}

func TestInfluxQLCreatesAndDropsDatabases(t *testing.T) {
	s := fresh(t)
	for _, tc := range []struct{ q, fails string }{
		{`CREATE DATABASE telegraf`, ""},
		{`CREATE DATABASE telegraf`, ""},
		{`CREATE DATABASE telegraf WITH DURATION INF`, ""},
		{`CREATE DATABASE telegraf WITH DURATION 2d`, "conflicts"},
		{`CREATE DATABASE short WITH DURATION 1m`, "one hour"},
		{`CREATE DATABASE _x`, "underscores"},
		{`CREATE DATABASE x WITH NAME "y"`, `"x/y"`},
		{`CREATE DATABASE kept WITH DURATION 30d REPLICATION 1 SHARD DURATION 1h NAME autogen`, ""},
		{`CREATE DATABASE kept WITH DURATION 30d`, ""},
		{`DROP DATABASE nothing`, ""},
	} {
		out, r := qlPost(t, s, rootToken, "", tc.q)
		if r.status != 200 || len(out.Results) != 1 || (tc.fails == "") != (out.Results[0].Error == "") || !strings.Contains(out.Results[0].Error, tc.fails) {
			t.Errorf("%s: %d %s", tc.q, r.status, r.body)
		}
	}
	call(t, s, rootToken, "POST", "/write?db=kept", "m f=1").want(t, 204)
	if out, r := qlPost(t, s, rootToken, "kept", `SHOW RETENTION POLICIES; SHOW DATABASES; SELECT f FROM m`); r.status != 200 || len(out.Results) != 3 ||
		!strings.Contains(r.body, `["autogen","720h0m0s","24h0m0s",1,true]`) || !strings.Contains(r.body, `[["first"],["telegraf"],["kept"]]`) {
		t.Errorf("%s", r.body)
	}
	if _, r := qlPost(t, s, rootToken, "", `DROP DATABASE kept`); r.status != 200 {
		t.Errorf("drop: %s", r.body)
	}
	call(t, s, rootToken, "GET", "/api/v2/buckets?name=kept", nil).want(t, 404)
	call(t, s, rootToken, "POST", "/write?db=kept", "m f=1").want(t, 404)
	// A new one of the name is empty.
	if out, r := qlPost(t, s, rootToken, "kept", `CREATE DATABASE kept; SELECT f FROM m`); len(out.Results) != 2 || len(out.Results[1].Series) != 0 {
		t.Errorf("after dropping: %s", r.body)
	}
}

func TestInfluxQLRefusesAdministration(t *testing.T) {
	s := fresh(t)
	mine := newBucket(t, s, "mine")
	token, _ := newToken(t, s, right{"read", mine}, right{"write", mine})
	for _, q := range []string{`CREATE DATABASE x`, `DROP DATABASE mine`, `SHOW DATABASES; DROP DATABASE mine`} {
		if _, r := qlPost(t, s, token, "mine", q); r.status != 403 {
			t.Errorf("%s with a narrow token: %d %s", q, r.status, r.body)
		}
		if _, r := ql(t, s, rootToken, "mine", q); r.status != 405 || r.header.Get("Allow") != "POST" {
			t.Errorf("%s with GET: %d %s", q, r.status, r.body)
		}
	}
	for q, instead := range map[string]string{
		`DELETE FROM m`: "/api/v2/delete", `DROP SERIES FROM m`: "/api/v2/delete", `DROP MEASUREMENT m`: "/api/v2/delete",
		`CREATE USER x WITH PASSWORD 'y'`: "tokens", `GRANT ALL TO x`: "tokens", `SHOW USERS`: "tokens",
		`ALTER RETENTION POLICY autogen ON mine DURATION 1h`: "/api/v2/buckets", `SHOW CONTINUOUS QUERIES`: "no continuous queries",
		`KILL QUERY 1`: "only SELECT", `DROP SHARD 1`: "only SELECT",
		`CREATE DATABASE y; DELETE FROM m`: "/api/v2/delete",
	} {
		if out, r := qlPost(t, s, rootToken, "mine", q); r.status != 403 || !strings.Contains(out.Error, instead) {
			t.Errorf("%s: %d %s", q, r.status, r.body)
		}
	}
	if out, _ := ql(t, s, rootToken, "", `SHOW DATABASES`); len(out.Results[0].Series[0].Values) != 2 {
		t.Errorf("something changed: %v", out)
	}
}

// No answer names a bucket's database as the engine does: by the bucket's id.
func TestInfluxQLHidesTheEnginesNames(t *testing.T) {
	s := fresh(t)
	mine := newBucket(t, s, "mine")
	newBucket(t, s, "mine/week")
	write(t, s, rootToken, "mine", "m,host=a f=1 1000000000\nm,host=b f=3 2000000000").want(t, 204)
	for _, q := range []string{
		`SHOW DATABASES`, `SHOW RETENTION POLICIES`, `SHOW MEASUREMENTS`, `SHOW SERIES`, `SHOW FIELD KEYS`, `SHOW TAG KEYS`,
		`SHOW TAG VALUES WITH KEY = host`, `SHOW SERIES CARDINALITY`, `SHOW SERIES EXACT CARDINALITY`, `SHOW MEASUREMENT CARDINALITY`,
		`SHOW MEASUREMENT EXACT CARDINALITY`, `SHOW TAG KEY CARDINALITY`, `SHOW TAG KEY EXACT CARDINALITY`,
		`SHOW TAG VALUES CARDINALITY WITH KEY = host`, `SHOW TAG VALUES EXACT CARDINALITY WITH KEY = host`,
		`SHOW FIELD KEY CARDINALITY`, `SHOW FIELD KEY EXACT CARDINALITY`, `SHOW SERIES ON mine`, `SHOW RETENTION POLICIES ON mine`,
	} {
		out, r := ql(t, s, rootToken, "mine", q)
		if r.status != 200 || out.Results[0].Error != "" || len(out.Results[0].Series) == 0 || len(out.Results[0].Series[0].Values) == 0 {
			t.Errorf("%s: %d %s", q, r.status, r.body)
		}
		if strings.Contains(r.body, mine) {
			t.Errorf("%s shows the id: %s", q, r.body)
		}
	}
	if _, r := ql(t, s, rootToken, "mine", `SHOW RETENTION POLICIES`); !strings.Contains(r.body, `["week",`) {
		t.Errorf("the bucket mine/week is no policy: %s", r.body)
	}
	for _, q := range []string{`SELECT nofunction(f) FROM m`, `SELECT f FROM m WHERE f + 1`, `SHOW TAG VALUES WITH KEY =~ /x/ WHERE f =~ 1`, `SELECT mean(f) FROM m GROUP BY time(1ns)`} {
		if _, r := ql(t, s, rootToken, "mine", q); strings.Contains(r.body, mine) {
			t.Errorf("%s shows the id: %s", q, r.body)
		}
	}
}

package embedded

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxql"
)

// FuzzInfluxQLGuard: whatever passes the guard names no database and no policy
// and writes nothing, seen by another walk (the library's own) over the tree,
// and means the same as before. It never takes long.
func FuzzInfluxQLGuard(f *testing.F) {
	for _, q := range []string{
		`SELECT * FROM m`, `SELECT * FROM "other".autogen.m`, `SELECT * INTO x FROM m`, `SELECT * FROM (SELECT * FROM a..b)`,
		`SHOW MEASUREMENTS ON x WITH MEASUREMENT =~ /m/`, `SHOW TAG VALUES FROM a..b WITH KEY IN (a, b)`, `SHOW SERIES ON "o"`,
		`SELECT mean(x) FROM (SELECT max(y) AS x FROM m, (SELECT z FROM n) GROUP BY time(1m)) WHERE time > now() - 1h; SHOW DATABASES`,
		`EXPLAIN SELECT * FROM a..b`, `DROP DATABASE x`, `SELECT * FROM _series`, `SELECT * FROM /.*/`, `SELECT * FROM a.b./c/`,
		`CREATE DATABASE x WITH DURATION 1d REPLICATION 1 NAME "y"`, `CREATE DATABASE x; SELECT * FROM m`, `SELECT * FROM home.autogen.m`,
		`SELECT f FROM m WHERE a = 1 OR b = 2 AND c = 3 OR (d = 4 OR e = 5) OR g =~ /h/`, `DELETE FROM m`, `DROP SHARD 1`,
		`SELECT ` + strings.Repeat("(", 300) + `f` + strings.Repeat(")", 300) + ` FROM m`,
		`SELECT ` + strings.Repeat("abs(", 200) + `f` + strings.Repeat(")", 200) + ` FROM m`,
		strings.Repeat(`SELECT f FROM (`, 30) + `SELECT f FROM m` + strings.Repeat(")", 30),
		`SELECT f FROM m WHERE f = 1` + strings.Repeat(` OR f = 1`, 300),
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		if len(q) > 4096 {
			return
		}
		begun := time.Now()
		defer func() {
			if took := time.Since(begun); took > 5*time.Second {
				t.Fatalf("took %s", took)
			}
		}()
		parsed, err := parseInfluxQL(url.Values{"q": {q}, "db": {"home"}})
		if err != nil {
			if status := asAPIError(err).status; status != 400 && status != 403 {
				t.Fatalf("error %v", err)
			}
			return
		}
		for _, stmt := range parsed.Statements {
			switch stmt.(type) {
			case *influxql.CreateDatabaseStatement, *influxql.DropDatabaseStatement:
				continue // mayChange decides
			}
			text := stmt.String()
			if !strings.HasPrefix(text, "SELECT") && !strings.HasPrefix(text, "SHOW") {
				t.Fatalf("passed: %s", stmt)
			}
			influxql.WalkFunc(stmt, func(n influxql.Node) {
				switch n := n.(type) {
				case *influxql.Measurement:
					if n.Database != "" || n.RetentionPolicy != "" || n.IsTarget || n.SystemIterator != "" {
						t.Fatalf("passed: %s", stmt)
					}
				case *influxql.SelectStatement:
					if n.Target != nil {
						t.Fatalf("passed: %s", stmt)
					}
				}
			})
			// What passes must read the same when it is parsed again.
			again, err := influxql.ParseStatement(text)
			if err == nil && guardStatement(again, home{}) != nil {
				t.Fatalf("passed, but its own text does not: %s", stmt)
			}
			if err == nil && again.String() != text {
				t.Fatalf("balancing changed %s into %s", again, text)
			}
		}
	})
}

// FuzzPredicate: what is accepted comes back the same when it is written out
// quoted, and never touches what a predicate may not.
func FuzzPredicate(f *testing.F) {
	for _, p := range []string{``, `a=1`, `a="x" AND b='y'`, `(_measurement=m) and (c="\"")`, `a=b=c`, `a = " AND b="`, `é=ü`, `((a=1))`, "a\x00=1"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parsePredicate(text)
		if err != nil {
			if asAPIError(err).status != 400 {
				t.Fatalf("error %v", err)
			}
			return
		}
		var parts []string
		for _, c := range got {
			if c.value == "" || c.key == "" || c.key == "time" || (strings.HasPrefix(c.key, "_") && c.key != "_measurement") {
				t.Fatalf("%q gave %+v", text, c)
			}
			quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
			parts = append(parts, `"`+quote.Replace(c.key)+`"="`+quote.Replace(c.value)+`"`)
		}
		again, err := parsePredicate(strings.Join(parts, " AND "))
		if err != nil || len(again) != len(got) {
			t.Fatalf("%q gave %+v and then %+v, %v", text, got, again, err)
		}
		for i := range got {
			if got[i] != again[i] {
				t.Fatalf("%q gave %+v and then %+v", text, got, again)
			}
		}
		if _, cond, nothing := deleteCondition(got, time.Unix(0, 0), time.Unix(1, 0)); !nothing {
			if _, _, err := influxql.ConditionExpr(cond, nil); err != nil {
				t.Fatalf("%q: the engine would refuse: %v", text, err)
			}
		}
	})
}

// FuzzBadLine: the search for the line to blame ends, and finds one inside the body.
func FuzzBadLine(f *testing.F) {
	for _, b := range []string{"m f=1\nm f=", "m s=\"a\nb\"\nx", "# c\nm", "m,t=\" f=1\nb", "m\\\n f=1\nx", "\r\n\x00m"} {
		f.Add(b)
	}
	enableUint()
	f.Fuzz(func(t *testing.T, body string) {
		now := time.Unix(1, 0)
		_, whole := models.ParsePointsWithPrecision([]byte(body), now, "n")
		if whole == nil {
			return
		}
		e := asAPIError(firstBadLine([]byte(body), now, "n", whole))
		if e.status != 400 || e.line > strings.Count(body, "\n")+1 {
			t.Fatalf("%q: %+v", body, e)
		}
	})
}

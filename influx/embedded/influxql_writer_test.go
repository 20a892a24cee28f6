package embedded_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestInfluxQLNumbersKeepTheirDigits(t *testing.T) {
	s := fresh(t)
	newBucket(t, s, "mine")
	write(t, s, rootToken, "mine", `m,host=a\ b i=9223372036854775807i,u=18446744073709551615u,x=1e-9,big=1e300,s="<\"é",b=true 1`).want(t, 204)
	_, r := ql(t, s, rootToken, "mine", `SELECT i, u, x, big, s, b, host FROM m; SELECT sqrt(0 - x) AS nan, exp(big) AS endless FROM m`, "epoch", "ns")
	want := `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","i","u","x","big","s","b","host"],` +
		`"values":[[1,9223372036854775807,18446744073709551615,1e-9,1e+300,"\u003c\"é",true,"a b"]]}]},` +
		`{"statement_id":1,"series":[{"name":"m","columns":["time","nan","endless"],"values":[[1,null,null]]}]}]}` + "\n"
	if r.body != want {
		t.Errorf("got %s", r.body)
	}
	call(t, s, rootToken, "POST", "/write?db=mine", `n,t=x f=1,g="a,b" 1500000000`).want(t, 204)
	csv := call(t, s, rootToken, "GET", "/query?"+url.Values{
		"db": {"mine"}, "q": {`SELECT i, u, x FROM m; SELECT f FROM n GROUP BY *; SELECT f, g FROM n; SHOW MEASUREMENTS`},
	}.Encode(), nil, "Accept", "application/csv")
	wantCSV := "name,tags,time,i,u,x\nm,,1,9223372036854775807,18446744073709551615,0.000000001\n\n" +
		"name,tags,time,f\nn,t=x,1500000000,1\n\nname,tags,time,f,g\nn,,1500000000,1,\"a,b\"\n\nname,tags,name\nmeasurements,,m\nmeasurements,,n\n"
	if csv.body != wantCSV || csv.header.Get("Content-Type") != "application/csv" {
		t.Errorf("CSV %s\n%s", csv.header.Get("Content-Type"), csv.body)
	}
	bad := call(t, s, rootToken, "GET", "/query?"+url.Values{"db": {"mine"}, "q": {`SELECT f FROM n; SELECT nofunction(f) FROM n`}}.Encode(), nil, "Accept", "text/csv")
	if !strings.HasPrefix(bad.body, "name,tags,time,f\nn,,1500000000,1\n\nerror\n\"undefined function") && !strings.Contains(bad.body, "\n\nerror\nundefined function") {
		t.Errorf("CSV with an error: %s", bad.body)
	}
}

func TestInfluxQLAnswersTheSameInEveryForm(t *testing.T) {
	s := fresh(t)
	newBucket(t, s, "mine")
	var lines strings.Builder
	const points = 25_000 // more than the engine hands over at once
	for i := range points {
		fmt.Fprintf(&lines, "m,host=h%d f=%d %d\n", i%2, i, i+1)
	}
	write(t, s, rootToken, "mine", lines.String()).want(t, 204)
	count := func(doc io.Reader) (rows, docs int) {
		for dec := json.NewDecoder(doc); ; docs++ {
			var out qlResult
			if err := dec.Decode(&out); err == io.EOF {
				return rows, docs
			} else if err != nil {
				t.Fatal(err)
			}
			for _, res := range out.Results {
				for _, series := range res.Series {
					rows += len(series.Values)
				}
			}
		}
	}
	for _, more := range [][]string{{}, {"pretty", "true"}, {"chunked", "true"}, {"chunked", "true", "chunk_size", "5000"}, {"chunked", "true", "chunk_size", "9999999"}} {
		_, r := ql(t, s, rootToken, "mine", `SELECT f FROM m GROUP BY host`, append(more, "epoch", "ns")...)
		rows, docs := count(strings.NewReader(r.body))
		if rows != points || (docs > 1) != (len(more) > 0 && more[0] == "chunked") {
			t.Errorf("%v: %d rows in %d documents", more, rows, docs)
		}
		if docs == 1 && strings.Count(r.body, `"tags"`) != 2 {
			t.Errorf("%v: a series was cut in two", more)
		}
	}
	csv := func(more string) string {
		return call(t, s, rootToken, "GET", "/query?db=mine&q="+url.QueryEscape(`SELECT f FROM m GROUP BY host`)+more, nil, "Accept", "text/csv").body
	}
	if whole := csv(""); strings.Count(whole, "\n") != points+1 || csv("&chunked=true&chunk_size=777") != whole {
		t.Error("chunked CSV differs")
	}

	// Over the network an answer may be packed.
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	for _, chunked := range []string{"false", "true"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/query?db=mine&chunked="+chunked+"&q="+url.QueryEscape(`SELECT f FROM m`), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Token "+rootToken)
		req.Header.Set("Accept-Encoding", "gzip")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bufio.NewReader(resp.Body))
		if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%v %v", err, resp.Header)
		}
		if rows, _ := count(z); rows != points {
			t.Errorf("packed, chunked=%s: %d rows", chunked, rows)
		}
		_ = resp.Body.Close()
	}
}

// What would take the engine minutes is refused, and soon.
func TestInfluxQLBoundsStatements(t *testing.T) {
	s := fresh(t)
	newBucket(t, s, "mine")
	write(t, s, rootToken, "mine", "m,host=a f=1 1").want(t, 204)
	for name, tc := range map[string]struct {
		q      string
		status int
	}{
		"brackets":       {"SELECT " + strings.Repeat("(", 5000) + "f" + strings.Repeat(")", 5000) + " FROM m", 400},
		"fewer brackets": {"SELECT " + strings.Repeat("(", 900) + "f" + strings.Repeat(")", 900) + " FROM m", 400},
		"calls":          {"SELECT " + strings.Repeat("abs(", 900) + "f" + strings.Repeat(")", 900) + " FROM m", 400},
		"subqueries":     {strings.Repeat("SELECT f FROM (", 900) + "SELECT f FROM m" + strings.Repeat(")", 900), 400},
		"20,000 ORs":     {"SELECT f FROM m WHERE f=1" + strings.Repeat(" OR f=1", 20_000), 413},
		"6,000 ORs":      {"SELECT f FROM m WHERE f=1" + strings.Repeat(" OR f=1", 6000), 400},
		"shown ORs":      {"SHOW SERIES WHERE f=1" + strings.Repeat(" OR f=1", 6000), 400},
		"additions":      {"SELECT f" + strings.Repeat("+f", 30_000) + " FROM m", 400},
		"sources":        {"SELECT f FROM m" + strings.Repeat(",m", 20_000), 400},
		"fields":         {"SELECT f" + strings.Repeat(",f", 20_000) + " FROM m", 400},
		"dimensions":     {"SELECT f FROM m GROUP BY a" + strings.Repeat(",a", 20_000), 400},
		"statements":     {strings.Repeat("SHOW DATABASES;", 4000), 400},
		"regex":          {"SELECT f FROM m WHERE host =~ /" + strings.Repeat("h1.*|", 5000) + "x/", 400},
		"windows":        {"SELECT mean(f) FROM m WHERE time > 0 AND time < 1h GROUP BY time(1ns)", 200},
		"200 ORs":        {"SELECT f FROM m WHERE f=2" + strings.Repeat(" OR (host='a' AND f=1)", 99), 200},
	} {
		begun := time.Now()
		out, r := qlPost(t, s, rootToken, "mine", tc.q)
		if r.status != tc.status || (tc.status != 200 && out.Error == "") || len(r.body) > 2000 {
			t.Errorf("%s: %d %.300s", name, r.status, r.body)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

package influx_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"iotcenter/influx/influxtest"
	"iotcenter/telemetry"
)

func TestStatementGivesTheAnswerAsItIs(t *testing.T) {
	i := influxtest.Start(t)
	i.Write(`m,clientId=d,k=a v=1.5,i=9007199254740993i,s="<\"&" 1000000001`, `m,clientId=d,k=b v=2,i=-1i 2000000000`)
	for _, c := range []struct{ text, want string }{
		{`SELECT v, i, s FROM m`, `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","v","i","s"],"values":[["1970-01-01T00:00:01.000000001Z",1.5,9007199254740993,"<\"&"],["1970-01-01T00:00:02Z",2,-1,null]]}]}]}`},
		{`SELECT v FROM m GROUP BY k`, `{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"k":"a"},"columns":["time","v"],"values":[["1970-01-01T00:00:01.000000001Z",1.5]]},{"name":"m","tags":{"k":"b"},"columns":["time","v"],"values":[["1970-01-01T00:00:02Z",2]]}]}]}`},
		{`SELECT nope FROM m`, `{"results":[{"statement_id":0}]}`},
		{`SHOW TAG KEYS FROM m`, `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["tagKey"],"values":[["clientId"],["k"]]}]}]}`},
	} {
		got, cut, err := i.DB.Statement(t.Context(), c.text, 100, time.Minute)
		if text := strings.NewReplacer(`\u003c`, "<", `\u0026`, "&").Replace(string(got)); err != nil || cut || text != c.want {
			t.Errorf("%s: %v, %v\n%s\n%s", c.text, cut, err, got, c.want)
		}
	}
}

func TestStatementIsCutAtARow(t *testing.T) {
	i := influxtest.Start(t)
	var lines []string
	for n := range 12_000 { // more than two chunks
		lines = append(lines, fmt.Sprintf("m,k=%d v=%d %d", n/6000, n, n))
	}
	i.Write(lines...)
	for _, c := range []struct {
		text      string
		rows, got int
		cut       bool
	}{
		{"SELECT v FROM m", 12_000, 12_000, false}, {"SELECT v FROM m", 11_999, 11_999, true}, {"SELECT v FROM m", 1, 1, true},
		{"SELECT v FROM m GROUP BY k", 7000, 7000, true}, {"SELECT v FROM m GROUP BY k", 20_000, 12_000, false}, {"SELECT v FROM m", 0, 0, true},
	} {
		text, cut, err := i.DB.Statement(t.Context(), c.text, c.rows, time.Minute)
		var answer struct {
			Results []struct {
				Series []struct {
					Values  [][]any
					Partial bool
				}
			}
		}
		if err != nil || cut != c.cut || json.Unmarshal(text, &answer) != nil {
			t.Fatalf("%s, %d rows: %v, %v, %.200s", c.text, c.rows, cut, err, text)
		}
		n, partial := 0, false
		for _, s := range answer.Results[0].Series {
			n, partial = n+len(s.Values), s.Partial
		}
		if n != c.got || partial != (c.cut && c.got > 0) {
			t.Errorf("%s, %d rows: %d rows, partial %v", c.text, c.rows, n, partial)
		}
	}
}

func TestAnAnswerToAStatementHasAtMost16MiB(t *testing.T) {
	i := influxtest.Start(t)
	long := strings.Repeat("x", 60<<10)
	for range 3 {
		var b strings.Builder
		for range 100 {
			fmt.Fprintf(&b, "m v=\"%s\" %d\n", long, time.Now().UnixNano())
		}
		i.Write(b.String())
	}
	text, cut, err := i.DB.Statement(t.Context(), "SELECT v FROM m", 1000, time.Minute)
	if err != nil || !cut || len(text) > 16<<20+100 || len(text) < 15<<20 || !json.Valid(text) {
		t.Errorf("%d bytes, %v, %v", len(text), cut, err)
	}
}

func TestFaultsOfAStatementAreNotTheDatabases(t *testing.T) {
	i := influxtest.Start(t)
	i.Write(`m v=1,w="x" 1`)
	for _, text := range []string{"SELECT", "SELECT mean(w) FROM m", "SELECT v + w FROM m", "SELECT nope(v) FROM m", "SELECT v FROM m WHERE ("} {
		_, _, err := i.DB.Statement(t.Context(), text, 10, time.Minute)
		badParameter(t, text, err, "q")
	}
	if _, _, err := i.DB.Statement(t.Context(), "SELECT v FROM m", 10, time.Nanosecond); !errors.Is(err, telemetry.ErrUnavailable) {
		t.Errorf("out of time: %v", err)
	}
}

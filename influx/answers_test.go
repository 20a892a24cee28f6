package influx

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func readQL(r io.Reader) (out []string, err error) {
	err = decodeInfluxQL(r, func(s *qlSeries, row []json.RawMessage) error {
		out = append(out, fmt.Sprintf("%d %s %v %v %s", s.Statement, s.Name, s.Tags, s.Columns, row))
		return nil
	})
	return out, err
}

func TestDecodeInfluxQL(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string
		err      error
		message  string
	}{
		{name: "nothing", in: ``},
		{name: "no series", in: `{"results":[{"statement_id":0},{"statement_id":1,"series":null}]}`},
		{name: "two statements", in: `{"results":[{"statement_id":0,"series":[{"name":"a","tags":{"t":"x"},"columns":["time","v"],"values":[[1,2.5],[2,null]]}]},{"statement_id":1,"series":[{"name":"b","columns":["time"],"values":[[1798661600000000001]]}],"partial":true,"messages":[{"level":"x"}]}],"more":{"a":[1]}}` + "\n",
			want: []string{"0 a map[t:x] [time v] [1 2.5]", "0 a map[t:x] [time v] [2 null]", "1 b map[] [time] [1798661600000000001]"}},
		{name: "chunks", in: `{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time"],"values":[[1]],"partial":true}],"partial":true}]}` + "\n" + `{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time"],"values":[[2]]}]}]}` + "\n",
			want: []string{"0 a map[] [time] [1]", "0 a map[] [time] [2]"}},
		{name: "error of a statement", in: `{"results":[{"statement_id":0,"error":"it failed"}]}`, message: "it failed"},
		{name: "error of the whole", in: `{"error":"it failed"}`, message: "it failed"},
		{name: "error after rows", in: `{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time"],"values":[[1]]}],"error":"cut"}]}`, want: []string{"0 a map[] [time] [1]"}, message: "cut"},
		{name: "cut", in: `{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time"],"values":[[1]`, want: []string{"0 a map[] [time] [1]"}, err: io.ErrUnexpectedEOF},
		{name: "cut in a row", in: `{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time"],"values":[[1`, err: io.ErrUnexpectedEOF},
		{name: "no row", in: `{"results":[{"series":[{"name":"a","columns":["time"],"values":[1]}]}]}`, err: errUnreadable},
		{name: "no JSON", in: `{"results":[{]`, err: errUnreadable},
		{name: "texts with what separates cells", in: `{"results":[{"series":[{"name":"a","columns":["t","v","w"],"values":[[ 1 , "a,\"],[\\" , {"x":[1,2]} ]]}]}]}`,
			want: []string{`0 a map[] [t v w] [1 "a,\"],[\\" {"x":[1,2]}]`}},
		{name: "cut between", in: `{"results":[{"statement_id":0`, err: io.ErrUnexpectedEOF},
		{name: "no object", in: `[1]`, err: errUnreadable},
		{name: "no list", in: `{"results":{}}`, err: errUnreadable},
		{name: "short row", in: `{"results":[{"series":[{"name":"a","columns":["time","v"],"values":[[1]]}]}]}`, err: errUnreadable},
	} {
		got, err := readQL(iotest.OneByteReader(strings.NewReader(c.in)))
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		var answer *Error
		switch {
		case c.message != "":
			if !errors.As(err, &answer) || answer.Message != c.message {
				t.Errorf("%s: error %v, want %q of the database", c.name, err, c.message)
			}
		case !errors.Is(err, c.err):
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
	}
}

func FuzzDecodeInfluxQL(f *testing.F) {
	f.Add(`{"results":[{"statement_id":0,"series":[{"name":"a","columns":["time","v"],"values":[[1,"x"]]}]}]}`)
	f.Add(`{"error":"x"}{"results":null}`)
	f.Fuzz(func(t *testing.T, in string) {
		if err := decodeInfluxQL(strings.NewReader(in), func(s *qlSeries, row []json.RawMessage) error {
			for i := -1; i <= len(row); i++ {
				qlString(row, i)
				qlFloat(row, i)
				qlInt(row, i)
			}
			return nil
		}); err != nil && len(err.Error()) == 0 {
			t.Error("an error without words")
		}
	})
}

func TestCells(t *testing.T) {
	row := []json.RawMessage{[]byte(`"a\"b"`), []byte(`null`), []byte(`true`), []byte(`-1.5e3`), []byte(`1798661600000000001`), []byte(`"12"`)}
	for i, want := range []string{`a"b`, "", "", "", "", "12"} {
		if got := qlString(row, i); got != want {
			t.Errorf("text of cell %d: %q, want %q", i, got, want)
		}
	}
	for i, want := range map[int]float64{3: -1500, 4: 1798661600000000001} {
		if got, ok := qlFloat(row, i); !ok || got != want {
			t.Errorf("number of cell %d: %v, %v", i, got, ok)
		}
	}
	for _, i := range []int{-1, 0, 1, 2, 5, 6} {
		if got, ok := qlFloat(row, i); ok {
			t.Errorf("cell %d is no number, but %v", i, got)
		}
	}
	if got := qlTime(row, 4); !got.Equal(time.Unix(0, 1798661600000000001)) {
		t.Errorf("time: %v", got)
	}
}

const annotated = "#datatype,string,long,dateTime:RFC3339,double,string\r\n#default,mean,,,,\r\n,result,table,_time,_value,_field\r\n" +
	",,0,2026-05-01T00:00:00Z,1.5,\"a,\"\"b\"\r\n,,0,2026-05-01T00:01:00.5Z,,x\r\n\r\n" +
	"#datatype,string,long,dateTime:RFC3339,long,string\r\n#default,_result,,,,\r\n,result,table,_time,_value,_field\r\n,max,1,2026-05-01T00:00:00Z,7,n\r\n"

func readFlux(in string) (out []string, rows int, err error) {
	rows, err = decodeFlux(iotest.OneByteReader(strings.NewReader(in)), func(r *fluxRecord) error {
		v, ok := r.number("_value")
		at, err := r.time("_time")
		if err != nil {
			return err
		}
		out = append(out, fmt.Sprintf("%s %s %s %v %v", r.text("result"), r.text("_field"), at.Format(time.RFC3339Nano), v, ok))
		return nil
	})
	return out, rows, err
}

func TestDecodeFlux(t *testing.T) {
	got, rows, err := readFlux(annotated)
	want := []string{`mean a,"b 2026-05-01T00:00:00Z 1.5 true`, "mean x 2026-05-01T00:01:00.5Z 0 false", "max n 2026-05-01T00:00:00Z 7 true"}
	if d := cmp.Diff(want, got); err != nil || rows != 3 || d != "" {
		t.Errorf("%d rows, %v %s", rows, err, d)
	}
	for name, in := range map[string]string{
		"at the start":     "error,reference\r\nit failed,897\r\n",
		"annotated":        "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,it failed,\r\n",
		"after rows":       annotated + "\r\n#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,it failed,\r\n",
		"bare, after rows": annotated + "\r\nerror,reference\r\nit failed,1\r\n",
	} {
		var answer *Error
		if _, _, err := readFlux(in); !errors.As(err, &answer) || answer.Message != "it failed" {
			t.Errorf("error %s: %v", name, err)
		}
	}
	for name, in := range map[string]string{
		"another number of cells": ",result,table\r\n,a,0,1\r\n",
		"bad time":                "#datatype,string,string,double\r\n,_time,_field,_value\r\n,then,x,1\r\n",
		"bad quotes":              ",result\r\n,a\"b\"\r\n",
	} {
		if _, _, err := readFlux(in); !errors.Is(err, errUnreadable) {
			t.Errorf("%s: %v, want errUnreadable", name, err)
		}
	}
	if _, rows, err := readFlux(""); err != nil || rows != 0 {
		t.Errorf("empty answer: %d rows, %v", rows, err)
	}
}

func FuzzDecodeFlux(f *testing.F) {
	f.Add(annotated)
	f.Add("error,reference\nx,1\n")
	f.Add("#default\n#datatype\n,a\n,b\n")
	f.Fuzz(func(t *testing.T, in string) {
		rows, err := decodeFlux(strings.NewReader(in), func(r *fluxRecord) error {
			r.number("_value")
			_, _ = r.time("_time")
			return nil
		})
		if rows < 0 || err != nil && err.Error() == "" {
			t.Errorf("%d rows, %v", rows, err)
		}
	})
}

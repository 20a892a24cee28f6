package influx

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/influxdata/flux/ast"
	"github.com/influxdata/flux/parser"
	"github.com/influxdata/influxql"
)

var nasty = []string{
	"", "plain", `"`, `\`, `\"`, `\\`, "${1+1}", "$", "$${x}", "a\nb", "a\rb", "a\tb", "\x00", "\x7f", "\x1b[31m", "'", `'; DROP MEASUREMENT x; --`,
	`" or true or r.x == "`, "ü€😀", "\u2028\u202e", "/.+/", "`", "\xff\xfe", "\xed\xa0\x80", "//comment", "/*x*/", `\x41`, `\n`, "\ufffd",
}

// sameText compares texts, of which each invalid byte is one U+FFFD.
func sameText(a, b string) bool { return string([]rune(a)) == string([]rune(b)) }

func FuzzFluxString(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pkg := parser.ParseSource("x = " + fluxString(s) + "\ny = 1\n")
		if ast.Check(pkg) > 0 {
			t.Fatalf("%q: %s does not parse: %v", s, fluxString(s), ast.GetErrors(pkg))
		}
		body := pkg.Files[0].Body
		if len(body) != 2 {
			t.Fatalf("%q became %d statements", s, len(body))
		}
		lit, ok := body[0].(*ast.VariableAssignment).Init.(*ast.StringLiteral)
		if !ok {
			t.Fatalf("%q became %T", s, body[0].(*ast.VariableAssignment).Init)
		}
		if !sameText(lit.Value, s) {
			t.Errorf("%q came back as %q", s, lit.Value)
		}
	})
}

// readable is what InfluxQL can hold of a text.
func readable(s string) string {
	return strings.NewReplacer("\x00", "\ufffd", "\r", "\ufffd").Replace(s)
}

func FuzzInfluxqlString(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		stmt := parseOne(t, "SELECT a FROM b WHERE c = "+influxqlString(s)+" AND d = 'end'")
		and, ok := stmt.Condition.(*influxql.BinaryExpr)
		if !ok || and.Op != influxql.AND {
			t.Fatalf("%q changed the condition: %s", s, stmt.Condition)
		}
		lit, ok := and.LHS.(*influxql.BinaryExpr).RHS.(*influxql.StringLiteral)
		if !ok || !sameText(lit.Val, readable(s)) {
			t.Errorf("%q came back as %v", s, and.LHS)
		}
		if and.RHS.String() != "d = 'end'" {
			t.Errorf("%q changed what follows: %s", s, and.RHS)
		}
	})
}

func FuzzInfluxqlEquals(f *testing.F) {
	for _, s := range append(nasty, "a\r/b", "\r\n", `\x00`+"\x00", "\r$|.*", "\r\\/", "\x00]\\Q") {
		f.Add(s, "x"+s)
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		s, other = validText(s), validText(other)
		stmt := parseOne(t, "SELECT a FROM b WHERE "+influxqlEquals("c", s)+" AND d = 'end'")
		and, ok := stmt.Condition.(*influxql.BinaryExpr)
		if !ok || and.Op != influxql.AND || and.RHS.String() != "d = 'end'" {
			t.Fatalf("%q changed the condition: %s", s, stmt.Condition)
		}
		equals, ok := and.LHS.(*influxql.BinaryExpr)
		if !ok || equals.LHS.String() != "c" {
			t.Fatalf("%q changed the comparison: %s", s, and.LHS)
		}
		switch v := equals.RHS.(type) {
		case *influxql.StringLiteral:
			if equals.Op != influxql.EQ || v.Val != s {
				t.Errorf("%q is compared with %q", s, v.Val)
			}
		case *influxql.RegexLiteral:
			if equals.Op != influxql.EQREGEX || !v.Val.MatchString(s) || v.Val.MatchString(other) != (s == other) {
				t.Errorf("%q and %q are compared by %s", s, other, v.Val)
			}
		default:
			t.Errorf("%q is compared with %T", s, v)
		}
	})
}

func FuzzInfluxqlIdent(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			t.Skip("InfluxQL has no empty name")
		}
		stmt := parseOne(t, "SELECT last("+influxqlIdent(s)+") AS x FROM "+influxqlIdent(s)+" WHERE c = 'end'")
		call, ok := stmt.Fields[0].Expr.(*influxql.Call)
		if !ok || len(stmt.Fields) != 1 || len(stmt.Sources) != 1 {
			t.Fatalf("%q changed the statement: %s", s, stmt)
		}
		ref, ok := call.Args[0].(*influxql.VarRef)
		if !ok || !sameText(ref.Val, readable(s)) {
			t.Errorf("field %q came back as %v", s, call.Args[0])
		}
		m, ok := stmt.Sources[0].(*influxql.Measurement)
		if !ok || !sameText(m.Name, readable(s)) || m.Database != "" || m.RetentionPolicy != "" || m.Regex != nil {
			t.Errorf("measurement %q came back as %v", s, stmt.Sources[0])
		}
	})
}

func FuzzPredicateString(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := predicateString(s)
		inside := strings.NewReplacer(`\\`, "", `\"`, "").Replace(q[1 : len(q)-1])
		if q[0] != '"' || q[len(q)-1] != '"' || strings.ContainsAny(inside, "\"\\\n\x00") && !strings.Contains(inside, `\n`) || !utf8.ValidString(q) {
			t.Errorf("%q became %s", s, q)
		}
	})
}

func parseOne(t *testing.T, text string) *influxql.SelectStatement {
	t.Helper()
	q, err := influxql.ParseQuery(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if len(q.Statements) != 1 {
		t.Fatalf("%s: %d statements", text, len(q.Statements))
	}
	return q.Statements[0].(*influxql.SelectStatement)
}

func TestFluxDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		24 * time.Hour: "24h", 10 * time.Minute: "10m", 90 * time.Second: "90s", 1500 * time.Millisecond: "1500ms", 15 * time.Microsecond: "15us", 7: "7ns",
	} {
		if got := fluxDuration(d); got != want {
			t.Errorf("fluxDuration(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestTimesAreHeldToWhatInfluxDBStores(t *testing.T) {
	for _, at := range []time.Time{{}, time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		got := clamp(at)
		if !time.Unix(0, got.UnixNano()).Equal(got) || got.Year() < 1677 || got.Year() > 2262 {
			t.Errorf("clamp(%v) = %v", at, got)
		}
	}
	if at := time.Date(2026, 5, 1, 2, 3, 4, 5, time.FixedZone("x", 3600)); !clamp(at).Equal(at) {
		t.Errorf("clamp changed %v to %v", at, clamp(at))
	}
}

package influx

import (
	"regexp"
	"testing"

	"github.com/influxdata/influxql"

	"iotcenter/telemetry"
)

func FuzzInfluxqlPattern(f *testing.F) {
	for _, s := range append(nasty, `a\\`, `\Qa\`, `\Q\\\E/`, `[/\\]`, `\/`, `a/b`, `(?i)x`, `^a.c$`, `\x{10FFFF}`, `\pL`, `[^\n]`) {
		f.Add(s, "x"+s)
	}
	f.Fuzz(func(t *testing.T, s, text string) {
		want, err := regexp.Compile(s)
		literal, failed := influxqlPattern(s)
		if (err == nil) != (failed == nil) {
			t.Fatalf("%q: %v, but %v", s, failed, err)
		}
		if err != nil {
			return
		}
		stmt := parseOne(t, "SELECT a FROM b WHERE c =~ "+literal+" AND d = 'end'")
		and, ok := stmt.Condition.(*influxql.BinaryExpr)
		if !ok || and.Op != influxql.AND || and.RHS.String() != "d = 'end'" {
			t.Fatalf("%q changed the condition: %s", s, stmt.Condition)
		}
		got, ok := and.LHS.(*influxql.BinaryExpr).RHS.(*influxql.RegexLiteral)
		if !ok {
			t.Fatalf("%q became %s", s, and.LHS)
		}
		for _, x := range []string{text, s, "", "/", `\`, "a/b", "abc", "\n"} {
			if got.Val.MatchString(x) != want.MatchString(x) {
				t.Errorf("%q became %s, which differs on %q", s, got.Val, x)
			}
		}
	})
}

func FuzzInfluxqlNumber(f *testing.F) {
	for _, s := range []string{"0", "-12", "14.0", "1e3", "-9223372036854775808", "18446744073709551615", "18446744073709551616", "1e400", "NaN", "0x10", "1_0", "5s", "1e-300"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, ok := influxqlNumber(s)
		if !ok {
			return
		}
		stmt := parseOne(t, "SELECT a FROM b WHERE c > "+text+" AND d = 'end'")
		and, ok := stmt.Condition.(*influxql.BinaryExpr)
		if !ok || and.RHS.String() != "d = 'end'" {
			t.Fatalf("%q changed the condition: %s", s, stmt.Condition)
		}
		switch v := and.LHS.(*influxql.BinaryExpr).RHS.(type) {
		case *influxql.IntegerLiteral, *influxql.UnsignedLiteral, *influxql.NumberLiteral:
		default:
			t.Errorf("%q became %T", s, v)
		}
	})
}

func TestConditionsAreWrittenAnew(t *testing.T) {
	compare := func(name, op string, kind telemetry.OperandKind, text string) *telemetry.Condition {
		return &telemetry.Condition{Name: name, Op: op, With: telemetry.Operand{Kind: kind, Text: text}}
	}
	one := compare("a", ">", telemetry.NumberOperand, "1e3")
	for _, c := range []struct {
		in   *telemetry.Condition
		want string
	}{
		{one, `"a" > 1000.0`},
		{compare("a", "=", telemetry.NumberOperand, "9007199254740993"), `"a" = 9007199254740993`},
		{compare("a", "!=", telemetry.TextOperand, `'; DROP MEASUREMENT x --\`), `"a" != '\'; DROP MEASUREMENT x --\\'`},
		{compare(`a" OR 1=1 --`, "<=", telemetry.NameOperand, "b"), `"a\" OR 1=1 --" <= "b"`},
		{compare("a", "=", telemetry.TextOperand, "x\ry"), `"a" =~ /^x\ry$/`},
		{compare("a", "!=", telemetry.TextOperand, "x\x00"), `"a" !~ /^x\x00$/`},
		{compare("a", "=", telemetry.BoolOperand, "true"), `"a" = true`},
		{compare("a", "!~", telemetry.RegexOperand, `a/b\\`), `"a" !~ /a\/b\x5c/`},
		{&telemetry.Condition{Join: "AND", Left: &telemetry.Condition{Join: "OR", Left: one, Right: one}, Right: one}, `(("a" > 1000.0 OR "a" > 1000.0) AND "a" > 1000.0)`},
	} {
		got, err := influxqlCondition(c.in)
		if err != nil || got != c.want {
			t.Errorf("%s, %v, want %s", got, err, c.want)
		}
	}
	for name, c := range map[string]*telemetry.Condition{
		"nothing":                nil,
		"half":                   {Join: "AND", Left: one},
		"another join":           {Join: "XOR", Left: one, Right: one},
		"another operator":       compare("a", "; DROP", telemetry.NumberOperand, "1"),
		"the time":               compare("Time", ">", telemetry.NumberOperand, "1"),
		"the time on the right":  compare("a", ">", telemetry.NameOperand, "time"),
		"no name":                compare("", ">", telemetry.NumberOperand, "1"),
		"no number":              compare("a", ">", telemetry.NumberOperand, "1 OR true"),
		"infinity":               compare("a", ">", telemetry.NumberOperand, "1e999"),
		"no boolean":             compare("a", "=", telemetry.BoolOperand, "true OR 1=1"),
		"no regular expression":  compare("a", "=~", telemetry.RegexOperand, "("),
		"a text matched":         compare("a", "=~", telemetry.TextOperand, "x"),
		"a pattern compared":     compare("a", "=", telemetry.RegexOperand, "x"),
		"ordered by what cannot": compare("a", "<", telemetry.TextOperand, "\r"),
		"another kind":           compare("a", "<", 99, "1"),
	} {
		if got, err := influxqlCondition(c); err == nil {
			t.Errorf("%s: %s, want an error", name, got)
		}
	}
}

package influx_test

import (
	"strconv"
	"strings"
	"testing"

	"iotcenter/influx/influxtest"
	"iotcenter/telemetry"
)

func compare(name, op string, kind telemetry.OperandKind, text string) *telemetry.Condition {
	return &telemetry.Condition{Name: name, Op: op, With: telemetry.Operand{Kind: kind, Text: text}}
}

func joined(left *telemetry.Condition, join string, right *telemetry.Condition) *telemetry.Condition {
	return &telemetry.Condition{Join: join, Left: left, Right: right}
}

func TestWhereComparesFieldsAndTags(t *testing.T) {
	i := influxtest.Start(t)
	i.Write(`m,clientId=d,k=a,z=a n=1,v=1,w="abc",b=true,i=9007199254740993i 1`, `m,clientId=d,k=b n=2,v=2.5,w="x/y\\",b=false,i=9007199254740992i 2`, "m,clientId=d n=3,v=-12,w=\"l1\nl2\",i=5i 3", "m,clientId=e,k=a n=4,v=1 4")
	number, text, name, boolean, pattern := telemetry.NumberOperand, telemetry.TextOperand, telemetry.NameOperand, telemetry.BoolOperand, telemetry.RegexOperand
	for _, c := range []struct {
		name string
		cond *telemetry.Condition
		want string // n of the rows
	}{
		{"= a number", compare("v", "=", number, "1"), "1"},
		{"!= a number", compare("v", "!=", number, "1.0"), "2 3"},
		{"< a number", compare("v", "<", number, "2.5"), "1 3"},
		{"<= a number", compare("v", "<=", number, "2.5"), "1 2 3"},
		{"> a number", compare("v", ">", number, "1"), "2"},
		{">= a number", compare("v", ">=", number, "1"), "1 2"},
		{"a negative number", compare("v", "=", number, "-12"), "3"},
		{"a number with an exponent", compare("v", ">", number, "-1e1"), "1 2"},
		{"a huge number", compare("v", "<", number, "1e300"), "1 2 3"},
		{"a whole number with all digits", compare("i", "=", number, "9007199254740993"), "1"},
		{"whole numbers in order", compare("i", "<", number, "9007199254740993"), "2 3"},
		{"the lowest whole number", compare("i", ">", number, "-9223372036854775808"), "1 2 3"},
		{"= a text", compare("w", "=", text, "abc"), "1"},
		{"!= a text", compare("w", "!=", text, "abc"), "2 3"},
		{"a text with a slash and a backslash", compare("w", "=", text, `x/y\`), "2"},
		{"a text with a line break", compare("w", "=", text, "l1\nl2"), "3"},
		{"=~ a pattern", compare("w", "=~", pattern, `^x/y\\`), "2"},
		{"!~ a pattern", compare("w", "!~", pattern, "^[ax]"), "3"},
		{"a boolean", compare("b", "=", boolean, "true"), "1"},
		{"not a boolean", compare("b", "!=", boolean, "true"), "2"},
		{"two fields", compare("v", "<", name, "n"), "3"},
		{"= of a tag", compare("k", "=", text, "a"), "1"},
		{"!= of a tag, one without it too", compare("k", "!=", text, "a"), "2 3"},
		{"=~ of a tag", compare("k", "=~", pattern, "[ab]"), "1 2"},
		{"!~ of a tag", compare("k", "!~", pattern, "b"), "1 3"},
		{"AND", joined(compare("v", ">", number, "0"), "AND", compare("k", "=", text, "b")), "2"},
		{"OR", joined(compare("v", "<", number, "0"), "OR", compare("k", "=", text, "b")), "2 3"},
		{"brackets on the left", joined(joined(compare("n", "=", number, "1"), "OR", compare("n", "=", number, "2")), "AND", compare("n", "=", number, "2")), "2"},
		{"brackets on the right", joined(compare("n", "=", number, "1"), "OR", joined(compare("n", "=", number, "2"), "AND", compare("n", "=", number, "2"))), "1 2"},
		{"OR does not leave the device", joined(compare("n", ">", number, "0"), "OR", compare("clientId", "=", text, "e")), "1 2 3"},
		{"a text beside numbers", compare("v", "=", text, "1"), ""},
		{"a number beside texts", compare("w", "=", number, "1"), ""},
		{"no such name", compare("nope", "=", text, "a"), ""},
		{"an order of booleans", compare("b", ">", boolean, "false"), ""},
	} {
		q := ask("n")
		q.Where = c.cond
		var got []string
		for _, row := range rows(t, i.DB, q).rows {
			_, n, _ := strings.Cut(row, " ")
			got = append(got, n)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
	q := ask("n")
	q.Where = compare("TIME", ">", number, "0")
	badParameter(t, "time", i.DB.Rows(t.Context(), q, &gathered{}), "where")
	q.Where, q.Tags = nil, []telemetry.Tag{{Key: "time", Value: "1"}}
	badParameter(t, "a tag called time", i.DB.Rows(t.Context(), q, &gathered{}), "tags")
}

func TestHostileTextsMatchAsTextOrNothing(t *testing.T) {
	i := influxtest.Start(t)
	hostile := []string{`'; DROP MEASUREMENT x --`, `" OR 1=1 --`, `'`, `"`, `\'`, `a\b`, `' OR '1'='1`, `/.*/`, `x::tag = 'x' OR 'a'='a`, "ü€😀"}
	i.Write("m,clientId=d,k=plain a=0 1")
	names := strings.NewReplacer(" ", `\ `, "=", `\=`, ",", `\,`)
	texts := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for n, s := range hostile {
		i.Write("m,clientId=d,k=" + names.Replace(s) + "," + names.Replace(s) + `=x a=1,s="` + texts.Replace(s) + `",` + names.Replace(s) + "=7 " + strconv.Itoa(n+2))
	}
	for _, s := range hostile {
		for what, change := range map[string]func(*telemetry.RowsQuery){
			"the value of a tag":  func(q *telemetry.RowsQuery) { q.Tags = []telemetry.Tag{{Key: "k", Value: s}} },
			"the name of a tag":   func(q *telemetry.RowsQuery) { q.Tags = []telemetry.Tag{{Key: s, Value: "x"}} },
			"a text":              func(q *telemetry.RowsQuery) { q.Where = compare("s", "=", telemetry.TextOperand, s) },
			"a name":              func(q *telemetry.RowsQuery) { q.Where = compare(s, "=", telemetry.NumberOperand, "7") },
			"the name of a field": func(q *telemetry.RowsQuery) { q.Fields = []string{s} },
			"a tag, by its text":  func(q *telemetry.RowsQuery) { q.Where = compare("k", "=", telemetry.TextOperand, s) },
			"a tag, all but it": func(q *telemetry.RowsQuery) {
				q.Where = compare("k", "!=", telemetry.TextOperand, "plain")
				q.Tags = []telemetry.Tag{{Key: "k", Value: s}}
			},
			"a measurement":        func(q *telemetry.RowsQuery) { q.Measurement = s },
			"a device":             func(q *telemetry.RowsQuery) { q.Device = "d' OR '1'='1" },
			"a text with a return": func(q *telemetry.RowsQuery) { q.Where = compare("s", "=", telemetry.TextOperand, s+"\r") },
			"a text with a NUL":    func(q *telemetry.RowsQuery) { q.Tags = []telemetry.Tag{{Key: "k", Value: s + "\x00"}} },
		} {
			q := ask("a")
			change(&q)
			want := 1
			if what == "a measurement" || what == "a device" || strings.Contains(what, "with a") {
				want = 0
			}
			if got := rows(t, i.DB, q); len(got.rows) != want {
				t.Errorf("%s %q: %v", what, s, got.rows)
			}
		}
	}
	if got := rows(t, i.DB, ask("a")); len(got.rows) != 1+len(hostile) {
		t.Errorf("%d rows are left", len(got.rows))
	}
}

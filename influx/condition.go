package influx

import (
	"math"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"iotcenter/telemetry"
)

// unwritable tells whether InfluxQL has no way to write a name: then nothing that it can ask for is called so.
func unwritable(name string) bool { return name == "" || strings.ContainsAny(name, "\x00\r") }

// isTime tells whether InfluxQL takes a name for the time of a point, in a condition and in any case of its letters.
func isTime(name string) bool { return strings.EqualFold(name, "time") }

// tagEquals is the condition that a tag has exactly a value. It says that it means the tag: a field of the same name
// would otherwise be meant, and a device can write a field called clientId.
func tagEquals(t telemetry.Tag) (string, error) {
	if isTime(t.Key) || unwritable(t.Key) {
		return "", &telemetry.QueryError{Parameter: "tags", Problem: "has a name that no tag can have: " + strconv.Quote(t.Key)}
	}
	if strings.ContainsAny(t.Value, "\x00\r") {
		return influxqlIdent(t.Key) + "::tag =~ " + exactly(t.Value), nil
	}
	return influxqlIdent(t.Key) + "::tag = " + influxqlString(t.Value), nil
}

// influxqlCondition writes a condition anew, in brackets. Nothing of it is pasted: names and texts are quoted, numbers
// are read and written, regular expressions parsed and written. Its error is a *telemetry.QueryError.
func influxqlCondition(c *telemetry.Condition) (string, error) {
	switch {
	case c == nil:
		return "", badWhere("has an empty condition")
	case c.Join == "":
		return influxqlComparison(c)
	case c.Join != "AND" && c.Join != "OR":
		return "", badWhere("joins conditions by AND and OR")
	}
	left, err := influxqlCondition(c.Left)
	if err != nil {
		return "", err
	}
	right, err := influxqlCondition(c.Right)
	if err != nil {
		return "", err
	}
	return "(" + left + " " + c.Join + " " + right + ")", nil
}

func badWhere(problem string) error {
	return &telemetry.QueryError{Parameter: "where", Problem: problem}
}

// orders are the operators that compare, for every kind of operand but regular expressions.
var orders = []string{"=", "!=", "<", "<=", ">", ">="}

func influxqlComparison(c *telemetry.Condition) (string, error) {
	if err := checkOperand(c.Name); err != nil {
		return "", err
	}
	matches := c.Op == "=~" || c.Op == "!~"
	if matches != (c.With.Kind == telemetry.RegexOperand) || !matches && !slices.Contains(orders, c.Op) {
		return "", badWhere("cannot compare by " + strconv.Quote(c.Op) + " here")
	}
	op, text := c.Op, ""
	switch c.With.Kind {
	case telemetry.NameOperand:
		if err := checkOperand(c.With.Text); err != nil {
			return "", err
		}
		text = influxqlIdent(c.With.Text)
	case telemetry.TextOperand:
		text = influxqlString(c.With.Text)
		if strings.ContainsAny(c.With.Text, "\x00\r") {
			switch op {
			case "=":
				op = "=~"
			case "!=":
				op = "!~"
			default:
				return "", badWhere("cannot order texts by one with a carriage return or a NUL")
			}
			text = exactly(c.With.Text)
		}
	case telemetry.NumberOperand:
		var ok bool
		if text, ok = influxqlNumber(c.With.Text); !ok {
			return "", badWhere("has a number that cannot be compared with: " + strconv.Quote(shorten(c.With.Text)))
		}
	case telemetry.BoolOperand:
		if text = c.With.Text; text != "true" && text != "false" {
			return "", badWhere("has a boolean that is neither true nor false")
		}
	case telemetry.RegexOperand:
		var err error
		if text, err = influxqlPattern(c.With.Text); err != nil {
			return "", badWhere("has a regular expression that cannot be read: " + err.Error())
		}
	default:
		return "", badWhere("compares with a name, a text, a number, a boolean or a regular expression")
	}
	return influxqlIdent(c.Name) + " " + op + " " + text, nil
}

func checkOperand(name string) error {
	switch {
	case name == "":
		return badWhere("has a name without letters")
	case isTime(name):
		return badWhere("cannot name the time; start and end say it")
	}
	return nil
}

// influxqlNumber writes a number: a whole one with all its digits, any other with a point and without an exponent,
// which InfluxQL does not read. It is false for what is no number, and for one that is too large.
func influxqlNumber(text string) (string, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10), true
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return strconv.FormatUint(n, 10), true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", false
	}
	out := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(out, ".") {
		out += ".0"
	}
	return out, true
}

// influxqlPattern is a regular expression as an InfluxQL literal. It is parsed and written anew, so that it has neither
// \Q…\E nor anything else in which a backslash stands for itself; InfluxQL would take the pair \\ before the closing
// slash for an escaped slash, and read on into what follows.
func influxqlPattern(text string) (string, error) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return "", err
	}
	plain := parsed.String()
	var b strings.Builder
	b.WriteByte('/')
	for i := 0; i < len(plain); i++ {
		switch c := plain[i]; c {
		case '\\':
			i++ // what is escaped follows: a regular expression cannot end in a lone backslash
			switch plain[i] {
			case '\\':
				b.WriteString(`\x5c`)
			case '/':
				b.WriteString(`\/`)
			default:
				b.WriteByte('\\')
				b.WriteByte(plain[i])
			}
		case '/':
			b.WriteString(`\/`)
		case 0:
			b.WriteString(`\x00`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('/')
	return b.String(), nil
}

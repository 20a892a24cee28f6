package smart

import (
	"fmt"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/influxdata/influxql"

	"iotcenter/telemetry"
)

const (
	maxBrackets = 64  // opening ones in a text for the parser, which calls itself for each
	maxRegex    = 256 // bytes of a regular expression
	maxSteps    = 256 // steps of one, written out: /(a{0,25}){0,25}/ has a thousand
)

// ParseWhere reads a where clause; nil for an empty one. Its error is a *BadRequestError.
//
// The text is parsed as InfluxQL, and of the tree only what is known to be a comparison of a field or tag is taken over
// into a tree of our own. Nothing of the text reaches the database by another way.
func ParseWhere(text string) (*telemetry.Condition, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	expr, problem := parseExpression(text)
	if problem == nil {
		w := whereReader{}
		var c *telemetry.Condition
		if c, problem = w.condition(expr); problem == nil {
			return c, nil
		}
	}
	return nil, problem.at("where")
}

// parseExpression parses a whole text as one expression.
func parseExpression(text string) (influxql.Expr, *BadRequestError) {
	if problem := checkInfluxQL(text, MaxWhere); problem != nil {
		return nil, problem
	}
	p := influxql.NewParser(strings.NewReader(text))
	expr, err := guarded(p.ParseExpr)
	if err != nil {
		return nil, notInfluxQL(err)
	}
	// The parser stops where an expression ends, and says nothing of what follows.
	if token, pos, literal := p.ScanIgnoreWhitespace(); token != influxql.EOF {
		if literal == "" {
			literal = token.String()
		}
		return nil, bad(fmt.Sprintf("the condition ends before %s, at character %d", shown(literal), pos.Char+1))
	}
	return expr, nil
}

// checkInfluxQL holds a text to what the parser can take without harm.
func checkInfluxQL(text string, most int) *BadRequestError {
	switch {
	case len(text) > most:
		return bad(fmt.Sprintf("the text has at most %d bytes", most))
	case !utf8.ValidString(text):
		return bad("the text must be valid UTF-8")
	case strings.ContainsRune(text, 0):
		return bad("the text cannot have a zero byte")
	case strings.Count(text, "(") > maxBrackets:
		return bad(fmt.Sprintf("there are more than %d opening brackets", maxBrackets))
	}
	return nil
}

// notInfluxQL puts the parser's words, which can hold what was sent, into a sentence.
func notInfluxQL(err error) *BadRequestError {
	text := strings.ToValidUTF8(err.Error(), "�")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return bad("this is no InfluxQL that can be read: " + text)
}

// guarded calls a method of the parser, which panics over trees that it does not expect.
func guarded[T any](parse func() (T, error)) (tree T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be read")
		}
	}()
	return parse()
}

// whereReader turns a parsed expression into conditions.
type whereReader struct{ compares int }

const conditionForms = `a condition compares a field or tag with a value, such as voltage > 14.0, and joins comparisons with AND and OR`

func (w *whereReader) condition(expr influxql.Expr) (*telemetry.Condition, *BadRequestError) {
	switch e := expr.(type) {
	case *influxql.ParenExpr:
		return w.condition(e.Expr)
	case *influxql.BinaryExpr:
		switch e.Op {
		case influxql.AND, influxql.OR:
			left, problem := w.condition(e.LHS)
			if problem != nil {
				return nil, problem
			}
			right, problem := w.condition(e.RHS)
			if problem != nil {
				return nil, problem
			}
			return &telemetry.Condition{Join: e.Op.String(), Left: left, Right: right}, nil
		case influxql.EQ, influxql.NEQ, influxql.LT, influxql.LTE, influxql.GT, influxql.GTE, influxql.EQREGEX, influxql.NEQREGEX:
			return w.comparison(e)
		}
		return nil, bad("there is arithmetic; " + conditionForms)
	case *influxql.Call, *influxql.Distinct:
		return nil, bad("there is a function; " + conditionForms)
	}
	return nil, bad(conditionForms)
}

func (w *whereReader) comparison(e *influxql.BinaryExpr) (*telemetry.Condition, *BadRequestError) {
	if w.compares++; w.compares > MaxCompares {
		return nil, bad(fmt.Sprintf("there are more than %d comparisons", MaxCompares))
	}
	name, problem := compared(e.LHS)
	if problem != nil {
		return nil, problem
	}
	with, problem := operand(e.RHS)
	if problem != nil {
		return nil, problem
	}
	c := &telemetry.Condition{Name: name, Op: e.Op.String(), With: with}
	ordered := e.Op != influxql.EQ && e.Op != influxql.NEQ
	switch regex := influxql.IsRegexOp(e.Op); {
	case regex && with.Kind != telemetry.RegexOperand:
		return nil, bad(c.Op + " is followed by a regular expression such as /^a/")
	case !regex && with.Kind == telemetry.RegexOperand:
		return nil, bad("a regular expression is compared with =~ or !~")
	case !regex && ordered && (with.Kind == telemetry.TextOperand || with.Kind == telemetry.BoolOperand):
		return nil, bad("texts and booleans are compared with = and != alone; " + c.Op + " is for numbers")
	}
	return c, nil
}

// compared reads the left side of a comparison: a name, bare or in quotes of either kind.
func compared(expr influxql.Expr) (string, *BadRequestError) {
	switch e := expr.(type) {
	case *influxql.VarRef:
		return reference(e)
	case *influxql.StringLiteral:
		return conditionName(e.Val)
	case *influxql.NumberLiteral, *influxql.IntegerLiteral, *influxql.UnsignedLiteral, *influxql.BooleanLiteral,
		*influxql.RegexLiteral, *influxql.DurationLiteral:
		return "", bad("the field or tag is on the left of a comparison, and the value on the right")
	case *influxql.Call, *influxql.Distinct:
		return "", bad("there is a function; " + conditionForms)
	case *influxql.Wildcard:
		return "", bad("there is a *; a comparison names one field or tag")
	case *influxql.BinaryExpr:
		return "", bad("there is arithmetic, or a comparison of a comparison; " + conditionForms)
	}
	return "", bad(conditionForms)
}

func reference(e *influxql.VarRef) (string, *BadRequestError) {
	if e.Type != influxql.Unknown {
		return "", bad("there is a cast (::); write the name alone")
	}
	return conditionName(e.Val)
}

// conditionName tells whether a field or tag can be compared.
func conditionName(name string) (string, *BadRequestError) {
	switch {
	case strings.EqualFold(name, "time"), strings.EqualFold(name, "_time"):
		return "", bad("there is a condition on time; start and end say it")
	case name == telemetry.ClientTag:
		return "", bad("the tag clientId is the app's own; name the product by the address, or product_imei in tags")
	case reserved(name):
		return "", bad("the name " + shown(name) + " is reserved for the database")
	}
	return name, checkName(name)
}

// operand reads the right side of a comparison.
func operand(expr influxql.Expr) (telemetry.Operand, *BadRequestError) {
	switch e := expr.(type) {
	case *influxql.VarRef:
		name, problem := reference(e)
		return telemetry.Operand{Kind: telemetry.NameOperand, Text: name}, problem
	case *influxql.StringLiteral:
		return telemetry.Operand{Kind: telemetry.TextOperand, Text: e.Val}, nil
	case *influxql.NumberLiteral:
		return telemetry.Operand{Kind: telemetry.NumberOperand, Text: decimal(e.Val)}, nil
	case *influxql.IntegerLiteral:
		return telemetry.Operand{Kind: telemetry.NumberOperand, Text: strconv.FormatInt(e.Val, 10)}, nil
	case *influxql.UnsignedLiteral:
		return telemetry.Operand{Kind: telemetry.NumberOperand, Text: strconv.FormatUint(e.Val, 10)}, nil
	case *influxql.BooleanLiteral:
		return telemetry.Operand{Kind: telemetry.BoolOperand, Text: strconv.FormatBool(e.Val)}, nil
	case *influxql.RegexLiteral:
		text := e.Val.String()
		if problem := checkRegex(text); problem != nil {
			return telemetry.Operand{}, problem
		}
		return telemetry.Operand{Kind: telemetry.RegexOperand, Text: text}, nil
	case *influxql.DurationLiteral:
		return telemetry.Operand{}, bad("there is a duration; a field or tag is compared with a number, a text, a boolean or another name")
	case *influxql.Call, *influxql.Distinct:
		return telemetry.Operand{}, bad("there is a function; " + conditionForms)
	case *influxql.BinaryExpr:
		return telemetry.Operand{}, bad("there is arithmetic; " + conditionForms)
	}
	return telemetry.Operand{}, bad(conditionForms)
}

// checkRegex holds a regular expression to what the database can try on many long texts: each byte of a text costs as much
// as the expression has steps, and the database does not give up between the texts that do not match.
func checkRegex(text string) *BadRequestError {
	if len(text) > maxRegex {
		return bad(fmt.Sprintf("a regular expression has at most %d bytes", maxRegex))
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return bad("there is a regular expression that cannot be read")
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(program.Inst) > maxSteps {
		return bad("there is a regular expression with too many repetitions; put it more simply")
	}
	return nil
}

// decimal writes a float with a point and without an exponent, which InfluxQL does not know.
func decimal(f float64) string {
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

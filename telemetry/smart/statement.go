package smart

import (
	"fmt"
	"slices"
	"strings"

	"github.com/influxdata/influxql"
)

// MaxStatement is how many bytes a custom query has at most.
const MaxStatement = 4 << 10

// ParseStatement checks a custom query: one InfluxQL SELECT or SHOW statement that reads the data bucket alone. It gives
// the statement written anew from its parsed tree. Its error is a *BadRequestError.
func ParseStatement(text string) (string, error) {
	anew, problem := parseStatement(text)
	if problem != nil {
		return "", problem.at("q")
	}
	return anew, nil
}

func parseStatement(text string) (string, *BadRequestError) {
	if strings.TrimSpace(text) == "" {
		return "", bad("it is missing: one InfluxQL SELECT or SHOW statement")
	}
	if problem := checkInfluxQL(text, MaxStatement); problem != nil {
		return "", problem
	}
	statement, problem := oneStatement(text)
	if problem != nil {
		return "", problem
	}
	if problem := readsOnly(statement); problem != nil {
		return "", problem
	}
	anew := rewritten(statement)
	again, problem := oneStatement(anew)
	if problem != nil || !same(statement, again) {
		return "", bad("the statement cannot be written anew without a change; please put it more simply")
	}
	return anew, nil
}

// oneStatement parses a text that is one statement; a semicolon may end it.
func oneStatement(text string) (influxql.Statement, *BadRequestError) {
	p := influxql.NewParser(strings.NewReader(text))
	statement, err := guarded(p.ParseStatement)
	if err != nil {
		return nil, notInfluxQL(err)
	}
	token, _, _ := p.ScanIgnoreWhitespace()
	if token == influxql.SEMICOLON {
		token, _, _ = p.ScanIgnoreWhitespace()
	}
	if token != influxql.EOF {
		return nil, bad("there is more than one statement, or text after it")
	}
	return statement, nil
}

const otherDatabase = "a measurement is named alone: the database and the retention policy are always those of the data bucket"

// readsOnly tells whether a statement is one of those that are served.
func readsOnly(statement influxql.Statement) *BadRequestError {
	database := ""
	switch s := statement.(type) {
	case *influxql.SelectStatement:
	case *influxql.ShowMeasurementsStatement:
		database = s.Database
	case *influxql.ShowFieldKeysStatement:
		database = s.Database
	case *influxql.ShowTagKeysStatement:
		database = s.Database
	case *influxql.ShowTagValuesStatement:
		database = s.Database
	case *influxql.ShowSeriesStatement:
		database = s.Database
	default:
		return bad("it is one SELECT, SHOW MEASUREMENTS, SHOW FIELD KEYS, SHOW TAG KEYS, SHOW TAG VALUES or SHOW SERIES; nothing else is served")
	}
	if database != "" {
		return bad("SHOW has no ON: the database is always that of the data bucket")
	}
	var problem *BadRequestError
	influxql.WalkFunc(statement, func(node influxql.Node) {
		switch n := node.(type) {
		case *influxql.RegexLiteral:
			if n.Val != nil {
				problem = firstOf(problem, checkRegex(n.Val.String()))
			}
		case *influxql.Target:
			if n != nil {
				problem = bad("there is an INTO; a custom query only reads")
			}
		case *influxql.SelectStatement:
			if n.Target != nil {
				problem = bad("there is an INTO; a custom query only reads")
			}
			problem = firstOf(problem, sources(n.Sources))
		case *influxql.ShowMeasurementsStatement:
			problem = firstOf(problem, sources(influxql.Sources{n.Source}))
		case *influxql.ShowFieldKeysStatement:
			problem = firstOf(problem, sources(n.Sources))
		case *influxql.ShowTagKeysStatement:
			problem = firstOf(problem, sources(n.Sources))
		case *influxql.ShowTagValuesStatement:
			problem = firstOf(problem, sources(n.Sources))
		case *influxql.ShowSeriesStatement:
			problem = firstOf(problem, sources(n.Sources))
		}
	})
	return problem
}

func firstOf(a, b *BadRequestError) *BadRequestError {
	if a != nil {
		return a
	}
	return b
}

// sources checks where a statement reads from, subqueries included.
func sources(all influxql.Sources) *BadRequestError {
	for _, source := range all {
		switch s := source.(type) {
		case nil:
		case *influxql.Measurement:
			if s.Database != "" || s.RetentionPolicy != "" || s.SystemIterator != "" || s.IsTarget {
				return bad(otherDatabase)
			}
		case *influxql.SubQuery:
			if s.Statement.Target != nil {
				return bad("there is an INTO; a custom query only reads")
			}
			if problem := sources(s.Statement.Sources); problem != nil {
				return problem
			}
		default:
			return bad(otherDatabase)
		}
	}
	return nil
}

// rewritten gives the text of a statement. The library writes numbers with three digits after the point, and 0.0001
// would become 0.000: so each number that loses something is written as a number that stands nowhere else, and put
// right in the text.
func rewritten(statement influxql.Statement) string {
	plain := statement.String()
	lossy := slices.DeleteFunc(numbers(statement), func(n *influxql.NumberLiteral) bool {
		return fmt.Sprintf("%.3f", n.Val) == decimal(n.Val) || strings.TrimRight(fmt.Sprintf("%.3f", n.Val), "0") == strings.TrimRight(decimal(n.Val), "0")
	})
	if len(lossy) == 0 {
		return plain
	}
	base := int64(7_000_000_000_000)
	for strings.Contains(plain, fmt.Sprint(base/1_000_000)) {
		base += 1_000_000
	}
	values := make([]float64, len(lossy))
	for i, n := range lossy {
		values[i], n.Val = n.Val, float64(base+int64(i))
	}
	text := statement.String()
	for i, n := range lossy {
		n.Val = values[i]
		text = strings.ReplaceAll(text, fmt.Sprintf("%d.000", base+int64(i)), decimal(values[i]))
	}
	return text
}

// numbers are the numbers with a point in a statement, in the order of the text.
func numbers(statement influxql.Statement) []*influxql.NumberLiteral {
	var all []*influxql.NumberLiteral
	influxql.WalkFunc(statement, func(node influxql.Node) {
		if n, ok := node.(*influxql.NumberLiteral); ok {
			all = append(all, n)
		}
	})
	return all
}

// same tells whether two statements say the same.
func same(a, b influxql.Statement) bool {
	return a.String() == b.String() && slices.EqualFunc(numbers(a), numbers(b), func(x, y *influxql.NumberLiteral) bool { return x.Val == y.Val })
}

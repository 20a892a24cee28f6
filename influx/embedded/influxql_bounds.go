package embedded

import "github.com/influxdata/influxql"

// Bounds of one InfluxQL statement. The engine's planner takes a time that
// grows with the square of some lengths, for each series of each shard: 250
// ORs over fields took it more than a minute with 200 series in 60 shards, and
// 2,000 additions 50 s. What a dashboard asks stays far below.
const (
	maxStatements = 100
	maxSubqueries = 16
	maxSources    = 20
	maxDimensions = 50
	maxFields     = 1000
	maxConditions = 200 // comparisons
	maxOperators  = 200 // arithmetic
	maxNesting    = 100 // of expressions
	maxRegexBytes = 16 << 10
)

// statementSize counts what the bounds are about, over a statement with its subqueries.
type statementSize struct {
	sources, dimensions, fields, conditions, operators, regexBytes int
}

func (n *statementSize) check() error {
	for _, b := range []struct {
		what      string
		got, most int
	}{
		{"sources", n.sources, maxSources}, {"GROUP BY dimensions", n.dimensions, maxDimensions},
		{"fields", n.fields, maxFields}, {"conditions", n.conditions, maxConditions},
		{"arithmetic operators", n.operators, maxOperators}, {"bytes of regular expressions", n.regexBytes, maxRegexBytes},
	} {
		if b.got > b.most {
			return errInvalid("the statement has more than %d %s", b.most, b.what)
		}
	}
	return nil
}

func (n *statementSize) expr(e influxql.Expr, depth int) error {
	if depth > maxNesting {
		return errInvalid("an expression nests deeper than %d", maxNesting)
	}
	switch e := e.(type) {
	case *influxql.BinaryExpr:
		switch {
		case logical(e.Op):
		case e.Op >= influxql.EQ && e.Op <= influxql.GTE:
			n.conditions++
		default:
			n.operators++
		}
		if err := n.expr(e.LHS, depth+1); err != nil {
			return err
		}
		return n.expr(e.RHS, depth+1)
	case *influxql.ParenExpr:
		return n.expr(e.Expr, depth+1)
	case *influxql.Call:
		for _, arg := range e.Args {
			if err := n.expr(arg, depth+1); err != nil {
				return err
			}
		}
	case *influxql.RegexLiteral:
		if e != nil && e.Val != nil {
			n.regexBytes += len(e.Val.String())
		}
	}
	return nil
}

func logical(op influxql.Token) bool { return op == influxql.AND || op == influxql.OR }

// balance gives a chain of ANDs, or of ORs, the form of a balanced tree. The
// parser leans it to the left, and the engine then joins it a term at a time
// and walks all terms before it each time.
func balance(e influxql.Expr) influxql.Expr {
	switch e := e.(type) {
	case *influxql.ParenExpr:
		e.Expr = balance(e.Expr)
	case *influxql.BinaryExpr:
		if !logical(e.Op) {
			return e
		}
		var reversed []influxql.Expr
		var left influxql.Expr = e
		for {
			chain, ok := left.(*influxql.BinaryExpr)
			if !ok || chain.Op != e.Op {
				break
			}
			reversed = append(reversed, balance(chain.RHS))
			left = chain.LHS
		}
		terms := make([]influxql.Expr, 0, len(reversed)+1)
		terms = append(terms, balance(left))
		for i := len(reversed) - 1; i >= 0; i-- {
			terms = append(terms, reversed[i])
		}
		return joined(terms, e.Op)
	}
	return e
}

func joined(terms []influxql.Expr, op influxql.Token) influxql.Expr {
	if len(terms) == 1 {
		return terms[0]
	}
	half := len(terms) / 2
	return &influxql.BinaryExpr{Op: op, LHS: joined(terms[:half], op), RHS: joined(terms[half:], op)}
}

package embedded

import (
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/influxdata/influxql"
)

// errPredicate is what is wrong with a delete predicate.
var errPredicate = errors.New("invalid delete predicate")

// tagEquals is one comparison of a predicate.
type tagEquals struct{ key, value string }

// parsePredicate reads what InfluxDB 2.x accepts for deletes: comparisons
// key=value joined by AND, in parentheses or not. Bare words and numbers are
// strings, as tags are. An empty text matches everything.
func parsePredicate(text string) ([]tagEquals, error) {
	p := predicateParser{rest: text}
	p.space()
	if p.rest == "" {
		return nil, nil
	}
	out, err := p.conjunction(0)
	if err != nil {
		return nil, err
	}
	if p.rest != "" {
		return nil, p.fail("AND or the end")
	}
	return out, nil
}

type predicateParser struct{ rest string }

const maxPredicateDepth = 32

func (p *predicateParser) fail(expected string) error {
	return errInvalid("%s: expected %s at %q", errPredicate, expected, shorten(p.rest))
}

func (p *predicateParser) space() { p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace) }

// accept takes a symbol if it is next.
func (p *predicateParser) accept(symbol string) bool {
	rest, ok := strings.CutPrefix(p.rest, symbol)
	if ok {
		p.rest = rest
		p.space()
	}
	return ok
}

func (p *predicateParser) conjunction(depth int) ([]tagEquals, error) {
	if depth > maxPredicateDepth {
		return nil, p.fail("fewer parentheses")
	}
	var out []tagEquals
	for {
		if p.accept("(") {
			inner, err := p.conjunction(depth + 1)
			if err != nil {
				return nil, err
			}
			if !p.accept(")") {
				return nil, p.fail(")")
			}
			out = append(out, inner...)
		} else {
			one, err := p.comparison()
			if err != nil {
				return nil, err
			}
			out = append(out, one)
		}
		if !p.and() {
			return out, nil
		}
	}
}

// and takes the word AND; letters that follow make it another word.
func (p *predicateParser) and() bool {
	if len(p.rest) < 4 || !strings.EqualFold(p.rest[:3], "and") || isBare(rune(p.rest[3])) {
		return false
	}
	p.rest = p.rest[3:]
	p.space()
	return true
}

func (p *predicateParser) comparison() (tagEquals, error) {
	key, err := p.operand("a tag")
	if err != nil {
		return tagEquals{}, err
	}
	if key == "" {
		return tagEquals{}, p.fail("a tag before =")
	}
	if key != "_measurement" && (strings.HasPrefix(key, "_") || key == "time") {
		return tagEquals{}, errInvalid("%s: %q cannot be part of it", errPredicate, key)
	}
	if !p.accept("=") || strings.HasPrefix(p.rest, "~") || strings.HasPrefix(p.rest, "=") {
		return tagEquals{}, p.fail("=")
	}
	value, err := p.operand("a value")
	if err != nil {
		return tagEquals{}, err
	}
	if value == "" {
		return tagEquals{}, errInvalid("%s: the value of %q is empty", errPredicate, key)
	}
	return tagEquals{key, value}, nil
}

// operand takes a quoted or bare word.
func (p *predicateParser) operand(what string) (string, error) {
	if p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\'') {
		return p.quoted(p.rest[0])
	}
	end := strings.IndexFunc(p.rest, func(r rune) bool { return !isBare(r) })
	if end < 0 {
		end = len(p.rest)
	}
	if end == 0 {
		return "", p.fail(what)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	p.space()
	return word, nil
}

func isBare(r rune) bool {
	return r == '_' || r == '-' || r == '.' || r == ':' || r == '/' || r == '+' || r == '@' || r >= utf8.RuneSelf && !unicode.IsSpace(r) ||
		'0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func (p *predicateParser) quoted(quote byte) (string, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case quote:
			p.rest = p.rest[i+1:]
			p.space()
			return b.String(), nil
		case '\\':
			if i+1 == len(p.rest) {
				return "", p.fail("a closing quote")
			}
			i++
			b.WriteByte(p.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.fail("a closing quote")
}

// deleteCondition builds the engine's form of a predicate and a time range, both
// ends included: measurements and a condition. Contradicting measurements match nothing.
func deleteCondition(predicate []tagEquals, start, stop time.Time) (sources []influxql.Source, cond influxql.Expr, nothing bool) {
	and := func(e influxql.Expr) {
		if cond == nil {
			cond = e
			return
		}
		cond = &influxql.BinaryExpr{Op: influxql.AND, LHS: cond, RHS: e}
	}
	// The engine refuses literals at the very ends of time; left out, a bound means just these ends.
	if start.UnixNano() > influxql.MinTime+1 {
		and(&influxql.BinaryExpr{Op: influxql.GTE, LHS: &influxql.VarRef{Val: "time"}, RHS: &influxql.TimeLiteral{Val: start}})
	}
	if stop.UnixNano() < influxql.MaxTime {
		and(&influxql.BinaryExpr{Op: influxql.LTE, LHS: &influxql.VarRef{Val: "time"}, RHS: &influxql.TimeLiteral{Val: stop}})
	}
	measurement := ""
	for _, c := range predicate {
		if c.key == "_measurement" {
			if measurement != "" && measurement != c.value {
				return nil, nil, true
			}
			measurement = c.value
			continue
		}
		// Without the type, a field of that name would make the engine take
		// every series of the measurement.
		and(&influxql.BinaryExpr{Op: influxql.EQ, LHS: &influxql.VarRef{Val: c.key, Type: influxql.Tag}, RHS: &influxql.StringLiteral{Val: c.value}})
	}
	if measurement != "" {
		sources = []influxql.Source{&influxql.Measurement{Name: measurement}}
	}
	return sources, cond, false
}

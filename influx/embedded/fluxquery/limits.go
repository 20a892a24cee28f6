package fluxquery

import (
	"context"
	"strings"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/ast"
	"github.com/influxdata/flux/semantic"
	"github.com/influxdata/flux/values"
)

// Limits of a script. The Flux runtime has none of its own, and its evaluation cannot be interrupted: a thousand
// nested arrays or a hundred nested functions keep it busy for ever.
const (
	MaxScript    = 64 << 10 // bytes
	MaxBrackets  = 4096     // opening brackets in the whole script; the parser's time grows with their square
	MaxDepth     = 512      // nodes of the syntax tree inside one another, a chain of operators included
	MaxNesting   = 32       // arrays and objects inside one another
	MaxFunctions = 16       // functions inside one another
	MaxRepeat    = 1 << 20  // bytes of a string made by strings.repeat
	MaxWindows   = 100_000  // of one window() or aggregateWindow()
)

// checkScript refuses what must not even reach the parser.
func checkScript(script string) error {
	if len(script) > MaxScript {
		return refuse("the script has %d bytes; %d are allowed", len(script), MaxScript)
	}
	brackets := strings.Count(script, "(") + strings.Count(script, "[") + strings.Count(script, "{")
	if brackets > MaxBrackets {
		return refuse("the script has %d opening brackets; %d are allowed", brackets, MaxBrackets)
	}
	return nil
}

// parse returns the syntax tree of a script that is not nested too deeply to be evaluated.
func parse(script string) (*ast.Package, error) {
	pkg, err := flux.Parse(script)
	if err != nil {
		return nil, &SyntaxError{Err: err}
	}
	var n nesting
	ast.Walk(&n, pkg)
	return pkg, n.err
}

// nesting measures a syntax tree on a walk through it.
type nesting struct {
	depth, values, functions int
	err                      error
}

// Visit implements ast.Visitor.
func (n *nesting) Visit(node ast.Node) ast.Visitor {
	if n.err != nil {
		return nil
	}
	n.count(node, 1)
	switch {
	case n.depth > MaxDepth:
		n.err = refuse("the script is nested too deeply")
	case n.values > MaxNesting:
		n.err = refuse("more than %d arrays or objects inside one another", MaxNesting)
	case n.functions > MaxFunctions:
		n.err = refuse("more than %d functions inside one another", MaxFunctions)
	default:
		return n
	}
	return nil
}

// Done implements ast.Visitor.
func (n *nesting) Done(node ast.Node) {
	if n.err == nil {
		n.count(node, -1)
	}
}

func (n *nesting) count(node ast.Node, by int) {
	n.depth += by
	switch node.(type) {
	case *ast.ArrayExpression, *ast.ObjectExpression:
		n.values += by
	case *ast.FunctionExpression:
		n.functions += by
	}
}

// repeatFunction is strings.repeat with an end.
func repeatFunction() values.Value {
	return values.NewFunction("repeat",
		semantic.NewFunctionPolyType(semantic.FunctionPolySignature{
			Parameters: map[string]semantic.PolyType{"v": semantic.String, "i": semantic.Int},
			Required:   semantic.LabelSet{"v", "i"},
			Return:     semantic.String,
		}),
		func(_ context.Context, args values.Object) (values.Value, error) {
			v, okV := args.Get("v")
			i, okI := args.Get("i")
			switch {
			case !okV || !okI || v.Type() != semantic.String || i.Type() != semantic.Int:
				return nil, refuse("repeat: takes a string v and an integer i")
			case i.Int() < 0 || i.Int() > MaxRepeat || int64(len(v.Str()))*i.Int() > MaxRepeat:
				return nil, refuse("repeat: the result must have at most %d bytes", MaxRepeat)
			}
			return values.NewString(strings.Repeat(v.Str(), int(i.Int()))), nil
		}, false)
}

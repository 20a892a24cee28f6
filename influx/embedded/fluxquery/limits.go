package fluxquery

import (
	"slices"
	"strings"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/ast"
)

// Limits of a script. The Flux runtime has none of its own, and its evaluation cannot be interrupted: a thousand
// nested arrays or a hundred nested functions keep it busy for ever.
const (
	MaxScript    = 64 << 10 // bytes
	MaxBrackets  = 4096     // opening brackets in the whole script; the parser's time grows with their square
	MaxDepth     = 512      // nodes of the syntax tree inside one another, a chain of operators included
	MaxNesting   = 32       // arrays and objects inside one another
	MaxFunctions = 16       // functions inside one another
	MaxLiterals  = 32       // functions in one statement; the inference of types takes the cube of their number
	MaxLocals    = 32       // variables inside the functions of one statement; as for MaxLiterals
	MaxInstances = 150      // members in what the script's variables hold, for each use but the first in one statement; the square
	MaxPipes     = 100      // pipes in one statement
	MaxEquations = 1500     // relations between types in one statement; the inference of types takes the square of their number
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
	return checkRepetitions(script)
}

// parse returns the syntax tree of a script that is not nested too deeply to be evaluated.
func parse(script string) (*ast.Package, error) {
	pkg, err := flux.Parse(script)
	if err != nil {
		return nil, &SyntaxError{Err: err}
	}
	n := nesting{weights: map[string]int{}, used: map[string]bool{}}
	for _, f := range pkg.Files {
		n.whole = n.whole || slices.ContainsFunc(f.Body, isOption)
	}
	ast.Walk(&n, pkg)
	if n.err != nil {
		return nil, n.err
	}
	return pkg, checkCost(pkg)
}

// nesting measures a syntax tree on a walk through it.
type nesting struct {
	depth, values, functions int
	literals, locals, pipes  int // in the statement
	members, instances       int
	used                     map[string]bool
	weights                  map[string]int // members in what a variable holds
	before                   []int          // members before the variables that are being read
	whole                    bool           // the script is one statement to the inference of types, since it sets options
	err                      error
}

func isOption(s ast.Statement) bool {
	_, ok := s.(*ast.OptionStatement)
	return ok
}

// enter counts what only grows within a statement of the script.
func (n *nesting) enter(node ast.Node) {
	const inFile = 2 // a package, a file
	switch node := node.(type) {
	case *ast.FunctionExpression:
		n.literals++
	case *ast.MemberExpression:
		n.members++
	case *ast.Identifier:
		n.members += n.weights[node.Name]
		if n.used[node.Name] {
			n.instances += n.weights[node.Name]
		}
		n.used[node.Name] = true
	case *ast.PipeExpression:
		n.pipes++
	case ast.Statement:
		if n.depth == inFile && !n.whole {
			n.literals, n.locals, n.pipes, n.members, n.instances = 0, 0, 0, 0, 0
			clear(n.used)
		}
		if _, ok := node.(*ast.VariableAssignment); ok {
			n.before = append(n.before, n.members)
			if n.functions > 0 || n.whole {
				n.locals++
			}
		}
	}
}

// Visit implements ast.Visitor.
func (n *nesting) Visit(node ast.Node) ast.Visitor {
	if n.err != nil {
		return nil
	}
	n.enter(node)
	n.count(node, 1)
	switch {
	case n.literals > MaxLiterals:
		n.err = refuse("more than %d functions in one statement", MaxLiterals)
	case n.locals > MaxLocals:
		n.err = refuse("more than %d variables inside the functions of one statement", MaxLocals)
	case n.instances > MaxInstances:
		n.err = refuse("one statement uses the script's functions too often: they have more than %d members together", MaxInstances)
	case n.pipes > MaxPipes:
		n.err = refuse("more than %d pipes in one statement", MaxPipes)
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
	if n.err != nil {
		return
	}
	n.count(node, -1)
	if v, ok := node.(*ast.VariableAssignment); ok {
		last := len(n.before) - 1
		n.weights[v.ID.Name] = max(n.weights[v.ID.Name], n.members-n.before[last])
		n.before = n.before[:last]
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

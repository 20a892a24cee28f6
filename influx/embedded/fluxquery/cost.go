package fluxquery

import (
	"slices"

	"github.com/influxdata/flux/ast"
)

// Limits of what a script may grow into, counted before it is evaluated.
const (
	MaxCalls     = 10_000   // calls of the script's own functions
	MaxCallDepth = 200      // calls inside one another
	MaxValue     = 16 << 20 // bytes of one value that `+` and interpolation put together
	MaxTypeNodes = 4096     // members of one value's type, at any depth; the inference of types spells them out
	MaxSteps     = 400_000  // nodes of the syntax tree that are visited, one more time for each call
)

// unknownText is what a value counts as that only the evaluation will know: an argument, a column of a row.
const unknownText = 16 << 10

// checkCost refuses scripts whose evaluation would multiply calls or text. It carries the script out over bounds of values
// instead of values: every branch is taken, every function is called at least once, and those given to the library once.
// There is no recursion in Flux, so that this ends; the limits are for how soon.
func checkCost(script *ast.Package) error {
	c := &cost{}
	for _, f := range script.Files {
		c.statements(f.Body, &names{})
	}
	return c.err
}

// cost counts on a walk through a script.
type cost struct {
	steps, calls, depth int
	err                 error
}

// bound is an upper bound of a value: its text, its type, and the functions it is or holds.
type bound struct {
	text, nodes int
	functions   []*closure
	members     map[string]bound // of an object; nil if they are not known
}

// small is the bound of a number, a time, a boolean.
var small = bound{text: 8, nodes: 1}

var unknown = bound{text: unknownText, nodes: 1}

// closure is a function of the script with the names that it sees.
type closure struct {
	literal *ast.FunctionExpression
	names   *names
}

// names are the variables of a block.
type names struct {
	outer *names
	m     map[string]bound
}

func (n *names) set(name string, b bound) {
	if n.m == nil {
		n.m = map[string]bound{}
	}
	n.m[name] = b
}

// get gives the bound of a name; those of the library are small.
func (n *names) get(name string) bound {
	for ; n != nil; n = n.outer {
		if b, ok := n.m[name]; ok {
			return b
		}
	}
	return small
}

func (c *cost) refuse(err error) {
	if c.err == nil {
		c.err = err
	}
}

// statements carries out a block and gives the bound of what it returns.
func (c *cost) statements(body []ast.Statement, in *names) (returned bound) {
	for _, s := range body {
		switch s := s.(type) {
		case *ast.VariableAssignment:
			in.set(s.ID.Name, c.of(s.Init, in))
		case *ast.MemberAssignment:
			c.of(s.Member, in)
			c.of(s.Init, in)
		case *ast.OptionStatement:
			c.option(s, in)
		case *ast.TestStatement:
			c.of(s.Assignment.Init, in)
		case *ast.ExpressionStatement:
			c.of(s.Expression, in)
		case *ast.ReturnStatement:
			returned = c.of(s.Argument, in)
		}
	}
	return returned
}

func (c *cost) option(s *ast.OptionStatement, in *names) {
	switch a := s.Assignment.(type) {
	case *ast.VariableAssignment:
		in.set(a.ID.Name, c.of(a.Init, in))
	case *ast.MemberAssignment:
		c.of(a.Init, in)
	}
}

// of gives the bound of an expression.
func (c *cost) of(e ast.Expression, in *names) bound {
	c.steps++
	if c.steps > MaxSteps {
		c.refuse(refuse("the script's functions multiply: evaluating it takes more than the %d steps allowed", MaxSteps))
	}
	if c.err != nil {
		return small
	}
	b := c.expression(e, in)
	switch {
	case b.text > MaxValue:
		c.refuse(refuse("the script may put together a value of more than the %d MB allowed", MaxValue>>20))
	case b.nodes > MaxTypeNodes:
		c.refuse(refuse("the script may make a value of more than the %d members allowed", MaxTypeNodes))
	}
	return b
}

func (c *cost) expression(e ast.Expression, in *names) bound {
	switch e := e.(type) {
	case *ast.Identifier:
		return in.get(e.Name)
	case *ast.StringLiteral:
		return bound{text: len(e.Value), nodes: 1}
	case *ast.RegexpLiteral:
		return small
	case *ast.ParenExpression:
		return c.of(e.Expression, in)
	case *ast.StringExpression:
		return c.interpolation(e, in)
	case *ast.ArrayExpression:
		var out bound
		for _, x := range e.Elements {
			b := c.of(x, in)
			// The elements have one type; the text is that of all.
			out = bound{text: out.text + b.text, nodes: max(out.nodes, b.nodes), functions: union(out.functions, b.functions)}
		}
		out.text, out.nodes = out.text+8*len(e.Elements), out.nodes+1
		return out
	case *ast.ObjectExpression:
		return c.object(e, in)
	case *ast.MemberExpression:
		object := c.of(e.Object, in)
		if b, ok := object.members[e.Property.Key()]; ok {
			return b
		}
		if object.members == nil {
			return object
		}
		return unknown
	case *ast.IndexExpression:
		c.of(e.Index, in)
		return c.of(e.Array, in)
	case *ast.BinaryExpression:
		l, r := c.of(e.Left, in), c.of(e.Right, in)
		if e.Operator == ast.AdditionOperator {
			return bound{text: l.text + r.text, nodes: 1}
		}
		return small
	case *ast.LogicalExpression:
		c.of(e.Left, in)
		c.of(e.Right, in)
		return small
	case *ast.UnaryExpression:
		c.of(e.Argument, in)
		return small
	case *ast.ConditionalExpression:
		c.of(e.Test, in)
		return either(c.of(e.Consequent, in), c.of(e.Alternate, in))
	case *ast.FunctionExpression:
		return c.function(e, in)
	case *ast.CallExpression:
		return c.call(e, nil, in)
	case *ast.PipeExpression:
		piped := c.of(e.Argument, in)
		return c.call(e.Call, &piped, in)
	default:
		return small
	}
}

func (c *cost) interpolation(e *ast.StringExpression, in *names) bound {
	out := bound{nodes: 1}
	for _, p := range e.Parts {
		switch p := p.(type) {
		case *ast.TextPart:
			out.text += len(p.Value)
		case *ast.InterpolatedPart:
			out.text += c.of(p.Expression, in).text
		}
	}
	return out
}

func (c *cost) object(e *ast.ObjectExpression, in *names) bound {
	out := bound{nodes: 1, members: map[string]bound{}}
	if e.With != nil {
		with := c.of(e.With, in)
		out.text, out.nodes, out.functions = with.text, with.nodes+1, with.functions
		for k, b := range with.members {
			out.members[k] = b
		}
	}
	for _, p := range e.Properties {
		var b bound
		if p.Value == nil { // {a} is short for {a: a}
			b = in.get(p.Key.Key())
		} else {
			b = c.of(p.Value, in)
		}
		out.text, out.nodes, out.functions = out.text+b.text, out.nodes+b.nodes, union(out.functions, b.functions)
		out.members[p.Key.Key()] = b
	}
	return out
}

// function gives the bound of a function: its type holds that of what it returns. Calling it to learn that also bounds
// functions that nobody calls, which the inference of types goes through all the same.
func (c *cost) function(e *ast.FunctionExpression, in *names) bound {
	f := &closure{e, in}
	return bound{text: 8, nodes: 1 + c.try(f).nodes, functions: []*closure{f}}
}

// try calls a function with unknown arguments, as the library does with each row.
func (c *cost) try(f *closure) bound { return c.apply(f, nil, nil) }

// call gives the bound of a call's result.
func (c *cost) call(e *ast.CallExpression, piped *bound, in *names) bound {
	callee := c.of(e.Callee, in)
	arguments := map[string]bound{}
	for _, a := range e.Arguments {
		object, ok := a.(*ast.ObjectExpression)
		if !ok {
			c.of(a, in)
			continue
		}
		for _, p := range object.Properties {
			if p.Value == nil {
				arguments[p.Key.Key()] = in.get(p.Key.Key())
			} else {
				arguments[p.Key.Key()] = c.of(p.Value, in)
			}
		}
	}
	if len(callee.functions) == 0 {
		return c.library(e, arguments, piped)
	}
	out := bound{nodes: 1}
	for i, f := range callee.functions {
		b := c.apply(f, arguments, piped)
		if i == 0 {
			out = b
		} else {
			out = either(out, b)
		}
	}
	return out
}

// library bounds a call of a function that is not the script's: what it gets from the script it may give back.
func (c *cost) library(e *ast.CallExpression, arguments map[string]bound, piped *bound) bound {
	out := bound{nodes: 1}
	if m, ok := e.Callee.(*ast.MemberExpression); ok && slices.Contains(textMakers, m.Property.Key()) {
		out.text = MaxText
	}
	take := func(b bound) {
		out.text += b.text
		for _, f := range b.functions {
			c.try(f)
		}
	}
	for _, b := range arguments {
		take(b)
	}
	if piped != nil {
		take(*piped)
	}
	return out
}

// apply calls a function of the script; arguments that are missing have their default or are unknown.
func (c *cost) apply(f *closure, arguments map[string]bound, piped *bound) bound {
	c.calls++
	switch {
	case c.calls > MaxCalls:
		c.refuse(refuse("the script's functions multiply: evaluating it takes more than the %d calls allowed", MaxCalls))
	case c.depth >= MaxCallDepth:
		c.refuse(refuse("more than %d calls inside one another", MaxCallDepth))
	}
	if c.err != nil {
		return small
	}
	c.depth++
	defer func() { c.depth-- }()
	local := &names{outer: f.names}
	for _, p := range f.literal.Params {
		name := p.Key.Key()
		b, given := arguments[name]
		_, pipe := p.Value.(*ast.PipeLiteral)
		switch {
		case given:
		case pipe && piped != nil:
			b = *piped
		case p.Value != nil && !pipe:
			b = c.of(p.Value, f.names)
		default:
			b = unknown
		}
		local.set(name, b)
	}
	switch body := f.literal.Body.(type) {
	case *ast.Block:
		return c.statements(body.Body, local)
	case ast.Expression:
		return c.of(body, local)
	default:
		return small
	}
}

// either bounds a value that is one of two.
func either(a, b bound) bound {
	out := bound{text: max(a.text, b.text), nodes: max(a.nodes, b.nodes), functions: union(a.functions, b.functions)}
	if a.members == nil || b.members == nil {
		return out
	}
	out.members = map[string]bound{}
	for k, x := range a.members {
		if y, ok := b.members[k]; ok {
			x = either(x, y)
		}
		out.members[k] = x
	}
	for k, y := range b.members {
		if _, ok := a.members[k]; !ok {
			out.members[k] = y
		}
	}
	return out
}

func union(a, b []*closure) []*closure {
	if len(a) == 0 {
		return b
	}
	out := slices.Clone(a)
	for _, f := range b {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

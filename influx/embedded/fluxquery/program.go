package fluxquery

import (
	"context"
	"fmt"
	"time"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/ast"
	"github.com/influxdata/flux/interpreter"
	"github.com/influxdata/flux/lang"
	"github.com/influxdata/flux/memory"
	"github.com/influxdata/flux/plan"
	"github.com/influxdata/flux/semantic"
	"github.com/influxdata/flux/values"
)

// The library evaluates a script as a whole, beside all of its own functions, and the time that the inference of types
// takes grows with the square of what it sees: 30 ms for the three windows of a chart. Here it sees one statement at a
// time, and of the library's functions those that the script names; the outcome is the same in a third of the time.

// compile evaluates a script and plans what it asks for.
func compile(ctx context.Context, script *ast.Package, now time.Time, alloc *memory.Allocator, physical ...plan.PhysicalOption) (flux.Program, error) {
	ctx = lang.ExecutionDependencies{Allocator: alloc}.Inject(ctx)
	streams, now, err := evaluate(ctx, script, now)
	if err != nil {
		return nil, err
	}
	spec, err := specOf(streams, now)
	if err != nil {
		return nil, err
	}
	builder := plan.PlannerBuilder{}
	builder.AddPhysicalOptions(physical...)
	planned, err := builder.Build().Plan(spec)
	if err != nil {
		return nil, err
	}
	return &lang.Program{PlanSpec: planned}, nil
}

// evaluate gives the streams of tables that a script ends in, and what now() is in it.
func evaluate(ctx context.Context, script *ast.Package, now time.Time) ([]*flux.TableObject, time.Time, error) {
	graph, err := semantic.New(script)
	if err != nil {
		return nil, now, err
	}
	parts, apart := statements(graph)
	library := flux.Prelude()
	if apart {
		library = library.Nest(nowObject(now))
	} else {
		library = library.Copy() // a script that sets options sets them here, and they end with it
		flux.SetNowOption(now)(library)
	}
	main := interpreter.NewPackage("")
	all := values.NewNestedScope(library, main)
	run := interpreter.NewInterpreter(main)
	importer, job := flux.StdLib(), workOf(ctx)
	var streams []*flux.TableObject
	for _, part := range parts {
		job.goOn()
		sees := &scope{all, job, namesIn(part)}
		if err := checkTypes(values.BuildExternAssignments(part, sees), importer); err != nil {
			return nil, now, err
		}
		effects, err := run.Eval(ctx, part, sees, importer)
		if err != nil {
			return nil, now, err
		}
		for _, e := range effects {
			if t, ok := e.Value.(*flux.TableObject); ok {
				streams = append(streams, t)
			}
		}
	}
	option, ok := all.Lookup(flux.NowOption)
	if !ok {
		return nil, now, fmt.Errorf("option %q is not set", flux.NowOption)
	}
	at, err := option.Function().Call(ctx, nil)
	if err != nil {
		return nil, now, err
	}
	return streams, at.Time().Time(), nil
}

// nowObject holds the function now(), which the script then finds before the library's.
func nowObject(now time.Time) values.Object {
	at := values.NewTime(values.ConvertTime(now))
	signature := semantic.NewFunctionPolyType(semantic.FunctionPolySignature{Return: semantic.Time})
	return values.NewObjectWithValues(map[string]values.Value{
		flux.NowOption: values.NewFunction(flux.NowOption, signature, func(context.Context, values.Object) (values.Value, error) { return at, nil }, false),
	})
}

// statements takes a script apart: its imports, and each of its statements. One that sets options stays whole, since these
// hold for a file.
func statements(script *semantic.Package) (parts []*semantic.Package, apart bool) {
	if len(script.Files) != 1 || len(script.Files[0].Body) == 0 {
		return []*semantic.Package{script}, false
	}
	file := script.Files[0]
	part := func(imports []*semantic.ImportDeclaration, body ...semantic.Statement) {
		parts = append(parts, &semantic.Package{Package: script.Package,
			Files: []*semantic.File{{Package: file.Package, Imports: imports, Body: body}}})
	}
	if len(file.Imports) > 0 {
		part(file.Imports)
	}
	for _, s := range file.Body {
		if _, ok := s.(*semantic.OptionStatement); ok {
			return []*semantic.Package{script}, false
		}
		part(nil, s)
	}
	return parts, true
}

// namesIn gives every name in a part of a script, whatever it stands for.
func namesIn(part semantic.Node) map[string]bool {
	names := map[string]bool{}
	semantic.Walk(semantic.CreateVisitor(func(n semantic.Node) {
		switch n := n.(type) {
		case *semantic.IdentifierExpression:
			names[n.Name] = true
		case *semantic.Identifier:
			names[n.Name] = true
		}
	}), part)
	return names
}

// specOf writes streams, and what they come from, as the operations of a query.
func specOf(streams []*flux.TableObject, now time.Time) (*flux.Spec, error) {
	out := &operations{spec: &flux.Spec{Now: now}, ids: map[*flux.TableObject]flux.OperationID{}}
	for _, t := range streams {
		out.add(t)
	}
	if len(out.spec.Operations) == 0 {
		return nil, refuse("the script asks for nothing: it has no expression that gives tables")
	}
	return out.spec, nil
}

// operations numbers the streams of a query, parents first.
type operations struct {
	spec *flux.Spec
	ids  map[*flux.TableObject]flux.OperationID
}

// ID implements flux.IDer.
func (o *operations) ID(t *flux.TableObject) flux.OperationID {
	id, ok := o.ids[t]
	if !ok {
		id = flux.OperationID(fmt.Sprintf("%s%d", t.Kind, len(o.ids)))
		o.ids[t] = id
	}
	return id
}

func (o *operations) add(t *flux.TableObject) {
	if _, done := o.ids[t]; done {
		return
	}
	var parents []*flux.TableObject
	t.Parents.Range(func(_ int, v values.Value) {
		p := v.(*flux.TableObject)
		o.add(p)
		parents = append(parents, p)
	})
	id := o.ID(t)
	for _, p := range parents {
		o.spec.Edges = append(o.spec.Edges, flux.Edge{Parent: o.ID(p), Child: id})
	}
	o.spec.Operations = append(o.spec.Operations, t.Operation(o))
}

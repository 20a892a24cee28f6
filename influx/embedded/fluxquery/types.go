package fluxquery

import (
	"reflect"

	"github.com/influxdata/flux/interpreter"
	"github.com/influxdata/flux/semantic"
)

// The library's inference of types misses one thing: a record that is to hold itself, as in (o) => [o, o.f]. It follows such a
// type for ever and ends the process, since Go cannot recover from a stack that is full. It also spells every type out, parts
// that are shared once for each place. So the constraints that it is going to solve are looked at first: what is equal is put
// together, and then no type may be inside itself, nor have too many parts.

// checkTypes refuses a part of a script, with what it sees around it, that has such a type.
func checkTypes(n semantic.Node, importer interpreter.Importer) error {
	constraints, err := semantic.GenerateConstraints(n, semantic.Annotate(n), importer)
	if err != nil {
		return err
	}
	// There is no other way to the constraints than by reflection; a test holds on to their form.
	c := reflect.ValueOf(constraints).Elem()
	t := &types{variables: map[int64]int{}}
	for kinds := c.FieldByName("kindConst").MapRange(); kinds.Next(); {
		v := t.variable(kinds.Key().Int())
		for i := range kinds.Value().Len() {
			if k := kinds.Value().Index(i).Elem(); k.Type() == objectKind {
				t.equal(v, t.record(k))
			}
		}
	}
	equations := c.FieldByName("typeConst")
	if equations.Len() > MaxEquations {
		return refuse("a statement of the script is too long: %d relations between types are more than the %d allowed", equations.Len(), MaxEquations)
	}
	for i := range equations.Len() {
		e := equations.Index(i)
		t.equal(t.add(e.FieldByName("l")), t.add(e.FieldByName("r")))
	}
	for i := range t.parts {
		size, ok := t.size(t.find(i))
		switch {
		case !ok:
			return refuse("the script has a record or an array that would hold itself")
		case size > MaxTypeNodes:
			return refuse("the script has a value whose type has more than the %d parts allowed", MaxTypeNodes)
		}
	}
	return nil
}

var (
	typeVariable = reflect.TypeFor[semantic.Tvar]()
	nullable     = reflect.TypeFor[semantic.NullableTvar]()
	objectKind   = reflect.TypeFor[semantic.ObjectKind]()
)

// types are sets of types that are equal, each with its parts by their labels.
type types struct {
	variables map[int64]int
	sets      []int // the set that a type was put together with; itself for one that speaks for its set
	parts     []map[string]int
	sizes     []int // 0: not known yet, -1: being found out
}

func (t *types) fresh(parts map[string]int) int {
	t.sets, t.parts, t.sizes = append(t.sets, len(t.sets)), append(t.parts, parts), append(t.sizes, 0)
	return len(t.sets) - 1
}

func (t *types) variable(name int64) int {
	v, ok := t.variables[name]
	if !ok {
		v = t.fresh(nil)
		t.variables[name] = v
	}
	return v
}

// add takes a type of the library.
func (t *types) add(v reflect.Value) int {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return t.fresh(nil)
		}
		v = v.Elem()
	}
	switch {
	case v.Type() == typeVariable:
		return t.variable(v.Int())
	case v.Type() == nullable:
		return t.variable(v.Field(0).Int())
	case v.Type() == objectKind:
		return t.record(v)
	case v.Kind() != reflect.Struct:
		return t.fresh(nil)
	}
	if record := v.FieldByName("krecord"); record.IsValid() {
		return t.record(record)
	}
	parts := map[string]int{}
	if element := v.FieldByName("typ"); element.IsValid() {
		parts["[]"] = t.add(element)
	}
	if result := v.FieldByName("ret"); result.IsValid() {
		parts["=>"] = t.add(result)
		for p := v.FieldByName("parameters").MapRange(); p.Next(); {
			parts["("+p.Key().String()] = t.add(p.Value())
		}
	}
	return t.fresh(parts)
}

func (t *types) record(v reflect.Value) int {
	parts := map[string]int{}
	for p := v.FieldByName("properties").MapRange(); p.Next(); {
		parts["."+p.Key().String()] = t.add(p.Value())
	}
	return t.fresh(parts)
}

func (t *types) find(i int) int {
	for t.sets[i] != i {
		t.sets[i] = t.sets[t.sets[i]]
		i = t.sets[i]
	}
	return i
}

// equal puts two types together, and their parts of the same label.
func (t *types) equal(a, b int) {
	for todo := [][2]int{{a, b}}; len(todo) > 0; {
		a, b := t.find(todo[len(todo)-1][0]), t.find(todo[len(todo)-1][1])
		todo = todo[:len(todo)-1]
		if a == b {
			continue
		}
		if len(t.parts[a]) < len(t.parts[b]) {
			a, b = b, a
		}
		t.sets[b] = a
		for label, part := range t.parts[b] {
			if other, ok := t.parts[a][label]; ok {
				todo = append(todo, [2]int{other, part})
			} else {
				t.parts[a][label] = part
			}
		}
		t.parts[b] = nil
	}
}

// size counts the parts of a type, spelled out; it is not ok if the type is inside itself.
func (t *types) size(set int) (size int, ok bool) {
	if n := t.sizes[set]; n != 0 {
		return n, n > 0
	}
	t.sizes[set] = -1
	size = 1
	for _, part := range t.parts[set] {
		n, ok := t.size(t.find(part))
		if !ok {
			return 0, false
		}
		size = min(size+n, MaxTypeNodes+1)
	}
	t.sizes[set] = size
	return size, true
}

package fluxquery

import (
	"github.com/influxdata/flux/semantic"
	"github.com/influxdata/flux/values"
)

// scope is what a part of a script sees. The interpreter, and whatever runs a function of the script for each row, come
// through it for every name, argument and call, so that this is where both are stopped: when the query's context ends, and
// when a string has grown too long.
type scope struct {
	values.Scope
	job *work
	// names are shown to who lists the scope, which the inference of types does: those that the part mentions. Who looks for
	// a name finds every one.
	names map[string]bool
}

func (s *scope) with(inner values.Scope) values.Scope {
	if inner == nil {
		return nil
	}
	return &scope{inner, s.job, s.names}
}

// Lookup implements values.Scope.
func (s *scope) Lookup(name string) (values.Value, bool) {
	s.job.goOn()
	return s.Scope.Lookup(name)
}

// Set implements values.Scope.
func (s *scope) Set(name string, v values.Value) {
	s.job.goOn()
	s.checkLength(v)
	s.Scope.Set(name, v)
}

// LocalRange implements values.Scope.
func (s *scope) LocalRange(f func(string, values.Value)) {
	s.Scope.LocalRange(func(name string, v values.Value) {
		if s.names[name] {
			f(name, v)
		}
	})
}

// Nest implements values.Scope.
func (s *scope) Nest(o values.Object) values.Scope {
	s.job.goOn()
	return s.with(s.Scope.Nest(o))
}

// Pop implements values.Scope.
func (s *scope) Pop() values.Scope { return s.with(s.Scope.Pop()) }

// Copy implements values.Scope.
func (s *scope) Copy() values.Scope { return s.with(s.Scope.Copy()) }

// checkLength stops who keeps too long a string, as it is or in an object: a row, or what reduce() carries from row to row.
func (s *scope) checkLength(v values.Value) {
	if v == nil || v.IsNull() {
		return
	}
	switch v.PolyType().Nature() {
	case semantic.String:
		s.checkText(v.Str())
	case semantic.Object:
		v.Object().Range(func(_ string, member values.Value) {
			if member != nil && !member.IsNull() && member.PolyType() == semantic.String {
				s.checkText(member.Str())
			}
		})
	}
}

func (s *scope) checkText(text string) {
	if len(text) > MaxText {
		s.job.stop(refuse("the script makes a string of more than the %d bytes allowed", MaxText))
	}
}

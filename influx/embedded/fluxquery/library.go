package fluxquery

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/semantic"
	"github.com/influxdata/flux/values"
)

// Limits of what one call of a library function may make.
const (
	MaxText     = 256 << 10 // bytes of a string
	MaxElements = 10_000    // of an array: bins, the parts of a split string
	MaxPoints   = 100_000   // that a moving average and its like look back on
	MaxPattern  = 1000      // bytes of a pattern that regexp.compile takes
	MaxRows     = 1 << 40   // that limit() and tail() count
)

// textMakers are the library's functions that may make much text of little.
var textMakers = []string{"repeat", "replace", "replaceAll", "joinStr", "replaceAllString"}

type callable = values.Function

// boundedFunction is a function of the library with a look at its arguments before and at its result after the call.
type boundedFunction struct {
	callable
	before func(name string, args values.Object) error
	name   string
}

// Function implements values.Value.
func (f boundedFunction) Function() values.Function { return f }

// Call implements values.Function.
func (f boundedFunction) Call(ctx context.Context, args values.Object) (values.Value, error) {
	if f.before != nil {
		if err := f.before(f.name, args); err != nil {
			return nil, err
		}
	}
	v, err := f.callable.Call(ctx, args)
	if err != nil {
		return nil, err
	}
	return v, checkResult(f.name, v)
}

func checkResult(name string, v values.Value) error {
	if v == nil || v.IsNull() {
		return nil
	}
	switch v.Type().Nature() {
	case semantic.String:
		return checkText(name, float64(len(v.Str())))
	case semantic.Array:
		if n := v.Array().Len(); n > MaxElements {
			return refuse("%s: %d elements are more than the %d allowed", name, n, MaxElements)
		}
	}
	return nil
}

func checkText(name string, n float64) error {
	if n > MaxText {
		return refuse("%s: the result must have at most %d bytes", name, MaxText)
	}
	return nil
}

// boundLibrary puts limits on the library's functions that allocate or work by the size of an argument.
func boundLibrary() {
	limitCalls("universe", between(0, MaxElements, "count"), "linearBins", "logarithmicBins")
	limitCalls("universe", between(1, MaxPoints, "n"), "movingAverage", "exponentialMovingAverage", "kaufmansAMA",
		"chandeMomentumOscillator", "relativeStrengthIndex", "tripleExponentialDerivative")
	limitCalls("universe", between(0, MaxRows, "n", "offset"), "limit", "tail")
	limitCalls("universe", compression, "quantile")
	limitCalls("strings", repeated, "repeat")
	limitCalls("strings", replaced, "replace", "replaceAll")
	limitCalls("strings", joined, "joinStr")
	limitCalls("strings", nil, "title", "toUpper", "toLower", "toTitle", "split", "splitAfter", "splitN", "splitAfterN")
	limitCalls("regexp", pattern, "compile")
	limitCalls("regexp", nil, "quoteMeta", "splitRegexp")
	limitCalls("regexp", replacedPattern, "replaceAllString")

	// holtWinters fits by trial with no end in sight; sleep keeps a place among the queries for nothing; json opens files.
	remove("universe", "holtWinters")
	remove("universe", "sleep")
	remove("influxdata/influxdb/v1", "json")
}

// library gives a function of the library before FinalizeBuiltIns.
func library(pkg, name string) values.Function {
	p, ok := flux.StdLib().ImportPackageObject(pkg)
	if !ok {
		panic(fmt.Sprintf("flux: there is no package %s", pkg))
	}
	v, ok := p.Get(name)
	if !ok {
		panic(fmt.Sprintf("flux: there is no function %s.%s", pkg, name))
	}
	return v.Function()
}

func limitCalls(pkg string, before func(string, values.Object) error, names ...string) {
	for _, name := range names {
		flux.ReplacePackageValue(pkg, name, boundedFunction{library(pkg, name), before, name})
	}
}

// remove replaces a function by one of the same type that refuses.
func remove(pkg, name string) {
	f := library(pkg, name)
	flux.ReplacePackageValue(pkg, name, values.NewFunction(name, f.PolyType(), func(context.Context, values.Object) (values.Value, error) {
		return nil, refuse("%s() is not available in the embedded InfluxDB", name)
	}, false))
}

// between wants integer arguments, those that are given, to be between two numbers.
func between(low, high int64, arguments ...string) func(string, values.Object) error {
	return func(name string, args values.Object) error {
		for _, a := range arguments {
			if n, ok := integer(args, a); ok && (n < low || n > high) {
				return refuse("%s: %s must be between %d and %d", name, a, low, high)
			}
		}
		return nil
	}
}

func compression(name string, args values.Object) error {
	v, ok := args.Get("compression")
	if ok && v.Type() == semantic.Float && !(v.Float() >= 0 && v.Float() <= 10_000) {
		return refuse("%s: compression must be between 0 and 10000", name)
	}
	return nil
}

func repeated(name string, args values.Object) error {
	i, ok := integer(args, "i")
	if ok && i < 0 {
		return refuse("%s: i must not be negative", name)
	}
	return checkText(name, float64(len(text(args, "v")))*float64(i))
}

func replaced(name string, args values.Object) error {
	v, t, u := text(args, "v"), text(args, "t"), text(args, "u")
	n := strings.Count(v, t)
	if i, ok := integer(args, "i"); ok && i >= 0 {
		n = int(min(int64(n), i))
	}
	return checkText(name, float64(len(v))+float64(n)*float64(len(u)-len(t)))
}

func joined(name string, args values.Object) error {
	v, ok := args.Get("arr")
	if !ok || v.Type().Nature() != semantic.Array {
		return nil
	}
	sum := 0.0
	v.Array().Range(func(_ int, part values.Value) {
		if part.Type() == semantic.String {
			sum += float64(len(part.Str()) + len(text(args, "v")))
		}
	})
	return checkText(name, sum-float64(len(text(args, "v"))))
}

func pattern(name string, args values.Object) error {
	if len(text(args, "v")) > MaxPattern {
		return refuse("%s: a pattern must have at most %d bytes", name, MaxPattern)
	}
	return nil
}

// replacedPattern does not search twice: a match may be anywhere, and a $ may stand for a whole match.
func replacedPattern(name string, args values.Object) error {
	v, t := float64(len(text(args, "v"))), text(args, "t")
	if (v+1)*float64(len(t))+v*float64(strings.Count(t, "$")) > MaxValue {
		return refuse("%s: the result may have more than %d bytes", name, MaxValue)
	}
	return nil
}

func integer(args values.Object, name string) (int64, bool) {
	v, ok := args.Get(name)
	if !ok || v.Type() != semantic.Int {
		return 0, false
	}
	return v.Int(), true
}

func text(args values.Object, name string) string {
	v, ok := args.Get(name)
	if !ok || v.IsNull() || v.Type() != semantic.String {
		return ""
	}
	return v.Str()
}

// checkRepetitions refuses a script with regular expressions that take much memory for their repetitions: the parser
// compiles them, and a thousand nested in a few bytes are a program of megabytes.
func checkRepetitions(script string) error {
	sum := 0
	for i := 0; i < len(script); i++ {
		if script[i] != '{' && script[i] != ',' {
			continue
		}
		n, j := 0, i+1
		for j < len(script) && script[j] >= '0' && script[j] <= '9' && n < math.MaxInt32/10-9 {
			n, j = n*10+int(script[j]-'0'), j+1
		}
		if j > i+1 && j < len(script) && (script[j] == '}' || script[i] == '{' && script[j] == ',') {
			sum += min(n, 1000)
		}
	}
	if sum > MaxRepetitions {
		return refuse("the regular expressions of the script repeat more than the %d times allowed", MaxRepetitions)
	}
	return nil
}

// MaxRepetitions is the sum of the numbers in {n} and {n,m} of all regular expressions.
const MaxRepetitions = 10_000

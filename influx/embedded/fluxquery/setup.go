package fluxquery

import (
	"sync"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/execute"
	"github.com/influxdata/flux/plan"
	"github.com/influxdata/flux/semantic"
	fluxinfluxdb "github.com/influxdata/flux/stdlib/influxdata/influxdb"
	fluxv1 "github.com/influxdata/flux/stdlib/influxdata/influxdb/v1"
	"github.com/influxdata/flux/stdlib/universe"

	// The packages a script may import. What is not listed here does not exist for it: no http, sql, csv,
	// socket, kafka or secrets, so that a query reaches nothing outside.
	_ "github.com/influxdata/flux/stdlib/date"
	_ "github.com/influxdata/flux/stdlib/experimental"
	_ "github.com/influxdata/flux/stdlib/experimental/aggregate"
	_ "github.com/influxdata/flux/stdlib/json"
	_ "github.com/influxdata/flux/stdlib/math"
	_ "github.com/influxdata/flux/stdlib/regexp"
	_ "github.com/influxdata/flux/stdlib/runtime"
	_ "github.com/influxdata/flux/stdlib/strings"
	_ "github.com/influxdata/flux/stdlib/system"
	_ "github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb"
	_ "github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb/v1"
)

// The Flux runtime keeps its functions, sources and rules in variables of its own packages, so it can be set up only once
// in a process, whatever the number of engines.
var prepareOnce = sync.OnceValue(func() <-chan struct{} {
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		prepare()
	}()
	return ready
})

// prepare takes about two seconds of CPU, nearly all of it in FinalizeBuiltIns.
func prepare() {
	flux.ReplacePackageValue("influxdata/influxdb", fluxinfluxdb.FromKind, fromFunction())
	flux.ReplacePackageValue("influxdata/influxdb", fluxinfluxdb.BucketsKind,
		missingFunction(fluxinfluxdb.BucketsKind, semantic.FunctionPolySignature{Return: flux.TableObjectType}))
	flux.ReplacePackageValue("influxdata/influxdb", fluxinfluxdb.ToKind,
		missingFunction(fluxinfluxdb.ToKind, fluxinfluxdb.ToSignature))
	flux.ReplacePackageValue("influxdata/influxdb/v1", fluxv1.DatabasesKind,
		missingFunction(fluxv1.DatabasesKind, fluxv1.DatabasesSignature))

	boundLibrary()

	execute.ReplaceTransformation(universe.WindowKind, createWindow)
	execute.ReplaceTransformation(universe.MapKind, createMap)
	execute.RegisterSource(windowSourceKind, createWindowSource)
	plan.RegisterPhysicalRules(windowRule{}, &sourceNameRule{})

	flux.FinalizeBuiltIns()
}

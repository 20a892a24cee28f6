package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows is the direction of imports between the rooms of the house: a room imports what stands here and no other
// room. A room that is not listed imports none.
var arrows = map[string][]string{
	"ledger":          {},
	"devices":         {"ledger"},
	"telemetry":       {"devices"},
	"people":          {"ledger"},
	"emulator":        {"devices", "telemetry"},
	"static":          {},
	"views":           {"devices", "telemetry", "people", "static"},
	"handlers":        {"devices", "telemetry", "people", "ledger", "emulator", "views", "static"},
	"influx":          {"devices", "telemetry", "people", "ledger", "emulator"},
	"influx/embedded": {},
}

// free are the rooms that may know all: the program itself, and what looks at it from outside.
var free = []string{"web", "bench", "e2e"}

type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// room is the longest listed folder that holds the package; "" for packages that are none of ours.
func room(importPath string) string {
	path, ours := strings.CutPrefix(importPath, "iotcenter/")
	if !ours {
		return ""
	}
	if strings.HasPrefix(path, "influx/embedded") {
		return "influx/embedded"
	}
	first, _, _ := strings.Cut(path, "/")
	return first
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// TestArrows holds the imports of all rooms to the table.
func TestArrows(t *testing.T) {
	packages := listPackages(t)
	if len(packages) < 5 {
		t.Fatalf("only %d packages were found", len(packages))
	}
	for _, p := range packages {
		from := room(p.ImportPath)
		if from == "" || slices.Contains(free, from) {
			continue
		}
		for _, imported := range p.Imports {
			to := room(imported)
			switch {
			case to == "" || to == from:
			case from == "influx" && strings.HasPrefix(p.ImportPath, "iotcenter/influx/influxtest"):
				// A helper of tests: it opens an embedded database for them.
			case !slices.Contains(arrows[from], to):
				t.Errorf("%s imports %s: %s may not know %s", p.ImportPath, imported, from, to)
			}
		}
	}
}

// TestDomainsImportTheStandardLibraryAlone: the domain outlives every library, except for the formats it speaks.
func TestDomainsImportTheStandardLibraryAlone(t *testing.T) {
	allowed := map[string][]string{
		"devices": {"github.com/google/uuid"},
		"telemetry": {"github.com/influxdata/line-protocol/v2/", "github.com/google/uuid", "github.com/go-json-experiment/json/jsontext",
			"github.com/influxdata/influxql", "github.com/itlightning/dateparse"},
		"people": {"golang.org/x/crypto/argon2"},
	}
	for _, p := range listPackages(t) {
		from := room(p.ImportPath)
		if from != "ledger" && from != "devices" && from != "telemetry" && from != "emulator" && from != "people" {
			continue
		}
		for _, imported := range p.Imports {
			first, _, _ := strings.Cut(imported, "/")
			if !strings.Contains(first, ".") || slices.ContainsFunc(allowed[from], func(prefix string) bool { return strings.HasPrefix(imported, prefix) }) {
				continue
			}
			t.Errorf("%s imports %s", p.ImportPath, imported)
		}
	}
}

// TestOnlyInfluxKnowsTheDatabase: the client and the engine stay behind their doors.
func TestOnlyInfluxKnowsTheDatabase(t *testing.T) {
	for _, p := range listPackages(t) {
		from := room(p.ImportPath)
		if from == "" || from == "keep" || from == "bench" || from == "e2e" {
			continue
		}
		for _, imported := range p.Imports {
			switch {
			case strings.HasPrefix(imported, "github.com/influxdata/influxdb-client-go/") && from != "influx",
				strings.HasPrefix(imported, "github.com/influxdata/influxdb/") && from != "influx/embedded",
				strings.HasPrefix(imported, "github.com/influxdata/flux/") && from != "influx/embedded":
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// TestPagesDoNoInputAndOutput: views draw what they are given.
func TestPagesDoNoInputAndOutput(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.ImportPath != "iotcenter/views" { // its generators are programs of their own
			continue
		}
		for _, never := range []string{"net/http", "os", "database/sql"} {
			if slices.Contains(p.Imports, never) {
				t.Errorf("%s imports %s", p.ImportPath, never)
			}
		}
	}
}

package differential

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// row is cells as text; numbers are compared as numbers.
type row []string

// table is a Flux table, or a series of InfluxQL.
type table struct {
	name    string // result and group key, or statement, measurement and tags
	columns string
	rows    []row
}

func (t table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %d rows\n", t.name, t.columns, len(t.rows))
	for _, r := range t.rows[:min(len(t.rows), 6)] {
		fmt.Fprintf(&b, "    %s\n", strings.Join(r, " | "))
	}
	return b.String()
}

type fluxAnswer struct {
	tables []table
	failed string // the error's message
}

type qlAnswer struct {
	tables []table
	failed []string // by statement
}

// sameCell compares two cells; floats within 1e-12 of each other.
func sameCell(a, b string) bool {
	if a == b {
		return true
	}
	if !strings.ContainsAny(a+b, ".eE") {
		return false // whole numbers, text and times are exact
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= 1e-12*max(math.Abs(x), math.Abs(y))
}

// compareTables says where two lists of tables differ; "" if nowhere. ordered: the order of tables and rows is promised.
func compareTables(ours, theirs []table, ordered bool) string {
	if !ordered {
		ours, theirs = sorted(ours), sorted(theirs)
	}
	names := func(list []table) (out []string) {
		for _, t := range list {
			out = append(out, t.name+": "+t.columns)
		}
		return out
	}
	if a, b := names(ours), names(theirs); !slices.Equal(a, b) {
		return fmt.Sprintf("tables\n  ours:   %s\n  theirs: %s", shorten(a), shorten(b))
	}
	for i := range ours {
		a, b := ours[i], theirs[i]
		if len(a.rows) != len(b.rows) {
			return fmt.Sprintf("number of rows\n  ours:   %s  theirs: %s", a, b)
		}
		for j := range a.rows {
			if !slices.EqualFunc(a.rows[j], b.rows[j], sameCell) {
				return fmt.Sprintf("%s: %s: row %d\n  ours:   %v\n  theirs: %v", a.name, a.columns, j, a.rows[j], b.rows[j])
			}
		}
	}
	return ""
}

func shorten(list []string) string {
	text := strings.Join(list, "\n          ")
	return text[:min(len(text), 1500)]
}

// sorted puts tables and rows in an order that floats decide last: two that are nearly equal may sort differently.
func sorted(in []table) []table {
	out := slices.Clone(in)
	for i := range out {
		out[i].rows = slices.Clone(out[i].rows)
		slices.SortFunc(out[i].rows, func(a, b row) int {
			return cmp.Or(slices.CompareFunc(a, b, func(x, y string) int {
				if strings.ContainsAny(x+y, ".") && sameCell(x, x+"0") {
					return 0
				}
				return strings.Compare(x, y)
			}), slices.CompareFunc(a, b, func(x, y string) int {
				f, _ := strconv.ParseFloat(x, 64)
				g, _ := strconv.ParseFloat(y, 64)
				return cmp.Compare(f, g)
			}))
		})
	}
	slices.SortFunc(out, func(a, b table) int { return strings.Compare(a.name+a.columns, b.name+b.columns) })
	return out
}

// readInfluxQL reads an answer, whole or in chunks.
func readInfluxQL(t *testing.T, r reply) (out qlAnswer) {
	t.Helper()
	type series struct {
		Name    string
		Tags    map[string]string
		Columns []string
		Values  [][]json.RawMessage
	}
	if r.status != 200 { // then InfluxDB 2.x answers in its own form
		out.failed = []string{string(r.body)}
		return out
	}
	partial := false
	for dec := json.NewDecoder(bytes.NewReader(r.body)); ; {
		var a struct {
			Error   string
			Results []struct {
				Statement int `json:"statement_id"`
				Error     string
				Partial   bool
				Series    []series
			}
		}
		if err := dec.Decode(&a); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("InfluxQL answer: %v in %.300s", err, r.body)
		}
		if a.Error != "" {
			out.failed = append(out.failed, a.Error)
		}
		for _, result := range a.Results {
			if result.Error != "" {
				out.failed = append(out.failed, fmt.Sprintf("statement %d: %s", result.Statement, result.Error))
			}
			for _, s := range result.Series {
				name := fmt.Sprintf("%d %s", result.Statement, s.Name)
				for _, k := range slices.Sorted(maps.Keys(s.Tags)) {
					name += fmt.Sprintf(" %s=%q", k, s.Tags[k])
				}
				columns := strings.Join(s.Columns, ",")
				if last := len(out.tables) - 1; !partial || last < 0 || out.tables[last].name != name || out.tables[last].columns != columns {
					out.tables = append(out.tables, table{name: name, columns: columns})
				}
				into := &out.tables[len(out.tables)-1]
				for _, values := range s.Values {
					cells := make(row, len(values))
					for i, v := range values {
						cells[i] = string(v)
					}
					into.rows = append(into.rows, cells)
				}
			}
			partial = result.Partial
		}
	}
}

// compareInfluxQL knows that InfluxQL promises the order of series and of times, and nothing about rows of one time.
func compareInfluxQL(ours, theirs qlAnswer) string {
	if len(ours.failed) != len(theirs.failed) {
		return fmt.Sprintf("errors\n  ours:   %s\n  theirs: %s", strings.Join(ours.failed, "; "), strings.Join(theirs.failed, "; "))
	}
	return compareTables(byTime(ours.tables), byTime(theirs.tables), true)
}

func byTime(in []table) []table {
	out := slices.Clone(in)
	for i, t := range out {
		if !strings.HasPrefix(t.columns, "time") {
			continue
		}
		out[i].rows = nil
		for start := 0; start < len(t.rows); {
			stop := start
			for stop < len(t.rows) && t.rows[stop][0] == t.rows[start][0] {
				stop++
			}
			out[i].rows = append(out[i].rows, sorted([]table{{rows: t.rows[start:stop]}})[0].rows...)
			start = stop
		}
	}
	return out
}

// readFlux reads annotated CSV with the annotations datatype, group and default.
func readFlux(t *testing.T, r reply) (out fluxAnswer) {
	t.Helper()
	if r.status != 200 {
		var e struct{ Message string }
		if err := json.Unmarshal(r.body, &e); err != nil {
			t.Fatalf("Flux error %d: %v in %.300s", r.status, err, r.body)
		}
		out.failed = e.Message
		return out
	}
	in := csv.NewReader(bytes.NewReader(r.body))
	in.FieldsPerRecord = -1
	var types, group, defaults, names []string
	header := true
	found := map[string]*table{}
	for {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("Flux answer: %v in %.300s", err, r.body)
		}
		switch {
		case cells[0] == "#datatype":
			types, header = cells, true
		case cells[0] == "#group":
			group = cells
		case cells[0] == "#default":
			defaults = cells
		case header:
			names, header = cells, false
		case slices.Contains(names, "error") && slices.Contains(names, "reference"):
			out.failed = strings.Join(cells, " ")
		default:
			var key, columns []string
			values := map[string]string{}
			for i, name := range names {
				if name == "" || name == "table" {
					continue
				}
				value := cells[i]
				if value == "" && i < len(defaults) {
					value = defaults[i]
				}
				if name == "result" || group[i] == "true" {
					key = append(key, name+"="+value)
				}
				columns = append(columns, name+" "+types[i])
				values[name+" "+types[i]] = value
			}
			slices.Sort(key)
			slices.Sort(columns)
			id := strings.Join(key, " ") + strings.Join(columns, ",")
			if found[id] == nil {
				found[id] = &table{name: strings.Join(key, " "), columns: strings.Join(columns, ",")}
			}
			var cells row
			for _, c := range columns {
				cells = append(cells, values[c])
			}
			found[id].rows = append(found[id].rows, cells)
		}
	}
	for _, t := range found {
		out.tables = append(out.tables, *t)
	}
	return out
}

// compareFlux knows that Flux promises no order of tables, and an order of rows only after sort().
func compareFlux(ours, theirs fluxAnswer, ordered bool) string {
	if (ours.failed == "") != (theirs.failed == "") {
		return fmt.Sprintf("errors\n  ours:   %s\n  theirs: %s", ours.failed, theirs.failed)
	}
	a, b := slices.Clone(ours.tables), slices.Clone(theirs.tables)
	if ordered { // of rows; tables are in no order
		byName := func(a, b table) int { return strings.Compare(a.name+a.columns, b.name+b.columns) }
		slices.SortFunc(a, byName)
		slices.SortFunc(b, byName)
	}
	return compareTables(a, b, ordered)
}

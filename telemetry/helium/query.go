package helium

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"iotcenter/devices"
)

// The parameters of a read.
const (
	pageIDParameter   = "page[id]"
	pageSizeParameter = "page[size]"
	portParameter     = "filter[port]"
	startParameter    = "filter[start]"
	endParameter      = "filter[end]"
	aggTypeParameter  = "agg[type]"
	aggSizeParameter  = "agg[size]"
)

// maxFilterPorts is how many ports a filter may name.
const maxFilterPorts = 100

// Query is a read.
type Query struct {
	Selection
	PageID uuid.UUID // uuid.Nil: from the newest
	Size   int
	Agg    []string      // in the order of the request, of min, max, avg; nil: the points themselves
	Every  time.Duration // with Agg
	// Kept are the filter and agg parameters as they came, first of each, for links; page[size] is added by links.
	Kept url.Values
}

// ParseQuery reads the parameters of a read; of a repeated one the first counts, unknown ones are passed over. A range
// that ends before it starts is none to complain about: it has no points. Its error is a *ParameterError.
func ParseQuery(owner devices.ID, q url.Values) (Query, error) {
	query := Query{Selection: Selection{Owner: owner}, Size: DefaultPage, Kept: url.Values{}}
	for _, p := range []struct {
		name string
		read func(text string) (problem string)
		kept bool
	}{
		{pageIDParameter, query.readPageID, false},
		{pageSizeParameter, query.readPageSize, false},
		{portParameter, query.readPorts, true},
		{startParameter, readTime(&query.Start), true},
		{endParameter, readTime(&query.End), true},
		{aggTypeParameter, query.readAggTypes, true},
		{aggSizeParameter, query.readAggSize, true},
	} {
		values, given := q[p.name]
		if !given || len(values) == 0 {
			continue
		}
		if problem := p.read(values[0]); problem != "" {
			return Query{}, &ParameterError{p.name, problem}
		}
		if p.kept {
			query.Kept[p.name] = values[:1:1]
		}
	}
	switch {
	case query.Agg != nil && query.Every == 0:
		return Query{}, &ParameterError{aggSizeParameter, "is missing beside agg[type]"}
	case query.Agg == nil && query.Every != 0:
		return Query{}, &ParameterError{aggTypeParameter, "is missing beside agg[size]"}
	}
	return query, nil
}

func (q *Query) readPageID(text string) string {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len(uuid.Nil.String()) {
		return "is no UUID"
	}
	if id == uuid.Nil {
		// In a Query this one stands for "from the newest"; any other UUID that is no point's is as unknown as this one.
		id = uuid.Max
	}
	q.PageID = id
	return ""
}

func (q *Query) readPageSize(text string) string {
	n, err := strconv.Atoi(text)
	if _, plain := digits(text); err != nil || !plain || n < 1 || n > MaxPage {
		return fmt.Sprintf("is no number from 1 to %d", MaxPage)
	}
	q.Size = n
	return ""
}

func (q *Query) readPorts(text string) string {
	seen := map[string]bool{}
	for port := range strings.SplitSeq(text, ",") {
		if seen[port] {
			continue
		}
		switch problem := checkPort(port); {
		case port == "":
			return "has an empty name"
		case problem != "":
			return "names a port that " + problem
		case len(seen) == maxFilterPorts:
			return fmt.Sprintf("names more than %d ports", maxFilterPorts)
		}
		seen[port] = true
		q.Ports = append(q.Ports, port)
	}
	return ""
}

func readTime(to *time.Time) func(text string) string {
	return func(text string) (problem string) {
		*to, problem = parseTimestamp(text)
		return problem
	}
}

func (q *Query) readAggTypes(text string) string {
	for kind := range strings.SplitSeq(text, ",") {
		switch kind {
		case "min", "max", "avg":
		default:
			return "is no list of min, max and avg"
		}
		if !slices.Contains(q.Agg, kind) {
			q.Agg = append(q.Agg, kind)
		}
	}
	return ""
}

func (q *Query) readAggSize(text string) string {
	switch text {
	case "m", "h", "d":
		text = "1" + text
	}
	for _, size := range aggSizes {
		if size.name == text {
			q.Every = size.length
			return ""
		}
	}
	return "is not one of 1m, 2m, 5m, 10m, 30m, 1h, 6h, 12h, 1d"
}

// aggSizes are the widths of buckets. Each divides a day, so buckets lie on the grid of the UTC day.
var aggSizes = []struct {
	name   string
	length time.Duration
}{
	{"1m", time.Minute},
	{"2m", 2 * time.Minute},
	{"5m", 5 * time.Minute},
	{"10m", 10 * time.Minute},
	{"30m", 30 * time.Minute},
	{"1h", time.Hour},
	{"6h", 6 * time.Hour},
	{"12h", 12 * time.Hour},
	{"1d", 24 * time.Hour},
}

package smart

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"iotcenter/telemetry"
)

// The dialect's own defaults.
const (
	defaultMeasurement = telemetry.Telemetry
	defaultStart       = "7d"
	defaultFunction    = telemetry.FnMean
)

// maxLimit is the largest limit. Nothing has so many rows.
const maxLimit = 1_000_000_000

// Defaults stand in for parameters that a request leaves out; the zero value is the dialect's own.
type Defaults struct {
	Measurement string
	Fields      []string // of Measurement: they do not stand in where a request names another one
	Start       string   // an age such as "30d", or a time of the dialect; "" is 7d
}

// Query is a read as the dialect understands it.
type Query struct {
	telemetry.RowsQuery
	IMEI  string // product_imei of the tags, which Tags is without; "" if there is none
	Named bool   // the fields were asked for by name: each is in the answer, also without a value
}

// The parameters of a read. The original's documentation misspells one, and programs were written by it.
const (
	paramStart       = "start"
	paramEnd         = "end"
	paramFields      = "fields"
	paramMeasurement = "measurement"
	paramLimit       = "limit"
	paramWhere       = "where"
	paramTags        = "tags"
	paramInterval    = "ds_interval"
	paramFunction    = "ds_function"
	paramFunctionBis = "ds_fucntion"
)

var parameters = []string{paramStart, paramEnd, paramFields, paramMeasurement, paramLimit, paramWhere, paramTags, paramInterval, paramFunction}

// ParseQuery reads the parameters of a read. An empty value counts as not given; a parameter that does not exist is
// refused, since a slip in a name would read everything. Its error is a *BadRequestError that names the parameter.
func ParseQuery(q url.Values, d Defaults, now time.Time) (Query, error) {
	query, problem := parseQuery(q, d, now)
	if problem != nil {
		return Query{}, problem
	}
	return query, nil
}

func parseQuery(values url.Values, d Defaults, now time.Time) (q Query, problem *BadRequestError) {
	given, problem := given(values)
	if problem != nil {
		return q, problem
	}
	if q.Measurement, problem = queryMeasurement(one(given, paramMeasurement), d); problem != nil {
		return q, problem.at(paramMeasurement)
	}
	if q.Fields, q.Named, problem = queryFields(given[paramFields], q.Measurement, d); problem != nil {
		return q, problem.at(paramFields)
	}
	if problem = q.times(one(given, paramStart), one(given, paramEnd), d, now); problem != nil {
		return q, problem
	}
	if q.Limit, problem = queryLimit(one(given, paramLimit)); problem != nil {
		return q, problem.at(paramLimit)
	}
	where, err := ParseWhere(one(given, paramWhere))
	if err != nil {
		return q, err.(*BadRequestError)
	}
	q.Where = where
	if q.Tags, q.IMEI, problem = queryTags(one(given, paramTags)); problem != nil {
		return q, problem.at(paramTags)
	}
	return q, q.downsampling(one(given, paramInterval), one(given, paramFunction), one(given, paramFunctionBis))
}

// given sorts out the parameters that have a value.
func given(values url.Values) (map[string][]string, *BadRequestError) {
	out := map[string][]string{}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range values {
			if !yield(name) {
				return
			}
		}
	}) {
		all := slices.DeleteFunc(slices.Clone(values[name]), func(v string) bool { return strings.TrimSpace(v) == "" })
		switch {
		case len(all) == 0:
			continue
		case name != paramFunctionBis && !slices.Contains(parameters, name):
			return nil, &BadRequestError{shown(name), "there is no parameter of this name; there are " + strings.Join(parameters, ", ")}
		case len(all) > 1 && name != paramFields:
			return nil, &BadRequestError{name, "the parameter occurs more than once"}
		}
		for _, v := range all {
			if !utf8.ValidString(v) {
				return nil, &BadRequestError{name, "the value must be valid UTF-8"}
			}
		}
		out[name] = all
	}
	return out, nil
}

// one is the value of a parameter that occurs once; "" for none.
func one(given map[string][]string, name string) string {
	if all := given[name]; len(all) > 0 {
		return all[0]
	}
	return ""
}

func queryMeasurement(text string, d Defaults) (string, *BadRequestError) {
	if text == "" {
		text = d.measurement()
	}
	return text, checkName(text)
}

func (d Defaults) measurement() string {
	if d.Measurement != "" {
		return d.Measurement
	}
	return defaultMeasurement
}

// times settles start and end; both are excluded from the answer.
func (q *Query) times(start, end string, d Defaults, now time.Time) *BadRequestError {
	q.Before = now
	if end != "" {
		t, problem := queryTime(end, now)
		if problem != nil {
			return problem.at(paramEnd)
		}
		q.Before = t
	}
	var problem *BadRequestError
	if start != "" {
		q.After, problem = queryTime(start, now)
	} else {
		q.After, problem = d.start(now)
	}
	switch {
	case problem != nil:
		return problem.at(paramStart)
	case !q.After.Before(q.Before):
		return &BadRequestError{paramStart, "it lies before end"}
	}
	return nil
}

// start is the default start.
func (d Defaults) start(now time.Time) (time.Time, *BadRequestError) {
	text := d.Start
	if text == "" {
		text = defaultStart
	}
	if age, ok := interval(text); ok {
		at, problem := stored(now.Add(-age))
		return time.Unix(0, at).UTC(), problem
	}
	return queryTime(text, now)
}

// queryTime reads a time in a query, where digits alone are milliseconds: a query cannot say what is a number. now()
// is the original's name for its default end.
func queryTime(text string, now time.Time) (time.Time, *BadRequestError) {
	text = strings.TrimSpace(text)
	if text == "now()" || text == "now" {
		return now, nil
	}
	var at int64
	var problem *BadRequestError
	if strings.Trim(strings.TrimPrefix(text, "-"), "0123456789") == "" {
		at, problem = parseMillis(text)
	} else {
		at, problem = parseTime(plusSign(text))
	}
	if problem != nil {
		return time.Time{}, problem
	}
	return time.Unix(0, at).UTC(), nil
}

// plusSign puts back the plus of an offset, which arrives as a space when nobody escaped it: 2016-09-01T00:00:00 02:00.
func plusSign(text string) string {
	at := len(text) - len(" 02:00")
	if at < len("2016-09-01T00:00") || text[at] != ' ' || text[at+3] != ':' || !isISO(text) {
		return text
	}
	return text[:at] + "+" + text[at+1:]
}

func queryLimit(text string) (int, *BadRequestError) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 1 || n > maxLimit {
		return 0, bad(fmt.Sprintf("it is a whole number from 1 to %d, the most rows that the answer has", maxLimit))
	}
	return int(n), nil
}

// downsampling settles the buckets. A function without an interval is refused: the program means to get few rows, and
// would get all of them. Only the default one says nothing: a program may send every parameter with its default.
func (q *Query) downsampling(width, function, misspelt string) *BadRequestError {
	name := paramFunction
	switch {
	case function == "":
		function = misspelt
		if misspelt != "" {
			name = paramFunctionBis
		}
	case misspelt != "" && bare(misspelt) != bare(function):
		return &BadRequestError{paramFunction, "ds_fucntion, its other spelling, says something else"}
	}
	if width == "" {
		if function != "" && bare(function) != string(defaultFunction) {
			return &BadRequestError{name, "it needs a ds_interval"}
		}
		return nil
	}
	every, ok := interval(width)
	if !ok {
		return &BadRequestError{paramInterval, "it is a whole number above 0 with one of the units u, ms, s, m, h, d, w, such as 5m"}
	}
	if n := buckets(q.After, q.Before, every); n > MaxBuckets {
		return &BadRequestError{paramInterval, fmt.Sprintf("from start to end there are %d intervals, and an answer has at most %d", n, MaxBuckets)}
	}
	q.Every, q.Function = every, defaultFunction
	if function != "" {
		q.Function = telemetry.Function(bare(function))
		if all := telemetry.Functions(); !slices.Contains(all, q.Function) {
			var names []string
			for _, f := range all {
				names = append(names, string(f))
			}
			return &BadRequestError{name, "it is one of " + strings.Join(names, ", ")}
		}
	}
	return nil
}

// bare takes the brackets off a function's name.
func bare(function string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(function), "()"))
}

// interval reads a whole number with a unit; false where it is none, or not above zero, or does not fit.
func interval(text string) (time.Duration, bool) {
	digits := 0
	for digits < len(text) && isDigit(text[digits]) {
		digits++
	}
	unit, known := map[string]time.Duration{
		"u": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute,
		"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
	}[text[digits:]]
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if !known || err != nil || n < 1 || n > int64(1<<63-1)/int64(unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// buckets counts the buckets, aligned to the epoch, that have an instant between two others.
func buckets(after, before time.Time, every time.Duration) int64 {
	index := func(nanos int64) int64 {
		i := nanos / int64(every)
		if nanos%int64(every) < 0 {
			i--
		}
		return i
	}
	return index(before.UnixNano()-1) - index(after.UnixNano()+1) + 1
}

// CheckDefaults tells whether defaults make sense; its error is a *BadRequestError.
func CheckDefaults(d Defaults) error {
	if problem := checkName(d.measurement()); problem != nil {
		return problem.at(paramMeasurement)
	}
	if _, _, problem := names(d.Fields); problem != nil {
		return problem.at(paramFields)
	}
	// Any clock of this century would do: what counts is that there is a start.
	if _, problem := d.start(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); problem != nil {
		return problem.at(paramStart)
	}
	return nil
}

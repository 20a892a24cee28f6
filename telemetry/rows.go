package telemetry

import (
	"context"
	"encoding/json"
	"time"

	"iotcenter/devices"
)

// RowsQuery asks for rows: the values of fields that share a time.
type RowsQuery struct {
	Device        devices.ID // "" for points of any device and of none
	Measurement   string
	Fields        []string   // nil: all that have a value in the range
	Tags          []Tag      // each must have exactly this value
	Where         *Condition // nil: none
	After, Before time.Time  // both excluded
	Limit         int        // rows, oldest first; 0: no limit
	// Every is the width of buckets, aligned to the epoch; 0 reads the points as they are. Function is applied in each.
	Every    time.Duration
	Function Function
}

// Tag is a tag of a point.
type Tag struct{ Key, Value string }

// Condition is a condition on fields and tags: a comparison, or two conditions joined.
type Condition struct {
	// Join is "AND" or "OR" between Left and Right; "" for a comparison.
	Join        string
	Left, Right *Condition

	Name string // of a field or tag
	Op   string // = != < <= > >= =~ !~
	With Operand
}

// Operand is what a field or tag is compared with.
type Operand struct {
	Kind OperandKind
	Text string // a name, a text, a regular expression, or a number as it is written (-12, 14.0, 1e3); "true", "false"
}

// OperandKind says what an operand is.
type OperandKind int

// The kinds of operand.
const (
	NameOperand OperandKind = iota
	TextOperand
	NumberOperand
	BoolOperand
	RegexOperand
)

// Function is a downsampling function, by its name in the SMART dialect; distinct counts distinct values.
type Function string

// The downsampling functions.
const (
	FnCount    Function = "count"
	FnDistinct Function = "distinct"
	FnFirst    Function = "first"
	FnIntegral Function = "integral" // in the field's unit times seconds
	FnLast     Function = "last"
	FnMax      Function = "max"
	FnMean     Function = "mean"
	FnMedian   Function = "median"
	FnMin      Function = "min"
	FnMode     Function = "mode"
	FnSpread   Function = "spread"
	FnStddev   Function = "stddev"
	FnSum      Function = "sum"
)

// Functions lists them in the order of the alphabet.
func Functions() []Function {
	return []Function{FnCount, FnDistinct, FnFirst, FnIntegral, FnLast, FnMax, FnMean, FnMedian, FnMin, FnMode, FnSpread, FnStddev, FnSum}
}

// NumbersOnly tells whether the function has no meaning for texts and booleans.
func (f Function) NumbersOnly() bool {
	switch f {
	case FnCount, FnDistinct, FnFirst, FnLast, FnMode:
		return false
	}
	return true
}

// FieldKind is the type that a field has in the database.
type FieldKind string

// The kinds of field, as InfluxQL names them.
const (
	KindFloat    FieldKind = "float"
	KindInteger  FieldKind = "integer"
	KindUnsigned FieldKind = "unsigned"
	KindString   FieldKind = "string"
	KindBoolean  FieldKind = "boolean"
)

// Rows receives an answer row by row, so that nobody holds the whole.
type Rows interface {
	// Begin is called once, before the first row, also where there will be none: the fields, in the order of the
	// query, or by name where it asked for all.
	Begin(fields []string) error
	// Row takes one row: the time in Unix nanoseconds, ascending, and for each field its value as JSON (a number,
	// text, true, false, null). values is valid during the call only.
	Row(at int64, values []json.RawMessage) error
}

// RowReader reads rows of the data bucket for programs. Errors wrap ErrUnavailable or ErrBadQuery; an error of Rows is
// given back as it is.
type RowReader interface {
	// Rows runs at most two queries and streams the answer. A numeric function over all fields leaves those out that
	// are no numbers; over a named one it is a *QueryError.
	Rows(ctx context.Context, q RowsQuery, to Rows) error
	// FieldKinds gives the types that the fields of a measurement have, the most general first (a field can have had
	// another type in another time).
	FieldKinds(ctx context.Context, measurement string) (map[string][]FieldKind, error)
	// Statement runs one InfluxQL statement that smart.ParseStatement has accepted and gives the answer of InfluxDB 1.x
	// as it is, with at most maxRows rows; cut tells that there were more. Times are RFC 3339.
	Statement(ctx context.Context, text string, maxRows int, limit time.Duration) (result json.RawMessage, cut bool, err error)
}

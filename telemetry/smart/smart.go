// Package smart is the SMART-style product data dialect: batches of fields with times and values in JSON, and rows
// read back by field. It parses what programs send, decides types, and calls the one write path (telemetry.Intake) and
// the row reader; HTTP and the database are left to others. The behaviour is that of docs/smart-api.md.
package smart

import (
	"errors"

	"iotcenter/devices"
)

// Bounds of the dialect.
const (
	MaxIMEI     = 15       // characters of a product_imei
	MaxFields   = 500      // fields of a batch, and of an answer
	MaxPairs    = 500_000  // data points of a batch
	MaxTags     = 32       // tags of a batch or a query
	MaxName     = 256      // bytes of a measurement's, a field's or a tag's name, and of a tag's value
	MaxText     = 64 << 10 // bytes of a text as a value
	MaxBuckets  = 100_000  // of a downsampled answer
	MaxCompares = 32       // comparisons in where
	MaxWhere    = 4 << 10  // bytes of where
)

// imeiTag is the tag that names a product.
const imeiTag = "product_imei"

// BadRequestError says what of a request can never succeed. Its text is a sentence for the one who wrote the program.
type BadRequestError struct {
	Where   string // the parameter, or the path in the body, such as fields.current[3]; may be ""
	Problem string
}

func (e *BadRequestError) Error() string {
	if e.Where == "" {
		return e.Problem
	}
	return e.Where + ": " + e.Problem
}

// at gives the error with a place, in front of the one that it has.
func (e *BadRequestError) at(where string) *BadRequestError {
	return &BadRequestError{where + e.Where, e.Problem}
}

// bad makes a BadRequestError without a place.
func bad(problem string) *BadRequestError { return &BadRequestError{Problem: problem} }

// ErrTooLarge: an answer is larger than what is kept for one; a shorter range or a limit makes it smaller.
var ErrTooLarge = errors.New("the answer is too large")

// IMEI tells whether a device is a product: its id can be a product_imei.
func IMEI(id devices.ID) bool { return len(id) <= MaxIMEI && tagText(string(id)) }

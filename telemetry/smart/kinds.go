package smart

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"iotcenter/telemetry"
)

// How long the types of a measurement's fields are believed, and how many are remembered. Measurements are named by
// strangers, so both their number and that of their fields is bounded.
const (
	kindsAge        = time.Minute
	kindsFresh      = 5 * time.Second // young enough to refuse a batch by
	maxMeasurements = 256
	maxKnownFields  = 100_000
)

// kindCache remembers the types that fields have in the database.
type kindCache struct {
	mu     sync.Mutex
	known  map[string]knownKinds // by measurement
	fields int                   // in all of known
}

type knownKinds struct {
	at    time.Time
	kinds map[string][]telemetry.FieldKind
}

// get gives the types of a measurement's fields, not older than an age. The map is not to be changed.
func (c *kindCache) get(ctx context.Context, rows telemetry.RowReader, measurement string, now time.Time, age time.Duration) (map[string][]telemetry.FieldKind, error) {
	c.mu.Lock()
	entry, known := c.known[measurement]
	c.mu.Unlock()
	if since := now.Sub(entry.at); known && since >= 0 && since < age {
		return entry.kinds, nil
	}
	kinds, err := rows.FieldKinds(ctx, measurement)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(measurement, knownKinds{now, kinds})
	return kinds, nil
}

// put remembers an entry, and forgets the oldest ones where there are too many.
func (c *kindCache) put(measurement string, entry knownKinds) {
	if c.known == nil {
		c.known = map[string]knownKinds{}
	}
	c.forget(measurement)
	if len(entry.kinds) > maxKnownFields {
		return
	}
	for len(c.known) >= maxMeasurements || c.fields+len(entry.kinds) > maxKnownFields {
		oldest, first := "", true
		for name, e := range c.known {
			if first || e.at.Before(c.known[oldest].at) {
				oldest, first = name, false
			}
		}
		c.forget(oldest)
	}
	c.known[measurement] = entry
	c.fields += len(entry.kinds)
}

func (c *kindCache) forget(measurement string) {
	c.fields -= len(c.known[measurement].kinds)
	delete(c.known, measurement)
}

// scheme decides the types by the schema alone. Where it does not know a field it gives "" for it, and whole is false.
func scheme(b *Batch) (kinds []telemetry.FieldKind, whole bool, err error) {
	kinds, whole = make([]telemetry.FieldKind, len(b.Fields)), true
	for i, f := range b.Fields {
		want, known := telemetry.Expected(b.Measurement, f.Name)
		if !known {
			whole = false
			continue
		}
		kinds[i] = want.Kind
		if problem := fits(f, want.Kind, "by the schema"); problem != nil {
			return nil, false, problem
		}
	}
	return kinds, whole, nil
}

// decide fills in the types of the fields that the schema does not know, by the types that they have in the database.
// second is for the attempt after the database has refused the first one: of two number types it takes the other.
func decide(b *Batch, kinds []telemetry.FieldKind, existing map[string][]telemetry.FieldKind, second bool) ([]telemetry.FieldKind, error) {
	kinds = slices.Clone(kinds)
	for i, f := range b.Fields {
		if kinds[i] != "" {
			continue
		}
		kind, problem := fieldKind(f, existing[f.Name], second)
		if problem != nil {
			return nil, problem
		}
		kinds[i] = kind
	}
	return kinds, nil
}

// fieldKind chooses among the types that a field has.
func fieldKind(f BatchField, existing []telemetry.FieldKind, second bool) (telemetry.FieldKind, *BadRequestError) {
	is := f.Pairs[0].Value.Kind
	if len(existing) == 0 {
		return is, fits(f, is, "")
	}
	order := []telemetry.FieldKind{is}
	if is == telemetry.KindFloat {
		order = []telemetry.FieldKind{telemetry.KindFloat, telemetry.KindInteger, telemetry.KindUnsigned}
		if second {
			slices.Reverse(order)
		}
	}
	var refused *BadRequestError
	for _, kind := range order {
		if !slices.Contains(existing, kind) {
			continue
		}
		problem := fits(f, kind, "in the database")
		if problem == nil {
			return kind, nil
		}
		if refused == nil {
			refused = problem
		}
	}
	if refused == nil {
		refused = fits(f, existing[0], "in the database")
	}
	return "", refused
}

// fits tells whether all values of a field can be stored as a type without a loss; nil if so. by says where the type
// comes from.
func fits(f BatchField, kind telemetry.FieldKind, by string) *BadRequestError {
	for i := range f.Pairs {
		v := &f.Pairs[i].Value
		problem := ""
		switch {
		case kind == telemetry.KindFloat && v.Kind == kind && v.Whole && !exact(v):
			problem = fmt.Sprintf("the number %d has more digits than a float keeps; send it as a text to another field", v.Integer)
		case kind == v.Kind:
		case v.Kind == telemetry.KindFloat && (kind == telemetry.KindInteger || kind == telemetry.KindUnsigned):
			if !v.Whole {
				problem = fmt.Sprintf("the field is %s %s, and expects whole numbers", kindName(kind), by)
			} else if kind == telemetry.KindUnsigned && v.Integer < 0 {
				problem = fmt.Sprintf("the field is %s %s, and expects no negative number", kindName(kind), by)
			}
		default:
			problem = fmt.Sprintf("the field is %s %s, and this value is %s", kindName(kind), by, kindWord(v.Kind))
		}
		if problem != "" {
			return &BadRequestError{pairPlace(f.Name, i), problem}
		}
	}
	return nil
}

// exact tells whether a whole number survives as a float.
func exact(v *Value) bool {
	return v.Number < 1<<63 && int64(v.Number) == v.Integer
}

// kindName says what type a field has, with its article.
func kindName(kind telemetry.FieldKind) string {
	switch kind {
	case telemetry.KindInteger, telemetry.KindUnsigned:
		return "an " + string(kind)
	}
	return "a " + string(kind)
}

package fluxquery

import "github.com/influxdata/influxdb/tsdb/cursors"

// watch gives a cursor that notes the newest time that it gave.
func watch(c cursors.Cursor, seen *int64) cursors.Cursor {
	switch c := c.(type) {
	case cursors.FloatArrayCursor:
		return floatSeen{c, seen}
	case cursors.IntegerArrayCursor:
		return integerSeen{c, seen}
	case cursors.UnsignedArrayCursor:
		return unsignedSeen{c, seen}
	case cursors.StringArrayCursor:
		return stringSeen{c, seen}
	case cursors.BooleanArrayCursor:
		return booleanSeen{c, seen}
	}
	return c
}

func note(times []int64, seen *int64) {
	if n := len(times); n > 0 {
		*seen = times[n-1]
	}
}

type floatSeen struct {
	cursors.FloatArrayCursor
	seen *int64
}

func (c floatSeen) Next() *cursors.FloatArray {
	a := c.FloatArrayCursor.Next()
	note(a.Timestamps, c.seen)
	return a
}

type integerSeen struct {
	cursors.IntegerArrayCursor
	seen *int64
}

func (c integerSeen) Next() *cursors.IntegerArray {
	a := c.IntegerArrayCursor.Next()
	note(a.Timestamps, c.seen)
	return a
}

type unsignedSeen struct {
	cursors.UnsignedArrayCursor
	seen *int64
}

func (c unsignedSeen) Next() *cursors.UnsignedArray {
	a := c.UnsignedArrayCursor.Next()
	note(a.Timestamps, c.seen)
	return a
}

type stringSeen struct {
	cursors.StringArrayCursor
	seen *int64
}

func (c stringSeen) Next() *cursors.StringArray {
	a := c.StringArrayCursor.Next()
	note(a.Timestamps, c.seen)
	return a
}

type booleanSeen struct {
	cursors.BooleanArrayCursor
	seen *int64
}

func (c booleanSeen) Next() *cursors.BooleanArray {
	a := c.BooleanArrayCursor.Next()
	note(a.Timestamps, c.seen)
	return a
}

package helium

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// readBuckets reads a page of aggregated points, whose order is: start of the bucket descending, then port ascending.
//
// A bucket's id is that of its newest number, which changes while points arrive. So an id stands for the bucket of its
// time and of the port whose hash it has, and a link made before a point came leads to the same bucket after it.
func (t *Timeseries) readBuckets(ctx context.Context, q Query) (Page, error) {
	ids := hashes{owner: q.Owner}
	var upTo time.Time
	if q.PageID != uuid.Nil {
		at, ok := IDTime(q.PageID)
		if !ok {
			return Page{}, ErrNoSuchPoint
		}
		start := floor(at, int64(q.Every))
		if start > at { // below the smallest int64
			return Page{}, ErrNoSuchPoint
		}
		upTo = time.Unix(0, start).UTC()
	}
	var buckets []Bucket
	first := 0
	for limit := q.Size + 1 + spareRows; ; limit *= 2 {
		var err error
		if buckets, err = t.store.HeliumBuckets(ctx, q.Selection, q.Every, upTo, limit); err != nil {
			return Page{}, err
		}
		if q.PageID != uuid.Nil {
			hash := idHash(q.PageID)
			first = slices.IndexFunc(buckets, func(b Bucket) bool { return b.Start.Equal(upTo) && ids.of(b.Port) == hash })
		}
		if len(buckets) < limit || limit >= mostRows || first >= 0 && len(buckets)-first > q.Size {
			break
		}
		if first < 0 && buckets[len(buckets)-1].Start.Before(upTo) {
			break
		}
	}
	if first < 0 {
		return Page{}, ErrNoSuchPoint
	}
	id := func(b Bucket) uuid.UUID { return joinID(b.NewestAt, ids.of(b.Port)) }
	wanted := slices.Sorted(slices.Values(q.Agg))
	page := Page{Points: make([]Point, 0, min(q.Size, len(buckets)-first))}
	for _, b := range buckets[first:] {
		if len(page.Points) == q.Size {
			page.Prev = id(b)
			break
		}
		page.Points = append(page.Points, b.point(q, wanted, id(b)))
	}
	switch {
	case q.PageID == uuid.Nil:
		return page, nil
	case first >= q.Size:
		page.Next = id(buckets[first-q.Size])
		return page, nil
	}
	// From the first bucket of this start on, so that those before ours are not counted twice.
	newer, found, err := t.store.HeliumNewerBucket(ctx, q.Selection, q.Every, buckets[0], q.Size-first)
	switch {
	case err != nil:
		return Page{}, err
	case found:
		page.Next = id(newer)
	case first > 0:
		page.Next = id(buckets[0])
	}
	return page, nil
}

// point is a bucket as it is answered.
func (b Bucket) point(q Query, wanted []string, id uuid.UUID) Point {
	created := b.Created
	if created.IsZero() { // a line from elsewhere
		created = pointTime(b.NewestAt)
	}
	return Point{
		ID: id, Owner: q.Owner, Port: "agg(" + b.Port + ")", Value: b.value(wanted), Timestamp: b.Start.UTC(), Created: created,
	}
}

// value is the object of what was asked for; an average has the 15 digits that a float64 is good for.
func (b Bucket) value(wanted []string) json.RawMessage {
	value := make([]byte, 0, 96)
	for i, kind := range wanted {
		open := byte(',')
		if i == 0 {
			open = '{'
		}
		value = append(value, open, '"')
		value = append(value, kind...)
		value = append(value, '"', ':')
		switch kind {
		case "avg":
			value = appendNumber(value, b.Avg, 15)
		case "max":
			value = appendNumber(value, b.Max, -1)
		case "min":
			value = appendNumber(value, b.Min, -1)
		}
	}
	return append(value, '}')
}

// appendNumber writes a JSON number; what is none, such as the average of numbers whose sum is beyond a float64, is null.
func appendNumber(to []byte, f float64, digits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(to, "null"...)
	}
	return strconv.AppendFloat(to, f, 'g', digits, 64)
}

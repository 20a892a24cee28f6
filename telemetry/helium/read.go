package helium

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Page is an answer. Prev and Next are the ids at which the older and the newer page begin; uuid.Nil where there is none.
type Page struct {
	Points     []Point
	Prev, Next uuid.UUID
}

const (
	// spareRows are read beyond a page, for points that share a stored time with its first or last one.
	spareRows = 8
	// mostRows bounds what is read for a page. Beyond it, a group of one stored time, which only lines from elsewhere can
	// make so large, has the order of the store.
	mostRows = 4 * MaxPage
)

// Read answers a query; aggregated, the values are objects, the ports `agg(<port>)`. Errors: ErrNoSuchPoint, and those
// of the store.
func (t *Timeseries) Read(ctx context.Context, q Query) (Page, error) {
	if !q.Start.IsZero() && !q.End.IsZero() && !q.Start.Before(q.End) {
		if q.PageID != uuid.Nil {
			return Page{}, ErrNoSuchPoint
		}
		return Page{}, nil
	}
	if q.Agg != nil {
		return t.readBuckets(ctx, q)
	}
	return t.readPoints(ctx, q)
}

// readPoints reads a page of the points themselves.
//
// Their order is: stored time descending, then port ascending. One process gives each stored time of an owner once, but
// two replicas, or lines from elsewhere, can put several ports on one, so a page may begin and end among such a group.
func (t *Timeseries) readPoints(ctx context.Context, q Query) (Page, error) {
	ids := hashes{owner: q.Owner}
	selection, upTo, first := q.Selection, int64(0), 0
	if q.PageID != uuid.Nil {
		at, ok := IDTime(q.PageID)
		if !ok {
			return Page{}, ErrNoSuchPoint
		}
		if upTo = at; at == 0 { // which would be no bound
			selection = before(selection, 1)
		}
	}
	var rows []Stored
	for limit := q.Size + 1 + spareRows; ; limit *= 2 {
		all, err := t.store.HeliumPoints(ctx, selection, upTo, limit)
		if errors.Is(err, ErrTooLarge) {
			return Page{}, &ParameterError{pageSizeParameter, fmt.Sprintf("is too large for these points, whose values are more than %d MB together: ask for fewer at once", MaxPageBytes>>20)}
		}
		if err != nil {
			return Page{}, err
		}
		more, last := len(all) >= limit && limit < mostRows, int64(0)
		if more {
			last = all[len(all)-1].At
		}
		rows = inOrder(all)
		if more { // the last group may go on beyond the limit
			rows = rows[:slices.IndexFunc(rows, func(s Stored) bool { return s.At == last })]
		}
		if q.PageID != uuid.Nil {
			first = slices.IndexFunc(rows, func(s Stored) bool { return joinID(s.At, ids.of(s.Port)) == q.PageID })
		}
		if !more || first >= 0 && len(rows)-first > q.Size {
			break
		}
		if first < 0 && len(rows) > 0 { // the group of the id is all there, and it is not in it
			break
		}
	}
	if first < 0 {
		return Page{}, ErrNoSuchPoint
	}
	page := Page{Points: make([]Point, 0, min(q.Size, len(rows)-first))}
	for _, s := range rows[first:] {
		id := joinID(s.At, ids.of(s.Port))
		if len(page.Points) == q.Size {
			page.Prev = id
			break
		}
		page.Points = append(page.Points, s.point(q, id))
	}
	if q.PageID == uuid.Nil {
		return page, nil
	}
	newer, found, err := t.newer(ctx, q, rows[:first], rows[first].At)
	if err != nil {
		return Page{}, err
	}
	if found {
		page.Next = joinID(newer.At, ids.of(newer.Port))
	}
	return page, nil
}

// newer finds where the newer page begins: as many points before the first one of this page as a page has, or at the
// newest one. group are those before it that share its stored time.
func (t *Timeseries) newer(ctx context.Context, q Query, group []Stored, after int64) (s Stored, found bool, err error) {
	if len(group) >= q.Size {
		return group[len(group)-q.Size], true, nil
	}
	missing := q.Size - len(group)
	at, port, found, err := t.store.HeliumNewer(ctx, q.Selection, after, missing)
	switch {
	case err != nil:
		return Stored{}, false, err
	case !found && len(group) > 0:
		return group[0], true, nil
	case !found:
		return Stored{}, false, nil
	}
	// Where several ports share the stored time, their order decides.
	same, err := t.store.HeliumPoints(ctx, between(q.Selection, at, at+1), at, MaxPorts)
	if err != nil {
		return Stored{}, false, err
	}
	if len(same) < 2 {
		return Stored{At: at, Port: port}, true, nil
	}
	same = inOrder(same)
	closer, err := t.store.HeliumPoints(ctx, between(q.Selection, after+1, at), at, missing)
	if errors.Is(err, ErrTooLarge) {
		// A page that begins with the group's last one overlaps with the page after it at the worst.
		return same[len(same)-1], true, nil
	}
	if err != nil {
		return Stored{}, false, err
	}
	rank := len(same) - (missing - len(closer)) // beyond the ends where there are fewer, or points came meanwhile
	return same[min(max(0, rank), len(same)-1)], true, nil
}

// inOrder sorts the ports of each stored time; the times are in order. Of one port and stored time it leaves one point:
// lines from elsewhere can have tags of their own and so put several there, but they would all have one id, and whoever
// follows the link to the second of them would come to the first one again, for ever. rows is used up.
func inOrder(rows []Stored) []Stored {
	for i := 1; i < len(rows); i++ {
		if rows[i].At == rows[i-1].At {
			slices.SortFunc(rows, func(a, b Stored) int {
				return cmp.Or(cmp.Compare(b.At, a.At), strings.Compare(a.Port, b.Port))
			})
			break
		}
	}
	return slices.CompactFunc(rows, func(a, b Stored) bool { return a.At == b.At && a.Port == b.Port })
}

// before narrows a selection to what is before a stored time.
func before(s Selection, at int64) Selection {
	if end := time.Unix(0, at).UTC(); s.End.IsZero() || end.Before(s.End) {
		s.End = end
	}
	return s
}

// between narrows a selection to stored times from one to before another.
func between(s Selection, from, to int64) Selection {
	if start := time.Unix(0, from).UTC(); s.Start.IsZero() || start.After(s.Start) {
		s.Start = start
	}
	return before(s, to)
}

// point is a stored point as it is answered.
func (s Stored) point(q Query, id uuid.UUID) Point {
	created := s.Created
	if created.IsZero() { // a line from elsewhere
		created = pointTime(s.At)
	}
	return Point{ID: id, Owner: q.Owner, Port: s.Port, Value: s.Value, Timestamp: pointTime(s.At), Created: created}
}

package fluxquery

import (
	"context"
	"errors"
	"strings"

	"github.com/influxdata/influxdb/storage/reads"
	"github.com/influxdata/influxdb/storage/reads/datatypes"
	"github.com/influxdata/influxdb/tsdb/cursors"
)

// errTypeChange: the values of a series have one type in some shards and another in the next.
var errTypeChange = &RuntimeError{errors.New("a field changes its type within the range; ask for the times before and after the change apart")}

// wholeStore is a store whose cursors do not end early in silence. One that meets another type in the next shard stops, and
// the library's tables take that for the end of the series; here the read as a whole then ends with an error.
type wholeStore struct{ reads.Store }

// ReadFilter implements reads.Store.
func (s wholeStore) ReadFilter(ctx context.Context, req *datatypes.ReadFilterRequest) (reads.ResultSet, error) {
	rs, err := s.Store.ReadFilter(ctx, req)
	if err != nil || rs == nil {
		return rs, err
	}
	return &wholeResults{ResultSet: rs}, nil
}

// ReadGroup implements reads.Store.
func (s wholeStore) ReadGroup(ctx context.Context, req *datatypes.ReadGroupRequest) (reads.GroupResultSet, error) {
	rs, err := s.Store.ReadGroup(ctx, req)
	if err != nil || rs == nil {
		return rs, err
	}
	return &wholeGroups{GroupResultSet: rs}, nil
}

// lastCursor is the cursor that was handed out last, and what was found wrong with the ones before.
type lastCursor struct {
	cursor cursors.Cursor
	err    error
}

func (l *lastCursor) hand(c cursors.Cursor) cursors.Cursor {
	l.cursor = c
	return c
}

// sound asks the last cursor, before the next one takes its place.
func (l *lastCursor) sound() bool {
	if l.err == nil && l.cursor != nil {
		l.err = l.cursor.Err()
		if l.err != nil && strings.HasPrefix(l.err.Error(), "expected ") { // the library says it in words only
			l.err = errTypeChange
		}
	}
	return l.err == nil
}

type wholeResults struct {
	reads.ResultSet
	last lastCursor
}

func (r *wholeResults) Next() bool { return r.last.sound() && r.ResultSet.Next() }

func (r *wholeResults) Cursor() cursors.Cursor { return r.last.hand(r.ResultSet.Cursor()) }

func (r *wholeResults) Err() error {
	if !r.last.sound() {
		return r.last.err
	}
	return r.ResultSet.Err()
}

type wholeGroups struct {
	reads.GroupResultSet
	last lastCursor
}

func (g *wholeGroups) Next() reads.GroupCursor {
	if !g.last.sound() {
		return nil
	}
	c := g.GroupResultSet.Next()
	if c == nil {
		return nil
	}
	return &wholeGroup{c, &g.last}
}

func (g *wholeGroups) Err() error {
	if !g.last.sound() {
		return g.last.err
	}
	return g.GroupResultSet.Err()
}

type wholeGroup struct {
	reads.GroupCursor
	last *lastCursor
}

func (g *wholeGroup) Next() bool { return g.last.sound() && g.GroupCursor.Next() }

func (g *wholeGroup) Cursor() cursors.Cursor { return g.last.hand(g.GroupCursor.Cursor()) }

package fluxquery

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/services/meta"
	"github.com/influxdata/influxdb/services/storage"
	"github.com/influxdata/influxdb/storage/reads"
	"github.com/influxdata/influxdb/storage/reads/datatypes"
	"github.com/influxdata/influxdb/tsdb/cursors"
)

// errTypeChange: the values of a series have one type in some shards and another in the next, and cannot be read in one go.
var errTypeChange = &RuntimeError{errors.New("a field changes its type within the range; ask for the times before and after the change apart, or do not group before filtering")}

// wholeStore is a store whose series do not end early in silence. A cursor that meets another type in the next shard stops,
// and the library takes that for the end of the series. Here the rest of the series follows as another one with the same
// tags and its own type; where that cannot be done, in groups, the read ends with an error.
type wholeStore struct {
	reads.Store
	meta MetaClient
}

// ReadFilter implements reads.Store.
func (s wholeStore) ReadFilter(ctx context.Context, req *datatypes.ReadFilterRequest) (reads.ResultSet, error) {
	rs, err := s.Store.ReadFilter(ctx, req)
	if err != nil || rs == nil {
		return rs, err
	}
	return &wholeResults{ResultSet: rs, ctx: ctx, store: s, req: req}, nil
}

// ReadGroup implements reads.Store.
func (s wholeStore) ReadGroup(ctx context.Context, req *datatypes.ReadGroupRequest) (reads.GroupResultSet, error) {
	rs, err := s.Store.ReadGroup(ctx, req)
	if err != nil || rs == nil {
		return rs, err
	}
	return &wholeGroups{GroupResultSet: rs}, nil
}

// changedType tells whether a cursor stopped at another type. The library says it in words only.
func changedType(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "expected ")
}

// wholeResults goes on with a series in a second read, from the shard in which the first one stopped.
type wholeResults struct {
	reads.ResultSet
	ctx   context.Context
	store wholeStore
	req   *datatypes.ReadFilterRequest

	rest   reads.ResultSet // of the current series; nil while it is in its first part
	start  int64           // of the part that is being read
	seen   int64           // newest time that its cursor gave
	cursor cursors.Cursor  // of that part
	err    error
}

// Next implements reads.ResultSet.
func (r *wholeResults) Next() bool {
	if r.err == nil && r.cursor != nil {
		switch err := r.cursor.Err(); {
		case changedType(err):
			if r.goOn() {
				return true
			}
		case err != nil:
			r.err = err
		}
	}
	r.cursor = nil
	r.closeRest()
	if r.err != nil || !r.ResultSet.Next() {
		return false
	}
	r.start, r.seen = r.req.Range.Start, r.req.Range.Start
	return true
}

// goOn opens the next part of the current series, if there is one.
func (r *wholeResults) goOn() bool {
	tags := r.Tags().Clone()
	next, err := r.store.nextShard(r.req, r.seen)
	if err != nil || next <= r.start {
		r.err = errors.Join(err, errTypeChange)
		return false
	}
	r.closeRest()
	if next >= r.req.Range.End {
		return false
	}
	req := *r.req
	req.Range.Start, req.Predicate = next, sameSeries(r.req.Predicate, tags)
	rs, err := r.store.Store.ReadFilter(r.ctx, &req)
	if err != nil || rs == nil {
		r.err = err
		return false
	}
	r.rest, r.start, r.seen = rs, next, next
	for rs.Next() {
		if rs.Tags().Equal(tags) { // others may have these tags and more
			return true
		}
	}
	r.err = rs.Err()
	return false
}

func (r *wholeResults) closeRest() {
	if r.rest != nil {
		r.rest.Close()
		r.rest = nil
	}
}

func (r *wholeResults) current() reads.ResultSet {
	if r.rest != nil {
		return r.rest
	}
	return r.ResultSet
}

// Cursor implements reads.ResultSet.
func (r *wholeResults) Cursor() cursors.Cursor {
	r.cursor = r.current().Cursor()
	return watch(r.cursor, &r.seen)
}

// Tags implements reads.ResultSet.
func (r *wholeResults) Tags() models.Tags { return r.current().Tags() }

// Close implements reads.ResultSet.
func (r *wholeResults) Close() {
	r.closeRest()
	r.ResultSet.Close()
}

// Err implements reads.ResultSet.
func (r *wholeResults) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.ResultSet.Err()
}

// nextShard is the end of the shard of a time, or of the next one where it has none.
func (s wholeStore) nextShard(req *datatypes.ReadFilterRequest, at int64) (int64, error) {
	source, err := storage.GetReadSource(*req.ReadSource)
	if err != nil {
		return 0, err
	}
	groups, err := s.meta.ShardGroupsByTimeRange(source.Database, source.RetentionPolicy, time.Unix(0, at), time.Unix(0, req.Range.End))
	if err != nil || len(groups) == 0 {
		return at, err
	}
	first := slices.MinFunc(groups, func(a, b meta.ShardGroupInfo) int { return a.StartTime.Compare(b.StartTime) })
	return first.EndTime.UnixNano(), nil
}

// sameSeries narrows a predicate to the series with some tags.
func sameSeries(p *datatypes.Predicate, tags models.Tags) *datatypes.Predicate {
	var all []*datatypes.Node
	if root := p.GetRoot(); root != nil {
		all = append(all, root)
	}
	for _, t := range tags {
		all = append(all, &datatypes.Node{
			NodeType: datatypes.NodeTypeComparisonExpression, Value: &datatypes.Node_Comparison_{Comparison: datatypes.ComparisonEqual},
			Children: []*datatypes.Node{
				{NodeType: datatypes.NodeTypeTagRef, Value: &datatypes.Node_TagRefValue{TagRefValue: string(t.Key)}},
				{NodeType: datatypes.NodeTypeLiteral, Value: &datatypes.Node_StringValue{StringValue: string(t.Value)}},
			},
		})
	}
	root := all[0]
	for _, n := range all[1:] {
		root = &datatypes.Node{
			NodeType: datatypes.NodeTypeLogicalExpression, Value: &datatypes.Node_Logical_{Logical: datatypes.LogicalAnd},
			Children: []*datatypes.Node{root, n},
		}
	}
	return &datatypes.Predicate{Root: root}
}

// wholeGroups tells of cursors that stopped at another type.
type wholeGroups struct {
	reads.GroupResultSet
	cursor cursors.Cursor // handed out last
	err    error
}

// sound asks the last cursor, before the next one takes its place.
func (g *wholeGroups) sound() bool {
	if g.err == nil && g.cursor != nil {
		if g.err = g.cursor.Err(); changedType(g.err) {
			g.err = errTypeChange
		}
	}
	return g.err == nil
}

// Next implements reads.GroupResultSet.
func (g *wholeGroups) Next() reads.GroupCursor {
	if !g.sound() {
		return nil
	}
	c := g.GroupResultSet.Next()
	if c == nil {
		return nil
	}
	return &wholeGroup{c, g}
}

// Err implements reads.GroupResultSet.
func (g *wholeGroups) Err() error {
	if !g.sound() {
		return g.err
	}
	return g.GroupResultSet.Err()
}

type wholeGroup struct {
	reads.GroupCursor
	all *wholeGroups
}

// Next implements reads.GroupCursor.
func (g *wholeGroup) Next() bool { return g.all.sound() && g.GroupCursor.Next() }

// Cursor implements reads.GroupCursor.
func (g *wholeGroup) Cursor() cursors.Cursor {
	g.all.cursor = g.GroupCursor.Cursor()
	return g.all.cursor
}

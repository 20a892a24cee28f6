package embedded

import (
	"errors"
	"fmt"

	"github.com/influxdata/influxdb/query"
	"github.com/influxdata/influxql"
)

// The InfluxQL guard. A token's right is checked for the database that the
// request names; the language has ways around it: a source may name another
// database, in a subquery too, and INTO writes. So each statement's tree is
// walked before it runs, and whatever is not known to be harmless is refused.

var (
	errInto   = errors.New("SELECT INTO is not allowed here")
	errSource = errors.New("a source may not name another database or retention policy than the request; use the parameters db and rp")
	errSystem = errors.New("system sources are not allowed; use the SHOW statements")
)

// home is the database, by the name of its bucket, that a request is about. A
// source that names just this one is the same as one that names none.
type home struct{ db, rp string }

func (h home) is(db, rp string) bool {
	policy := h.rp
	if policy == "" {
		policy = policyName
	}
	return (db == "" || db == h.db) && (rp == "" || rp == policy)
}

// guardStatement checks one statement and brings it into the form that the
// engine is given: sources name no database, and conditions are balanced. The
// database of an ON clause (see onClause) is left to the caller, who maps and
// checks it, and so is the right to create or drop a database.
func guardStatement(stmt influxql.Statement, h home) error {
	if on := onClause(stmt); on != nil && *on != "" {
		h = home{db: *on}
	}
	g := guard{home: h}
	if err := g.statement(stmt); err != nil {
		return err
	}
	return g.size.check()
}

type guard struct {
	home home
	size statementSize
}

func (g *guard) statement(stmt influxql.Statement) error {
	switch st := stmt.(type) {
	case *influxql.SelectStatement:
		return g.selection(st, 0)
	case *influxql.CreateDatabaseStatement, *influxql.DropDatabaseStatement,
		*influxql.ShowDatabasesStatement, *influxql.ShowRetentionPoliciesStatement:
		return nil
	case *influxql.ShowMeasurementsStatement:
		if st.Source == nil {
			return g.shown(nil, &st.Condition, nil)
		}
		return g.shown(influxql.Sources{st.Source}, &st.Condition, nil)
	case *influxql.ShowMeasurementCardinalityStatement:
		return g.shown(st.Sources, &st.Condition, st.Dimensions)
	case *influxql.ShowSeriesStatement:
		return g.shown(st.Sources, &st.Condition, nil)
	case *influxql.ShowSeriesCardinalityStatement:
		return g.shown(st.Sources, &st.Condition, st.Dimensions)
	case *influxql.ShowTagKeysStatement:
		return g.shown(st.Sources, &st.Condition, nil)
	case *influxql.ShowTagKeyCardinalityStatement:
		return g.shown(st.Sources, &st.Condition, st.Dimensions)
	case *influxql.ShowTagValuesStatement:
		return g.shown(st.Sources, &st.Condition, nil)
	case *influxql.ShowTagValuesCardinalityStatement:
		return g.shown(st.Sources, &st.Condition, st.Dimensions)
	case *influxql.ShowFieldKeysStatement:
		return g.shown(st.Sources, nil, nil)
	case *influxql.ShowFieldKeyCardinalityStatement:
		return g.shown(st.Sources, &st.Condition, st.Dimensions)
	}
	return refusal(stmt)
}

// refusal says what to use instead of a statement that is not run here.
func refusal(stmt influxql.Statement) error {
	instead := "only SELECT, SHOW, CREATE DATABASE and DROP DATABASE are"
	switch stmt.(type) {
	case *influxql.DeleteSeriesStatement, *influxql.DeleteStatement, *influxql.DropSeriesStatement, *influxql.DropMeasurementStatement:
		instead = "delete points with POST /api/v2/delete"
	case *influxql.CreateUserStatement, *influxql.DropUserStatement, *influxql.SetPasswordUserStatement, *influxql.ShowUsersStatement,
		*influxql.GrantStatement, *influxql.GrantAdminStatement, *influxql.RevokeStatement, *influxql.RevokeAdminStatement,
		*influxql.ShowGrantsForUserStatement:
		instead = "access is granted by tokens, see /api/v2/authorizations"
	case *influxql.CreateRetentionPolicyStatement, *influxql.AlterRetentionPolicyStatement, *influxql.DropRetentionPolicyStatement:
		instead = "a database has one retention, see /api/v2/buckets"
	case *influxql.CreateContinuousQueryStatement, *influxql.DropContinuousQueryStatement, *influxql.ShowContinuousQueriesStatement:
		instead = "there are no continuous queries"
	}
	return fmt.Errorf("this statement is not supported: %s", instead)
}

func (g *guard) selection(st *influxql.SelectStatement, depth int) error {
	if st == nil {
		return refusal(nil)
	}
	if st.Target != nil {
		return errInto
	}
	if depth > maxSubqueries {
		return errInvalid("more than %d nested queries", maxSubqueries)
	}
	g.size.fields += len(st.Fields)
	for _, f := range st.Fields {
		if err := g.size.expr(f.Expr, 0); err != nil {
			return err
		}
	}
	if err := g.rest(&st.Condition, st.Dimensions); err != nil {
		return err
	}
	return g.sources(st.Sources, depth)
}

func (g *guard) shown(sources influxql.Sources, condition *influxql.Expr, dimensions influxql.Dimensions) error {
	if err := g.rest(condition, dimensions); err != nil {
		return err
	}
	return g.sources(sources, 0)
}

func (g *guard) rest(condition *influxql.Expr, dimensions influxql.Dimensions) error {
	g.size.dimensions += len(dimensions)
	for _, d := range dimensions {
		if err := g.size.expr(d.Expr, 0); err != nil {
			return err
		}
	}
	if condition == nil || *condition == nil {
		return nil
	}
	*condition = balance(*condition)
	return g.size.expr(*condition, 0)
}

func (g *guard) sources(sources influxql.Sources, depth int) error {
	g.size.sources += len(sources)
	for _, src := range sources {
		switch src := src.(type) {
		case *influxql.Measurement:
			switch {
			case src.IsTarget:
				return errInto
			case src.SystemIterator != "" || influxql.IsSystemName(src.Name):
				return errSystem
			case !g.home.is(src.Database, src.RetentionPolicy):
				return errSource
			}
			src.Database, src.RetentionPolicy = "", ""
			if err := g.size.expr(src.Regex, 0); err != nil {
				return err
			}
		case *influxql.SubQuery:
			if err := g.selection(src.Statement, depth+1); err != nil {
				return err
			}
		default:
			return refusal(nil)
		}
	}
	return nil
}

// onClause is the place where a SHOW statement keeps the database of its ON clause.
func onClause(stmt influxql.Statement) *string {
	switch st := stmt.(type) {
	case *influxql.ShowRetentionPoliciesStatement:
		return &st.Database
	case *influxql.ShowMeasurementsStatement:
		return &st.Database
	case *influxql.ShowMeasurementCardinalityStatement:
		return &st.Database
	case *influxql.ShowSeriesStatement:
		return &st.Database
	case *influxql.ShowSeriesCardinalityStatement:
		return &st.Database
	case *influxql.ShowTagKeysStatement:
		return &st.Database
	case *influxql.ShowTagKeyCardinalityStatement:
		return &st.Database
	case *influxql.ShowTagValuesStatement:
		return &st.Database
	case *influxql.ShowTagValuesCardinalityStatement:
		return &st.Database
	case *influxql.ShowFieldKeysStatement:
		return &st.Database
	case *influxql.ShowFieldKeyCardinalityStatement:
		return &st.Database
	}
	return nil
}

// fencedMapper is the second fence behind the guard: whatever a query's tree
// says, only shards of the database that the request was allowed come to it.
type fencedMapper struct{ query.ShardMapper }

// fence is the fine authorizer that a query carries. It says it is open so that
// the engine does not ask it for each series; the mapper asks it for the database.
type fence struct {
	query.FineAuthorizer
	database string
}

// MapShards refuses sources of another database.
func (m fencedMapper) MapShards(sources influxql.Sources, t influxql.TimeRange, opt query.SelectOptions) (query.ShardGroup, error) {
	f, ok := opt.Authorizer.(fence)
	if !ok {
		return nil, errSource
	}
	if err := f.check(sources); err != nil {
		return nil, err
	}
	return m.ShardMapper.MapShards(sources, t, opt)
}

func (f fence) check(sources influxql.Sources) error {
	for _, src := range sources {
		switch src := src.(type) {
		case *influxql.Measurement:
			if src.Database != f.database {
				return errSource
			}
		case *influxql.SubQuery:
			if err := f.check(src.Statement.Sources); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneDatabase lets the executor see the allowed database and no other.
type oneDatabase string

// AuthorizeDatabase is asked by SHOW DATABASES.
func (d oneDatabase) AuthorizeDatabase(p influxql.Privilege, name string) bool {
	return p == influxql.ReadPrivilege && name == string(d)
}

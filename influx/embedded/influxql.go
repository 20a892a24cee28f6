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
	errStatement = errors.New("only SELECT and SHOW statements are allowed here")
	errInto      = errors.New("SELECT INTO is not allowed here")
	errSource    = errors.New("a source may not name a database or a retention policy; use the parameters db and rp")
	errSystem    = errors.New("system sources are not allowed; use the SHOW statements")
)

// maxSubqueries bounds how deep statements may nest.
const maxSubqueries = 16

// guardStatement checks one statement. The database of an ON clause (see
// onClause) is left to the caller, who maps and checks it.
func guardStatement(stmt influxql.Statement) error {
	switch st := stmt.(type) {
	case *influxql.SelectStatement:
		return guardSelect(st, 0)
	case *influxql.ShowDatabasesStatement, *influxql.ShowRetentionPoliciesStatement:
		return nil
	case *influxql.ShowMeasurementsStatement:
		if st.Source == nil {
			return nil
		}
		return guardSources(influxql.Sources{st.Source}, 0)
	case *influxql.ShowMeasurementCardinalityStatement:
		return guardSources(st.Sources, 0)
	case *influxql.ShowSeriesStatement:
		return guardSources(st.Sources, 0)
	case *influxql.ShowSeriesCardinalityStatement:
		return guardSources(st.Sources, 0)
	case *influxql.ShowTagKeysStatement:
		return guardSources(st.Sources, 0)
	case *influxql.ShowTagKeyCardinalityStatement:
		return guardSources(st.Sources, 0)
	case *influxql.ShowTagValuesStatement:
		return guardSources(st.Sources, 0)
	case *influxql.ShowTagValuesCardinalityStatement:
		return guardSources(st.Sources, 0)
	case *influxql.ShowFieldKeysStatement:
		return guardSources(st.Sources, 0)
	case *influxql.ShowFieldKeyCardinalityStatement:
		return guardSources(st.Sources, 0)
	}
	return errStatement
}

func guardSelect(st *influxql.SelectStatement, depth int) error {
	if st == nil {
		return errStatement
	}
	if st.Target != nil {
		return errInto
	}
	if depth > maxSubqueries {
		return fmt.Errorf("more than %d nested queries", maxSubqueries)
	}
	return guardSources(st.Sources, depth)
}

func guardSources(sources influxql.Sources, depth int) error {
	for _, src := range sources {
		switch src := src.(type) {
		case *influxql.Measurement:
			switch {
			case src.Database != "" || src.RetentionPolicy != "":
				return errSource
			case src.IsTarget:
				return errInto
			case src.SystemIterator != "" || influxql.IsSystemName(src.Name):
				return errSystem
			}
		case *influxql.SubQuery:
			if err := guardSelect(src.Statement, depth+1); err != nil {
				return err
			}
		default:
			return errStatement
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

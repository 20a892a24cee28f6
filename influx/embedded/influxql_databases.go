package embedded

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/query"
	"github.com/influxdata/influxql"
)

// mayChange checks, before anything runs, whether a query that creates or drops
// databases may do so: the token must be one that reads and writes all buckets
// of its organisation, and the request a POST, so that no link does it.
func mayChange(w http.ResponseWriter, r *http.Request, q *influxql.Query) error {
	for _, stmt := range q.Statements {
		switch stmt.(type) {
		case *influxql.CreateDatabaseStatement, *influxql.DropDatabaseStatement:
		default:
			continue
		}
		if a := authOf(r.Context()); !a.allAccess(a.OrgID) {
			return errForbidden("only a token that may read and write all buckets may create or drop a database")
		}
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			return newError(http.StatusMethodNotAllowed, codeMethod, "a database is created and dropped with POST only")
		}
	}
	return nil
}

// own answers the statements about databases themselves, from the catalogue:
// the engine knows them by the ids of their buckets. For another statement
// there is no result.
func (run *influxqlRun) own(ctx context.Context, id int, stmt influxql.Statement) (*query.Result, error) {
	res := &query.Result{StatementID: id}
	var err error
	switch st := stmt.(type) {
	case *influxql.ShowDatabasesStatement:
		res.Series = run.databases()
	case *influxql.ShowRetentionPoliciesStatement:
		res.Series, err = run.policies(st)
	case *influxql.CreateDatabaseStatement:
		err = run.changing(func() error { return run.createDatabase(st) })
	case *influxql.DropDatabaseStatement:
		err = run.changing(func() error { return run.dropDatabase(st) })
	default:
		return nil, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var api *apiError
	if errors.As(err, &api) && (api.status != http.StatusForbidden || id > 0) {
		res.Err, err = errors.New(api.message), nil // in the result, where 1.x has it
	}
	return res, err
}

// changing runs a change while no backup takes its picture.
func (s *Server) changing(fn func() error) error {
	s.pause.RLock()
	defer s.pause.RUnlock()
	return fn()
}

// databases are the buckets that the token may read, by name.
func (run *influxqlRun) databases() models.Rows {
	row := &models.Row{Name: "databases", Columns: []string{"name"}}
	for _, b := range run.readable(func(string) bool { return true }) {
		row.Values = append(row.Values, []any{b.Name})
	}
	return models.Rows{row}
}

func (run *influxqlRun) readable(name func(string) bool) []bucket {
	a := run.auth
	return run.cat.findBuckets(func(b *bucket) bool {
		return b.OrgID == a.OrgID && name(b.Name) && a.allows(actionRead, typeBuckets, b.OrgID, b.ID)
	})
}

// policies lists what rp may be for a database: autogen for the bucket of that
// name, and x for the bucket "database/x".
func (run *influxqlRun) policies(st *influxql.ShowRetentionPoliciesStatement) (models.Rows, error) {
	db := st.Database
	if db == "" {
		db = run.home.db
	}
	if db == "" {
		return nil, errInvalid("%v", errNoDatabase)
	}
	row := &models.Row{Columns: []string{"name", "duration", "shardGroupDuration", "replicaN", "default"}}
	for _, b := range run.readable(func(name string) bool { return name == db || strings.HasPrefix(name, db+"/") }) {
		policy := strings.TrimPrefix(strings.TrimPrefix(b.Name, db), "/")
		if policy == "" {
			policy = policyName
		}
		row.Values = append(row.Values, []any{policy, b.Retention.String(), shardGroupDuration(b.Retention).String(), 1, b.Name == db})
	}
	if row.Values == nil {
		return nil, errForbidden("not authorized to read database %q, or it does not exist", db)
	}
	return models.Rows{row}, nil
}

// createDatabase makes a bucket. One that is there already is left as it is,
// and it is an error if another retention is asked for, as in InfluxDB 1.x. How
// data is cut into shards is not the client's to choose, nor is a replication.
func (run *influxqlRun) createDatabase(st *influxql.CreateDatabaseStatement) error {
	b := bucket{OrgID: run.auth.OrgID, Name: st.Name}
	if st.RetentionPolicyDuration != nil {
		b.Retention = *st.RetentionPolicyDuration
	}
	if st.RetentionPolicyName != "" && st.RetentionPolicyName != policyName {
		return errInvalid(`the retention policy of a database is named %q; for another, create the database "%s/%s"`, policyName, st.Name, st.RetentionPolicyName)
	}
	if err := errors.Join(checkBucketName(b.Name), checkRetention(b.Retention)); err != nil {
		return err
	}
	_, err := run.addBucket(b)
	there, ok := run.cat.bucketByName(b.OrgID, b.Name)
	switch {
	case err == nil || !ok:
		return err
	case st.RetentionPolicyDuration != nil && there.Retention != b.Retention:
		return errConflict("retention policy conflicts with an existing policy")
	}
	// It was there, perhaps without its engine's database after a failure.
	return run.ensureDatabase(there)
}

// dropDatabase deletes the bucket of that name; none is no error, as in InfluxDB 1.x.
func (run *influxqlRun) dropDatabase(st *influxql.DropDatabaseStatement) error {
	b, ok := run.cat.bucketByName(run.auth.OrgID, st.Name)
	if !ok {
		return nil
	}
	return run.dropBucket(b.ID)
}

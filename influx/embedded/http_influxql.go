package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/query"
	"github.com/influxdata/influxql"
)

const (
	maxInfluxQL      = 64 << 10
	influxqlChunk    = 10_000
	maxInfluxqlChunk = 1_000_000
)

// influxQL answers queries as InfluxDB 1.x does, with a bucket's name as the
// name of a database. Its errors have the field "error" that 1.x clients read.
func (s *Server) influxQL(w http.ResponseWriter, r *http.Request) error {
	err := s.runInfluxQL(w, r)
	var api *apiError
	if err == nil || errors.Is(err, errAnswered) {
		return err
	}
	if !errors.As(err, &api) {
		if api = asAPIError(err); api.status == http.StatusInternalServerError && r.Context().Err() == nil {
			s.log.Error("InfluxQL query failed", "error", err)
		}
	}
	w.Header().Set("X-Platform-Error-Code", api.code)
	w.Header().Set("X-Influxdb-Error", api.message)
	return writeJSON(w, api.status, map[string]string{"error": api.message, "code": api.code, "message": api.message})
}

// influxqlForm is the union of the query string and a form body.
func influxqlForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	form := r.URL.Query()
	if r.Method != http.MethodPost {
		return form, nil
	}
	body, err := readBody(w, r, maxQueryBody)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/vnd.influxql") {
		form.Set("q", string(body))
		return form, nil
	}
	posted, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errInvalid("form body cannot be read")
	}
	for k, v := range posted {
		form[k] = append(v, form[k]...)
	}
	return form, nil
}

func parseInfluxQL(form url.Values) (*influxql.Query, error) {
	q := strings.TrimSpace(form.Get("q"))
	if q == "" {
		return nil, errInvalid(`missing required parameter "q"`)
	}
	if len(q) > maxInfluxQL {
		return nil, newError(http.StatusRequestEntityTooLarge, codeTooLarge, "the query is longer than %d bytes", maxInfluxQL)
	}
	if strings.Count(q, "(") > 1000 {
		return nil, errInvalid("the query has more than 1000 parentheses")
	}
	parser := influxql.NewParser(strings.NewReader(q))
	if raw := form.Get("params"); raw != "" {
		params := map[string]any{}
		dec := json.NewDecoder(strings.NewReader(raw))
		dec.UseNumber()
		if err := dec.Decode(&params); err != nil {
			return nil, errInvalid("error parsing query parameters: %v", err)
		}
		for k, v := range params {
			if n, ok := v.(json.Number); ok {
				if i, err := n.Int64(); err == nil {
					params[k] = i
				} else if f, err := n.Float64(); err == nil {
					params[k] = f
				}
			}
		}
		parser.SetParams(params)
	}
	parsed, err := parser.ParseQuery()
	if err != nil {
		return nil, errInvalid("error parsing query: %v", err)
	}
	for _, stmt := range parsed.Statements {
		if err := guardStatement(stmt); err != nil {
			return nil, errForbidden("%v", err)
		}
	}
	return parsed, nil
}

// influxqlBucket maps a database name, and a retention policy, to a bucket that
// the token may read: the bucket "db", or "db/rp" as InfluxDB 2.x maps it.
func (s *Server) influxqlBucket(a *authorization, db, rp string) (bucket, bool) {
	names := []string{db}
	if rp != "" && rp != policyName {
		names = []string{db + "/" + rp}
	}
	if rp == policyName {
		names = append(names, db+"/"+rp)
	}
	for _, name := range names {
		if b, ok := s.cat.bucketByName(a.OrgID, name); ok && a.allows(actionRead, typeBuckets, b.OrgID, b.ID) {
			return b, true
		}
	}
	return bucket{}, false
}

func (s *Server) runInfluxQL(w http.ResponseWriter, r *http.Request) error {
	a := authOf(r.Context())
	form, err := influxqlForm(w, r)
	if err != nil {
		return err
	}
	parsed, err := parseInfluxQL(form)
	if err != nil {
		return err
	}
	out := newInfluxqlWriter(w, form)
	for id, stmt := range parsed.Statements {
		if _, ok := stmt.(*influxql.ShowDatabasesStatement); ok {
			if err := out.add(s.showDatabases(a, id)); err != nil {
				return err
			}
			continue
		}
		db, rp := form.Get("db"), form.Get("rp")
		if on := onClause(stmt); on != nil && *on != "" {
			db, rp = *on, ""
			*on = ""
		}
		if db == "" {
			if err := out.add(&query.Result{StatementID: id, Err: errNoDatabase}); err != nil {
				return err
			}
			break // as InfluxDB: the first error ends the query
		}
		b, ok := s.influxqlBucket(a, db, rp)
		if !ok {
			// The same answer whether it is missing or not for this token.
			if id == 0 {
				return errForbidden("not authorized to read database %q, or it does not exist", db)
			}
			if err := out.add(&query.Result{StatementID: id, Err: errNoDatabase}); err != nil {
				return err
			}
			break
		}
		failed, err := s.runStatement(r.Context(), id, stmt, b, out)
		if err != nil {
			return err
		}
		if failed {
			break
		}
	}
	return out.end()
}

var errNoDatabase = errors.New("database name required, and one that the token may read")

// runStatement runs one statement against one database. failed: the client has
// been told of an error among the results.
func (s *Server) runStatement(ctx context.Context, id int, stmt influxql.Statement, b bucket, out *influxqlWriter) (failed bool, err error) {
	select {
	case s.influxql <- struct{}{}:
		defer func() { <-s.influxql }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	ctx, use, err := s.engine.enter(ctx)
	if err != nil {
		return false, err
	}
	defer use.leave()
	if on := onClause(stmt); on != nil {
		*on = b.ID
	}
	closing := make(chan struct{})
	abort := make(chan struct{})
	defer context.AfterFunc(ctx, func() { close(closing) })()
	defer close(abort)
	results := s.executor.ExecuteQuery(&influxql.Query{Statements: influxql.Statements{stmt}}, query.ExecutionOptions{
		Database: b.ID, RetentionPolicy: policyName, ChunkSize: out.chunkSize, ReadOnly: true, Quiet: true,
		Authorizer: fence{query.OpenAuthorizer, b.ID}, CoarseAuthorizer: oneDatabase(b.ID), AbortCh: abort,
	}, closing)
	for res := range results {
		if res == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		res.StatementID = id
		failed = failed || res.Err != nil
		if err := out.add(res); err != nil {
			return false, err
		}
	}
	// A query that was stopped may look complete: the context knows better.
	return failed, ctx.Err()
}

// showDatabases lists the buckets that the token may read, by name.
func (s *Server) showDatabases(a *authorization, id int) *query.Result {
	row := &models.Row{Name: "databases", Columns: []string{"name"}}
	for _, b := range s.cat.findBuckets(func(b *bucket) bool {
		return b.OrgID == a.OrgID && a.allows(actionRead, typeBuckets, b.OrgID, b.ID)
	}) {
		row.Values = append(row.Values, []any{b.Name})
	}
	return &query.Result{StatementID: id, Series: models.Rows{row}}
}

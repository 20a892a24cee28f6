package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/influxdata/influxdb/query"
	"github.com/influxdata/influxql"
)

const (
	maxInfluxQL   = 64 << 10
	influxqlChunk = 10_000 // rows that the engine hands over at once; a chunk has no more
)

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
	switch media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media {
	case "application/vnd.influxql":
		form.Set("q", string(body))
		return form, nil
	case "application/x-www-form-urlencoded":
	default:
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
		if len(raw) > maxInfluxQL {
			return nil, newError(http.StatusRequestEntityTooLarge, codeTooLarge, "the query's parameters are longer than %d bytes", maxInfluxQL)
		}
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
		return nil, errInvalid("error parsing query: %s", shorten(err.Error()))
	}
	if len(parsed.Statements) > maxStatements {
		return nil, errInvalid("the query has more than %d statements", maxStatements)
	}
	for _, stmt := range parsed.Statements {
		if err := guardStatement(stmt, home{form.Get("db"), form.Get("rp")}); err != nil {
			var api *apiError
			if errors.As(err, &api) {
				return nil, err
			}
			return nil, errForbidden("%v", err)
		}
	}
	return parsed, nil
}

// mappedBucket maps a database name, and a retention policy, to a bucket to
// which the token has the right: the bucket "db", or "db/rp" as InfluxDB 2.x maps it.
func (s *Server) mappedBucket(a *authorization, action, db, rp string) (bucket, bool) {
	names := []string{db}
	if rp != "" && rp != policyName {
		names = []string{db + "/" + rp}
	}
	if rp == policyName {
		names = append(names, db+"/"+rp)
	}
	for _, name := range names {
		if b, ok := s.cat.bucketByName(a.OrgID, name); ok && a.allows(action, typeBuckets, b.OrgID, b.ID) {
			return b, true
		}
	}
	return bucket{}, false
}

// influxQL answers queries as InfluxDB 1.x does, with a bucket's name as the
// name of a database.
func (s *Server) influxQL(w http.ResponseWriter, r *http.Request) error {
	form, err := influxqlForm(w, r)
	if err != nil {
		return err
	}
	parsed, err := parseInfluxQL(form)
	if err != nil {
		return err
	}
	if err := mayChange(w, r, parsed); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), influxqlTimeout)
	defer cancel()
	out := newInfluxqlWriter(w, r, form, s.influxql)
	defer out.release()
	run := influxqlRun{Server: s, auth: authOf(ctx), home: home{form.Get("db"), form.Get("rp")}, out: out, foreign: r.Header.Get(ForeignHeader) != ""}
	id, err := run.statements(ctx, parsed.Statements)
	if err == nil {
		err = out.end()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errUnavailable("%v", query.ErrQueryTimeoutLimitExceeded)
	}
	if err != nil && out.begun && !errors.Is(err, errAnswered) {
		s.log.Warn("InfluxQL answer broke off while it was being sent", "error", err)
		out.breakOff(id, errors.New(asAPIError(err).message))
	}
	return err
}

// influxqlRun is one request under way.
type influxqlRun struct {
	*Server
	auth    *authorization
	home    home
	out     *influxqlWriter
	foreign bool // see ForeignHeader
}

var errNoDatabase = errors.New("database name required, and one that the token may read")

// statements runs them in order until one fails, as InfluxDB does. A failure
// that is in the answer already is no error; for another, id tells the statement.
func (run *influxqlRun) statements(ctx context.Context, all influxql.Statements) (id int, err error) {
	for id, stmt := range all {
		res, err := run.own(ctx, id, stmt)
		if err != nil {
			return id, err
		}
		failed := false
		if res != nil {
			failed, err = res.Err != nil, run.out.add(res)
		} else {
			failed, err = run.stored(ctx, id, stmt)
		}
		if err != nil {
			return id, err
		}
		if failed {
			break
		}
	}
	return 0, nil
}

// stored runs a statement about what is stored in a bucket.
func (run *influxqlRun) stored(ctx context.Context, id int, stmt influxql.Statement) (failed bool, err error) {
	h := run.home
	on := onClause(stmt)
	if on != nil && *on != "" {
		h = home{db: *on}
	}
	if h.db == "" {
		return true, run.out.add(&query.Result{StatementID: id, Err: errNoDatabase})
	}
	b, ok := run.mappedBucket(run.auth, actionRead, h.db, h.rp)
	if !ok {
		// The same answer whether it is missing or not for this token.
		if id == 0 {
			return true, errForbidden("not authorized to read database %q, or it does not exist", h.db)
		}
		return true, run.out.add(&query.Result{StatementID: id, Err: errNoDatabase})
	}
	if on != nil {
		*on = b.ID
	}
	leave, err := run.influxql.enter(ctx, run.foreign)
	if err != nil {
		return true, err
	}
	defer leave()
	ctx, use, err := run.engine.enter(ctx)
	if err != nil {
		return true, err
	}
	defer use.leave()
	return run.execute(ctx, id, stmt, b)
}

// execute has the engine run one statement against one database. failed: the
// client has been told of an error among the results.
func (run *influxqlRun) execute(ctx context.Context, id int, stmt influxql.Statement, b bucket) (failed bool, err error) {
	closing := make(chan struct{})
	abort := make(chan struct{})
	defer context.AfterFunc(ctx, func() { close(closing) })()
	results := run.executor.ExecuteQuery(&influxql.Query{Statements: influxql.Statements{stmt}}, query.ExecutionOptions{
		Database: b.ID, RetentionPolicy: policyName, ChunkSize: run.out.chunkSize, ReadOnly: true, Quiet: true,
		Authorizer: fence{query.OpenAuthorizer, b.ID}, CoarseAuthorizer: oneDatabase(b.ID), AbortCh: abort,
	}, closing)
	// The slot is held, and the engine kept open, until the query is really over.
	defer func() {
		close(abort)
		for range results { //nolint:revive // nobody wants the rest
		}
	}()
	for res := range results {
		if res == nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if res.Err != nil {
			failed, res.Err = true, run.outward(res.Err, b)
		}
		res.StatementID = id
		if err := run.out.add(res); err != nil {
			return false, err
		}
	}
	// A query that was stopped may look complete: the context knows better.
	return failed, ctx.Err()
}

// outward words an error of the engine for the client: a database has the name
// of its bucket, and what the engine says of a panic stays inside.
func (s *Server) outward(err error, b bucket) error {
	text := err.Error()
	if strings.Contains(text, "[panic:") {
		s.log.Error("panic in an InfluxQL query", "bucket", b.Name, "error", text)
		return errors.New("an internal error has occurred")
	}
	return errors.New(shorten(strings.ReplaceAll(text, b.ID, b.Name)))
}

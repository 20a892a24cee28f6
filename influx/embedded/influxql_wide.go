package embedded

import (
	"math"

	"github.com/influxdata/influxdb/coordinator"
	"github.com/influxdata/influxdb/query"
	"github.com/influxdata/influxql"
)

// windowLimit runs statements with a limit on their GROUP BY time() windows, but for those that need none. Where a
// statement has no lower bound of time, the library reckons one from the limit, and for windows of hours it overflows:
// SELECT mean(v) FROM m GROUP BY time(1d) then finds nothing.
type windowLimit struct {
	*coordinator.StatementExecutor
	unlimited *coordinator.StatementExecutor
}

func limitWindows(e *coordinator.StatementExecutor) windowLimit {
	unlimited := *e
	unlimited.MaxSelectBucketsN = 0
	return windowLimit{e, &unlimited}
}

// ExecuteStatement picks the executor by the statement's windows.
func (l windowLimit) ExecuteStatement(ctx *query.ExecutionContext, stmt influxql.Statement) error {
	if s, ok := stmt.(*influxql.SelectStatement); ok && l.wide(s) {
		return l.unlimited.ExecuteStatement(ctx, stmt)
	}
	return l.StatementExecutor.ExecuteStatement(ctx, stmt)
}

// wide tells whether the windows are so wide that all of time holds few more than the limit. The library limits those
// of subqueries in no case.
func (l windowLimit) wide(s *influxql.SelectStatement) bool {
	every, err := s.GroupByInterval()
	return err == nil && int64(every) >= math.MaxInt64/int64(l.MaxSelectBucketsN)
}

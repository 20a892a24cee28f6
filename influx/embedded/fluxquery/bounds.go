package fluxquery

import (
	"context"

	"github.com/influxdata/influxdb/storage/reads"
	"github.com/influxdata/influxdb/storage/reads/datatypes"
)

// halfOpen is a store whose ranges end before their stop. The storage layer of InfluxDB 1.8 takes the point at the stop
// into the range; Flux does not, and InfluxDB 2.x does not.
type halfOpen struct{ reads.Store }

func (s halfOpen) ReadFilter(ctx context.Context, req *datatypes.ReadFilterRequest) (reads.ResultSet, error) {
	req.Range.End--
	return s.Store.ReadFilter(ctx, req)
}

func (s halfOpen) ReadGroup(ctx context.Context, req *datatypes.ReadGroupRequest) (reads.GroupResultSet, error) {
	req.Range.End--
	return s.Store.ReadGroup(ctx, req)
}

package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/influxdata/influxdb/models"
	"github.com/influxdata/influxdb/tsdb"
	"golang.org/x/sync/errgroup"

	"github.com/influxdata/influxdb/coordinator"
)

// writePoints stores the points of a bucket and returns once they are on disk.
// Points that conflict with a field's type or lie beyond the retention are
// dropped and the others kept, as InfluxDB does; the error then is a 422.
func (s *Server) writePoints(ctx context.Context, bucketID string, points []models.Point) error {
	if s.alone {
		s.lone.Lock()
		defer s.lone.Unlock()
	}
	if len(points) > groupWrite || s.alone {
		return s.commitAlone(ctx, bucketID, points)
	}
	return s.commitTogether(ctx, bucketID, points)
}

// commitAlone is writePoints without waiting for others. A fault of the disk
// leaves the engine stuck, with points in memory that are nowhere else: it is
// opened again before anyone is told.
func (s *Server) commitAlone(ctx context.Context, bucketID string, points []models.Point) error {
	if s.recovery.pending.Load() {
		return errWriteFault
	}
	opening, err := s.writeOpen(ctx, bucketID, points)
	var fault *engineFault
	if errors.As(err, &fault) {
		s.log.Error("write to the embedded InfluxDB failed", "bucket", s.cat.bucketName(bucketID), "error", err)
		s.heal(opening)
		return errWriteFault
	}
	return err
}

// writeOpen writes while nobody opens the engine again or takes a picture for a
// backup, and tells which opening of the engine it wrote to.
func (s *Server) writeOpen(ctx context.Context, bucketID string, points []models.Point) (opening uint64, err error) {
	ctx, use, err := s.engine.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer use.leave() // also when the engine panics
	s.pause.RLock()
	defer s.pause.RUnlock()
	return use.opening, s.writeRounds(ctx, bucketID, points)
}

var errWriteFault = errUnavailable("the points could not be written to the disk; try again later")

// writeRounds writes points. Points that conflict with a field's type or lie beyond the retention are
// dropped and the others kept; the error then is a 422.
func (s *Server) writeRounds(ctx context.Context, bucketID string, points []models.Point) error {
	var partial partialWrite
	for round := 0; len(points) > 0; round++ {
		if round == maxConflictRounds {
			partial.add(tsdb.ErrFieldTypeConflict.Error(), len(points))
			break
		}
		now, later, fields := splitConflicts(points)
		if err := s.writeRound(ctx, bucketID, now, fields, &partial); err != nil {
			return err
		}
		points = later
	}
	return partial.err()
}

// maxConflictRounds bounds how often a batch is split. Each round after the
// first is one more type for some field, so honest batches need two.
const maxConflictRounds = 6

// writeRound writes points that agree with one another about the types of
// their fields.
//
// The engine checks a point's fields first and creates the missing ones later,
// so two batches that bring the same new field with two types can slip past
// the check, and a field would hold both. A batch that may create fields
// therefore has the bucket for itself; new fields are rare. So has each batch
// while the disk is nearly full: then the WAL holds at most one write that is
// not acknowledged, and when that one fails, it is torn and goes whole.
func (s *Server) writeRound(ctx context.Context, bucketID string, points []models.Point, fields fieldTypes, partial *partialWrite) error {
	gate := s.gates.of(bucketID)
	if !s.space.scarce() {
		if done, err := s.writeShared(ctx, gate, bucketID, points, fields, partial); done || err != nil {
			return err
		}
	}
	gate.Lock()
	defer gate.Unlock()
	mapping, err := s.mapShards(ctx, bucketID, points) // the bucket may be gone by now
	if err != nil {
		return err
	}
	return s.writeShards(bucketID, mapping, partial)
}

// writeShared writes points beside others, unless they bring a new field.
func (s *Server) writeShared(ctx context.Context, gate *bucketGate, bucketID string, points []models.Point, fields fieldTypes, partial *partialWrite) (done bool, err error) {
	gate.RLock()
	defer gate.RUnlock()
	mapping, err := s.mapShards(ctx, bucketID, points)
	if err != nil || !s.fieldsExist(mapping, fields) {
		return false, err
	}
	return true, s.writeShards(bucketID, mapping, partial)
}

// fieldsExist tells whether every shard knows every field of the batch.
func (s *Server) fieldsExist(mapping *coordinator.ShardMapping, fields fieldTypes) bool {
	for id := range mapping.Points {
		shard := s.store.Shard(id)
		if shard == nil {
			return false
		}
		for measurement, types := range fields {
			known := shard.MeasurementFields([]byte(measurement))
			if known == nil {
				return false
			}
			for name := range types {
				if !known.HasField(name) {
					return false
				}
			}
		}
	}
	return true
}

// fieldTypes are the types of fields by measurement and name.
type fieldTypes map[string]map[string]models.FieldType

// splitConflicts takes out points that give a field another type than an
// earlier point of the batch did. The engine compares a batch only with what
// is stored and would fail the whole batch for a conflict inside of it. Written
// after the others, the same points are judged one by one.
func splitConflicts(points []models.Point) (first, later []models.Point, types fieldTypes) {
	types = fieldTypes{}
	var fields map[string]models.FieldType
	var measurement []byte
	split := false
	for i, p := range points {
		if name := p.Name(); fields == nil || !bytes.Equal(name, measurement) {
			measurement = name
			if fields = types[string(name)]; fields == nil {
				fields = map[string]models.FieldType{}
				types[string(name)] = fields
			}
		}
		// A point that is put off leaves the types of its other fields behind.
		// At worst a later point is then put off as well, which costs a round.
		conflict := false
		for it := p.FieldIterator(); it.Next() && !conflict; {
			if t, ok := fields[string(it.FieldKey())]; !ok {
				fields[string(it.FieldKey())] = it.Type()
			} else if t != it.Type() {
				conflict = true
			}
		}
		if conflict {
			if !split {
				split = true
				first = append(make([]models.Point, 0, len(points)), points[:i]...)
			}
			later = append(later, p)
			continue
		}
		if split {
			first = append(first, p)
		}
	}
	if !split {
		return points, nil, types
	}
	return first, later, types
}

// partialWrite gathers what was dropped and why.
type partialWrite struct {
	reason  string
	dropped int
}

func (p *partialWrite) add(reason string, dropped int) {
	if p.reason == "" {
		p.reason = reason
	}
	p.dropped += dropped
}

func (p *partialWrite) err() error {
	if p.dropped == 0 {
		return nil
	}
	return errUnprocessable("failure writing points to database: partial write: %s dropped=%d", p.reason, p.dropped)
}

// mapShards finds, or makes, the shard groups that the points belong to.
func (s *Server) mapShards(ctx context.Context, bucketID string, points []models.Point) (*coordinator.ShardMapping, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	mapping, err := s.mapper.MapShards(&coordinator.WritePointsRequest{Database: bucketID, RetentionPolicy: policyName, Points: points})
	if err != nil {
		if s.meta.Database(bucketID) == nil {
			return nil, errNotFound("bucket not found")
		}
		return nil, fmt.Errorf("map points to shards: %w", err)
	}
	return mapping, nil
}

// writeShards writes each shard's part side by side and waits for all of them.
func (s *Server) writeShards(bucketID string, mapping *coordinator.ShardMapping, partial *partialWrite) error {
	if n := len(mapping.Dropped); n > 0 {
		partial.add("points beyond retention policy", n)
	}
	results := make([]error, len(mapping.Points))
	var group errgroup.Group
	group.SetLimit(4)
	i := 0
	for id, part := range mapping.Points {
		into := &results[i]
		i++
		group.Go(func() error {
			*into = s.writeShard(bucketID, id, part)
			return nil
		})
	}
	_ = group.Wait()
	for _, err := range results {
		var dropped tsdb.PartialWriteError
		switch {
		case err == nil:
		case errors.As(err, &dropped):
			partial.add(dropped.Reason, dropped.Dropped)
		default:
			return err
		}
	}
	return nil
}

// shardFault is a shard that cannot be made, or that could not be opened at the
// start: opening the engine again only helps if the disk was at fault.
func (s *Server) shardFault(id uint64, err error) error {
	if errors.As(err, new(syscall.Errno)) {
		return &engineFault{shard: id, err: err}
	}
	s.log.Error("a shard of the embedded InfluxDB cannot be written to", "shard", id, "error", err)
	return errWriteFault
}

// cacheFull is what the engine says, in words only, when its cache has grown to
// the limit because it cannot be written out. The points are refused whole.
const cacheFull = "cache-max-memory-size exceeded"

func (s *Server) writeShard(bucketID string, id uint64, points []models.Point) error {
	err := s.store.WriteToShard(id, points)
	if errors.Is(err, tsdb.ErrShardNotFound) {
		if err := s.store.CreateShard(bucketID, policyName, id, true); err != nil {
			return s.shardFault(id, err)
		}
		err = s.store.WriteToShard(id, points)
	}
	switch {
	case errors.Is(err, tsdb.ErrShardDeletion):
		return tsdb.PartialWriteError{Reason: fmt.Sprintf("shard %d is pending deletion", id), Dropped: len(points)}
	case errors.As(err, new(tsdb.PartialWriteError)):
		return err
	case err != nil && strings.Contains(err.Error(), cacheFull):
		s.log.Error("the storage engine takes no more points until its cache is on disk", "shard", id, "error", err)
		return errWriteFault
	case err != nil:
		return &engineFault{shard: id, err: err}
	}
	return nil
}

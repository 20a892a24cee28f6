package fluxquery

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/influxdata/flux"
	"github.com/influxdata/flux/memory"
	"github.com/influxdata/flux/semantic"
	"github.com/influxdata/flux/values"
	"github.com/influxdata/influxdb/flux/stdlib/influxdata/influxdb"
	"github.com/influxdata/influxdb/services/meta"
	"github.com/influxdata/influxdb/tsdb/cursors"
)

// A bucket travels through the plan as one string, which the library takes apart at a slash into database and
// retention policy. Names with a slash and ids are therefore written in a form of their own.
const (
	namePrefix = "\x00name:"
	idPrefix   = "\x00id:"
)

func encodeBucket(name, id string) string {
	switch {
	case id != "":
		return idPrefix + hex.EncodeToString([]byte(id))
	case strings.ContainsAny(name, "/\x00"):
		return namePrefix + hex.EncodeToString([]byte(name))
	default:
		return name
	}
}

func decodeBucket(s string) (name, id string, err error) {
	switch {
	case strings.HasPrefix(s, namePrefix):
		b, err := hex.DecodeString(s[len(namePrefix):])
		return string(b), "", err
	case strings.HasPrefix(s, idPrefix):
		b, err := hex.DecodeString(s[len(idPrefix):])
		return "", string(b), err
	default:
		return s, "", nil
	}
}

// fromFunction is from(bucket:) and from(bucketID:).
func fromFunction() values.Value {
	create := func(args flux.Arguments, _ *flux.Administration) (flux.OperationSpec, error) {
		name, _, err := args.GetString("bucket")
		if err != nil {
			return nil, err
		}
		id, _, err := args.GetString("bucketID")
		if err != nil {
			return nil, err
		}
		if (name == "") == (id == "") {
			return nil, refuse("from: must specify one of bucket or bucketID")
		}
		return &influxdb.FromOpSpec{Bucket: encodeBucket(name, id)}, nil
	}
	return flux.FunctionValue(influxdb.FromKind, create, semantic.FunctionPolySignature{
		Parameters: map[string]semantic.PolyType{"bucket": semantic.String, "bucketID": semantic.String},
		Return:     flux.TableObjectType,
	})
}

// missingFunction stands for a function that scripts may know from InfluxDB but that must not or cannot work here.
func missingFunction(name string, sig semantic.FunctionPolySignature) values.Value {
	return flux.FunctionValue(name, func(flux.Arguments, *flux.Administration) (flux.OperationSpec, error) {
		return nil, refuse("%s() is not available in the embedded InfluxDB", name)
	}, sig)
}

// session is what one query knows: which buckets it was let into, why it failed, what it did.
type session struct {
	ctx     context.Context
	resolve func(ctx context.Context, bucketName, bucketID string) (database, rp string, err error)

	mu      sync.Mutex
	targets map[string]target
	scans   []*windowScan
	err     error

	pushdowns atomic.Int64
	reads     atomic.Int64

	text    atomic.Int64 // bytes of strings that were read from fields
	maxText int64
}

type target struct{ database, rp string }

func (s *session) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// Database implements the library's MetaClient. The library asks it for every bucket before anything is read, so this is
// where the permission is checked; refusals are remembered because the library replaces them by its own error.
func (s *session) Database(bucket string) *meta.DatabaseInfo {
	s.mu.Lock()
	t, ok := s.targets[bucket]
	s.mu.Unlock()
	if !ok {
		name, id, err := decodeBucket(bucket)
		if err == nil {
			t.database, t.rp, err = s.resolve(s.ctx, name, id)
		}
		if err != nil {
			s.fail(err)
			return nil
		}
		s.mu.Lock()
		s.targets[bucket] = t
		s.mu.Unlock()
	}
	// The policy's own name stays with the target; the plan only needs one that exists.
	return &meta.DatabaseInfo{
		Name:                   bucket,
		DefaultRetentionPolicy: "default",
		RetentionPolicies:      []meta.RetentionPolicyInfo{{Name: "default"}},
	}
}

// Databases implements the library's MetaClient: scripts cannot list buckets.
func (s *session) Databases() []meta.DatabaseInfo { return nil }

var errUnresolved = errors.New("bucket was not resolved")

func (s *session) locate(spec *influxdb.ReadFilterSpec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.targets[spec.Database]
	if !ok {
		return errUnresolved
	}
	spec.Database, spec.RetentionPolicy = t.database, t.rp
	return nil
}

// reader gives a query the store, limited to the buckets of its session.
type reader struct {
	inner   *storeReader
	session *session
}

// beforeEpoch is true for ranges whose last moment the store would take for no bound at all.
func beforeEpoch(spec influxdb.ReadFilterSpec) bool { return spec.Bounds.Stop <= 1 }

func (r *reader) ReadFilter(ctx context.Context, spec influxdb.ReadFilterSpec, alloc *memory.Allocator) (influxdb.TableIterator, error) {
	if err := r.session.locate(&spec); err != nil {
		return nil, err
	}
	if beforeEpoch(spec) {
		return noTables{}, nil
	}
	r.session.reads.Add(1)
	return guarded(ctx, r.session)(r.inner.ReadFilter(ctx, spec, alloc))
}

func (r *reader) ReadGroup(ctx context.Context, spec influxdb.ReadGroupSpec, alloc *memory.Allocator) (influxdb.TableIterator, error) {
	if err := r.session.locate(&spec.ReadFilterSpec); err != nil {
		return nil, err
	}
	if beforeEpoch(spec.ReadFilterSpec) {
		return noTables{}, nil
	}
	r.session.reads.Add(1)
	return guarded(ctx, r.session)(r.inner.ReadGroup(ctx, spec, alloc))
}

func (r *reader) ReadTagKeys(ctx context.Context, spec influxdb.ReadTagKeysSpec, alloc *memory.Allocator) (influxdb.TableIterator, error) {
	if err := r.session.locate(&spec.ReadFilterSpec); err != nil {
		return nil, err
	}
	return guarded(ctx, r.session)(r.inner.ReadTagKeys(ctx, spec, alloc))
}

func (r *reader) ReadTagValues(ctx context.Context, spec influxdb.ReadTagValuesSpec, alloc *memory.Allocator) (influxdb.TableIterator, error) {
	if err := r.session.locate(&spec.ReadFilterSpec); err != nil {
		return nil, err
	}
	return guarded(ctx, r.session)(r.inner.ReadTagValues(ctx, spec, alloc))
}

func (r *reader) Close() {}

type noTables struct{}

func (noTables) Do(func(flux.Table) error) error { return nil }

func (noTables) Statistics() cursors.CursorStats { return cursors.CursorStats{} }

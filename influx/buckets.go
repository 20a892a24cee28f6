package influx

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/influxdata/influxdb-client-go/v2/domain"

	"iotcenter/telemetry"
)

const (
	bucketPage    = 100       // the most that InfluxDB gives at once
	minRetention  = time.Hour // InfluxDB's own rule
	maxBucketName = 100       // characters
)

// bucketJSON is a bucket as the API gives it. The library's type lacks the embedded server's own field "bytes".
type bucketJSON struct {
	domain.Bucket
	Bytes *int64 `json:"bytes"`
}

// Buckets lists the organisation's buckets by name, the database's own last.
func (db *DB) Buckets(ctx context.Context) ([]telemetry.Bucket, error) {
	var out []telemetry.Bucket
	err := db.op(ctx, "buckets", db.timing.request, func(ctx context.Context) error {
		orgID, _ := db.ids()
		for offset := 0; ; offset += bucketPage {
			page, err := db.getBuckets(ctx, url.Values{
				"orgID": {orgID}, "limit": {strconv.Itoa(bucketPage)}, "offset": {strconv.Itoa(offset)}})
			if err != nil {
				return err
			}
			out = append(out, page...)
			if len(page) < bucketPage {
				return nil
			}
		}
	})
	return out, err
}

// CreateBucket makes a bucket; retention 0 keeps data forever.
func (db *DB) CreateBucket(ctx context.Context, name string, retention time.Duration) (telemetry.Bucket, error) {
	if err := validBucketName(name); err != nil {
		return telemetry.Bucket{}, err
	}
	if err := validRetention(retention); err != nil {
		return telemetry.Bucket{}, err
	}
	var out telemetry.Bucket
	err := db.op(ctx, "bucket_create", db.timing.request, func(ctx context.Context) (err error) {
		orgID, _ := db.ids()
		out, err = db.postBucket(ctx, orgID, name, retention)
		return bucketError(err, name)
	})
	return out, err
}

// SetRetention changes how long a bucket keeps data; 0 keeps it forever. The auth bucket must keep everything: an end
// to its retention would unregister every device.
func (db *DB) SetRetention(ctx context.Context, id string, retention time.Duration) (telemetry.Bucket, error) {
	if err := validRetention(retention); err != nil {
		return telemetry.Bucket{}, err
	}
	var out telemetry.Bucket
	err := db.op(ctx, "bucket_update", db.timing.request, func(ctx context.Context) error {
		path := "api/v2/buckets/" + url.PathEscape(id)
		var found bucketJSON
		if err := db.call(ctx, http.MethodGet, path, nil, nil, &found); err != nil {
			return bucketError(err, id)
		}
		b := db.bucket(found)
		if b.System || b.Registry {
			return fmt.Errorf("%w: %q keeps its data", telemetry.ErrInvalidBucket, b.Name)
		}
		rule := domain.PatchRetentionRuleTypeExpire
		in := domain.PatchBucketRequest{RetentionRules: &domain.PatchRetentionRules{
			{Type: &rule, EverySeconds: int64(retention / time.Second)}}}
		var changed bucketJSON
		if err := db.call(ctx, http.MethodPatch, path, nil, in, &changed); err != nil {
			return bucketError(err, id)
		}
		out = db.bucket(changed)
		if out.Name == db.cfg.Bucket {
			db.keepFor(out.Retention)
		}
		return nil
	})
	return out, err
}

func (db *DB) getBuckets(ctx context.Context, query url.Values) ([]telemetry.Bucket, error) {
	var answer struct {
		Buckets []bucketJSON `json:"buckets"`
	}
	if err := db.call(ctx, http.MethodGet, "api/v2/buckets", query, nil, &answer); err != nil {
		return nil, err
	}
	out := make([]telemetry.Bucket, 0, len(answer.Buckets))
	for _, b := range answer.Buckets {
		out = append(out, db.bucket(b))
	}
	return out, nil
}

func (db *DB) postBucket(ctx context.Context, orgID, name string, retention time.Duration) (telemetry.Bucket, error) {
	expire := domain.RetentionRuleTypeExpire
	in := domain.PostBucketRequest{Name: name, OrgID: orgID, RetentionRules: &domain.RetentionRules{
		{Type: &expire, EverySeconds: int64(retention / time.Second)}}}
	var made bucketJSON
	err := db.call(ctx, http.MethodPost, "api/v2/buckets", nil, in, &made)
	return db.bucket(made), err
}

func (db *DB) bucket(b bucketJSON) telemetry.Bucket {
	out := telemetry.Bucket{Name: b.Name, Bytes: -1, System: b.Type != nil && *b.Type == domain.BucketTypeSystem, Registry: b.Name == db.cfg.AuthBucket}
	if b.Id != nil {
		out.ID = *b.Id
	}
	if b.CreatedAt != nil {
		out.CreatedAt = b.CreatedAt.UTC()
	}
	for _, r := range b.RetentionRules {
		out.Retention = time.Duration(r.EverySeconds) * time.Second
	}
	if b.Bytes != nil {
		out.Bytes = *b.Bytes
	}
	return out
}

// isConflict: a bucket of that name is there already.
func isConflict(err error) bool {
	return statusOf(err) == http.StatusConflict || codeOf(err) == "conflict"
}

// bucketError gives the domain's errors to what the buckets API refuses.
func bucketError(err error, what string) error {
	switch {
	case isConflict(err):
		return fmt.Errorf("%w: %s", telemetry.ErrBucketExists, what)
	case statusOf(err) == http.StatusNotFound:
		return fmt.Errorf("%w: %s", telemetry.ErrBucketNotFound, what)
	case statusOf(err) == http.StatusBadRequest || statusOf(err) == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: %w", telemetry.ErrInvalidBucket, err)
	}
	return err
}

// validBucketName holds InfluxDB's rules and ours: no control characters, no spaces around it, a length.
func validBucketName(name string) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name:
		return fmt.Errorf("%w: a bucket needs a name without spaces around it", telemetry.ErrInvalidBucket)
	case utf8.RuneCountInString(name) > maxBucketName:
		return fmt.Errorf("%w: a bucket's name has at most %d characters", telemetry.ErrInvalidBucket, maxBucketName)
	case strings.HasPrefix(name, "_"):
		return fmt.Errorf("%w: names that start with _ are InfluxDB's own", telemetry.ErrInvalidBucket)
	case strings.ContainsRune(name, '"') || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%w: a bucket's name has printable characters and no quotation mark", telemetry.ErrInvalidBucket)
	}
	return nil
}

func validRetention(d time.Duration) error {
	switch {
	case d == 0:
		return nil
	case d < minRetention:
		return fmt.Errorf("%w: data is kept for an hour at least, or forever", telemetry.ErrInvalidBucket)
	case d%time.Second != 0:
		return fmt.Errorf("%w: a retention is a number of whole seconds", telemetry.ErrInvalidBucket)
	}
	return nil
}

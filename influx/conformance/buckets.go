package conformance

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"iotcenter/telemetry"
)

// Buckets tests a telemetry.BucketStore. remove deletes what it made.
func Buckets(t *testing.T, s Subject, remove func(id string)) {
	ctx := start(t)
	find := func(t *testing.T, name string) (telemetry.Bucket, bool) {
		t.Helper()
		list, err := s.DB.Buckets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range list {
			if b.Name == name {
				return b, true
			}
		}
		return telemetry.Bucket{}, false
	}
	auth, ok := find(t, s.AuthBucket)
	if data, both := find(t, s.Bucket); !ok || !both || data.Retention != 0 || auth.Retention != 0 || data.ID == "" || data.System || data.Registry || !auth.Registry {
		t.Fatalf("the app's buckets: %+v %+v", data, auth)
	}
	name := `bücket of 'x' \ ` + strings.ToLower(rand.Text()[:8])
	made, err := s.DB.CreateBucket(ctx, name, 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(made.ID) })
	if b, ok := find(t, name); !ok || b.ID != made.ID || b.Retention != 2*time.Hour || time.Since(b.CreatedAt).Abs() > time.Hour {
		t.Errorf("after creation: %+v, %v", b, ok)
	}
	for _, want := range []time.Duration{30 * 24 * time.Hour, 0, time.Hour} {
		changed, err := s.DB.SetRetention(ctx, made.ID, want)
		if err != nil || changed.Retention != want {
			t.Errorf("SetRetention(%v): %+v, %v", want, changed, err)
		}
		if b, _ := find(t, name); b.Retention != want {
			t.Errorf("listed after SetRetention(%v): %v", want, b.Retention)
		}
	}
	create := func(name string, retention time.Duration) error {
		b, err := s.DB.CreateBucket(ctx, name, retention)
		if err == nil {
			remove(b.ID)
		}
		return err
	}
	set := func(id string, retention time.Duration) error {
		_, err := s.DB.SetRetention(ctx, id, retention)
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"the same name", create(name, 0), telemetry.ErrBucketExists},
		{"no name", create("", 0), telemetry.ErrInvalidBucket},
		{"a name of InfluxDB's own kind", create("_mine", 0), telemetry.ErrInvalidBucket},
		{"a quotation mark", create(`a"b`, 0), telemetry.ErrInvalidBucket},
		{"a control character", create("a\x00b", 0), telemetry.ErrInvalidBucket},
		{"a long name", create(strings.Repeat("n", 101), 0), telemetry.ErrInvalidBucket},
		{"a short retention", create("short", time.Minute), telemetry.ErrInvalidBucket},
		{"a negative retention", set(made.ID, -time.Hour), telemetry.ErrInvalidBucket},
		{"half a second", set(made.ID, 2*time.Hour+time.Second/2), telemetry.ErrInvalidBucket},
		{"an unknown bucket", set("00000000000000ff", time.Hour), telemetry.ErrBucketNotFound},
		{"the registrations", set(auth.ID, time.Hour), telemetry.ErrInvalidBucket},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
}

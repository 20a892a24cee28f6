package embedded_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"iotcenter/influx/embedded"
)

// TestRetentionIsEnforced: points beyond a bucket's retention go away with their
// files, and newer ones stay; before that they are refused.
func TestRetentionIsEnforced(t *testing.T) {
	dir := t.TempDir()
	s, err := embedded.Open(t.Context(), embedded.Options{Dir: dir, RetentionEvery: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	setup(t, s)
	id := newBucket(t, s, "kept")
	now := time.Now()
	old := now.Add(-60 * 24 * time.Hour)
	write(t, s, rootToken, "kept", fmt.Sprintf("m f=1 %d\nm f=2 %d", old.UnixNano(), now.UnixNano())).want(t, 204)
	folders := func() int {
		found, err := filepath.Glob(filepath.Join(dir, "data", id, "autogen", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if n := folders(); n != 2 {
		t.Fatalf("%d shards, want 2", n)
	}
	call(t, s, rootToken, "PATCH", "/api/v2/buckets/"+id, map[string]any{
		"retentionRules": []any{map[string]any{"type": "expire", "everySeconds": 86400}},
	}).want(t, 200)
	write(t, s, rootToken, "kept", fmt.Sprintf("m f=3 %d", old.UnixNano())).wantError(t, 422, "unprocessable entity", "beyond retention")
	eventually(t, "one shard is left", func() bool { return folders() == 1 })
	if got := values(t, s, rootToken, `from(bucket: "kept") |> range(start: 0)`); fmt.Sprint(got) != "[2]" {
		t.Errorf("left: %v", got)
	}
}

// TestBucketMadeAnewIsEmpty: the same name, none of the old data, also after a restart.
func TestBucketMadeAnewIsEmpty(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	setup(t, s)
	for round := range 3 {
		id := newBucket(t, s, "again")
		if got := values(t, s, rootToken, `from(bucket: "again") |> range(start: 0)`); len(got) != 0 {
			t.Fatalf("round %d starts with %v", round, got)
		}
		write(t, s, rootToken, "again", fmt.Sprintf("m f=%d 1\nn g=\"x\" 2", round)).want(t, 204)
		call(t, s, rootToken, "DELETE", "/api/v2/buckets/"+id, nil).want(t, 204)
		if _, err := os.Stat(filepath.Join(dir, "wal", id)); !os.IsNotExist(err) {
			t.Errorf("files of the deleted bucket: %v", err)
		}
	}
	newBucket(t, s, "again")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	// Another type for the field shows that its schema is gone as well.
	write(t, s, rootToken, "again", "m f=\"text\" 1").want(t, 204)
	if got := values(t, s, rootToken, `from(bucket: "again") |> range(start: 0)`); fmt.Sprint(got) != "[text]" {
		t.Errorf("holds %v", got)
	}
}

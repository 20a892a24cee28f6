package influx_test

import (
	"testing"
	"time"

	"iotcenter/influx/influxtest"
)

// The app knows how long its data bucket keeps points, and notices a change that it makes itself at once.
func TestRetentionOfTheDataBucketIsKnown(t *testing.T) {
	cfg := influxtest.Place(t)
	db, _ := running(t, cfg)
	ready(t, db)
	if got := db.Status().Retention; got != 0 {
		t.Errorf("a fresh bucket keeps points for %v", got)
	}
	buckets, err := db.Buckets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range buckets {
		if b.Name != db.Status().Bucket {
			continue
		}
		if _, err := db.SetRetention(t.Context(), b.ID, 7*24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if got := db.Status().Retention; got != 7*24*time.Hour {
		t.Errorf("after the change it keeps them for %v", got)
	}
	// Another process finds it out by its check.
	other, _ := running(t, cfg)
	ready(t, other)
	if got := other.Status().Retention; got != 7*24*time.Hour {
		t.Errorf("another process says %v", got)
	}
}

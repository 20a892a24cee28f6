package embedded

import (
	"errors"
	"maps"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"
)

func (c *catalogue) bucket(id string) (bucket, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if b := c.buckets[id]; b != nil {
		return *b, true
	}
	return bucket{}, false
}

func (c *catalogue) bucketByName(orgID, name string) (bucket, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if b := c.named[bucketName{orgID, name}]; b != nil {
		return *b, true
	}
	return bucket{}, false
}

// findBuckets answers the matching buckets in order of their ids.
func (c *catalogue) findBuckets(match func(*bucket) bool) []bucket {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []bucket
	for _, id := range slices.Sorted(maps.Keys(c.buckets)) {
		if b := c.buckets[id]; match(b) {
			out = append(out, *b)
		}
	}
	return out
}

// checkBucketName holds the rules of InfluxDB 2.x for names.
func checkBucketName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errInvalid("bucket name is required")
	case strings.HasPrefix(name, "_"):
		return errInvalid("bucket name %s is invalid. Bucket names may not start with underscores", name)
	case strings.Contains(name, `"`):
		return errInvalid("bucket name %s is invalid. Bucket names may not include quotation marks", name)
	case len(name) > 256:
		return errInvalid("bucket name is longer than 256 bytes")
	}
	return nil
}

// createBucket records the bucket; its database is made by the caller, or at
// the next start if that fails in between.
func (c *catalogue) createBucket(b bucket) (bucket, error) {
	c.write.Lock()
	defer c.write.Unlock()
	if _, ok := c.org(b.OrgID); !ok {
		return bucket{}, errNotFound("organization not found")
	}
	if _, taken := c.bucketByName(b.OrgID, b.Name); taken {
		return bucket{}, errConflict("bucket with name %s already exists", b.Name)
	}
	now := c.clock().UTC()
	b.ID, b.CreatedAt, b.UpdatedAt = c.ids.next(), now, now
	return b, c.saveBucket(b, "")
}

// updateBucket applies the change to the stored bucket. apply brings the
// engine in line before the change is recorded.
func (c *catalogue) updateBucket(id string, change func(*bucket), apply func(bucket) error) (bucket, error) {
	c.write.Lock()
	defer c.write.Unlock()
	b, ok := c.bucket(id)
	if !ok {
		return bucket{}, errNotFound("bucket not found")
	}
	old := b.Name
	change(&b)
	if b.Name != old {
		if err := checkBucketName(b.Name); err != nil {
			return bucket{}, err
		}
		if _, taken := c.bucketByName(b.OrgID, b.Name); taken {
			return bucket{}, errConflict("bucket with name %s already exists", b.Name)
		}
	}
	if err := apply(b); err != nil {
		return bucket{}, err
	}
	b.UpdatedAt = c.clock().UTC()
	return b, c.saveBucket(b, old)
}

func (c *catalogue) saveBucket(b bucket, oldName string) error {
	if err := c.db.Update(func(tx *bolt.Tx) error { return put(tx, keyBuckets, b.ID, b) }); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if oldName != "" {
		delete(c.named, bucketName{b.OrgID, oldName})
	}
	c.buckets[b.ID], c.named[bucketName{b.OrgID, b.Name}] = &b, &b
	return nil
}

// deleteBucket forgets the bucket and notes that its data is to be removed, in
// one transaction: a crash before the removal is made good at the next start.
func (c *catalogue) deleteBucket(id string) error {
	c.write.Lock()
	defer c.write.Unlock()
	b, ok := c.bucket(id)
	if !ok {
		return errNotFound("bucket not found")
	}
	roles := c.memberships(func(m membership) bool { return m.resourceID == id })
	if err := c.db.Update(func(tx *bolt.Tx) error { return errors.Join(dropBucket(tx, id), deleteMembers(tx, roles)) }); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetMembers(roles)
	delete(c.buckets, id)
	delete(c.named, bucketName{b.OrgID, b.Name})
	return nil
}

func dropBucket(tx *bolt.Tx, id string) error {
	return errors.Join(tx.Bucket(keyBuckets).Delete([]byte(id)), tx.Bucket(keyDropped).Put([]byte(id), []byte("yes")))
}

// droppedBuckets are the ids whose data still waits for removal.
func (c *catalogue) droppedBuckets() (ids []string, err error) {
	err = c.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(keyDropped).ForEach(func(k, _ []byte) error {
			ids = append(ids, string(k))
			return nil
		})
	})
	return ids, err
}

// removed notes that the data of a dropped bucket is gone.
func (c *catalogue) removed(id string) error {
	return c.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(keyDropped).Delete([]byte(id)) })
}

// bucketName is a bucket's name, or its id where it is gone.
func (c *catalogue) bucketName(id string) string {
	if b, ok := c.bucket(id); ok {
		return b.Name
	}
	return id
}

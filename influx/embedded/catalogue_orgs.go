package embedded

import (
	"errors"

	bolt "go.etcd.io/bbolt"
)

func (c *catalogue) org(id string) (org, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if o := c.orgs[id]; o != nil {
		return *o, true
	}
	return org{}, false
}

func (c *catalogue) orgByName(name string) (org, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, o := range c.orgs {
		if o.Name == name {
			return *o, true
		}
	}
	return org{}, false
}

func (c *catalogue) listOrgs() []org {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return sortedByID(c.orgs, func(o *org) string { return o.ID })
}

// createOrg makes an organisation and its maker the owner.
func (c *catalogue) createOrg(name, description, ownerID string) (org, error) {
	c.write.Lock()
	defer c.write.Unlock()
	if _, taken := c.orgByName(name); taken {
		return org{}, errConflict("organization with name %s already exists", name)
	}
	now := c.clock().UTC()
	o := org{ID: c.ids.next(), Name: name, Description: description, CreatedAt: now, UpdatedAt: now}
	owner := membership{o.ID, ownerID}
	err := c.db.Update(func(tx *bolt.Tx) error {
		return errors.Join(put(tx, keyOrgs, o.ID, o), tx.Bucket(keyMembers).Put(owner.key(), []byte(roleOwner)))
	})
	if err != nil {
		return org{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.orgs[o.ID], c.members[owner] = &o, roleOwner
	return o, nil
}

// updateOrg applies the change to the stored organisation.
func (c *catalogue) updateOrg(id string, change func(*org)) (org, error) {
	c.write.Lock()
	defer c.write.Unlock()
	o, ok := c.org(id)
	if !ok {
		return org{}, errNotFound("organization not found")
	}
	change(&o)
	if other, taken := c.orgByName(o.Name); taken && other.ID != id {
		return org{}, errConflict("organization with name %s already exists", o.Name)
	}
	o.UpdatedAt = c.clock().UTC()
	if err := c.db.Update(func(tx *bolt.Tx) error { return put(tx, keyOrgs, o.ID, o) }); err != nil {
		return org{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.orgs[o.ID] = &o
	return o, nil
}

// deleteOrg removes the organisation with its buckets and authorizations and
// answers the ids of the buckets, whose data the caller removes.
func (c *catalogue) deleteOrg(id string) ([]string, error) {
	c.write.Lock()
	defer c.write.Unlock()
	if _, ok := c.org(id); !ok {
		return nil, errNotFound("organization not found")
	}
	gone := c.findBuckets(func(b *bucket) bool { return b.OrgID == id })
	inside := map[string]bool{id: true}
	for _, b := range gone {
		inside[b.ID] = true
	}
	roles := c.memberships(func(m membership) bool { return inside[m.resourceID] })
	var dropped []string
	err := c.db.Update(func(tx *bolt.Tx) error {
		for _, b := range gone {
			dropped = append(dropped, b.ID)
			if err := dropBucket(tx, b.ID); err != nil {
				return err
			}
		}
		return errors.Join(deleteMembers(tx, roles), deleteAuths(tx, func(a *authorization) bool { return a.OrgID == id }), tx.Bucket(keyOrgs).Delete([]byte(id)))
	})
	if err != nil {
		return nil, err
	}
	c.cache.clear()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range gone {
		delete(c.buckets, b.ID)
		delete(c.named, bucketName{b.OrgID, b.Name})
	}
	delete(c.orgs, id)
	c.forgetMembers(roles)
	return dropped, nil
}

package embedded

import (
	"maps"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// Roles that a user has in an organisation or a bucket.
const (
	roleMember = "member"
	roleOwner  = "owner"
)

// membership is a user's place in a resource: an organisation or a bucket.
type membership struct{ resourceID, userID string }

func (m membership) key() []byte { return []byte(m.resourceID + "/" + m.userID) }

func loadMembers(from *bolt.Bucket, into map[membership]string) error {
	return from.ForEach(func(k, role []byte) error {
		resourceID, userID, _ := strings.Cut(string(k), "/")
		into[membership{resourceID, userID}] = string(role)
		return nil
	})
}

// addMember gives the user a role in the resource, which the caller knows to exist.
func (c *catalogue) addMember(m membership, role string) (user, error) {
	c.write.Lock()
	defer c.write.Unlock()
	u, ok := c.user(m.userID)
	if !ok {
		return user{}, errNotFound("user not found")
	}
	if c.isIn(m.resourceID, m.userID) {
		return user{}, errConflict("user %s has a role here already", m.userID)
	}
	if err := c.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(keyMembers).Put(m.key(), []byte(role)) }); err != nil {
		return user{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members[m] = role
	return u, nil
}

// removeMember takes the role away; whoever does not have it loses nothing.
func (c *catalogue) removeMember(m membership, role string) error {
	c.write.Lock()
	defer c.write.Unlock()
	if has, _ := c.roleOf(m); has != role {
		return nil
	}
	if err := c.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(keyMembers).Delete(m.key()) }); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.members, m)
	return nil
}

func (c *catalogue) roleOf(m membership) (role string, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	role, ok = c.members[m]
	return role, ok
}

// isIn tells whether the user has any role in the resource.
func (c *catalogue) isIn(resourceID, userID string) bool {
	_, ok := c.roleOf(membership{resourceID, userID})
	return ok
}

// membersOf are the users with the role in the resource, by id.
func (c *catalogue) membersOf(resourceID, role string) (out []user) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, id := range slices.Sorted(maps.Keys(c.users)) {
		if c.members[membership{resourceID, id}] == role {
			out = append(out, *c.users[id])
		}
	}
	return out
}

// memberships are all that match.
func (c *catalogue) memberships(match func(membership) bool) (out []membership) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for m := range c.members {
		if match(m) {
			out = append(out, m)
		}
	}
	return out
}

func deleteMembers(tx *bolt.Tx, gone []membership) error {
	for _, m := range gone {
		if err := tx.Bucket(keyMembers).Delete(m.key()); err != nil {
			return err
		}
	}
	return nil
}

// forgetMembers follows deleteMembers once its transaction is through; mu is held.
func (c *catalogue) forgetMembers(gone []membership) {
	for _, m := range gone {
		delete(c.members, m)
	}
}

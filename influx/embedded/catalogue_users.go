package embedded

import (
	"errors"

	bolt "go.etcd.io/bbolt"
)

func (c *catalogue) createUser(name, status string) (user, error) {
	c.write.Lock()
	defer c.write.Unlock()
	if _, taken := c.userByName(name); taken {
		return user{}, errConflict("user with name %s already exists", name)
	}
	now := c.clock().UTC()
	u := user{ID: c.ids.next(), Name: name, Status: status, CreatedAt: now, UpdatedAt: now}
	return u, c.saveUser(u)
}

// updateUser applies the change to the stored user.
func (c *catalogue) updateUser(id string, change func(*user)) (user, error) {
	c.write.Lock()
	defer c.write.Unlock()
	u, ok := c.user(id)
	if !ok {
		return user{}, errNotFound("user not found")
	}
	change(&u)
	if other, taken := c.userByName(u.Name); taken && other.ID != id {
		return user{}, errConflict("user with name %s already exists", u.Name)
	}
	u.UpdatedAt = c.clock().UTC()
	return u, c.saveUser(u)
}

func (c *catalogue) saveUser(u user) error {
	if err := c.db.Update(func(tx *bolt.Tx) error { return put(tx, keyUsers, u.ID, u) }); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users[u.ID] = &u
	return nil
}

// deleteUser removes the user with the roles and the tokens that it has.
func (c *catalogue) deleteUser(id string) error {
	c.write.Lock()
	defer c.write.Unlock()
	if _, ok := c.user(id); !ok {
		return errNotFound("user not found")
	}
	roles := c.memberships(func(m membership) bool { return m.userID == id })
	err := c.db.Update(func(tx *bolt.Tx) error {
		return errors.Join(deleteMembers(tx, roles), deleteAuths(tx, func(a *authorization) bool { return a.UserID == id }),
			tx.Bucket(keyUsers).Delete([]byte(id)))
	})
	if err != nil {
		return err
	}
	c.cache.clear()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetMembers(roles)
	delete(c.users, id)
	return nil
}

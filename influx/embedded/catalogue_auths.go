package embedded

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
)

// States of an authorization.
const (
	statusActive   = "active"
	statusInactive = "inactive"
)

// authorization is a token's rights. The token itself is never stored, only its SHA-256.
type authorization struct {
	ID          string       `json:"id"`
	Hash        []byte       `json:"hash"`
	Status      string       `json:"status"`
	Description string       `json:"description,omitempty"`
	OrgID       string       `json:"orgID"`
	UserID      string       `json:"userID"`
	Permissions []permission `json:"permissions"`
	CreatedAt   time.Time    `json:"createdAt"`
	UpdatedAt   time.Time    `json:"updatedAt"`
}

func (a *authorization) active() bool { return a.Status == statusActive }

// errNoAuthorization: no authorization has this id or token.
func errNoAuthorization() error { return errNotFound("authorization not found") }

func newToken() string {
	raw := make([]byte, 64)
	_, _ = rand.Read(raw) // never fails
	return base64.URLEncoding.EncodeToString(raw)
}

// createAuth mints an authorization and answers it with its token, which is
// readable only now.
func (c *catalogue) createAuth(a authorization) (authorization, string, error) {
	token := newToken()
	hash := hashToken(token)
	now := c.clock().UTC()
	a.ID, a.Hash, a.CreatedAt, a.UpdatedAt = c.ids.next(), hash[:], now, now
	if err := c.db.Update(func(tx *bolt.Tx) error { return putAuth(tx, &a) }); err != nil {
		return authorization{}, "", err
	}
	return a, token, nil
}

func putAuth(tx *bolt.Tx, a *authorization) error {
	auths := tx.Bucket(keyAuths)
	auths.FillPercent = 0.9 // ids grow: pages are filled once, at the end
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return errors.Join(auths.Put([]byte(a.ID), data), tx.Bucket(keyAuthHash).Put(a.Hash, []byte(a.ID)))
}

func getAuth(tx *bolt.Tx, id []byte) (*authorization, error) {
	data := tx.Bucket(keyAuths).Get(id)
	if data == nil {
		return nil, errNoAuthorization()
	}
	a := new(authorization)
	if err := json.Unmarshal(data, a); err != nil {
		return nil, fmt.Errorf("authorization %s: %w", id, err)
	}
	return a, nil
}

func (c *catalogue) auth(id string) (a *authorization, err error) {
	err = c.db.View(func(tx *bolt.Tx) error {
		a, err = getAuth(tx, []byte(id))
		return err
	})
	return a, err
}

// authByToken finds the authorization of a token; it must not be changed.
func (c *catalogue) authByToken(token string) (*authorization, error) {
	hash := hashToken(token)
	a, generation := c.cache.get(hash)
	if a != nil {
		return a, nil
	}
	err := c.db.View(func(tx *bolt.Tx) (err error) {
		id := tx.Bucket(keyAuthHash).Get(hash[:])
		if id == nil {
			return errNoAuthorization()
		}
		a, err = getAuth(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.cache.put(hash, a, generation)
	return a, nil
}

// updateAuth applies the change to the stored authorization. Once it returns,
// no request is judged by the old one.
func (c *catalogue) updateAuth(id string, change func(*authorization)) (*authorization, error) {
	var a *authorization
	err := c.db.Update(func(tx *bolt.Tx) (err error) {
		if a, err = getAuth(tx, []byte(id)); err != nil {
			return err
		}
		change(a)
		a.UpdatedAt = c.clock().UTC()
		return putAuth(tx, a)
	})
	if err != nil {
		return nil, err
	}
	c.cache.forget([sha256.Size]byte(a.Hash))
	return a, nil
}

func (c *catalogue) deleteAuth(id string) error {
	var hash []byte
	err := c.db.Update(func(tx *bolt.Tx) error {
		a, err := getAuth(tx, []byte(id))
		if err != nil {
			return err
		}
		hash = a.Hash
		return errors.Join(tx.Bucket(keyAuths).Delete([]byte(id)), tx.Bucket(keyAuthHash).Delete(hash))
	})
	if err != nil {
		return err
	}
	c.cache.forget([sha256.Size]byte(hash))
	return nil
}

func deleteAuths(tx *bolt.Tx, match func(*authorization) bool) error {
	var gone []*authorization
	err := tx.Bucket(keyAuths).ForEach(func(_, v []byte) error {
		a := new(authorization)
		if err := json.Unmarshal(v, a); err != nil {
			return err
		}
		if match(a) {
			gone = append(gone, a)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, a := range gone {
		if err := errors.Join(tx.Bucket(keyAuths).Delete([]byte(a.ID)), tx.Bucket(keyAuthHash).Delete(a.Hash)); err != nil {
			return err
		}
	}
	return nil
}

// listAuths answers the matching authorizations by id, after the one named,
// past offset, at most limit of them (0: all).
func (c *catalogue) listAuths(after string, offset, limit int, match func(*authorization) bool) ([]*authorization, error) {
	out := []*authorization{}
	err := c.db.View(func(tx *bolt.Tx) error {
		cur := tx.Bucket(keyAuths).Cursor()
		k, v := cur.First()
		if after != "" {
			if k, v = cur.Seek([]byte(after)); bytes.Equal(k, []byte(after)) {
				k, v = cur.Next()
			}
		}
		for ; k != nil && (limit == 0 || len(out) < limit); k, v = cur.Next() {
			a := new(authorization)
			if err := json.Unmarshal(v, a); err != nil {
				return fmt.Errorf("authorization %s: %w", k, err)
			}
			if !match(a) {
				continue
			}
			if offset > 0 {
				offset--
				continue
			}
			out = append(out, a)
		}
		return nil
	})
	return out, err
}

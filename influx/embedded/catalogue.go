package embedded

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
)

const catalogueName = "catalogue.db"

// errCatalogueLost: there is data but no catalogue; starting with an empty one would orphan it.
var errCatalogueLost = errors.New("catalogue.db is missing beside existing data")

// The catalogue's own buckets (of its file, not InfluxDB's).
var (
	keyInstance  = []byte("instance")
	keyUsers     = []byte("users")
	keyOrgs      = []byte("orgs")
	keyBuckets   = []byte("buckets")
	keyDropped   = []byte("dropped_buckets")
	keyMembers   = []byte("members")
	keyAuths     = []byte("authorizations")
	keyAuthHash  = []byte("authorizations_by_hash")
	keyOnboarded = []byte("onboarded")
)

// catalogue keeps users, organisations, buckets and authorizations in one file.
// The first three are few and are held in memory. Authorizations may be a
// hundred thousand: they stay in the file, and those in use in a cache.
type catalogue struct {
	db    *bolt.DB
	ids   *idSource
	clock func() time.Time

	// write is held over each change of the file together with the change of
	// the maps, so that the two agree. mu guards the maps alone: readers do not
	// wait for the disk.
	write   sync.Mutex
	mu      sync.RWMutex
	users   map[string]*user
	orgs    map[string]*org
	buckets map[string]*bucket
	named   map[bucketName]*bucket
	members map[membership]string // to the role
	ready   bool                  // onboarding is done

	cache authCache
}

type bucketName struct{ orgID, name string }

type user struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Status    string    `json:"status"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

type org struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
}

type bucket struct {
	ID          string        `json:"id"`
	OrgID       string        `json:"orgID"`
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Retention   time.Duration `json:"retention"` // 0: for ever
	CreatedAt   time.Time     `json:"createdAt"`
	UpdatedAt   time.Time     `json:"updatedAt"`
}

// openCatalogue opens the file. mustExist: the folder has data, so a missing
// file is a loss and not a beginning.
func openCatalogue(dir string, mustExist bool, clock func() time.Time) (*catalogue, error) {
	name := filepath.Join(dir, catalogueName)
	if _, err := os.Stat(name); mustExist && errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", errCatalogueLost, name)
	}
	// The folder lock keeps others out; the timeout only keeps a broken lock from hanging us.
	db, err := bolt.Open(name, 0o600, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	c := &catalogue{
		db: db, clock: clock, ids: &idSource{clock: clock},
		users: map[string]*user{}, orgs: map[string]*org{}, buckets: map[string]*bucket{}, named: map[bucketName]*bucket{},
		members: map[membership]string{},
	}
	if err := c.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", name, err), db.Close())
	}
	return c, nil
}

func (c *catalogue) close() error { return c.db.Close() }

func (c *catalogue) load() error {
	missing := false
	err := c.db.View(func(tx *bolt.Tx) error {
		missing = tx.Bucket(keyAuthHash) == nil || tx.Bucket(keyMembers) == nil
		return nil
	})
	if err != nil {
		return err
	}
	if missing {
		err := c.db.Update(func(tx *bolt.Tx) error {
			for _, key := range [][]byte{keyInstance, keyUsers, keyOrgs, keyBuckets, keyDropped, keyMembers, keyAuths, keyAuthHash} {
				if _, err := tx.CreateBucketIfNotExists(key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return c.db.View(func(tx *bolt.Tx) error {
		c.ready = tx.Bucket(keyInstance).Get(keyOnboarded) != nil
		if err := loadAll(tx.Bucket(keyUsers), c.users); err != nil {
			return err
		}
		if err := loadMembers(tx.Bucket(keyMembers), c.members); err != nil {
			return err
		}
		if err := loadAll(tx.Bucket(keyOrgs), c.orgs); err != nil {
			return err
		}
		if err := loadAll(tx.Bucket(keyBuckets), c.buckets); err != nil {
			return err
		}
		for _, b := range c.buckets {
			c.named[bucketName{b.OrgID, b.Name}] = b
		}
		return nil
	})
}

func loadAll[T any](from *bolt.Bucket, into map[string]*T) error {
	return from.ForEach(func(k, v []byte) error {
		item := new(T)
		if err := json.Unmarshal(v, item); err != nil {
			return fmt.Errorf("record %s: %w", k, err)
		}
		into[string(k)] = item
		return nil
	})
}

func put(tx *bolt.Tx, where []byte, id string, item any) error {
	data, err := json.Marshal(item)
	if err != nil {
		return err
	}
	return tx.Bucket(where).Put([]byte(id), data)
}

func hashToken(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

func (c *catalogue) onboarded() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.ready
}

// setup makes the first user, organisation, bucket and authorization in one
// transaction; a second call is a conflict.
func (c *catalogue) setup(u user, o org, b bucket, a authorization) error {
	c.write.Lock()
	defer c.write.Unlock()
	if c.onboarded() {
		return errConflict("onboarding has already been completed")
	}
	owner := membership{o.ID, u.ID}
	err := c.db.Update(func(tx *bolt.Tx) error {
		return errors.Join(
			tx.Bucket(keyMembers).Put(owner.key(), []byte(roleOwner)),
			put(tx, keyUsers, u.ID, u), put(tx, keyOrgs, o.ID, o), put(tx, keyBuckets, b.ID, b), putAuth(tx, &a),
			tx.Bucket(keyInstance).Put(keyOnboarded, []byte("yes")),
		)
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users[u.ID], c.orgs[o.ID], c.buckets[b.ID], c.named[bucketName{b.OrgID, b.Name}] = &u, &o, &b, &b
	c.members[owner] = roleOwner
	c.ready = true
	return nil
}

func (c *catalogue) user(id string) (user, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if u := c.users[id]; u != nil {
		return *u, true
	}
	return user{}, false
}

func (c *catalogue) userByName(name string) (user, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, u := range c.users {
		if u.Name == name {
			return *u, true
		}
	}
	return user{}, false
}

func (c *catalogue) listUsers() []user {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return sortedByID(c.users, func(u *user) string { return u.ID })
}

func sortedByID[T any](items map[string]*T, id func(*T) string) []T {
	sorted := slices.SortedFunc(maps.Values(items), func(a, b *T) int { return strings.Compare(id(a), id(b)) })
	out := make([]T, len(sorted))
	for i, p := range sorted {
		out[i] = *p
	}
	return out
}

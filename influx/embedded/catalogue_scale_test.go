package embedded

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// seedAuths fills the catalogue quickly: many records in each transaction.
func seedAuths(tb testing.TB, c *catalogue, n int) {
	tb.Helper()
	const batch = 5000
	for done := 0; done < n; done += batch {
		err := c.db.Update(func(tx *bolt.Tx) error {
			for i := done; i < min(n, done+batch); i++ {
				hash := hashToken(fmt.Sprint("token-", i))
				a := deviceAuth()
				a.ID, a.Hash = c.ids.next(), hash[:]
				if err := putAuth(tx, &a); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
}

func deviceAuth() authorization {
	p := func(action string) permission {
		return permission{Action: action, Resource: resource{Type: typeBuckets, ID: "00000000000000b1", OrgID: "00000000000000a1"}}
	}
	return authorization{
		Status: statusActive, Description: "IoTCenterDevice: some_device_id", OrgID: "00000000000000a1", UserID: "00000000000000c1",
		Permissions: []permission{p(actionRead), p(actionWrite)},
	}
}

// TestManyAuthorizations: a hundred thousand of them slow neither the start nor
// the minting of one more. The bounds are wide; what counts is that they do not
// grow with the number.
func TestManyAuthorizations(t *testing.T) {
	dir := t.TempDir()
	c, err := openCatalogue(dir, false, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	seedAuths(t, c, 100_000)
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if c, err = openCatalogue(dir, true, time.Now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.close() })
	opened := time.Since(start)

	start = time.Now()
	a, err := c.authByToken("token-77777")
	if err != nil || a.Status != statusActive {
		t.Fatalf("lookup: %+v, %v", a, err)
	}
	found := time.Since(start)

	start = time.Now()
	made, token, err := c.createAuth(deviceAuth())
	if err != nil {
		t.Fatal(err)
	}
	created := time.Since(start)
	if a, err := c.authByToken(token); err != nil || a.ID != made.ID {
		t.Fatalf("the new one: %+v, %v", a, err)
	}
	page, err := c.listAuths(made.ID, 0, 10, func(*authorization) bool { return true })
	if err != nil || len(page) != 0 {
		t.Errorf("after the last: %d, %v", len(page), err)
	}
	t.Logf("open %v, lookup %v, create %v", opened, found, created)
	for what, took := range map[string]time.Duration{"open": opened, "lookup": found, "create": created} {
		if took > time.Second {
			t.Errorf("%s took %v", what, took)
		}
	}
}

func BenchmarkCreateAuth(b *testing.B) {
	for _, n := range []int{0, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c, err := openCatalogue(b.TempDir(), false, time.Now)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = c.close() }()
			seedAuths(b, c, n)
			for b.Loop() {
				if _, _, err := c.createAuth(deviceAuth()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAuthByToken(b *testing.B) {
	c, err := openCatalogue(b.TempDir(), false, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.close() }()
	seedAuths(b, c, 100_000)
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.authByToken("token-5"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cold", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i++
			if _, err := c.authByToken(fmt.Sprint("token-", i%100_000)); err != nil {
				b.Fatal(err)
			}
		}
	})
	data, err := json.Marshal(deviceAuth())
	b.ReportMetric(float64(len(data)), "bytes/record")
	if err != nil {
		b.Fatal(err)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// fleets measures the list page and one device's configuration beside 1,000 and beside 100,000 registrations.
func fleets(ctx context.Context, b *bench) (err error) {
	sizes := []int{1_000, 100_000}
	apps := make([]*app, len(sizes))
	for i, n := range sizes {
		a, err := b.start(ctx, fmt.Sprintf("fleet-%d", n))
		if err != nil {
			return err
		}
		if err := errors.Join(a.seedRegistrations(ctx, n), a.Stop()); err != nil {
			return err
		}
		// Started again, the engine has put away what was just written.
		if apps[i], err = b.start(ctx, fmt.Sprintf("fleet-%d", n)); err != nil {
			return err
		}
		defer func() { _ = apps[i].Stop() }()
	}
	const probe = "probe-device"
	for _, a := range apps {
		if _, err := a.register(ctx, probe); err != nil {
			return err
		}
	}
	for _, m := range []struct{ name, path string }{
		{"list page", "/devices"},
		{"list page, searched and sorted", "/devices?q=seed-0001&sort=-created"},
		{"configuration of a device", "/api/env/" + probe},
		{"device page", "/devices/" + probe},
	} {
		visit := func(a *app) func() error {
			return func() error {
				_, err := a.get(ctx, m.path)
				return err
			}
		}
		for _, a := range apps { // the first visit loads the read model and waits for the fleet
			if err := visit(a)(); err != nil {
				return err
			}
		}
		few, many, err := alternate(15, visit(apps[0]), visit(apps[1]))
		if err != nil {
			return err
		}
		b.table.atMost(m.name+" at 100k devices", millis(many), "at 1k "+millis(few), ratio(many, few), 1.5)
	}
	return nil
}

// seedRegistrations writes registrations straight into the bucket that keeps them, as another replica would: the records,
// and their entries in the log of changes. Each device has written a moment ago.
func (a *app) seedRegistrations(ctx context.Context, n int) error {
	stamp := time.Now().Add(-time.Hour - time.Duration(n)*time.Millisecond) // none of them is news
	now := time.Now().Unix()
	var lines, points strings.Builder
	for i := range n {
		at := stamp.Add(time.Duration(i) * time.Millisecond)
		id, key, hash, created := fmt.Sprintf("seed-%06d", i), fmt.Sprintf("%016x", i+1), fmt.Sprintf("%064x", i+1), at.UTC().Format(time.RFC3339Nano)
		fmt.Fprintf(&lines, "deviceauth,deviceId=%s createdAt=%q,key=%q,token=%q,tokenHash=%q %d\n", id, created, key, "sealed-by-nobody", hash, at.UnixNano())
		fmt.Fprintf(&lines, "deviceauth_log,writer=bench deviceId=%q,createdAt=%q,key=%q,tokenHash=%q,stamp=%di %d\n", id, created, key, hash, at.UnixNano(), at.UnixNano())
		fmt.Fprintf(&points, "environment,clientId=%s Temperature=21.5,Humidity=50 %d\n", id, now-int64(i%60))
		if (i+1)%batch == 0 || i+1 == n {
			if err := a.raw.write(ctx, bucket, "s", points.String()); err != nil {
				return err
			}
			points.Reset()
			if err := a.raw.write(ctx, auth, "ns", lines.String()); err != nil {
				return err
			}
			lines.Reset()
		}
	}
	return nil
}

package influx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// Run connects to the database, sets it up where needed and then keeps watching it, until ctx ends. A database that is
// missing is no reason to end: Run tries again with growing waits. It ends with devices.ErrWrongKey when the auth
// bucket was made with another SECRET_KEY, because every token that it would store then is lost to the others.
func (db *DB) Run(ctx context.Context) error {
	defer db.idle()
	for failures := 0; ; {
		err := db.check(ctx, true)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, devices.ErrWrongKey) {
			return err
		}
		wait := db.timing.every
		if err != nil {
			wait = db.backoff(failures)
			failures++
			db.setNextTry(db.now().Add(wait))
		} else {
			failures = 0
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		case <-db.wake:
			timer.Stop()
			if err := db.pause(ctx); err != nil {
				return err
			}
		}
	}
}

// pause keeps failing requests, each of which asks for a check, from making the checks a load of their own.
func (db *DB) pause(ctx context.Context) error {
	timer := time.NewTimer(db.timing.gap)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// backoff doubles with each failure and is spread, so that replicas do not knock at the same moment.
func (db *DB) backoff(failures int) time.Duration {
	wait := db.timing.longest
	if failures < 16 {
		wait = min(wait, db.timing.first<<failures)
	}
	return wait/2 + rand.N(wait/2+1)
}

// TryNow makes Run check at once instead of at the end of its wait.
func (db *DB) TryNow() {
	select {
	case db.wake <- struct{}{}:
	default: // a check is due already
	}
}

// Status is what the last check found.
func (db *DB) Status() telemetry.DatabaseStatus {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.state.status
}

// Ready checks that the database answers and has both buckets. It trusts a check of the last second, so that asking
// often costs the database nothing. Before Run has set the database up it answers at once.
func (db *DB) Ready(ctx context.Context) error {
	db.mu.Lock()
	setUp, status := db.state.setUp, db.state.status
	db.mu.Unlock()
	if !setUp {
		return db.gate()
	}
	if status.Ready && db.now().Sub(status.LastOK) < db.timing.freshFor {
		return nil
	}
	if err := db.check(ctx, false); err != nil {
		if ctx.Err() == nil {
			db.TryNow()
		}
		return err
	}
	return nil
}

// WaitReady returns nil when the database is ready, or ctx's error if that ends first.
func (db *DB) WaitReady(ctx context.Context) error {
	for {
		db.mu.Lock()
		ready, changed := db.state.status.Ready, db.state.changed
		db.mu.Unlock()
		if ready {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", ctx.Err(), db.Status().Problem)
		case <-changed:
		}
	}
}

// check asks the database whether all is in order and records what it found. With repair it sets up what is missing.
func (db *DB) check(ctx context.Context, repair bool) error {
	db.checking.Lock()
	defer db.checking.Unlock()
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, db.timing.check)
	defer cancel()
	found, err := db.examine(limited, repair)
	if ctx.Err() != nil {
		return ctx.Err() // says nothing about the database
	}
	if db.cfg.Observe != nil {
		db.cfg.Observe("check", time.Since(start), err)
	}
	db.record(found, err)
	return err
}

// record takes over the outcome of a check.
func (db *DB) record(found findings, err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	s, before := &db.state, db.state.status
	if found.version != "" {
		s.status.Version = found.version
	}
	if err != nil {
		s.status.Ready, s.status.Problem = false, db.sentence(err)
	} else {
		s.setUp, s.orgID, s.bucketID = true, found.orgID, found.bucketID
		s.status.Retention = found.kept
		s.status.Ready, s.status.Problem, s.status.NextTry = true, "", time.Time{}
		s.status.Latency, s.status.LastOK = found.latency, db.now()
		if (found.skew - s.skew).Abs() > clocksAgree { // the header tells seconds only
			s.skew = found.skew
			if s.skew.Abs() > clocksAgree {
				db.cfg.Log.Warn("the clock of this machine is not the database's", "ahead_by", -s.skew.Round(time.Second))
			}
		}
	}
	if before.Ready == s.status.Ready && before.Problem == s.status.Problem {
		return
	}
	close(s.changed)
	s.changed = make(chan struct{})
	if err != nil {
		db.cfg.Log.Warn("database not ready", "problem", s.status.Problem, "cause", shorten(err.Error()))
	} else {
		db.cfg.Log.Info("database ready", "url", s.status.URL, "embedded", db.cfg.Embedded, "org", db.cfg.Org,
			"bucket", db.cfg.Bucket, "auth_bucket", db.cfg.AuthBucket, "version", s.status.Version)
	}
}

// clocksAgree is by how much two clocks differ that are said to agree.
const clocksAgree = 5 * time.Second

// shared is a time of this process' clock by the database's, on which all replicas agree.
func (db *DB) shared(t time.Time) time.Time {
	db.mu.Lock()
	defer db.mu.Unlock()
	return t.Add(db.state.skew)
}

// keepFor takes over a retention of the data bucket that was changed here. Other replicas see it at their next check.
func (db *DB) keepFor(d time.Duration) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.state.status.Retention = d
}

func (db *DB) setNextTry(t time.Time) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.state.status.NextTry = t
}

// problem is a reason not to be ready that has a sentence for people.
type problem struct {
	sentence string
	cause    error
}

func (p *problem) Error() string { return p.sentence }
func (p *problem) Unwrap() error { return p.cause }

// sentence says to a person what is wrong. It holds no secret.
func (db *DB) sentence(err error) string {
	var p *problem
	var answer *Error
	switch {
	case errors.As(err, &p):
		return p.sentence
	case errors.As(err, &answer) && answer.Status == 401:
		return "The database refuses the app's token (INFLUX_TOKEN)."
	case errors.As(err, &answer) && answer.Status == 403:
		return "The app's token (INFLUX_TOKEN) has too few permissions."
	case errors.As(err, &answer):
		return fmt.Sprintf("The database answers with an error (%d).", answer.Status)
	case errors.Is(err, context.DeadlineExceeded):
		return "The database does not answer in time."
	case errors.Is(err, telemetry.ErrUnavailable) && !db.cfg.Embedded:
		return "The database cannot be reached."
	default:
		return "The database is not usable."
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

	"iotcenter/devices"
	"iotcenter/influx"
	"iotcenter/ledger"
	"iotcenter/people"
)

// pollLedger is how often what other replicas wrote is read: a revoked session, key or device token is refused
// everywhere within twice that.
const pollLedger = 1500 * time.Millisecond

// connectTimeout is how long a command waits for the database.
const connectTimeout = 15 * time.Second

// members are the parts that know who may do what.
type members struct {
	ledger    *ledger.Ledger
	directory *people.Directory
	audit     *people.Audit
	enrolment *devices.Enrolment
	profiles  *devices.Profiles

	adminPassword string // of the first account; "" to make one
}

// buildMembers wires them.
func (a *app) buildMembers(secret secrets, sealer *devices.Sealer, registry *devices.Registry) (err error) {
	a.adminPassword = secret.admin
	a.ledger = ledger.New(ledger.Options{Store: a.db, Log: a.log, Poll: pollLedger})
	a.directory, err = people.NewDirectory(people.Options{Ledger: a.ledger, Uses: a.db, Secret: secret.people, EnvKey: secret.apiKey, Log: a.log})
	if err != nil {
		return err
	}
	a.profiles = devices.NewProfiles(a.ledger, time.Now)
	a.audit = people.NewAudit(people.AuditOptions{Store: a.db, Log: a.log})
	a.enrolment = devices.NewEnrolment(devices.EnrolmentOptions{Registry: registry, Ledger: a.ledger, Inbox: a.db, Sealer: sealer, Log: a.log})
	return nil
}

// runMembers starts what they do by themselves. end stops it, and waits a while for them to write what is left.
func (a *app) runMembers(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	for name, run := range map[string]func(context.Context) error{
		"ledger": a.ledger.Run, "people": a.directory.Run, "audit log": a.audit.Run, "enrolment": a.enrolment.Run, "registry": a.registry.Run,
		"old entries of the ledger": a.forgetEntries,
	} {
		running.Go(func() {
			if !a.waitReady(ctx) {
				return // there is nothing yet, and nothing to write
			}
			if err := ended(run(ctx)); err != nil {
				a.log.Warn("not everything could be written at the end", "part", name, "error", err)
			}
		})
	}
	return func() {
		cancel()
		done := make(chan struct{})
		go func() { running.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(stopMembers):
			a.log.Warn("the last entries of the audit log may be lost: the database does not answer")
		}
	}
}

// forgetEntries deletes what has run out from the ledger, a while after the start and once a day. What fails is done a
// day later.
func (a *app) forgetEntries(ctx context.Context) error {
	next := time.NewTimer(10 * time.Minute)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
		next.Reset(24 * time.Hour)
		if err := a.db.ForgetEntries(ctx); err != nil {
			a.log.Warn("old sessions are still on the disk", "error", err)
		}
	}
}

// stopMembers is how long that is.
const stopMembers = 1500 * time.Millisecond

// firstAdmin makes the first account once the database answers, and tells the person who started the program how to
// sign in. It is told this once, and not to the log.
func (a *app) firstAdmin(ctx context.Context, address string, out io.Writer) error {
	select {
	case <-a.ledger.Loaded():
	case <-ctx.Done():
		return nil
	}
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		first, err := a.directory.EnsureAdmin(ctx, a.adminPassword)
		var invalid *people.InvalidError
		switch {
		case err == nil:
			a.announce(first, address, out)
			return nil
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &invalid):
			return fmt.Errorf("ADMIN_PASSWORD: %w", err)
		}
		a.log.Warn("the first account could not be made; it will be tried again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

func (a *app) announce(first people.FirstAdmin, address string, out io.Writer) {
	if !first.Made {
		return
	}
	a.log.Info("the first account was made", "name", first.Name)
	a.audit.Note(people.Event{ActorKind: "app", Action: people.ActionAccountAdd, Target: first.Name, Result: "ok", Detail: "the first account"})
	if first.Code == "" {
		fmt.Fprintf(out, "Sign in as %s with the password from ADMIN_PASSWORD.\n", first.Name)
		return
	}
	fmt.Fprintf(out, "Sign in with this link (once, within an hour): %s\n", address+"/login?once="+url.QueryEscape(first.Code))
	fmt.Fprintf(out, "or as %s with the password %s (it is printed only now).\n", first.Name, first.Password)
}

// resetPassword gives an account a new password and prints it. A program that runs on the same database takes it over
// within seconds.
func resetPassword(ctx context.Context, c Config, name string, t terminal) error {
	if err := c.validate(); err != nil {
		return err
	}
	if c.embedded() { // before a key is made in a folder that is the wrong one
		if err := hasData(c.DataDir); err != nil {
			return err
		}
	}
	secret, err := loadSecrets(c)
	if err != nil {
		return err
	}
	return withDatabase(ctx, c, func(db *influx.DB) error {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		go db.Run(ctx) //nolint:errcheck // WaitReady tells what is wrong
		patience, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		if err := db.WaitReady(patience); err != nil {
			return err
		}
		kept := ledger.New(ledger.Options{Store: db})
		directory, err := people.NewDirectory(people.Options{Ledger: kept, Secret: secret.people})
		if err != nil {
			return err
		}
		if err := kept.Refresh(ctx); err != nil {
			return err
		}
		password, err := directory.ResetPassword(ctx, name)
		if err != nil {
			return err
		}
		event := people.Event{At: time.Now(), ActorKind: "app", Action: people.ActionPassword, Target: name, Result: "ok", Detail: "iot-center reset-password"}
		if err := db.PutEvents(ctx, []people.Event{event}); err != nil {
			fmt.Fprintln(t.err, "iot-center: the audit log could not be written:", err)
		}
		fmt.Fprintf(t.out, "%s signs in with the password %s from now on. All sessions of this account are ended.\n", name, password)
		return nil
	})
}

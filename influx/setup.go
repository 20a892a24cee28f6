package influx

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/domain"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// setupUser is the user that onboarding makes. Its password is random and kept nowhere: the app uses its token, and
// a person who needs the user sets a new password with the influx command and that token.
const setupUser = "iot-center"

// findings are what a check learned.
type findings struct {
	version  string
	latency  time.Duration
	orgID    string
	bucketID string
	kept     time.Duration // retention of the data bucket
	skew     time.Duration // the database's clock minus ours; 0 where it does not tell
}

// examine goes through what a working database needs, in order.
func (db *DB) examine(ctx context.Context, repair bool) (f findings, err error) {
	start := time.Now()
	health, err := db.health(ctx, &f)
	if err != nil {
		return f, translate(ctx, err)
	}
	f.latency = time.Since(start)
	if health.Version != nil {
		f.version = *health.Version
	}
	if health.Status != domain.HealthCheckStatusPass {
		return f, &problem{"The database says that it is not healthy.", telemetry.ErrUnavailable}
	}
	db.mu.Lock()
	setUp := db.state.setUp
	db.mu.Unlock()
	if !setUp && repair {
		if err := db.onboard(ctx); err != nil {
			return f, translate(ctx, err)
		}
	}
	if f.orgID, err = db.findOrg(ctx); err != nil {
		return f, translate(ctx, err)
	}
	data, err := db.ensureBucket(ctx, f.orgID, db.cfg.Bucket, repair)
	if f.bucketID, f.kept = data.ID, data.Retention; err != nil {
		return f, translate(ctx, err)
	}
	if _, err = db.ensureBucket(ctx, f.orgID, db.cfg.AuthBucket, repair); err != nil {
		return f, translate(ctx, err)
	}
	if !setUp {
		if err := db.checkKey(ctx); err != nil {
			return f, translate(ctx, err)
		}
	}
	return f, nil
}

// health asks for the database's health, and notes by how much its clock is ahead of this one.
func (db *DB) health(ctx context.Context, f *findings) (out domain.HealthCheck, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, db.address("health", nil), nil)
	if err != nil {
		return out, err
	}
	return out, db.send(req, nil, func(resp *http.Response) error {
		if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			f.skew = at.Sub(db.now())
		}
		return json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&out)
	})
}

// onboard sets up an InfluxDB that was never used.
func (db *DB) onboard(ctx context.Context) error {
	var answer domain.IsOnboarding
	if err := db.call(ctx, http.MethodGet, "api/v2/setup", nil, nil, &answer); err != nil {
		return err
	}
	if answer.Allowed == nil || !*answer.Allowed {
		return nil
	}
	password, forever := rand.Text(), int64(0)
	in := domain.OnboardingRequest{
		Username: setupUser, Password: &password, Org: db.cfg.Org, Bucket: db.cfg.Bucket,
		RetentionPeriodSeconds: &forever, Token: &db.cfg.Token,
	}
	err := db.call(ctx, http.MethodPost, "api/v2/setup", nil, in, nil)
	if status := statusOf(err); status == http.StatusUnprocessableEntity || status == http.StatusConflict {
		// Another replica was quicker, or the database refuses our names: what comes next tells which.
		db.cfg.Log.Warn("the database refused to be set up", "status", status, "code", codeOf(err))
		return nil
	}
	if err != nil {
		return err
	}
	db.cfg.Log.Info("a fresh InfluxDB was set up", "user", setupUser, "org", db.cfg.Org, "bucket", db.cfg.Bucket)
	return nil
}

// findOrg gives the id of the organisation.
func (db *DB) findOrg(ctx context.Context) (string, error) {
	var answer domain.Organizations
	err := db.call(ctx, http.MethodGet, "api/v2/orgs", url.Values{"org": {db.cfg.Org}}, nil, &answer)
	if err != nil && statusOf(err) != http.StatusNotFound {
		return "", err
	}
	if answer.Orgs != nil {
		for _, o := range *answer.Orgs {
			if o.Name == db.cfg.Org && o.Id != nil {
				return *o.Id, nil
			}
		}
	}
	return "", &problem{fmt.Sprintf("The database has no organisation %q that the app's token may see (INFLUX_ORG).", db.cfg.Org), telemetry.ErrUnavailable}
}

// ensureBucket gives a bucket of the app's; with repair it makes one that is missing, without an end to its
// retention.
func (db *DB) ensureBucket(ctx context.Context, orgID, name string, repair bool) (telemetry.Bucket, error) {
	found, err := db.findBucket(ctx, orgID, name)
	if err != nil || found.ID != "" {
		return found, err
	}
	if !repair {
		return telemetry.Bucket{}, &problem{fmt.Sprintf("The database has no bucket %q.", name), telemetry.ErrUnavailable}
	}
	made, err := db.postBucket(ctx, orgID, name, 0)
	if err == nil {
		db.cfg.Log.Info("a bucket was made", "bucket", name)
		return made, nil
	}
	if isConflict(err) { // another replica was quicker
		if found, again := db.findBucket(ctx, orgID, name); again == nil && found.ID != "" {
			return found, nil
		}
	}
	return telemetry.Bucket{}, err
}

// findBucket gives the bucket of exactly this name; the zero Bucket if there is none.
func (db *DB) findBucket(ctx context.Context, orgID, name string) (telemetry.Bucket, error) {
	list, err := db.getBuckets(ctx, url.Values{"orgID": {orgID}, "name": {name}})
	if err != nil && statusOf(err) != http.StatusNotFound {
		return telemetry.Bucket{}, err
	}
	for _, b := range list {
		if b.Name == name {
			return b, nil
		}
	}
	return telemetry.Bucket{}, nil
}

// keyMeasurement holds the value that identifies the SECRET_KEY with which tokens in the auth bucket are sealed.
const (
	keyMeasurement = "secretcheck"
	keyField       = "check"
)

// checkKey compares the auth bucket's value with ours, and leaves ours where there is none. It reads again after
// writing: of two replicas that start at once with different keys, the one whose value is older holds.
func (db *DB) checkKey(ctx context.Context) error {
	if db.cfg.SecretCheck == "" {
		return nil
	}
	found, err := db.readKey(ctx)
	if err != nil {
		return err
	}
	if found == "" {
		value := point{measurement: keyMeasurement, time: db.now(), fields: []field{{keyField, db.cfg.SecretCheck}}}
		if err := db.writeAuth(ctx, value.line()); err != nil {
			return err
		}
		if found, err = db.readKey(ctx); err != nil {
			return err
		}
	}
	if subtle.ConstantTimeCompare([]byte(found), []byte(db.cfg.SecretCheck)) != 1 {
		return &problem{"SECRET_KEY differs from the one with which this database's registrations were made.", devices.ErrWrongKey}
	}
	return nil
}

func (db *DB) readKey(ctx context.Context) (string, error) {
	var out string
	_, err := db.influxql(ctx, db.cfg.AuthBucket, "SELECT first("+influxqlIdent(keyField)+") FROM "+influxqlIdent(keyMeasurement), false,
		func(_ *qlSeries, row []json.RawMessage) error {
			out = qlString(row, 1)
			return nil
		})
	return out, err
}

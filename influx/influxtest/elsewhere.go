package influxtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/domain"

	"iotcenter/influx"
)

// External tells whether the tests run against an InfluxDB elsewhere.
func External() bool { return os.Getenv("TEST_INFLUX_URL") != "" }

// Elsewhere gives a place in the InfluxDB that TEST_INFLUX_URL names: an organisation of its own, in which nothing is,
// and a token with all access to it and to nothing else, as the app asks for. remove takes all of it away again.
func Elsewhere() (cfg influx.Config, remove func() error, err error) {
	if err := reach(); err != nil {
		return cfg, nil, err
	}
	cfg = influx.Config{
		URL: os.Getenv("TEST_INFLUX_URL"), Org: "test_" + strings.ToLower(rand.Text()[:10]),
		Bucket: "iot_center", AuthBucket: "iot_center_auth", Log: slog.New(slog.DiscardHandler),
	}
	c := operator()
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	org, err := c.OrganizationsAPI().CreateOrganizationWithName(ctx, cfg.Org)
	if err != nil {
		return cfg, nil, fmt.Errorf("an organisation for the test: %w", err)
	}
	me, err := c.UsersAPI().Me(ctx)
	if err != nil {
		return cfg, nil, errors.Join(fmt.Errorf("the user of TEST_INFLUX_TOKEN: %w", err), removeOrg(*org.Id))
	}
	auth, err := c.AuthorizationsAPI().CreateAuthorizationWithOrgID(ctx, *org.Id, AllAccess(*org.Id, *me.Id))
	if err != nil {
		return cfg, nil, errors.Join(fmt.Errorf("a token for the test: %w", err), removeOrg(*org.Id))
	}
	cfg.Token = *auth.Token
	return cfg, func() error { return removeOrg(*org.Id) }, nil
}

// AllAccess is what InfluxDB calls by that name, as far as the app has use for it. The user is the token's: who may not
// change it mints no tokens in its name.
func AllAccess(orgID, userID string) (out []domain.Permission) {
	for _, action := range []domain.PermissionAction{domain.PermissionActionRead, domain.PermissionActionWrite} {
		out = append(out,
			domain.Permission{Action: action, Resource: domain.Resource{Type: domain.ResourceTypeOrgs, Id: &orgID}},
			domain.Permission{Action: action, Resource: domain.Resource{Type: domain.ResourceTypeBuckets, OrgID: &orgID}},
			domain.Permission{Action: action, Resource: domain.Resource{Type: domain.ResourceTypeAuthorizations, OrgID: &orgID}},
			domain.Permission{Action: action, Resource: domain.Resource{Type: domain.ResourceTypeUsers, Id: &userID}},
		)
	}
	return out
}

// operator is the client with the token that TEST_INFLUX_TOKEN names: it may make and remove organisations.
func operator() influxdb2.Client {
	return client(influx.Config{URL: os.Getenv("TEST_INFLUX_URL"), Token: os.Getenv("TEST_INFLUX_TOKEN")})
}

// reach makes sure, once, that the InfluxDB answers and takes the token; a fresh one is set up by the app's own hand.
// All tests fail at once with what it finds.
var reach = sync.OnceValue(func() error {
	base := os.Getenv("TEST_INFLUX_URL")
	quick := &http.Client{Timeout: 5 * time.Second}
	resp, err := quick.Get(strings.TrimSuffix(base, "/") + "/health")
	if err != nil {
		return fmt.Errorf("TEST_INFLUX_URL: no InfluxDB answers there; start one, or unset the variable: %w", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("TEST_INFLUX_URL: %s is no healthy InfluxDB: /health answers %s", base, resp.Status)
	}
	c := operator()
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	if fresh, err := c.APIClient().GetSetup(ctx, &domain.GetSetupParams{}); err == nil && fresh.Allowed != nil && *fresh.Allowed {
		if err := setUp(ctx, base); err != nil {
			return fmt.Errorf("TEST_INFLUX_URL: the fresh InfluxDB cannot be set up: %w", err)
		}
	}
	if _, err := c.UsersAPI().Me(ctx); err != nil {
		return fmt.Errorf("TEST_INFLUX_TOKEN: the InfluxDB at TEST_INFLUX_URL refuses it: %w", err)
	}
	return nil
})

// setUp lets the app set up an InfluxDB that was never used, as it does for a person.
func setUp(ctx context.Context, base string) error {
	db, err := influx.New(influx.Config{
		URL: base, Token: os.Getenv("TEST_INFLUX_TOKEN"), Org: "iot_center", Bucket: "iot_center", AuthBucket: "iot_center_auth", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- db.Run(running) }()
	err = db.WaitReady(ctx)
	cancel()
	<-ended
	return err
}

// removeOrg removes the organisation with its buckets, which InfluxDB does itself, and its tokens, which it leaves.
func removeOrg(id string) error {
	c := operator()
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	list, err := c.AuthorizationsAPI().FindAuthorizationsByOrgID(ctx, id)
	if err != nil {
		return fmt.Errorf("list the test's tokens: %w", err)
	}
	var failed error
	for _, a := range *list {
		failed = errors.Join(failed, c.AuthorizationsAPI().DeleteAuthorization(ctx, &a))
	}
	return errors.Join(failed, c.OrganizationsAPI().DeleteOrganizationWithID(ctx, id))
}

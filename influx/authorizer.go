package influx

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/influxdata/influxdb-client-go/v2/domain"

	"iotcenter/devices"
	"iotcenter/telemetry"
)

// Mint makes an authorization that may write to the data bucket and do nothing else.
func (db *DB) Mint(ctx context.Context, id devices.ID) (devices.Authorization, error) {
	var out devices.Authorization
	err := db.op(ctx, "token_mint", db.timing.request, func(ctx context.Context) error {
		orgID, bucketID := db.ids()
		description, active := "IoT Center: "+string(id), domain.AuthorizationUpdateRequestStatusActive
		in := domain.AuthorizationPostRequest{
			AuthorizationUpdateRequest: domain.AuthorizationUpdateRequest{Description: &description, Status: &active},
			OrgID:                      &orgID,
			Permissions: &[]domain.Permission{{
				Action:   domain.PermissionActionWrite,
				Resource: domain.Resource{Type: domain.ResourceTypeBuckets, Id: &bucketID, OrgID: &orgID},
			}},
		}
		var made domain.Authorization
		if err := db.call(ctx, http.MethodPost, "api/v2/authorizations", nil, in, &made); err != nil {
			return err
		}
		if made.Id == nil || made.Token == nil || *made.Token == "" || *made.Token == "redacted" {
			return fmt.Errorf("%w: the new authorization has no token", errUnreadable)
		}
		out = devices.Authorization{Key: *made.Id, Token: *made.Token}
		return nil
	})
	return out, err
}

// Revoke deletes an authorization; one that is gone already is no error.
func (db *DB) Revoke(ctx context.Context, key string) error {
	if key == "" {
		return nil
	}
	return db.op(ctx, "token_revoke", db.timing.request, func(ctx context.Context) error {
		err := db.call(ctx, http.MethodDelete, authorizationPath(key), nil, nil, nil)
		if noSuchKey(err) {
			return nil
		}
		return err
	})
}

// Exists tells whether the authorization is still there and active.
func (db *DB) Exists(ctx context.Context, key string) (bool, error) {
	if key == "" {
		return false, nil
	}
	active := false
	err := db.op(ctx, "token_exists", db.timing.request, func(ctx context.Context) error {
		var found domain.Authorization
		err := db.call(ctx, http.MethodGet, authorizationPath(key), nil, nil, &found)
		if noSuchKey(err) {
			return nil
		}
		active = err == nil && (found.Status == nil || *found.Status == domain.AuthorizationUpdateRequestStatusActive)
		return err
	})
	return active, err
}

// SetActive switches an authorization on or off; one that is gone is no error.
func (db *DB) SetActive(ctx context.Context, key string, active bool) error {
	if key == "" {
		return nil
	}
	status := domain.AuthorizationUpdateRequestStatusInactive
	if active {
		status = domain.AuthorizationUpdateRequestStatusActive
	}
	return db.op(ctx, "token_switch", db.timing.request, func(ctx context.Context) error {
		in := domain.AuthorizationUpdateRequest{Status: &status}
		err := db.call(ctx, http.MethodPatch, authorizationPath(key), nil, in, nil)
		if noSuchKey(err) {
			return nil
		}
		return err
	})
}

func authorizationPath(key string) string { return "api/v2/authorizations/" + url.PathEscape(key) }

// noSuchKey: the authorization is not there, or the key is no id of this database at all.
func noSuchKey(err error) bool {
	return statusOf(err) == http.StatusNotFound || statusOf(err) == http.StatusBadRequest
}

var (
	_ devices.Authorizer    = (*DB)(nil)
	_ devices.RecordStore   = (*DB)(nil)
	_ devices.ActivityStore = (*DB)(nil)
	_ telemetry.Writer      = (*DB)(nil)
	_ telemetry.Reader      = (*DB)(nil)
	_ telemetry.BucketStore = (*DB)(nil)
)

package embedded_test

import (
	"testing"

	"github.com/influxdata/influxdb-client-go/v2/domain"
)

func TestUsersAndTheirTokens(t *testing.T) {
	s := fresh(t)
	c := client(s, rootToken)
	defer c.Close()
	ctx := t.Context()
	u, err := c.UsersAPI().CreateUserWithName(ctx, "second")
	if err != nil {
		t.Fatal(err)
	}
	org := orgID(t, s)
	var made struct{ ID, Token string }
	call(t, s, rootToken, "POST", "/api/v2/authorizations", map[string]any{"orgID": org, "userID": *u.Id, "permissions": []any{
		map[string]any{"action": "write", "resource": map[string]any{"type": "buckets"}}}}).want(t, 201).decode(t, &made)
	write(t, s, made.Token, "first", "m f=1").want(t, 204)

	inactive := domain.UserStatusInactive
	u.Status = &inactive
	if _, err := c.UsersAPI().UpdateUser(ctx, u); err != nil {
		t.Fatal(err)
	}
	write(t, s, made.Token, "first", "m f=1").wantError(t, 403, "forbidden", "inactive")
	call(t, s, made.Token, "PATCH", "/api/v2/users/"+*u.Id, map[string]string{"status": "active"}).wantError(t, 403, "forbidden", "inactive")
	active := domain.UserStatusActive
	u.Status = &active
	if _, err := c.UsersAPI().UpdateUser(ctx, u); err != nil {
		t.Fatal(err)
	}
	write(t, s, made.Token, "first", "m f=1").want(t, 204)
	call(t, s, made.Token, "DELETE", "/api/v2/users/"+*u.Id, nil).wantError(t, 401, "unauthorized", "")
	call(t, s, made.Token, "POST", "/api/v2/users", map[string]string{"name": "third"}).wantError(t, 401, "unauthorized", "")

	if err := c.UsersAPI().DeleteUser(ctx, u); err != nil {
		t.Fatal(err)
	}
	write(t, s, made.Token, "first", "m f=1").wantError(t, 401, "unauthorized", "")
	call(t, s, rootToken, "GET", "/api/v2/authorizations/"+made.ID, nil).wantError(t, 404, "not found", "")
	for body, code := range map[string]string{`{}`: "empty value", `{"name":" "}`: "invalid", `{"name":"x","status":"y"}`: "invalid", `[`: "invalid"} {
		call(t, s, rootToken, "POST", "/api/v2/users", body).wantError(t, 400, code, "")
	}
}

// TestMembersOutliveARestart: roles are in the file, and go with what they are about.
func TestMembersOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	setup(t, s)
	c := client(s, rootToken)
	defer c.Close()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	org, err := c.OrganizationsAPI().CreateOrganizationWithName(ctx, "second")
	must(err)
	u, err := c.UsersAPI().CreateUserWithName(ctx, "member")
	must(err)
	_, err = c.OrganizationsAPI().AddMember(ctx, org, u)
	must(err)
	if _, err := c.OrganizationsAPI().AddOwner(ctx, org, u); !isCode(err, "conflict") {
		t.Errorf("two roles in one organisation: %v", err)
	}
	bucket, err := c.BucketsAPI().CreateBucketWithName(ctx, org, "b")
	must(err)
	_, err = c.BucketsAPI().AddOwner(ctx, bucket, u)
	must(err)
	must(s.Close())

	s = open(t, dir)
	c = client(s, rootToken)
	count := func(path string) int {
		t.Helper()
		var page struct{ Users []struct{ Name, Role string } }
		call(t, s, rootToken, "GET", path, nil).want(t, 200).decode(t, &page)
		return len(page.Users)
	}
	orgPath, bucketPath := "/api/v2/orgs/"+*org.Id, "/api/v2/buckets/"+*bucket.Id
	for path, want := range map[string]int{orgPath + "/members": 1, orgPath + "/owners": 1, bucketPath + "/owners": 1, bucketPath + "/members": 0} {
		if got := count(path); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	// Removing a member takes no owner away, and removing nobody is no failure.
	call(t, s, rootToken, "DELETE", bucketPath+"/members/"+*u.Id, nil).want(t, 204)
	if count(bucketPath+"/owners") != 1 {
		t.Error("the owner went with the members")
	}
	must(c.UsersAPI().DeleteUser(ctx, u))
	if count(orgPath+"/members") != 0 || count(bucketPath+"/owners") != 0 {
		t.Error("a deleted user still has roles")
	}
	must(c.OrganizationsAPI().DeleteOrganization(ctx, org))
	call(t, s, rootToken, "GET", orgPath+"/owners", nil).wantError(t, 404, "not found", "")
}

package embedded_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/influxdata/influxdb-client-go/v2/domain"
)

func TestAuthorizationLifeCycle(t *testing.T) {
	s := fresh(t)
	bucketID := newBucket(t, s, "data")
	token, id := newToken(t, s, right{"read", bucketID}, right{"write", bucketID})
	if len(token) < 40 {
		t.Fatalf("token %q is no secret", token)
	}
	write(t, s, token, "data", "m f=1").want(t, 204)

	c := client(s, rootToken)
	defer c.Close()
	auths := c.AuthorizationsAPI()
	list, err := auths.GetAuthorizations(t.Context())
	if err != nil || len(*list) != 2 {
		t.Fatalf("list: %+v, %v", list, err)
	}
	for _, a := range *list {
		if a.Token != nil && *a.Token != "" {
			t.Errorf("the list shows a token: %q", *a.Token)
		}
	}
	a := (*list)[1]
	if *a.Id != id || *a.Org != orgName || *a.User != "root" || len(*a.Permissions) != 2 || a.CreatedAt == nil {
		t.Errorf("authorization %+v", a)
	}

	if _, err := auths.UpdateAuthorizationStatusWithID(t.Context(), id, domain.AuthorizationUpdateRequestStatusInactive); err != nil {
		t.Fatal(err)
	}
	write(t, s, token, "data", "m f=1").wantError(t, 401, "unauthorized", "inactive")
	if _, err := auths.UpdateAuthorizationStatusWithID(t.Context(), id, domain.AuthorizationUpdateRequestStatusActive); err != nil {
		t.Fatal(err)
	}
	write(t, s, token, "data", "m f=1").want(t, 204)

	call(t, s, rootToken, "PATCH", "/api/v2/authorizations/"+id, map[string]string{"description": "of a device"}).want(t, 200)
	var got struct{ Description, Status string }
	call(t, s, rootToken, "GET", "/api/v2/authorizations/"+id, nil).want(t, 200).decode(t, &got)
	if got.Description != "of a device" || got.Status != "active" {
		t.Errorf("after PATCH: %+v", got)
	}
	call(t, s, rootToken, "PATCH", "/api/v2/authorizations/"+id, map[string]string{"status": "asleep"}).wantError(t, 400, "invalid", "asleep")

	if err := auths.DeleteAuthorizationWithID(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	write(t, s, token, "data", "m f=1").wantError(t, 401, "unauthorized", "")
	if err := auths.DeleteAuthorizationWithID(t.Context(), id); !isCode(err, "not found") {
		t.Errorf("second delete: %v", err)
	}
	call(t, s, rootToken, "GET", "/api/v2/authorizations/"+id, nil).wantError(t, 404, "not found", "")
}

func TestAuthorizationFilters(t *testing.T) {
	s := fresh(t)
	bucketID := newBucket(t, s, "data")
	var ids []string
	var tokens []string
	for range 5 {
		token, id := newToken(t, s, right{"read", bucketID})
		ids, tokens = append(ids, id), append(tokens, token)
	}
	get := func(query string) (out []string) {
		t.Helper()
		var page struct {
			Authorizations []struct{ ID, UserID, OrgID string }
		}
		call(t, s, rootToken, "GET", "/api/v2/authorizations?"+query, nil).want(t, 200).decode(t, &page)
		for _, a := range page.Authorizations {
			out = append(out, a.ID)
		}
		return out
	}
	c := client(s, rootToken)
	defer c.Close()
	me, err := c.UsersAPI().Me(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		query string
		want  []string
	}{
		"page":      {"limit=2&offset=2", ids[1:3]},
		"after":     {"limit=2&after=" + ids[2], ids[3:5]},
		"by token":  {"token=" + tokens[3], ids[3:4]},
		"no token":  {"token=unknown", nil},
		"no user":   {"userID=0123456789abcdef", nil},
		"by user":   {"limit=1&offset=1&user=root", ids[:1]},
		"by userID": {"limit=1&offset=1&userID=" + *me.Id, ids[:1]},
		"by org":    {"limit=1&offset=1&org=" + orgName, ids[:1]},
		"by orgID":  {"limit=1&offset=1&orgID=" + orgID(t, s), ids[:1]},
	} {
		t.Run(name, func(t *testing.T) {
			if got := get(tc.query); fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	call(t, s, rootToken, "GET", "/api/v2/authorizations?user=nobody", nil).wantError(t, 404, "not found", "user")
	call(t, s, rootToken, "GET", "/api/v2/authorizations?org=nobody", nil).wantError(t, 404, "not found", "nobody")
}

func TestAuthorizationRules(t *testing.T) {
	s := fresh(t)
	org := orgID(t, s)
	a, b := newBucket(t, s, "a"), newBucket(t, s, "b")
	permission := func(action, kind, id string) map[string]any {
		return map[string]any{"action": action, "resource": map[string]any{"type": kind, "id": id, "orgID": org}}
	}
	minter := call(t, s, rootToken, "POST", "/api/v2/authorizations", map[string]any{"orgID": org, "permissions": []any{
		map[string]any{"action": "write", "resource": map[string]any{"type": "authorizations", "orgID": org}},
		permission("read", "buckets", a),
	}})
	var minted struct{ Token string }
	minter.want(t, 201).decode(t, &minted)

	for name, tc := range map[string]struct {
		token       string
		orgID       string
		permissions []any
		status      int
		code        string
	}{
		"what it has":         {minted.Token, org, []any{permission("read", "buckets", a)}, 201, ""},
		"another bucket":      {minted.Token, org, []any{permission("read", "buckets", b)}, 403, "forbidden"},
		"another action":      {minted.Token, org, []any{permission("write", "buckets", a)}, 403, "forbidden"},
		"all buckets":         {minted.Token, org, []any{permission("read", "buckets", "")}, 403, "forbidden"},
		"one of two":          {minted.Token, org, []any{permission("read", "buckets", a), permission("read", "orgs", org)}, 403, "forbidden"},
		"another org":         {minted.Token, "0123456789abcdef", []any{permission("read", "buckets", a)}, 401, "unauthorized"},
		"none":                {rootToken, org, nil, 400, "invalid"},
		"unknown action":      {rootToken, org, []any{permission("drop", "buckets", a)}, 400, "invalid"},
		"unknown type":        {rootToken, org, []any{permission("read", "cellars", a)}, 400, "invalid"},
		"bad id":              {rootToken, org, []any{permission("read", "buckets", "../x")}, 400, "invalid"},
		"missing org":         {rootToken, "", []any{permission("read", "buckets", a)}, 400, "invalid"},
		"org does not exist":  {rootToken, "0123456789abcdef", []any{permission("read", "buckets", a)}, 404, "not found"},
		"no token":            {"", org, []any{permission("read", "buckets", a)}, 401, "unauthorized"},
		"token of nobody":     {"nonsense", org, []any{permission("read", "buckets", a)}, 401, "unauthorized"},
		"a part of the token": {rootToken[:10], org, []any{permission("read", "buckets", a)}, 401, "unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(t, s, tc.token, "POST", "/api/v2/authorizations", map[string]any{"orgID": tc.orgID, "permissions": tc.permissions})
			if tc.status == 201 {
				r.want(t, 201)
				return
			}
			r.wantError(t, tc.status, tc.code, "")
		})
	}
}

// TestPermissions walks every route with tokens that may not use it.
func TestPermissions(t *testing.T) {
	s := fresh(t)
	org := orgID(t, s)
	a, b := newBucket(t, s, "a"), newBucket(t, s, "b")
	write(t, s, rootToken, "a", "m,tag=x f=1").want(t, 204)
	write(t, s, rootToken, "b", "m,tag=x f=1").want(t, 204)
	reader, readerID := newToken(t, s, right{"read", a})
	writer, _ := newToken(t, s, right{"write", a})
	both, _ := newToken(t, s, right{"read", a}, right{"write", a})
	readAll, _ := newToken(t, s, right{"read", ""})
	all, _ := newToken(t, s, right{"read", ""}, right{"write", ""})
	call(t, s, rootToken, "POST", "/api/v2/orgs", map[string]any{"name": "other"}).want(t, 201)
	everything := map[string]any{"start": "1970-01-01T00:00:00Z", "stop": "2100-01-01T00:00:00Z"}
	flux := func(bucket string) any {
		return map[string]any{"query": `from(bucket: "` + bucket + `") |> range(start: -1h)`}
	}

	for _, tc := range []struct {
		name, token, method, path string
		body                      any
		status                    int
		code                      string
	}{
		{"write with read", reader, "POST", "/api/v2/write?org=org&bucket=a", "m f=1", 403, "forbidden"},
		{"write elsewhere", both, "POST", "/api/v2/write?org=org&bucket=b", "m f=1", 403, "forbidden"},
		{"write elsewhere by id", both, "POST", "/api/v2/write?org=org&bucket=" + b, "m f=1", 403, "forbidden"},
		{"write", writer, "POST", "/api/v2/write?org=org&bucket=a", "m f=1", 204, ""},
		{"write by ids", writer, "POST", "/api/v2/write?orgID=" + org + "&bucket=" + a, "m f=1", 204, ""},
		{"write without org", writer, "POST", "/api/v2/write?bucket=a", "m f=1", 400, "invalid"},
		{"write, unknown org", writer, "POST", "/api/v2/write?org=x&bucket=a", "m f=1", 404, "not found"},
		{"write, no token", "", "POST", "/api/v2/write?org=org&bucket=a", "m f=1", 401, "unauthorized"},
		{"Flux with write", writer, "POST", "/api/v2/query?org=org", flux("a"), 403, "forbidden"},
		{"Flux with read", reader, "POST", "/api/v2/query?org=org", flux("a"), 403, "forbidden"},
		{"Flux with both of one bucket", both, "POST", "/api/v2/query?org=org", flux("a"), 403, "forbidden"},
		{"Flux with read of all buckets", readAll, "POST", "/api/v2/query?org=org", flux("a"), 403, "forbidden"},
		{"Flux that is none", reader, "POST", "/api/v2/query?org=org", flux(`"`), 403, "forbidden"},
		{"Flux with all buckets", all, "POST", "/api/v2/query?org=org", flux("a"), 200, ""},
		{"Flux elsewhere", all, "POST", "/api/v2/query?org=other", flux("a"), 403, "forbidden"},
		{"Flux, no token", "", "POST", "/api/v2/query?org=org", flux("a"), 401, "unauthorized"},
		{"delete with read", reader, "POST", "/api/v2/delete?org=org&bucket=a", everything, 403, "forbidden"},
		{"delete elsewhere", both, "POST", "/api/v2/delete?org=org&bucket=b", everything, 403, "forbidden"},
		{"InfluxQL", reader, "GET", "/query?db=a&q=SELECT+*+FROM+m", nil, 200, ""},
		{"InfluxQL with write", writer, "GET", "/query?db=a&q=SELECT+*+FROM+m", nil, 403, "forbidden"},
		{"InfluxQL elsewhere", reader, "GET", "/query?db=b&q=SELECT+*+FROM+m", nil, 403, "forbidden"},
		{"InfluxQL, no such bucket", reader, "GET", "/query?db=z&q=SELECT+*+FROM+m", nil, 403, "forbidden"},
		{"InfluxQL, no token", "", "GET", "/query?db=a&q=SELECT+*+FROM+m", nil, 401, "unauthorized"},
		{"make bucket", both, "POST", "/api/v2/buckets", map[string]any{"orgID": org, "name": "n"}, 401, "unauthorized"},
		{"see bucket", both, "GET", "/api/v2/buckets/" + a, nil, 200, ""},
		{"see other bucket", both, "GET", "/api/v2/buckets/" + b, nil, 401, "unauthorized"},
		{"see missing bucket", both, "GET", "/api/v2/buckets/0123456789abcdef", nil, 401, "unauthorized"},
		{"change bucket", reader, "PATCH", "/api/v2/buckets/" + a, map[string]any{"name": "n"}, 401, "unauthorized"},
		{"delete bucket", reader, "DELETE", "/api/v2/buckets/" + a, nil, 401, "unauthorized"},
		{"delete other bucket", both, "DELETE", "/api/v2/buckets/" + b, nil, 401, "unauthorized"},
		{"see authorization", both, "GET", "/api/v2/authorizations/" + readerID, nil, 401, "unauthorized"},
		{"see missing authorization", both, "GET", "/api/v2/authorizations/0123456789abcdef", nil, 401, "unauthorized"},
		{"change authorization", both, "PATCH", "/api/v2/authorizations/" + readerID, map[string]any{"status": "inactive"}, 401, "unauthorized"},
		{"delete authorization", both, "DELETE", "/api/v2/authorizations/" + readerID, nil, 401, "unauthorized"},
		{"make org", both, "POST", "/api/v2/orgs", map[string]any{"name": "n"}, 401, "unauthorized"},
		{"see org", both, "GET", "/api/v2/orgs/" + org, nil, 401, "unauthorized"},
		{"change org", both, "PATCH", "/api/v2/orgs/" + org, map[string]any{"name": "n"}, 401, "unauthorized"},
		{"delete org", both, "DELETE", "/api/v2/orgs/" + org, nil, 401, "unauthorized"},
		{"see other user", both, "GET", "/api/v2/users/0123456789abcdef", nil, 401, "unauthorized"},
		{"me", both, "GET", "/api/v2/me", nil, 200, ""},
		{"me, no token", "", "GET", "/api/v2/me", nil, 401, "unauthorized"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := call(t, s, tc.token, tc.method, tc.path, tc.body)
			if tc.code == "" {
				r.want(t, tc.status)
				return
			}
			r.wantError(t, tc.status, tc.code, "")
		})
	}
	for _, kind := range []string{"buckets", "authorizations", "orgs"} {
		r := call(t, s, both, "GET", "/api/v2/"+kind, nil).want(t, http.StatusOK)
		if strings.Contains(r.body, b) || strings.Contains(r.body, readerID) {
			t.Errorf("the list of %s shows what the token may not see: %s", kind, r.body)
		}
	}
	if got := values(t, s, rootToken, `from(bucket: "b") |> range(start: -1h)`); len(got) != 1 {
		t.Errorf("bucket b was changed: %v", got)
	}
}
